//! JSON as the reference writes it (report.md 5): two spaces, pure ASCII, `.0` on whole floats, null for what JSON
//! has no number for.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Writes a value as indented ASCII JSON.
pub(super) fn write_ascii(value: &impl Serialize, out: &mut impl io::Write) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, AsciiFormatter(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Indents like [`PrettyFormatter`] and escapes every character outside of printable ASCII.
struct AsciiFormatter<'a>(PrettyFormatter<'a>);

impl Formatter for AsciiFormatter<'_> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Quotes, backslashes and control characters below the blank never come here: they are escaped one by one.
        let mut plain = 0;
        for (at, character) in
            fragment.char_indices().filter(|(_, character)| !matches!(character, ' '..='~'))
        {
            write_part(writer, fragment, plain, at)?;
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + character.len_utf8();
        }
        write_part(writer, fragment, plain, fragment.len())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

fn write_part<W: ?Sized + io::Write>(writer: &mut W, text: &str, from: usize, to: usize) -> io::Result<()> {
    writer.write_all(text.get(from..to).unwrap_or_default().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write_ascii(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn shape_escapes_and_floats_are_those_of_the_reference() {
        let value = json!({"a": [], "b": {}, "c": [1, 2.0, 0.1], "d": "é\u{7f}😀\"\\\n\u{1}", "e": f64::NAN});
        assert_eq!(
            written(&value),
            "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    2.0,\n    0.1\n  ],\n  \
             \"d\": \"\\u00e9\\u007f\\ud83d\\ude00\\\"\\\\\\n\\u0001\",\n  \"e\": null\n}"
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_is_ascii(text in any::<String>()) {
            let json = written(&Value::String(text.clone()));
            prop_assert!(json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
