//! Cells and figures as text. Four forms exist and must not be mixed up: the *display* text in answers, the *cast*
//! text that patterns are matched on, figures in messages (`_common-profile-my-data.md` 3), and the *quoted* text of
//! fingerprints.

mod quoted;

use std::borrow::Cow;
use std::fmt::Write;

pub use quoted::{display_value, quoted_list, quoted_row, quoted_value};

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A float, possibly NaN or infinite.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// Text.
    Text(&'a str),
    /// An integer of up to 128 bits.
    BigInteger(i128),
}

impl<'a> Cell<'a> {
    /// The display text: `None`, `True`, `12`, `1.0`, `1e-07`, `nan`, or the text itself.
    pub fn display(self) -> Cow<'a, str> {
        match self {
            Self::Null => "None".into(),
            Self::Integer(value) => value.to_string().into(),
            Self::Float(value) => display_float(value).into(),
            Self::Boolean(true) => "True".into(),
            Self::Boolean(false) => "False".into(),
            Self::Text(text) => text.into(),
            Self::BigInteger(value) => value.to_string().into(),
        }
    }

    /// The cast text, `None` for null: `true`, `12`, `1.0`, `1e-7`, `NaN`, `inf`, or the text itself.
    pub fn cast(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Float(value) => cast_float(value).into(),
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            other => other.display(),
        })
    }
}

/// Shortest digits that read back as the same float: `1.0`, `0.0001`, `1e-05`, `1e+16`, `nan`, `inf`.
fn display_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let mut text = format!("{value:e}");
    if let Some(mark) = text.find('e') {
        let exponent: i32 = text.get(mark + 1..).and_then(|exponent| exponent.parse().ok()).unwrap_or(0);
        text.truncate(mark);
        let sign = if exponent < 0 { '-' } else { '+' };
        // Writing into a String cannot fail.
        let _ = write!(text, "e{sign}{:02}", exponent.unsigned_abs());
    }
    text
}

/// As the data engine writes floats: `1.0`, `0.00001`, `1e-7`, `1e+16`, `NaN`, `inf`.
fn cast_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
        // Debug would switch to exponents below 1e-4; Display never does, but drops `.0`.
        let text = value.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    let text = format!("{value:e}");
    if value.abs() < 1.0 { text } else { text.replace('e', "e+") }
}

/// A figure with a fixed number of decimals, as messages and summary values show it.
pub fn fixed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

/// A figure with a fixed number of decimals and commas between thousands: `-1,234.50`.
pub fn grouped(value: f64, digits: usize) -> String {
    let text = fixed(value, digits);
    let start = text.find(|character: char| character.is_ascii_digit()).unwrap_or(0);
    let end = text.find('.').unwrap_or(text.len());
    let mut grouped = String::with_capacity(text.len() * 4 / 3);
    for (position, character) in text.char_indices() {
        if position > start && position < end && (end - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(character);
    }
    grouped
}

/// Whether a text is an optional `-`, digits, optionally `.` and digits, and nothing else.
pub fn looks_numeric(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(unsigned);
    match unsigned.get(whole..) {
        _ if whole == 0 => false,
        Some([]) => true,
        Some([b'.', decimals @ ..]) => !decimals.is_empty() && digits(decimals) == decimals.len(),
        _ => false,
    }
}

/// A text as a float, as the data engine casts it: `1`, `.5`, `5.`, `+5`, `1e5`, `nan`, `inf`; `None` for anything
/// else, white space around it included (`_common-profile-my-data.md` 3).
pub fn to_float(text: &str) -> Option<f64> {
    fast_float2::parse(text).ok()
}

/// `1 column`, `2 columns`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (value, digits, text) in [
            (0.0, 0, "0"),
            (999.0, 0, "999"),
            (1000.0, 0, "1,000"),
            (-1234.5, 2, "-1,234.50"),
            (-123.456, 1, "-123.5"),
            (1_234_567.891, 1, "1,234,567.9"),
            (999.96, 1, "1,000.0"),
            (f64::INFINITY, 1, "inf"),
        ] {
            assert_eq!(grouped(value, digits), text);
        }
    }

    use proptest::prelude::*;

    #[test]
    fn display_texts() {
        for (value, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e-7, "1e-07"),
            (-1.5e-10, "-1.5e-10"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(Cell::Float(value).display(), text);
        }
        assert_eq!(Cell::Null.display(), "None");
        assert_eq!(Cell::Boolean(true).display(), "True");
        assert_eq!(Cell::BigInteger(99_999_999_999_999_999_999).display(), "99999999999999999999");
    }

    #[test]
    fn cast_texts() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-7, "1e-7"),
            (0.00001, "0.00001"),
            (1e16, "1e+16"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(Cell::Float(value).cast().as_deref(), Some(text));
        }
        assert_eq!(Cell::Boolean(false).cast().as_deref(), Some("false"));
        assert_eq!(Cell::Integer(-3).cast().as_deref(), Some("-3"));
        assert_eq!(Cell::Null.cast(), None);
    }

    #[test]
    fn what_looks_numeric() {
        for text in ["1", "-1", "007", "1.50", "-0.0"] {
            assert!(looks_numeric(text), "{text}");
        }
        for text in ["", "-", ".5", "1.", "--1", "1.2.3", " 1", "1 ", "+1", "1e5", "٣", "1-2"] {
            assert!(!looks_numeric(text), "{text}");
        }
    }

    #[test]
    fn what_casts_to_a_float() {
        for text in
            ["1", "1.5", ".5", "5.", "-.5", "+5", "1e5", "NaN", "nan", "inf", "-inf", "Infinity", "1e400"]
        {
            assert!(to_float(text).is_some(), "{text}");
        }
        for text in ["", "-", "1-2", "--5", "1.2.3", " 5", "5 ", "1_000", "0x10", "٣", "1e", "."] {
            assert!(to_float(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn floats_read_back_from_both_texts(value in any::<f64>().prop_filter("a number", |value| !value.is_nan())) {
            prop_assert_eq!(Cell::Float(value).display().parse::<f64>().unwrap(), value);
            prop_assert_eq!(Cell::Float(value).cast().unwrap().parse::<f64>().unwrap(), value);
        }
    }
}
