//! `field-standardization` of clean-my-data: brings the texts of a column into one form: white space, case, synonyms,
//! units, dates.
//!
//! What a client asks for is in [`settings`], what is done to a column in [`columns`], how much its texts vary in
//! [`variation`], single rows in [`rows`]; texts are in [`findings`] and [`recommendations`].

mod columns;
mod findings;
mod recommendations;
mod rows;
mod settings;
mod variation;

use hashbrown::HashMap;
use serde_json::{Map, Value, json};

use super::cleaned::{self, r1};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::table::{Column, Table};
use columns::{Pass, Standardized};
use settings::Settings;
use variation::{Advice, Variation};

/// The agent.
#[derive(Debug)]
pub(super) struct FieldStandardization;

const ID: &str = "field-standardization";

/// Changed values that are listed.
const CHANGES: usize = 100;

impl Agent for FieldStandardization {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Field Standardization"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 10_000)?;
        let settings = Settings::new(&mut parameters)?;
        let order = settings.columns(&table);
        let columns = Standardized::all(&table, &order, &settings)?;
        let after = standardized(&table, &columns)?;
        let standardization = Standardization::new(&table, &order, columns, settings);
        let findings = findings::collect(&standardization);
        let summary_metrics = extra([
            ("total_rows_processed", json!(standardization.rows)),
            ("columns_standardized", json!(standardization.passes.len())),
            ("values_changed", json!(standardization.values_standardized)),
            ("variations_reduced", json!(standardization.uniques_reduced)),
            ("total_issues", json!(standardization.changes().count())),
        ]);
        let first_rows: Vec<Value> =
            findings.row_level_issues.iter().take(100).map(|issue| json!(issue)).collect();
        let mut data = extra([
            ("standardization_score", standardization.to_json()),
            ("quality_status", json!(standardization.quality)),
            ("standardization_analysis", standardization.analysis()),
            ("standardization_log", findings::log(&standardization)),
            ("summary", json!(findings::summary(&standardization))),
            ("row_level_issues", Value::from(first_rows)),
            ("issue_summary", json!(findings.issue_summary)),
            ("values_lost", cleaned::values_lost(&table)),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(table.name(), after));
        Ok(answer)
    }
}

/// The table with the standardized columns in their places.
fn standardized(table: &Table, columns: &[Standardized<'_>]) -> Result<Table, AgentError> {
    let mut after: Vec<Column> = table.columns().iter().map(Column::share).collect();
    for standardized in columns {
        let place = table.position(standardized.column.name()).and_then(|position| after.get_mut(position));
        if let (Some(place), Some(column)) = (place, &standardized.after) {
            *place = column.share();
        }
    }
    Table::of_columns(table.name(), after).map_err(cleaned::engine("putting columns together"))
}

/// The figures of the whole file (sections 3 to 5 of the specification). Rates are rounded to one decimal.
struct Standardization<'a> {
    /// The columns, each once.
    columns: Vec<Standardized<'a>>,
    /// Per processed column, in the order of processing, its position in `columns` and which pass over it this is.
    passes: Vec<(usize, usize)>,
    rows: usize,
    width: usize,
    /// Variations and columns that need standardizing, over all passes.
    before: Totals,
    after: Totals,
    /// Sums of what the columns lost.
    uniques_reduced: i64,
    values_standardized: i64,
    effectiveness: f64,
    score: f64,
    quality: &'static str,
    settings: Settings,
}

/// Sums over processed columns; a column that is processed twice counts twice.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    variations: usize,
    needy: usize,
}

impl Totals {
    fn of<'v>(variations: impl Iterator<Item = &'v Variation>) -> Self {
        variations.fold(Self::default(), |totals, variation| Self {
            variations: totals.variations + variation.total(),
            needy: totals.needy + usize::from(variation.total() > 0),
        })
    }
}

