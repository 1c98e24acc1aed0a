//! JSON as Python's `json` module writes and reads it.
//!
//! Written text is pure ASCII with `", "` and `": "` between items, so that a message or a result of ours is
//! spelled like one of Python's. Reading accepts what Python accepts beyond the standard: the bare words `NaN`,
//! `Infinity` and `-Infinity` (read as null) and escapes of lone surrogates (read as U+FFFD).
//! Typed values (`__type__`) are not interpreted here.

use std::borrow::Cow;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;

/// Writes `value` as Python's `json.dumps` does. NaN and infinities become null.
///
/// # Errors
/// When the value itself refuses to serialize (a map with keys that are no text, for example).
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(512);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, PythonSpelling))?;
    Ok(text)
}

/// [`to_vec`] as text.
///
/// # Errors
/// As [`to_vec`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<String> {
    // The writer emits ASCII only, so nothing is ever replaced here.
    to_vec(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads JSON as Python's `json.loads` does (see the module's text for what goes beyond the standard).
///
/// # Errors
/// When the text is not JSON even by Python's rules, or has not the shape of `T`.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    serde_json::from_slice(text).or_else(|error| match standard_spelling(text) {
        Cow::Owned(standard) => serde_json::from_slice(&standard),
        Cow::Borrowed(_) => Err(error),
    })
}

struct PythonSpelling;

impl Formatter for PythonSpelling {
    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(start) = rest.find(|c: char| !c.is_ascii()) {
            let (ascii, tail) = rest.split_at(start);
            writer.write_all(ascii.as_bytes())?;
            let mut characters = tail.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Python's spelling turned into standard JSON; borrowed when nothing had to change.
fn standard_spelling(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Vec<u8> = Vec::new();
    let mut copied = 0; // everything of `text` before this index is in `out`
    let mut at = 0;
    let mut in_string = false;
    let mut replace = |from: usize, to: usize, by: &[u8]| {
        out.extend_from_slice(text.get(copied..from).unwrap_or_default());
        out.extend_from_slice(by);
        copied = to;
    };
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let step = match byte {
            b'"' => {
                in_string = !in_string;
                1
            }
            b'\\' if in_string => match surrogate_escape(rest) {
                Escape::Other => 2,
                Escape::Pair => 12,
                Escape::Lone => {
                    replace(at, at + 6, b"\\ufffd");
                    6
                }
            },
            _ if in_string => 1,
            _ => match [&b"-Infinity"[..], b"Infinity", b"NaN"].iter().find(|word| rest.starts_with(word)) {
                Some(word) => {
                    replace(at, at + word.len(), b"null");
                    word.len()
                }
                None => 1,
            },
        };
        at += step;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

enum Escape {
    Other,
    Pair,
    Lone,
}

fn surrogate_escape(text: &[u8]) -> Escape {
    match utf16_unit(text) {
        Some(0xD800..=0xDBFF) => match text.get(6..).and_then(utf16_unit) {
            Some(0xDC00..=0xDFFF) => Escape::Pair,
            _ => Escape::Lone,
        },
        Some(0xDC00..=0xDFFF) => Escape::Lone,
        _ => Escape::Other,
    }
}

fn utf16_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn writes_like_python() {
        let value = json!({"a": [1, 2.5, null], "ü": "é😀\n\"", "empty": {}});
        let expected = r#"{"a": [1, 2.5, null], "\u00fc": "\u00e9\ud83d\ude00\n\"", "empty": {}}"#;
        assert_eq!(to_string(&value).unwrap(), expected);
    }

    #[test]
    fn reads_what_only_python_writes() {
        let text = br#"[NaN, -Infinity, Infinity, "NaN \" Infinity", "\ud800x", "\ud83d\ude00", "\\ud800"]"#;
        let expected = json!([null, null, null, "NaN \" Infinity", "\u{fffd}x", "😀", "\\ud800"]);
        assert_eq!(from_slice::<Value>(text).unwrap(), expected);
    }

    #[test]
    fn refuses_what_python_refuses() {
        for text in [&b"{"[..], b"[1,]", b"Nan", b"", b"\xff", b"[\"\\ud8\"]", b"{'a': 1}"] {
            assert!(from_slice::<Value>(text).is_err(), "{:?}", String::from_utf8_lossy(text));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_slice::<Value>(&bytes);
        }

        #[test]
        fn text_survives(text in any::<String>()) {
            let written = to_vec(&text).unwrap();
            prop_assert!(written.is_ascii());
            prop_assert_eq!(from_slice::<String>(&written).unwrap(), text);
        }
    }
}
