//! What happens to duplicates: removed, merged, or left (section 4.3 of the specification).

use polars::prelude::*;

use super::detection::Keys;
use crate::agent::AgentError;
use crate::agents::cleaned::engine;
use crate::table::{Column, RowGroups, Table};
use crate::text::{Cell, counted};

/// What to do with duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Keep the first row of each key.
    Remove,
    /// Make one row of all rows of a key.
    Merge,
    /// Count them only.
    Nothing,
}

impl Strategy {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "remove_duplicates" => Self::Remove,
            "merge_smart" => Self::Merge,
            _ => Self::Nothing,
        }
    }
}

/// The table without duplicates, and what was done.
pub(super) struct Resolution {
    pub(super) table: Table,
    pub(super) log: Vec<String>,
}

impl Resolution {
    pub(super) fn by(keys: &Keys<'_>, strategy: Strategy, any: bool) -> Result<Self, AgentError> {
        let table = keys.table;
        let names: Vec<&str> = keys.columns().iter().map(|column| column.name()).collect();
        let (table, log) = match strategy {
            _ if !any => {
                (copy(table)?, vec!["No duplicates were found, the file stays as it is.".to_owned()])
            }
            Strategy::Remove => {
                let kept = firsts(table, keys.normal_groups())?;
                let by = if keys.are_given() { names.join(", ") } else { "all columns".to_owned() };
                let removed = counted(table.height() - kept.height(), "row was", "rows were");
                let log = format!(
                    "{removed} removed: the first row of each key stays (compared on {by}, case and outer blanks aside){}.",
                    null_note(keys)
                );
                (kept, vec![log])
            }
            Strategy::Merge if keys.are_given() => {
                let merged = merge(keys)?;
                let gone = counted(table.height() - merged.height(), "row was", "rows were");
                let log = format!(
                    "{gone} merged into others with the same {}: empty cells were filled from later rows of the key{}.",
                    names.join(", "),
                    null_note(keys)
                );
                (merged, vec![log])
            }
            Strategy::Merge => {
                let kept = firsts(table, &keys.equal_rows())?;
                let removed = counted(table.height() - kept.height(), "row was", "rows were");
                let log =
                    format!("{removed} removed: merging needs key columns, so only equal rows were taken.");
                (kept, vec![log])
            }
            Strategy::Nothing => (copy(table)?, Vec::new()),
        };
        Ok(Self { table, log })
    }
}

/// A word about keys without a value, if rows are together because of them.
fn null_note(keys: &Keys<'_>) -> String {
    if !keys.are_given() {
        return String::new();
    }
    let is_empty = |row: u32| keys.columns().iter().any(|column| column.cell(row as usize) == Cell::Null);
    let rows = keys.normal_groups().iter().flatten().filter(|row| is_empty(**row)).count();
    if rows == 0 {
        return String::new();
    }
    format!(
        "; {} an empty key, which counts as equal to other empty keys",
        counted(rows, "row has", "rows have")
    )
}

fn copy(table: &Table) -> Result<Table, AgentError> {
    let columns = table.columns().iter().map(Column::share).collect();
    Table::of_columns(table.name(), columns).map_err(engine("copying the table"))
}

/// The rows that no earlier row equals.
fn firsts(table: &Table, groups: &RowGroups) -> Result<Table, AgentError> {
    table.filtered(groups.is_first(table.height())).map_err(engine("removing duplicates"))
}

/// One row per key: key columns as in the first row, the others with their first value in the group.
fn merge(keys: &Keys<'_>) -> Result<Table, AgentError> {
    let table = keys.table;
    let groups = keys.normal_groups();
    let is_first = groups.is_first(table.height());
    let kept: Vec<u32> =
        (0_u32..).zip(&is_first).filter(|(_, is_first)| **is_first).map(|(row, _)| row).collect();
    let columns = table.columns().iter().map(|column| {
        let mut sources = kept.clone();
        let is_key = keys.columns().iter().any(|key| key.name() == column.name());
        if !is_key && column.null_count() > 0 {
            for group in groups.iter() {
                let value = group.iter().find(|row| column.cell(**row as usize) != Cell::Null);
                let place = group.first().and_then(|first| kept.binary_search(first).ok());
                if let (Some(value), Some(place)) = (value, place.and_then(|place| sources.get_mut(place))) {
                    *place = *value;
                }
            }
        }
        let rows = IdxCa::from_vec(PlSmallStr::EMPTY, sources);
        column.to_engine().take(&rows).map(Column::new)
    });
    let columns = columns.collect::<PolarsResult<Vec<_>>>();
    columns.and_then(|columns| Table::of_columns(table.name(), columns)).map_err(engine("merging duplicates"))
}
