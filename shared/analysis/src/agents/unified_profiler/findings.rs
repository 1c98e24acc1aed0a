//! Alerts, issues, recommendations and summary (section 6 of the specification): what the figures are worth telling.

use serde_json::{Map, Value, json};

use super::field::Field;
use super::{ID, Quality, mean};
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, Recommendation, RowIssue, Severity, SummaryItem, extra, first_names,
};
use crate::text::{counted, fixed};

/// Fields that are searched for issues.
const ISSUE_FIELDS: usize = 100;

/// Fields that share a property which the texts speak about.
struct Groups<'f, 'a> {
    /// More than half of the values missing.
    high_nulls: Vec<&'f Field<'a>>,
    low_cardinality: usize,
    high_cardinality: usize,
    /// More than 5 % outliers.
    outliers: Vec<&'f Field<'a>>,
    with_nulls: usize,
}

impl<'f, 'a> Groups<'f, 'a> {
    fn of(fields: &'f [Field<'a>]) -> Self {
        Self {
            high_nulls: fields.iter().filter(|field| field.null_percentage > 50.0).collect(),
            low_cardinality: fields.iter().filter(|field| field.has_low_cardinality()).count(),
            high_cardinality: fields.iter().filter(|field| field.has_high_cardinality()).count(),
            outliers: fields.iter().filter(|field| field.outlier_percentage() > 5.0).collect(),
            with_nulls: fields.iter().filter(|field| field.null_percentage > 0.0).count(),
        }
    }
}

