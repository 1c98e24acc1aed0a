//! The agents' parameters (platform.md 4.5).

use serde_json::{Map, Value};

/// Parameters by agent id; an agent's entry may be of any type. The error says what is wrong with the file.
pub(super) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    if text.starts_with('\u{feff}') {
        return Err("it begins with a byte order mark".to_owned());
    }
    match serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))? {
        Value::Object(parameters) => Ok(parameters),
        empty if is_empty(&empty) => Ok(Map::new()),
        Value::Array(_) => Err("it is a list, not an object of agent ids".to_owned()),
        _ => Err("it is a single value, not an object of agent ids".to_owned()),
    }
}

/// What Python takes for false.
fn is_empty(document: &Value) -> bool {
    match document {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entries_are_kept_as_they_are() {
        let parameters = parse(br#"{"unified-profiler": {"a": 1}, "x": null, "y": [2]}"#).unwrap();
        assert_eq!(Value::Object(parameters), json!({"unified-profiler": {"a": 1}, "x": null, "y": [2]}));
    }

    #[test]
    fn an_empty_document_means_no_parameters() {
        for document in ["null", "{}", "[]", "\"\"", "0", "0.0", "-0", "false", " null\n"] {
            assert_eq!(parse(document.as_bytes()), Ok(Map::new()), "{document}");
        }
    }

    #[test]
    fn everything_else_is_an_error() {
        for document in ["", "[1]", "1", "true", "\"x\"", "{", "{'a': 1}", "\u{feff}{}", "{} {}"] {
            assert!(parse(document.as_bytes()).is_err(), "{document}");
        }
        assert!(parse(b"{\"a\": \"\xff\"}").unwrap_err().contains("UTF-8"));
    }
}
