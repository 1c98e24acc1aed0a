//! `unified-profiler` of profile-my-data: statistics, quality scores and anomalies of every column.
//!
//! Columns are measured in parallel ([`field`], [`personal`]); rows are listed in [`rows`]; what is worth telling
//! about the figures is decided in [`findings`].

mod field;
mod findings;
mod personal;
mod rows;

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::agent::{Agent, AgentError, AgentInput};
use crate::answer::Answer;
use crate::parameters::Parameters;
use crate::stats::round_scaled;
use crate::table::{ReadOptions, Table};
use field::Field;

/// The agent.
#[derive(Debug)]
pub(super) struct UnifiedProfiler;

const ID: &str = "unified-profiler";

impl Agent for UnifiedProfiler {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "UnifiedProfiler"
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let settings = Settings::new(&mut parameters)?;
        let table = input.table("primary", ReadOptions::inferring(10_000))?;
        Ok(profile(&table, &settings, parameters))
    }
}

/// Parameters that have an effect; three more are echoed only.
struct Settings {
    null_alert_threshold: f64,
    top_n_values: i64,
    outlier_iqr_multiplier: f64,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let null_alert_threshold = parameters.number("null_alert_threshold", json!(50))?;
        parameters.any("categorical_threshold", json!(20));
        parameters.any("categorical_ratio_threshold", json!(0.05));
        let top_n_values = parameters.integer("top_n_values", 10)?;
        let outlier_iqr_multiplier = parameters.number("outlier_iqr_multiplier", json!(1.5))?;
        parameters.any("outlier_alert_threshold", json!(5));
        Ok(Self { null_alert_threshold, top_n_values, outlier_iqr_multiplier })
    }
}

fn profile(table: &Table, settings: &Settings, parameters: Parameters<'_>) -> Answer {
    let fields: Vec<Field<'_>> = RAYON.install(|| {
        let columns = table.columns().par_iter().with_max_len(1);
        columns
            .map(|column| Field::measure(column, settings.top_n_values, settings.outlier_iqr_multiplier))
            .collect()
    });
    let quality = Quality::of(&fields, settings.null_alert_threshold);
    let findings = findings::collect(&fields, &quality, rows::collect(&fields));
    let summary_metrics = crate::findings::extra([
        ("total_columns", json!(fields.len())),
        ("total_rows", json!(table.height())),
        ("columns_with_issues", json!(quality.bad_fields)),
    ]);
    let mut data = Map::new();
    data.insert("fields".to_owned(), fields.iter().map(Field::to_json).collect());
    data.insert("quality_summary".to_owned(), quality.to_json());
    parameters.write_echoes(&mut data);
    Answer::success(summary_metrics, data, findings)
}

/// Scores of the whole file (sections 4 and 5 of the specification).
struct Quality {
    overall: f64,
    grade: &'static str,
    completeness: f64,
    validity: f64,
    consistency: f64,
    /// Fields with a score below 80.
    bad_fields: usize,
    critical_issues: usize,
    warnings: usize,
    info_messages: usize,
}

impl Quality {
    fn of(fields: &[Field<'_>], null_alert_threshold: f64) -> Self {
        let mean = |figure: fn(&Field<'_>) -> f64| round_scaled(mean(fields.iter().map(figure)), 2);
        let overall = mean(|field| field.quality_score);
        let mut quality = Self {
            overall,
            grade: match overall {
                score if score >= 90.0 => "A",
                score if score >= 80.0 => "B",
                score if score >= 70.0 => "C",
                score if score >= 60.0 => "D",
                _ => "F",
            },
            completeness: mean(|field| field.completeness),
            validity: mean(|field| field.validity),
            consistency: mean(|field| field.consistency),
            bad_fields: fields.iter().filter(|field| field.quality_score < 80.0).count(),
            critical_issues: 0,
            warnings: 0,
            info_messages: 0,
        };
        for field in fields {
            let counter = if field.null_share > null_alert_threshold {
                &mut quality.critical_issues
            } else if field.null_share > 10.0 {
                &mut quality.warnings
            } else {
                &mut quality.info_messages
            };
            *counter += 1;
        }
        quality
    }

    fn to_json(&self) -> Value {
        json!({
            "overall_quality_score": self.overall,
            "quality_grade": self.grade,
            "completeness_score": self.completeness,
            "validity_score": self.validity,
            "consistency_score": self.consistency,
            "accuracy_score": self.validity,
            "fields_requiring_attention": self.bad_fields,
            "critical_issues": self.critical_issues,
            "warnings": self.warnings,
            "info_messages": self.info_messages,
        })
    }
}

/// Arithmetic mean; 0 of nothing.
fn mean(figures: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u32);
    for figure in figures {
        sum += figure;
        count += 1;
    }
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests;
