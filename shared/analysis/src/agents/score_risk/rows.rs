//! Row-level issues: rows whose values are personal, fall under a law, or wait for remediation.

use std::collections::BTreeSet;

use serde_json::json;

use super::field::{Field, Framework, Level};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::text::counted;

/// A column whose presence in a row matters, and why.
struct Watched<'f, 'a> {
    field: &'f Field<'a>,
    present: Box<dyn Iterator<Item = bool> + 'f>,
    /// Whether the current row has a value.
    here: bool,
}

impl Watched<'_, '_> {
    fn is_personal(&self) -> bool {
        self.field.level == Level::High && self.field.personal.is_some()
    }

    fn is_in_breach(&self) -> bool {
        self.field.breaches().next().is_some()
    }
}

/// The issues in the order of the rows; stops as soon as the list is full.
pub(super) fn collect(fields: &[Field<'_>]) -> Vec<RowIssue> {
    let mut watched: Vec<Watched<'_, '_>> = fields
        .iter()
        .filter(|field| field.is_at_risk() || field.breaches().next().is_some())
        .map(|field| Watched { field, present: field.column.presence(), here: false })
        .collect();
    let Some(rows) = watched.first().map(|first| first.field.column.len()) else { return Vec::new() };
    let joined = |holds: fn(&Watched<'_, '_>) -> bool| {
        watched
            .iter()
            .filter(|column| holds(column))
            .map(|column| column.field.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let personal_columns = joined(|column| column.is_personal());
    let breach_columns = joined(|column| column.is_in_breach());
    let mut issues = Vec::new();
    for row in 0..rows {
        for column in &mut watched {
            column.here = column.present.next().unwrap_or(false);
        }
        let before = issues.len();
        issues.extend(personal(row, &watched, &personal_columns));
        issues.extend(breach(row, &watched, &breach_columns));
        if issues.len() == before {
            issues.extend(remediation(row, &watched));
        }
        if issues.len() >= ROW_ISSUE_CAP {
            break;
        }
    }
    issues.truncate(ROW_ISSUE_CAP);
    issues
}

fn issue(
    row: usize,
    columns: &str,
    issue_type: &'static str,
    severity: Severity,
    message: String,
    key: &str,
    values: &[&str],
) -> RowIssue {
    RowIssue {
        row_index: Some(row as u64),
        column: Some(columns.to_owned()),
        issue_type: issue_type.into(),
        severity,
        message,
        extra: extra([(key, json!(values))]),
    }
}

fn personal(row: usize, watched: &[Watched<'_, '_>], columns: &str) -> Option<RowIssue> {
    let present = watched.iter().filter(|column| column.here && column.is_personal());
    let kinds: BTreeSet<&str> =
        present.filter_map(|column| column.field.personal).map(|personal| personal.kind).collect();
    if kinds.is_empty() {
        return None;
    }
    let critical = kinds.contains("ssn") || kinds.contains("credit_card");
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let message = format!(
        "This row holds {} of personal data: {}.",
        counted(kinds.len(), "kind", "kinds"),
        kinds.join(", ")
    );
    let severity = if critical { Severity::Critical } else { Severity::Info };
    Some(issue(row, columns, "risk_high", severity, message, "pii_types", &kinds))
}

fn breach(row: usize, watched: &[Watched<'_, '_>], columns: &str) -> Option<RowIssue> {
    let named = |framework: &Framework| {
        watched.iter().any(|column| column.here && column.field.frameworks.contains(framework))
    };
    let frameworks: Vec<Framework> = Framework::BY_NAME.into_iter().filter(named).collect();
    if frameworks.is_empty() {
        return None;
    }
    let critical = frameworks.iter().any(|framework| *framework != Framework::Ccpa);
    let names: Vec<&str> = frameworks.into_iter().map(Framework::name).collect();
    let message = format!("This row holds values that fall under {}.", names.join(", "));
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    Some(issue(row, columns, "compliance_violation", severity, message, "frameworks", &names))
}

fn remediation(row: usize, watched: &[Watched<'_, '_>]) -> Option<RowIssue> {
    let at_risk = watched.iter().filter(|column| column.here && column.field.is_at_risk());
    let names: Vec<&str> = at_risk.map(|column| column.field.name()).collect();
    if names.is_empty() {
        return None;
    }
    let columns = names.join(", ");
    let message =
        format!("This row has a value in {} at risk: {columns}.", counted(names.len(), "column", "columns"));
    Some(issue(row, &columns, "remediation_needed", Severity::Warning, message, "affected_fields", &names))
}
