//! An input as columns, read once and shared by the agents of a task.
//!
//! [`Table::read_csv`] reads the dialect of `_common-profile-my-data.md` 2; [`Column`] holds the cells and
//! computes facts (distinct values, sorted values, moments, text lengths) on demand, once; facts of whole rows
//! (nulls, repeated rows) are in [`rows`]. [`Table::read_again`] gives a table as its CSV would be read, without one.
//! Which figures an agent makes of them is not decided here.

mod column;
mod dictionary;
mod distinct;
mod groups;
mod read;
mod rows;
mod write;

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use hashbrown::HashMap;
use polars::prelude::DataFrame;

pub use column::{Cells, Column, Kind, TextFacts};
pub use dictionary::Dictionary;
pub use distinct::{Distinct, Group};
pub use groups::{Form, RowGroups};
pub use read::{BigIntegers, ReadError, ReadOptions, SurplusFields};
pub(crate) use rows::first_occurrences;

/// A CSV as columns.
#[derive(Debug)]
pub struct Table {
    name: String,
    height: usize,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    /// Cells of each column that lost their value when the table was read; empty for other tables.
    lost: Vec<usize>,
    row_nulls: OnceLock<Vec<u32>>,
    repeated_rows: OnceLock<Vec<u32>>,
}

impl Table {
    /// Reads a CSV on all cores, without copying `bytes`.
    ///
    /// # Errors
    /// When the bytes are no CSV by the rules of `_common-profile-my-data.md` 2: nothing in it, invalid UTF-8, an
    /// unclosed quote, a row with more fields than the header.
    pub fn read_csv(name: &str, bytes: &Bytes, options: ReadOptions) -> Result<Self, ReadError> {
        let read::Contents { frame, lost } = read::read(name, bytes, options)?;
        Ok(Self { lost, ..Self::new(name, frame) })
    }

    /// The types that reading a file gives its columns, by a look at its first rows only.
    ///
    /// # Errors
    /// As [`Self::read_csv`], as far as the look goes.
    pub(crate) fn kinds_of_csv(bytes: &Bytes, options: ReadOptions) -> Result<Vec<Kind>, ReadError> {
        read::kinds(bytes, options)
    }

    /// The types of the columns.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        self.columns.iter().map(Column::kind)
    }

    /// Columns with the number of their cells whose content was no value of their type when the table was read, so
    /// that they are null; columns that lost nothing are left out.
    pub fn values_lost(&self) -> impl Iterator<Item = (&str, usize)> {
        let lost = self.columns.iter().zip(&self.lost).filter(|(_, lost)| **lost > 0);
        lost.map(|(column, lost)| (column.name(), *lost))
    }

    /// A table made by other means than reading, e.g. of the rows that an agent kept. Columns of types that a CSV
    /// cannot have become text.
    pub fn new(name: &str, frame: DataFrame) -> Self {
        let height = frame.height();
        Self::assemble(name, height, frame.into_columns().into_iter().map(Column::new).collect())
    }

    fn assemble(name: &str, height: usize, columns: Vec<Column>) -> Self {
        let positions = columns
            .iter()
            .enumerate()
            .map(|(position, column)| (column.name().to_owned(), position))
            .collect();
        Self {
            name: name.to_owned(),
            height,
            columns,
            positions,
            lost: Vec::new(),
            row_nulls: OnceLock::new(),
            repeated_rows: OnceLock::new(),
        }
    }

    /// Name of the file that was read.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of data rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The columns in file order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// A column by its exact name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.positions.get(name).and_then(|position| self.columns.get(*position))
    }

    /// Position of a column by its exact name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.positions.get(name).copied()
    }
}

/// Whether a file name ends in `.csv`, in any case (`_common-profile-my-data.md` C4).
pub fn is_csv_name(name: &str) -> bool {
    let extension = Path::new(name).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
        || name.eq_ignore_ascii_case(".csv")
}
