//! Values that came as text: JSON, or else a Python literal (`['a', "b", None, 1.5, True, (1, 2), {'k': 'v'}]`).

use serde_json::{Map, Number, Value};

/// Lists within lists that are still read; deeper ones are no value.
const DEPTH: usize = 64;

/// The value that a text stands for; `None` when it is neither JSON nor a literal.
pub(super) fn read(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| {
        let mut reader = Reader { rest: text.trim() };
        let value = reader.value(DEPTH)?;
        reader.rest.is_empty().then_some(value)
    })
}

/// What is left of a literal, without white space before it.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match self.rest.chars().next()? {
            '[' => self.list(']', depth),
            '(' => self.list(')', depth),
            '{' => self.object(depth),
            quote @ ('\'' | '"') => self.text(quote).map(Value::String),
            _ => self.word(),
        }
    }

    /// Takes a mark, and the white space behind it.
    fn take(&mut self, mark: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(mark) else {
            return false;
        };
        self.rest = rest.trim_start();
        true
    }

    fn list(&mut self, end: char, depth: usize) -> Option<Value> {
        self.rest = self.rest.get(1..)?.trim_start();
        let mut list = Vec::new();
        while !self.take(end) {
            list.push(self.value(depth)?);
            if !self.take(',') && !self.rest.starts_with(end) {
                return None;
            }
        }
        Some(Value::Array(list))
    }

    /// An object, or a set of values as a list.
    fn object(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.get(1..)?.trim_start();
        let (mut object, mut set) = (Map::new(), Vec::new());
        while !self.take('}') {
            let key = self.value(depth)?;
            if self.take(':') {
                let Value::String(key) = key else {
                    return None;
                };
                object.insert(key, self.value(depth)?);
            } else {
                set.push(key);
            }
            if !self.take(',') && !self.rest.starts_with('}') {
                return None;
            }
        }
        match (object.is_empty(), set.is_empty()) {
            (true, false) => Some(Value::Array(set)),
            (_, true) => Some(Value::Object(object)),
            (false, false) => None,
        }
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        loop {
            let (at, character) = characters.next()?;
            match character {
                '\\' => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    kept @ ('\\' | '\'' | '"') => text.push(kept),
                    // An escape that Python does not know stands for itself; patterns are full of them.
                    other => text.extend(['\\', other]),
                },
                '\n' => return None,
                end if end == quote => {
                    self.rest = self.rest.get(at + end.len_utf8()..)?.trim_start();
                    return Some(text);
                }
                other => text.push(other),
            }
        }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|end: char| ",:]})".contains(end) || end.is_whitespace());
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = match word {
            "None" => Value::Null,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            number => match number.parse::<i64>() {
                Ok(number) => Value::from(number),
                Err(_) => Value::Number(Number::from_f64(number.parse().ok()?)?),
            },
        };
        self.rest = rest.trim_start();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn json_and_literals() {
        for (text, value) in [
            (r#"["a", 1]"#, json!(["a", 1])),
            ("['a', 'b',]", json!(["a", "b"])),
            ("('a', )", json!(["a"])),
            (" [ 'it''s' ] ", json!(null)),
            (r"['it\'s', '\d+', 'a\\b']", json!(["it's", r"\d+", r"a\b"])),
            (
                "{'a': {'min': 1, 'max': -2.5e3}, 'b': None}",
                json!({"a": {"min": 1, "max": -2500.0}, "b": null}),
            ),
            ("{'a', 'b'}", json!(["a", "b"])),
            ("{}", json!({})),
            ("[]", json!([])),
            ("[True, False]", json!([true, false])),
            ("'ä]'", json!("ä]")),
        ] {
            assert_eq!(read(text).unwrap_or_default(), value, "{text}");
        }
    }

    #[test]
    fn what_is_no_literal() {
        let deep = "[".repeat(100_000);
        for text in
            ["", "a", "['a'", "['a' 'b']", "[a]", "{'a': 1, 'b'}", "{1: 2}", "['a'] x", "'a", "[nan]", &deep]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn quoted_texts_are_read_back(texts in prop::collection::vec("[^\\n\\\\]{0,12}", 0..6)) {
            let quoted: Vec<String> = texts.iter().map(|text| format!("'{}'", text.replace('\'', "\\'"))).collect();
            prop_assert_eq!(read(&format!("[{}]", quoted.join(" , "))), Some(json!(texts)));
        }

        #[test]
        fn any_text_ends(text in "[\\[\\](){}'\",:\\\\ a1.TrueNone-]{0,40}") {
            read(&text);
        }
    }
}
