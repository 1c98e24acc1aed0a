//! Agents of the tool run one by one on files, as the reference chains them, and files made for them.

use std::collections::BTreeMap;

use analysis::agent::{self, InputFile};
use analysis::answer::Answer;
use analysis::table::{BigIntegers, ReadOptions, Table};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

/// The file `data.csv` with this content.
pub(crate) fn file(csv: impl Into<Bytes>) -> InputFile {
    InputFile { name: "data.csv".to_owned(), bytes: csv.into() }
}

/// One agent on one file.
pub(crate) fn answer(agent_id: &str, file: &InputFile, parameters: &Value) -> Answer {
    agent::run(agent_id, &BTreeMap::from([("primary".to_owned(), file.clone())]), parameters)
}

/// The file that a successful answer carries, written out.
pub(crate) fn made(answer: &Answer) -> Option<InputFile> {
    let file = answer.cleaned_file.as_ref().filter(|_| answer.is_success())?;
    Some(InputFile { name: file.name.clone(), bytes: file.table.to_csv().unwrap() })
}

/// The file as an agent reads it, types from so many rows.
pub(crate) fn read(file: &InputFile, inferred_rows: usize) -> Table {
    let options = ReadOptions { big_integers: BigIntegers::Null, ..ReadOptions::inferring(inferred_rows) };
    Table::read_csv(&file.name, &file.bytes, options).unwrap()
}

/// Rows of an identifier, a number with gaps, whole floats, texts with null words and spaces, and flags. What an agent
/// leaves of a column has the type that the column had.
pub(crate) fn customers() -> impl Strategy<Value = String> {
    let number = prop::option::weighted(0.8, (-30_i32..30).prop_map(|value| format!("{value}.5")));
    let whole = prop::option::weighted(0.8, (0_u8..9).prop_map(|value| format!("{value}.0")));
    let words = vec![
        "ada",
        "Ada ",
        " Bob",
        "N/A",
        "none",
        "-",
        "x  y",
        "x y",
        "\"say \"\"hi\"\"\"",
        "\"a, b\"",
        "\"\"",
        "née",
    ];
    let text = prop::option::weighted(0.9, prop::sample::select(words).prop_map(str::to_owned));
    let flag = prop::option::weighted(0.9, any::<bool>().prop_map(|flag| flag.to_string()));
    let row = (number, whole, text, flag).prop_map(|(number, whole, text, flag)| {
        [number, whole, text, flag].map(Option::unwrap_or_default).join(",")
    });
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        // The first row has everything, so that every column has its type.
        let rows = ["0.5,1.0,zoe,true".to_owned()].into_iter().chain(rows);
        let lines: String = rows.enumerate().map(|(id, row)| format!("{id},{row}\n")).collect();
        format!("id,n,w,t,b\n{lines}")
    })
}
