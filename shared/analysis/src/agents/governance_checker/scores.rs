//! Scores and governance issues (section 4, steps 1 to 5, of the specification).

use serde_json::{Value, json};

use super::Settings;
use super::personal::{Classification, PersonalColumn};
use crate::findings::{Severity, extra};
use crate::stats::{percentage, round};
use crate::table::Table;

pub(super) const MISSING_LINEAGE: &str = "missing_lineage_field";
pub(super) const MISSING_CONSENT: &str = "missing_consent_field";
pub(super) const MISSING_CLASSIFICATION: &str = "missing_classification_field";
pub(super) const PERSONAL: &str = "pii_detected";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Compliant,
    NeedsReview,
    NonCompliant,
}

impl Status {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Compliant => "compliant",
            Self::NeedsReview => "needs_review",
            Self::NonCompliant => "non_compliant",
        }
    }
}

/// A missing field, or a column of personal data.
pub(super) struct GovernanceIssue<'a> {
    pub(super) kind: &'static str,
    pub(super) field: &'a str,
    pub(super) severity: Severity,
    pub(super) message: String,
    /// The kind of personal data.
    personal: Option<&'a str>,
}

impl GovernanceIssue<'_> {
    pub(super) fn to_json(&self) -> Value {
        let mut issue = extra([
            ("type", json!(self.kind)),
            ("field", json!(self.field)),
            ("severity", json!(self.severity)),
            ("message", json!(self.message)),
        ]);
        if let Some(kind) = self.personal {
            issue.insert("pii_type".to_owned(), json!(kind));
        }
        Value::Object(issue)
    }
}

/// The figures of the file, not rounded.
pub(super) struct Governance<'a> {
    pub(super) lineage: f64,
    pub(super) consent: f64,
    pub(super) classification: f64,
    pub(super) overall: f64,
    pub(super) status: Status,
    pub(super) issues: Vec<GovernanceIssue<'a>>,
}

impl<'a> Governance<'a> {
    pub(super) fn new(
        table: &Table,
        settings: &'a Settings,
        personal: &[PersonalColumn<'a>],
        classified: Option<&Classification>,
    ) -> Self {
        let lineage = lineage_score(table, &settings.required.lineage);
        let consent = consent_score(table, settings);
        let classification = classification_score(table, settings, personal, classified);
        let overall = lineage * settings.lineage_weight
            + consent * settings.consent_weight
            + classification * settings.classification_weight;
        let status = match overall {
            overall if overall >= settings.compliance_threshold => Status::Compliant,
            overall if overall >= settings.needs_review_threshold => Status::NeedsReview,
            _ => Status::NonCompliant,
        };
        let issues = issues(table, settings, personal);
        Self { lineage, consent, classification, overall, status, issues }
    }

    /// Fields of the issues of one kind.
    pub(super) fn fields_of(&self, kind: &str) -> Vec<&'a str> {
        self.issues.iter().filter(|issue| issue.kind == kind).map(|issue| issue.field).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "overall": round(self.overall, 1),
            "lineage": round(self.lineage, 1),
            "consent": round(self.consent, 1),
            "classification": round(self.classification, 1),
        })
    }
}

fn missing<'s>(table: &Table, fields: &'s [String]) -> impl Iterator<Item = &'s str> {
    fields.iter().filter(|field| table.column(field).is_none()).map(String::as_str)
}

/// 100 without `each` per missing field; may be negative.
fn without_missing(table: &Table, fields: &[String], each: f64) -> f64 {
    100.0 - each * missing(table, fields).count() as f64
}

fn lineage_score(table: &Table, fields: &[String]) -> f64 {
    let columns = fields.iter().filter_map(|field| table.column(field));
    let nulls =
        columns.map(|column| percentage(column.null_count(), column.len())).filter(|share| *share > 5.0);
    let score = without_missing(table, fields, 20.0);
    nulls.fold(score, |score, share| score - (share / 10.0).min(15.0)).max(0.0)
}

fn consent_score(table: &Table, settings: &Settings) -> f64 {
    let valid = &settings.valid_consent_statuses;
    let has_invalid = table.column("consent_status").is_some_and(|column| {
        column.distinct().groups().any(|group| {
            let status = column.cell(group.first_row as usize).display();
            !valid.iter().any(|valid| *valid == status)
        })
    });
    let score = without_missing(table, &settings.required.consent, 25.0);
    (if has_invalid { score - 15.0 } else { score }).max(0.0)
}

fn classification_score(
    table: &Table,
    settings: &Settings,
    personal: &[PersonalColumn<'_>],
    classified: Option<&Classification>,
) -> f64 {
    let is_exposed = classified.is_some_and(|classified| {
        let mut scored = personal.iter().filter(|column| column.is_scored);
        scored.any(|column| column.rows(classified.public()).next().is_some())
    });
    let score = without_missing(table, &settings.required.classification, 20.0);
    (if is_exposed { score - 20.0 } else { score }).max(0.0)
}

fn issues<'a>(
    table: &Table,
    settings: &'a Settings,
    personal: &[PersonalColumn<'a>],
) -> Vec<GovernanceIssue<'a>> {
    let required = &settings.required;
    let mut issues = Vec::new();
    for (kind, what, fields) in [
        (MISSING_LINEAGE, "lineage", &required.lineage),
        (MISSING_CONSENT, "consent", &required.consent),
        (MISSING_CLASSIFICATION, "classification", &required.classification),
    ] {
        issues.extend(missing(table, fields).map(|field| GovernanceIssue {
            kind,
            field,
            severity: Severity::Critical,
            message: format!("The required {what} column \"{field}\" does not exist."),
            personal: None,
        }));
    }
    issues.extend(personal.iter().map(|column| GovernanceIssue {
        kind: PERSONAL,
        field: column.name,
        severity: Severity::High,
        message: format!("Column \"{}\" holds personal data of the kind {}.", column.name, column.kind),
        personal: Some(column.kind),
    }));
    issues
}
