//! The five checks of a table (section 3 of the specification).

use serde_json::{Map, Value, json};

use crate::findings::extra;
use crate::stats::{percentage, round};
use crate::table::{Cells, Column, Table};
use crate::text::{counted, fixed};

pub(super) const NUMERIC: &str = "numeric_type_integrity";
pub(super) const NULLS: &str = "no_new_nulls";
pub(super) const RETENTION: &str = "data_retention";

/// Which checks are wanted.
pub(super) struct Enabled {
    pub(super) numeric_types: bool,
    pub(super) datetime_types: bool,
    pub(super) nulls: bool,
    pub(super) duplicates: bool,
    pub(super) retention: bool,
}

/// Size of the file before cleaning, as far as it was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Original {
    pub(super) rows: Option<f64>,
    pub(super) columns: Option<f64>,
}

/// One check, and how it ended.
pub(super) struct Check {
    pub(super) key: &'static str,
    name: &'static str,
    pub(super) passed: bool,
    pub(super) message: String,
    /// The entries of its key `issues`.
    pub(super) details: Vec<Detail>,
    /// Columns that are all but empty, of the check of nulls only.
    pub(super) high_nulls: Vec<HighNulls>,
    figures: Map<String, Value>,
}

/// One thing that a check found.
pub(super) struct Detail {
    /// The column, or `global`.
    pub(super) column: String,
    /// `excessive_row_loss`, `column_loss`, or what is wrong with a column.
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) json: Value,
}

/// A column with more than 80 % nulls.
pub(super) struct HighNulls {
    pub(super) column: String,
    /// In percent, with two decimals.
    pub(super) share: f64,
    count: usize,
}

impl Check {
    pub(super) fn to_json(&self) -> Value {
        let mut check = extra([
            ("passed", json!(self.passed)),
            ("check_name", json!(self.name)),
            ("message", json!(self.message)),
        ]);
        check.extend(self.figures.clone());
        Value::Object(check)
    }
}

/// The wanted checks in their order.
pub(super) fn run(table: &Table, enabled: &Enabled, original: Original) -> Vec<Check> {
    let checks: [(bool, &dyn Fn() -> Check); 5] = [
        (enabled.numeric_types, &|| numeric_types(table)),
        (enabled.datetime_types, &datetime_types),
        (enabled.nulls, &|| nulls(table)),
        (enabled.duplicates, &|| duplicates(table)),
        (enabled.retention, &|| retention(table, original)),
    ];
    checks.into_iter().filter(|(wanted, _)| *wanted).map(|(_, check)| check()).collect()
}

fn numeric_types(table: &Table) -> Check {
    let numeric = table.columns().iter().filter(|column| column.kind().is_numeric());
    let checked = numeric.clone().count();
    let details: Vec<Detail> = numeric.flat_map(not_finite).collect();
    let message = match details.len() {
        0 => format!("All values of {} are finite.", counted(checked, "numeric column", "numeric columns")),
        found => {
            format!("{} found in {checked} numeric columns.", counted(found, "problem was", "problems were"))
        }
    };
    let issues: Vec<&Value> = details.iter().map(|detail| &detail.json).collect();
    let figures = extra([
        ("columns_checked", json!(checked)),
        ("issues_found", json!(details.len())),
        ("issues", json!(issues)),
    ]);
    Check {
        key: NUMERIC,
        name: "Numeric Type Integrity",
        passed: details.is_empty(),
        message,
        details,
        high_nulls: Vec::new(),
        figures,
    }
}

/// Infinities first, then NaN.
fn not_finite(column: &Column) -> Vec<Detail> {
    let Cells::Float(cells) = column.cells() else { return Vec::new() };
    let (mut infinite, mut nan) = (0, 0);
    for value in cells.iter().flatten() {
        infinite += usize::from(value.is_infinite());
        nan += usize::from(value.is_nan());
    }
    let found = [(infinite, "infinite_values", "infinite"), (nan, "nan_values", "not a number")];
    let found = found.into_iter().filter(|(count, ..)| *count > 0);
    found
        .map(|(count, kind, word)| {
            let values = counted(count, "value", "values");
            let message = format!("{}: {values} of {} {word}.", column.name(), column.len());
            let json = json!({"column": column.name(), "issue": kind, "details": message});
            Detail { column: column.name().to_owned(), kind, message, json }
        })
        .collect()
}

