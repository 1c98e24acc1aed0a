//! The strategies, carried out one after the other (section 4, steps 3 and 4).

use serde_json::Value;

use super::Settings;
use crate::agent::AgentError;
use crate::agents::cleaned;
use crate::cleaning::{
    Direction, ImputeError, fill_floats, fill_from_neighbour, fill_with_cell, fill_with_constant,
    impute_by_neighbours, mode,
};
use crate::table::{Column, Table};
use crate::text::{counted, fixed};

/// What was done, or what was tried in vain.
#[derive(Debug)]
pub(super) struct LogEntry {
    pub(super) text: String,
    pub(super) failed: bool,
}

/// The table after all strategies, and their log.
#[derive(Debug)]
pub(super) struct Handled {
    pub(super) table: Table,
    pub(super) log: Vec<LogEntry>,
}

impl Handled {
    pub(super) fn by(table: &Table, settings: &Settings) -> Result<Self, AgentError> {
        let mut log = Vec::new();
        let mut columns: Vec<Column> = table.columns().iter().map(Column::share).collect();
        if settings.drops_rows {
            let keep = table.row_null_counts().iter().map(|nulls| *nulls == 0);
            let kept = table.filtered(keep).map_err(cleaned::engine("dropping rows with nulls"))?;
            let dropped = table.height() - kept.height();
            let text = format!("Dropped {} with a missing value.", counted(dropped, "row", "rows"));
            log.push(LogEntry { text, failed: false });
            columns = kept.columns().iter().map(Column::share).collect();
        }
        for (name, strategy) in &settings.column_strategies {
            let Some(strategy) = strategy.as_str() else { continue };
            let found = columns.iter().position(|column| column.name() == name);
            let Some((position, column)) = found.and_then(|at| Some((at, columns.get(at)?))) else {
                continue;
            };
            let nulls = column.null_count();
            if nulls == 0 {
                continue;
            }
            match changed(column, strategy, settings, &columns) {
                Ok(Change::Nothing) => {}
                Ok(Change::Drop) => {
                    columns.remove(position);
                    let text =
                        format!("{name}: dropped, {} of it had no value.", counted(nulls, "cell", "cells"));
                    log.push(LogEntry { text, failed: false });
                }
                Ok(Change::Fill(filled, with)) => {
                    let count = nulls - filled.null_count();
                    let text = format!("{name}: filled {} with {with}.", counted(count, "cell", "cells"));
                    log.push(LogEntry { text, failed: false });
                    if let Some(column) = columns.get_mut(position) {
                        *column = *filled;
                    }
                }
                Err(error) => {
                    let text = format!("{name}: strategy {strategy} failed, nothing was filled: {error}.");
                    log.push(LogEntry { text, failed: true });
                }
            }
        }
        let table =
            Table::of_columns(table.name(), columns).map_err(cleaned::engine("putting columns together"))?;
        Ok(Self { table, log })
    }

    /// Texts of what failed.
    pub(super) fn failures(&self) -> impl Iterator<Item = &str> {
        self.log.iter().filter(|entry| entry.failed).map(|entry| entry.text.as_str())
    }
}

enum Change {
    Nothing,
    Drop,
    /// The new column, and what it was filled with.
    Fill(Box<Column>, String),
}

fn changed(
    column: &Column,
    strategy: &str,
    settings: &Settings,
    columns: &[Column],
) -> Result<Change, ImputeError> {
    let is_numeric = column.kind().is_numeric();
    let by_number = |value: Option<f64>, word: &str| -> Result<Change, ImputeError> {
        let value = value.ok_or(ImputeError::NoValue)?;
        Ok(Change::Fill(Box::new(fill_floats(column, value)?), format!("the {word}, {}", fixed(value, 2))))
    };
    Ok(match strategy {
        "drop_column" => Change::Drop,
        "mean" if is_numeric => by_number(column.moments().map(|moments| moments.mean), "mean")?,
        "median" if is_numeric => by_number(column.ranking().and_then(|ranking| ranking.median()), "median")?,
        "mode" => {
            let value = mode(column).ok_or(ImputeError::NoValue)?;
            let with = format!("the most frequent value, {}", value.display());
            Change::Fill(Box::new(fill_with_cell(column, value)?), with)
        }
        "forward_fill" => Change::Fill(
            Box::new(fill_from_neighbour(column, Direction::Forward)?),
            "the last value before".to_owned(),
        ),
        "backward_fill" => Change::Fill(
            Box::new(fill_from_neighbour(column, Direction::Backward)?),
            "the next value behind".to_owned(),
        ),
        "constant" => match settings.fill_values.get(column.name()) {
            Some(value) => Change::Fill(
                Box::new(fill_with_constant(column, value)?),
                format!("the constant {}", shown(value)),
            ),
            None => Change::Nothing,
        },
        "knn_imputation" if is_numeric => {
            let numeric: Vec<&Column> = columns.iter().filter(|column| column.kind().is_numeric()).collect();
            let filled = impute_by_neighbours(&numeric, column, settings.knn_neighbors)?;
            let rows = counted(usize::try_from(settings.knn_neighbors).unwrap_or(0), "row", "rows");
            Change::Fill(Box::new(filled), format!("the mean of the {rows} nearest to each"))
        }
        _ => Change::Nothing,
    })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
