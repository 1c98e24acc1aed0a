//! Two texts compared: one prepared as bits per character, the other read once. Lengths are in Unicode scalar
//! values; nothing is folded or trimmed here.
//!
//! Each step handles 64 characters of the prepared text at a time (Hyyrö 2004 for the common subsequence, Myers 1999
//! for edits), so that a comparison of two names costs some ten machine instructions per character.

use hashbrown::HashMap;

/// Characters that have a place of their own in the table of bits.
const DIRECT: usize = 128;
/// Bits of a word.
const WORD: usize = 64;
/// Common first characters that Jaro-Winkler rewards, and by how much each.
const PREFIX: usize = 4;
const PREFIX_WEIGHT: f64 = 0.1;
/// Jaro similarity above which the common beginning counts.
const PREFIX_FROM: f64 = 0.7;

/// A text prepared for being compared with many.
#[derive(Debug, Clone)]
pub struct Pattern {
    characters: Vec<char>,
    /// 64 characters each: where every one of the direct characters occurs.
    direct: Vec<[u64; DIRECT]>,
    /// The same for the other characters, one number per 64 characters.
    others: HashMap<char, Vec<u64>>,
}

impl Pattern {
    /// Prepares a text.
    pub fn new(characters: Vec<char>) -> Self {
        let words = characters.len().div_ceil(WORD);
        let mut direct = vec![[0; DIRECT]; words];
        let mut others: HashMap<char, Vec<u64>> = HashMap::new();
        for (position, character) in characters.iter().enumerate() {
            let (word, bit) = (position / WORD, 1 << (position % WORD));
            let place = match direct.get_mut(word).and_then(|table| table.get_mut(*character as usize)) {
                Some(place) => place,
                None => match others.entry(*character).or_insert_with(|| vec![0; words]).get_mut(word) {
                    Some(place) => place,
                    None => continue,
                },
            };
            *place |= bit;
        }
        Self { characters, direct, others }
    }

    /// The text.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// Where a character occurs among the 64 that belong to a word.
    fn bits(&self, word: usize, character: char) -> u64 {
        if (character as usize) < DIRECT {
            let table = self.direct.get(word);
            return table.and_then(|table| table.get(character as usize)).copied().unwrap_or_default();
        }
        let words = self.others.get(&character);
        words.and_then(|words| words.get(word)).copied().unwrap_or_default()
    }

    /// Length of the longest common subsequence.
    pub fn common_subsequence(&self, other: &[char]) -> usize {
        let mut free = vec![u64::MAX; self.direct.len()];
        if let [free] = free.as_mut_slice() {
            for character in other {
                let found = *free & self.bits(0, *character);
                *free = free.wrapping_add(found) | (*free - found);
            }
        } else {
            for character in other {
                let mut carry = false;
                for (word, free) in free.iter_mut().enumerate() {
                    let found = *free & self.bits(word, *character);
                    let (sum, first) = free.overflowing_add(found);
                    let (sum, second) = sum.overflowing_add(u64::from(carry));
                    *free = sum | (*free - found);
                    carry = first || second;
                }
            }
        }
        free.iter().map(|free| free.count_zeros() as usize).sum()
    }

    /// 0 to 100: `100 * (1 - d / (len a + len b))` where d counts insertions and deletions; 100 for two empty texts.
    /// What rapidfuzz calls `fuzz.ratio` (golden-record-builder.md 4.3).
    pub fn ratio(&self, other: &[char]) -> f64 {
        let total = self.characters.len() + other.len();
        if total == 0 {
            return 100.0;
        }
        let edits = total - 2 * self.common_subsequence(other);
        (1.0 - edits as f64 / total as f64) * 100.0
    }

    /// Least number of insertions, deletions and substitutions that make one text of the other.
    pub fn levenshtein(&self, other: &[char]) -> usize {
        let Some(last_bit) = self.characters.len().checked_sub(1).map(|last| 1_u64 << (last % WORD)) else {
            return other.len();
        };
        let last_word = self.direct.len() - 1;
        // Whether the distance grows or falls from one character of the prepared text to the next.
        let mut vertical = vec![(u64::MAX, 0_u64); self.direct.len()];
        let mut distance = self.characters.len();
        for character in other {
            let (mut grows_in, mut falls_in) = (1, 0);
            for (word, (grows, falls)) in vertical.iter_mut().enumerate() {
                let found = self.bits(word, *character) | falls_in;
                let same = ((found & *grows).wrapping_add(*grows) ^ *grows) | found | *falls;
                let across_grows = *falls | !(same | *grows);
                let across_falls = same & *grows;
                if word == last_word {
                    distance += usize::from(across_grows & last_bit != 0);
                    distance -= usize::from(across_falls & last_bit != 0);
                }
                let (grown, fallen) = (across_grows << 1 | grows_in, across_falls << 1 | falls_in);
                (grows_in, falls_in) = (across_grows >> (WORD - 1), across_falls >> (WORD - 1));
                *grows = fallen | !(same | grown);
                *falls = grown & same;
            }
        }
        distance
    }

