//! What a client asks of the rows (section 2 of the specification).

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::parameters::Parameters;

/// The parameters, and which detectors run.
pub(super) struct Settings {
    pub(super) required: Vec<String>,
    pub(super) ranges: Map<String, Value>,
    pub(super) formats: Map<String, Value>,
    pub(super) schema: Map<String, Value>,
    pub(super) finds_missing: bool,
    pub(super) finds_types: bool,
    pub(super) finds_ranges: bool,
    pub(super) finds_formats: bool,
    pub(super) finds_broken: bool,
    pub(super) finds_suspicious: bool,
    pub(super) finds_schema: bool,
}

impl Settings {
    pub(super) fn new(parameters: &mut Parameters<'_>) -> Self {
        let required = parameters.lenient_list("required_fields", Vec::new());
        Self {
            // What is no text names no column.
            required: required.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
            ranges: parameters.lenient_object("range_constraints"),
            formats: parameters.lenient_object("format_constraints"),
            schema: parameters.lenient_object("expected_schema"),
            finds_missing: parameters.truth("detect_missing_fields", true),
            finds_types: parameters.truth("detect_type_mismatches", true),
            finds_ranges: parameters.truth("detect_out_of_range", true),
            finds_formats: parameters.truth("detect_invalid_formats", true),
            finds_broken: parameters.truth("detect_broken_records", true),
            finds_schema: parameters.truth("detect_schema_mismatches", true),
            finds_suspicious: parameters.truth("detect_suspicious_text", true),
        }
    }
}

/// What the values of a column must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A number, whole or not.
    Number,
    /// A flag.
    Flag,
}

impl Wanted {
    /// The type of a schema; other names ask for the column only.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "numeric" | "integer" | "float" => Some(Self::Number),
            "boolean" => Some(Self::Flag),
            _ => None,
        }
    }
}

/// Bounds of a column's numbers; they belong to the range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    min: Option<f64>,
    max: Option<f64>,
}

impl Range {
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn of(constraint: &Value) -> Result<Self, String> {
        let Value::Object(bounds) = constraint else {
            return Err(format!("`min` and `max` are needed, got {constraint}"));
        };
        let bound = |key: &str| match bounds.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = match value {
                    Value::String(text) => text.trim().parse().ok(),
                    other => other.as_f64(),
                };
                let number = number.filter(|number: &f64| !number.is_nan());
                number.map(Some).ok_or_else(|| format!("`{key}` must be a number, got {value}"))
            }
        };
        Ok(Self { min: bound("min")?, max: bound("max")? })
    }

    /// Whether a number lies outside; NaN lies above every maximum.
    pub(super) fn excludes(self, value: f64) -> bool {
        self.min.is_some_and(|min| value < min) || self.max.is_some_and(|max| value > max || value.is_nan())
    }

    /// The bounds in words.
    pub(super) fn describe(self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, Some(max)) => format!("at most {max}"),
            (None, None) => "any number".to_owned(),
        }
    }
}

/// The pattern of a column's values.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn pattern(constraint: &Value) -> Result<Regex, String> {
    let Value::String(source) = constraint else {
        return Err(format!("a pattern is needed, got {constraint}"));
    };
    Regex::new(source).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
        format!("the pattern {} is not understood: {reason}", json!(source))
    })
}
