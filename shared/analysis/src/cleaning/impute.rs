//! Filling the empty cells of one column.

use polars::prelude::*;
use serde_json::Value;

use crate::table::{Cells, Column, Kind};
use crate::text::Cell;

/// Why a column cannot be filled as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImputeError {
    /// There is nothing to fill with.
    #[error("the column has no value to take it from")]
    NoValue,
    /// The constant is no single value.
    #[error("the fill value must be a text, a number or a flag, got {given}")]
    Constant {
        /// The fill value as JSON.
        given: String,
    },
    /// Distances need numbers.
    #[error("column `{column}` has an infinite value, so distances between rows are undefined")]
    Infinite {
        /// The column.
        column: String,
    },
    /// Nobody to take a value from.
    #[error("at least 1 neighbour is needed, got {given}")]
    Neighbours {
        /// The number asked for.
        given: i64,
    },
    /// Too many distances for the time that an analysis has.
    #[error("{terms} distance terms are needed and {limit} are the limit: use median for this column")]
    TooLarge {
        /// Rows to fill times rows to take from times columns.
        terms: u128,
        /// The limit.
        limit: u128,
    },
    /// The data engine refused; a defect of ours.
    #[error("the data engine refused: {reason}")]
    Engine {
        /// What it says.
        reason: String,
    },
}

impl From<PolarsError> for ImputeError {
    fn from(error: PolarsError) -> Self {
        Self::Engine { reason: error.to_string() }
    }
}

/// Which neighbour an empty cell takes its value from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The last value before it.
    Forward,
    /// The next value behind it.
    Backward,
}

/// The column as floats with `value` in the empty cells.
///
/// # Errors
/// When the data engine refuses, for a column of text.
pub fn fill_floats(column: &Column, value: f64) -> Result<Column, ImputeError> {
    let engine = column.to_engine().cast(&DataType::Float64)?;
    let cells = engine.f64()?.iter().map(|cell| cell.or(Some(value)));
    Ok(named(column, cells.collect::<Float64Chunked>()))
}

/// The column as floats with `value` in the given rows, which ascend.
///
/// # Errors
/// When the data engine refuses, for a column of text.
pub fn replace_numbers(
    column: &Column,
    rows: impl IntoIterator<Item = usize>,
    value: f64,
) -> Result<Column, ImputeError> {
    let engine = column.to_engine().cast(&DataType::Float64)?;
    let mut rows = rows.into_iter().peekable();
    let cells = engine.f64()?.iter().enumerate().map(|(row, cell)| match rows.next_if_eq(&row) {
        Some(_) => Some(value),
        None => cell,
    });
    Ok(named(column, cells.collect::<Float64Chunked>()))
}

/// The most frequent value, null aside; the first of equally frequent ones. `None` without values.
pub fn mode(column: &Column) -> Option<Cell<'_>> {
    column.distinct().mode().map(|mode| column.cell(mode.first_row as usize))
}

/// Each empty cell takes the value of its neighbour; cells without one stay empty.
///
/// # Errors
/// When the data engine refuses.
pub fn fill_from_neighbour(column: &Column, direction: Direction) -> Result<Column, ImputeError> {
    let strategy = match direction {
        Direction::Forward => FillNullStrategy::Forward(None),
        Direction::Backward => FillNullStrategy::Backward(None),
    };
    Ok(Column::new(column.to_engine().fill_null(strategy)?))
}

