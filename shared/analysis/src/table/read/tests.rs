//! Every row of the table in `_common-profile-my-data.md` 2, and files that are unpleasant in other ways.

use proptest::prelude::*;

use super::*;
use crate::table::{Cells, Kind, Table};
use crate::text::Cell::{self, BigInteger, Boolean, Float, Integer, Null, Text};

fn table(csv: impl Into<Bytes>) -> Result<Table, ReadError> {
    Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(10_000))
}

fn names(table: &Table) -> Vec<&str> {
    table.columns().iter().map(crate::table::Column::name).collect()
}

fn kinds(csv: &'static str) -> Vec<Kind> {
    table(csv).unwrap().columns().iter().map(crate::table::Column::kind).collect()
}

/// Checks the type and the cells of the first column.
fn first(csv: &'static str, kind: Kind, cells: &[Cell<'_>]) {
    first_inferring(10_000, csv, kind, cells);
}

fn first_inferring(rows: usize, csv: &'static str, kind: Kind, cells: &[Cell<'_>]) {
    let table = Table::read_csv("x.csv", &Bytes::from(csv), ReadOptions::inferring(rows)).unwrap();
    let column = &table.columns()[0];
    assert_eq!(column.kind(), kind, "{csv:?}");
    let found: Vec<String> = (0..column.len()).map(|row| format!("{:?}", column.cell(row))).collect();
    let expected: Vec<String> = cells.iter().map(|cell| format!("{cell:?}")).collect();
    assert_eq!(found, expected, "{csv:?}");
}

#[test]
fn an_empty_file_or_line_breaks_alone_are_no_data() {
    for csv in ["", "\n", "\r\n", "\n\n", "\u{feff}", "\u{feff}\n"] {
        assert_eq!(table(csv).unwrap_err(), ReadError::NoData, "{csv:?}");
    }
}

#[test]
fn a_header_alone_has_no_rows_and_text_columns() {
    for csv in ["alpha,beta", "alpha,beta\n", "alpha,beta\r\n"] {
        let table = table(csv).unwrap();
        assert_eq!((table.height(), names(&table)), (0, vec!["alpha", "beta"]), "{csv:?}");
        assert_eq!(kinds(csv), [Kind::Text, Kind::Text]);
    }
}

#[test]
fn an_unquoted_empty_cell_is_null_and_a_quoted_one_is_an_empty_text() {
    first("a,b\n1,\n,2\n", Kind::Integer, &[Integer(1), Null]);
    first("a,b\n\"\",1\n7,1\n,1\n", Kind::Text, &[Text(""), Text("7"), Null]);
}

#[test]
fn each_blank_line_is_a_row_of_nulls() {
    first("a,b\n1,2\n\n3,4\n\n\n", Kind::Integer, &[Integer(1), Null, Integer(3), Null, Null]);
    first("a\r\n1\r\n\r\n2\r\n", Kind::Integer, &[Integer(1), Null, Integer(2)]);
}

#[test]
fn blank_lines_before_the_header_are_skipped() {
    first("\n\r\na\n1\n", Kind::Integer, &[Integer(1)]);
}

#[test]
fn missing_fields_are_null_and_surplus_fields_refuse_the_file() {
    let ragged = table("a,b,c\n1\n1,2\n").unwrap();
    assert_eq!(ragged.columns()[1].cell(0), Null);
    assert_eq!(ragged.columns()[1].cell(1), Integer(2));
    assert_eq!(ragged.columns()[2].null_count(), 2);
    for csv in ["a,b\n1,2\n1,2,3\n", "a,b\n1,2\n1,2,\n", "a,b\n1,2\n1,2,", "a,b\n1,2\n1,2,\"x\"\n"] {
        assert_eq!(table(csv).unwrap_err(), ReadError::SurplusFields { row: 2, columns: 2 }, "{csv:?}");
    }
    let drop = ReadOptions { surplus_fields: SurplusFields::Drop, ..ReadOptions::inferring(100) };
    let dropped = Table::read_csv("x.csv", &Bytes::from("a,b\n1,2,\"x\ny\",z\n3,4\n"), drop).unwrap();
    assert_eq!((dropped.height(), dropped.columns()[1].cell(1)), (2, Integer(4)));
}

#[test]
fn invalid_utf_8_is_refused_wherever_it_is() {
    for csv in [&b"a,b\n1,\xff\n"[..], b"\xffa,b\n1,2\n", b"a,b\n1,2\n3,4\n\xff,5\n"] {
        let offset = csv.iter().position(|byte| *byte == 0xff).unwrap();
        assert_eq!(table(Bytes::from(csv)).unwrap_err(), ReadError::NotUtf8 { offset });
    }
}

