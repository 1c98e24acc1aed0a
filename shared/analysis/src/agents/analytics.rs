//! What the agents of the analytics tools share: how they sign, read, find columns, dates and numbers in them, and grade; findings
//! that concern no row (`_common-analyze-my-data.md`).

use std::ops::RangeInclusive;
use std::sync::Arc;

use chrono::NaiveDateTime;
use polars::prelude::StringChunked;
use serde_json::{Map, Value};

use crate::agent::{AgentError, AgentInput, Signature};
use crate::cleaning::{to_floats, to_texts};
use crate::dates::DateOrder;
use crate::findings::{RowIssue, Severity};
use crate::parameters::Parameters;
use crate::table::{BigIntegers, Cells, Column, ReadOptions, Table, is_csv_name};
use crate::text::Cell;

const OPTIONS: ReadOptions =
    ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(10_000) };

/// Error answers carry both names, whatever went wrong (section 5).
pub(super) fn signature(_: &AgentError) -> Signature {
    Signature::IdAndName
}

/// Checks the name of the file in a slot, which comes before the parameters.
///
/// # Errors
/// When it does not end in `.csv`.
pub(super) fn check_name(input: &AgentInput<'_>, slot: &str) -> Result<(), AgentError> {
    match input.file_name(slot) {
        Some(name) if !is_csv_name(name) => Err(AgentError::NotCsv { name: name.to_owned() }),
        _ => Ok(()),
    }
}

/// The file in a slot.
///
/// # Errors
/// When there is none, it cannot be read, or it has no rows.
pub(super) fn read(input: &AgentInput<'_>, slot: &str) -> Result<Arc<Table>, AgentError> {
    input.table_with_rows(slot, OPTIONS)
}

/// The columns that parameters name: by exact name, else by the trimmed name in any case, the last of several.
///
/// # Errors
/// When there is no such column; names every parameter concerned.
pub(super) fn columns<'t, const N: usize>(
    table: &'t Table,
    wanted: [(&str, &str); N],
) -> Result<[&'t Column; N], AgentError> {
    let found = wanted.map(|(_, name)| column(table, name));
    let all: Option<Vec<&Column>> = found.into_iter().collect();
    if let Some(columns) = all.and_then(|columns| columns.try_into().ok()) {
        return Ok(columns);
    }
    let missing = || wanted.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(wanted, _)| wanted);
    let keys: Vec<&str> = missing().map(|(key, _)| *key).collect();
    let names: Vec<&str> = missing().map(|(_, name)| *name).collect();
    Err(AgentError::Parameter {
        key: keys.join("`, `"),
        reason: format!("`{}` has no column `{}`", table.name(), names.join("`, `")),
    })
}

fn column<'t>(table: &'t Table, name: &str) -> Option<&'t Column> {
    let folded = name.trim().to_lowercase();
    if folded.is_empty() {
        return None;
    }
    let alike = || table.columns().iter().rev().find(|column| column.name().trim().to_lowercase() == folded);
    table.column(name).or_else(alike)
}

/// The cells as text, as the data engine casts: identifiers.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub(super) fn texts(column: &Column) -> Result<StringChunked, AgentError> {
    if let Cells::Text(texts) = column.cells() {
        return Ok(texts.clone());
    }
    match to_texts(column).map_err(super::cleaned::engine("reading identifiers"))?.cells() {
        Cells::Text(texts) => Ok(texts.clone()),
        _ => {
            let reason = format!("column `{}` has no text form", column.name());
            Err(AgentError::Computation { step: "reading identifiers", reason })
        }
    }
}

/// Finite numbers row by row; flags are 1 and 0, texts count if they are numbers and nothing else.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub(super) fn numbers(column: &Column) -> Result<Vec<Option<f64>>, AgentError> {
    let floats = to_floats(column).map_err(super::cleaned::engine("reading numbers"))?;
    let mut numbers = vec![None; column.len()];
    for (row, value) in floats.numbers().into_iter().flatten() {
        if let Some(number) = numbers.get_mut(row) {
            *number = Some(value).filter(|value| value.is_finite());
        }
    }
    Ok(numbers)
}

/// Dates and times row by row, as they are written.
///
/// # Errors
/// When the column has values, and none of them is a date that can be read.
pub(super) fn instants(column: &Column) -> Result<Vec<Option<NaiveDateTime>>, AgentError> {
    let texts = texts(column)?;
    let Some(order) = DateOrder::of(texts.iter().flatten()) else {
        return match texts.iter().flatten().next() {
            None => Ok(vec![None; column.len()]),
            Some(text) => Err(AgentError::Computation {
                step: "reading dates",
                reason: format!(
                    "column `{}` has no date that can be read, its first value is `{}`; dates are written as 2024-01-31 \
                     or 31.01.2024 (with `-`, `/` or `.`), never with the month first",
                    column.name(),
                    text.chars().take(40).collect::<String>()
                ),
            }),
        };
    };
    Ok(texts.iter().map(|text| text.and_then(|text| order.read(text))).collect())
}

/// The text of a cell in a row-level issue: numbers as `nan`, `inf`, `-inf`.
pub(super) fn shown(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        cell => Value::from(cell.display()),
    }
}

/// Words for a score, by two thresholds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grades {
    excellent: i64,
    good: i64,
}

impl Grades {
    /// Takes `excellent_threshold` and `good_threshold`: their defaults, and their bounds.
    pub(super) fn new(
        parameters: &mut Parameters<'_>,
        [excellent, good]: [i64; 2],
        bounds: RangeInclusive<i64>,
    ) -> Self {
        Self {
            excellent: parameters.bounded_integer("excellent_threshold", excellent, bounds.clone()),
            good: parameters.bounded_integer("good_threshold", good, bounds),
        }
    }

    /// `excellent`, `good` or `needs_improvement`.
    pub(super) fn of(self, score: f64) -> &'static str {
        if score >= self.excellent as f64 {
            "excellent"
        } else if score >= self.good as f64 {
            "good"
        } else {
            "needs_improvement"
        }
    }
}

/// A row-level issue of the whole input.
pub(super) fn issue_without_row(
    column: Option<&str>,
    kind: &'static str,
    severity: Severity,
    message: String,
    value: Value,
) -> RowIssue {
    let extra = Map::from_iter([("value".to_owned(), value)]);
    RowIssue {
        row_index: None,
        column: column.map(str::to_owned),
        issue_type: kind.into(),
        severity,
        message,
        extra,
    }
}
