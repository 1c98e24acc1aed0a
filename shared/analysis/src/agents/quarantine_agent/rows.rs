//! Row-level issues in four parts (section 6 of the specification).

use hashbrown::HashMap;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::Judged;
use super::detection::{Flaw, INVALID_CONFIGURATION};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::text::counted;

/// Flaws in the first part, rows in the last.
const FLAWS: usize = 500;
const ROWS: usize = 100;
/// Flaws of a row that make it suspicious, and that make that critical.
const SUSPICIOUS: usize = 2;
const CRITICAL: usize = 3;

pub(super) fn collect(judged: &Judged) -> Vec<RowIssue> {
    let first = judged.flaws().get(..FLAWS).unwrap_or(judged.flaws());
    let mut issues: Vec<RowIssue> = first.iter().map(of_flaw).collect();
    let mut flaws_of: IndexMap<usize, usize> = IndexMap::new();
    // What is wrong with the configuration is no row's fault.
    for flaw in first.iter().filter(|flaw| flaw.kind != INVALID_CONFIGURATION) {
        *flaws_of.entry(flaw.row).or_default() += 1;
    }
    issues.extend(flaws_of.into_iter().filter(|(_, count)| *count >= SUSPICIOUS).map(|(row, count)| {
        let severity = if count >= CRITICAL { Severity::Critical } else { Severity::Warning };
        let message = format!("This row has {count} flaws.");
        issue(row, "suspicious_row", severity, message, ("issue_count", json!(count)))
    }));
    let critical = judged.of_severity(&Severity::Critical);
    if critical > 0 {
        let message =
            format!("{} in this file.", counted(critical, "critical flaw is", "critical flaws are"));
        let extra = ("critical_issue_count", json!(critical));
        issues.push(issue(0, "high_risk_flag", Severity::Critical, message, extra));
    }
    let reasons = reasons(judged.flaws());
    let quarantined = judged.quarantine.is_bad.iter().enumerate().filter(|(_, is_bad)| **is_bad).take(ROWS);
    issues.extend(quarantined.map(|(row, _)| {
        let message = match reasons.get(&row) {
            None => "This row is quarantined; its flaws are beyond those that are listed.".to_owned(),
            Some((reason, 1)) => format!("This row is quarantined: {reason}"),
            Some((_, count)) => format!("This row is quarantined for several reasons ({count} flaws)."),
        };
        issue(row, "data_anomaly", Severity::Critical, message, ("quarantined", json!(true)))
    }));
    issues.truncate(ROW_ISSUE_CAP);
    issues
}

fn of_flaw(flaw: &Flaw) -> RowIssue {
    let kind = if flaw.kind == "corrupted_record" { "quarantine_flagged" } else { flaw.kind };
    let extra = extra([("value", Value::Null), ("detection_method", json!(flaw.kind))]);
    RowIssue::new(flaw.row, &flaw.column, kind, flaw.severity.clone(), flaw.description.clone(), extra)
}

fn issue(
    row: usize,
    kind: &'static str,
    severity: Severity,
    message: String,
    (key, value): (&str, Value),
) -> RowIssue {
    let extra: Map<String, Value> = extra([("value", Value::Null), (key, value)]);
    RowIssue::new(row, "global", kind, severity, message, extra)
}

/// For each row with listed flaws: the first of its gravest ones, and how many there are.
fn reasons(flaws: &[Flaw]) -> HashMap<usize, (&str, usize)> {
    let mut reasons: HashMap<usize, (&Flaw, usize)> = HashMap::new();
    for flaw in flaws.iter().filter(|flaw| flaw.kind != INVALID_CONFIGURATION) {
        let (gravest, count) = reasons.entry(flaw.row).or_insert((flaw, 0));
        *count += 1;
        if rank(flaw) < rank(gravest) {
            *gravest = flaw;
        }
    }
    reasons.into_iter().map(|(row, (flaw, count))| (row, (flaw.description.as_str(), count))).collect()
}

fn rank(flaw: &Flaw) -> u8 {
    match flaw.severity {
        Severity::Critical => 0,
        Severity::High => 1,
        _ => 2,
    }
}