/// A CSV has no dates: there is nothing to check.
fn datetime_types() -> Check {
    let nothing: [Value; 0] = [];
    Check {
        key: "datetime_type_integrity",
        name: "Datetime Type Integrity",
        passed: true,
        message: "0 columns hold dates: there is nothing to check.".to_owned(),
        details: Vec::new(),
        high_nulls: Vec::new(),
        figures: extra([
            ("columns_checked", json!(0)),
            ("issues_found", json!(0)),
            ("issues", json!(nothing)),
        ]),
    }
}

fn nulls(table: &Table) -> Check {
    let count: usize = table.columns().iter().map(Column::null_count).sum();
    let share = percentage(count, table.height() * table.columns().len());
    let high_nulls: Vec<HighNulls> = table.columns().iter().filter_map(high_nulls).collect();
    let columns: Vec<Value> = high_nulls
        .iter()
        .map(|high| json!({"column": high.column, "null_percentage": high.share, "null_count": high.count}))
        .collect();
    let message = format!(
        "{} ({} %) without a value; {} more than 80 % of them.",
        counted(count, "cell is", "cells are"),
        fixed(share, 2),
        counted(high_nulls.len(), "column has", "columns have")
    );
    Check {
        key: NULLS,
        name: "No New Nulls Introduced",
        passed: share < 50.0 && high_nulls.is_empty(),
        message,
        details: Vec::new(),
        high_nulls,
        figures: extra([
            ("total_nulls", json!(count)),
            ("null_percentage", json!(round(share, 2))),
            ("columns_with_high_nulls", json!(columns)),
        ]),
    }
}

fn high_nulls(column: &Column) -> Option<HighNulls> {
    let count = column.null_count();
    let share = percentage(count, column.len());
    (share > 80.0).then(|| HighNulls { column: column.name().to_owned(), share: round(share, 2), count })
}

fn duplicates(table: &Table) -> Check {
    let count = table.repeated_rows().len();
    let share = percentage(count, table.height());
    Check {
        key: "no_new_duplicates",
        name: "No New Duplicates Introduced",
        passed: share < 5.0,
        message: format!(
            "{} ({} %) in groups of equal rows.",
            counted(count, "row is", "rows are"),
            fixed(share, 2)
        ),
        details: Vec::new(),
        high_nulls: Vec::new(),
        figures: extra([
            ("duplicate_count", json!(count)),
            ("duplicate_percentage", json!(round(share, 2))),
            ("total_rows", json!(table.height())),
        ]),
    }
}

fn retention(table: &Table, original: Original) -> Check {
    let (rows, columns) = (table.height(), table.columns().len());
    let (kept_rows, kept_columns) = (kept(rows, original.rows), kept(columns, original.columns));
    let lost = [
        ("excessive_row_loss", kept_rows < 70.0, rows, original.rows, kept_rows, "rows"),
        ("column_loss", kept_columns < 100.0, columns, original.columns, kept_columns, "columns"),
    ];
    let details: Vec<Detail> = lost
        .into_iter()
        .filter(|(_, is_loss, ..)| *is_loss)
        .map(|(kind, _, current, original, kept, word)| {
            let original = original.map_or(0, |original| original as i64);
            let message = format!("{current} of {original} {word} are left ({} %).", fixed(kept, 2));
            let json = json!({
                "type": kind,
                "original": original,
                "current": current,
                "loss_count": original.saturating_sub(i64::try_from(current).unwrap_or(i64::MAX)),
                "retention_percentage": round(kept, 2),
                "message": message,
            });
            Detail { column: "global".to_owned(), kind, message, json }
        })
        .collect();
    let message = format!(
        "{} % of the rows and {} % of the columns are left.",
        fixed(kept_rows, 1),
        fixed(kept_columns, 1)
    );
    let issues: Vec<&Value> = details.iter().map(|detail| &detail.json).collect();
    let figures = extra([
        ("row_retention_percentage", json!(round(kept_rows, 2))),
        ("column_retention_percentage", json!(round(kept_columns, 2))),
        ("current_rows", json!(rows)),
        ("current_columns", json!(columns)),
        ("original_rows", json!(original.rows.map(|rows| rows as i64))),
        ("original_columns", json!(original.columns.map(|columns| columns as i64))),
        ("issues", json!(issues)),
    ]);
    Check {
        key: RETENTION,
        name: "Data Retention",
        passed: details.is_empty(),
        message,
        details,
        high_nulls: Vec::new(),
        figures,
    }
}

/// In percent: all of an unknown number, nothing of none.
fn kept(current: usize, original: Option<f64>) -> f64 {
    match original {
        None => 100.0,
        Some(0.0) => 0.0,
        Some(original) => current as f64 / original * 100.0,
    }
}
