//! Words that stand for a missing value.

use polars::prelude::StringChunked;

/// The words, in exactly this case (null-handler, section 4).
const NULL_WORDS: [&str; 15] = [
    "NULL",
    "null",
    "NaN",
    "nan",
    "None",
    "none",
    "N/A",
    "n/a",
    "",
    "?",
    "-",
    "missing",
    "MISSING",
    "undefined",
    "UNDEFINED",
];

/// The cells with null in place of every text that is a null word once trimmed; `None` when there is no such text.
pub fn without_null_words(cells: &StringChunked) -> Option<StringChunked> {
    // Most columns have none: looking costs less than building them anew.
    cells.iter().flatten().any(is_null_word).then(|| {
        let kept = cells.iter().map(|cell| cell.filter(|text| !is_null_word(text)));
        let mut kept: StringChunked = kept.collect();
        kept.rename(cells.name().clone());
        kept
    })
}

fn is_null_word(text: &str) -> bool {
    let word = text.trim();
    word.len() <= 9 && NULL_WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_their_case_and_without_the_space_around_them() {
        for word in ["NULL", "nan", "  N/A ", "\u{3000}?", "-", "", "   ", "UNDEFINED"] {
            assert!(is_null_word(word), "{word:?}");
        }
        for word in ["Null", "N/a", "NA", "--", "nulls", "\u{200b}", "0", "Missing"] {
            assert!(!is_null_word(word), "{word:?}");
        }
    }

    #[test]
    fn other_cells_keep_their_spaces() {
        let cells = StringChunked::from_iter([Some(" a "), None, Some(" none")]);
        let kept = without_null_words(&cells).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [Some(" a "), None, None]);
        assert!(without_null_words(&kept).is_none());
    }
}
