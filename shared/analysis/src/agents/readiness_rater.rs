//! `readiness-rater` of profile-my-data: one score for how ready the data is, from completeness, consistency and
//! schema health.
//!
//! Columns are measured in parallel ([`field`]); what lowers confidence without changing the score is in
//! [`deductions`], rows are listed in [`rows`], texts are in [`findings`] and
//! [`recommendations`].

mod deductions;
mod field;
mod findings;
mod recommendations;
mod rows;

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::{percentage, round};
use crate::table::{ReadOptions, Table};
use deductions::Deduction;
use field::Field;

/// The agent.
#[derive(Debug)]
pub(super) struct ReadinessRater;

const ID: &str = "readiness-rater";

impl Agent for ReadinessRater {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "ReadinessRater"
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let settings = Settings::new(&mut parameters)?;
        let table = input.table_with_rows("primary", ReadOptions::inferring(10_000))?;
        Ok(rate(&table, settings, parameters))
    }
}

struct Settings {
    ready_threshold: f64,
    needs_review_threshold: f64,
    completeness_weight: f64,
    consistency_weight: f64,
    schema_health_weight: f64,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        Ok(Self {
            ready_threshold: parameters.number("ready_threshold", json!(80))?,
            needs_review_threshold: parameters.number("needs_review_threshold", json!(50))?,
            completeness_weight: parameters.number("completeness_weight", json!(0.3))?,
            consistency_weight: parameters.number("consistency_weight", json!(0.3))?,
            schema_health_weight: parameters.number("schema_health_weight", json!(0.4))?,
        })
    }
}

fn rate(table: &Table, settings: Settings, parameters: Parameters<'_>) -> Answer {
    let fields: Vec<Field<'_>> =
        RAYON.install(|| table.columns().par_iter().with_max_len(1).map(Field::measure).collect());
    let rating = Rating::new(table, &fields, settings);
    let findings = findings::collect(&rating, rows::collect(table, &fields));
    let count = |low: f64, high: f64| {
        rating.components().iter().filter(|component| (low..high).contains(&component.score)).count()
    };
    let summary_metrics = extra([
        ("readiness_score", json!(round(rating.score, 2))),
        ("readiness_status", json!(rating.status.word())),
        ("components_ready", json!(count(80.0, f64::INFINITY))),
        ("components_needs_review", json!(count(60.0, 80.0))),
        ("components_not_ready", json!(count(f64::NEG_INFINITY, 60.0))),
    ]);
    let mut data = Map::new();
    data.insert("readiness_assessment".to_owned(), findings::assessment(&rating));
    data.insert(
        "component_scores".to_owned(),
        rating.components().iter().map(Component::to_json).collect::<Vec<Value>>().into(),
    );
    data.insert(
        "deductions".to_owned(),
        rating.deductions.iter().map(Deduction::to_json).collect::<Vec<Value>>().into(),
    );
    parameters.write_echoes(&mut data);
    Answer::success(summary_metrics, data, findings)
}

/// Where the score lies between the two thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ready,
    NeedsReview,
    NotReady,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NeedsReview => "needs_review",
            Self::NotReady => "not_ready",
        }
    }
}

/// One of the three scores that make up the whole, not rounded.
struct Component {
    name: &'static str,
    weight: f64,
    score: f64,
    description: String,
}

impl Component {
    fn to_json(&self) -> Value {
        json!({
            "component": self.name,
            "weight": self.weight,
            "score": round(self.score, 2),
            "status": match self.score {
                score if score >= 95.0 => "excellent",
                score if score >= 80.0 => "good",
                score if score >= 60.0 => "fair",
                _ => "poor",
            },
            "description": self.description,
        })
    }
}

/// The figures of the whole file (section 4 of the specification), not rounded.
struct Rating<'f, 'a> {
    rows: usize,
    fields: &'f [Field<'a>],
    repeated_rows: &'a [u32],
    settings: Settings,
    completeness: f64,
    consistency: f64,
    schema_health: f64,
    score: f64,
    status: Status,
    deductions: Vec<Deduction<'a>>,
}

impl<'f, 'a> Rating<'f, 'a> {
    fn new(table: &'a Table, fields: &'f [Field<'a>], settings: Settings) -> Self {
        let rows = table.height();
        let cells = rows * fields.len();
        let nulls: usize = fields.iter().map(|field| field.column.null_count()).sum();
        let completeness = percentage(cells - nulls, cells);
        let mixed = fields.iter().filter(|field| field.has_mixed_numbers).count();
        let consistency = 100.0 - 20.0 * mixed as f64 / fields.len() as f64;
        let schema_health = (100.0 - fields.iter().map(Field::schema_penalty).sum::<f64>()).max(0.0);
        let score = completeness * settings.completeness_weight
            + consistency * settings.consistency_weight
            + schema_health * settings.schema_health_weight;
        let status = match score {
            score if score >= settings.ready_threshold => Status::Ready,
            score if score >= settings.needs_review_threshold => Status::NeedsReview,
            _ => Status::NotReady,
        };
        let repeated_rows = table.repeated_rows();
        let deductions = deductions::collect(fields, repeated_rows.len(), rows);
        Self {
            rows,
            fields,
            repeated_rows,
            settings,
            completeness,
            consistency,
            schema_health,
            score,
            status,
            deductions,
        }
    }

    fn components(&self) -> [Component; 3] {
        let component = |name, weight, score, description| Component { name, weight, score, description };
        [
            component(
                "completeness",
                self.settings.completeness_weight,
                self.completeness,
                findings::completeness_text(self),
            ),
            component(
                "consistency",
                self.settings.consistency_weight,
                self.consistency,
                findings::consistency_text(self),
            ),
            component(
                "schema_health",
                self.settings.schema_health_weight,
                self.schema_health,
                findings::schema_text(self),
            ),
        ]
    }

    fn count(&self, is_meant: impl Fn(&Field<'a>) -> bool) -> usize {
        self.fields.iter().filter(|field| is_meant(field)).count()
    }

    /// Percentage of rows that equal another one.
    fn repeated_share(&self) -> f64 {
        percentage(self.repeated_rows.len(), self.rows)
    }

    /// Names of the columns that deductions of one kind are about.
    fn names_in(&self, reason: &str) -> Vec<&'a str> {
        self.deductions
            .iter()
            .filter(|deduction| deduction.reason == reason)
            .filter_map(|deduction| deduction.field)
            .collect()
    }
}

#[cfg(test)]
mod tests;
