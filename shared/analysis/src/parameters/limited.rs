//! Values as the analytics tools take them (`_common-analyze-my-data.md` 2): what cannot be used gives way to the
//! default without an error, and limits cut what can.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use serde_json::Value;

use super::{Parameters, refused};
use crate::agent::AgentError;
use crate::dates::iso_day;

impl Parameters<'_> {
    /// A whole number, brought within `limits`. Numbers are cut towards zero, flags are 1 and 0, texts may have a sign
    /// and single `_` between digits. Anything else is the default; [`Self::ignored`] then names it.
    pub fn whole(&mut self, key: &str, default: i64, limits: RangeInclusive<i64>) -> i64 {
        let given = self.raw(key).filter(|value| !value.is_null());
        let whole = given.and_then(whole).map(|whole| whole.clamp(*limits.start(), *limits.end()));
        if given.is_some() && whole.is_none() {
            self.ignored.push(key.to_owned());
        }
        let whole = whole.unwrap_or(default);
        self.note(key, default.into(), whole.into());
        whole
    }

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

    /// Keys whose value could not be used.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        // A float beyond 64 bits becomes the nearest whole number that has them.
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().map(|number| number.trunc() as i64))
        }
        Value::String(text) => whole_of_text(text.trim()),
        _ => None,
    }
}

fn whole_of_text(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let groups = digits.split('_');
    let are_digits = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    if !groups.clone().all(are_digits) {
        return None;
    }
    let value = groups
        .flat_map(str::bytes)
        .fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn whole_numbers_are_cut_and_limited() {
        for (given, expected, ignored) in [
            (json!(7.9), 7, false),
            (json!(-7.9), 2, false),
            (json!(true), 2, false),
            (json!(" +1_0 "), 10, false),
            (json!(1e300), 10, false),
            (json!("99999999999999999999"), 10, false),
            (json!("5.0"), 5, true),
            (json!("1__0"), 5, true),
            (json!("_1"), 5, true),
            (json!("-"), 5, true),
            (json!([1]), 5, true),
            (json!(null), 5, false),
        ] {
            let object = json!({"n": given});
            let mut parameters = Parameters::new("x", &object).unwrap();
            assert_eq!(parameters.whole("n", 5, 2..=10), expected, "{given}");
            assert_eq!(parameters.ignored().len(), usize::from(ignored), "{given}");
        }
    }

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
