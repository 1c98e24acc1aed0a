//! Alerts, issues, row-level issues and texts (section 6 of the specification).

use serde_json::{Value, json};

use super::recommendations::{names, recommendations};
use super::{ID, Measured, RECORDS, Record, Removal, Strategy};
use crate::cleaning::Measure;
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, ROW_ISSUE_CAP, Recommendation, RowIssue, Severity, SummaryItem,
    extra, first_names, three_names,
};
use crate::text::{Cell, counted, fixed};

/// Columns that become issues.
const HIGH_COLUMNS: usize = 20;

pub(super) fn collect(removal: &Removal<'_>) -> Findings {
    let recommendations = recommendations(removal);
    let row_level_issues: Vec<RowIssue> =
        removal.records().take(ROW_ISSUE_CAP).map(|record| row_issue(&record)).collect();
    Findings {
        alerts: alerts(removal),
        issues: issues(removal),
        executive_summary: vec![SummaryItem::new(
            "exec_outlier_removal",
            "Outlier Removal",
            fixed(removal.score, 1),
            removal.quality,
            format!(
                "Quality is {}: {} in {}, reduction rate 100.0 %.",
                removal.quality,
                counted(removal.total, "outlier was found", "outliers were found"),
                counted(removal.columns.len(), "numeric column", "numeric columns")
            ),
        )],
        ai_analysis_text: summary_lines(removal, Recommendation::first_text(&recommendations)),
        recommendations,
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

pub(super) fn summary(removal: &Removal<'_>) -> String {
    format!(
        "Outlier removal ended as {}: {} looked at, {} found.",
        removal.quality,
        counted(removal.rows, "row", "rows"),
        counted(removal.total, "outlier", "outliers")
    )
}

/// One line per listed outlier that something was done with.
pub(super) fn log(removal: &Removal<'_>) -> Value {
    let done = match removal.settings.strategy {
        Strategy::Remove => "row removed",
        Strategy::ImputeMean => "replaced by the mean",
        Strategy::ImputeMedian => "replaced by the median",
        Strategy::Report => return json!([]),
    };
    removal.records().map(|record| format!("{} {done}.", outlier_text(&record))).collect()
}

pub(super) fn outlier_text(record: &Record<'_>) -> String {
    let outlier = record.outlier;
    let place = format!("{} in column {}, row {}", shown(outlier.value), record.column, outlier.row);
    match outlier.measure {
        Measure::ZScore(z) => format!("{place}: {} standard deviations from the mean.", fixed(z, 2)),
        Measure::Bounds(lower, upper) => {
            format!("{place}: outside of {} to {}.", shown(lower), shown(upper))
        }
    }
}

fn shown(value: f64) -> String {
    Cell::Float(value).display().into_owned()
}

fn row_issue(record: &Record<'_>) -> RowIssue {
    let outlier = record.outlier;
    let measure = match outlier.measure {
        Measure::ZScore(z) => ("z_score", json!(z)),
        Measure::Bounds(lower, upper) => ("bounds", json!({"lower": lower, "upper": upper})),
    };
    RowIssue::new(
        outlier.row,
        record.column,
        if outlier.is_critical { "extreme_value" } else { "outlier" },
        record.severity(),
        outlier_text(record),
        extra([("value", json!(outlier.value)), measure]),
    )
}

fn summary_lines(removal: &Removal<'_>, first_recommendation: &str) -> String {
    [
        "Outlier Remover:".to_owned(),
        format!(
            "- score {} of 100 ({}): outlier reduction 100.0 %, rows kept {} %, columns kept 100.0 %",
            fixed(removal.score, 1),
            removal.quality,
            fixed(removal.data_retention, 1)
        ),
        format!(
            "- {} in {} ({})",
            counted(removal.total, "outlier", "outliers"),
            counted(removal.columns.len(), "numeric column", "numeric columns"),
            first_names(&names(&removal.columns), 5, "none")
        ),
        format!("- {} of {} rows kept", removal.rows_after, removal.rows),
        format!(
            "- entries in the log: {}",
            if removal.settings.strategy == Strategy::Report { 0 } else { removal.listed() }
        ),
        format!("- first recommendation: {first_recommendation}"),
    ]
    .join("\n")
}

fn alerts(removal: &Removal<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message: String, recommendation: &str| {
        alerts.push(Alert::new(id, severity, category, affected, message, recommendation));
    };
    let share = removal.outlier_share();
    let affected: Vec<&Measured<'_>> = removal.affected().collect();
    let volume = match share {
        share if share > 20.0 => Some(("alert_outliers_high_volume", Severity::Critical)),
        share if share > 10.0 => Some(("alert_outliers_medium_volume", Severity::High)),
        _ => None,
    };
    if let Some((id, severity)) = volume {
        let message = format!("{} of all numeric cells ({} %) are outliers.", removal.total, fixed(share, 1));
        let advice = "Check the method and its thresholds before anything is removed.";
        add(id, severity, "data_distribution", affected.len(), message, advice);
    }
    let high: Vec<&str> = removal.high().iter().map(|measured| measured.name()).collect();
    if !high.is_empty() {
        let message = format!(
            "More than 15 % of the rows are outliers in {}: {}.",
            counted(high.len(), "column", "columns"),
            three_names(&high)
        );
        let advice = "Find out how these columns are spread, and whether they mix several groups.";
        let id = "alert_outliers_column_critical";
        add(id, Severity::High, "column_distribution", high.len(), message, advice);
    }
    let (lost, kept) = (removal.rows_lost(), fixed(removal.data_retention, 1));
    if removal.data_retention < 90.0 {
        let message = format!("{lost} of {} rows are gone; {kept} % were kept.", removal.rows);
        let advice = "Replace outliers by the median instead of removing their rows.";
        add("alert_outliers_data_loss", Severity::High, "data_retention", lost, message, advice);
    }
    let good = removal.settings.grading.good();
    if removal.score < good {
        let severity = if removal.score < 50.0 { Severity::Critical } else { Severity::High };
        let message = format!("The score of {} stays below {good}.", fixed(removal.score, 1));
        let advice = "Follow the recommendations, beginning with the columns that have most outliers.";
        let columns = removal.columns.len();
        add("alert_outliers_quality", severity, "quality_score", columns, message, advice);
    }
    let mean = affected.iter().map(|measured| measured.percentage).sum::<f64>() / affected.len() as f64;
    if mean < 1.0 {
        let message = format!(
            "Columns with outliers have {} % of them on average: the method finds few.",
            fixed(mean, 2)
        );
        let advice = "Lower the threshold if you expected more.";
        let id = "alert_outliers_low_detection";
        add(id, Severity::Low, "detection_effectiveness", affected.len(), message, advice);
    }
    let skewed = removal.skewed();
    if !skewed.is_empty() {
        let message = format!(
            "{} strongly to one side.",
            counted(skewed.len(), "numeric column leans", "numeric columns lean")
        );
        let advice = format!("Transform them before looking for outliers: {}.", three_names(&skewed));
        let id = "alert_outliers_skewed_distribution";
        add(id, Severity::Medium, "data_distribution", skewed.len(), message, &advice);
    }
    if removal.settings.strategy == Strategy::Remove && removal.data_retention < 85.0 {
        let message = format!("Removing outliers cost {lost} of {} rows.", removal.rows);
        let advice = "Raise the threshold, or replace outliers instead of removing rows.";
        add("alert_outliers_excessive_removal", Severity::High, "data_retention", lost, message, advice);
    }
    alerts
}

fn issues(removal: &Removal<'_>) -> Vec<Issue> {
    let kind = removal.settings.strategy.issue_type();
    let mut issues: Vec<Issue> = removal
        .records()
        .take(RECORDS)
        .map(|record| {
            let id = format!("issue_outliers_{}_{}", record.outlier.row, record.column);
            Issue::new(ID, id, record.column, kind, record.severity(), outlier_text(&record))
        })
        .collect();
    issues.extend(removal.high().iter().take(HIGH_COLUMNS).map(|measured| {
        let name = measured.name();
        let text = format!("{} % of the rows are outliers.", fixed(measured.percentage, 2));
        let id = format!("issue_outliers_column_high_{name}");
        Issue::new(ID, id, name, "high_outlier_column", Severity::High, text)
    }));
    issues.extend(removal.columns.iter().filter(|measured| measured.critical_count() > 0).map(|measured| {
        let name = measured.name();
        let count = counted(measured.critical_count(), "value is", "values are");
        let text = format!("{count} far beyond the usual range.");
        let id = format!("issue_outliers_extreme_{name}");
        Issue::new(ID, id, name, "extreme_outliers", Severity::Critical, text)
    }));
    let lost = removal.rows_lost();
    if lost as f64 > 0.1 * removal.rows as f64 {
        let text = format!("{lost} of {} rows were removed.", removal.rows);
        let id = "issue_outliers_data_loss".to_owned();
        issues.push(Issue::new(ID, id, "dataset", "data_retention", Severity::Critical, text));
    }
    issues
}
