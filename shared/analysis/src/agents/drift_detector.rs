//! `drift-detector` of profile-my-data: how the columns of a current file differ from those of a baseline.
//!
//! Columns are compared in parallel ([`field`], with [`categories`] for what is not numeric); rows are listed in
//! [`rows`]; what is worth telling about the figures is decided in [`findings`] and
//! [`recommendations`].

mod categories;
mod field;
mod findings;
mod recommendations;
mod rows;

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::Severity;
use crate::parameters::Parameters;
use crate::stats::{percentage, round, round_scaled};
use crate::table::{ReadOptions, Table};
use field::Field;

/// The agent.
#[derive(Debug)]
pub(super) struct DriftDetector;

const ID: &str = "drift-detector";

/// Rows that decide on the type of a column; the tool's other agents look at more.
const INFERRED_ROWS: usize = 100;

impl Agent for DriftDetector {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "DriftDetector"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["baseline", "primary"]
    }

    fn signs(&self, error: &AgentError) -> Signature {
        match error {
            AgentError::NotCsv { .. } | AgentError::Unreadable { .. } => Signature::Id,
            _ => Signature::Nothing,
        }
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let settings = Settings::new(&mut parameters)?;
        let baseline = input.table("baseline", ReadOptions::inferring(INFERRED_ROWS))?;
        let current = input.table("primary", ReadOptions::inferring(INFERRED_ROWS))?;
        Ok(compare(&baseline, &current, &settings, parameters))
    }
}

/// The parameters.
struct Settings {
    /// As it came; decides which [`Test`] is run and is echoed in each field.
    statistical_test: Value,
    significance_level: f64,
    min_sample_size: f64,
}

/// How a p-value is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    KolmogorovSmirnov,
    Wasserstein,
    /// Any other word: p = 1.
    None,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        Ok(Self {
            statistical_test: parameters.any("statistical_test", json!("kolmogorov_smirnov")),
            significance_level: parameters.number("significance_level", json!(0.05))?,
            min_sample_size: parameters.number("min_sample_size", json!(100))?,
        })
    }

    fn test(&self) -> Test {
        match self.statistical_test.as_str() {
            Some("kolmogorov_smirnov") => Test::KolmogorovSmirnov,
            Some("wasserstein") => Test::Wasserstein,
            _ => Test::None,
        }
    }
}

fn compare(baseline: &Table, current: &Table, settings: &Settings, parameters: Parameters<'_>) -> Answer {
    let common: Vec<_> = current
        .columns()
        .iter()
        .filter_map(|column| Some((baseline.column(column.name())?, column)))
        .collect();
    let fields: Vec<Field<'_>> = RAYON.install(|| {
        let pairs = common.par_iter().with_max_len(1);
        pairs.filter_map(|(baseline, current)| Field::compare(baseline, current, settings)).collect()
    });
    let drift = Drift::of(&fields, common.len(), Columns::between(baseline, current));
    let findings = findings::collect(&fields, &drift, rows::collect(&fields));
    let mut data = Map::new();
    data.insert(
        "fields".to_owned(),
        fields.iter().map(|field| field.to_json(&settings.statistical_test)).collect(),
    );
    data.insert("drift_summary".to_owned(), drift.to_json());
    parameters.write_echoes(&mut data);
    Answer::success(drift.metrics(), data, findings)
}

/// Columns that only one of the files has, each in the order of its file.
struct Columns<'a> {
    missing: Vec<&'a str>,
    new: Vec<&'a str>,
}

impl<'a> Columns<'a> {
    fn between(baseline: &'a Table, current: &'a Table) -> Self {
        fn only<'a>(there: &'a Table, not_here: &Table) -> Vec<&'a str> {
            let names = there.columns().iter().map(|column| column.name());
            names.filter(|name| not_here.column(name).is_none()).collect()
        }
        Self { missing: only(baseline, current), new: only(current, baseline) }
    }
}

/// Figures of the whole comparison (steps 1 and 11 of the specification).
struct Drift<'a> {
    columns: Columns<'a>,
    /// Columns that both files have, those with too few values included.
    common: usize,
    drifted: usize,
    high: usize,
    medium: usize,
    low: usize,
    /// Mean over the fields, not rounded.
    average_psi: f64,
}

impl<'a> Drift<'a> {
    fn of(fields: &[Field<'_>], common: usize, columns: Columns<'a>) -> Self {
        let drifted = |severity: Severity| {
            fields.iter().filter(|field| field.drifted && field.severity == severity).count()
        };
        let sum: f64 = fields.iter().map(|field| field.psi).sum();
        Self {
            columns,
            common,
            drifted: fields.iter().filter(|field| field.drifted).count(),
            high: drifted(Severity::High),
            medium: drifted(Severity::Medium),
            low: drifted(Severity::Low),
            average_psi: if fields.is_empty() { 0.0 } else { sum / fields.len() as f64 },
        }
    }

    fn overall_score(&self) -> f64 {
        self.drifted as f64 / self.common.max(1) as f64
    }

    /// Drifted columns in percent of the common ones.
    fn share(&self) -> f64 {
        percentage(self.drifted, self.common)
    }

    fn is_unstable(&self) -> bool {
        self.overall_score() > 0.1
    }

    fn stability(&self) -> &'static str {
        if self.is_unstable() { "warning" } else { "stable" }
    }

    /// Whether so many columns have drifted that their source is suspect.
    fn is_systematic(&self) -> bool {
        self.drifted > 0 && self.drifted as f64 >= self.common as f64 * 0.3
    }

    fn metrics(&self) -> Map<String, Value> {
        crate::findings::extra([
            ("fields_analyzed", json!(self.common)),
            ("drift_detected_count", json!(self.drifted)),
            ("drift_severity_high", json!(self.high)),
            ("drift_severity_medium", json!(self.medium)),
            ("drift_severity_low", json!(self.low)),
            ("average_psi_score", json!(round_scaled(self.average_psi, 4))),
        ])
    }

    fn to_json(&self) -> Value {
        json!({
            "overall_drift_score": round(self.overall_score(), 4),
            "drift_percentage": round(self.share(), 2),
            "fields_with_drift": self.drifted,
            "dataset_stability": self.stability(),
        })
    }
}

#[cfg(test)]
mod tests;
