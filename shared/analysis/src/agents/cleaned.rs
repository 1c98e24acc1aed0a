//! What the agents of clean-my-data share: how they read, the file that they make, and
//! the figures of a cleaning (`_common-clean-my-data.md`).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::agent::{AgentError, AgentInput};
use crate::answer::CleanedFile;
use crate::parameters::Parameters;
use crate::stats::round;
use crate::table::{BigIntegers, ReadOptions, Table};

const fn options(inferred_rows: usize) -> ReadOptions {
    ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(inferred_rows) }
}

/// The file in `primary`, its types taken from the first `inferred_rows` rows.
///
/// # Errors
/// When it cannot be read and when it has no rows.
pub(super) fn read(input: &AgentInput<'_>, inferred_rows: usize) -> Result<Arc<Table>, AgentError> {
    let table = input.table("primary", options(inferred_rows))?;
    if table.height() == 0 {
        return Err(AgentError::NoRows { name: table.name().to_owned() });
    }
    Ok(table)
}

/// Values that were lost when the file was read, because they did not fit the type of the first rows: column ->
/// count. An answer of ours only (section 6).
pub(super) fn values_lost(table: &Table) -> Map<String, Value> {
    table.lost_values().map(|(column, count)| (column.name().to_owned(), json!(count))).collect()
}

/// The table as the file that is handed on: `cleaned_` before the name of the file that was read.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub(super) fn file(input_name: &str, table: &Table) -> Result<CleanedFile, AgentError> {
    let bytes = table.to_csv().map_err(engine("writing the cleaned file"))?;
    Ok(CleanedFile { name: format!("cleaned_{input_name}"), bytes })
}

/// What the data engine refused, as the agent's error.
pub(super) fn engine<E: std::fmt::Display>(step: &'static str) -> impl Fn(E) -> AgentError {
    move |error| AgentError::Computation { step, reason: error.to_string() }
}

/// Weights of a score of three rates, and the words that it earns.
pub(super) struct Grading {
    weights: [f64; 3],
    excellent: f64,
    good: f64,
}

impl Grading {
    /// Takes the weights `first_weight`, `data_retention_weight`, `column_retention_weight` and both thresholds.
    ///
    /// # Errors
    /// For a value that is no number.
    pub(super) fn new(parameters: &mut Parameters<'_>, first_weight: &str) -> Result<Self, AgentError> {
        Ok(Self {
            weights: [
                parameters.number_or_null(first_weight, json!(0.5))?,
                parameters.number_or_null("data_retention_weight", json!(0.3))?,
                parameters.number_or_null("column_retention_weight", json!(0.2))?,
            ],
            excellent: parameters.number_or_null("excellent_threshold", json!(90))?,
            good: parameters.number_or_null("good_threshold", json!(75))?,
        })
    }

    /// The weighted sum of three rates, not rounded.
    pub(super) fn score(&self, rates: [f64; 3]) -> f64 {
        let [first, rows, columns] = self.weights;
        let [first_rate, rows_rate, columns_rate] = rates;
        first_rate * first + rows_rate * rows + columns_rate * columns
    }

    /// The word for a score.
    pub(super) fn quality(&self, score: f64) -> &'static str {
        if score >= self.excellent {
            "excellent"
        } else if score >= self.good {
            "good"
        } else {
            "needs_improvement"
        }
    }

    /// The weights, in the order in which they are taken.
    pub(super) fn weights(&self) -> [f64; 3] {
        self.weights
    }

    /// Below which a score is an alert.
    pub(super) fn good(&self) -> f64 {
        self.good
    }
}

/// `after / before * 100`; `without` when there was nothing before.
pub(super) fn rate(after: usize, before: usize, without: f64) -> f64 {
    if before == 0 { without } else { after as f64 / before as f64 * 100.0 }
}

/// With one decimal, as scores and rates stand in answers.
pub(super) fn r1(value: f64) -> f64 {
    round(value, 1)
}
