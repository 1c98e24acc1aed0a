//! Alerts, issues and summary (section 6 of the specification).

use super::recommendations::recommendations;
use super::{Duplicates, ID, rows};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, Severity, SummaryItem, first_names,
};
use crate::stats::percentage;
use crate::text::{counted, fixed};

/// Listed rows that become issues.
const ROW_ISSUES: usize = 100;

pub(super) fn collect(duplicates: &Duplicates<'_>) -> Findings {
    let row_level_issues = rows::collect(&duplicates.detected);
    let recommendations = recommendations(duplicates);
    Findings {
        alerts: alerts(duplicates),
        issues: issues(duplicates),
        executive_summary: vec![SummaryItem::new(
            "exec_duplicate_resolution",
            "Duplicate Resolution",
            fixed(duplicates.score, 1),
            duplicates.quality,
            format!(
                "Quality is {}: {} found, {} removed; the reduction rate is {} %.",
                duplicates.quality,
                counted(duplicates.total(), "duplicate row was", "duplicate rows were"),
                counted(duplicates.removed, "row was", "rows were"),
                fixed(duplicates.reduction, 1)
            ),
        )],
        ai_analysis_text: summary_lines(duplicates, Recommendation::first_text(&recommendations)),
        recommendations,
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues).without_column("all"),
        row_level_issues,
    }
}

pub(super) fn summary(duplicates: &Duplicates<'_>) -> String {
    format!(
        "Duplicate resolution ended as {}: {} looked at, {} found.",
        duplicates.quality,
        counted(duplicates.rows, "row", "rows"),
        counted(duplicates.total(), "duplicate", "duplicates")
    )
}

fn summary_lines(duplicates: &Duplicates<'_>, first_recommendation: &str) -> String {
    let names: Vec<&str> = duplicates.detected.types().map(|found| found.name.as_str()).collect();
    let kept = duplicates.rows - duplicates.removed;
    [
        "Duplicate Resolver:".to_owned(),
        format!(
            "- score {} of 100 ({}): reduction {} %, rows kept {} %, columns kept {} %",
            fixed(duplicates.score, 1),
            duplicates.quality,
            fixed(duplicates.reduction, 1),
            fixed(duplicates.retention, 1),
            fixed(duplicates.column_retention, 1)
        ),
        format!(
            "- {} found, {} removed, reduction rate {} %",
            counted(duplicates.total(), "duplicate row", "duplicate rows"),
            counted(duplicates.removed, "row", "rows"),
            fixed(duplicates.reduction, 1)
        ),
        format!("- types looked for: {} ({})", names.len(), first_names(&names, names.len(), "none")),
        format!("- {kept} of {} rows kept ({} %)", duplicates.rows, fixed(duplicates.retention, 1)),
        format!("- log: {}", duplicates.resolution.log.first().map_or("nothing was done", String::as_str)),
        format!("- first recommendation: {first_recommendation}"),
    ]
    .join("\n")
}

