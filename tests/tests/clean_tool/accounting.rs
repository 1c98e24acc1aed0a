//! What each agent takes away and changes, held against what it says.

use analysis::agent::InputFile;
use analysis::table::{Cells, Kind, Table};
use analysis::text::Cell;
use proptest::prelude::*;
use serde_json::{Value, json};
use system_tests::tools::served;

use crate::TOOL;
use crate::files::{answer, customers, file, made, read};

/// How an agent that makes a file reads, and where its answer tells the rows before and after.
struct Maker {
    agent: &'static str,
    inferred_rows: usize,
    before: &'static str,
    after: &'static str,
    /// Whether a cell may become another one; rows may always go.
    may_change: fn(Cell<'_>, &str) -> bool,
}

const MAKERS: [Maker; 6] = [
    Maker {
        agent: "null-handler",
        inferred_rows: 10_000,
        before: "/data/cleaning_score/metrics/original_rows",
        after: "/data/cleaning_score/metrics/cleaned_rows",
        may_change: |before, after| {
            matches!(before, Cell::Text(word) if is_null_word(word)) && after == "None"
        },
    },
    Maker {
        agent: "outlier-remover",
        inferred_rows: 100,
        before: "/data/outlier_score/metrics/original_rows",
        after: "/data/outlier_score/metrics/cleaned_rows",
        may_change: |_, _| false,
    },
    Maker {
        agent: "type-fixer",
        inferred_rows: 10_000,
        before: "/data/fixing_score/metrics/original_rows",
        after: "/data/fixing_score/metrics/fixed_rows",
        may_change: |before, after| matches!(before, Cell::Float(value) if after.parse() == Ok(value)),
    },
    Maker {
        agent: "field-standardization",
        inferred_rows: 10_000,
        before: "/data/standardization_score/metrics/original_rows",
        after: "/data/standardization_score/metrics/standardized_rows",
        may_change: |before, _| matches!(before, Cell::Text(_)),
    },
    Maker {
        agent: "duplicate-resolver",
        inferred_rows: 100,
        before: "/summary_metrics/total_rows_processed",
        after: "/summary_metrics/remaining_rows",
        may_change: |_, _| false,
    },
    Maker {
        agent: "quarantine-agent",
        inferred_rows: 0,
        before: "/summary_metrics/total_rows_processed",
        after: "/summary_metrics/clean_records",
        may_change: |_, _| false,
    },
];

fn is_null_word(text: &str) -> bool {
    // Another agent may have made it lower case before.
    matches!(text.trim(), "" | "N/A" | "n/a" | "none" | "-")
}

fn of(agent: &str) -> Option<&'static Maker> {
    MAKERS.iter().find(|maker| maker.agent == agent)
}

/// The text of each cell of a row, as it stands in the file that a table is written to.
fn texts(table: &Table) -> Vec<Vec<String>> {
    let written = InputFile { name: "x.csv".to_owned(), bytes: table.to_csv().unwrap() };
    let written = read(&written, 0);
    (0..written.height())
        .map(|row| written.columns().iter().map(|column| column.cell(row).display().into_owned()).collect())
        .collect()
}

