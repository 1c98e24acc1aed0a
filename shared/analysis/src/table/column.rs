//! One column: its cells and the facts about them that several agents need.

use std::sync::{Arc, OnceLock};

use polars::prelude::*;

use super::distinct::Distinct;
use crate::stats::{Moments, Ranking};
use crate::text::Cell;

/// The types that a CSV column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 64-bit integers.
    Integer,
    /// 64-bit floats.
    Float,
    /// Booleans.
    Boolean,
    /// Text.
    Text,
    /// Integers of up to 128 bits: neither numeric nor text (C6).
    BigInteger,
}

impl Kind {
    /// Name of the type in the data engine, as answers show it.
    pub fn engine_name(self) -> &'static str {
        match self {
            Self::Integer => "Int64",
            Self::Float => "Float64",
            Self::Boolean => "Boolean",
            Self::Text => "String",
            Self::BigInteger => "Int128",
        }
    }

    /// `Int64` or `Float64`.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Float)
    }
}

/// The cells of a column, in chunks of rows whose sizes depend on the file alone.
#[derive(Debug, Clone)]
pub enum Cells {
    /// 64-bit integers.
    Integer(Int64Chunked),
    /// 64-bit floats.
    Float(Float64Chunked),
    /// Booleans.
    Boolean(BooleanChunked),
    /// Text.
    Text(StringChunked),
    /// Integers of up to 128 bits.
    BigInteger(Int128Chunked),
}

/// What text statistics need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextFacts {
    /// Least length in bytes of the cast text.
    pub min_length: usize,
    /// Greatest length in bytes.
    pub max_length: usize,
    /// Sum of the lengths in bytes.
    pub total_length: usize,
}

/// A column with its facts, each computed when first asked for.
#[derive(Debug)]
pub struct Column {
    name: String,
    cells: Cells,
    facts: Arc<Facts>,
}

/// What is known about cells. Columns that share cells share what is known.
#[derive(Debug, Default)]
struct Facts {
    distinct: OnceLock<Distinct>,
    ranking: OnceLock<Option<Ranking>>,
    moments: OnceLock<Option<Moments>>,
    text: OnceLock<Option<TextFacts>>,
}

impl Column {
    /// Takes over a column of the data engine; types that a CSV cannot have become text.
    pub fn new(column: polars::prelude::Column) -> Self {
        let series = column.take_materialized_series();
        let name = series.name().to_string();
        let cells = match series.dtype() {
            DataType::Int64 => series.i64().map(|cells| Cells::Integer(cells.clone())),
            DataType::Float64 => series.f64().map(|cells| Cells::Float(cells.clone())),
            DataType::Boolean => series.bool().map(|cells| Cells::Boolean(cells.clone())),
            DataType::Int128 => series.i128().map(|cells| Cells::BigInteger(cells.clone())),
            DataType::String => series.str().map(|cells| Cells::Text(cells.clone())),
            _ => series
                .cast(&DataType::String)
                .and_then(|text| text.str().map(|cells| Cells::Text(cells.clone()))),
        };
        // A type without a text form has no cells that could be shown.
        let cells = cells
            .unwrap_or_else(|_| Cells::Text(StringChunked::full_null(series.name().clone(), series.len())));
        Self::of_cells(&name, cells)
    }

    /// A column of text.
    pub fn of_text(name: &str, cells: StringChunked) -> Self {
        Self::of_cells(name, Cells::Text(cells))
    }

    /// The same column again; shares the cells and what is known about them.
    pub fn share(&self) -> Self {
        self.share_as(&self.name)
    }

    /// The same column under another name; shares the cells and what is known about them.
    pub fn share_as(&self, name: &str) -> Self {
        Self { name: name.to_owned(), cells: self.cells.clone(), facts: Arc::clone(&self.facts) }
    }

    /// A column of cells; their own name does not count.
    pub fn of_cells(name: &str, cells: Cells) -> Self {
        Self { name: name.to_owned(), cells, facts: Arc::default() }
    }