#[test]
fn an_unclosed_quote_is_refused_in_columns_of_every_type() {
    for csv in ["a,b\n1,\"x\n2,y\n", "a,b\n\"1,2\n3,4\n", "a\n\"", "a,b\n1,2\n3,\"4\n5,6\n"] {
        assert!(matches!(table(csv), Err(ReadError::UnclosedQuote { .. })), "{csv:?}");
    }
    let late = Table::read_csv("x.csv", &Bytes::from("a,b\n1,2\n3,\"4\n5,6\n"), ReadOptions::inferring(1));
    assert_eq!(late.unwrap_err(), ReadError::UnclosedQuote { row: 2, column: "b".to_owned() });
}

#[test]
fn text_behind_a_closing_quote_is_refused() {
    let error = table("a,b\n1,\"x\"y\n").unwrap_err();
    assert_eq!(error, ReadError::TextAfterQuote { row: 1, column: "b".to_owned() });
}

#[test]
fn a_quote_inside_an_unquoted_field_is_text() {
    first("a,b\n5\" pipe,1\nx\"y\"z,2\n", Kind::Text, &[Text("5\" pipe"), Text("x\"y\"z")]);
}

#[test]
fn byte_order_mark_and_crlf_are_understood() {
    let table = table("\u{feff}a,b\r\n1,x\r\n2,\"y\"\r\n").unwrap();
    assert_eq!(names(&table), ["a", "b"]);
    assert_eq!(table.columns()[1].cell(1), Text("y"));
}

#[test]
fn lone_carriage_returns_are_no_line_ends() {
    let table = table("a,b\r1,2\r3,4\r").unwrap();
    assert_eq!((table.height(), table.columns().len()), (0, 4));
}

#[test]
fn repeated_and_empty_header_names() {
    assert_eq!(names(&table("a,a,a\n1,2,3\n").unwrap()), ["a", "a_duplicated_0", "a_duplicated_1"]);
    assert_eq!(names(&table(",,x\n1,2,3\n").unwrap()), ["", "_duplicated_0", "x"]);
}

#[test]
fn blanks_are_kept_and_make_a_number_a_text() {
    let table = table("a, b\n1, 2\n").unwrap();
    assert_eq!(names(&table), ["a", " b"]);
    assert_eq!(table.columns()[1].cell(0), Text(" 2"));
}

#[test]
fn quoted_numbers_are_numbers() {
    first("a\n\"1\"\n\"3\"\n", Kind::Integer, &[Integer(1), Integer(3)]);
}

#[test]
fn integers() {
    first("a\n007\n-0\n", Kind::Integer, &[Integer(7), Integer(0)]);
    let big = 99_999_999_999_999_999_999;
    first("a\n99999999999999999999\n1\n", Kind::BigInteger, &[BigInteger(big), BigInteger(1)]);
    let null = ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(100) };
    let table = Table::read_csv("x.csv", &Bytes::from("a\n99999999999999999999\n1\n"), null).unwrap();
    assert_eq!((table.columns()[0].cell(0), table.columns()[0].cell(1)), (Null, Integer(1)));
}

#[test]
fn what_looks_like_a_number_and_is_text() {
    for csv in ["a\n+5\n", "a\n1_000\n", "a\n5%\n", "a\n$3\n", "a\n\"1,000\"\n", "a\n-\n", "a\n0x10\n"] {
        assert_eq!(kinds(csv), [Kind::Text], "{csv:?}");
    }
}

#[test]
fn floats() {
    let nan = Float(f64::NAN);
    first("a\n.5\n1.\n1e5\n", Kind::Float, &[Float(0.5), Float(1.0), Float(1e5)]);
    let infinities = [nan, nan, Float(f64::INFINITY), Float(f64::NEG_INFINITY)];
    let table = table("a\nNaN\n-NaN\ninf\n-inf\n").unwrap();
    assert_eq!(table.columns()[0].kind(), Kind::Float);
    for (row, expected) in infinities.iter().enumerate() {
        assert_eq!(table.columns()[0].cell(row).display(), expected.display());
    }
    first("a\n1\n2.5\n", Kind::Float, &[Float(1.0), Float(2.5)]);
}

#[test]
fn null_words_are_text() {
    for csv in ["a\nnan\n", "a\nInfinity\n", "a\nNA\n", "a\nN/A\n", "a\nnull\n", "a\nNone\n"] {
        first(csv, Kind::Text, &[Text(csv.trim_start_matches("a\n").trim_end())]);
    }
}

