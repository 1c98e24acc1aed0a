//! `null-handler` of clean-my-data: turns null words into nulls, reports nulls, fills or drops them as told.
//!
//! What is known about the nulls is in [`analysis`], the strategies are carried out in [`handling`], rows are
//! listed in [`rows`], texts are in [`findings`] and [`recommendations`].

mod analysis;
mod findings;
mod handling;
mod recommendations;
mod rows;

use serde_json::{Map, Value, json};

use super::cleaned::{self, Grading, r1, rate};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::cleaning::without_null_words;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::table::{Cells, Table};
use analysis::NullColumn;
use handling::Handled;

/// The agent.
#[derive(Debug)]
pub(super) struct NullHandler;

const ID: &str = "null-handler";

impl Agent for NullHandler {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Null Handler"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let raw = cleaned::read(input, 10_000)?;
        let settings = Settings::new(&mut parameters)?;
        let table = blank_null_words(&raw)?;
        let table = table.as_ref().unwrap_or(&raw);
        let handled = Handled::by(table, &settings)?;
        let cleaning = Cleaning::new(&raw, table, &handled, settings.grading);
        let findings = findings::collect(&cleaning, rows::collect(&raw));
        let summary_metrics = extra([
            ("total_rows_processed", json!(cleaning.rows_after)),
            ("nulls_handled", json!(cleaning.nulls)),
            ("original_nulls", json!(cleaning.nulls)),
            ("remaining_nulls", json!(cleaning.nulls_left)),
            ("total_issues", json!(findings.issues.len())),
        ]);
        let first_rows: Vec<Value> =
            findings.row_level_issues.iter().take(100).map(|issue| json!(issue)).collect();
        let mut data = extra([
            ("cleaning_score", cleaning.to_json()),
            ("quality_status", json!(cleaning.quality)),
            ("null_analysis", analysis::to_json(&cleaning)),
            ("imputation_log", handled.log.iter().map(|entry| entry.text.as_str()).collect()),
            ("summary", json!(findings::summary(&cleaning))),
            ("row_level_issues", Value::from(first_rows)),
            ("values_lost", Value::Object(cleaned::values_lost(&raw))),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(raw.name(), &handled.table)?);
        Ok(answer)
    }
}

struct Settings {
    column_strategies: Map<String, Value>,
    fill_values: Map<String, Value>,
    drops_rows: bool,
    knn_neighbors: i64,
    grading: Grading,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        Ok(Self {
            drops_rows: parameters.choice("global_strategy", "column_specific") == "drop_rows",
            column_strategies: parameters.lenient_object("column_strategies"),
            fill_values: parameters.lenient_object("fill_values"),
            knn_neighbors: parameters.integer_or_null("knn_neighbors", 5)?,
            grading: Grading::new(parameters, "null_reduction_weight")?,
        })
    }
}

/// The table with null in place of null words; `None` when it has none.
fn blank_null_words(raw: &Table) -> Result<Option<Table>, AgentError> {
    let blanked: Vec<_> = raw
        .columns()
        .iter()
        .map(|column| match column.cells() {
            Cells::Text(cells) => without_null_words(cells),
            _ => None,
        })
        .collect();
    if blanked.iter().all(Option::is_none) {
        return Ok(None);
    }
    let columns = raw.columns().iter().zip(blanked).map(|(column, blanked)| match blanked {
        Some(cells) => crate::table::Column::of_text(column.name(), cells),
        None => column.share(),
    });
    Table::of_columns(raw.name(), columns.collect())
        .map(Some)
        .map_err(cleaned::engine("replacing null words"))
}

/// The figures of the whole file (sections 5 and 6 of the specification). Rates are rounded to one decimal.
struct Cleaning<'a> {
    raw: &'a Table,
    columns: Vec<NullColumn<'a>>,
    handled: &'a Handled,
    rows: usize,
    rows_after: usize,
    width: usize,
    width_after: usize,
    nulls: usize,
    nulls_left: usize,
    null_reduction: f64,
    data_retention: f64,
    column_retention: f64,
    score: f64,
    quality: &'static str,
    grading: Grading,
}

impl<'a> Cleaning<'a> {
    fn new(raw: &'a Table, table: &'a Table, handled: &'a Handled, grading: Grading) -> Self {
        let nulls = null_count(table);
        let nulls_left = null_count(&handled.table);
        let (rows, rows_after) = (table.height(), handled.table.height());
        let (width, width_after) = (table.columns().len(), handled.table.columns().len());
        let rates = [
            rate(nulls.saturating_sub(nulls_left), nulls, 100.0),
            rate(rows_after, rows, 100.0),
            rate(width_after, width, 100.0),
        ];
        let score = r1(grading.score(rates));
        let [null_reduction, data_retention, column_retention] = rates.map(r1);
        Self {
            raw,
            columns: NullColumn::all(table),
            handled,
            rows,
            rows_after,
            width,
            width_after,
            nulls,
            nulls_left,
            null_reduction,
            data_retention,
            column_retention,
            score,
            quality: grading.quality(score),
            grading,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "null_reduction_rate": self.null_reduction,
                "data_retention_rate": self.data_retention,
                "column_retention_rate": self.column_retention,
                "original_nulls": self.nulls,
                "nulls_handled": self.nulls.saturating_sub(self.nulls_left),
                "remaining_nulls": self.nulls_left,
                "original_rows": self.rows,
                "cleaned_rows": self.rows_after,
                "original_columns": self.width,
                "cleaned_columns": self.width_after,
            },
        })
    }

    /// Percentage of all cells that have no value.
    fn null_share(&self) -> f64 {
        self.nulls as f64 / (self.rows * self.width) as f64 * 100.0
    }

    fn rows_lost(&self) -> usize {
        self.rows - self.rows_after
    }

    /// Names of the columns whose percentage of nulls, with two decimals, is so.
    fn names_where(&self, is_meant: impl Fn(f64) -> bool) -> Vec<&'a str> {
        self.columns.iter().filter(|column| is_meant(column.percentage)).map(NullColumn::name).collect()
    }
}

fn null_count(table: &Table) -> usize {
    table.columns().iter().map(crate::table::Column::null_count).sum()
}

#[cfg(test)]
mod tests;
