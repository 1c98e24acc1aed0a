//! Alerts, issues and summary (section 6 of the specification), and the sentences that recommendations share with
//! them.

use serde_json::{Value, json};

use super::deductions::{FORMAT, MISSING, OUTLIERS};
use super::recommendations::{largest, recommendations};
use super::{ID, Rating, Status};
use crate::findings::{Alert, Findings, Issue, IssueSummary, RowIssue, Severity, SummaryItem};
use crate::stats::round;
use crate::text::{counted, fixed};

/// Most issues.
const ISSUES: usize = 100;

/// Repeated rows that become issues.
const REPEATED_ROWS: usize = 10;

/// Rows below which a sample is small.
pub(super) const SMALL: usize = 100;

/// What stands for a column where there is none.
pub(super) const NOTHING: &str = "N/A";

pub(super) fn collect(rating: &Rating<'_, '_>, row_level_issues: Vec<RowIssue>) -> Findings {
    Findings {
        alerts: alerts(rating),
        issues: issues(rating),
        recommendations: recommendations(rating),
        executive_summary: vec![SummaryItem::new(
            "exec_readiness",
            "Data Readiness",
            fixed(rating.score, 1),
            rating.status.word(),
            format!(
                "The data reaches {} of 100 points and {}.",
                fixed(rating.score, 1),
                match rating.status {
                    Status::Ready => "is ready for use",
                    Status::NeedsReview => "is not ready before it has been reviewed",
                    Status::NotReady => "is not ready for use",
                }
            ),
        )],
        ai_analysis_text: summary_lines(rating),
        issue_summary: IssueSummary::of_three_severities(&row_level_issues),
        row_level_issues,
    }
}

pub(super) fn assessment(rating: &Rating<'_, '_>) -> Value {
    json!({
        "overall_score": round(rating.score, 2),
        "overall_status": rating.status.word(),
        "status_description": status_text(rating),
        "recommendation": advice(rating),
    })
}

pub(super) fn status_text(rating: &Rating<'_, '_>) -> String {
    let score = fixed(rating.score, 1);
    let (ready, review) = (rating.settings.ready_threshold, rating.settings.needs_review_threshold);
    match rating.status {
        Status::Ready => format!("With {score} points the data reaches the {ready} that readiness needs."),
        Status::NeedsReview => {
            format!("With {score} points the data lies between {review} (review) and {ready} (ready).")
        }
        Status::NotReady => {
            format!("With {score} points the data stays below the {review} that a review needs.")
        }
    }
}

pub(super) fn advice(rating: &Rating<'_, '_>) -> &'static str {
    match rating.status {
        Status::Ready => "Use the data, and rate it again whenever its source changes.",
        Status::NeedsReview => {
            "Have the listed columns reviewed, correct what is wrong, then rate the data again."
        }
        Status::NotReady => {
            "Correct the data at its source, beginning with the largest deductions, before it is used."
        }
    }
}

pub(super) fn completeness_text(rating: &Rating<'_, '_>) -> String {
    format!(
        "{} % of all cells have a value; {} more than 10 % missing.",
        fixed(rating.completeness, 1),
        counted(rating.names_in(MISSING).len(), "column has", "columns have")
    )
}

pub(super) fn consistency_text(rating: &Rating<'_, '_>) -> String {
    format!(
        "{} numbers with texts that are none.",
        counted(rating.count(|field| field.has_mixed_numbers), "column mixes", "columns mix")
    )
}

pub(super) fn schema_text(rating: &Rating<'_, '_>) -> String {
    format!(
        "{} without any value, {} without a proper name, {} of text with few numbers in it.",
        counted(rating.count(|field| field.is_empty()), "column", "columns"),
        rating.count(|field| field.is_unnamed()),
        rating.count(|field| field.has_few_numbers)
    )
}

fn alerts(rating: &Rating<'_, '_>) -> Vec<Alert> {
    let score = fixed(rating.score, 1);
    let (id, severity, affected) = match rating.status {
        Status::NotReady => ("alert_readiness_001_not_ready", Severity::Critical, rating.deductions.len()),
        Status::NeedsReview => ("alert_readiness_002_needs_review", Severity::High, rating.deductions.len()),
        Status::Ready => ("alert_readiness_003_production_ready", Severity::Low, 0),
    };
    let mut alerts =
        vec![Alert::new(id, severity, "readiness_status", affected, status_text(rating), advice(rating))];
    if let Some((id, severity)) = graded(
        rating.completeness,
        "alert_readiness_completeness_critical",
        "alert_readiness_completeness_high",
    ) {
        alerts.push(Alert::new(
            id,
            severity,
            "data_completeness",
            rating.names_in(MISSING).len(),
            completeness_text(rating),
            "Fill the missing values, or have them delivered, column by column; begin with the emptiest.",
        ));
    }
    if let Some((id, severity)) =
        graded(rating.schema_health, "alert_readiness_schema_critical", "alert_readiness_schema_high")
    {
        let mut affected = rating.count(|field| field.is_empty()) + rating.count(|field| field.is_unnamed());
        if severity == Severity::Critical {
            affected += rating.count(|field| field.has_few_numbers);
        }
        alerts.push(Alert::new(
            id,
            severity,
            "schema_health",
            affected,
            format!("Schema health is {} of 100: {}", fixed(rating.schema_health, 1), schema_text(rating)),
            "Drop empty columns, give every column a name, and keep numbers and texts in columns of their own.",
        ));
    }
    let (repeated, share) = (rating.repeated_rows.len(), rating.repeated_share());
    if share > 5.0 {
        let (id, severity) = if share > 20.0 {
            ("alert_readiness_duplicates_critical", Severity::Critical)
        } else {
            ("alert_readiness_duplicates_high", Severity::High)
        };
        alerts.push(Alert::new(
            id,
            severity,
            "duplicate_records",
            repeated,
            repeated_text(rating),
            "Keep one of each group of equal rows, and find out why the source repeats them.",
        ));
    }
    if rating.rows < SMALL {
        alerts.push(Alert::new(
            "alert_readiness_sample_size",
            Severity::Medium,
            "data_volume",
            0,
            format!(
                "There are {}; below {SMALL} the figures say little.",
                counted(rating.rows, "row", "rows")
            ),
            "Rate a larger part of the data before you rely on the score.",
        ));
    }
    let formats = rating.names_in(FORMAT).len();
    if formats > 0 {
        alerts.push(Alert::new(
            "alert_readiness_format_inconsistency",
            Severity::Medium,
            "format_validation",
            formats,
            format!(
                "{} values that cannot be read as dates.",
                counted(formats, "date column has", "date columns have")
            ),
            "Write all dates of a column in one format, best YYYY-MM-DD.",
        ));
    }
    let outliers = rating.names_in(OUTLIERS).len();
    if outliers > 0 {
        alerts.push(Alert::new(
            "alert_readiness_outliers",
            Severity::Medium,
            "outlier_detection",
            outliers,
            format!(
                "{} more than 5 % outliers.",
                counted(outliers, "numeric column has", "numeric columns have")
            ),
            &format!("Look at the extreme values of these columns; at a score of {score} each one counts."),
        ));
    }
    alerts
}

