//! What to do before the table goes on (section 6 of the specification).

use serde_json::{Value, json};

use super::checks::RETENTION;
use super::{ID, Writeback};
use crate::findings::{Recommendation, Severity, extra, first_names};
use crate::text::{counted, fixed};

/// Recommendations after which no further check gets its own.
const BEFORE_CHECKS: usize = 6;

/// The advice of section 6.2.
pub(super) fn advice(writeback: &Writeback) -> Vec<Value> {
    let mut list = Vec::new();
    let mut add =
        |priority: Severity, action: &str, reason: String, impact: &str, failed: Option<Vec<&str>>| {
            let mut advice =
                extra([("priority", json!(priority)), ("action", json!(action)), ("reason", json!(reason))]);
            if let Some(failed) = failed {
                advice.insert("failed_checks".to_owned(), json!(failed));
            }
            advice.insert("impact".to_owned(), json!(impact));
            list.push(Value::Object(advice));
        };
    let failed = writeback.failed_keys();
    if !writeback.is_ready() {
        let reason = format!("{} failed.", counted(failed.len(), "check", "checks"));
        let impact = "The next tool would work on damaged data.";
        add(Severity::Critical, "resolve_integrity_issues", reason, impact, Some(failed));
    }
    if writeback.manifests.transformations() == 0 {
        let agents = counted(writeback.manifests.count(), "agent", "agents");
        let reason = format!("No step of {agents} is on record.");
        add(
            Severity::High,
            "verify_transformation_logging",
            reason,
            "Nobody can tell what was changed.",
            None,
        );
    }
    if writeback.has_failed(RETENTION) {
        let reason = "Rows or columns went that should have stayed.".to_owned();
        add(
            Severity::High,
            "review_data_retention",
            reason,
            "What went is missing in all later figures.",
            None,
        );
    }
    let score = fixed(writeback.score, 1);
    let (priority, action, impact) = match writeback.score {
        score if score >= 95.0 => (Severity::Low, "proceed_to_next_tool", "Nothing stands in the way."),
        score if score >= 85.0 => {
            (Severity::Medium, "review_before_proceeding", "A look now saves a repair later.")
        }
        _ => (Severity::High, "address_quality_issues", "Later results would be doubtful."),
    };
    add(priority, action, format!("The score is {score} of 100."), impact, None);
    list
}

pub(super) fn recommendations(writeback: &Writeback) -> Vec<Recommendation> {
    let mut list: Vec<Recommendation> = Vec::new();
    let mut add = |id: String, field: String, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field, priority, timeline, text));
    };
    let failed = writeback.failed_keys();
    if !writeback.is_ready() {
        let text = format!("Resolve what made {} fail.", counted(failed.len(), "check", "checks"));
        let fields = first_names(&failed, 3, "");
        add("rec_writeback_integrity_failures".into(), fields, Severity::Critical, "immediate", text);
    }
    let agents: Vec<&str> = writeback.manifests.failed().map(|agent| agent.agent_id).collect();
    if !agents.is_empty() {
        let text = format!("Run again, once they are mended: {}.", agents.join(", "));
        add("rec_writeback_fix_agents".into(), "pipeline".into(), Severity::High, "immediate", text);
    }
    let (count, steps) = (writeback.manifests.count(), writeback.manifests.transformations());
    if steps < 2 * count {
        let text = format!(
            "Only {} of {} on record: see that agents log what they do.",
            counted(steps, "step", "steps"),
            counted(count, "agent is", "agents are")
        );
        add("rec_writeback_manifest".into(), "manifest".into(), Severity::High, "1 week", text);
    }
    if writeback.has_failed(RETENTION) {
        let text = "Find out which agent took away more than it should.".to_owned();
        add("rec_writeback_retention".into(), "all".into(), Severity::High, "1 week", text);
    }
    for check in writeback.failed() {
        if list.len() >= BEFORE_CHECKS {
            break;
        }
        let text = format!("Mend what check {} found: {}", check.key, check.message);
        let (id, field) = (format!("rec_writeback_{}", check.key), check.key.to_owned());
        list.push(Recommendation::new(ID, id, field, Severity::High, "1 week", text));
    }
    let rows = counted(writeback.table.height(), "row", "rows");
    let (id, priority, text) = if writeback.is_ready() {
        ("rec_writeback_proceed", Severity::Low, format!("Go on with the {rows}: no check failed."))
    } else {
        let failed = counted(failed.len(), "check", "checks");
        (
            "rec_writeback_review",
            Severity::Critical,
            format!("Do not go on with the {rows}: {failed} failed."),
        )
    };
    list.push(Recommendation::new(ID, id, "all".to_owned(), priority, "immediate", text));
    let text = format!("Keep the manifest with its {}.", counted(steps, "step", "steps"));
    list.push(Recommendation::new(
        ID,
        "rec_writeback_audit",
        "manifest".to_owned(),
        Severity::Low,
        "2 weeks",
        text,
    ));
    list
}
