//! `governance-checker`, dispatched by profile-my-data: presence and fill of lineage, consent and classification
//! columns, and personal data without classification.
//!
//! Personal data is searched in [`personal`], column by column in parallel; scores are made in [`scores`], rows are
//! listed in [`rows`], texts are in [`findings`].

mod findings;
mod personal;
mod rows;
mod scores;

use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::round;
use crate::table::{ReadOptions, Table};
use personal::{Classification, Patterns};
use scores::Governance;

/// The agent.
#[derive(Debug)]
pub(super) struct GovernanceChecker;

const ID: &str = "governance-checker";

impl Agent for GovernanceChecker {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Governance Checker"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = input.table_with_rows("primary", ReadOptions::inferring(10_000))?;
        let settings = Settings::new(&mut parameters)?;
        Ok(check(&table, &settings, parameters))
    }
}

/// Columns that must exist and be filled.
struct RequiredFields {
    lineage: Vec<String>,
    consent: Vec<String>,
    classification: Vec<String>,
}

struct Settings {
    required: RequiredFields,
    lineage_weight: f64,
    consent_weight: f64,
    classification_weight: f64,
    compliance_threshold: f64,
    needs_review_threshold: f64,
    patterns: Patterns,
    valid_consent_statuses: Vec<String>,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let statuses = parameters.texts("valid_consent_statuses")?;
        let default_statuses = || ["granted", "denied", "withdrawn", "pending"].map(str::to_owned).to_vec();
        Ok(Self {
            required: RequiredFields {
                lineage: required(parameters, "required_lineage_fields")?,
                consent: required(parameters, "required_consent_fields")?,
                classification: required(parameters, "required_classification_fields")?,
            },
            lineage_weight: parameters.number("lineage_weight", json!(0.3))?,
            consent_weight: parameters.number("consent_weight", json!(0.4))?,
            classification_weight: parameters.number("classification_weight", json!(0.3))?,
            compliance_threshold: parameters.number("compliance_threshold", json!(80))?,
            needs_review_threshold: parameters.number("needs_review_threshold", json!(60))?,
            patterns: Patterns::new(parameters)?,
            valid_consent_statuses: statuses.unwrap_or_else(default_statuses),
        })
    }
}

fn required(parameters: &mut Parameters<'_>, key: &str) -> Result<Vec<String>, AgentError> {
    let fields = parameters.texts(key)?.unwrap_or_default();
    parameters.note(key, json!([]), json!(fields));
    Ok(fields)
}

fn check(table: &Table, settings: &Settings, parameters: Parameters<'_>) -> Answer {
    let personal = personal::search(table, &settings.patterns);
    let classification = table.column("data_classification").map(Classification::of);
    let governance = Governance::new(table, settings, &personal, classification.as_ref());
    let row_level_issues = rows::collect(table, &settings.required, &personal, classification.as_ref());
    let first_rows: Vec<Value> = row_level_issues.iter().take(100).map(|issue| json!(issue)).collect();
    let findings = findings::collect(table, &governance, row_level_issues);
    let summary_metrics = extra([
        ("total_records", json!(table.height())),
        ("total_fields", json!(table.columns().len())),
        ("governance_score", json!(round(governance.overall, 1))),
        ("compliance_status", json!(governance.status.word())),
        ("issues_found", json!(governance.issues.len())),
    ]);
    let mut data: Map<String, Value> = extra([
        ("governance_scores", governance.to_json()),
        ("compliance_status", json!(governance.status.word())),
        ("total_records", json!(table.height())),
        ("fields_analyzed", table.columns().iter().map(|column| column.name()).collect()),
        ("governance_issues", governance.issues.iter().map(scores::GovernanceIssue::to_json).collect()),
        ("row_level_issues", Value::from(first_rows)),
        ("issue_summary", json!(findings.issue_summary)),
    ]);
    parameters.write_echoes(&mut data);
    Answer::success(summary_metrics, data, findings)
}

#[cfg(test)]
mod tests;
