//! `score-risk` of profile-my-data: columns with personal or sensitive data, their risk, and the laws they touch.
//!
//! Columns are scored in [`field`] by their name and a sample of their values ([`personal`]); rows are listed in
//! [`rows`]; what is worth telling is decided in [`findings`] and [`recommendations`].

mod field;
mod findings;
mod personal;
mod recommendations;
mod rows;

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput};
use crate::answer::Answer;
use crate::parameters::Parameters;
use crate::stats::round;
use crate::table::{ReadOptions, Table};
use field::{Field, Framework, Level};
use personal::Recogniser;

/// The agent.
#[derive(Debug)]
pub(super) struct RiskScorer;

const ID: &str = "score-risk";

/// Row-level issues that `data` repeats.
const ROW_ISSUES_IN_DATA: usize = 100;

impl Agent for RiskScorer {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "RiskScorer"
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let settings = Settings::new(&mut parameters)?;
        let table = input.table("primary", ReadOptions::inferring(10_000))?;
        score(&table, &settings, parameters)
    }
}

/// The parameters.
struct Settings {
    pii_sample_size: usize,
    high_risk_threshold: f64,
    medium_risk_threshold: f64,
    pii_detection_enabled: bool,
    sensitive_field_detection_enabled: bool,
    governance_check_enabled: bool,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        const SAMPLE_SIZE: &str = "pii_sample_size";
        let size = parameters.integer(SAMPLE_SIZE, 100)?;
        Ok(Self {
            pii_sample_size: usize::try_from(size).map_err(|_| AgentError::Parameter {
                key: SAMPLE_SIZE.to_owned(),
                reason: format!("a number of values is needed, 0 or more, got {size}"),
            })?,
            high_risk_threshold: parameters.number("high_risk_threshold", json!(70))?,
            medium_risk_threshold: parameters.number("medium_risk_threshold", json!(40))?,
            pii_detection_enabled: parameters.flag("pii_detection_enabled", true)?,
            sensitive_field_detection_enabled: parameters.flag("sensitive_field_detection_enabled", true)?,
            governance_check_enabled: parameters.flag("governance_check_enabled", true)?,
        })
    }

    /// The level of a score, by the thresholds.
    fn level(&self, score: f64) -> Level {
        match score {
            score if score >= self.high_risk_threshold => Level::High,
            score if score >= self.medium_risk_threshold => Level::Medium,
            _ => Level::Low,
        }
    }
}

fn score(table: &Table, settings: &Settings, parameters: Parameters<'_>) -> Result<Answer, AgentError> {
    let recogniser = Recogniser::new(settings.pii_sample_size)?;
    let fields: Vec<Field<'_>> = RAYON.install(|| {
        let columns = table.columns().par_iter().with_max_len(16);
        columns.map(|column| Field::score(column, settings, &recogniser)).collect()
    });
    let risk = Risk::of(&fields, settings);
    let findings = findings::collect(&fields, &risk, rows::collect(&fields));
    let shown = findings.row_level_issues.iter().take(ROW_ISSUES_IN_DATA);
    let mut data = Map::new();
    data.insert("fields".to_owned(), fields.iter().map(Field::to_json).collect());
    data.insert("risk_summary".to_owned(), risk.to_json());
    data.insert("row_level_issues".to_owned(), shown.map(|issue| json!(issue)).collect());
    data.insert("issue_summary".to_owned(), json!(findings.issue_summary));
    parameters.write_echoes(&mut data);
    Ok(Answer::success(risk.metrics(), data, findings))
}

/// Figures of the whole file.
struct Risk {
    fields: usize,
    /// Mean of the fields' scores, not rounded.
    overall: f64,
    level: Level,
    high: usize,
    medium: usize,
    low: usize,
    personal: usize,
    sensitive: usize,
    gaps: usize,
    /// Frameworks that a field touches, with the number of such fields, ascending by name.
    frameworks: Vec<(Framework, usize)>,
    high_risk_threshold: f64,
}

impl Risk {
    fn of(fields: &[Field<'_>], settings: &Settings) -> Self {
        let count = |holds: fn(&Field<'_>) -> bool| fields.iter().filter(|field| holds(field)).count();
        let sum: f64 = fields.iter().map(|field| f64::from(field.score)).sum();
        let overall = if fields.is_empty() { 0.0 } else { sum / fields.len() as f64 };
        let frameworks = Framework::BY_NAME.into_iter().map(|framework| {
            (framework, fields.iter().filter(|field| field.frameworks.contains(&framework)).count())
        });
        Self {
            fields: fields.len(),
            overall,
            level: settings.level(overall),
            high: count(|field| field.level == Level::High),
            medium: count(|field| field.level == Level::Medium),
            low: count(|field| field.level == Level::Low),
            personal: count(|field| field.personal.is_some()),
            sensitive: count(|field| field.sensitive),
            gaps: count(|field| field.unencrypted),
            frameworks: frameworks.filter(|(_, fields)| *fields > 0).collect(),
            high_risk_threshold: settings.high_risk_threshold,
        }
    }

    /// Sensitive fields beyond those with personal data; none where the difference is negative (Q6).
    fn sensitive_only(&self) -> usize {
        self.sensitive.saturating_sub(self.personal)
    }

    /// Number of fields that touch a framework; `None` without any.
    fn touching(&self, framework: Framework) -> Option<usize> {
        self.frameworks.iter().find(|(other, _)| *other == framework).map(|(_, fields)| *fields)
    }

    fn framework_names(&self) -> Vec<&'static str> {
        self.frameworks.iter().map(|(framework, _)| framework.name()).collect()
    }

    fn metrics(&self) -> Map<String, Value> {
        crate::findings::extra([
            ("total_fields_analyzed", json!(self.fields)),
            ("fields_with_high_risk", json!(self.high)),
            ("fields_with_medium_risk", json!(self.medium)),
            ("fields_with_low_risk", json!(self.low)),
            ("pii_fields_detected", json!(self.personal)),
            ("sensitive_fields_detected", json!(self.sensitive)),
            ("governance_gaps", json!(self.gaps)),
        ])
    }

    fn to_json(&self) -> Value {
        let further_gaps = self.gaps.saturating_sub(self.high + self.medium);
        json!({
            "overall_risk_score": round(self.overall, 2),
            "overall_risk_level": self.level.as_str(),
            "critical_issues": 0,
            "high_priority_issues": self.high,
            "compliance_frameworks_impacted": self.framework_names(),
            "estimated_remediation_time_hours": 2 * self.high + self.medium + further_gaps,
        })
    }
}

#[cfg(test)]
mod tests;
