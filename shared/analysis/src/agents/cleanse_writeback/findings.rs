//! Alerts, issues and summary (section 6 of the specification).

use super::checks::RETENTION;
use super::recommendations::recommendations;
use super::{ID, Writeback, rows};
use crate::findings::{Alert, Findings, Issue, IssueSummary, Severity, SummaryItem, three_names};
use crate::stats::percentage;
use crate::text::{counted, fixed};

/// Type of the issues of failed checks.
pub(super) const INTEGRITY: &str = "integrity_verification_failure";

/// Integrity issues that become issues.
const ISSUES: usize = 100;

pub(super) fn collect(writeback: &Writeback) -> Findings {
    let row_level_issues = rows::collect(writeback);
    Findings {
        alerts: alerts(writeback),
        issues: issues(writeback),
        recommendations: recommendations(writeback),
        executive_summary: vec![SummaryItem::new(
            "exec_cleanse_writeback",
            "Cleanse Writeback",
            fixed(writeback.score, 1),
            writeback.quality,
            format!(
                "Quality is {}: {}, {}, ready: {}, {} on record.",
                writeback.quality,
                checks(writeback),
                counted(writeback.manifests.count(), "agent", "agents"),
                yes(writeback),
                counted(writeback.manifests.transformations(), "step", "steps")
            ),
        )],
        ai_analysis_text: lines(writeback),
        issue_summary: IssueSummary::of_later_rows(&row_level_issues),
        row_level_issues,
    }
}

fn checks(writeback: &Writeback) -> String {
    format!("{} of {} passed", writeback.passed(), counted(writeback.checks.len(), "check", "checks"))
}

fn yes(writeback: &Writeback) -> &'static str {
    if writeback.is_ready() { "yes" } else { "no" }
}

pub(super) fn summary(writeback: &Writeback) -> String {
    format!(
        "Verification ended as {}: {}, {} with {}.",
        writeback.quality,
        checks(writeback),
        counted(writeback.table.height(), "row", "rows"),
        counted(writeback.table.columns().len(), "column", "columns")
    )
}

fn lines(writeback: &Writeback) -> String {
    let advice = if writeback.is_ready() {
        "the table may go on to the next tool"
    } else {
        "resolve the failed checks before the table goes on"
    };
    [
        "Cleanse Writeback:".to_owned(),
        format!(
            "- score {} of 100 ({}): integrity {}, completeness {}, auditability {}",
            fixed(writeback.score, 1),
            writeback.quality,
            fixed(writeback.integrity, 1),
            fixed(writeback.completeness, 1),
            fixed(writeback.auditability, 1)
        ),
        format!(
            "- {} ({} %), ready: {}",
            checks(writeback),
            fixed(percentage(writeback.passed(), writeback.checks.len()), 1),
            yes(writeback)
        ),
        format!("- {} rows and {} columns", writeback.table.height(), writeback.table.columns().len()),
        format!("- agents in the manifest: {}", writeback.manifests.count()),
        format!("- steps on record: {}", writeback.manifests.transformations()),
        format!("- {advice}"),
    ]
    .join("\n")
}

fn alerts(writeback: &Writeback) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let failed = writeback.failed_keys();
    let (agents, score) = (writeback.manifests.count(), fixed(writeback.score, 1));
    if !writeback.is_ready() {
        alerts.push(Alert::new(
            "alert_writeback_integrity_failure",
            Severity::Critical,
            "data_integrity",
            failed.len(),
            format!("{} failed: {}.", counted(failed.len(), "check", "checks"), failed.join(", ")),
            "Resolve the failed checks before the table goes on.",
        ));
    }
    let width = writeback.table.columns().len();
    let original = writeback.original.columns.map(|columns| columns as i64);
    if let Some(original) = original.filter(|original| *original != 0 && *original != width as i64) {
        let difference = usize::try_from(original.abs_diff(width as i64)).unwrap_or(usize::MAX);
        alerts.push(Alert::new(
            "alert_writeback_schema_drift",
            Severity::Medium,
            "schema_change",
            difference,
            format!("The table has {width} columns, the original had {original}."),
            "Check that what reads the table expects these columns.",
        ));
    }
    let broken: Vec<&str> = writeback.manifests.failed().map(|agent| agent.agent_id).collect();
    if !broken.is_empty() {
        alerts.push(Alert::new(
            "alert_writeback_agent_failure",
            Severity::High,
            "pipeline_error",
            broken.len(),
            format!("{} failed: {}.", counted(broken.len(), "agent", "agents"), three_names(&broken)),
            "Mend the agents' input or parameters and run them again.",
        ));
    }
    if writeback.manifests.transformations() == 0 {
        alerts.push(Alert::new(
            "alert_writeback_manifest_incomplete",
            Severity::High,
            "auditability",
            agents,
            format!("No step of {} is on record.", counted(agents, "agent", "agents")),
            "Pass on what the other agents answered.",
        ));
    }
    if writeback.has_failed(RETENTION) {
        let rows = writeback.table.height();
        let lost = writeback.original.rows.map_or(0, |original| original as i64 - rows as i64);
        let message = format!("The table has {rows} rows and {width} columns: more went than should.");
        let advice = "Find out which agent took them away.";
        let alert =
            Alert::new("alert_writeback_data_loss", Severity::High, "data_retention", 0, message, advice);
        alerts.push(Alert { affected_fields_count: lost, ..alert });
    }
    if writeback.score < writeback.grading.good() {
        alerts.push(Alert::new(
            "alert_writeback_quality",
            if writeback.score < 70.0 { Severity::High } else { Severity::Medium },
            "quality_score",
            writeback.checks.len(),
            format!("The score is {score} of 100 ({}).", writeback.quality),
            "Raise what is lowest: integrity, completeness or auditability.",
        ));
    }
    if writeback.is_ready() && writeback.score >= writeback.grading.excellent() {
        alerts.push(Alert::new(
            "alert_writeback_success",
            Severity::Low,
            "quality_validation",
            writeback.passed(),
            format!("All checks passed, the score is {score} of 100."),
            "The table may go on.",
        ));
    }
    alerts
}

fn issues(writeback: &Writeback) -> Vec<Issue> {
    let found = writeback.integrity_issues();
    let found = found.iter().take(ISSUES).map(|issue| {
        let id = format!("issue_writeback_{}", issue.check.key);
        Issue::new(ID, id, issue.check.key, INTEGRITY, Severity::High, issue.message().to_owned())
    });
    let agents = writeback.manifests.failed().map(|agent| {
        let id = format!("issue_writeback_agent_error_{}", agent.agent_id);
        Issue::new(ID, id, agent.agent_id, "upstream_error", Severity::High, agent.error)
    });
    found.chain(agents).collect()
}
