//! Reading again against the slow way: writing the CSV and reading it.

use super::*;
use crate::table::SurplusFields;
use bytes::Bytes;
use proptest::prelude::*;

/// Everything that an agent can see of a table: names, types, cells (floats by their bits), lost values.
fn seen(table: &Table) -> Vec<(String, Kind, Vec<String>)> {
    let cell = |column: &Column, row| match column.cell(row) {
        crate::text::Cell::Float(value) if !value.is_nan() => format!("{:x}", value.to_bits()),
        cell => format!("{cell:?}"),
    };
    let lost = format!("{:?}", table.values_lost().collect::<Vec<_>>());
    let column = |column: &Column| {
        let cells = (0..table.height()).map(|row| cell(column, row)).chain([lost.clone()]).collect();
        (column.name().to_owned(), column.kind(), cells)
    };
    table.columns().iter().map(column).collect()
}

/// Cells as agents make them, and as they leave them.
fn cells(rows: usize) -> impl Strategy<Value = Cells> {
    let text = prop_oneof![
        3 => "[0-9]{1,3}",
        2 => "-?[0-9]{0,2}\\.[0-9]{0,2}([eE][-+]?[0-9])?",
        1 => prop::sample::select(vec![
            "", "", "true", "FALSE", " 6", "7 ", "+5", "007", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "-0",
            "9223372036854775807", "9223372036854775808", "-170141183460469231731687303715884105728",
            "170141183460469231731687303715884105728", "\u{feff}", "\r", "5\r", "\t3", "a\rb",
        ]).prop_map(str::to_owned),
        2 => "[a-zé\",\n\r 1🙂]{0,16}",
    ];
    let float = prop_oneof![
        any::<f64>(),
        (-999_i32..999).prop_map(|value| f64::from(value) / 10.0),
        (-5_i32..5).prop_map(f64::from),
        prop::sample::select(vec![
            f64::NAN,
            -f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            5e-324,
            1e16,
            1e15,
            1e-5,
            1e-7
        ]),
    ];
    let big = prop_oneof![any::<i128>(), any::<i64>().prop_map(i128::from), 0_i128..9];
    // Nothing at the beginning, so that the window may be empty.
    let gap = 0..=rows;
    fn with_gap<T: Clone>(gap: usize, mut cells: Vec<Option<T>>) -> Vec<Option<T>> {
        cells.iter_mut().take(gap).for_each(|cell| *cell = None);
        cells
    }
    prop_oneof![
        (gap.clone(), prop::collection::vec(prop::option::of(any::<i64>()), rows))
            .prop_map(|(gap, cells)| Cells::Integer(with_gap(gap, cells).into_iter().collect())),
        (gap.clone(), prop::collection::vec(prop::option::of(float), rows))
            .prop_map(|(gap, cells)| Cells::Float(with_gap(gap, cells).into_iter().collect())),
        (gap.clone(), prop::collection::vec(prop::option::of(any::<bool>()), rows))
            .prop_map(|(gap, cells)| Cells::Boolean(with_gap(gap, cells).into_iter().collect())),
        (gap.clone(), prop::collection::vec(prop::option::of(big), rows))
            .prop_map(|(gap, cells)| Cells::BigInteger(with_gap(gap, cells).into_iter().collect())),
        (gap, prop::collection::vec(prop::option::weighted(0.8, text), rows))
            .prop_map(|(gap, cells)| Cells::Text(with_gap(gap, cells).into_iter().collect())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{1,3}",
        1 => prop::sample::select(vec!["", "\u{feff}", "\u{feff}a", "a", "a_duplicated_0", " ", "\r", "\n", "\"", "\u{feff}\"x\"", "b,c", "x\ny"])
            .prop_map(str::to_owned),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    (0_usize..12).prop_flat_map(|rows| {
        prop::collection::hash_map(name(), cells(rows), 0..5).prop_map(|columns| {
            let columns = columns.into_iter().map(|(name, cells)| Column::of_cells(&name, cells)).collect();
            Table::of_columns("made.csv", columns).unwrap()
        })
    })
}

fn options() -> impl Strategy<Value = ReadOptions> {
    let big_integers = prop::sample::select(vec![BigIntegers::Keep, BigIntegers::Null]);
    let surplus_fields = prop::sample::select(vec![SurplusFields::Refuse, SurplusFields::Drop]);
    (prop::sample::select(vec![0_usize, 1, 2, 5, 100]), surplus_fields, big_integers).prop_map(
        |(inferred_rows, surplus_fields, big_integers)| ReadOptions {
            inferred_rows,
            surplus_fields,
            big_integers,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// The next agent sees what it would have seen behind a CSV.
    #[test]
    fn equals_writing_and_reading(table in table(), options in options()) {
        let slow = Table::read_csv("x.csv", &table.to_csv().unwrap(), options);
        let again = table.read_again("x.csv", options);
        prop_assert_eq!(again.as_ref().map(seen), slow.as_ref().map(seen), "{:?}", table.to_csv());
        if let Ok(slow) = slow {
            let again = again.unwrap();
            prop_assert_eq!(again.name(), slow.name());
            prop_assert!(table.kinds_read_again(options).is_none_or(|kinds| slow.kinds().eq(kinds)));
        }
    }
}

#[test]
fn what_comes_back_as_it_was_is_shared() {
    let csv = Bytes::from("a,b\n1,x\n2,y\n");
    let table = Table::read_csv("x.csv", &csv, ReadOptions::inferring(100)).unwrap();
    let counted = table.columns()[1].distinct().count_with_null();
    let again = table.read_again("y.csv", ReadOptions::inferring(100)).unwrap();
    assert_eq!((again.name(), counted), ("y.csv", 2));
    for (before, after) in table.columns().iter().zip(again.columns()) {
        assert!(std::ptr::eq(before.distinct(), after.distinct()), "{}", before.name());
    }
}

#[test]
fn rows_that_went_may_change_a_type() {
    let csv = Bytes::from("a,b\n007,1\nx,2.5\n,\n\"\",3\n");
    let table = Table::read_csv("x.csv", &csv, ReadOptions::inferring(100)).unwrap();
    let kept = table.filtered([true, false, true, true]).unwrap();
    let again = kept.read_again("y.csv", ReadOptions::inferring(1)).unwrap();
    assert_eq!(again.kinds().collect::<Vec<_>>(), [Kind::Integer, Kind::Float]);
    assert_eq!(again.to_csv().unwrap(), "a,b\n7,1.0\n,\n,3.0\n");
    assert_eq!(again.values_lost().count(), 0);
}