impl<'a> Standardization<'a> {
    fn new(table: &Table, order: &[&Column], columns: Vec<Standardized<'a>>, settings: Settings) -> Self {
        let positions = columns.iter().enumerate();
        let mut next: HashMap<&str, (usize, usize)> =
            positions.map(|(position, column)| (column.column.name(), (position, 0))).collect();
        let passes = order.iter().filter_map(|column| {
            let (position, pass) = next.get_mut(column.name())?;
            *pass += 1;
            Some((*position, *pass - 1))
        });
        let passes: Vec<(usize, usize)> = passes.collect();
        let processed = || passes.iter().filter_map(|(position, _)| columns.get(*position));
        let before = Totals::of(processed().map(|column| &column.before_all));
        let after = Totals::of(processed().map(|column| &column.after_all));
        let effectiveness = match before.variations {
            0 => 100.0,
            variations => (variations as f64 - after.variations as f64) / variations as f64 * 100.0,
        };
        let score = r1(settings.grading.score([effectiveness, 100.0, 100.0]));
        Self {
            rows: table.height(),
            width: table.columns().len(),
            before,
            after,
            uniques_reduced: columns.iter().map(Standardized::uniques_reduced).sum(),
            values_standardized: columns
                .iter()
                .map(|column| column.case_variations_fixed() + column.whitespace_issues_fixed())
                .sum(),
            effectiveness: r1(effectiveness),
            score,
            quality: settings.grading.quality(score),
            passes,
            columns,
            settings,
        }
    }

    /// Each pass, with its column.
    fn passes(&self) -> impl Iterator<Item = (&Standardized<'a>, &Pass)> {
        self.passes.iter().filter_map(|(position, pass)| {
            let column = self.columns.get(*position)?;
            Some((column, column.passes.get(*pass)?))
        })
    }

    /// The listed changes, with their column.
    fn changes(&self) -> impl Iterator<Item = (&'a str, &columns::Change)> {
        let changes = self.passes().flat_map(|(column, pass)| {
            pass.first_changes.iter().map(|change| (column.column.name(), change))
        });
        changes.take(CHANGES)
    }

    /// Names of the columns that vary so.
    fn names_where(&self, is_meant: impl Fn(&Standardized<'a>) -> bool) -> Vec<&'a str> {
        self.columns.iter().filter(|column| is_meant(column)).map(|column| column.column.name()).collect()
    }

    /// Variations that are gone, negative when there are more than before.
    fn variations_reduced(&self) -> i64 {
        self.before.variations as i64 - self.after.variations as i64
    }

    fn to_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "standardization_effectiveness": self.effectiveness,
                "data_retention_rate": 100.0,
                "column_retention_rate": 100.0,
                "variations_before": self.before.variations,
                "variations_after": self.after.variations,
                "variations_reduced": self.variations_reduced(),
                "original_rows": self.rows,
                "standardized_rows": self.rows,
                "original_columns": self.width,
                "standardized_columns": self.width,
            },
        })
    }

    fn analysis(&self) -> Value {
        let all = |variation: fn(&Standardized<'a>) -> Value| -> Map<String, Value> {
            let columns = self.columns.iter();
            columns.map(|column| (column.column.name().to_owned(), variation(column))).collect()
        };
        let side = |columns: Map<String, Value>, totals: Totals| {
            json!({
                "column_analysis": columns,
                "total_variations": totals.variations,
                "columns_needing_standardization": totals.needy,
            })
        };
        json!({
            "columns_standardized": self.passes.len(),
            "total_columns": self.width,
            "pre_standardization": side(all(|column| column.before_all.to_json()), self.before),
            "post_standardization": side(all(|column| column.after_all.to_json()), self.after),
            "standardization_operations": self.settings.operations(),
            "improvements": {
                "total_variations_reduced": self.uniques_reduced,
                "total_values_standardized": self.values_standardized,
                "column_improvements": all(Standardized::improvement),
            },
            "recommendations": self.advice().iter().map(Advice::to_json).collect::<Vec<_>>(),
        })
    }

    /// What the columns still need; one general advice when that is nothing.
    fn advice(&self) -> Vec<Advice<'a>> {
        let advice = self.columns.iter().flat_map(|column| column.after_all.advice(column.column.name()));
        let advice: Vec<_> = advice.collect();
        if advice.is_empty() { vec![Advice::nothing()] } else { advice }
    }
}

#[cfg(test)]
mod tests;
