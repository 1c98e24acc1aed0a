//! Alerts, issues and summary (section 6 of the specification).

use super::recommendations::recommendations;
use super::rows::CLUSTERED;
use super::{Cleaning, ID};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, RowIssue, Severity, SummaryItem, first_names,
    three_names,
};
use crate::text::{counted, fixed};

/// Row-level issues that become issues.
const ROW_ISSUES: usize = 100;
/// Columns and failures that become issues.
const HIGH_COLUMNS: usize = 20;
const FAILURES: usize = 10;

pub(super) fn collect(cleaning: &Cleaning<'_>, row_level_issues: Vec<RowIssue>) -> Findings {
    let recommendations = recommendations(cleaning);
    Findings {
        alerts: alerts(cleaning),
        issues: issues(cleaning, &row_level_issues),
        executive_summary: vec![SummaryItem::new(
            "exec_null_handling",
            "Null Handling",
            fixed(cleaning.score, 1),
            if cleaning.quality == "needs_improvement" { "fair" } else { cleaning.quality },
            format!(
                "Quality is {}: {} found in {}, {} % of them handled.",
                cleaning.quality,
                counted(cleaning.nulls, "missing value was", "missing values were"),
                counted(cleaning.columns.len(), "column", "columns"),
                fixed(cleaning.null_reduction, 1)
            ),
        )],
        ai_analysis_text: summary_lines(cleaning, Recommendation::first_text(&recommendations)),
        recommendations,
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues).without_column("multiple"),
        row_level_issues,
    }
}

pub(super) fn summary(cleaning: &Cleaning<'_>) -> String {
    format!(
        "Null handling ended as {}: {} looked at, {} found, {} left.",
        cleaning.quality,
        counted(cleaning.rows, "row", "rows"),
        counted(cleaning.nulls, "missing value", "missing values"),
        cleaning.nulls_left
    )
}

fn summary_lines(cleaning: &Cleaning<'_>, first_recommendation: &str) -> String {
    let names: Vec<&str> = cleaning.columns.iter().map(super::NullColumn::name).collect();
    [
        "Null Handler:".to_owned(),
        format!(
            "- score {} of 100 ({}): null reduction {} %, rows kept {} %, columns kept {} %",
            fixed(cleaning.score, 1),
            cleaning.quality,
            fixed(cleaning.null_reduction, 1),
            fixed(cleaning.data_retention, 1),
            fixed(cleaning.column_retention, 1)
        ),
        format!(
            "- {} found, {} % of them handled, {} left",
            counted(cleaning.nulls, "missing value", "missing values"),
            fixed(cleaning.null_reduction, 1),
            cleaning.nulls_left
        ),
        format!("- columns with missing values: {} ({})", names.len(), first_names(&names, 5, "none")),
        format!(
            "- {} of {} rows and {} of {} columns kept",
            cleaning.rows_after, cleaning.rows, cleaning.width_after, cleaning.width
        ),
        format!("- entries in the log of steps: {}", cleaning.handled.log.len()),
        format!("- first recommendation: {first_recommendation}"),
    ]
    .join("\n")
}

