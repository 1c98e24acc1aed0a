//! Numbers as the analytics tools take them (`_common-analyze-my-data.md` 2): what is no number counts as absent, and
//! what is one is brought within its bounds.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::Parameters;

impl Parameters<'_> {
    /// A whole number: numbers cut towards zero, flags as 1 and 0, digits as text with single `_` between them.
    pub fn bounded_integer(&mut self, key: &str, default: i64, bounds: RangeInclusive<i64>) -> i64 {
        let value = self.bounded_integer_if_given(key, bounds).unwrap_or(default);
        self.note(key, default.into(), value.into());
        value
    }

    /// As [`Self::bounded_integer`], of a parameter whose default is that there is none.
    pub fn bounded_integer_if_given(&mut self, key: &str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let value = self.useful(key, whole_number).map(|value| value.clamp(*bounds.start(), *bounds.end()));
        self.note(key, Value::Null, value.into());
        value
    }

    /// A number: as such, flags as 1 and 0, or as text in decimal or exponent form.
    pub fn bounded_number(&mut self, key: &str, default: f64, bounds: RangeInclusive<f64>) -> f64 {
        let value = self.useful(key, finite_number);
        let value = value.map_or(default, |value| value.clamp(*bounds.start(), *bounds.end()));
        self.note(key, default.into(), value.into());
        value
    }

    /// What a value means; a value that means nothing is noted as ignored.
    fn useful<T>(&mut self, key: &str, meaning: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.raw(key).filter(|value| !value.is_null())?;
        let useful = meaning(value);
        if useful.is_none() {
            self.ignored.push(key.to_owned());
        }
        useful
    }
}

fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(i64::from(*flag)),
        // Converting cuts towards zero, and stays within 64 bits.
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            let is_group = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
            if !digits.split('_').all(is_group) {
                return None;
            }
            // Digits only: what does not fit is too large, or too small.
            let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
            Some(text.replace('_', "").parse().unwrap_or(beyond))
        }
        _ => None,
    }
}

fn finite_number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    #[test]
    fn whole_numbers_are_cut_and_bounded() {
        for (given, value) in [
            (json!(5.9), 5),
            (json!(-5.9), -5),
            (json!(true), 1),
            (json!(" +1_0 "), 10),
            (json!("-007"), -7),
            (json!(1e300), 100),
            (json!("99999999999999999999"), 100),
            (json!("-99999999999999999999"), -100),
            (json!("1__0"), 42),
            (json!("_1"), 42),
            (json!("5.0"), 42),
            (json!("1e3"), 42),
            (json!(""), 42),
            (json!(null), 42),
            (json!([1]), 42),
        ] {
            let parameters = json!({"n": given});
            let mut parameters = Parameters::new("x", &parameters).unwrap();
            assert_eq!(parameters.bounded_integer("n", 42, -100..=100), value, "{given}");
            assert_eq!(parameters.ignored.is_empty(), value != 42 || given.is_null(), "{given}");
        }
    }

    #[test]
    fn numbers_are_bounded_and_finite() {
        for (given, value) in [
            (json!(0.5), 0.5),
            (json!(" 5e-1 "), 0.5),
            (json!("+.5"), 0.5),
            (json!(false), 0.0),
            (json!(7), 1.0),
            (json!("-3"), 0.0),
            (json!("1e400"), 0.25),
            (json!("nan"), 0.25),
            (json!("50%"), 0.25),
            (json!({}), 0.25),
        ] {
            let parameters = json!({"n": given});
            let mut parameters = Parameters::new("x", &parameters).unwrap();
            assert_eq!(parameters.bounded_number("n", 0.25, 0.0..=1.0), value, "{given}");
        }
    }

    #[test]
    fn what_was_no_use_is_told() {
        let given = json!({"a": "many", "b": 3, "d": "many"});
        let mut parameters = Parameters::new("x", &given).unwrap();
        assert_eq!(parameters.bounded_integer_if_given("a", 0..=9), None);
        assert_eq!(parameters.bounded_integer_if_given("b", 0..=9), Some(3));
        assert_eq!(parameters.bounded_integer_if_given("c", 0..=9), None);
        parameters.bounded_number("d", 1.0, 0.0..=9.0);
        let mut data = Map::new();
        parameters.write_echoes(&mut data);
        assert_eq!(data["ignored_parameters"], json!(["a", "d"]));
        assert_eq!(data["parameters"], json!({"a": null, "b": 3, "c": null, "d": 1.0}));
    }
}
