//! Texts in one form: white space and case (field-standardization, section 4). White space and letters are those of
//! Unicode.

use std::borrow::Cow;

/// The text with one blank in the place of every run of white space.
pub fn single_spaced(text: &str) -> Cow<'_, str> {
    let mut before = None;
    let is_single = text.chars().all(|letter| {
        let fits = !letter.is_whitespace() || letter == ' ' && before != Some(' ');
        before = Some(letter);
        fits
    });
    if is_single {
        return text.into();
    }
    let mut single = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter.is_whitespace() {
            true if single.ends_with(' ') => {}
            true => single.push(' '),
            false => single.push(letter),
        }
    }
    single.into()
}

/// Whether there is white space at an end, or two blanks in a row.
pub fn has_stray_spaces(text: &str) -> bool {
    text.trim().len() != text.len() || text.contains("  ")
}

/// The text in lower case.
pub fn lower(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        text.to_lowercase().into()
    } else if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text.to_ascii_lowercase().into()
    } else {
        text.into()
    }
}

/// What becomes of the case of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// All letters small.
    Lower,
    /// All letters large.
    Upper,
    /// The first letter of each run of letters large, the others small.
    Title,
    /// As it is.
    Keep,
}

impl Case {
    /// The case of a name as clients send it: `lowercase`, `uppercase`, `titlecase`; any other keeps the case.
    pub fn named(name: &str) -> Self {
        match name {
            "lowercase" => Self::Lower,
            "uppercase" => Self::Upper,
            "titlecase" => Self::Title,
            _ => Self::Keep,
        }
    }

    /// The text in this case.
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Keep => text.into(),
            Self::Lower => lower(text),
            Self::Upper if text.is_ascii() => {
                if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
                    text.to_ascii_uppercase().into()
                } else {
                    text.into()
                }
            }
            Self::Upper => text.to_uppercase().into(),
            Self::Title => title(text).into(),
        }
    }
}

fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut is_inside = false;
    // In lower case first: which form a final sigma has depends on the whole text.
    for letter in lower(text).chars() {
        if is_inside || letter.is_ascii() && !letter.is_ascii_lowercase() {
            titled.push(letter);
        } else if letter.is_ascii() {
            titled.push(letter.to_ascii_uppercase());
        } else {
            push_title(&mut titled, letter);
        }
        is_inside = letter.is_alphabetic();
    }
    titled
}

/// Writes the title case of a small letter, by Unicode's full mapping: where it is not the upper case, it is a
/// letter of its own, or the upper case of the first of several letters.
fn push_title(titled: &mut String, letter: char) {
    const IOTA_BELOW: char = '\u{345}';
    let own = match letter {
        // Georgian has no title case.
        '\u{10d0}'..='\u{10ff}' => Some(letter),
        '\u{1c6}' => Some('\u{1c5}'),
        '\u{1c9}' => Some('\u{1c8}'),
        '\u{1cc}' => Some('\u{1cb}'),
        '\u{1f3}' => Some('\u{1f2}'),
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(letter) + 8)
        }
        '\u{1fb3}' => Some('\u{1fbc}'),
        '\u{1fc3}' => Some('\u{1fcc}'),
        '\u{1ff3}' => Some('\u{1ffc}'),
        _ => None,
    };
    if let Some(own) = own {
        titled.push(own);
        return;
    }
    let has_iota_below = matches!(
        letter,
        '\u{1fb2}'
            | '\u{1fb4}'
            | '\u{1fb7}'
            | '\u{1fc2}'
            | '\u{1fc4}'
            | '\u{1fc7}'
            | '\u{1ff2}'
            | '\u{1ff4}'
            | '\u{1ff7}'
    );
    let mut upper = letter.to_uppercase();
    titled.extend(upper.next());
    for other in upper {
        match other {
            '\u{399}' if has_iota_below => titled.push(IOTA_BELOW),
            // The apostrophe before it is no letter.
            'N' if letter == '\u{149}' => titled.push('N'),
            other => titled.extend(other.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn title_case_begins_behind_anything_that_is_no_letter() {
        for (text, titled) in [
            ("it's", "It'S"),
            ("ab3cd", "Ab3Cd"),
            ("_x-Y z", "_X-Y Z"),
            ("JOSÉ o’neil", "José O’Neil"),
            ("中a", "中a"),
            ("ΑΣΑ ΑΣ", "Ασα Ας"),
            ("e\u{301}a", "E\u{301}A"),
            ("", ""),
        ] {
            assert_eq!(Case::Title.apply(text), titled, "{text}");
        }
    }

    #[test]
    fn title_case_is_not_always_upper_case() {
        for (letter, titled) in [
            ("ß", "Ss"),
            ("ẞ", "Ss"),
            ("ﬃ", "Ffi"),
            ("և", "Եւ"),
            ("Ǆ", "ǅ"),
            ("ა", "ა"),
            ("ŉ", "ʼN"),
            ("ǰ", "J\u{30c}"),
            ("ᾄ", "ᾌ"),
            ("ῳ", "ῼ"),
            ("\u{1fb7}", "\u{391}\u{342}\u{345}"),
            ("ᾲ", "\u{1fba}\u{345}"),
        ] {
            assert_eq!(Case::Title.apply(letter), titled, "{letter}");
        }
    }

    #[test]
    fn strategies_have_names() {
        for (name, changed) in
            [("lowercase", "éx"), ("uppercase", "ÉX"), ("titlecase", "Éx"), ("none", "éX"), ("", "éX")]
        {
            assert_eq!(Case::named(name).apply("éX"), changed, "{name}");
        }
    }

    #[test]
    fn which_white_space_counts() {
        assert_eq!(single_spaced("\u{a0}a \t b\u{3000}\n"), " a b ");
        assert_eq!(single_spaced("a\u{200b}b"), "a\u{200b}b");
        for (text, stray) in [
            (" a", true),
            ("a\u{3000}", true),
            ("a  b", true),
            ("a \t b", false),
            ("a b", false),
            ("", false),
        ] {
            assert_eq!(has_stray_spaces(text), stray, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn spaces_are_those_of_the_pattern(text in "[a \t\u{a0}\u{3000}\n]{0,12}") {
            let pattern = Regex::new(r"\s+").unwrap();
            prop_assert_eq!(single_spaced(&text), pattern.replace_all(&text, " "));
        }

        #[test]
        fn cases_are_those_of_the_standard_library(text in "\\PC{0,12}") {
            prop_assert_eq!(lower(&text), text.to_lowercase());
            prop_assert_eq!(Case::Upper.apply(&text), text.to_uppercase());
        }
    }
}
