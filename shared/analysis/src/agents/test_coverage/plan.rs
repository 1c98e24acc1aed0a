//! The tests that a client defines, as they stand in the parameters (section 2 of the specification).

use regex::Regex;
use serde_json::{Map, Value};

use crate::agent::AgentError;
use crate::parameters::Parameters;

/// All tests: uniqueness, range, format, each in the order of its parameter.
pub(super) struct Plan {
    pub(super) tests: Vec<Test>,
}

/// One test of one column.
pub(super) struct Test {
    pub(super) column: String,
    pub(super) rule: Rule,
}

/// What a column is tested for.
pub(super) enum Rule {
    /// No value occurs twice.
    Uniqueness,
    /// No number is less than `min` or greater than `max`.
    Range {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// Each value begins as the pattern says.
    Format {
        /// The pattern, or why it cannot be used.
        pattern: Result<Regex, String>,
        /// What the client calls the format.
        description: Value,
    },
}

impl Plan {
    /// Takes the three parameters; null means no tests.
    pub(super) fn new(parameters: &Parameters<'_>) -> Result<Self, AgentError> {
        let mut tests = Vec::new();
        if !is_null(parameters, "unique_columns") {
            let columns = parameters.texts("unique_columns")?.unwrap_or_default();
            tests.extend(columns.into_iter().map(|column| Test { column, rule: Rule::Uniqueness }));
        }
        for (column, limits) in object(parameters, "range_tests")? {
            let Value::Object(limits) = limits else {
                return Err(refused("range_tests", &column, "an object with `min` and `max`", &limits));
            };
            let rule =
                Rule::Range { min: bound(&column, &limits, "min")?, max: bound(&column, &limits, "max")? };
            tests.push(Test { column, rule });
        }
        for (column, format) in object(parameters, "format_tests")? {
            tests.push(Test { column, rule: format_rule(format) });
        }
        Ok(Self { tests })
    }
}

fn is_null(parameters: &Parameters<'_>, key: &str) -> bool {
    parameters.raw(key).is_some_and(Value::is_null)
}

fn object(parameters: &Parameters<'_>, key: &str) -> Result<Map<String, Value>, AgentError> {
    if is_null(parameters, key) {
        return Ok(Map::new());
    }
    parameters.object(key).map(Option::unwrap_or_default)
}

fn bound(column: &str, limits: &Map<String, Value>, key: &str) -> Result<Option<f64>, AgentError> {
    match limits.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(Some)
            .ok_or_else(|| refused("range_tests", column, &format!("a number as `{key}`"), value)),
    }
}

fn refused(key: &str, column: &str, needed: &str, given: &Value) -> AgentError {
    AgentError::Parameter {
        key: key.to_owned(),
        reason: format!("{needed} is needed for column \"{column}\", got {given}"),
    }
}

fn format_rule(format: Value) -> Rule {
    let (pattern, description) = match format {
        Value::Object(mut format) => {
            let description = format.remove("description").unwrap_or_else(|| Value::from("format"));
            (format.remove("pattern").unwrap_or_default(), description)
        }
        pattern => (pattern, Value::from("format")),
    };
    let pattern = match pattern.as_str() {
        // The mark stands before the whole pattern: of `a|b`, only `a` is bound to the beginning.
        Some(text) if text.starts_with('^') => Regex::new(text).map_err(|error| error.to_string()),
        Some(text) => Regex::new(&format!("^{text}")).map_err(|error| error.to_string()),
        None => Err(format!("a text is needed, got {pattern}")),
    };
    Rule::Format { pattern, description }
}
