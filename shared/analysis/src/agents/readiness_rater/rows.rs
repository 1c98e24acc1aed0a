//! Row-level issues (section 4.2 of the specification), at most 1000 in all.

use serde_json::{Value, json};

use super::field::Field;
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra, number};
use crate::stats::{outside, percentage, round};
use crate::table::{Cells, Table};
use crate::text::{fixed, to_float};

/// Most issues of one kind, or of one kind and column.
const KIND_CAP: usize = 100;

/// The issues in the order of the specification.
pub(super) fn collect(table: &Table, fields: &[Field<'_>]) -> Vec<RowIssue> {
    let mut issues: Vec<RowIssue> = sparse_rows(table).take(KIND_CAP).collect();
    for field in fields {
        issues.extend(outliers(field).take(room(&issues)));
    }
    let repeated = table.repeated_rows().iter().map(|row| repeated(*row as usize));
    let left = room(&issues);
    issues.extend(repeated.take(left));
    for field in fields {
        issues.extend(unparsed_dates(field).take(room(&issues)));
    }
    for field in fields.iter().filter(|field| field.is_named_like_a_number()) {
        issues.extend(no_numbers(field).take(room(&issues)));
    }
    issues
}

fn room(issues: &[RowIssue]) -> usize {
    (ROW_ISSUE_CAP - issues.len().min(ROW_ISSUE_CAP)).min(KIND_CAP)
}

fn sparse_rows(table: &Table) -> impl Iterator<Item = RowIssue> + '_ {
    let columns = table.columns().len();
    table.row_null_counts().iter().enumerate().filter_map(move |(row, nulls)| {
        let share = percentage(*nulls as usize, columns);
        (share > 30.0).then(|| {
            RowIssue::new(
                row,
                "global",
                "readiness_low",
                if share > 50.0 { Severity::Critical } else { Severity::Warning },
                format!("{nulls} of {columns} cells of this row have no value ({} %).", fixed(share, 1)),
                extra([("value", Value::Null), ("null_percentage", json!(round(share, 2)))]),
            )
        })
    })
}

fn outliers<'f>(field: &'f Field<'_>) -> impl Iterator<Item = RowIssue> + 'f {
    let outliers = field.outliers.as_ref().filter(|outliers| outliers.count > 0);
    outliers.into_iter().flat_map(move |outliers| {
        let (lower, upper) = (outliers.fences.lower, outliers.fences.upper);
        let rows = field.column.numbers().into_iter().flatten();
        rows.filter(move |(_, value)| outside(*value, lower, upper)).map(move |(row, value)| {
            RowIssue::new(
                row,
                field.name(),
                "validation_failed",
                Severity::Warning,
                format!(
                    "The value {} is outside of {} to {}, where most values of this column are.",
                    fixed(value, 2),
                    fixed(lower, 2),
                    fixed(upper, 2)
                ),
                extra([
                    ("value", number(field.column.cell(row))),
                    ("bounds", json!({"lower": lower, "upper": upper})),
                ]),
            )
        })
    })
}

fn repeated(row: usize) -> RowIssue {
    RowIssue::new(
        row,
        "global",
        "quality_gate_failed",
        Severity::High,
        "Another row is equal to this one in all columns.".to_owned(),
        extra([("value", Value::Null)]),
    )
}

fn unparsed_dates<'f>(field: &'f Field<'_>) -> impl Iterator<Item = RowIssue> + 'f {
    let rows = field.dates.as_ref().map(|dates| dates.unparsed.as_slice()).unwrap_or_default();
    rows.iter().filter_map(move |row| {
        let Cells::Text(cells) = field.column.cells() else {
            return None;
        };
        let row = *row as usize;
        let text = cells.get(row)?;
        Some(text_issue(field, row, text, Severity::Warning, "no date of the format that this column has"))
    })
}

fn no_numbers<'f>(field: &'f Field<'_>) -> impl Iterator<Item = RowIssue> + 'f {
    let cells = match field.column.cells() {
        Cells::Text(cells) => Some(cells),
        _ => None,
    };
    let rows = cells.into_iter().flat_map(|cells| cells.iter().enumerate());
    rows.filter_map(move |(row, cell)| {
        let text = cell.filter(|text| to_float(text).is_none())?;
        Some(text_issue(
            field,
            row,
            text,
            Severity::Medium,
            "no number, as the name of this column announces",
        ))
    })
}

fn text_issue(field: &Field<'_>, row: usize, text: &str, severity: Severity, what: &str) -> RowIssue {
    let message = format!("The text \"{text}\" is {what}.");
    RowIssue::new(row, field.name(), "validation_failed", severity, message, extra([("value", json!(text))]))
}
