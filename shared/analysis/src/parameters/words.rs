//! Words, days and names of columns as the analytics tools take them (`_common-analyze-my-data.md` 2). Their numbers stand in
//! `bounded`.

use chrono::NaiveDate;
use serde_json::Value;

use super::{Parameters, refused};
use crate::agent::AgentError;
use crate::dates::iso_day;

impl Parameters<'_> {
    /// A word, trimmed and in lower case: one of `known`, any if there are none. Empty values and other words are the
    /// default.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] for a value of another type that is not empty.
    pub fn word(&mut self, key: &str, default: &str, known: &[&str]) -> Result<String, AgentError> {
        let word = match self.raw(key) {
            None | Some(Value::Null | Value::Bool(false)) => None,
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => None,
            Some(Value::Array(list)) if list.is_empty() => None,
            Some(Value::Object(object)) if object.is_empty() => None,
            Some(Value::String(text)) => Some(text.trim().to_lowercase()),
            Some(value) => return Err(refused(key, value, "a word is needed")),
        };
        let is_known =
            |word: &String| !word.is_empty() && (known.is_empty() || known.contains(&word.as_str()));
        let word = word.filter(is_known).unwrap_or_else(|| default.to_owned());
        self.note(key, default.into(), word.as_str().into());
        Ok(word)
    }

    /// A day in ISO form; `None` for anything else.
    pub fn day(&mut self, key: &str) -> Option<NaiveDate> {
        let day = self.raw(key).and_then(Value::as_str).and_then(iso_day);
        self.note(key, Value::Null, day.map_or(Value::Null, |day| day.to_string().into()));
        day
    }

    /// The names of columns that are needed, in the order of `keys`.
    ///
    /// # Errors
    /// [`AgentError::Parameter`] that names every missing key, or one whose value is no text.
    pub fn needed_columns<const N: usize>(&mut self, keys: [&str; N]) -> Result<[String; N], AgentError> {
        let missing = |key: &&str| self.raw(key).is_none_or(Value::is_null);
        let missing: Vec<&str> = keys.into_iter().filter(missing).collect();
        if !missing.is_empty() {
            let reason = "the name of a column is needed, none was given".to_owned();
            return Err(AgentError::Parameter { key: missing.join("`, `"), reason });
        }
        for key in keys {
            let value = self.raw(key).unwrap_or(&Value::Null);
            if !value.is_string() {
                return Err(refused(key, value, "the name of a column is needed"));
            }
            self.note(key, Value::Null, value.clone());
        }
        Ok(keys.map(|key| self.raw(key).and_then(Value::as_str).unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn words_days_and_columns() {
        let given = json!({"w": " RFM ", "o": "other", "e": [], "n": 5, "d": "20240131", "x": 7, "c": "a"});
        let mut parameters = Parameters::new("x", &given).unwrap();
        let known = ["rfm", "value"];
        assert_eq!(parameters.word("w", "value", &known).unwrap(), "rfm");
        assert_eq!(parameters.word("o", "value", &known).unwrap(), "value");
        assert_eq!(parameters.word("o", "value", &[]).unwrap(), "other");
        assert_eq!(parameters.word("e", "value", &[]).unwrap(), "value");
        assert!(parameters.word("n", "value", &[]).is_err());
        assert_eq!(parameters.day("d"), NaiveDate::from_ymd_opt(2024, 1, 31));
        assert_eq!(parameters.day("x"), None);
        let missing = parameters.needed_columns(["c", "y", "z"]).unwrap_err().to_string();
        assert!(missing.contains("`y`, `z`") && !missing.contains("`c`"), "{missing}");
        assert!(parameters.needed_columns(["c", "x"]).is_err());
        assert_eq!(parameters.needed_columns(["c"]).unwrap(), ["a"]);
        let mut data = Map::new();
        parameters.write_echoes(&mut data);
        assert_eq!(
            (&data["parameters"]["d"], &data["overrides"]["d"]),
            (&json!("2024-01-31"), &json!("20240131"))
        );
    }
}
