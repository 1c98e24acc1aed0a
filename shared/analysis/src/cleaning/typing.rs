//! Columns that have a wider type than their values need (type-fixer, section 4).

use polars::prelude::{DataType, PolarsResult};

use crate::table::{Cells, Column};

/// Whether a column of floats holds whole numbers only; empty cells do not count. NaN and infinities are none.
pub fn holds_whole_numbers(column: &Column) -> bool {
    match column.cells() {
        Cells::Float(cells) => cells.iter().flatten().all(|value| value % 1.0 == 0.0),
        _ => false,
    }
}

/// The column as 64-bit integers; what is beyond their range becomes null.
///
/// # Errors
/// When the data engine refuses; a defect of ours.
pub fn to_integers(column: &Column) -> PolarsResult<Column> {
    column.to_engine().cast(&DataType::Int64).map(Column::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};
    use proptest::prelude::*;

    fn column(values: &[&str]) -> Column {
        let csv = format!("a,b\n{}", values.iter().map(|value| format!("{value},x\n")).collect::<String>());
        Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(100))
            .unwrap()
            .column("a")
            .unwrap()
            .share()
    }

    fn texts(column: &Column) -> Vec<String> {
        (0..column.len()).map(|row| column.cell(row).cast().unwrap_or_default().into_owned()).collect()
    }

    #[test]
    fn whole_numbers_are_those_without_a_fraction() {
        for values in [&["1.0", "2", "", "-0.0"][..], &["1e300"], &["-1e16", "1."]] {
            assert!(holds_whole_numbers(&column(values)), "{values:?}");
        }
        for values in
            [&["1.5"][..], &["1.0", "NaN"], &["inf", "1.0"], &["1", "2"], &["x"], &["true"], &["1e-300"]]
        {
            assert!(!holds_whole_numbers(&column(values)), "{values:?}");
        }
    }

    #[test]
    fn what_is_beyond_64_bits_is_lost() {
        let values =
            ["-1.0", "9223372036854775807.0", "9223372036854774784.0", "-9223372036854775808.0", "-1e19", ""];
        let expected = ["-1", "", "9223372036854774784", "-9223372036854775808", "", ""];
        assert_eq!(texts(&to_integers(&column(&values)).unwrap()), expected);
    }

    proptest! {
        #[test]
        fn integers_survive(values in prop::collection::vec(-(1_i64 << 53)..1 << 53, 1..20)) {
            let written: Vec<String> = values.iter().map(|value| format!("{value}.0")).collect();
            let column = column(&written.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert!(holds_whole_numbers(&column));
            let integers: Vec<String> = values.iter().map(i64::to_string).collect();
            prop_assert_eq!(texts(&to_integers(&column).unwrap()), integers);
        }
    }
}
