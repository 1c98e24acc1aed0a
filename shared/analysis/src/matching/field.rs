//! What kind of value a column holds, its normal form, and how alike two values are (golden-record-builder.md 4.3).

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::metaphone::metaphone;
use super::pattern::{Pattern, is_blank, sorted_words};

/// How the values of a column are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// By ratio.
    Email,
    /// By ratio of the digits.
    Phone,
    /// By Jaro-Winkler and sound.
    Name,
    /// By ratio of the sorted words, words for roads aside.
    Address,
    /// By ratio.
    Date,
    /// Equal or not.
    Zip,
    /// By ratio.
    Text,
}

/// Share of Jaro-Winkler and of the sound in the similarity of names.
const SPELLING_SHARE: f64 = 0.8;
const SOUND_SHARE: f64 = 0.2;
/// Words that say that an address is a road.
const ROADS: [&str; 10] = ["road", "rd", "street", "st", "avenue", "ave", "lane", "ln", "drive", "dr"];

impl FieldKind {
    /// The kind that a column's name tells; outer white space and case do not count.
    pub fn of_column(name: &str) -> Self {
        let name = name.trim_matches(is_blank).to_lowercase();
        let contains = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if contains(&["email"]) {
            Self::Email
        } else if contains(&["phone", "mobile", "contact"]) || name == "msisdn" {
            Self::Phone
        } else if contains(&["name"]) {
            Self::Name
        } else if contains(&["address", "addr"]) {
            Self::Address
        } else if contains(&["dob", "birth", "date"]) {
            Self::Date
        } else if contains(&["zip", "postal", "pincode", "pin"]) {
            Self::Zip
        } else {
            Self::Text
        }
    }

    /// The normal form of a value's display text. Letters, digits, `_` and white space stay, in lower case and
    /// trimmed before anything is deleted; of phones the digits, of addresses all but the words for roads.
    pub fn normal_form(self, text: &str) -> String {
        let lower = text.to_lowercase();
        let plain = without_marks(lower.trim_matches(is_blank));
        match self {
            Self::Phone => digits(&plain),
            Self::Address => {
                let words = plain.split(is_blank).filter(|word| !word.is_empty() && !ROADS.contains(word));
                words.collect::<Vec<_>>().join(" ")
            }
            _ => plain.into_owned(),
        }
    }
}

/// Without characters that are neither letters, digits, `_` nor white space.
fn without_marks(text: &str) -> Cow<'_, str> {
    // Combining marks are no letters here, other than for `char::is_alphanumeric`.
    static OTHERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\p{L}\p{N}_\s\x1c-\x1f]+").ok());
    if text.is_ascii() {
        let stays =
            |character: &char| character.is_ascii_alphanumeric() || *character == '_' || is_blank(*character);
        return text.chars().filter(stays).collect();
    }
    OTHERS.as_ref().map_or(Cow::Borrowed(text), |others| others.replace_all(text, ""))
}

/// The decimal digits of a text, of any script.
fn digits(text: &str) -> String {
    static OTHERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\P{Nd}+").ok());
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_digit).collect();
    }
    OTHERS.as_ref().map_or_else(|| text.to_owned(), |others| others.replace_all(text, "").into_owned())
}

/// A value in its normal form. Equal normal forms make equal values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    kind: FieldKind,
    normal_form: String,
    /// What is compared: the normal form, of addresses with its words sorted.
    characters: Vec<char>,
    /// The sound of names; empty for other kinds.
    code: String,
}

impl FieldValue {
    /// A value by its display text; `""` for null.
    pub fn new(kind: FieldKind, text: &str) -> Self {
        Self::of_normal_form(kind, kind.normal_form(text))
    }

    /// A value whose normal form is known.
    pub fn of_normal_form(kind: FieldKind, normal_form: String) -> Self {
        let characters = match kind {
            FieldKind::Address => sorted_words(&normal_form).chars().collect(),
            _ => normal_form.chars().collect(),
        };
        let code = if kind == FieldKind::Name { metaphone(&normal_form) } else { String::new() };
        Self { kind, normal_form, characters, code }
    }

    /// The normal form.
    pub fn normal_form(&self) -> &str {
        &self.normal_form
    }

    /// What is compared, character by character.
    pub(super) fn characters(&self) -> &[char] {
        &self.characters
    }

    /// The sound of a name; empty for other kinds.
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// 0 to 100. Nothing is like an empty value, not even another one.
    pub fn similarity(&self, other: &Self) -> f64 {
        PreparedValue::new(self).similarity(other)
    }
}

