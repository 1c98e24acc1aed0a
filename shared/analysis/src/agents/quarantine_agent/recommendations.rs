//! What to do about quarantined rows (section 6 of the specification).

use std::cmp::Reverse;

use super::{ID, Judged};
use crate::findings::{Recommendation, Severity};
use crate::text::{counted, fixed};

/// Kinds of flaws that get a recommendation of their own.
const KINDS: usize = 3;

pub(super) fn recommendations(judged: &Judged) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    let critical = judged.of_severity(&Severity::Critical);
    if critical > 0 {
        let text = format!("Correct {} first.", counted(critical, "critical flaw", "critical flaws"));
        add("rec_quarantine_critical".into(), "multiple", Severity::Critical, "immediate", text);
    }
    if judged.exceeds(judged.bad, 0.2) {
        let text = format!("Correct the source: {} % of its rows are quarantined.", fixed(judged.share, 1));
        add("rec_quarantine_source".into(), "all", Severity::High, "1 week", text);
    }
    let mut kinds: Vec<(&str, usize)> = judged.kinds.iter().map(|(kind, count)| (*kind, *count)).collect();
    kinds.sort_by_key(|(_, count)| Reverse(*count));
    for (n, (kind, count)) in kinds.into_iter().take(KINDS).enumerate() {
        let priority = if judged.exceeds(count, 0.1) { Severity::High } else { Severity::Medium };
        let text = format!("Work off the kind {kind}: {}.", counted(count, "listed flaw", "listed flaws"));
        add(format!("rec_quarantine_issue_{n}"), "various", priority, "1-2 weeks", text);
    }
    if judged.of_kind("schema_mismatch") > 0 {
        let text = "Agree with the source on the columns of the file.".to_owned();
        add("rec_quarantine_schema".into(), "schema", Severity::High, "2 weeks", text);
    }
    if judged.bad > 0 {
        let text = format!("Look through {}.", counted(judged.bad, "quarantined row", "quarantined rows"));
        add("rec_quarantine_review".into(), "all", Severity::Medium, "2 weeks", text);
    }
    let text = "Compare the constraints with what the data may hold.".to_owned();
    add("rec_quarantine_rules".into(), "configuration", Severity::Medium, "3 weeks", text);
    let text = format!("Watch the share of quarantined rows; it is {} % now.", fixed(judged.share, 1));
    add("rec_quarantine_monitoring".into(), "all", Severity::Low, "3 weeks", text);
    list
}
