//! The distinct values of a column, found in one pass with a hash table: how often each occurs and where first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, Hash};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::column::Cells;

/// One distinct value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The first row that holds it.
    pub first_row: u32,
    /// How many rows hold it.
    pub count: u32,
}

/// The distinct values of a column. All NaN are one value and both zeros are one value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Distinct {
    groups: Vec<Group>,
    null: Option<Group>,
}

impl Distinct {
    pub(super) fn of(cells: &Cells) -> Self {
        match cells {
            Cells::Integer(cells) => Self::grouped(cells.iter(), cells.len()),
            Cells::Float(cells) => Self::grouped(cells.iter().map(|cell| cell.map(bits)), cells.len()),
            Cells::Boolean(cells) => Self::grouped(cells.iter(), cells.len()),
            Cells::Text(cells) => Self::grouped(cells.iter(), cells.len()),
            Cells::BigInteger(cells) => Self::grouped(cells.iter(), cells.len()),
        }
    }

    /// The distinct values that are not null, in order of first appearance.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = Group> + Clone + '_ {
        self.groups.iter().copied()
    }

    /// The rows without a value, if there are any.
    pub fn null(&self) -> Option<Group> {
        self.null
    }

    /// The first of the most frequent values, null aside.
    pub fn mode(&self) -> Option<Group> {
        self.groups().reduce(|most, group| if group.count > most.count { group } else { most })
    }

    /// Number of distinct values; null counts as one more.
    pub fn count_with_null(&self) -> usize {
        self.groups.len() + usize::from(self.null.is_some())
    }

    /// Number of rows whose value occurs more than once; all nulls are one value.
    pub fn repeated_count(&self) -> usize {
        let repeated = self.groups().chain(self.null).filter(|group| group.count > 1);
        repeated.map(|group| group.count as usize).sum()
    }

    /// Rows whose value occurs more than once, ascending; all nulls are one value.
    pub fn repeated_rows(&self) -> impl Iterator<Item = usize> + '_ {
        let height: usize = self.groups().chain(self.null).map(|group| group.count as usize).sum();
        let mut groups = self.groups().peekable();
        // A row that is not the first of its value repeats an earlier one; the first rows come in their order.
        (0..height).filter(move |row| {
            let starts_here = |group: &Group| group.first_row as usize == *row;
            let first = groups.next_if(starts_here).or_else(|| self.null.filter(starts_here));
            first.is_none_or(|group| group.count > 1)
        })
    }

    /// The `n` most frequent values, null included: by count descending, ties by first appearance.
    pub fn most_frequent(&self, n: usize) -> Vec<Group> {
        // A heap of the n best so far; its top is the one to give way. Most values of a long tail are turned away
        // by one comparison.
        let mut best: BinaryHeap<Reverse<(u32, Reverse<u32>)>> = BinaryHeap::new();
        for group in self.groups().chain(self.null) {
            let candidate = (group.count, Reverse(group.first_row));
            if best.len() < n {
                best.push(Reverse(candidate));
            } else if best.peek().is_some_and(|worst| worst.0 < candidate) {
                best.pop();
                best.push(Reverse(candidate));
            }
        }
        let sorted = best.into_sorted_vec().into_iter();
        sorted.map(|Reverse((count, Reverse(first_row)))| Group { first_row, count }).collect()
    }

    fn grouped<T: Copy + Eq + Hash>(cells: impl Iterator<Item = Option<T>>, height: usize) -> Self {
        Self::grouped_telling(cells, height, |_| ())
    }

    /// As [`Self::grouped`]; `tell` is told the position of each row's group, `None` for null.
    pub(super) fn grouped_telling<T: Copy + Eq + Hash>(
        cells: impl Iterator<Item = Option<T>>,
        height: usize,
        mut tell: impl FnMut(Option<u32>),
    ) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut found = Self::default();
        let mut values: Vec<T> = Vec::new();
        // Entries are small, half a hash and a group: a column of distinct values stays in the caches longer, and
        // growing the table reads no value again.
        let mut table: HashTable<(u32, u32)> = HashTable::new();
        for (row, cell) in cells.enumerate() {
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            let Some(value) = cell else {
                found.null.get_or_insert(Group { first_row: row, count: 0 }).count += 1;
                tell(None);
                continue;
            };
            let half = hasher.hash_one(value) as u32;
            let same = |entry: &(u32, u32)| entry.0 == half && values.get(entry.1 as usize) == Some(&value);
            match table.entry(spread(half), same, |entry| spread(entry.0)) {
                Entry::Occupied(entry) => {
                    let position = entry.get().1;
                    if let Some(group) = found.groups.get_mut(position as usize) {
                        group.count += 1;
                    }
                    tell(Some(position));
                }
                Entry::Vacant(entry) => {
                    let position = values.len();
                    entry.insert((half, u32::try_from(position).unwrap_or(u32::MAX)));
                    values.push(value);
                    found.groups.push(Group { first_row: row, count: 1 });
                    tell(u32::try_from(position).ok());
                    if position == SAMPLE {
                        let expected = expected_groups(row as usize, height);
                        table.reserve(expected, |entry| spread(entry.0));
                        values.reserve(expected);
                        found.groups.reserve(expected);
                    }
                }
            }
        }
        found
    }
}