#[test]
fn booleans_in_any_case_and_mixtures() {
    first("a\nTrue\nFALSE\nfalse\n", Kind::Boolean, &[Boolean(true), Boolean(false), Boolean(false)]);
    for csv in ["a\ntrue\n1\n", "a\ntrue\nx\n", "a\n1\nx\n", "a\n1\n1.5\n99999999999999999999\n"] {
        assert_eq!(kinds(csv), [Kind::Text], "{csv:?}");
    }
}

#[test]
fn dates_are_text() {
    assert_eq!(kinds("a,b\n2024-01-31,2024-01-31T10:00:00Z\n"), [Kind::Text, Kind::Text]);
}

#[test]
fn values_after_the_inferred_rows_are_read_leniently_or_null() {
    first_inferring(
        2,
        "a\n1\n2\n+5\n 6\n7 \n4.5\n4.0\n\n\"\"\n\"8\"\n1_0\n99999999999999999999\n007\n-3\n--3\n",
        Kind::Integer,
        &[
            Integer(1),
            Integer(2),
            Integer(5),
            Integer(6),
            Null,
            Null,
            Null,
            Null,
            Null,
            Integer(8),
            Null,
            Null,
            Integer(7),
            Integer(-3),
            Null,
        ],
    );
    first_inferring(
        2,
        "a\n1.5\n2\n 6\n7 \nInfinity\nabc\n1e5\n.5\n5.\n-\n\n\"\"\n",
        Kind::Float,
        &[
            Float(1.5),
            Float(2.0),
            Float(6.0),
            Null,
            Float(f64::INFINITY),
            Null,
            Float(1e5),
            Float(0.5),
            Float(5.0),
            Null,
            Null,
            Null,
        ],
    );
    first_inferring(
        2,
        "a\ntrue\nfalse\nTRUE\nyes\n true\n\"\"\n\n\"TRUE\"\n1\n",
        Kind::Boolean,
        &[Boolean(true), Boolean(false), Boolean(true), Null, Null, Null, Null, Boolean(true), Null],
    );
}

#[test]
fn a_column_without_a_value_in_the_inferred_rows_is_text() {
    first_inferring(2, "a,b\n,1\n,2\n7,3\n", Kind::Text, &[Null, Null, Text("7")]);
}

#[test]
fn nothing_inferred_makes_everything_text() {
    first_inferring(0, "a\n1\ntrue\n", Kind::Text, &[Text("1"), Text("true")]);
}

#[test]
fn ten_thousand_columns() {
    let header: Vec<String> = (0..10_000).map(|column| format!("c{column}")).collect();
    let row: Vec<String> = (0..10_000).map(|column| column.to_string()).collect();
    let csv = format!("{}\n{}\n{}\n", header.join(","), row.join(","), row.join(","));
    let table = table(csv).unwrap();
    assert_eq!((table.height(), table.columns().len()), (2, 10_000));
    assert_eq!(table.column("c9999").unwrap().cell(1), Integer(9999));
}

#[test]
fn a_file_that_begins_like_a_compressed_one_is_read() {
    first("x^2,y\n1,2\n", Kind::Integer, &[Integer(1)]);
}

#[test]
fn long_texts_point_into_the_file_and_quoted_quotes_do_not() {
    let csv = "a\n\"a text of more than twelve bytes\"\n\"another \"\"long\"\" text with quotes\"\nshort\n";
    first(
        csv,
        Kind::Text,
        &[Text("a text of more than twelve bytes"), Text("another \"long\" text with quotes"), Text("short")],
    );
}

proptest! {
    /// What is lost are the empty cells of a typed column that are no empty texts when all is read as text.
    #[test]
    fn lost_values_are_those_that_were_written(rows in prop::collection::vec("(|\"\"|[0-9]{1,2}|[0-9]\\.5|true|x|\"x\"\"\"|\"7\"|99999999999999999999)(,(|1|2\\.5|x))?", 0..12), inferred in 0_usize..4) {
        let csv = Bytes::from(format!("a,b\n{}\n", rows.join("\n")));
        let options = ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(inferred) };
        let table = Table::read_csv("x.csv", &csv, options).unwrap();
        let texts = Table::read_csv("x.csv", &csv, ReadOptions::inferring(0)).unwrap();
        let slow: Vec<(&str, usize)> = table.columns().iter().zip(texts.columns()).filter_map(|(column, texts)| {
            let Cells::Text(texts) = texts.cells() else { panic!("no text") };
            let written = |row: &usize| texts.get(*row).is_some_and(|text| !text.is_empty());
            let lost = column.null_rows().filter(written).count();
            (lost > 0).then_some((column.name(), lost))
        }).collect();
        let fast: Vec<_> = table.values_lost().collect();
        prop_assert_eq!(fast, slow);
    }
}
