//! An input as columns, read once and shared by the agents of a task.
//!
//! [`Table::read_csv`] reads the dialect of `_common-profile-my-data.md` 2; [`Column`] holds the cells and
//! computes facts (distinct values, sorted values, moments, text lengths) on demand, once; facts of whole rows
//! (nulls, repeated rows) are in [`rows`]. Which figures an agent
//! makes of them is not decided here.

mod column;
mod dictionary;
mod distinct;
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
pub use read::{BigIntegers, ReadError, ReadOptions, SurplusFields};

/// A CSV as columns.
#[derive(Debug)]
pub struct Table {
    name: String,
    height: usize,
    columns: Vec<Column>,
    positions: HashMap<String, usize>,
    /// Per column the cells whose text was no value of its type when the table was read.
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
        let (frame, lost) = read::read(name, bytes, options)?;
        Ok(Self { lost, ..Self::new(name, frame) })
    }

    /// Whether reading `bytes`, which gave this table with `known` options, with `other` options would give it again:
    /// they differ in the number of rows that decide on the types only, and decide the same.
    pub(crate) fn would_be_read_with(&self, bytes: &Bytes, known: ReadOptions, other: ReadOptions) -> bool {
        let only_rows_differ = ReadOptions { inferred_rows: other.inferred_rows, ..known } == other;
        only_rows_differ
            && read::kinds(bytes, other)
                .is_ok_and(|kinds| kinds.into_iter().eq(self.columns.iter().map(Column::kind)))
    }

    /// A table made by other means than reading, e.g. of the rows that an agent kept. Columns of types that a CSV
    /// cannot have become text.
    pub fn new(name: &str, frame: DataFrame) -> Self {
        let height = frame.height();
        let columns: Vec<Column> = frame.into_columns().into_iter().map(Column::new).collect();
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

    /// Columns with cells that became null when the table was read, because their text is no value of the type that
    /// the first rows give the column; with the number of such cells.
    pub fn lost_values(&self) -> impl Iterator<Item = (&Column, usize)> {
        self.columns.iter().zip(self.lost.iter().copied()).filter(|(_, lost)| *lost > 0)
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