fn alerts(duplicates: &Duplicates<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let (total, share, types) = (duplicates.total(), duplicates.share(), duplicates.detected.types().len());
    let volume = match share {
        share if share > 30.0 => Some(("alert_duplicates_high_volume", Severity::Critical)),
        share if share > 10.0 => Some(("alert_duplicates_medium_volume", Severity::High)),
        _ => None,
    };
    if let Some((id, severity)) = volume {
        alerts.push(Alert::new(
            id,
            severity,
            "data_uniqueness",
            types,
            format!("{total} of {} rows ({} %) are duplicates.", duplicates.rows, fixed(share, 1)),
            "Find out at the source why rows are delivered more than once.",
        ));
    }
    if duplicates.exceeds(duplicates.removed, 0.2) {
        alerts.push(Alert::new(
            "alert_duplicates_data_loss",
            Severity::High,
            "data_retention",
            duplicates.removed,
            format!(
                "{} of {} rows were removed; {} % were kept.",
                duplicates.removed,
                duplicates.rows,
                fixed(duplicates.retention, 1)
            ),
            "Check some of the removed rows before you use the file.",
        ));
    }
    let conflicts = duplicates.detected.count("conflicting");
    if conflicts > 0 {
        alerts.push(Alert::new(
            "alert_duplicates_conflicts",
            Severity::High,
            "data_integrity",
            conflicts,
            format!(
                "{} a key with other rows but not all values.",
                counted(conflicts, "row shares", "rows share")
            ),
            "Decide which of the values holds before rows are merged.",
        ));
    }
    if duplicates.score < duplicates.grading.good() {
        alerts.push(Alert::new(
            "alert_duplicates_quality",
            if duplicates.score < 50.0 { Severity::Critical } else { Severity::High },
            "quality_score",
            total,
            format!("The score of {} stays below {}.", fixed(duplicates.score, 1), duplicates.grading.good()),
            "Follow the recommendations, beginning with the first.",
        ));
    }
    if types > 0 && total == 0 {
        alerts.push(Alert::new(
            "alert_duplicates_none_detected",
            Severity::Low,
            "detection_effectiveness",
            0,
            format!("None of {} found a duplicate.", counted(types, "definition", "definitions")),
            "Name key columns if you expect duplicates.",
        ));
    }
    if !duplicates.keys.are_given() && share > 5.0 {
        alerts.push(Alert::new(
            "alert_duplicates_no_key_columns",
            Severity::Medium,
            "configuration",
            duplicates.width,
            format!("{} % of the rows are duplicates in all columns, no key is known.", fixed(share, 1)),
            "Name the columns that tell records apart.",
        ));
    }
    let frequent =
        duplicates.detected.types().filter(|found| duplicates.exceeds(found.rows.len(), 0.05)).count();
    if frequent >= 3 {
        alerts.push(Alert::new(
            "alert_duplicates_multiple_types",
            Severity::High,
            "data_quality",
            frequent,
            format!("{frequent} definitions find more than 5 % of the rows each."),
            "Settle one spelling at the source, then remove duplicates.",
        ));
    }
    alerts
}

fn issues(duplicates: &Duplicates<'_>) -> Vec<Issue> {
    let mut issues: Vec<Issue> = duplicates
        .detected
        .listed()
        .into_iter()
        .take(ROW_ISSUES)
        .map(|row| {
            let id = format!("issue_duplicates_{row}_duplicate");
            issue(
                id,
                "record",
                "duplicate_record".into(),
                Severity::Warning,
                "Another row equals this one.".into(),
            )
        })
        .collect();
    issues.extend(duplicates.detected.occurring().map(|found| {
        let (name, count) = (&found.name, found.rows.len());
        let severity = if duplicates.exceeds(count, 0.1) { Severity::High } else { Severity::Medium };
        let message = format!(
            "{} by the definition {name} ({} %).",
            counted(count, "row is a duplicate", "rows are duplicates"),
            fixed(percentage(count, duplicates.rows), 2)
        );
        let kind = format!("duplicate_{name}");
        issue(format!("issue_duplicates_method_{name}"), "multiple", kind, severity, message)
    }));
    let conflicts = duplicates.detected.count("conflicting");
    if conflicts > 0 {
        issues.push(issue(
            "issue_duplicates_conflicts".to_owned(),
            "multiple",
            "conflicting_duplicates".into(),
            Severity::Critical,
            format!("{} one key and different values.", counted(conflicts, "row has", "rows have")),
        ));
    }
    if duplicates.exceeds(duplicates.removed, 0.2) {
        issues.push(issue(
            "issue_duplicates_data_loss".to_owned(),
            "dataset",
            "data_retention".into(),
            Severity::High,
            format!("{} of {} rows were removed.", duplicates.removed, duplicates.rows),
        ));
    }
    issues
}

fn issue(id: String, field: &str, kind: String, severity: Severity, message: String) -> Issue {
    Issue { issue_type: kind.into(), ..Issue::new(ID, id, field, "", severity, message) }
}
