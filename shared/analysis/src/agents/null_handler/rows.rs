//! Row-level issues, from the file as it was read: null words are not among them (section 6).

use serde_json::{Value, json};

use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::stats::round;
use crate::table::Table;
use crate::text::Cell;

/// Rows with a null that are looked at.
const ROWS: usize = 1000;

/// Share of nulls above which a row is worth a note, and above which it is a pattern.
const NOTABLE: f64 = 0.15;
pub(super) const CLUSTERED: f64 = 0.3;

pub(super) fn collect(raw: &Table) -> Vec<RowIssue> {
    let width = raw.columns().len();
    let rows = raw.row_null_counts().iter().enumerate().filter(|(_, nulls)| **nulls > 0).take(ROWS);
    rows.flat_map(|(row, nulls)| of_row(raw, row, *nulls as usize, width)).take(ROW_ISSUE_CAP).collect()
}

fn of_row(raw: &Table, row: usize, nulls: usize, width: usize) -> impl Iterator<Item = RowIssue> + '_ {
    let empty = raw.columns().iter().filter(move |column| column.cell(row) == Cell::Null);
    let cells = empty.map(move |column| {
        let message = format!("Column {} has no value in this row.", column.name());
        let nothing = extra([("value", Value::Null)]);
        RowIssue::new(row, column.name(), "null", Severity::Warning, message, nothing)
    });
    let ratio = nulls as f64 / width as f64;
    let kind = match ratio {
        ratio if ratio > CLUSTERED => Some(("null_pattern", Severity::Critical)),
        ratio if ratio > NOTABLE => Some(("missing_data_anomaly", Severity::Warning)),
        _ => None,
    };
    cells.chain(kind.map(|(kind, severity)| {
        RowIssue::new(
            row,
            "multiple",
            kind,
            severity,
            format!("{nulls} of {width} cells of this row have no value."),
            extra([("null_count", json!(nulls)), ("null_ratio", json!(round(ratio, 2)))]),
        )
    }))
}
