//! Row-level issues (step 13 of the specification): column by column, at most 1000 in all.

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::field::{Field, Numeric};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::stats::outside;
use crate::table::{Cells, Column};
use crate::text::{Cell, fixed, looks_numeric};

/// Standard deviations from the mean beyond which a value is an anomaly.
const ANOMALY: f64 = 3.0;

/// The issues of all columns, in the order of the specification.
pub(super) fn collect(fields: &[Field<'_>]) -> Vec<RowIssue> {
    // Nulls and outliers are counted already: a column behind a thousand of them cannot be heard and is not searched.
    let mut room = ROW_ISSUE_CAP;
    let mut searched = Vec::new();
    for field in fields {
        if room == 0 {
            break;
        }
        searched.push((field, room));
        let outliers = field.numeric.as_ref().map_or(0, |numeric| numeric.outlier_count);
        room = room.saturating_sub(field.null_count + outliers);
    }
    let found: Vec<Vec<RowIssue>> = RAYON.install(|| {
        searched.into_par_iter().with_max_len(1).map(|(field, room)| of_column(field, room)).collect()
    });
    let mut issues: Vec<RowIssue> = found.into_iter().flatten().collect();
    issues.truncate(ROW_ISSUE_CAP);
    issues
}

/// At most `room` issues of one column.
fn of_column(field: &Field<'_>, room: usize) -> Vec<RowIssue> {
    let column = field.column;
    let mut issues: Vec<RowIssue> = column.null_rows().take(room).map(|row| null(column, row)).collect();
    if let Some(numeric) = &field.numeric {
        if numeric.outlier_count > 0 {
            let left = room - issues.len();
            let rows = numbers(column).filter(|(_, value)| outside(*value, numeric.lower, numeric.upper));
            issues.extend(rows.take(left).map(|(row, value)| outlier(column, row, value, numeric)));
        }
        if let Some((mean, std)) = numeric.spread.filter(|(mean, std)| numeric.has_anomalies(*mean, *std)) {
            let left = room - issues.len();
            let rows = numbers(column).map(|(row, value)| (row, value, (value - mean) / std));
            let rows = rows.filter(|(_, _, z)| z.abs() > ANOMALY);
            issues.extend(rows.take(left).map(|(row, value, z)| anomaly(column, row, value, z)));
        }
    }
    if let Cells::Text(cells) = column.cells() {
        let left = room - issues.len();
        let rows = cells.iter().enumerate().filter_map(|(row, text)| Some((row, text?)));
        let rows = rows.filter(|(_, text)| looks_numeric(text));
        issues.extend(rows.take(left).map(|(row, text)| mismatch(column, row, text)));
    }
    issues
}

impl Numeric<'_> {
    /// The z-score rises with the value, so the extremes tell whether any value exceeds it.
    fn has_anomalies(&self, mean: f64, std: f64) -> bool {
        let extremes = [self.ranking.min(), self.ranking.max()];
        extremes.into_iter().flatten().any(|value| ((value - mean) / std).abs() > ANOMALY)
    }
}

fn numbers(column: &Column) -> impl Iterator<Item = (usize, f64)> + '_ {
    column.numbers().into_iter().flatten()
}

fn issue(
    column: &Column,
    row: usize,
    issue_type: &'static str,
    severity: Severity,
    message: String,
    extra: Map<String, Value>,
) -> RowIssue {
    RowIssue {
        row_index: Some(row as u64),
        column: Some(column.name().to_owned()),
        issue_type: issue_type.into(),
        severity,
        message,
        extra,
    }
}

fn null(column: &Column, row: usize) -> RowIssue {
    let message = format!("Column \"{}\" has no value in this row.", column.name());
    issue(column, row, "null", Severity::Warning, message, extra([("value", Value::Null)]))
}

fn outlier(column: &Column, row: usize, value: f64, numeric: &Numeric<'_>) -> RowIssue {
    let message = format!(
        "The value {} of column \"{}\" lies outside of {} to {}, where most of its values are.",
        fixed(value, 2),
        column.name(),
        fixed(numeric.lower, 2),
        fixed(numeric.upper, 2)
    );
    let bounds = json!({"lower": numeric.lower, "upper": numeric.upper});
    issue(
        column,
        row,
        "outlier",
        Severity::Warning,
        message,
        extra([("value", column.json_number(row)), ("bounds", bounds)]),
    )
}

fn anomaly(column: &Column, row: usize, value: f64, z: f64) -> RowIssue {
    let message = format!(
        "The value {} of column \"{}\" is {} standard deviations away from the mean.",
        Cell::Float(value).display(),
        column.name(),
        fixed(z.abs(), 2)
    );
    let extra = extra([("value", column.json_number(row)), ("z_score", json!(z))]);
    issue(column, row, "distribution_anomaly", Severity::Info, message, extra)
}

fn mismatch(column: &Column, row: usize, text: &str) -> RowIssue {
    let message =
        format!("The text \"{text}\" of column \"{}\" is a number in a column of texts.", column.name());
    issue(column, row, "type_mismatch", Severity::Info, message, extra([("value", json!(text))]))
}