/// The row with an identifier.
fn row_of(table: &Table, id: &str) -> Option<usize> {
    let column = table.column("id")?;
    (0..table.height()).find(|row| column.cell(*row).display() == id)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Along the whole chain: the rows that an agent reports are those that it was given and those that it hands on;
    /// every row is one of the input, in its order, and only cells that the agent is there to change have changed.
    #[test]
    fn rows_are_accounted_for_and_nothing_else_changes(csv in customers(), order in Just(served(TOOL).collect::<Vec<_>>()).prop_shuffle()) {
        let mut primary = file(csv);
        let mut height = read(&primary, 0).height();
        for agent_id in order {
            let parameters = if agent_id == "outlier-remover" { json!({"iqr_multiplier": 0.5}) } else { Value::Null };
            let answer = answer(agent_id, &primary, &parameters);
            if height == 0 {
                prop_assert!(!answer.is_success(), "{} answers without rows", agent_id);
                continue;
            }
            prop_assert!(answer.is_success(), "{}: {:?}", agent_id, answer.error);
            let Some(next) = made(&answer) else {
                prop_assert!(of(agent_id).is_none(), "{} makes no file", agent_id);
                continue;
            };
            let maker = of(agent_id).unwrap();
            let value = serde_json::to_value(&answer).unwrap();
            let (given, handed_on) = (read(&primary, maker.inferred_rows), read(&next, 0));
            prop_assert_eq!(value.pointer(maker.before), Some(&json!(height)), "{}", agent_id);
            prop_assert_eq!(value.pointer(maker.after), Some(&json!(handed_on.height())), "{}", agent_id);
            prop_assert!(given.columns().iter().map(analysis::table::Column::name).eq(handed_on.columns().iter().map(analysis::table::Column::name)));
            let before = texts(&given);
            let mut last = None;
            for (row, cells) in texts(&handed_on).iter().enumerate() {
                let origin = row_of(&given, &cells[0]);
                prop_assert!(origin.is_some() && origin > last, "{} row {} is none of the input", agent_id, row);
                last = origin;
                let origin = origin.unwrap();
                for (position, column) in given.columns().iter().enumerate() {
                    let (was, is) = (&before[origin][position], &cells[position]);
                    prop_assert!(
                        was == is || (maker.may_change)(column.cell(origin), is),
                        "{} makes {:?} of {:?} in column {}", agent_id, is, was, column.name()
                    );
                }
            }
            (height, primary) = (handed_on.height(), next);
        }
    }

    /// What was cleaned once stays as it is when it is cleaned again, by agents whose specification has it so.
    #[test]
    fn cleaning_again_changes_nothing(csv in customers(), t in prop::sample::select(vec!["mode", "constant", "forward_fill", "backward_fill", "x"]), n in prop::sample::select(vec!["mean", "median", "mode", "forward_fill", "backward_fill", "drop_column"])) {
        let nulls = json!({"column_strategies": {"t": t, "n": n, "w": "mode", "b": "mode"}, "fill_values": {"t": "filled"}});
        let idempotent = [
            ("null-handler", nulls),
            ("null-handler", json!({"global_strategy": "drop_rows"})),
            ("type-fixer", Value::Null),
            ("field-standardization", Value::Null),
            ("duplicate-resolver", json!({"key_columns": ["t"]})),
        ];
        for (agent_id, parameters) in idempotent.iter().filter(|(id, _)| served(TOOL).any(|served| served == *id)) {
            let once = made(&answer(agent_id, &file(csv.clone()), parameters)).unwrap();
            let again = made(&answer(agent_id, &once, parameters)).unwrap();
            prop_assert_eq!(&once.bytes, &again.bytes, "{} {}", agent_id, parameters);
        }
    }
}

/// Filling is counted cell by cell: what the answer says is left is what the file lacks.
#[test]
fn filled_cells_are_counted() {
    let csv = "id,n,t\n1,2.5,a\n2,,N/A\n3,,b\n4,7.5,\n";
    let parameters = json!({"column_strategies": {"n": "mean", "t": "forward_fill"}});
    let answer = answer("null-handler", &file(csv), &parameters);
    let table = read(&made(&answer).unwrap(), 100);
    let metrics = &serde_json::to_value(&answer).unwrap()["data"]["cleaning_score"]["metrics"];
    assert_eq!((&metrics["nulls_handled"], &metrics["remaining_nulls"]), (&json!(4), &json!(0)));
    assert_eq!(table.column("n").unwrap().kind(), Kind::Float);
    assert!(
        matches!(table.column("t").unwrap().cells(), Cells::Text(cells) if cells.iter().flatten().eq(["a", "a", "b", "b"]))
    );
}