pub(super) fn collect(fields: &[Field<'_>], quality: &Quality, row_level_issues: Vec<RowIssue>) -> Findings {
    let groups = Groups::of(fields);
    Findings {
        alerts: alerts(quality, &groups),
        issues: fields.iter().take(ISSUE_FIELDS).flat_map(issues).collect(),
        recommendations: recommendations(fields, quality, &groups),
        executive_summary: vec![executive_summary(quality)],
        ai_analysis_text: summary_lines(quality),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

fn alerts(quality: &Quality, groups: &Groups<'_, '_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message, advice: &str| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    let score = fixed(quality.overall, 1);
    if quality.overall < 80.0 {
        add(
            "alert_profile_quality_overall",
            below(quality.overall, 50.0, 60.0),
            "data_quality",
            quality.bad_fields,
            format!(
                "The overall quality score is {score} of 100 (grade {}); {} below 80.",
                quality.grade,
                counted(quality.bad_fields, "column is", "columns are")
            ),
            "Begin with the columns of the lowest score: fill or drop missing values, then look into outliers.",
        );
    }
    if quality.overall >= 90.0 {
        add(
            "alert_profile_quality_excellent",
            Severity::Low,
            "data_quality",
            0,
            format!(
                "The overall quality score is {score} of 100 (grade {}): the data is in very good order.",
                quality.grade
            ),
            "Keep the present checks and profile the data again after each change of its source.",
        );
    }
    if !groups.high_nulls.is_empty() {
        let mean = mean(groups.high_nulls.iter().map(|field| field.null_percentage));
        let size = groups.high_nulls.len();
        add(
            "alert_profile_high_nulls",
            if mean > 75.0 { Severity::Critical } else { Severity::High },
            "missing_data",
            size,
            format!(
                "{} more than 50 % of the values missing; the mean is {} %.",
                counted(size, "column has", "columns have"),
                fixed(mean, 1)
            ),
            "Decide for each of these columns whether it is dropped, filled, or delivered completely by its source.",
        );
    }
    if groups.low_cardinality > 0 {
        let size = groups.low_cardinality;
        add(
            "alert_profile_low_cardinality",
            Severity::Medium,
            "column_quality",
            size,
            format!(
                "{} few distinct values: less than 5 % of the rows.",
                counted(size, "column has", "columns have")
            ),
            "Check that these columns are meant as categories, and drop those that say nothing.",
        );
    }
    if groups.high_cardinality > 0 {
        let size = groups.high_cardinality;
        add(
            "alert_profile_high_cardinality",
            Severity::Medium,
            "column_quality",
            size,
            format!(
                "{} almost as many distinct values as rows: more than 95 %.",
                counted(size, "column has", "columns have")
            ),
            "Treat these columns as identifiers: keep them out of models, and test those that must be unique.",
        );
    }
    if !groups.outliers.is_empty() {
        let mean = mean(groups.outliers.iter().map(|field| field.outlier_percentage()));
        let size = groups.outliers.len();
        add(
            "alert_profile_outliers_detected",
            if mean > 10.0 { Severity::High } else { Severity::Medium },
            "data_quality",
            size,
            format!(
                "{} more than 5 % outliers; the mean is {} %.",
                counted(size, "numeric column has", "numeric columns have"),
                fixed(mean, 1)
            ),
            "Look at the extreme values: correct what is wrong, cap or mark what is right but rare.",
        );
    }
    if quality.completeness < 80.0 {
        add(
            "alert_profile_completeness_gap",
            if quality.completeness < 60.0 { Severity::High } else { Severity::Medium },
            "missing_data",
            groups.with_nulls,
            format!("Only {} % of all cells have a value.", fixed(quality.completeness, 1)),
            "Find out where the values get lost, and agree on how missing ones are to be filled.",
        );
    }
    alerts
}

/// `Critical` below the first bound, `High` below the second, else `Medium`.
fn below(score: f64, critical: f64, high: f64) -> Severity {
    match score {
        score if score < critical => Severity::Critical,
        score if score < high => Severity::High,
        _ => Severity::Medium,
    }
}

fn issues(field: &Field<'_>) -> Vec<Issue> {
    let name = field.name();
    let mut issues = Vec::new();
    let mut add =
        |kind: &str, issue_type: &'static str, severity, message: String, extra: Map<String, Value>| {
            issues.push(Issue {
                issue_id: format!("issue_profile_{kind}_{name}"),
                agent_id: ID.into(),
                field_name: name.to_owned(),
                issue_type: issue_type.into(),
                severity,
                message,
                extra,
            });
        };
    let score = field.quality_score;
    if score < 80.0 {
        let priority = if score < 50.0 { "immediate" } else { "high" };
        add(
            "quality",
            "low_quality_score",
            below(score, 50.0, 60.0),
            format!("The quality score of this column is {} of 100.", fixed(score, 1)),
            extra([("quality_score", json!(score)), ("remediation_priority", json!(priority))]),
        );
    }
    let nulls = field.null_percentage;
    if nulls > 10.0 {
        let severity = match nulls {
            nulls if nulls > 75.0 => Severity::Critical,
            nulls if nulls > 50.0 => Severity::High,
            _ => Severity::Medium,
        };
        let priority = if nulls > 50.0 { "immediate" } else { "high" };
        add(
            "nulls",
            "high_null_percentage",
            severity,
            format!("Column \"{name}\" has no value in {} % of the rows.", fixed(nulls, 1)),
            extra([("null_percentage", json!(nulls)), ("remediation_priority", json!(priority))]),
        );
    }
    if let Some(numeric) = field.numeric.as_ref().filter(|numeric| numeric.outlier_percentage > 5.0) {
        let share = numeric.outlier_percentage;
        add(
            "outliers",
            "high_outlier_percentage",
            if share > 10.0 { Severity::High } else { Severity::Medium },
            format!(
                "In {} % of the rows, column \"{name}\" is far outside of its usual range.",
                fixed(share, 1)
            ),
            extra([("outlier_count", json!(numeric.outlier_count)), ("outlier_percentage", json!(share))]),
        );
    }
    let unique = field.unique_percentage;
    if field.has_low_cardinality() {
        add(
            "low_cardinality",
            "low_cardinality",
            Severity::Medium,
            format!("The distinct values make up only {} % of the rows.", fixed(unique, 1)),
            extra([("unique_percentage", json!(unique))]),
        );
    } else if field.has_high_cardinality() {
        add(
            "high_cardinality",
            "high_cardinality",
            Severity::Low,
            format!(
                "The distinct values make up {} % of the rows, as those of an identifier do.",
                fixed(unique, 1)
            ),
            extra([("unique_percentage", json!(unique))]),
        );
    }
    issues
}

/// What the recommendations of this agent have in common.
struct Advice {
    id: &'static str,
    field_name: String,
    priority: Severity,
    timeline: &'static str,
    hours: u32,
    owner: &'static str,
    text: String,
}

impl From<Advice> for Recommendation {
    fn from(advice: Advice) -> Self {
        let Advice { id, field_name, priority, timeline, text, .. } = advice;
        Self {
            extra: extra([("estimated_effort_hours", json!(advice.hours)), ("owner", json!(advice.owner))]),
            ..Self::new(ID, id, field_name, priority, timeline, text)
        }
    }
}

fn recommendations(fields: &[Field<'_>], quality: &Quality, groups: &Groups<'_, '_>) -> Vec<Recommendation> {
    let mut advice = Vec::new();
    let nearly_empty: Vec<&str> =
        fields.iter().filter(|field| field.null_percentage > 75.0).map(Field::name).collect();
    if !nearly_empty.is_empty() {
        advice.push(Advice {
            id: "rec_profile_critical_nulls",
            field_name: first_names(&nearly_empty, 3, ""),
            priority: Severity::Critical,
            timeline: "immediate",
            hours: 8,
            owner: "Data Quality Team",
            text: format!(
                "{} more than 75 % of the values missing. Drop the column, impute the values, or investigate why the \
                 source does not deliver them.",
                counted(nearly_empty.len(), "column has", "columns have")
            ),
        });
    }
    if quality.bad_fields > 0 {
        advice.push(Advice {
            id: "rec_profile_quality_improvement",
            field_name: format!("{} fields", quality.bad_fields),
            priority: if quality.overall < 70.0 { Severity::High } else { Severity::Medium },
            timeline: "1-2 weeks",
            hours: 12,
            owner: "Data Governance Team",
            text: format!(
                "The overall score is {} of 100. Run clean-my-data on this file: it fills, standardises and removes \
                 what lowers the score.",
                fixed(quality.overall, 1)
            ),
        });
    }
    let outliers = groups.outliers.len();
    if outliers > 0 {
        advice.push(Advice {
            id: "rec_profile_outlier_handling",
            field_name: format!("{outliers} field(s)"),
            priority: if outliers > 5 { Severity::High } else { Severity::Medium },
            timeline: "1-2 weeks",
            hours: 10,
            owner: "Data Science Team",
            text: format!(
                "Agree on how the outliers of {} are treated: correct, cap, remove or keep them.",
                counted(outliers, "column", "columns")
            ),
        });
    }
    if quality.completeness < 80.0 {
        advice.push(Advice {
            id: "rec_profile_missing_data_strategy",
            field_name: format!("all ({})", counted(groups.with_nulls, "field with nulls", "fields with nulls")),
            priority: if quality.completeness < 60.0 { Severity::High } else { Severity::Medium },
            timeline: "1-2 weeks",
            hours: 10,
            owner: "Data Quality Team",
            text: format!(
                "{} % of all cells have a value. Write down for each column what a missing value means and how it is \
                 filled.",
                fixed(quality.completeness, 1)
            ),
        });
    }
    let (low, high) = (groups.low_cardinality, groups.high_cardinality);
    if low + high > 0 {
        advice.push(Advice {
            id: "rec_profile_cardinality_review",
            field_name: format!("{} field(s)", low + high),
            priority: Severity::Medium,
            timeline: "2 weeks",
            hours: 6,
            owner: "Database Administrator",
            text: format!(
                "Review the columns with few distinct values ({low}) as candidates for lookup tables, and those with \
                 almost only distinct values ({high}) as candidates for keys."
            ),
        });
    }
    advice.into_iter().map(Recommendation::from).collect()
}

fn executive_summary(quality: &Quality) -> SummaryItem {
    let score = fixed(quality.overall, 1);
    let status = match quality.overall {
        overall if overall >= 90.0 => "excellent",
        overall if overall >= 80.0 => "good",
        _ => "fair",
    };
    let description = format!("The data reaches grade {} with {score} of 100 points.", quality.grade);
    SummaryItem::new("exec_quality", "Data Quality Score", score, status, description)
}

fn summary_lines(quality: &Quality) -> String {
    let mut lines = vec![
        format!(
            "Data profile: overall quality {} of 100, grade {}",
            fixed(quality.overall, 1),
            quality.grade
        ),
        format!("- Completeness: {} %", fixed(quality.completeness, 1)),
        format!("- Validity: {} %", fixed(quality.validity, 1)),
        format!("- Consistency: {} %", fixed(quality.consistency, 1)),
    ];
    if quality.bad_fields > 0 {
        lines.push(format!("- Columns with a score below 80: {}", quality.bad_fields));
    }
    if quality.critical_issues > 0 {
        lines.push(format!("- Columns with critically many missing values: {}", quality.critical_issues));
    }
    lines.join("\n")
}
