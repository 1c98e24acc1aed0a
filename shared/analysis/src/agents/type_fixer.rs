//! `type-fixer` of clean-my-data: columns of floats that hold whole numbers only become columns of integers.
//!
//! Numbers and dates in columns of text stay text: the reference means to convert them and never does (section 7 of
//! the specification). So no conversion can fail, and findings about failed ones do not exist here. Texts are in
//! [`findings`].

mod findings;

use serde_json::{Map, Value, json};

use super::cleaned::{self, Grading, r1, rate};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::cleaning::{holds_whole_numbers, to_integers};
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::table::{Column, Table};

/// The agent.
#[derive(Debug)]
pub(super) struct TypeFixer;

const ID: &str = "type-fixer";

/// Values of a column that are shown.
const SAMPLE: usize = 5;

impl Agent for TypeFixer {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Type Fixer"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 10_000)?;
        let settings = Settings::new(&mut parameters)?;
        let columns: Vec<&Column> =
            table.columns().iter().filter(|column| holds_whole_numbers(column)).collect();
        let mut lost: Map<String, Value> =
            table.values_lost().map(|(column, count)| (column.to_owned(), json!(count))).collect();
        let fixed = fixed(&table, &columns, &mut lost)?;
        let fixing = Fixing::new(&table, columns, settings);
        let findings = findings::collect(&fixing);
        let summary_metrics = extra([
            ("total_rows_processed", json!(fixing.rows)),
            ("type_issues_fixed", json!(fixing.columns.len())),
            ("original_type_issues", json!(fixing.columns.len())),
            ("remaining_type_issues", json!(0)),
            ("total_issues", json!(fixing.columns.len())),
        ]);
        let mut data = extra([
            ("fixing_score", fixing.to_json()),
            ("quality_status", json!(fixing.quality)),
            ("type_analysis", fixing.analysis()),
            ("fix_log", fixing.columns.iter().map(|column| findings::log_entry(column)).collect()),
            ("summary", json!(findings::summary(&fixing))),
            ("row_level_issues", json!([])),
            ("issue_summary", json!(findings.issue_summary)),
            ("values_lost", Value::Object(lost)),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(table.name(), fixed));
        Ok(answer)
    }
}

struct Settings {
    /// Whether at least one kind of column is to be converted by itself. Only an alert depends on it.
    is_automatic: bool,
    grading: Grading,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let numeric = parameters.truth("auto_convert_numeric", true);
        let dates = parameters.truth("auto_convert_datetime", true);
        // Without effect in the reference, too.
        parameters.truth("auto_convert_category", true);
        parameters.truth("preserve_mixed_types", false);
        let grading = Grading::new(parameters, "type_reduction_weight")?;
        Ok(Self { is_automatic: numeric || dates, grading })
    }
}

/// The table with `columns` as integers. Values that do not fit are added to those that are `lost`.
fn fixed(table: &Table, columns: &[&Column], lost: &mut Map<String, Value>) -> Result<Table, AgentError> {
    let mut whole = columns.iter().peekable();
    let mut fixed = Vec::with_capacity(table.columns().len());
    for column in table.columns() {
        if whole.next_if(|whole| whole.name() == column.name()).is_none() {
            fixed.push(column.share());
            continue;
        }
        let integers = to_integers(column).map_err(cleaned::engine("making integers of whole numbers"))?;
        let beyond = integers.null_count() - column.null_count();
        if beyond > 0 {
            let before = lost.get(column.name()).and_then(Value::as_u64).unwrap_or(0);
            lost.insert(column.name().to_owned(), json!(before + beyond as u64));
        }
        fixed.push(integers);
    }
    Table::of_columns(table.name(), fixed).map_err(cleaned::engine("putting columns together"))
}

/// The figures of the whole file (sections 3 and 5 of the specification).
struct Fixing<'a> {
    /// The columns that were converted, as they were.
    columns: Vec<&'a Column>,
    rows: usize,
    width: usize,
    /// Share of the issues that were fixed, in percent: all of them.
    reduction: f64,
    score: f64,
    /// The word for the score before it is rounded, and after.
    exact_quality: &'static str,
    quality: &'static str,
    settings: Settings,
}

impl<'a> Fixing<'a> {
    fn new(table: &Table, columns: Vec<&'a Column>, settings: Settings) -> Self {
        let reduction = rate(columns.len(), columns.len(), 100.0);
        let exact = settings.grading.score([reduction, 100.0, 100.0]);
        let score = r1(exact);
        Self {
            rows: table.height(),
            width: table.columns().len(),
            columns,
            reduction,
            score,
            exact_quality: settings.grading.quality(exact),
            quality: settings.grading.quality(score),
            settings,
        }
    }

    fn to_json(&self) -> Value {
        let [types, rows, columns] = self.settings.grading.weights();
        let color = match self.exact_quality {
            "excellent" => "green",
            "good" => "yellow",
            _ => "red",
        };
        json!({
            "overall_score": self.score,
            "quality": self.exact_quality,
            "quality_color": color,
            "metrics": {
                "issue_reduction_rate": self.reduction,
                "data_retention_rate": 100.0,
                "column_retention_rate": 100.0,
                "original_issues": self.columns.len(),
                "remaining_issues": 0,
                "original_rows": self.rows,
                "fixed_rows": self.rows,
                "original_columns": self.width,
                "fixed_columns": self.width,
            },
            "weights_used": {
                "type_reduction_weight": types,
                "data_retention_weight": rows,
                "column_retention_weight": columns,
            },
        })
    }

    fn analysis(&self) -> Value {
        let summary: Map<String, Value> =
            self.columns.iter().map(|column| (column.name().to_owned(), column_json(column))).collect();
        let recommendations: Vec<Value> = self
            .columns
            .iter()
            .map(|column| {
                json!({
                    "column": column.name(),
                    "action": "convert_to_integer",
                    "reason": findings::reason(column),
                    "priority": "medium",
                })
            })
            .collect();
        json!({
            "total_columns": self.width,
            "columns_with_issues": self.names(),
            "total_issues": self.columns.len(),
            "type_summary": summary,
            "recommendations": recommendations,
        })
    }

    fn names(&self) -> Vec<&'a str> {
        self.columns.iter().map(|column| column.name()).collect()
    }
}

fn column_json(column: &Column) -> Value {
    let sample: Vec<_> = (0..column.len().min(SAMPLE)).map(|row| column.cell(row).display()).collect();
    json!({
        "current_type": column.kind().engine_name(),
        "suggested_type": "integer",
        "issues": [findings::reason(column)],
        "sample_values": sample,
    })
}

#[cfg(test)]
mod tests;
