//! The quoted form of values: a text stands in quotes with escapes, everything else as it is displayed
//! (`_common-master-my-data.md` 2, "Q"). Fingerprints and entity ids are made of it.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Cell;

impl Cell<'_> {
    /// The display text, a text in quotes: `'O'` or, with an apostrophe in it, `"O'Neil"`.
    pub fn quoted(self) -> String {
        match self {
            Self::Text(text) => quote(text),
            other => other.display().into_owned(),
        }
    }
}

impl<'a> From<&'a Value> for Cell<'a> {
    /// The cell that a JSON scalar stands for; null for lists and objects.
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Boolean(*flag),
            Value::String(text) => Self::Text(text),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, Some(integer)) => Self::BigInteger(i128::from(integer)),
                (None, None) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Null,
        }
    }
}

/// A JSON value as answers display it: scalars as cells, lists as `[1, 'a']`, objects as `{'k': 1}`.
pub fn display_value(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Array(_) | Value::Object(_) => quoted_value(value).into(),
        scalar => Cell::from(scalar).display(),
    }
}

/// A JSON value in its quoted form.
pub fn quoted_value(value: &Value) -> String {
    match value {
        Value::Array(list) => quoted_list(list.iter().map(quoted_value)),
        Value::Object(object) => {
            let entries: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{}: {}", quote(key), quoted_value(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => Cell::from(scalar).quoted(),
    }
}

/// `[a, b]` of values that are quoted already.
pub fn quoted_list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

/// `(a, b)` of values that are quoted already; `(a,)` of a single one.
pub fn quoted_row(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    match values.as_slice() {
        [single] => format!("({single},)"),
        many => format!("({})", many.join(", ")),
    }
}

/// What is neither a letter, mark, number, sign nor the plain space, so that it is escaped.
static UNPRINTABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{C}\p{Z}--\x20]").ok());

fn quote(text: &str) -> String {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(mark);
    let mut buffer = [0; 4];
    for character in text.chars() {
        // Writing into a String cannot fail.
        let _ = match character {
            '\\' => quoted.write_str("\\\\"),
            '\n' => quoted.write_str("\\n"),
            '\r' => quoted.write_str("\\r"),
            '\t' => quoted.write_str("\\t"),
            _ if character == mark => write!(quoted, "\\{character}"),
            ' '..='~' => quoted.write_char(character),
            _ if !is_unprintable(character.encode_utf8(&mut buffer)) => quoted.write_char(character),
            _ => match u32::from(character) {
                code @ 0..=0xff => write!(quoted, "\\x{code:02x}"),
                code @ 0x100..=0xffff => write!(quoted, "\\u{code:04x}"),
                code => write!(quoted, "\\U{code:08x}"),
            },
        };
    }
    quoted.push(mark);
    quoted
}

fn is_unprintable(character: &str) -> bool {
    UNPRINTABLE.as_ref().is_some_and(|pattern| pattern.is_match(character))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_quoted_and_escaped() {
        for (text, quoted) in [
            ("a b", "'a b'"),
            ("O'Neil", "\"O'Neil\""),
            ("\"", "'\"'"),
            ("'\"", "'\\'\"'"),
            ("a\\b\n\r\t", "'a\\\\b\\n\\r\\t'"),
            ("\u{0}\u{7f}\u{a0}\u{ad}", "'\\x00\\x7f\\xa0\\xad'"),
            ("\u{200b}\u{3000}\u{e000}\u{e0001}", "'\\u200b\\u3000\\ue000\\U000e0001'"),
            ("é中🎉e\u{301}", "'é中🎉e\u{301}'"),
        ] {
            assert_eq!(Cell::Text(text).quoted(), quoted);
        }
        assert_eq!(Cell::Null.quoted(), "None");
        assert_eq!(Cell::Float(1e-5).quoted(), "1e-05");
    }

    #[test]
    fn lists_rows_and_objects_have_their_marks() {
        let value = json!({"k": [1, 2.0, "x"], "l": {"m": null, "n": true}});
        assert_eq!(quoted_value(&value), "{'k': [1, 2.0, 'x'], 'l': {'m': None, 'n': True}}");
        assert_eq!(quoted_row(["1".to_owned()].into_iter()), "(1,)");
        assert_eq!(quoted_row(["1".to_owned(), "2".to_owned()].into_iter()), "(1, 2)");
        assert_eq!(quoted_list(std::iter::empty()), "[]");
        assert_eq!(display_value(&json!("x")), "x");
        assert_eq!(display_value(&json!(["x"])), "['x']");
        assert_eq!(display_value(&json!(u64::MAX)), "18446744073709551615");
    }
}
