//! JSON as Python's `json` module writes and reads it.
//!
//! Written text is pure ASCII with `", "` and `": "` between items, so that a message or a result of ours is
//! spelled like one of Python's. Reading accepts what Python accepts beyond the standard and serde_json: the bare words
//! `NaN`, `Infinity` and `-Infinity` and numbers beyond a float's range (read as null), escapes of lone surrogates (read
//! as U+FFFD), and containers nested 512 deep.
//! Typed values (`__type__`) are not interpreted here.

use std::borrow::Cow;
use std::io;

use memchr::{memchr, memchr2};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::Formatter;

use super::MAX_DEPTH;

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
    serde_json::from_slice(text).or_else(|error| {
        let standard = standard_spelling(text);
        let reread = matches!(standard.text, Cow::Owned(_)) || standard.depth >= SERDE_DEPTH;
        if !reread || standard.depth > MAX_DEPTH {
            return Err(error);
        }
        let mut reader = serde_json::Deserializer::from_slice(&standard.text);
        reader.disable_recursion_limit();
        let value = T::deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    })
}

/// A bound for how many values a JSON text holds: never fewer than there are, hardly more.
pub(super) fn count_values(text: &[u8]) -> usize {
    let mut count = 1;
    let mut rest = text;
    while !rest.is_empty() {
        let outside = memchr(b'"', rest).unwrap_or(rest.len());
        let (before, string) = rest.split_at_checked(outside).unwrap_or_default();
        count += before.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        rest = after_text(string.get(1..).unwrap_or_default());
    }
    count
}

/// What comes after the closing quotation mark of a text that has begun; nothing, if there is none.
fn after_text(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        if rest.get(at) == Some(&b'"') {
            return rest.get(at + 1..).unwrap_or_default();
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// The depth that serde_json refuses by itself.
const SERDE_DEPTH: usize = 128;

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

/// A text in standard JSON, if it was JSON by Python's rules.
struct Standard<'a> {
    /// Borrowed when nothing had to change.
    text: Cow<'a, [u8]>,
    /// How deep containers lie in one another.
    depth: usize,
}

fn standard_spelling(text: &[u8]) -> Standard<'_> {
    let mut out: Vec<u8> = Vec::new();
    let mut copied = 0; // everything of `text` before this index is in `out`
    let mut at = 0;
    let mut in_string = false;
    let (mut open, mut depth) = (0_usize, 0);
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
            b'[' | b'{' => {
                open += 1;
                depth = depth.max(open);
                1
            }
            b']' | b'}' => {
                open = open.saturating_sub(1);
                1
            }
            b'-' | b'0'..=b'9' | b'I' | b'N' => {
                let (length, is_null) = number(rest);
                if is_null {
                    replace(at, at + length, b"null");
                }
                length
            }
            _ => 1,
        };
        at += step;
    }
    let text = if copied == 0 {
        Cow::Borrowed(text)
    } else {
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    };
    Standard { text, depth }
}

/// The length of the number, or the word for one, that the text begins with, and whether it is to be read as null.
fn number(text: &[u8]) -> (usize, bool) {
    if let Some(word) = [&b"-Infinity"[..], b"Infinity", b"NaN"].iter().find(|word| text.starts_with(word)) {
        return (word.len(), true);
    }
    let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let length = text.iter().position(|byte| !of_number(byte)).unwrap_or(text.len()).max(1);
    let number = text.get(..length).and_then(|digits| std::str::from_utf8(digits).ok());
    (length, number.and_then(|digits| digits.parse::<f64>().ok()).is_some_and(f64::is_infinite))
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
    fn numbers_beyond_a_float_are_null_and_large_ones_floats() {
        let text = format!("[1e999, -1{}, 12345678901234567890123, -7.5e-3]", "0".repeat(400));
        let expected = json!([null, null, 12345678901234567890123.0, -0.0075]);
        assert_eq!(from_slice::<Value>(text.as_bytes()).unwrap(), expected);
        assert!(from_slice::<Value>(b"[1e999, 1-]").is_err());
        // To the last bit, as Python reads it.
        let exact = "[3.0215503203765694e-171]";
        assert_eq!(to_string(&from_slice::<Value>(exact.as_bytes()).unwrap()).unwrap(), exact);
    }

    #[test]
    fn reads_512_containers_in_one_another() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes();
        for depth in [1, 127, 128, 512] {
            let value: Value = from_slice(&nested(depth)).unwrap();
            assert_eq!(to_vec(&value.clone()).unwrap(), nested(depth));
        }
        assert!(from_slice::<Value>(&nested(513)).is_err());
        assert!(from_slice::<Value>(&nested(1_000_000)).is_err());
        assert!(from_slice::<Value>(&[&nested(200)[..], b"]"].concat()).is_err());
    }

    #[test]
    fn counts_values_outside_of_texts() {
        for (text, count) in [
            (&br#"7"#[..], 1),
            (br#"[1, 2, [3, ",,[{\",", {}]]"#, 8),
            (br#"{"a": "\\", "b": [",\\\",,,"]}"#, 4),
            (br#"["#, 2),
            (br#""open, "#, 1),
            (br#""open\"#, 1),
            (b"", 1),
        ] {
            assert_eq!(count_values(text), count, "{}", String::from_utf8_lossy(text));
        }
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
