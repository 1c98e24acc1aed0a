//! `test-coverage-agent` of profile-my-data: runs the uniqueness, range and format tests that a client defines.
//!
//! The parameters become tests in [`plan`]; [`outcome`] runs them, column by column in parallel; rows are listed in
//! [`rows`], texts are in [`findings`].

mod findings;
mod outcome;
mod plan;
mod rows;

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::round;
use crate::table::{ReadOptions, Table};
use outcome::{Kind, Outcome};
use plan::Plan;

/// The agent.
#[derive(Debug)]
pub(super) struct TestCoverage;

const ID: &str = "test-coverage-agent";

impl Agent for TestCoverage {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Test Coverage Agent"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = input.table_with_rows("primary", ReadOptions::inferring(10_000))?;
        let settings = Settings::new(&mut parameters)?;
        let plan = Plan::new(&parameters)?;
        Ok(test(&table, &plan, &settings, parameters))
    }
}

struct Settings {
    uniqueness_weight: f64,
    range_weight: f64,
    format_weight: f64,
    excellent_threshold: f64,
    good_threshold: f64,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        Ok(Self {
            uniqueness_weight: parameters.number("uniqueness_weight", json!(0.4))?,
            range_weight: parameters.number("range_weight", json!(0.3))?,
            format_weight: parameters.number("format_weight", json!(0.3))?,
            excellent_threshold: parameters.number("excellent_threshold", json!(90))?,
            good_threshold: parameters.number("good_threshold", json!(75))?,
        })
    }
}

fn test(table: &Table, plan: &Plan, settings: &Settings, parameters: Parameters<'_>) -> Answer {
    let outcomes: Vec<Outcome<'_>> = RAYON
        .install(|| plan.tests.par_iter().with_max_len(1).map(|test| Outcome::of(table, test)).collect());
    let coverage = Coverage::of(&outcomes, settings);
    let row_level_issues = rows::collect(table, &outcomes);
    let first_rows = row_level_issues.iter().take(100).map(|issue| json!(issue)).collect::<Vec<Value>>();
    let findings = findings::collect(&coverage, &outcomes, row_level_issues);
    let issues: Vec<Value> = outcomes.iter().filter_map(Outcome::to_json).collect();
    let summary_metrics = extra([
        ("total_records", json!(table.height())),
        ("total_fields", json!(table.columns().len())),
        ("test_coverage_score", json!(round(coverage.overall, 1))),
        ("coverage_status", json!(coverage.status.word())),
        ("issues_found", json!(issues.len())),
    ]);
    let mut data = extra([
        ("test_coverage_scores", coverage.to_json()),
        ("coverage_status", json!(coverage.status.word())),
        ("total_records", json!(table.height())),
        ("fields_analyzed", table.columns().iter().map(|column| column.name()).collect()),
        ("test_coverage_issues", Value::from(issues)),
        ("row_level_issues", Value::from(first_rows)),
        ("issue_summary", json!(findings.issue_summary)),
    ]);
    parameters.write_echoes(&mut data);
    Answer::success(summary_metrics, data, findings)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Excellent,
    Good,
    NeedsImprovement,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::NeedsImprovement => "needs_improvement",
        }
    }
}

/// The scores, not rounded.
struct Coverage {
    uniqueness: f64,
    range: f64,
    format: f64,
    overall: f64,
    status: Status,
}

impl Coverage {
    fn of(outcomes: &[Outcome<'_>], settings: &Settings) -> Self {
        let score = |kind: Kind| {
            let penalties = outcomes.iter().filter(|outcome| outcome.kind() == kind).map(Outcome::penalty);
            penalties.fold(100.0, |score: f64, penalty| score - penalty).max(0.0)
        };
        let (uniqueness, range, format) = (score(Kind::Uniqueness), score(Kind::Range), score(Kind::Format));
        let overall = uniqueness * settings.uniqueness_weight
            + range * settings.range_weight
            + format * settings.format_weight;
        let status = match overall {
            overall if overall >= settings.excellent_threshold => Status::Excellent,
            overall if overall >= settings.good_threshold => Status::Good,
            _ => Status::NeedsImprovement,
        };
        Self { uniqueness, range, format, overall, status }
    }

    fn of_kind(&self, kind: Kind) -> f64 {
        match kind {
            Kind::Uniqueness => self.uniqueness,
            Kind::Range => self.range,
            Kind::Format => self.format,
        }
    }

    fn to_json(&self) -> Value {
        Value::Object(Map::from_iter(extra([
            ("overall", json!(round(self.overall, 1))),
            ("uniqueness", json!(round(self.uniqueness, 1))),
            ("range", json!(round(self.range, 1))),
            ("format", json!(round(self.format, 1))),
        ])))
    }
}

#[cfg(test)]
mod tests;
