//! What one test found (sections 3 and 4 of the specification).

use regex::Regex;
use serde_json::{Value, json};

use super::plan::{Rule, Test};
use crate::findings::{Severity, extra};
use crate::stats::percentage;
use crate::table::{Cells, Column, Table};
use crate::text::{counted, fixed};

/// The three kinds of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uniqueness,
    Range,
    Format,
}

/// How one test ended.
pub(super) struct Outcome<'a> {
    pub(super) test: &'a Test,
    pub(super) end: End<'a>,
}

pub(super) enum End<'a> {
    /// There is no such column.
    Missing,
    /// A range test of a column that is not numeric.
    NotNumeric,
    /// The pattern cannot be used, for this reason.
    BadPattern(&'a str),
    /// So many of the values (of all rows, for uniqueness) violate the rule.
    Tested { column: &'a Column, violations: usize, of: usize },
}

impl<'a> Outcome<'a> {
    pub(super) fn of(table: &'a Table, test: &'a Test) -> Self {
        let end = table.column(&test.column).map_or(End::Missing, |column| End::of(column, &test.rule));
        Self { test, end }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.test.rule {
            Rule::Uniqueness => Kind::Uniqueness,
            Rule::Range { .. } => Kind::Range,
            Rule::Format { .. } => Kind::Format,
        }
    }

    /// How much the score of the kind falls.
    pub(super) fn penalty(&self) -> f64 {
        match (&self.end, self.kind()) {
            (End::Missing, Kind::Uniqueness) => 20.0,
            (End::Missing, Kind::Range | Kind::Format) => 15.0,
            (End::NotNumeric, _) => 10.0,
            (End::BadPattern(_), _) => 5.0,
            (End::Tested { violations, of, .. }, kind) => {
                let most: f64 = match kind {
                    Kind::Uniqueness => 25.0,
                    Kind::Range => 20.0,
                    Kind::Format => 15.0,
                };
                most.min(percentage(*violations, *of))
            }
        }
    }

    /// Violations found; 0 for tests that could not be made.
    pub(super) fn violations(&self) -> usize {
        match self.end {
            End::Tested { violations, .. } => violations,
            _ => 0,
        }
    }

    /// The type of the issue that this outcome is; `None` when there is nothing to tell.
    pub(super) fn issue_type(&self) -> Option<&'static str> {
        match (&self.end, self.kind()) {
            (End::Missing, Kind::Uniqueness) => Some("missing_unique_column"),
            (End::Missing, Kind::Range) => Some("missing_range_column"),
            (End::Missing, Kind::Format) => Some("missing_format_column"),
            (End::BadPattern(_), _) => Some("invalid_regex_pattern"),
            (End::NotNumeric, _) | (End::Tested { violations: 0, .. }, _) => None,
            (End::Tested { .. }, Kind::Uniqueness) => Some("uniqueness_violation"),
            (End::Tested { .. }, Kind::Range) => Some("range_violation"),
            (End::Tested { .. }, Kind::Format) => Some("format_violation"),
        }
    }

    pub(super) fn is_critical(&self) -> bool {
        self.kind() == Kind::Uniqueness
    }

    /// What the issue says.
    pub(super) fn message(&self) -> String {
        let name = &self.test.column;
        match (&self.end, &self.test.rule) {
            (End::Missing, _) => format!("There is no column \"{name}\", so it could not be tested."),
            (End::NotNumeric, _) => format!("Column \"{name}\" is not numeric, so it has no range."),
            (End::BadPattern(reason), _) => {
                format!("The pattern for column \"{name}\" cannot be used: {reason}")
            }
            (End::Tested { violations, of, .. }, rule) => {
                let share = fixed(percentage(*violations, *of), 1);
                let what = match rule {
                    Rule::Uniqueness => "whose value occurs more than once".to_owned(),
                    Rule::Range { min, max } => format!("outside of {}", limits(*min, *max)),
                    Rule::Format { pattern, .. } => {
                        let pattern = pattern.as_ref().map(Regex::as_str).unwrap_or_default();
                        format!("that the pattern {pattern} does not match")
                    }
                };
                let one = if matches!(rule, Rule::Uniqueness) { "row" } else { "value" };
                let many = format!("{one}s");
                format!("Column \"{name}\" has {} {what} ({share} %).", counted(*violations, one, &many))
            }
        }
    }

    /// The issue in the answer's `data`.
    pub(super) fn to_json(&self) -> Option<Value> {
        let issue_type = self.issue_type()?;
        let severity = if self.is_critical() { Severity::Critical } else { Severity::Warning };
        let mut issue = extra([
            ("type", json!(issue_type)),
            ("field", json!(self.test.column)),
            ("severity", json!(severity)),
            ("message", json!(self.message())),
        ]);
        if let End::Tested { violations, .. } = self.end {
            let key = if self.is_critical() { "duplicate_count" } else { "violations" };
            issue.insert(key.to_owned(), json!(violations));
        }
        Some(Value::Object(issue))
    }
}

impl<'a> End<'a> {
    fn of(column: &'a Column, rule: &'a Rule) -> Self {
        let tested = |violations, of| Self::Tested { column, violations, of };
        match rule {
            Rule::Uniqueness => tested(column.distinct().repeated_count(), column.len()),
            Rule::Range { min, max } => match column.ranking() {
                None => Self::NotNumeric,
                Some(ranking) => {
                    let violations = match (*min, *max) {
                        (Some(min), Some(max)) => ranking.count_outside(min, max),
                        (Some(min), None) => ranking.count_below(min),
                        (None, Some(max)) => ranking.count_above(max),
                        (None, None) => 0,
                    };
                    tested(violations, column.value_count())
                }
            },
            // A bad pattern is not noticed where there is nothing to match.
            Rule::Format { .. } if column.value_count() == 0 => tested(0, 0),
            Rule::Format { pattern: Err(reason), .. } => Self::BadPattern(reason),
            Rule::Format { pattern: Ok(pattern), .. } => {
                tested(count_not_matching(column, pattern), column.value_count())
            }
        }
    }
}

fn count_not_matching(column: &Column, pattern: &Regex) -> usize {
    match column.cells() {
        Cells::Text(cells) => cells.iter().flatten().filter(|text| !pattern.is_match(text)).count(),
        // Other types would have to be cast row by row; distinct values stand for all.
        _ => {
            let groups = column.distinct().groups().filter(|group| {
                let text = column.cell(group.first_row as usize).cast();
                text.is_some_and(|text| !pattern.is_match(&text))
            });
            groups.map(|group| group.count as usize).sum()
        }
    }
}

/// `1 to 5`, `at least 1`, `at most 5`.
pub(super) fn limits(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "no limits".to_owned(),
    }
}