/// The column with a constant in the empty cells. The type widens where it has to (cleanse-previewer, section 4):
/// numbers with a fraction make floats of integers, texts make text of anything, flags among numbers are 1 and 0.
///
/// # Errors
/// When the constant is null, a list or an object.
pub fn fill_with_constant(column: &Column, value: &Value) -> Result<Column, ImputeError> {
    let refused = || ImputeError::Constant { given: value.to_string() };
    let constant = match value {
        Value::String(text) => Cell::Text(text),
        Value::Bool(flag) => Cell::Boolean(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cell::Integer(whole),
            (None, Some(whole)) => Cell::BigInteger(i128::from(whole)),
            (None, None) => Cell::Float(number.as_f64().ok_or_else(refused)?),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => return Err(refused()),
    };
    fill_with_cell(column, constant)
}

/// As [`fill_with_constant`], with a cell.
///
/// # Errors
/// When the cell is null.
pub(crate) fn fill_with_cell(column: &Column, constant: Cell<'_>) -> Result<Column, ImputeError> {
    if let (Cells::Boolean(cells), Cell::Boolean(flag)) = (column.cells(), constant) {
        let cells = cells.iter().map(|cell| cell.or(Some(flag)));
        return Ok(named(column, cells.collect::<BooleanChunked>()));
    }
    if column.kind() != Kind::Text {
        match constant {
            Cell::Boolean(flag) => return fill_with_cell(column, Cell::Integer(i64::from(flag))),
            Cell::Integer(value) if column.kind() == Kind::Float => return fill_floats(column, value as f64),
            Cell::BigInteger(value) if column.kind() == Kind::Float => {
                return fill_floats(column, value as f64);
            }
            Cell::Integer(value) if column.kind() != Kind::BigInteger => {
                let engine = column.to_engine().cast(&DataType::Int64)?;
                let cells = engine.i64()?.iter().map(|cell| cell.or(Some(value)));
                return Ok(named(column, cells.collect::<Int64Chunked>()));
            }
            Cell::Integer(_) | Cell::BigInteger(_) => {
                let value = match constant {
                    Cell::BigInteger(value) => value,
                    Cell::Integer(value) => i128::from(value),
                    _ => 0,
                };
                let engine = column.to_engine().cast(&DataType::Int128)?;
                let cells = engine.i128()?.iter().map(|cell| cell.or(Some(value)));
                return Ok(named(column, cells.collect::<Int128Chunked>()));
            }
            Cell::Float(value) => return fill_floats(column, value),
            Cell::Text(_) | Cell::Null => {}
        }
    }
    let text = constant.cast().ok_or(ImputeError::NoValue)?;
    let engine = column.to_engine().cast(&DataType::String)?;
    let cells = engine.str()?.iter().map(|cell| cell.or(Some(&text)));
    Ok(named(column, cells.collect::<StringChunked>()))
}

/// New cells under the name of the column that they are made of.
pub(super) fn named(column: &Column, cells: impl IntoSeries) -> Column {
    let mut series = cells.into_series();
    series.rename(PlSmallStr::from_str(column.name()));
    Column::new(series.into_column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};
    use bytes::Bytes;
    use serde_json::json;

    fn table(csv: &'static str) -> Table {
        Table::read_csv("x.csv", &Bytes::from_static(csv.as_bytes()), ReadOptions::inferring(100)).unwrap()
    }

    fn cells(column: &Column) -> Vec<String> {
        (0..column.len()).map(|row| column.cell(row).cast().unwrap_or_default().into_owned()).collect()
    }

    #[test]
    fn a_constant_widens_the_type() {
        let table = table("i,f,t,b\n1,1.5,a,true\n,,,\n");
        for (name, constant, kind, filled) in [
            ("i", json!("x"), Kind::Text, "x"),
            ("i", json!(3), Kind::Integer, "3"),
            ("i", json!(2.5), Kind::Float, "2.5"),
            ("i", json!(2.0), Kind::Float, "2.0"),
            ("i", json!(true), Kind::Integer, "1"),
            ("f", json!("x"), Kind::Text, "x"),
            ("f", json!(3), Kind::Float, "3.0"),
            ("f", json!(true), Kind::Float, "1.0"),
            ("t", json!(3), Kind::Text, "3"),
            ("t", json!(true), Kind::Text, "true"),
            ("t", json!(2.0), Kind::Text, "2.0"),
            ("t", json!(u64::MAX), Kind::Text, "18446744073709551615"),
            ("i", json!(u64::MAX), Kind::BigInteger, "18446744073709551615"),
            ("b", json!("x"), Kind::Text, "x"),
            ("b", json!(3), Kind::Integer, "3"),
            ("b", json!(2.5), Kind::Float, "2.5"),
            ("b", json!(false), Kind::Boolean, "false"),
        ] {
            let column = fill_with_constant(table.column(name).unwrap(), &constant).unwrap();
            assert_eq!((column.name(), column.kind()), (name, kind), "{name} {constant}");
            assert_eq!(cells(&column)[1], filled, "{name} {constant}");
        }
        for constant in [json!(null), json!([1]), json!({})] {
            assert!(fill_with_constant(table.column("i").unwrap(), &constant).is_err());
        }
    }

    #[test]
    fn replaced_numbers_make_floats_of_the_column_only() {
        let table = table("a,b\n1,x\n,x\n3,x\n4,x\n");
        let replaced = replace_numbers(table.column("a").unwrap(), [0, 3], 2.5).unwrap();
        assert_eq!(
            (replaced.name(), cells(&replaced)),
            ("a", ["2.5", "", "3.0", "2.5"].map(str::to_owned).into())
        );
    }

    #[test]
    fn neighbours_fill_but_not_beyond_the_ends() {
        let table = table("a,b\n,x\n1,x\n,x\n2,x\n,x\n");
        let column = table.column("a").unwrap();
        assert_eq!(
            cells(&fill_from_neighbour(column, Direction::Forward).unwrap()),
            ["", "1", "1", "2", "2"]
        );
        assert_eq!(
            cells(&fill_from_neighbour(column, Direction::Backward).unwrap()),
            ["1", "1", "2", "2", ""]
        );
    }

    #[test]
    fn the_mode_is_the_first_of_the_most_frequent_values() {
        let table = table("a,b,c\n2,,x\n1,,x\n1,,x\n2,,x\n,,x\n,,x\n,,x\n");
        assert_eq!(mode(table.column("a").unwrap()), Some(Cell::Integer(2)));
        assert_eq!(mode(table.column("b").unwrap()), None);
    }
}
