//! Row-level issues (section 6 of the specification): what was changed, then the rows that had stray white space.

use serde_json::json;

use super::Standardization;
use super::columns::Change;
use crate::cleaning::lower;
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};

pub(super) fn collect(standardization: &Standardization<'_>) -> Vec<RowIssue> {
    let changes = standardization.changes().map(|(column, change)| {
        RowIssue::new(
            change.row,
            column,
            kind(change),
            Severity::Info,
            change_text(change),
            extra([("value", json!(change.original)), ("standardized_value", json!(change.standardized))]),
        )
    });
    let stray = standardization.passes().flat_map(|(column, _)| {
        column.stray_rows.iter().map(|(row, text)| {
            let message = format!("\"{text}\" has white space at an end, or two blanks in a row.");
            let name = column.column.name();
            RowIssue::new(
                *row,
                name,
                "format_violation",
                Severity::Info,
                message,
                extra([("value", json!(text))]),
            )
        })
    });
    changes.chain(stray).take(ROW_ISSUE_CAP).collect()
}

pub(super) fn change_text(change: &Change) -> String {
    format!("\"{}\" became \"{}\".", change.original, change.standardized)
}

fn kind(change: &Change) -> &'static str {
    if change.original.trim() == change.standardized {
        "format_violation"
    } else if lower(&change.original) == lower(&change.standardized) {
        "inconsistent_format"
    } else {
        "standardization_needed"
    }
}
