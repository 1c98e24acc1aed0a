//! Blocking: pairs of rows that are worth comparing, because they agree on a key.

use hashbrown::HashMap;

/// Rows grouped by one key (a column's value, a sound code, a combination of them).
#[derive(Debug, Clone)]
pub struct BlockingRule {
    /// Number of each row's block.
    block_of: Vec<Option<u32>>,
    /// Rows of each block, ascending; blocks in the order of their first rows.
    blocks: Vec<Vec<u32>>,
}

impl BlockingRule {
    /// Groups rows by their keys; a row without a key is in no block.
    pub fn new<K: std::hash::Hash + Eq>(keys: impl IntoIterator<Item = Option<K>>) -> Self {
        let mut numbers: HashMap<K, u32> = HashMap::new();
        let mut rule = Self { block_of: Vec::new(), blocks: Vec::new() };
        for (row, key) in (0_u32..).zip(keys) {
            let next = u32::try_from(rule.blocks.len()).unwrap_or(u32::MAX);
            let block = key.map(|key| *numbers.entry(key).or_insert(next));
            rule.block_of.push(block);
            let Some(block) = block else { continue };
            match rule.blocks.get_mut(block as usize) {
                Some(rows) => rows.push(row),
                None => rule.blocks.push(vec![row]),
            }
        }
        rule
    }

    /// Number of pairs within blocks of at most `largest` rows.
    pub fn pair_count(&self, largest: usize) -> u64 {
        let sizes = self.blocks.iter().map(|rows| rows.len() as u64);
        sizes.filter(|size| *size <= largest as u64).map(|size| size * (size - 1) / 2).sum()
    }

    /// Whether two rows are in one block of at most `largest` rows.
    fn joins(&self, left: u32, right: u32, largest: usize) -> bool {
        let block = |row: u32| self.block_of.get(row as usize).copied().flatten();
        block(left).is_some_and(|left| {
            block(right) == Some(left)
                && self.blocks.get(left as usize).is_some_and(|rows| rows.len() <= largest)
        })
    }
}

/// Calls `take` with each pair of rows (the earlier one first) that at least one rule puts into one block, once per
/// pair. Blocks of more than `largest` rows give no pairs: they cost most and tell least. Pairs come rule by rule,
/// block by block, in the order of rows.
pub fn candidate_pairs(rules: &[BlockingRule], largest: usize, mut take: impl FnMut(u32, u32)) {
    for (number, rule) in rules.iter().enumerate() {
        let earlier = rules.get(..number).unwrap_or_default();
        for rows in rule.blocks.iter().filter(|rows| rows.len() <= largest) {
            for (position, right) in rows.iter().enumerate() {
                for left in rows.iter().take(position) {
                    if !earlier.iter().any(|rule| rule.joins(*left, *right, largest)) {
                        take(*left, *right);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_without_a_key_are_in_no_pair() {
        let rule = BlockingRule::new([None, Some("a"), None, Some("b"), Some("a")]);
        assert_eq!(rule.pair_count(usize::MAX), 1);
        let mut pairs = Vec::new();
        candidate_pairs(&[rule.clone(), rule], usize::MAX, |left, right| pairs.push((left, right)));
        assert_eq!(pairs, [(1, 4)]);
    }

    proptest! {
        #[test]
        fn equals_looking_at_all_pairs(
            keys in prop::collection::vec([prop::option::of(0_u8..4), prop::option::of(0_u8..9)], 0..30),
            largest in 0_usize..6,
        ) {
            let rules: Vec<_> = (0..2).map(|rule| BlockingRule::new(keys.iter().map(|keys| keys[rule]))).collect();
            let size = |rule: usize, key: u8| keys.iter().filter(|keys| keys[rule] == Some(key)).count();
            let agree = |rule: usize, left: usize, right: usize| keys[left][rule].is_some_and(|key| keys[right][rule] == Some(key) && size(rule, key) <= largest);
            let mut slow = Vec::new();
            for right in 0..keys.len() {
                for left in 0..right {
                    if agree(0, left, right) || agree(1, left, right) {
                        slow.push((left as u32, right as u32));
                    }
                }
            }
            let mut pairs = Vec::new();
            candidate_pairs(&rules, largest, |left, right| pairs.push((left, right)));
            pairs.sort_unstable_by_key(|(left, right)| (*right, *left));
            prop_assert_eq!(pairs, slow);
            let counted = (0..2).map(|rule| rules[rule].pair_count(largest)).sum::<u64>();
            prop_assert!(counted >= slow_len(&keys, &agree));
        }
    }

    fn slow_len(keys: &[[Option<u8>; 2]], agree: &dyn Fn(usize, usize, usize) -> bool) -> u64 {
        let pairs = (0..keys.len()).flat_map(|right| (0..right).map(move |left| (left, right)));
        pairs.filter(|(left, right)| agree(0, *left, *right) || agree(1, *left, *right)).count() as u64
    }
}
