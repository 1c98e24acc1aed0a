//! Personal data recognised in a sample of a column's values (steps 2 and 3 of the specification).

use regex::Regex;

use crate::agent::AgentError;
use crate::stats::{round, sample_positions};
use crate::table::Column;

/// Types and their patterns, in the order in which they are tried. The whole value must match; one line feed behind it
/// is tolerated. `\s` of the reference also holds the separators U+001C to U+001F.
const PATTERNS: [(&str, &str); 5] = [
    ("email_address", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"),
    // Fits other numbers and ISO dates as well, and is tried before them (Q1).
    ("phone_number", r"[\d\s\x1c-\x1f\-()+]{10,}"),
    ("ssn", r"\d{3}-\d{2}-\d{4}"),
    ("credit_card", r"\d{4}[\s\x1c-\x1f-]?\d{4}[\s\x1c-\x1f-]?\d{4}[\s\x1c-\x1f-]?\d{4}"),
    ("zipcode", r"\d{5}(-\d{4})?"),
];

/// Share of the sample that must be exceeded.
const SHARE: f64 = 0.5;
/// Share of values with an `@` that a column called e-mail must exceed.
const AT_SHARE: f64 = 0.7;
/// The reference's seed of the sample.
const SEED: u64 = 42;

/// What kind of personal data a column holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Personal {
    pub(super) kind: &'static str,
    pub(super) confidence: f64,
    /// What it adds to the column's score.
    pub(super) points: u32,
}

/// The patterns, compiled once for all columns.
pub(super) struct Recogniser {
    patterns: Vec<(&'static str, Regex)>,
    sample_size: usize,
}

impl Recogniser {
    pub(super) fn new(sample_size: usize) -> Result<Self, AgentError> {
        let compiled = PATTERNS.into_iter().map(|(kind, pattern)| {
            let whole = format!(r"^(?:{pattern})\n?$");
            Regex::new(&whole).map(|regex| (kind, regex)).map_err(|error| AgentError::Computation {
                step: "compiling a pattern of personal data",
                reason: error.to_string(),
            })
        });
        Ok(Self { patterns: compiled.collect::<Result<_, _>>()?, sample_size })
    }

    /// The kind of personal data in a column, if there is any.
    pub(super) fn recognise(&self, column: &Column, lower_name: &str) -> Option<Personal> {
        let sample = self.sample(column);
        let share = |matching: &dyn Fn(&str) -> bool| {
            // Of an empty sample NaN, which exceeds nothing.
            sample.iter().filter(|value| matching(value.as_str())).count() as f64 / sample.len() as f64
        };
        for (kind, pattern) in &self.patterns {
            let share = share(&|value| pattern.is_match(value));
            if share > SHARE {
                return Some(Personal { kind, confidence: round(share.min(0.99), 2), points: 80 });
            }
        }
        let is_email = matches!(lower_name, "email" | "email_address");
        (is_email && share(&|value| value.contains('@')) > AT_SHARE).then_some(Personal {
            kind: "email_address",
            confidence: 0.85,
            points: 75,
        })
    }

    /// Cast texts of the sampled values.
    fn sample(&self, column: &Column) -> Vec<String> {
        let values = column.value_count();
        let size = self.sample_size.min(values);
        let text = |row: usize| column.cell(row).cast().map(std::borrow::Cow::into_owned);
        let rows = column.value_rows();
        if size == values {
            return rows.filter_map(text).collect();
        }
        let mut positions = sample_positions(values, size, SEED).into_iter().peekable();
        let chosen = rows.enumerate().filter(|(position, _)| positions.next_if_eq(position).is_some());
        chosen.take(size).filter_map(|(_, row)| text(row)).collect()
    }
}
