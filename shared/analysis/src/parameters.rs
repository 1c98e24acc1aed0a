//! What a client sent for one agent: each value checked when it is taken, and the three echoes that answers carry.
//!
//! The rules are those of the profile tool (`_common-profile-my-data.md` 1 and C3): presence beats default, numeric
//! text counts as a number, anything else is an error that names the parameter.

mod bounded;
mod lenient;
mod literal;
mod words;

use serde_json::{Map, Number, Value};

use crate::agent::AgentError;

/// The parameters of one agent. Taking a value notes it for the echoes, in the order of taking.
#[derive(Debug)]
pub struct Parameters<'a> {
    given: Option<&'a Map<String, Value>>,
    defaults: Map<String, Value>,
    overrides: Map<String, Value>,
    in_force: Map<String, Value>,
    /// Keys whose values were no use, so that the defaults are in force.
    ignored: Vec<String>,
}

impl<'a> Parameters<'a> {
    /// Takes an object; null, false, 0, `""`, `[]` and `{}` mean that nothing was given.
    ///
    /// # Errors
    /// [`AgentError::Parameters`] for any other value.
    pub fn new(agent_id: &str, value: &'a Value) -> Result<Self, AgentError> {
        let refused = |given| Err(AgentError::Parameters { agent_id: agent_id.to_owned(), given });
        let given = match value {
            Value::Object(values) => Some(values),
            Value::Null | Value::Bool(false) => None,
            Value::Number(number) if number.as_f64() == Some(0.0) => None,
            Value::String(text) if text.is_empty() => None,
            Value::Array(list) if list.is_empty() => None,
            Value::Number(_) => return refused("a number"),
            Value::String(_) => return refused("a text"),
            Value::Array(_) => return refused("a list"),
            Value::Bool(true) => return refused("true"),
        };
        Ok(Self {
            given,
            defaults: Map::new(),
            overrides: Map::new(),
            in_force: Map::new(),
            ignored: Vec::new(),
        })
    }

    /// A value as it came, without noting it; `None` when the key is absent.
    pub fn raw(&self, key: &str) -> Option<&'a Value> {
        self.given.and_then(|given| given.get(key))
    }

    /// Any value: the one given, or the default when the key is absent.
    pub fn any(&mut self, key: &str, default: Value) -> Value {
        let value = self.raw(key).unwrap_or(&default).clone();
        self.note(key, default, value.clone());
        value
    }

    /// A number: the one given, or the default when the key is absent. Numeric text counts.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] for null and for anything that is no finite number.
    pub fn number(&mut self, key: &str, default: Value) -> Result<f64, AgentError> {
        let value = self.raw(key).unwrap_or(&default);
        let number = to_number(value);
        let float = number.as_ref().and_then(Number::as_f64);
        let (Some(number), Some(float)) = (number, float) else {
            return Err(refused(key, value, "a number is needed, as such or as text such as \"50\""));
        };
        self.note(key, default, Value::Number(number));
        Ok(float)
    }

    /// A whole number: as [`Self::number`], and without decimals other than zeros.
    ///
    /// # Errors
    /// As [`Self::number`], and for numbers with decimals or beyond 64 bits.
    pub fn integer(&mut self, key: &str, default: i64) -> Result<i64, AgentError> {
        let default = Value::from(default);
        let value = self.raw(key).unwrap_or(&default);
        let whole = to_number(value)
            .and_then(|number| number.as_i64().or_else(|| number.as_f64().and_then(whole_number)));
        let whole = whole.ok_or_else(|| refused(key, value, "a whole number is needed"))?;
        self.note(key, default, Value::from(whole));
        Ok(whole)
    }

    /// A flag: the one given, or the default when the key is absent. `"true"` and `"false"` count.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] for anything else.
    pub fn flag(&mut self, key: &str, default: bool) -> Result<bool, AgentError> {
        let flag = match self.raw(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
            Some(value) => return Err(refused(key, value, "true or false is needed")),
        };
        self.note(key, Value::from(default), Value::from(flag));
        Ok(flag)
    }

    /// A list of texts, without noting it; `None` when the key is absent. A text counts: as a JSON list or a literal
    /// in single quotes, else as a list of itself; blank text is an empty list.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] for null and for anything else.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, AgentError> {
        let list = match self.raw(key) {
            None => return Ok(None),
            Some(Value::Array(list)) => list.clone(),
            Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
            Some(Value::String(text)) => match literal::read(text) {
                Some(Value::Array(list)) => list,
                _ => vec![Value::from(text.as_str())],
            },
            Some(value) => return Err(refused(key, value, "a list of texts is needed")),
        };
        let text = |value: Value| match value {
            Value::String(text) => Ok(text),
            other => Err(refused(key, &other, "a list of texts only is needed")),
        };
        list.into_iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    /// An object, without noting it; `None` when the key is absent. A text counts: as JSON or a literal in single
    /// quotes.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] for null and for anything else.
    pub fn object(&self, key: &str) -> Result<Option<Map<String, Value>>, AgentError> {
        let object = match self.raw(key) {
            None => return Ok(None),
            Some(Value::Object(object)) => Some(object.clone()),
            Some(Value::String(text)) => match literal::read(text) {
                Some(Value::Object(object)) => Some(object),
                _ => None,
            },
            Some(_) => None,
        };
        let value = self.raw(key).unwrap_or(&Value::Null);
        object.map(Some).ok_or_else(|| refused(key, value, "an object is needed, as such or as text"))
    }

    /// Notes one parameter for the echoes: its default and the value in force.
    pub fn note(&mut self, key: &str, default: Value, in_force: Value) {
        self.defaults.insert(key.to_owned(), default);
        self.overrides.insert(key.to_owned(), self.raw(key).cloned().unwrap_or(Value::Null));
        self.in_force.insert(key.to_owned(), in_force);
    }

    /// Leaves one parameter out of the echo of the defaults.
    pub fn hide_default(&mut self, key: &str) {
        self.defaults.shift_remove(key);
    }

    /// Appends the echoes `defaults`, `overrides` (null for what was not given) and `parameters` (the values in
    /// force) to an answer's `data`; and `ignored_parameters`, if values of bounded parameters were no use.
    pub fn write_echoes(self, data: &mut Map<String, Value>) {
        if !self.ignored.is_empty() {
            data.insert("ignored_parameters".to_owned(), self.ignored.into());
        }
        data.insert("defaults".to_owned(), Value::Object(self.defaults));
        data.insert("overrides".to_owned(), Value::Object(self.overrides));
        data.insert("parameters".to_owned(), Value::Object(self.in_force));
    }
}