/// A value prepared for being compared with many of its kind.
#[derive(Debug)]
pub struct PreparedValue<'a> {
    value: &'a FieldValue,
    pattern: Pattern,
}

impl<'a> PreparedValue<'a> {
    /// Prepares a value.
    pub fn new(value: &'a FieldValue) -> Self {
        Self { value, pattern: Pattern::new(value.characters.clone()) }
    }

    /// As [`FieldValue::similarity`].
    pub fn similarity(&self, other: &FieldValue) -> f64 {
        let value = self.value;
        if value.normal_form.is_empty() || other.normal_form.is_empty() {
            return 0.0;
        }
        if value.normal_form == other.normal_form {
            return 100.0;
        }
        match value.kind {
            FieldKind::Zip => 0.0,
            FieldKind::Name => {
                let sounds_alike = value.code == other.code && !value.code.is_empty();
                name_similarity(self.pattern.jaro_winkler(&other.characters), sounds_alike)
            }
            _ => self.pattern.ratio(&other.characters),
        }
    }
}

/// How alike two names are whose spelling is so alike (0 to 1).
pub(super) fn name_similarity(spelling: f64, sounds_alike: bool) -> f64 {
    let sound = if sounds_alike { 100.0 } else { 0.0 };
    spelling * 100.0 * SPELLING_SHARE + sound * SOUND_SHARE
}

#[cfg(test)]
mod tests {
    use super::super::{jaro_winkler, ratio, token_sort_ratio};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_columns_tell_the_kind() {
        for (name, kind) in [
            (" Contact_Email ", FieldKind::Email),
            ("e_mail", FieldKind::Text),
            ("contact name", FieldKind::Phone),
            ("MSISDN", FieldKind::Phone),
            ("my_msisdn", FieldKind::Text),
            ("surname", FieldKind::Name),
            ("address_name", FieldKind::Name),
            ("Addr", FieldKind::Address),
            ("birthplace", FieldKind::Date),
            ("updated", FieldKind::Date),
            ("shipping_town", FieldKind::Zip),
            ("postcode", FieldKind::Text),
        ] {
            assert_eq!(FieldKind::of_column(name), kind, "{name}");
        }
    }

    #[test]
    fn normal_forms() {
        for (kind, text, normal) in [
            (FieldKind::Text, "  O'Brien-Smith_2 \u{3000}", "obriensmith_2"),
            (FieldKind::Text, "ÄÖ e\u{301} ½ Ⓐ", "äö e ½ "),
            (FieldKind::Text, "- a -", " a "),
            (FieldKind::Phone, "+49 (30) 12٣ x²", "493012٣"),
            (FieldKind::Address, "12  Main St. Apt_4 Road", "12 main apt_4"),
            (FieldKind::Address, "Street", ""),
            (FieldKind::Email, "A.B@c.de", "abcde"),
        ] {
            assert_eq!(kind.normal_form(text), normal, "{text}");
        }
    }

    #[test]
    fn empty_values_are_like_nothing() {
        let value = |text| FieldValue::new(FieldKind::Text, text);
        assert_eq!(value("").similarity(&value("-")), 0.0);
        assert_eq!(value("a").similarity(&value("")), 0.0);
        assert_eq!(value("A!").similarity(&value("a")), 100.0);
    }

    #[test]
    fn each_kind_has_its_similarity() {
        let of = |kind, left, right| FieldValue::new(kind, left).similarity(&FieldValue::new(kind, right));
        assert_eq!(of(FieldKind::Zip, "1234", "1235"), 0.0);
        assert_eq!(of(FieldKind::Text, "1234", "1235"), ratio("1234", "1235"));
        assert_eq!(of(FieldKind::Address, "b a", "a b"), 100.0);
        assert_eq!(of(FieldKind::Address, "main street 5", "5 mian"), token_sort_ratio("main 5", "5 mian"));
        assert_eq!(of(FieldKind::Name, "jon", "john"), jaro_winkler("jon", "john") * 100.0 * 0.8 + 20.0);
        assert_eq!(of(FieldKind::Name, "山田", "山本"), jaro_winkler("山田", "山本") * 100.0 * 0.8);
    }

    proptest! {
        /// The quick ways for ASCII say what the patterns say.
        #[test]
        fn ascii_is_nothing_special(text in "[ -~\t\n\x1c-\x1f]{0,20}") {
            prop_assert_eq!(without_marks(&format!("{text}é")).into_owned(), without_marks(&text).into_owned() + "é");
            prop_assert_eq!(digits(&format!("{text}é")), digits(&text));
        }
    }
}