/// The id and severity for a score below 60 or below 80.
fn graded(score: f64, critical: &'static str, high: &'static str) -> Option<(&'static str, Severity)> {
    match score {
        score if score < 60.0 => Some((critical, Severity::Critical)),
        score if score < 80.0 => Some((high, Severity::High)),
        _ => None,
    }
}

pub(super) fn repeated_text(rating: &Rating<'_, '_>) -> String {
    format!(
        "{} ({} %) equal to another row in all columns.",
        counted(rating.repeated_rows.len(), "row is", "rows are"),
        fixed(rating.repeated_share(), 1)
    )
}

fn issues(rating: &Rating<'_, '_>) -> Vec<Issue> {
    let deducted = rating.deductions.iter().filter_map(|deduction| {
        let kind = match deduction.reason {
            MISSING => "null_value",
            FORMAT => "invalid_format",
            _ => "outlier_detected",
        };
        let field = deduction.field?;
        Some((field, field.to_owned(), kind, deduction.severity.clone(), deduction.remediation.clone()))
    });
    let fields = rating.fields;
    let empty = fields.iter().filter(|field| field.is_empty()).map(|field| {
        let message = format!("Column \"{}\" has no value in any of {} rows.", field.name(), rating.rows);
        (
            field.name(),
            format!("{}_null", field.name()),
            "missing_required_field",
            Severity::Critical,
            message,
        )
    });
    let unnamed = fields.iter().filter(|field| field.is_unnamed()).map(|field| {
        let message =
            format!("Column \"{}\" got its name from a conversion: the header lacks one.", field.name());
        (field.name(), field.name().to_owned(), "invalid_format", Severity::High, message)
    });
    let formats = fields.iter().filter_map(|field| {
        let dates = field.dates.as_ref().filter(|dates| !dates.unparsed.is_empty())?;
        let message = format!(
            "{} of column \"{}\" ({} %) cannot be read as dates.",
            counted(dates.unparsed.len(), "value", "values"),
            field.name(),
            fixed(dates.share, 1)
        );
        let severity = if dates.share > 25.0 { Severity::High } else { Severity::Medium };
        Some((field.name(), format!("{}_format", field.name()), "invalid_format", severity, message))
    });
    let repeated = rating.repeated_rows.iter().take(REPEATED_ROWS).map(|row| {
        let message = format!("Row {row} is equal to another row in all columns.");
        (NOTHING, format!("row_{row}"), "duplicate_record", Severity::High, message)
    });
    let found = deducted.chain(empty).chain(unnamed).chain(formats).chain(repeated);
    let numbered = found.take(ISSUES).enumerate().map(|(number, (field, end, kind, severity, message))| {
        Issue::new(ID, format!("issue_readiness_{number}_{end}"), field, kind, severity, message)
    });
    numbered.collect()
}

fn summary_lines(rating: &Rating<'_, '_>) -> String {
    let mut lines = vec![
        format!("Data readiness: {}, {} of 100", rating.status.word(), fixed(rating.score, 1)),
        format!("- Completeness: {} of 100", fixed(rating.completeness, 1)),
        format!("- Consistency: {} of 100", fixed(rating.consistency, 1)),
        format!("- Schema health: {} of 100", fixed(rating.schema_health, 1)),
    ];
    if !rating.deductions.is_empty() {
        lines.push(format!("- Deductions: {}", rating.deductions.len()));
        for deduction in largest(rating).into_iter().take(3) {
            let field = deduction.field.map(|field| format!(" of {field}")).unwrap_or_default();
            lines.push(format!("  - {}{field}: {}", deduction.reason, fixed(deduction.amount, 2)));
        }
    }
    lines.push(match rating.status {
        Status::Ready => "The data is ready for use.".to_owned(),
        Status::NeedsReview | Status::NotReady => status_text(rating),
    });
    lines.join("\n")
}
