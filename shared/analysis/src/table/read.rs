//! Reading a CSV into columns: the dialect of `_common-profile-my-data.md` 2 on all cores.
//!
//! The file is cut into parts of a fixed size, each part is read by one thread into arrays whose long texts point
//! into the file's own bytes. How the parts find their first record is in [`parts`], what a field is in [`fields`],
//! which type a column gets in [`types`], how cells become arrays in [`build`].

mod build;
mod fields;
mod header;
mod parts;
mod types;

use bytes::Bytes;
use polars::prelude::DataFrame;

use super::Kind;

/// How a CSV is to be read. The agents differ in these points only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReadOptions {
    /// Data rows that decide on the type of each column; 0 makes every column text.
    pub inferred_rows: usize,
    /// What a row with more fields than the header means.
    pub surplus_fields: SurplusFields,
    /// What an integer beyond 64 bits means.
    pub big_integers: BigIntegers,
}

impl ReadOptions {
    /// Types by so many rows; surplus fields refused, big integers kept: the way of the profile tool.
    pub const fn inferring(rows: usize) -> Self {
        Self { inferred_rows: rows, surplus_fields: SurplusFields::Refuse, big_integers: BigIntegers::Keep }
    }
}

/// What a row with more fields than the header means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SurplusFields {
    /// The file is unreadable.
    Refuse,
    /// The surplus is dropped.
    Drop,
}

/// What an integer beyond 64 bits means for a column of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BigIntegers {
    /// The column becomes one of 128 bits.
    Keep,
    /// The cell becomes null.
    Null,
}

/// Why a file is no readable CSV. None of them is worth a retry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Not even a header.
    #[error("the file is empty: a header line is needed")]
    NoData,
    /// Bytes that are no UTF-8.
    #[error("byte {offset} is no valid UTF-8: save the file as UTF-8 and try again")]
    NotUtf8 {
        /// Position of the first invalid byte.
        offset: usize,
    },
    /// A row that the header has no columns for.
    #[error("data row {row} has more fields than the header, which has {columns}")]
    SurplusFields {
        /// 1-based data row.
        row: usize,
        /// Fields of the header.
        columns: usize,
    },
    /// A quote without its partner.
    #[error("the quoted field in data row {row}, column `{column}`, is not closed")]
    UnclosedQuote {
        /// 1-based data row.
        row: usize,
        /// Name of the column.
        column: String,
    },
    /// Text between a closing quote and the next separator.
    #[error("the quoted field in data row {row}, column `{column}`, goes on after its closing quote")]
    TextAfterQuote {
        /// 1-based data row.
        row: usize,
        /// Name of the column.
        column: String,
    },
    /// A field or a file beyond what a table can hold.
    #[error("the file is too large for one table: {reason}")]
    TooLarge {
        /// Which limit was met.
        reason: &'static str,
    },
    /// The data engine refused the columns; a defect of ours.
    #[error("the columns of the file cannot be put together: {reason}")]
    Columns {
        /// What the data engine says.
        reason: String,
    },
}

/// Reads a CSV; see [`super::Table::read_csv`]. Beside it, per column, the number of cells whose text is no value of
/// the column's type.
pub(super) fn read(
    name: &str,
    bytes: &Bytes,
    options: ReadOptions,
) -> Result<(DataFrame, Vec<usize>), ReadError> {
    let start = start(bytes)?;
    let quotes = parts::survey(bytes)?;
    let (names, body) = header::read(bytes, start)?;
    let kinds = types::infer(bytes, body, names.len(), options);
    let (columns, lost) = parts::read(bytes, body, &names, &kinds, options, &quotes)?;
    tracing::debug!(file = name, columns = names.len(), bytes = bytes.len(), "read a CSV");
    let frame = DataFrame::new_infer_height(columns)
        .map_err(|error| ReadError::Columns { reason: error.to_string() })?;
    Ok((frame, lost))
}

/// The types that reading would give the columns of a file that can be read.
pub(super) fn kinds(bytes: &Bytes, options: ReadOptions) -> Result<Vec<Kind>, ReadError> {
    let (names, body) = header::read(bytes, start(bytes)?)?;
    Ok(types::infer(bytes, body, names.len(), options))
}

/// Where the header begins.
fn start(bytes: &Bytes) -> Result<usize, ReadError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let start = start + header::blank_lines(bytes.get(start..).unwrap_or_default());
    if start >= bytes.len() { Err(ReadError::NoData) } else { Ok(start) }
}

#[cfg(test)]
mod tests;
