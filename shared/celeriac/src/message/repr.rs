//! The display texts `argsrepr` and `kwargsrepr` that a publisher puts into a message's headers (celery-wire.md 1.4).

use std::fmt::Write;

use serde_json::{Map, Value};

/// Containers at a greater depth than this (the outermost is at 1) are shown as `[...]` or `{...}`.
const MAX_DEPTH: usize = 3;
/// A single text, and the whole display, is cut here.
const MAX_LENGTH: usize = 1024;

/// Positional arguments as Python shows a tuple: `()`, `(1,)`, `(1, 'a')`.
pub fn args(args: &[Value]) -> String {
    let mut out = String::from("(");
    sequence(&mut out, args, 2);
    if args.len() == 1 {
        out.push(',');
    }
    out.push(')');
    cut(out, ")")
}

/// Keyword arguments as Python shows a dictionary: `{}`, `{'k': 1}`.
pub fn kwargs(kwargs: &Map<String, Value>) -> String {
    let mut out = String::new();
    object(&mut out, kwargs, 1);
    cut(out, "}")
}

fn value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        // Writing to a String cannot fail.
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => quoted(out, text),
        Value::Array(_) if depth > MAX_DEPTH => out.push_str("[...]"),
        Value::Object(_) if depth > MAX_DEPTH => out.push_str("{...}"),
        Value::Array(items) => {
            out.push('[');
            sequence(out, items, depth + 1);
            out.push(']');
        }
        Value::Object(map) => object(out, map, depth),
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        // A display that is already too long is cut anyway: don't walk through megabytes for it.
        if out.len() > MAX_LENGTH {
            return;
        }
        value(out, item, depth);
    }
}

fn object(out: &mut String, map: &Map<String, Value>, depth: usize) {
    out.push('{');
    for (index, (key, item)) in map.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if out.len() > MAX_LENGTH {
            break;
        }
        quoted(out, key);
        out.push_str(": ");
        value(out, item, depth + 1);
    }
    out.push('}');
}

fn quoted(out: &mut String, text: &str) {
    out.push('\'');
    for (index, character) in text.chars().enumerate() {
        if index == MAX_LENGTH {
            out.push_str("...");
            break;
        }
        if character == '\'' {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('\'');
}

fn cut(mut out: String, close: &str) -> String {
    if let Some((end, _)) = out.char_indices().nth(MAX_LENGTH) {
        out.truncate(end);
        out.push_str("...");
        out.push_str(close);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: Value, expected: &str) {
        match &value {
            Value::Array(items) => assert_eq!(args(items), expected),
            Value::Object(map) => assert_eq!(kwargs(map), expected),
            _ => unreachable!("tests pass arrays and objects"),
        }
    }

    #[test]
    fn shown_as_python_shows_them() {
        check(json!([]), "()");
        check(json!([1]), "(1,)");
        check(json!([1, "a'b", null, true, 2.5]), "(1, 'a\\'b', None, True, 2.5)");
        check(json!({}), "{}");
        check(json!({"k": [1, {"x": "y"}]}), "{'k': [1, {'x': 'y'}]}");
        // Recorded from celery.utils.saferepr 5.7.
        check(json!([[[[1]]]]), "([[[...]]],)");
        check(json!({"a": {"b": {"c": {"d": {}}}}}), "{'a': {'b': {'c': {...}}}}");
        check(json!([{"a": {"b": {"c": 1}}}]), "({'a': {'b': {...}}},)");
    }

    #[test]
    fn long_displays_are_cut_and_closed() {
        let shown = args(&[json!("x".repeat(5000)), json!(1)]);
        assert!(shown.len() < 1100 && shown.ends_with("...)"), "{shown}");
        let many: Vec<Value> = (0..100_000).map(Value::from).collect();
        assert!(args(&many).ends_with("...)"));
    }
}
