//! Alerts, issues and summary (section 6 of the specification).

use super::recommendations::recommendations;
use super::{ID, Summary, rows};
use crate::findings::{Alert, Findings, Issue, IssueSummary, ROW_ISSUE_CAP, Severity, SummaryItem};
use crate::text::{counted, fixed};

pub(super) fn collect(summary: &Summary<'_>) -> Findings {
    let mut row_level_issues = rows::collect(summary);
    let issue_summary = IssueSummary::of_later_rows(&row_level_issues);
    row_level_issues.truncate(ROW_ISSUE_CAP);
    Findings {
        alerts: alerts(summary),
        issues: issues(summary),
        recommendations: recommendations(summary),
        executive_summary: vec![SummaryItem::new(
            "exec_cleanse_preview",
            "Cleaning Preview",
            fixed(summary.score, 1),
            summary.quality,
            format!(
                "The score is {}: the rules are {}; {} looked at, {} of high impact.",
                fixed(summary.score, 1),
                safe(summary),
                counted(summary.previews.len(), "rule", "rules"),
                summary.high
            ),
        )],
        ai_analysis_text: lines(summary),
        row_level_issues,
        issue_summary,
    }
}

fn safe(summary: &Summary<'_>) -> &'static str {
    if summary.is_safe() { "safe to run" } else { "not safe to run" }
}

pub(super) fn summary(summary: &Summary<'_>) -> String {
    format!(
        "The preview ended as {}: {} tried on {}, {}.",
        summary.quality,
        counted(summary.previews.len(), "rule", "rules"),
        counted(summary.original.table.height(), "row", "rows"),
        safe(summary)
    )
}

fn lines(summary: &Summary<'_>) -> String {
    let mut lines = vec![
        "Cleanse Previewer:".to_owned(),
        format!(
            "- score {} of 100 ({}): accuracy {} %, safety {} %, completeness {} %",
            fixed(summary.score, 1),
            summary.quality,
            fixed(summary.accuracy, 1),
            fixed(summary.safety, 1),
            fixed(summary.completeness, 1)
        ),
        format!("- rules by impact: {} high, {} medium, {} low", summary.high, summary.medium, summary.low),
        format!("- {}", safe(summary)),
        format!("- warnings: {}", summary.warnings.len()),
    ];
    if !summary.warnings.is_empty() {
        let first: Vec<&str> = summary.warnings.iter().take(3).map(String::as_str).collect();
        lines.push(format!("- first warnings: {}", first.join("; ")));
    }
    lines.push(format!(
        "- simulations that succeeded: {} of {}",
        summary.succeeded(),
        summary.previews.len()
    ));
    lines.join("\n")
}

fn alerts(summary: &Summary<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let (rules, failed) = (summary.previews.len(), summary.failed());
    let score = fixed(summary.score, 1);
    if summary.high > 0 {
        alerts.push(Alert::new(
            "alert_preview_high_impact",
            if summary.is_safe() { Severity::High } else { Severity::Critical },
            "cleaning_impact",
            summary.high,
            format!(
                "{} much of the file; the rules are {}.",
                counted(summary.high, "rule changes", "rules change"),
                safe(summary)
            ),
            "Look at what these rules change before you run them.",
        ));
    }
    if !summary.is_safe() {
        alerts.push(Alert::new(
            "alert_preview_unsafe",
            Severity::Critical,
            "execution_safety",
            summary.warnings.len(),
            format!("{} lose data.", counted(summary.warnings.len(), "rule would", "rules would")),
            "Keep a copy of the file, or change these rules.",
        ));
    }
    if summary.score < 75.0 {
        alerts.push(Alert::new(
            "alert_preview_quality",
            if summary.score < 60.0 { Severity::High } else { Severity::Medium },
            "preview_quality",
            rules,
            format!("The rules score {score} of 100 ({}).", summary.quality),
            "Change the rules until fewer rows and columns are concerned.",
        ));
    }
    if failed > 0 {
        alerts.push(Alert::new(
            "alert_preview_simulation_failures",
            Severity::High,
            "simulation_error",
            failed,
            format!("{failed} of {} cannot be carried out.", counted(rules, "rule", "rules")),
            "Correct the names and values in these rules.",
        ));
    }
    if summary.is_memory_spike() {
        alerts.push(Alert::new(
            "alert_preview_memory_change",
            Severity::Medium,
            "resource_impact",
            1,
            format!("The first rule changes memory by {} MB.", fixed(summary.memory_change, 1)),
            "Plan for the memory, or run the rules in parts.",
        ));
    }
    if summary.succeeded() < rules.max(1) && summary.score < 60.0 {
        alerts.push(Alert::new(
            "alert_preview_low_confidence",
            Severity::High,
            "preview_confidence",
            rules,
            format!("The score is {score}, and {} of {rules} simulations succeeded.", summary.succeeded()),
            "Do not rely on this preview before all rules can be carried out.",
        ));
    }
    alerts
}

fn issues(summary: &Summary<'_>) -> Vec<Issue> {
    let mut issues: Vec<Issue> = Vec::new();
    for issue in summary.impact_issues() {
        let rule = issue.rule.id_text();
        let id = format!("issue_preview_{rule}_{}", issue.kind);
        issues.push(Issue::new(ID, id, &rule, issue.kind, Severity::High, issue.description));
    }
    if summary.is_memory_spike() {
        let message = format!("The first rule changes memory by {} MB.", fixed(summary.memory_change, 1));
        let id = "issue_preview_memory_spike".to_owned();
        issues.push(Issue::new(ID, id, "global", "resource_usage", Severity::Medium, message));
    }
    let failed = summary.failed();
    if failed > 0 {
        let message = format!("{} failed.", counted(failed, "simulation", "simulations"));
        let id = "issue_preview_simulation_failed".to_owned();
        issues.push(Issue::new(ID, id, "simulation_engine", "execution_error", Severity::High, message));
    }
    issues
}
