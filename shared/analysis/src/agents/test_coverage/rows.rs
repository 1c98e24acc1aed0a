//! Row-level issues (step 5 of the specification), at most 1000 in all.

use serde_json::{Value, json};

use super::outcome::{End, Outcome, limits};
use super::plan::Rule;
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra, number};
use crate::stats::{greater, less, percentage};
use crate::table::{Column, Table};
use crate::text::fixed;

/// What stands for a column where a whole row is meant.
pub(super) const NO_COLUMN: &str = "N/A";

/// The issues in the order of the specification.
pub(super) fn collect(table: &Table, outcomes: &[Outcome<'_>]) -> Vec<RowIssue> {
    let mut issues = Vec::new();
    for outcome in outcomes {
        let room = ROW_ISSUE_CAP - issues.len();
        if let End::Tested { column, violations: 1.., .. } = outcome.end {
            issues.extend(violations(column, &outcome.test.rule).take(room));
        }
    }
    let room = ROW_ISSUE_CAP - issues.len();
    issues.extend(sparse_rows(table).take(room));
    issues
}

fn violations<'a>(column: &'a Column, rule: &'a Rule) -> Box<dyn Iterator<Item = RowIssue> + 'a> {
    match rule {
        Rule::Uniqueness => Box::new(column.distinct().repeated_rows().map(|row| repeated(column, row))),
        Rule::Range { min, max } => Box::new(out_of_range(column, *min, *max)),
        Rule::Format { pattern: Err(_), .. } => Box::new(std::iter::empty()),
        Rule::Format { pattern: Ok(pattern), description } => {
            Box::new((0..column.len()).filter_map(move |row| {
                column.cell(row).cast().filter(|text| !pattern.is_match(text))?;
                Some(misformed(column, row, description))
            }))
        }
    }
}

fn repeated(column: &Column, row: usize) -> RowIssue {
    let value = column.cell(row).display();
    let message = format!("The value {value} occurs more than once in column \"{}\".", column.name());
    let extra = extra([("value", json!(value)), ("validation_type", json!("uniqueness"))]);
    RowIssue::new(row, column.name(), "test_coverage_gap", Severity::Critical, message, extra)
}

fn out_of_range(column: &Column, min: Option<f64>, max: Option<f64>) -> impl Iterator<Item = RowIssue> + '_ {
    let rows = column.numbers().into_iter().flatten();
    let rows = rows.filter(move |(_, value)| {
        min.is_some_and(|min| less(*value, min)) || max.is_some_and(|max| greater(*value, max))
    });
    rows.map(move |(row, _)| {
        let cell = column.cell(row);
        let message = format!("The value {} is outside of {}.", cell.display(), limits(min, max));
        let extra = extra([
            ("value", number(cell)),
            ("bounds", json!({"lower": min, "upper": max})),
            ("validation_type", json!("range")),
        ]);
        RowIssue::new(row, column.name(), "validation_missing", Severity::Warning, message, extra)
    })
}

fn misformed(column: &Column, row: usize, description: &Value) -> RowIssue {
    let value = column.cell(row).display();
    let name = description.as_str().map_or_else(|| description.to_string(), str::to_owned);
    let message = format!("The value {value} does not have the format \"{name}\".");
    let extra = extra([
        ("value", json!(value)),
        ("expected_format", description.clone()),
        ("validation_type", json!("format")),
    ]);
    RowIssue::new(row, column.name(), "edge_case_uncovered", Severity::Warning, message, extra)
}

fn sparse_rows(table: &Table) -> impl Iterator<Item = RowIssue> + '_ {
    let columns = table.columns().len();
    table.row_null_counts().iter().enumerate().filter_map(move |(row, nulls)| {
        let share = percentage(*nulls as usize, columns);
        (share > 20.0).then(|| {
            let message =
                format!("{nulls} of {columns} cells of this row have no value ({} %).", fixed(share, 1));
            let extra = extra([("null_count", json!(nulls)), ("validation_type", json!("edge_case"))]);
            RowIssue::new(row, NO_COLUMN, "edge_case_uncovered", Severity::Info, message, extra)
        })
    })
}
