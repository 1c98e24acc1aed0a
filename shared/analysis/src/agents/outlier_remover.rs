//! `outlier-remover` of clean-my-data: finds outliers per numeric column, removes their rows or replaces them.
//!
//! The rules are in [`crate::cleaning`], what is done with outliers is in [`treatment`], what is known about a column
//! in [`columns`]; texts are in [`findings`] and [`recommendations`].

mod columns;
mod findings;
mod recommendations;
mod treatment;

use serde_json::{Map, Value, json};

use super::cleaned::{self, Grading, r1, rate};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::cleaning::{Outlier, Rule};
use crate::findings::{Severity, extra};
use crate::parameters::Parameters;
use crate::stats::percentage;
use crate::table::Table;
use columns::Measured;
use treatment::Strategy;

/// The agent.
#[derive(Debug)]
pub(super) struct OutlierRemover;

const ID: &str = "outlier-remover";

/// Outliers of a column that are listed, removed or replaced; the others are only counted.
const LISTED: usize = 50;

/// Outliers in `data.row_level_issues` and among the issues.
const RECORDS: usize = 100;

impl Agent for OutlierRemover {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Outlier Remover"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 100)?;
        let settings = Settings::new(&mut parameters)?;
        let columns = Measured::all(&table, settings.rule)?;
        let after = settings.strategy.apply(&table, &columns)?;
        let removal = Removal::new(&table, columns, &after, settings);
        let findings = findings::collect(&removal);
        let summary_metrics = extra([
            ("total_rows_processed", json!(removal.rows_after)),
            ("outliers_handled", json!(removal.total)),
            ("original_outliers", json!(removal.total)),
            ("remaining_outliers", json!(0)),
            ("total_issues", json!(removal.listed())),
        ]);
        let records: Vec<Value> =
            removal.records().take(RECORDS).map(|record| record.to_json(removal.settings.strategy)).collect();
        let mut data = extra([
            ("outlier_score", removal.to_json()),
            ("quality_status", json!(removal.quality)),
            ("outlier_analysis", removal.analysis()),
            ("removal_log", findings::log(&removal)),
            ("summary", json!(findings::summary(&removal))),
            ("row_level_issues", Value::from(records)),
            ("outliers_listed", json!(removal.listed())),
            ("outliers_left", json!(removal.left())),
            ("values_lost", cleaned::values_lost(&table)),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(table.name(), after));
        Ok(answer)
    }
}

struct Settings {
    rule: Rule,
    /// As it was given; an unknown one works as iqr.
    method: String,
    strategy: Strategy,
    grading: Grading,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let method = parameters.choice("detection_method", "iqr");
        let strategy = Strategy::named(&parameters.choice("removal_strategy", "remove"));
        let z_threshold = parameters.number_or_null("z_threshold", json!(3.0))?;
        let factor = parameters.number_or_null("iqr_multiplier", json!(1.5))?;
        let lower = parameters.number_or_null("lower_percentile", json!(1.0))? / 100.0;
        let upper = parameters.number_or_null("upper_percentile", json!(99.0))? / 100.0;
        let rule = match method.as_str() {
            "z_score" => Rule::ZScore(z_threshold),
            "percentile" => Rule::Percentile { lower, upper },
            _ => Rule::Iqr(factor),
        };
        Ok(Self { rule, method, strategy, grading: Grading::new(parameters, "outlier_reduction_weight")? })
    }
}

/// One listed outlier.
#[derive(Clone, Copy)]
struct Record<'r> {
    column: &'r str,
    outlier: &'r Outlier,
}

impl Record<'_> {
    fn severity(&self) -> Severity {
        if self.outlier.is_critical { Severity::Critical } else { Severity::Warning }
    }

    fn to_json(self, strategy: Strategy) -> Value {
        let mut record = extra([
            ("row_index", json!(self.outlier.row)),
            ("column", json!(self.column)),
            ("issue_type", json!(strategy.issue_type())),
            ("description", json!(findings::outlier_text(&self))),
            ("severity", json!(self.severity())),
            ("value", json!(self.outlier.value)),
        ]);
        if let Some(action) = strategy.action_taken() {
            record.insert("action_taken".to_owned(), json!(action));
        }
        Value::Object(record)
    }
}

/// The figures of the whole file (sections 5 and 6 of the specification).
struct Removal<'a> {
    columns: Vec<Measured<'a>>,
    rows: usize,
    rows_after: usize,
    /// Columns of the table, and one for the row number that the reference counts with them.
    width: usize,
    total: usize,
    data_retention: f64,
    score: f64,
    quality: &'static str,
    settings: Settings,
}

impl<'a> Removal<'a> {
    fn new(table: &Table, columns: Vec<Measured<'a>>, after: &Table, settings: Settings) -> Self {
        let (rows, rows_after) = (table.height(), after.height());
        let retention = rate(rows_after, rows, 100.0);
        let score = r1(settings.grading.score([100.0, retention, 100.0]));
        Self {
            total: columns.iter().map(|measured| measured.outliers.count).sum(),
            columns,
            rows,
            rows_after,
            width: table.columns().len() + 1,
            data_retention: r1(retention),
            score,
            quality: settings.grading.quality(score),
            settings,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "outlier_reduction_rate": 100.0,
                "data_retention_rate": self.data_retention,
                "column_retention_rate": 100.0,
                "original_outliers": self.total,
                "original_rows": self.rows,
                "cleaned_rows": self.rows_after,
                "original_columns": self.width,
                "cleaned_columns": self.width,
            },
        })
    }

    fn analysis(&self) -> Value {
        let summary: Map<String, Value> = self
            .affected()
            .map(|measured| (measured.name().to_owned(), measured.to_json(&self.settings)))
            .collect();
        json!({
            "total_rows": self.rows,
            "numeric_columns": self.columns.iter().map(Measured::name).collect::<Vec<_>>(),
            "outlier_summary": summary,
            "recommendations": self.affected().map(Measured::recommendation).collect::<Vec<_>>(),
        })
    }

    /// The columns with outliers.
    fn affected(&self) -> impl Iterator<Item = &Measured<'a>> {
        self.columns.iter().filter(|measured| measured.outliers.count > 0)
    }

    /// Columns with more than 15 % outliers.
    fn high(&self) -> Vec<&Measured<'a>> {
        self.columns.iter().filter(|measured| measured.percentage > 15.0).collect()
    }

    /// Names of columns with a skewness beyond 2.
    fn skewed(&self) -> Vec<&str> {
        let skewed = self
            .columns
            .iter()
            .filter(|measured| measured.column.moments().is_some_and(|moments| moments.skewness.abs() > 2.0));
        skewed.map(Measured::name).collect()
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.columns.iter().flat_map(|measured| {
            measured.outliers.first.iter().map(|outlier| Record { column: measured.name(), outlier })
        })
    }

    fn listed(&self) -> usize {
        self.columns.iter().map(|measured| measured.outliers.first.len()).sum()
    }

    /// Outliers that stay in the file although the reference's figures say that none does.
    fn left(&self) -> usize {
        if self.settings.strategy == Strategy::Report { self.total } else { self.total - self.listed() }
    }

    /// Outliers in percent of all numeric cells.
    fn outlier_share(&self) -> f64 {
        percentage(self.total, self.rows * self.columns.len())
    }

    fn rows_lost(&self) -> usize {
        self.rows - self.rows_after
    }
}

#[cfg(test)]
mod tests;
