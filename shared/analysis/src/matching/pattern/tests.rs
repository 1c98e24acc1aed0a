//! Against tables of all prefixes, and against figures of rapidfuzz 3.14 and jellyfish 1.3 (`reference.json`, one
//! pair a line: both texts, ratio, token sort ratio, Jaro-Winkler, Levenshtein distance, Metaphone of the first).

use super::*;
use crate::matching::metaphone;
use proptest::prelude::*;

/// Length of the longest common subsequence and number of edits, from those of all prefixes.
fn by_table(left: &[char], right: &[char]) -> (usize, usize) {
    let mut common = vec![vec![0; right.len() + 1]; left.len() + 1];
    let mut edits = vec![vec![0; right.len() + 1]; left.len() + 1];
    for row in 0..=left.len() {
        for column in 0..=right.len() {
            if row == 0 || column == 0 {
                edits[row][column] = row + column;
                continue;
            }
            let same = left[row - 1] == right[column - 1];
            common[row][column] = if same {
                common[row - 1][column - 1] + 1
            } else {
                common[row - 1][column].max(common[row][column - 1])
            };
            let changed = edits[row - 1][column - 1] + usize::from(!same);
            edits[row][column] = changed.min(edits[row - 1][column] + 1).min(edits[row][column - 1] + 1);
        }
    }
    (common[left.len()][right.len()], edits[left.len()][right.len()])
}

#[test]
fn figures_are_those_of_the_reference() {
    let reference: Vec<(String, String, f64, f64, f64, usize, String)> =
        serde_json::from_str(include_str!("../reference.json")).unwrap();
    assert!(reference.len() > 300);
    for (left, right, whole, sorted, names, edits, code) in reference {
        assert_eq!(ratio(&left, &right), whole, "{left:?} {right:?}");
        assert_eq!(token_sort_ratio(&left, &right), sorted, "{left:?} {right:?}");
        assert_eq!(jaro_winkler(&left, &right), names, "{left:?} {right:?}");
        assert_eq!(levenshtein(&left, &right), edits, "{left:?} {right:?}");
        assert_eq!(metaphone(&left), code, "{left:?}");
    }
}

#[test]
fn empty_texts() {
    assert_eq!((ratio("", ""), ratio("a", ""), token_sort_ratio(" ", "")), (100.0, 0.0, 100.0));
    assert_eq!((jaro_winkler("", ""), jaro_winkler("a", ""), jaro_winkler("", "a")), (1.0, 0.0, 0.0));
    assert_eq!((levenshtein("", "ab"), levenshtein("ab", ""), levenshtein("", "")), (2, 2, 0));
}

proptest! {
    /// Texts around the length of a word of bits, too.
    #[test]
    fn equals_the_tables(left in "[abcé]{0,12}|[ab]{60,70}|[abé]{120,200}", right in "[abcé]{0,12}|[ab]{60,70}|[abé]{120,200}") {
        let characters: Vec<char> = right.chars().collect();
        let pattern = Pattern::from(left.as_str());
        let (common, edits) = by_table(pattern.characters(), &characters);
        prop_assert_eq!(pattern.common_subsequence(&characters), common);
        prop_assert_eq!(pattern.levenshtein(&characters), edits);
        prop_assert_eq!(ratio(&left, &right), ratio(&right, &left));
    }

    /// A word of bits finds the matches that looking for them one by one finds.
    #[test]
    fn matches_are_found_either_way(left in "[abc]{1,64}", right in "[abcd]{1,90}") {
        let characters: Vec<char> = right.chars().collect();
        let pattern = Pattern::from(left.as_str());
        for window in [0, 1, 5, 31, 63, 64, 90] {
            prop_assert_eq!(pattern.matches_in_a_word(&characters, window), pattern.matches(&characters, window));
        }
    }
}