/// Half a hash as a whole one: the table uses its highest and its lowest bits.
fn spread(half: u32) -> u64 {
    u64::from(half).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Distinct values after which the table is given the size that it will probably need.
const SAMPLE: usize = 4096;

/// Distinct values to expect in all, if the rest of the column is like its beginning.
fn expected_groups(rows_seen: usize, height: usize) -> usize {
    (height.saturating_mul(SAMPLE) / rows_seen.max(1)).min(height)
}

/// A float as bits, so that equal values (and all NaN) have equal bits.
pub(super) fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(distinct: &Distinct) -> Vec<(u32, u32)> {
        distinct.groups().map(|group| (group.first_row, group.count)).collect()
    }

    #[test]
    fn values_are_counted_in_order_of_first_appearance() {
        let cells = [Some("b"), None, Some("a"), Some("b"), None, Some("")];
        let distinct = Distinct::grouped(cells.into_iter(), cells.len());
        assert_eq!(groups(&distinct), [(0, 2), (2, 1), (5, 1)]);
        assert_eq!(distinct.null(), Some(Group { first_row: 1, count: 2 }));
        assert_eq!(distinct.count_with_null(), 4);
        let most = distinct.most_frequent(3);
        assert_eq!(most.iter().map(|group| group.first_row).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(distinct.most_frequent(0).is_empty());
    }

    #[test]
    fn nan_is_one_value_and_zero_is_one_value() {
        let values = [f64::NAN, -f64::NAN, 0.0, -0.0, 1.0];
        let distinct = Distinct::grouped(values.into_iter().map(|value| Some(bits(value))), values.len());
        assert_eq!(groups(&distinct), [(0, 2), (2, 2), (4, 1)]);
    }

    #[test]
    fn many_values_grow_the_table() {
        let distinct = Distinct::grouped((0..100_000_u64).map(|value| Some(value % 30_000)), 100_000);
        assert_eq!(distinct.count_with_null(), 30_000);
        assert_eq!(groups(&distinct).first(), Some(&(0, 4)));
        assert_eq!(groups(&distinct).last(), Some(&(29_999, 3)));
    }

    proptest! {
        #[test]
        fn equals_counting_by_hand(cells in prop::collection::vec(prop::option::of(0_i64..12), 0..200), n in 0_usize..15) {
            let distinct = Distinct::grouped(cells.iter().copied(), cells.len());
            let mut slow: Vec<(Option<i64>, u32, u32)> = Vec::new();
            for (row, cell) in cells.iter().enumerate() {
                match slow.iter_mut().find(|(value, ..)| value == cell) {
                    Some((_, _, count)) => *count += 1,
                    None => slow.push((*cell, row as u32, 1)),
                }
            }
            prop_assert_eq!(distinct.count_with_null(), slow.len());
            let values: Vec<_> = slow.iter().filter(|(value, ..)| value.is_some()).map(|(_, row, count)| (*row, *count)).collect();
            prop_assert_eq!(groups(&distinct), values);
            let occurs_again = |cell: &Option<i64>| cells.iter().filter(|other| *other == cell).count() > 1;
            let repeated: Vec<usize> = (0..cells.len()).filter(|row| occurs_again(&cells[*row])).collect();
            prop_assert_eq!(distinct.repeated_count(), repeated.len());
            prop_assert_eq!(distinct.repeated_rows().collect::<Vec<_>>(), repeated);
            slow.sort_by_key(|(_, row, count)| (Reverse(*count), *row));
            let most: Vec<_> = distinct.most_frequent(n).iter().map(|group| (group.first_row, group.count)).collect();
            let expected: Vec<_> = slow.iter().take(n).map(|(_, row, count)| (*row, *count)).collect();
            prop_assert_eq!(most, expected);
        }
    }
}