fn alerts(cleaning: &Cleaning<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let (columns, share) = (cleaning.columns.len(), cleaning.null_share());
    let volume = match share {
        share if share > 30.0 => Some(("alert_nulls_high_volume", Severity::Critical)),
        share if share > 10.0 => Some(("alert_nulls_moderate_volume", Severity::Medium)),
        _ => None,
    };
    if let Some((id, severity)) = volume {
        alerts.push(Alert::new(
            id,
            severity,
            "missing_data",
            columns,
            format!("{} of all cells ({} %) have no value.", cleaning.nulls, fixed(share, 1)),
            "Find out at the source why values are missing before you fill them.",
        ));
    }
    let critical = cleaning.names_where(|share| share > 50.0);
    if !critical.is_empty() {
        alerts.push(Alert::new(
            "alert_nulls_column_critical",
            Severity::High,
            "column_quality",
            critical.len(),
            format!(
                "{} more than half empty: {}.",
                counted(critical.len(), "column is", "columns are"),
                three_names(&critical)
            ),
            "Drop these columns, or have them delivered again.",
        ));
    }
    let dropped = cleaning.width - cleaning.width_after;
    if dropped > 0 {
        alerts.push(Alert::new(
            "alert_nulls_column_retention",
            if cleaning.column_retention < 80.0 { Severity::High } else { Severity::Medium },
            "column_quality",
            dropped,
            format!(
                "{} of {} columns dropped.",
                counted(dropped, "column was", "columns were"),
                cleaning.width
            ),
            "Check that nobody needs the dropped columns.",
        ));
    }
    if cleaning.data_retention < 90.0 {
        alerts.push(Alert::new(
            "alert_nulls_data_loss",
            if cleaning.data_retention < 70.0 { Severity::Critical } else { Severity::High },
            "data_retention",
            cleaning.rows_lost(),
            format!(
                "{} of {} rows are gone; {} % were kept.",
                cleaning.rows_lost(),
                cleaning.rows,
                fixed(cleaning.data_retention, 1)
            ),
            "Fill missing values per column instead of dropping rows.",
        ));
    }
    let limit = CLUSTERED * cleaning.width as f64;
    let clustered = cleaning.raw.row_null_counts().iter().filter(|nulls| f64::from(**nulls) > limit).count();
    if clustered as f64 > 0.1 * cleaning.rows as f64 {
        alerts.push(Alert::new(
            "alert_nulls_pattern_clustering",
            Severity::Medium,
            "data_quality",
            clustered,
            format!("{} more than 30 % of its cells empty.", counted(clustered, "row has", "rows have each")),
            "Look for a step in the source that delivers half-filled rows.",
        ));
    }
    if cleaning.null_reduction < 80.0 {
        alerts.push(Alert::new(
            "alert_nulls_imputation_effectiveness",
            Severity::Medium,
            "effectiveness",
            cleaning.handled.log.len(),
            format!(
                "Only {} % of the missing values were handled; {} are left.",
                fixed(cleaning.null_reduction, 1),
                cleaning.nulls_left
            ),
            "Choose a strategy for every column with missing values.",
        ));
    }
    if cleaning.score < cleaning.grading.good() {
        alerts.push(Alert::new(
            "alert_nulls_quality",
            if cleaning.score < 50.0 { Severity::Critical } else { Severity::High },
            "quality_score",
            columns,
            format!("The score of {} stays below {}.", fixed(cleaning.score, 1), cleaning.grading.good()),
            "Follow the recommendations, beginning with the columns that miss most.",
        ));
    }
    let widespread = cleaning.names_where(|share| share > 20.0).len();
    if widespread > 5 {
        alerts.push(Alert::new(
            "alert_nulls_widespread_issues",
            Severity::High,
            "data_quality",
            widespread,
            format!("{widespread} columns miss more than 20 % of their values."),
            "Treat this as a fault of the source, not of single columns.",
        ));
    }
    alerts
}

fn issues(cleaning: &Cleaning<'_>, row_level_issues: &[RowIssue]) -> Vec<Issue> {
    let mut issues: Vec<Issue> = row_level_issues
        .iter()
        .take(ROW_ISSUES)
        .map(|row| {
            let column = row.column.as_deref().unwrap_or_default();
            let id = format!("issue_nulls_{}_{column}", row.row_index.unwrap_or_default());
            Issue {
                issue_type: row.issue_type.clone(),
                ..issue(id, column, "", row.severity.clone(), row.message.clone())
            }
        })
        .collect();
    issues.extend(cleaning.columns.iter().filter(|column| column.percentage > 50.0).take(HIGH_COLUMNS).map(
        |column| {
            issue(
                format!("issue_nulls_column_high_{}", column.name()),
                column.name(),
                "high_null_column",
                Severity::High,
                format!("{} % of this column have no value.", fixed(column.percentage, 2)),
            )
        },
    ));
    issues.extend(cleaning.handled.failures().take(FAILURES).enumerate().map(|(at, text)| {
        let id = format!("issue_nulls_imputation_failure_{at}");
        issue(id, "multiple", "imputation_failure", Severity::High, text.to_owned())
    }));
    let lost = cleaning.rows_lost();
    if lost as f64 > 0.1 * cleaning.rows as f64 {
        issues.push(issue(
            "issue_nulls_significant_data_loss".to_owned(),
            "dataset",
            "data_retention",
            Severity::Critical,
            format!("{lost} of {} rows were dropped.", cleaning.rows),
        ));
    }
    issues
}

fn issue(id: String, field: &str, kind: &'static str, severity: Severity, message: String) -> Issue {
    Issue::new(ID, id, field, kind, severity, message)
}