    /// The column as the data engine has it; shares the cells.
    pub fn to_engine(&self) -> polars::prelude::Column {
        let mut series = match &self.cells {
            Cells::Integer(cells) => cells.clone().into_series(),
            Cells::Float(cells) => cells.clone().into_series(),
            Cells::Boolean(cells) => cells.clone().into_series(),
            Cells::Text(cells) => cells.clone().into_series(),
            Cells::BigInteger(cells) => cells.clone().into_series(),
        };
        series.rename(PlSmallStr::from_str(&self.name));
        series.into_column()
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column's type.
    pub fn kind(&self) -> Kind {
        match &self.cells {
            Cells::Integer(_) => Kind::Integer,
            Cells::Float(_) => Kind::Float,
            Cells::Boolean(_) => Kind::Boolean,
            Cells::Text(_) => Kind::Text,
            Cells::BigInteger(_) => Kind::BigInteger,
        }
    }

    /// The cells.
    pub fn cells(&self) -> &Cells {
        &self.cells
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match &self.cells {
            Cells::Integer(cells) => cells.len(),
            Cells::Float(cells) => cells.len(),
            Cells::Boolean(cells) => cells.len(),
            Cells::Text(cells) => cells.len(),
            Cells::BigInteger(cells) => cells.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of empty cells.
    pub fn null_count(&self) -> usize {
        match &self.cells {
            Cells::Integer(cells) => cells.null_count(),
            Cells::Float(cells) => cells.null_count(),
            Cells::Boolean(cells) => cells.null_count(),
            Cells::Text(cells) => cells.null_count(),
            Cells::BigInteger(cells) => cells.null_count(),
        }
    }

    /// Number of cells with a value.
    pub fn value_count(&self) -> usize {
        self.len() - self.null_count()
    }

    /// One cell; `Null` also beyond the last row. For single rows: loops go over [`Self::cells`].
    pub fn cell(&self, row: usize) -> Cell<'_> {
        if row >= self.len() {
            return Cell::Null;
        }
        let cell = match &self.cells {
            Cells::Integer(cells) => cells.get(row).map(Cell::Integer),
            Cells::Float(cells) => cells.get(row).map(Cell::Float),
            Cells::Boolean(cells) => cells.get(row).map(Cell::Boolean),
            Cells::Text(cells) => cells.get(row).map(Cell::Text),
            Cells::BigInteger(cells) => cells.get(row).map(Cell::BigInteger),
        };
        cell.unwrap_or(Cell::Null)
    }

    /// Rows without a value, ascending.
    pub fn null_rows(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        if self.null_count() == 0 {
            return Box::new(std::iter::empty());
        }
        Box::new(self.has_value().enumerate().filter(|(_, has_value)| !has_value).map(|(row, _)| row))
    }

    /// Rows with a value, ascending.
    pub fn value_rows(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        if self.null_count() == 0 {
            return Box::new(0..self.len());
        }
        Box::new(self.has_value().enumerate().filter(|(_, has_value)| *has_value).map(|(row, _)| row))
    }

    /// Row by row, whether there is a value other than the empty text.
    pub fn presence(&self) -> Box<dyn Iterator<Item = bool> + '_> {
        match &self.cells {
            Cells::Text(cells) => {
                Box::new(cells.iter().map(|cell| cell.is_some_and(|text| !text.is_empty())))
            }
            _ => self.has_value(),
        }
    }

    /// Row by row, whether there is a value.
    fn has_value(&self) -> Box<dyn Iterator<Item = bool> + '_> {
        match &self.cells {
            Cells::Integer(cells) => Box::new(cells.iter().map(|cell| cell.is_some())),
            Cells::Float(cells) => Box::new(cells.iter().map(|cell| cell.is_some())),
            Cells::Boolean(cells) => Box::new(cells.iter().map(|cell| cell.is_some())),
            Cells::Text(cells) => Box::new(cells.iter().map(|cell| cell.is_some())),
            Cells::BigInteger(cells) => Box::new(cells.iter().map(|cell| cell.is_some())),
        }
    }

    /// Values of an integer or float column with their rows, without nulls; `None` for other columns.
    pub fn numbers(&self) -> Option<Box<dyn Iterator<Item = (usize, f64)> + '_>> {
        fn numbers<'a>(
            cells: impl Iterator<Item = Option<f64>> + 'a,
        ) -> Option<Box<dyn Iterator<Item = (usize, f64)> + 'a>> {
            Some(Box::new(cells.enumerate().filter_map(|(row, cell)| cell.map(|value| (row, value)))))
        }
        match &self.cells {
            Cells::Integer(cells) => numbers(cells.iter().map(|cell| cell.map(|value| value as f64))),
            Cells::Float(cells) => numbers(cells.iter()),
            _ => None,
        }
    }

    /// The distinct values with counts and first rows.
    pub fn distinct(&self) -> &Distinct {
        self.facts.distinct.get_or_init(|| Distinct::of(&self.cells))
    }

    /// The distinct values, if somebody has asked for them before.
    pub(super) fn known_distinct(&self) -> Option<&Distinct> {
        self.facts.distinct.get()
    }

    /// The values in ascending order; `None` unless the column is an integer or float column.
    pub fn ranking(&self) -> Option<&Ranking> {
        self.facts.ranking.get_or_init(|| self.rank()).as_ref()
    }

    /// Mean, spread and shape; `None` without values and unless the column is an integer or float column.
    pub fn moments(&self) -> Option<&Moments> {
        self.facts.moments.get_or_init(|| self.ranking().and_then(Ranking::moments)).as_ref()
    }

    /// Lengths of the cast text; `None` without values and for integer and float columns.
    pub fn text_facts(&self) -> Option<TextFacts> {
        *self.facts.text.get_or_init(|| self.measure_text())
    }

    fn rank(&self) -> Option<Ranking> {
        // Sorting the distinct values instead of the rows: most columns repeat themselves. Groups come in the order
        // of their first rows, so that one walk over the rows meets them all.
        let mut groups = self.distinct().groups().peekable();
        let firsts = self.numbers()?.filter_map(|(row, value)| {
            groups.next_if(|group| group.first_row as usize == row).map(|group| (value, group.count))
        });
        Some(Ranking::new(firsts))
    }

    fn measure_text(&self) -> Option<TextFacts> {
        let lengths: Box<dyn Iterator<Item = (usize, usize)> + '_> = match &self.cells {
            Cells::Integer(_) | Cells::Float(_) => return None,
            Cells::Text(cells) => Box::new(cells.iter().flatten().map(|text| (text.len(), 1))),
            Cells::Boolean(_) | Cells::BigInteger(_) => {
                Box::new(self.distinct().groups().filter_map(|group| {
                    let text = self.cell(group.first_row as usize).cast()?;
                    Some((text.len(), group.count as usize))
                }))
            }
        };
        let mut facts: Option<TextFacts> = None;
        for (length, times) in lengths {
            let facts =
                facts.get_or_insert(TextFacts { min_length: usize::MAX, max_length: 0, total_length: 0 });
            facts.min_length = facts.min_length.min(length);
            facts.max_length = facts.max_length.max(length);
            facts.total_length += length * times;
        }
        facts
    }
}