    /// 0 to 1: Jaro-Winkler with prefix weight 0.1, at most 4 characters, from a Jaro similarity above 0.7 on. Two
    /// empty texts are equal (1), an empty and another one have nothing in common (0).
    pub fn jaro_winkler(&self, other: &[char]) -> f64 {
        let jaro = self.jaro(other);
        if jaro <= PREFIX_FROM {
            return jaro;
        }
        let prefix = self.characters.iter().zip(other).take(PREFIX).take_while(|(left, right)| left == right);
        jaro + prefix.count() as f64 * PREFIX_WEIGHT * (1.0 - jaro)
    }

    fn jaro(&self, other: &[char]) -> f64 {
        let lengths = [self.characters.len(), other.len()];
        match lengths {
            [0, 0] => return 1.0,
            [0, _] | [_, 0] => return 0.0,
            _ => {}
        }
        let window = (lengths.into_iter().max().unwrap_or_default() / 2).saturating_sub(1);
        let (matches, swapped) = if self.direct.len() == 1 {
            self.matches_in_a_word(other, window)
        } else {
            self.matches(other, window)
        };
        if matches == 0 {
            return 0.0;
        }
        let matched = matches as f64;
        let [own, others] = lengths.map(|length| matched / length as f64);
        (own + others + (matches - swapped / 2) as f64 / matched) / 3.0
    }

    /// Characters in common within the window, and how many of them stand in another order.
    fn matches_in_a_word(&self, other: &[char], window: usize) -> (usize, usize) {
        let mut taken = 0_u64;
        let mut matched = Vec::with_capacity(other.len().min(WORD));
        for (position, character) in other.iter().enumerate() {
            let lowest = position.saturating_sub(window);
            if lowest >= WORD {
                break;
            }
            let beyond = position + window + 1;
            let below = if beyond >= WORD { u64::MAX } else { (1 << beyond) - 1 };
            let candidates = self.bits(0, *character) & below & (u64::MAX << lowest) & !taken;
            if candidates != 0 {
                // The first of them.
                taken |= candidates & candidates.wrapping_neg();
                matched.push(*character);
            }
        }
        let own = self.characters.iter().enumerate().filter(|(position, _)| taken >> position & 1 == 1);
        let swapped = own.zip(&matched).filter(|((_, own), other)| own != other).count();
        (matched.len(), swapped)
    }

    /// The same for texts of any length.
    fn matches(&self, other: &[char], window: usize) -> (usize, usize) {
        let mut taken = vec![false; self.characters.len()];
        let mut matched = Vec::new();
        for (position, character) in other.iter().enumerate() {
            let lowest = position.saturating_sub(window);
            let near = self.characters.iter().zip(&mut taken).take(position + window + 1).skip(lowest);
            if let Some((_, taken)) = near.into_iter().find(|(own, taken)| !**taken && *own == character) {
                *taken = true;
                matched.push(*character);
            }
        }
        let own = self.characters.iter().zip(&taken).filter(|(_, taken)| **taken);
        let swapped = own.zip(&matched).filter(|((own, _), other)| own != other).count();
        (matched.len(), swapped)
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::new(text.chars().collect())
    }
}

/// [`Pattern::ratio`] of two texts.
pub fn ratio(left: &str, right: &str) -> f64 {
    Pattern::from(left).ratio(&characters(right))
}

/// The ratio of both texts with their words in the order of their code points, joined by one blank.
pub fn token_sort_ratio(left: &str, right: &str) -> f64 {
    ratio(&sorted_words(left), &sorted_words(right))
}

/// [`Pattern::levenshtein`] of two texts.
pub fn levenshtein(left: &str, right: &str) -> usize {
    Pattern::from(left).levenshtein(&characters(right))
}

/// [`Pattern::jaro_winkler`] of two texts.
pub fn jaro_winkler(left: &str, right: &str) -> f64 {
    Pattern::from(left).jaro_winkler(&characters(right))
}

fn characters(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// The words of a text in the order of their code points, joined by one blank.
pub(crate) fn sorted_words(text: &str) -> String {
    let mut words: Vec<&str> = text.split(is_blank).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

/// White space as Python's text functions know it: Unicode's and the four separators of ASCII.
pub(crate) fn is_blank(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

#[cfg(test)]
mod tests;
