//! A table that an agent made, as the next agent reads it: what writing it as CSV and reading that would give
//! (`_common-clean-my-data.md` 2), without doing either. Types are inferred again, names and texts pass the header's
//! and the fields' rules; a column that comes back as it was shares its cells.

use polars::prelude::*;
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::fields::{big_integer, boolean, float, integer};
use super::types::{Seen, type_of};
use super::{BigIntegers, ReadError, ReadOptions, header};
use crate::table::{Cells, Column, Kind, Table};

impl Table {
    /// The table as reading [`Self::to_csv`] under the name `name` would give it. Columns that come back as they were
    /// share their cells and what is known about them.
    ///
    /// # Errors
    /// As [`Self::read_csv`]: for a table without columns there is no header.
    pub fn read_again(&self, name: &str, options: ReadOptions) -> Result<Self, ReadError> {
        let Some(names) = self.names_read_again()? else {
            return Self::read_csv(name, &self.to_csv()?, options);
        };
        let columns: Vec<(Column, usize)> = RAYON.install(|| {
            let columns = self.columns().par_iter().zip(names.par_iter());
            columns.map(|(column, name)| read_again(column, name, options)).collect::<Result<_, _>>()
        })?;
        let (columns, lost) = columns.into_iter().unzip();
        Ok(Self { lost, ..Self::assemble(name, self.height(), columns) })
    }

    /// The types that [`Self::read_again`] gives the columns; `None` where only reading can tell.
    pub(crate) fn kinds_read_again(&self, options: ReadOptions) -> Option<Vec<Kind>> {
        let is_plain = matches!(self.names_read_again(), Ok(Some(_)));
        is_plain.then(|| self.columns().iter().map(|column| kind_read_again(column, options)).collect())
    }

    /// The names that the header would be read with; `None` when its line would be taken for a blank one.
    fn names_read_again(&self) -> Result<Option<Vec<String>>, ReadError> {
        let mut line = Vec::new();
        CsvWriter::new(&mut line).finish(&mut self.to_frame()?.clear())?;
        let start = super::byte_order_mark(&line);
        if header::blank_lines(line.get(start..).unwrap_or_default()) > 0 {
            return Ok(None);
        }
        let (names, _) = header::read(&line, start)?;
        Ok((names.len() == self.columns().len()).then_some(names))
    }
}

/// The type that the first rows of the written column give.
fn kind_read_again(column: &Column, options: ReadOptions) -> Kind {
    let rows = options.inferred_rows.min(column.len());
    // The cells of a column that is not text are written so that they show their type.
    let unless_empty = |kind: Kind, is_empty: bool| if is_empty { Kind::Text } else { kind };
    match column.cells() {
        Cells::Integer(cells) => {
            unless_empty(Kind::Integer, cells.iter().take(rows).all(|cell| cell.is_none()))
        }
        Cells::Float(cells) => unless_empty(Kind::Float, cells.iter().take(rows).all(|cell| cell.is_none())),
        Cells::Boolean(cells) => {
            unless_empty(Kind::Boolean, cells.iter().take(rows).all(|cell| cell.is_none()))
        }
        Cells::Text(cells) => {
            let mut seen = Seen::default();
            for text in cells.iter().take(rows).flatten() {
                seen.add(type_of(text.as_bytes(), options.big_integers));
                if seen.is_text() {
                    break;
                }
            }
            seen.kind()
        }
        Cells::BigInteger(cells) => {
            let mut values = cells.iter().take(rows).flatten().peekable();
            let is_empty = values.peek().is_none();
            let is_big = options.big_integers == BigIntegers::Keep
                && values.any(|value| i64::try_from(value).is_err());
            unless_empty(if is_big { Kind::BigInteger } else { Kind::Integer }, is_empty)
        }
    }
}

/// The column as it is read again under a new name, and how many of its cells lose their value.
fn read_again(column: &Column, name: &str, options: ReadOptions) -> Result<(Column, usize), ReadError> {
    let kind = kind_read_again(column, options);
    if kind == column.kind() {
        return Ok((column.share_as(name), 0));
    }
    let cells = match column.cells() {
        Cells::Text(texts) => match kind {
            Kind::Integer => Cells::Integer(parsed(texts, integer)),
            Kind::Float => Cells::Float(parsed(texts, float)),
            Kind::Boolean => Cells::Boolean(parsed(texts, boolean)),
            Kind::BigInteger => Cells::BigInteger(parsed(texts, big_integer)),
            Kind::Text => Cells::Text(texts.clone()),
        },
        Cells::BigInteger(cells) if kind == Kind::Integer => Cells::Integer(
            cells.iter().map(|cell| cell.and_then(|value| i64::try_from(value).ok())).collect(),
        ),
        _ => Cells::Text(written(column)?),
    };
    let read = Column::of_cells(name, cells);
    // An empty text becomes null without losing anything.
    let empty = match column.cells() {
        Cells::Text(texts) if kind != Kind::Text => {
            texts.iter().flatten().filter(|text| text.is_empty()).count()
        }
        _ => 0,
    };
    let lost = read.null_count() - column.null_count() - empty;
    Ok((read, lost))
}

fn parsed<T, C>(texts: &StringChunked, parse: impl Fn(&[u8]) -> Option<T>) -> C
where
    C: FromIterator<Option<T>>,
{
    texts.iter().map(|text| text.and_then(|text| parse(text.as_bytes()))).collect()
}

/// The cells of a column that is not text, as they are written.
fn written(column: &Column) -> Result<StringChunked, ReadError> {
    let alone = Table::of_columns("", vec![column.share_as("cells")])?;
    let texts = Table::read_csv("", &alone.to_csv()?, ReadOptions::inferring(0))?;
    match texts.columns().first().map(Column::cells) {
        Some(Cells::Text(cells)) => Ok(cells.clone()),
        _ => Err(ReadError::Columns { reason: format!("column `{}` has no text form", column.name()) }),
    }
}

#[cfg(test)]
mod tests;
