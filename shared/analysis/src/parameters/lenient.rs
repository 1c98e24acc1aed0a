//! Values as the clean tool takes them (`_common-clean-my-data.md` 1 and 6): null is the default for numbers, words,
//! lists and objects, and off for flags.

use serde_json::{Map, Value};

use super::{Parameters, literal};
use crate::agent::AgentError;
use crate::text::Cell;

impl Parameters<'_> {
    /// A number; null counts as absent. Otherwise as [`Self::number`].
    ///
    /// # Errors
    /// As [`Self::number`], null aside.
    pub fn number_or_null(&mut self, key: &str, default: Value) -> Result<f64, AgentError> {
        if let Some(Value::Null) = self.raw(key) {
            let number = default.as_f64().unwrap_or_default();
            self.note(key, default.clone(), default);
            return Ok(number);
        }
        self.number(key, default)
    }

    /// A whole number; null counts as absent. Otherwise as [`Self::integer`].
    ///
    /// # Errors
    /// As [`Self::integer`], null aside.
    pub fn integer_or_null(&mut self, key: &str, default: i64) -> Result<i64, AgentError> {
        if let Some(Value::Null) = self.raw(key) {
            self.note(key, default.into(), default.into());
            return Ok(default);
        }
        self.integer(key, default)
    }

    /// A word that chooses; null counts as absent. Anything that is no text chooses nothing known and is shown as
    /// text.
    pub fn choice(&mut self, key: &str, default: &str) -> String {
        let value = self.raw(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| default.into());
        let word = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.note(key, default.into(), value);
        word
    }

    /// A flag by truthiness: null, false, 0, `""`, `[]` and `{}` are off, anything else is on, `"false"` too.
    pub fn truth(&mut self, key: &str, default: bool) -> bool {
        match self.any(key, default.into()) {
            Value::Null => false,
            Value::Bool(flag) => flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(object) => !object.is_empty(),
        }
    }

    /// A list, as such, as text, or as the keys of an object; a text that is no list counts as a list of itself,
    /// anything else counts as absent: an empty one.
    pub fn lenient_list(&mut self, key: &str) -> Vec<Value> {
        let list = match self.raw(key) {
            Some(Value::Array(list)) => list.clone(),
            Some(Value::Object(object)) => object.keys().map(|key| Value::from(key.as_str())).collect(),
            Some(Value::String(text)) if !text.trim().is_empty() => match literal::read(text) {
                Some(Value::Array(list)) => list,
                _ => vec![Value::from(text.as_str())],
            },
            _ => Vec::new(),
        };
        self.note(key, Value::Array(Vec::new()), Value::Array(list.clone()));
        list
    }

    /// An object, as such, as text, or as a list of pairs; anything else counts as absent: an empty one.
    pub fn lenient_object(&mut self, key: &str) -> Map<String, Value> {
        let object = match self.raw(key) {
            Some(Value::Object(object)) => Some(object.clone()),
            Some(Value::String(text)) => match literal::read(text) {
                Some(Value::Object(object)) => Some(object),
                _ => None,
            },
            Some(Value::Array(list)) => list.iter().map(pair).collect(),
            _ => None,
        };
        let object = object.unwrap_or_default();
        self.note(key, Value::Object(Map::new()), Value::Object(object.clone()));
        object
    }
}

/// A list of two as key and value.
fn pair(value: &Value) -> Option<(String, Value)> {
    let [key, value] = value.as_array()?.as_slice() else { return None };
    let key = match key {
        Value::String(text) => text.clone(),
        Value::Null => Cell::Null.display().into_owned(),
        Value::Bool(flag) => Cell::Boolean(*flag).display().into_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => return None,
    };
    Some((key, value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_is_the_default_but_off_for_flags() {
        let given = json!({"n": null, "i": null, "w": null, "f": null, "t": "false", "z": 0.0});
        let mut parameters = Parameters::new("x", &given).unwrap();
        assert_eq!(parameters.number_or_null("n", json!(1.5)).unwrap(), 1.5);
        assert_eq!(parameters.integer_or_null("i", 5).unwrap(), 5);
        assert_eq!(parameters.choice("w", "iqr"), "iqr");
        assert!(!parameters.truth("f", true) && parameters.truth("t", false) && !parameters.truth("z", true));
        assert!(parameters.truth("absent", true));
        let mut data = Map::new();
        parameters.write_echoes(&mut data);
        assert_eq!(data["parameters"]["n"], 1.5);
        assert_eq!(data["parameters"]["t"], "false");
        assert_eq!(data["overrides"]["w"], Value::Null);
    }

    #[test]
    fn lists_come_in_many_forms() {
        for (given, list) in [
            (json!(["a", 1]), json!(["a", 1])),
            (json!("[\"a\"]"), json!(["a"])),
            (json!("['a', 'b']"), json!(["a", "b"])),
            (json!("('a',)"), json!(["a"])),
            (json!("a, b"), json!(["a, b"])),
            (json!("{'a': 1}"), json!(["{'a': 1}"])),
            (json!({"a": 1, "b": 2}), json!(["a", "b"])),
            (json!(" "), json!([])),
            (json!(7), json!([])),
            (json!(true), json!([])),
            (json!(null), json!([])),
        ] {
            let given = json!({"l": given});
            let mut parameters = Parameters::new("x", &given).unwrap();
            assert_eq!(Value::Array(parameters.lenient_list("l")), list, "{given}");
        }
    }

    #[test]
    fn objects_come_in_many_forms() {
        for (given, object) in [
            (json!({"a": "mean"}), json!({"a": "mean"})),
            (json!("{\"a\": 1}"), json!({"a": 1})),
            (json!("{'a': 'b', 'c': None}"), json!({"a": "b", "c": null})),
            (json!([["a", 1], [2, "b"]]), json!({"a": 1, "2": "b"})),
            (json!("nothing"), json!({})),
            (json!(" "), json!({})),
            (json!([1]), json!({})),
            (json!(7), json!({})),
            (json!(null), json!({})),
        ] {
            let given = json!({"o": given});
            let mut parameters = Parameters::new("x", &given).unwrap();
            assert_eq!(Value::Object(parameters.lenient_object("o")), object, "{given}");
        }
    }
}
