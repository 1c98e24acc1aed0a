//! Row-level issues (section 4, step 6, of the specification), at most 1000 in all.

use std::collections::BTreeMap;

use serde_json::json;

use super::RequiredFields;
use super::personal::{Classification, PersonalColumn};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::table::Table;

/// What stands for a column where several are meant.
pub(super) const SEVERAL: &str = "multiple";

/// The issues in the order of the specification.
pub(super) fn collect(
    table: &Table,
    required: &RequiredFields,
    personal: &[PersonalColumn<'_>],
    classification: Option<&Classification>,
) -> Vec<RowIssue> {
    let mut issues = rows_with_gaps(table, required);
    if let Some(classification) = classification {
        for column in personal {
            let room = ROW_ISSUE_CAP - issues.len();
            issues.extend(column.rows(classification.open()).take(room).map(|row| exposed(column, row)));
        }
    }
    issues
}

/// Rows in which an existing required field has no value.
fn rows_with_gaps(table: &Table, required: &RequiredFields) -> Vec<RowIssue> {
    let fields = required.lineage.iter().chain(&required.consent).chain(&required.classification);
    let mut gaps: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for column in fields.filter_map(|field| table.column(field)) {
        // A row that is among the first thousand of all fields is so in each of its fields.
        for row in column.null_rows().take(ROW_ISSUE_CAP) {
            gaps.entry(row).or_default().push(column.name());
        }
    }
    gaps.into_iter().take(ROW_ISSUE_CAP).map(|(row, fields)| gap(row, &fields, required)).collect()
}

fn gap(row: usize, fields: &[&str], required: &RequiredFields) -> RowIssue {
    let concerns = |list: &[String]| list.iter().any(|name| fields.contains(&name.as_str()));
    let (issue_type, severity) = if !concerns(&required.lineage) && concerns(&required.consent) {
        ("compliance_issue", Severity::Critical)
    } else {
        ("policy_violation", Severity::Warning)
    };
    let message = format!("Required fields without a value in this row: {}.", fields.join(", "));
    RowIssue::new(row, SEVERAL, issue_type, severity, message, extra([("missing_fields", json!(fields))]))
}

fn exposed(column: &PersonalColumn<'_>, row: usize) -> RowIssue {
    let message = format!(
        "Column \"{}\" holds personal data ({}) in a row that is public or not classified.",
        column.name, column.kind
    );
    let extra = extra([("pii_columns", json!([column.name]))]);
    RowIssue::new(row, column.name, "compliance_issue", Severity::Critical, message, extra)
}
