//! Columns of one type as columns of another.

use polars::prelude::*;

use super::impute::named;
use crate::dates::Dates;
use crate::table::{Cells, Column};

/// The column as floats, as the data engine casts: what is no number becomes empty, flags are 1 and 0.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub fn to_floats(column: &Column) -> PolarsResult<Column> {
    Ok(match column.cells() {
        Cells::Text(texts) => {
            let floats = texts.iter().map(|text| text.and_then(crate::text::to_float));
            named(column, floats.collect::<Float64Chunked>())
        }
        _ => Column::new(column.to_engine().cast(&DataType::Float64)?),
    })
}

/// The column as text, as the data engine casts: `true`, `1.0`, `NaN`.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub fn to_texts(column: &Column) -> PolarsResult<Column> {
    Ok(Column::new(column.to_engine().cast(&DataType::String)?))
}

/// A column of text as microseconds since 1970 in UTC, the format inferred ([`Dates`]); what is no date of the
/// column's family becomes empty. `None` for other columns, and when no text is a date.
pub fn to_instants(column: &Column) -> Option<Column> {
    let Cells::Text(texts) = column.cells() else { return None };
    let mut dates = Dates::recognise(texts.iter().flatten())?;
    let instants = texts.iter().map(|text| Some(dates.read(text?)?.and_utc().timestamp_micros()));
    Some(named(column, instants.collect::<Int64Chunked>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};

    fn cells(column: &Column) -> Vec<String> {
        (0..column.len()).map(|row| column.cell(row).display().into_owned()).collect()
    }

    #[test]
    fn every_type_becomes_floats_and_texts() {
        let csv = "i,f,b,t\n7,1.5,true,+3\n,,,x\n-1,NaN,false, 4\n";
        let table = Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(100)).unwrap();
        let floats = |name: &str| cells(&to_floats(table.column(name).unwrap()).unwrap());
        assert_eq!(floats("i"), ["7.0", "None", "-1.0"]);
        assert_eq!(floats("f"), ["1.5", "None", "nan"]);
        assert_eq!(floats("b"), ["1.0", "None", "0.0"]);
        assert_eq!(floats("t"), ["3.0", "None", "None"]);
        let texts = |name: &str| cells(&to_texts(table.column(name).unwrap()).unwrap());
        assert_eq!(texts("f"), ["1.5", "None", "NaN"]);
        assert_eq!(texts("b"), ["true", "None", "false"]);
    }

    #[test]
    fn texts_become_instants_where_one_of_them_is_a_date() {
        let csv = "d,n,t\n1970-01-02,1,x\n1969/12/31,2,y\nnone,3,z\n";
        let table = Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(100)).unwrap();
        let instants = to_instants(table.column("d").unwrap()).unwrap();
        assert_eq!(cells(&instants), ["86400000000", "-86400000000", "None"]);
        assert!(to_instants(table.column("n").unwrap()).is_none());
        assert!(to_instants(table.column("t").unwrap()).is_none());
    }
}