fn refused(key: &str, value: &Value, needed: &str) -> AgentError {
    AgentError::Parameter { key: key.to_owned(), reason: format!("{needed}, got {value}") }
}

/// A number, as such or as text.
pub(crate) fn to_number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim();
            let integer = text.parse::<i64>().map(Number::from).ok();
            integer.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
        }
        _ => None,
    }
}

fn whole_number(number: f64) -> Option<i64> {
    // Beyond 2^63 the conversion would saturate.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (number.trunc() == number && (-LIMIT..LIMIT).contains(&number)).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_values_mean_that_nothing_was_given() {
        for value in [json!(null), json!({}), json!([]), json!(""), json!(0), json!(0.0), json!(false)] {
            assert!(Parameters::new("a", &value).unwrap().raw("x").is_none(), "{value}");
        }
        for value in [json!([1]), json!("x"), json!(1), json!(true)] {
            assert!(matches!(Parameters::new("a", &value), Err(AgentError::Parameters { .. })), "{value}");
        }
    }

    #[test]
    fn numeric_text_is_a_number_and_null_is_refused() {
        let value = json!({"a": "50", "b": " 0.5 ", "c": null, "d": "many", "e": 2.0, "f": 2.5, "g": "NaN", "h": 1e19});
        let mut parameters = Parameters::new("x", &value).unwrap();
        assert_eq!(parameters.number("a", json!(1)).unwrap(), 50.0);
        assert_eq!(parameters.number("b", json!(1)).unwrap(), 0.5);
        assert_eq!(parameters.number("absent", json!(7)).unwrap(), 7.0);
        for key in ["c", "d", "g"] {
            let error = parameters.number(key, json!(1)).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
        assert_eq!(parameters.integer("e", 1).unwrap(), 2);
        assert_eq!(parameters.integer("absent", -3).unwrap(), -3);
        assert!(parameters.integer("f", 1).is_err() && parameters.integer("h", 1).is_err());
    }

    #[test]
    fn flags_may_be_words() {
        let value = json!({"a": true, "b": "False", "c": "no"});
        let mut parameters = Parameters::new("x", &value).unwrap();
        assert!(parameters.flag("a", false).unwrap());
        assert!(!parameters.flag("b", true).unwrap());
        assert!(parameters.flag("c", true).is_err());
        assert!(parameters.flag("absent", true).unwrap());
    }

    #[test]
    fn lists_and_objects_may_be_texts() {
        let value = json!({
            "list": ["a", "b"], "json": "[\"a\", \"b\"]", "literal": "['a', \"b\"]", "single": "a, b", "number": "5",
            "blank": " ", "null": null, "mixed": ["a", 1], "object": {"a": 1}, "object_text": "{'a': 1}", "broken": "{a: 1}"
        });
        let parameters = Parameters::new("x", &value).unwrap();
        for key in ["list", "json", "literal"] {
            assert_eq!(parameters.texts(key).unwrap().unwrap(), ["a", "b"], "{key}");
        }
        assert_eq!(parameters.texts("single").unwrap().unwrap(), ["a, b"]);
        assert_eq!(parameters.texts("number").unwrap().unwrap(), ["5"]);
        assert!(parameters.texts("blank").unwrap().unwrap().is_empty());
        assert_eq!(parameters.texts("absent").unwrap(), None);
        for key in ["null", "mixed", "object"] {
            assert!(parameters.texts(key).unwrap_err().to_string().contains(key), "{key}");
        }
        for key in ["object", "object_text"] {
            assert_eq!(parameters.object(key).unwrap().unwrap()["a"], 1, "{key}");
        }
        assert_eq!(parameters.object("absent").unwrap(), None);
        for key in ["null", "list", "broken", "literal"] {
            assert!(parameters.object(key).is_err(), "{key}");
        }
    }

    #[test]
    fn echoes_tell_default_given_and_in_force() {
        let value = json!({"limit": "5", "free": null});
        let mut parameters = Parameters::new("x", &value).unwrap();
        parameters.number("limit", json!(10)).unwrap();
        parameters.integer("other", 1).unwrap();
        parameters.any("free", json!("a"));
        let mut data = Map::new();
        parameters.write_echoes(&mut data);
        assert_eq!(
            Value::Object(data),
            json!({
                "defaults": {"limit": 10, "other": 1, "free": "a"},
                "overrides": {"limit": "5", "other": null, "free": null},
                "parameters": {"limit": 5, "other": 1, "free": null},
            })
        );
    }
}
