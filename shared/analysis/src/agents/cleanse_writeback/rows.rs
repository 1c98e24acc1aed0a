//! Row-level issues (section 6 of the specification): all of them belong to the file, not to a row.

use serde_json::{Value, json};

use super::Writeback;
use super::checks::{Check, NULLS, NUMERIC, RETENTION};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};

/// Issues of one check, or of the failed agents, that are listed.
const PER_SOURCE: usize = 50;

pub(super) fn collect(writeback: &Writeback) -> Vec<RowIssue> {
    let agents = writeback.manifests.failed().take(PER_SOURCE).map(|agent| {
        let message = format!("Agent {} failed: {}", agent.agent_id, agent.error);
        let extra = extra([
            ("value", Value::Null),
            ("agent_id", json!(agent.agent_id)),
            ("upstream_error", json!(true)),
        ]);
        RowIssue::new(0, "global", "writeback_failed", Severity::Critical, message, extra)
    });
    writeback.failed().flat_map(of_check).chain(agents).take(ROW_ISSUE_CAP).collect()
}

fn of_check(check: &Check) -> Vec<RowIssue> {
    let name = || ("check_name", json!(check.key));
    let nothing = || ("value", Value::Null);
    match check.key {
        NUMERIC => check
            .details
            .iter()
            .take(PER_SOURCE)
            .map(|detail| {
                let (severity, message) = (Severity::Critical, detail.message.clone());
                RowIssue::new(
                    0,
                    &detail.column,
                    "writeback_failed",
                    severity,
                    message,
                    extra([nothing(), name()]),
                )
            })
            .collect(),
        NULLS => check
            .high_nulls
            .iter()
            .take(PER_SOURCE)
            .map(|high| {
                let message = format!("{} % of column {} have no value.", high.share, high.column);
                let extra = extra([nothing(), ("null_percentage", json!(high.share)), name()]);
                RowIssue::new(0, &high.column, "writeback_failed", Severity::Critical, message, extra)
            })
            .collect(),
        RETENTION => check
            .details
            .iter()
            .take(PER_SOURCE)
            .map(|detail| {
                let (kind, severity) = match detail.kind {
                    "column_loss" => ("integrity_violation", Severity::High),
                    _ => ("rollback_needed", Severity::Critical),
                };
                let count = |key: &str| detail.json.get(key).cloned().unwrap_or(Value::Null);
                let extra = extra([
                    nothing(),
                    ("original_count", count("original")),
                    ("final_count", count("current")),
                    name(),
                ]);
                RowIssue::new(0, "global", kind, severity, detail.message.clone(), extra)
            })
            .collect(),
        _ => Vec::new(),
    }
}
