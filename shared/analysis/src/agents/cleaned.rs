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
    input.table_with_rows("primary", options(inferred_rows))
}

/// Values that were lost when the file was read, because they did not fit the type of the first rows: column ->
/// count. An answer of ours only (section 6).
pub(super) fn values_lost(read: &Table) -> Value {
    read.values_lost().map(|(column, count)| (column.to_owned(), json!(count))).collect::<Map<_, _>>().into()
}

/// The table as the file that is handed on: `cleaned_` before the name of the file that was read.
pub(super) fn file(input_name: &str, table: Table) -> CleanedFile {
    CleanedFile { name: format!("cleaned_{input_name}"), table: Arc::new(table) }
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
    /// The word for what is not even good.
    otherwise: &'static str,
}

impl Grading {
    /// Takes the weights `first_weight`, `data_retention_weight`, `column_retention_weight` and both thresholds.
    ///
    /// # Errors
    /// For a value that is no number.
    pub(super) fn new(parameters: &mut Parameters<'_>, first_weight: &str) -> Result<Self, AgentError> {
        let weights = [(first_weight, 0.5), ("data_retention_weight", 0.3), ("column_retention_weight", 0.2)];
        Self::with(parameters, weights, [90, 75], "needs_improvement")
    }

    /// Takes three weights and both thresholds, each with its default; `otherwise` is the word below them.
    ///
    /// # Errors
    /// For a value that is no number.
    pub(super) fn with(
        parameters: &mut Parameters<'_>,
        weights: [(&str, f64); 3],
        thresholds: [u32; 2],
        otherwise: &'static str,
    ) -> Result<Self, AgentError> {
        let [first, second, third] = weights;
        let [excellent, good] = thresholds;
        let mut weight = |(key, default): (&str, f64)| parameters.number_or_null(key, json!(default));
        Ok(Self {
            weights: [weight(first)?, weight(second)?, weight(third)?],
            excellent: parameters.number_or_null("excellent_threshold", json!(excellent))?,
            good: parameters.number_or_null("good_threshold", json!(good))?,
            otherwise,
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
            self.otherwise
        }
    }

    /// From which a score is excellent.
    pub(super) fn excellent(&self) -> f64 {
        self.excellent
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
