//! Alerts, issues, recommendations and texts (section 6 of the specification).

use super::{Fixing, ID};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, Severity, SummaryItem, shortened_names,
};
use crate::stats::percentage;
use crate::table::Column;
use crate::text::{counted, fixed};

/// Columns that become issues of the first kind.
const MISMATCHES: usize = 100;

pub(super) fn collect(fixing: &Fixing<'_>) -> Findings {
    let recommendations = recommendations(fixing);
    Findings {
        alerts: alerts(fixing),
        issues: issues(fixing),
        executive_summary: vec![SummaryItem::new(
            "exec_type_fixing",
            "Type Fixing",
            fixed(fixing.score, 1),
            fixing.quality,
            format!(
                "Quality is {}: {} fixed in {}, {} % of the issues.",
                fixing.quality,
                counted(fixing.columns.len(), "type was", "types were"),
                counted(fixing.columns.len(), "column", "columns"),
                fixed(fixing.reduction, 1)
            ),
        )],
        ai_analysis_text: summary_lines(fixing, Recommendation::first_text(&recommendations)),
        recommendations,
        issue_summary: IssueSummary::of_what_occurs(&[]),
        row_level_issues: Vec::new(),
    }
}

pub(super) fn summary(fixing: &Fixing<'_>) -> String {
    format!(
        "Type fixing ended as {}: {} looked at, {} converted.",
        fixing.quality,
        counted(fixing.rows, "row", "rows"),
        counted(fixing.columns.len(), "column", "columns")
    )
}

pub(super) fn log_entry(column: &Column) -> String {
    format!("{}: converted from {} to integer.", column.name(), column.kind().engine_name())
}

pub(super) fn reason(column: &Column) -> String {
    format!(
        "All {} of this {} column are whole numbers.",
        counted(column.value_count(), "value", "values"),
        column.kind().engine_name()
    )
}

fn summary_lines(fixing: &Fixing<'_>, first_recommendation: &str) -> String {
    let names = fixing.names();
    [
        "Type Fixer:".to_owned(),
        format!(
            "- score {} of 100 ({}): issue reduction {} %, rows kept 100.0 %, columns kept 100.0 %",
            fixed(fixing.score, 1),
            fixing.quality,
            fixed(fixing.reduction, 1)
        ),
        format!(
            "- {} fixed in {} of {}, {} % of the issues",
            counted(names.len(), "type", "types"),
            names.len(),
            counted(fixing.width, "column", "columns"),
            fixed(fixing.reduction, 1)
        ),
        format!("- columns with a wrong type: {}", shortened_names(&names, 5, "none")),
        format!("- all {} kept", counted(fixing.rows, "row", "rows")),
        format!("- conversions: {}", names.len()),
        format!("- first recommendation: {first_recommendation}"),
    ]
    .join("\n")
}

fn alerts(fixing: &Fixing<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let count = fixing.columns.len();
    let mut add = |id, severity, category, message: String, recommendation: &str| {
        alerts.push(Alert::new(id, severity, category, count, message, recommendation));
    };
    let columns = counted(count, "column", "columns");
    if count as f64 > 0.3 * fixing.width as f64 {
        let share = fixed(percentage(count, fixing.width), 1);
        let message = format!("{columns} of {} ({share} %) had the wrong type.", fixing.width);
        let advice = "Agree on the types of the columns with those who deliver the file.";
        add("alert_types_high_mismatches", Severity::Critical, "type_integrity", message, advice);
    }
    let good = fixing.settings.grading.good();
    if fixing.score < good {
        let severity = if fixing.score < 50.0 { Severity::Critical } else { Severity::High };
        let message = format!("The score of {} stays below {good}.", fixed(fixing.score, 1));
        let advice = "Check the weights and thresholds, then follow the recommendations.";
        add("alert_types_quality", severity, "quality_score", message, advice);
    }
    if count > 0 {
        let message = format!("{columns} went from Float64 to integer.");
        let advice = "Check that no fractions are expected there in later deliveries.";
        add("alert_types_precision_loss", Severity::Medium, "data_integrity", message, advice);
    }
    if !fixing.settings.is_automatic {
        let message = format!(
            "Automatic conversion of numbers and of dates is switched off; {columns} had the wrong type."
        );
        let advice = "Switch on at least one of them.";
        add("alert_types_no_auto_conversion", Severity::Medium, "configuration", message, advice);
    }
    alerts
}

fn issues(fixing: &Fixing<'_>) -> Vec<Issue> {
    let mismatches = fixing.columns.iter().take(MISMATCHES).map(|column| {
        let name = column.name();
        let id = format!("issue_types_{name}_type_mismatch");
        Issue::new(ID, id, name, "type_mismatch", Severity::Warning, reason(column))
    });
    let datatypes = fixing.columns.iter().map(|column| {
        let name = column.name();
        let id = format!("issue_types_column_{name}_type_issue");
        let text = format!("The type is {} and should be integer.", column.kind().engine_name());
        Issue::new(ID, id, name, "incorrect_datatype", Severity::High, text)
    });
    mismatches.chain(datatypes).collect()
}

fn recommendations(fixing: &Fixing<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    let count = fixing.columns.len();
    if count > 0 {
        let is_most = count as f64 > 0.5 * fixing.width as f64;
        let (priority, timeline) =
            if is_most { (Severity::Critical, "immediate") } else { (Severity::High, "1 week") };
        let text = format!(
            "Check types when the file is delivered: {count} of {} had the wrong one.",
            counted(fixing.width, "column", "columns")
        );
        add("rec_types_schema_validation".into(), "all", priority, timeline, text);
    }
    for column in fixing.columns.iter().take(3) {
        let text = format!("Keep this column as integer. {}", reason(column));
        let id = format!("rec_types_{}", column.name());
        add(id, column.name(), Severity::Medium, "2 weeks", text);
    }
    for (id, field, priority, timeline, text) in [
        (
            "rec_types_auto_conversion",
            "configuration",
            Severity::Medium,
            "2 weeks",
            "Check which conversions are switched on.",
        ),
        (
            "rec_types_validation",
            "all",
            Severity::Medium,
            "2 weeks",
            "Compare converted columns with what is known about them.",
        ),
        (
            "rec_types_documentation",
            "all",
            Severity::Low,
            "3 weeks",
            "Write down the type of each column, and why it has it.",
        ),
        (
            "rec_types_schema_enforcement",
            "all",
            Severity::High,
            "2-3 weeks",
            "Refuse files whose columns have other types than agreed.",
        ),
        (
            "rec_types_monitoring",
            "all",
            Severity::Low,
            "3 weeks",
            "Watch the types of each delivery for changes.",
        ),
        (
            "rec_types_preprocessing",
            "all",
            Severity::Medium,
            "2-3 weeks",
            "Set the types where the file is made, before it is delivered.",
        ),
    ] {
        add(id.to_owned(), field, priority, timeline, text.to_owned());
    }
    list
}
