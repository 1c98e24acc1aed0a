//! `experimental-design-agent`: sample sizes of a two-sided A/B test on a rate.
//!
//! The arithmetic is in [`design`], texts are in [`findings`].

mod design;
mod findings;

use serde_json::{Value, json};

use super::analytics::{self, Grades};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::stats::round;
use crate::table::{BigIntegers, ReadError, ReadOptions, Table};
use design::{Asked, Design, Feasibility};

/// The agent.
#[derive(Debug)]
pub(super) struct ExperimentalDesign;

const ID: &str = "experimental-design-agent";
/// Power of the test.
const POWER: f64 = 0.8;
/// Column names that are listed.
const NAMES: usize = 20;

impl Agent for ExperimentalDesign {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Experimental Design Agent"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn signs(&self, error: &AgentError) -> Signature {
        analytics::signature(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let level = parameters.bounded_number("significance_level", 0.95, 0.8..=0.999);
        let baseline = parameters.bounded_number("baseline_rate", 0.02, 0.0001..=0.9999);
        let lift = parameters.bounded_number("min_detectable_lift", 5.0, 0.1..=100.0);
        let given = parameters.bounded_integer_if_given("total_population_size", 0..=100_000_000);
        let grading = Grades::new(&mut parameters, [90, 75], 0..=100);
        let file = ReadFile::of(input);
        let population = given.filter(|size| *size > 0).or_else(|| file.rows());
        parameters.note("total_population_size", Value::Null, json!(population));

        let asked = Asked { level, baseline, lift };
        let design = Design::new(asked, population, grading)?;
        let findings = findings::collect(&design, &file);
        let group = json!(design.group);
        let summary_metrics = extra([
            ("control_group_size", group.clone()),
            ("test_group_size", group.clone()),
            ("total_sample_size", json!(design.total())),
            ("is_feasible", json!(design.feasibility != Feasibility::Infeasible)),
            ("population_size", json!(population)),
        ]);
        let mut data = extra([
            (
                "experiment_design",
                json!({
                    "baseline_rate": round(baseline, 6),
                    "baseline_rate_pct": round(baseline * 100.0, 4),
                    "min_detectable_lift_pct": round(lift, 2),
                    "significance_level": round(level, 2),
                    "confidence_pct": round(level * 100.0, 0),
                    "statistical_power": POWER,
                    "power_pct": POWER * 100.0,
                    "test_type": "two_tailed",
                }),
            ),
            (
                "sample_size_calculation",
                json!({
                    "control_group_size": group,
                    "test_group_size": group,
                    "total_sample_size": design.total(),
                    "expected_control_rate": round(baseline, 6),
                    "expected_treatment_rate": round(design.treated_rate, 6),
                    "absolute_effect_size": round(design.effect, 6),
                    "z_alpha": round(design.z_alpha, 4),
                    "z_beta": round(design.z_beta, 4),
                }),
            ),
            (
                "feasibility",
                json!({
                    "is_feasible": design.feasibility != Feasibility::Infeasible,
                    "status": design.feasibility.word(),
                    "message": findings::feasibility(&design),
                    "population_size": population,
                    "utilization_pct": design.utilization,
                }),
            ),
            ("quality", json!({"design_quality_score": design.score, "quality_status": design.grade})),
            ("dataset_info", file.to_json()),
        ]);
        parameters.write_echoes(&mut data);
        Ok(Answer::success(summary_metrics, data, findings))
    }
}

/// The file in `primary`, of which the number of rows is wanted.
enum ReadFile {
    /// There is none, or it is no CSV by its name, or nothing is in it.
    None,
    /// It cannot be read.
    Unreadable {
        name: String,
        reason: ReadError,
    },
    Table(std::sync::Arc<Table>),
}

impl ReadFile {
    fn of(input: &AgentInput<'_>) -> Self {
        let options = ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(10_000) };
        match input.table("primary", options) {
            Ok(table) => Self::Table(table),
            Err(AgentError::Unreadable { reason: ReadError::NoData, .. }) => Self::None,
            Err(AgentError::Unreadable { name, reason }) => Self::Unreadable { name, reason },
            Err(_) => Self::None,
        }
    }

    /// The number of rows, if there are any.
    fn rows(&self) -> Option<i64> {
        match self {
            Self::Table(table) if table.height() > 0 => i64::try_from(table.height()).ok(),
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        let Self::Table(table) = self else { return Value::Null };
        let names: Vec<&str> = table.columns().iter().take(NAMES).map(|column| column.name()).collect();
        json!({"rows": table.height(), "columns": table.columns().len(), "column_names": names})
    }
}

#[cfg(test)]
mod tests;
