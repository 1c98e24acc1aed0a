//! Alerts, issues and texts (section 6 of the specification).

use serde_json::Value;

use super::recommendations::recommendations;
use super::rows::{self, change_text};
use super::{ID, Standardization};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, Severity, SummaryItem, shortened_names, three_names,
};
use crate::stats::percentage;
use crate::text::{counted, fixed};

pub(super) fn collect(standardization: &Standardization<'_>) -> Findings {
    let recommendations = recommendations(standardization);
    let row_level_issues = rows::collect(standardization);
    Findings {
        alerts: alerts(standardization),
        issues: issues(standardization),
        executive_summary: vec![SummaryItem::new(
            "exec_field_standardization",
            "Field Standardization",
            fixed(standardization.score, 1),
            standardization.quality,
            format!(
                "Quality is {}: {} standardized in {}, {} fewer distinct values, effectiveness {} %.",
                standardization.quality,
                counted_changes(standardization.values_standardized),
                counted(standardization.passes.len(), "column", "columns"),
                standardization.uniques_reduced,
                fixed(standardization.effectiveness, 1)
            ),
        )],
        ai_analysis_text: summary_lines(standardization, Recommendation::first_text(&recommendations)),
        recommendations,
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

pub(super) fn summary(standardization: &Standardization<'_>) -> String {
    format!(
        "Field standardization ended as {}: {} and {} looked at, {} standardized.",
        standardization.quality,
        counted(standardization.rows, "row", "rows"),
        counted(standardization.passes.len(), "column", "columns"),
        counted_changes(standardization.values_standardized)
    )
}

/// One line per pass that changed something.
pub(super) fn log(standardization: &Standardization<'_>) -> Value {
    let passes = standardization.passes().filter(|(_, pass)| pass.changed_rows > 0);
    let lines = passes.map(|(column, pass)| {
        format!(
            "{}: changed {} ({} % of the rows).",
            column.column.name(),
            counted(pass.changed_rows, "value", "values"),
            fixed(percentage(pass.changed_rows, standardization.rows), 1)
        )
    });
    lines.collect()
}

fn counted_changes(count: i64) -> String {
    format!("{count} {}", if count == 1 { "variation" } else { "variations" })
}

fn summary_lines(standardization: &Standardization<'_>, first_recommendation: &str) -> String {
    let names: Vec<&str> = standardization.passes().map(|(column, _)| column.column.name()).collect();
    let effectiveness = fixed(standardization.effectiveness, 1);
    let mut lines = vec![
        "Field Standardization:".to_owned(),
        format!(
            "- score {} of 100 ({}): effectiveness {effectiveness} %, rows kept 100.0 %, columns kept 100.0 %",
            fixed(standardization.score, 1),
            standardization.quality
        ),
        format!(
            "- {} standardized, {} fewer distinct values, effectiveness {effectiveness} %",
            counted_changes(standardization.values_standardized),
            standardization.uniques_reduced
        ),
        format!("- columns: {} ({})", names.len(), shortened_names(&names, 5, "none")),
        format!(
            "- all {} and {} kept",
            counted(standardization.rows, "row", "rows"),
            counted(standardization.width, "column", "columns")
        ),
    ];
    let columns = &standardization.columns;
    if !columns.is_empty() {
        let sum: f64 = columns.iter().map(super::Standardized::improvement_percentage).sum();
        lines.push(format!("- mean improvement of a column: {} %", fixed(sum / columns.len() as f64, 1)));
    }
    lines.push(format!("- first recommendation: {first_recommendation}"));
    lines.join("\n")
}

fn alerts(standardization: &Standardization<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message: String, recommendation: &str| {
        alerts.push(Alert::new(id, severity, category, affected, message, recommendation));
    };
    let (before, after) = (standardization.before, standardization.after);
    let columns = standardization.passes.len();
    let effectiveness = fixed(standardization.effectiveness, 1);
    let in_columns = counted(columns, "column", "columns");
    if before.variations > 10 * columns {
        let message = format!("{} variations in {in_columns}.", before.variations);
        let advice = "Standardize these fields where they are entered.";
        let id = "alert_standardization_high_variations";
        add(id, Severity::High, "field_consistency", columns, message, advice);
    }
    if before.needy as f64 > 0.5 * columns as f64 {
        let message = format!("{} of {in_columns} vary in case or white space.", before.needy);
        let advice = "Agree on one form for each field.";
        let id = "alert_standardization_column_quality";
        add(id, Severity::High, "column_quality", before.needy, message, advice);
    }
    let has_little_effect = standardization.effectiveness < 10.0 && before.variations > 0;
    if has_little_effect {
        let message = format!("Only {effectiveness} % of {} variations are gone.", before.variations);
        let advice = "Choose a case strategy and switch on the cleaning of white space.";
        let id = "alert_standardization_low_improvement";
        add(id, Severity::Medium, "effectiveness", columns, message, advice);
    }
    let good = standardization.settings.grading.good();
    if standardization.score < good {
        let severity = if standardization.score < 50.0 { Severity::Critical } else { Severity::High };
        let message = format!("The score of {} stays below {good}.", fixed(standardization.score, 1));
        let advice = "Follow the recommendations, beginning with the columns that vary most.";
        add("alert_standardization_quality", severity, "quality_score", columns, message, advice);
    }
    if after.variations > 0 {
        let message = format!(
            "{} left in {}.",
            counted(after.variations, "variation is", "variations are"),
            counted(after.needy, "column", "columns")
        );
        let advice = "Look at these columns: other steps than those chosen are needed.";
        let id = "alert_standardization_remaining_variations";
        add(id, Severity::Medium, "field_consistency", after.needy, message, advice);
    }
    let standardized = standardization.values_standardized;
    if (standardized as f64) < 0.5 * before.variations as f64 && before.variations > 0 {
        let message = format!("{standardized} of {} variations were standardized.", before.variations);
        let advice = "Switch on more steps.";
        let id = "alert_standardization_low_transformation";
        add(id, Severity::High, "effectiveness", columns, message, advice);
    }
    let various = standardization.names_where(|column| column.before_all.score > 30.0);
    if standardization.settings.synonym_mappings.is_empty() && !various.is_empty() {
        let message = format!(
            "No synonyms are given, and {} distinct values in more than 30 % of the rows: {}.",
            counted(various.len(), "column has", "columns have"),
            three_names(&various)
        );
        let advice = "Give the synonyms of values that mean the same.";
        let id = "alert_standardization_no_synonyms";
        add(id, Severity::Medium, "configuration", various.len(), message, advice);
    }
    alerts
}

fn issues(standardization: &Standardization<'_>) -> Vec<Issue> {
    let mut issues: Vec<Issue> = standardization
        .changes()
        .map(|(column, change)| {
            let id = format!("issue_standardization_{}_{column}", change.row);
            Issue::new(ID, id, column, "field_standardized", Severity::Info, change_text(change))
        })
        .collect();
    let mut add = |part: &str, name: &str, kind, severity, text: String| {
        let id = format!("issue_standardization_{part}_{name}");
        issues.push(Issue::new(ID, id, name, kind, severity, text));
    };
    let columns = || standardization.columns.iter().map(|column| (column, column.column.name()));
    for (column, name) in columns().filter(|(column, _)| column.before_all.score > 50.0) {
        let text = format!("{} % of the values are distinct.", fixed(column.before_all.score, 2));
        add("high_variation", name, "high_variation", Severity::High, text);
    }
    for (column, name) in columns().filter(|(column, _)| column.after_all.cases > 0) {
        let text =
            format!("{} still differ in case only.", counted(column.after_all.cases, "value", "values"));
        add("case_remaining", name, "case_variation_remaining", Severity::Medium, text);
    }
    for (column, name) in columns().filter(|(column, _)| column.after_all.spaces > 0) {
        let count = counted(column.after_all.spaces, "value", "values");
        let text = format!("{count} still with white space at an end, or two blanks in a row.");
        add("whitespace", name, "whitespace_issues", Severity::Medium, text);
    }
    let variations = standardization.before.variations;
    if standardization.effectiveness < 10.0 && variations > 0 {
        let text = format!(
            "Only {} % of {variations} variations are gone.",
            fixed(standardization.effectiveness, 1)
        );
        let id = "issue_standardization_low_impact".to_owned();
        issues.push(Issue::new(ID, id, "dataset", "low_effectiveness", Severity::High, text));
    }
    issues.extend(columns().flat_map(|(column, name)| {
        column.invalid.iter().map(move |invalid| {
            let (entry, place) = match &invalid.entry {
                Some(entry) => (format!("_{entry}"), format!("`{entry}` of column {name}")),
                None => (String::new(), format!("column {name}")),
            };
            let id = format!("issue_standardization_{}_{name}{entry}", invalid.kind);
            let text = format!("`{}`, {place}: skipped, {}.", invalid.kind, invalid.what);
            Issue::new(ID, id, name, "invalid_configuration", Severity::Medium, text)
        })
    }));
    issues
}
