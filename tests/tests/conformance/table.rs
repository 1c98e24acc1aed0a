//! `docs/conformance.md` and the tests say the same: every statement is in the table once, and no test is in it that
//! does not exist or stands differently. `UPDATE_DOCS=1` writes the columns that follow from the tests.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;

/// How many statements celery-wire.md 12 has.
const STATEMENTS: u32 = 120;
const PASS: &str = "pass";
/// What the state of a statement begins with that is not (fully) shown.
const NOT_YET: &str = "not yet: ";
const SOURCES: [&str; 7] = [
    include_str!("envelope.rs"),
    include_str!("queues.rs"),
    include_str!("at_least_once.rs"),
    include_str!("restoring.rs"),
    include_str!("request_life.rs"),
    include_str!("results.rs"),
    include_str!("connections.rs"),
];

/// A test named after a statement.
#[derive(Debug)]
struct Test {
    name: String,
    /// Why it is ignored, if it is.
    ignored: Option<String>,
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix('c')?.split('_').next()?.parse().ok()
}

/// The tests by the number of their statement.
fn tests() -> BTreeMap<u32, Test> {
    let mut tests = BTreeMap::new();
    for source in SOURCES {
        let mut ignored = None;
        for line in source.lines() {
            if let Some(reason) = line.strip_prefix("#[ignore = \"") {
                ignored = Some(reason.trim_end_matches("\"]").to_owned());
            }
            let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) else {
                continue;
            };
            let ignored = ignored.take();
            if let Some(number) = number(name) {
                let test = Test { name: name.to_owned(), ignored };
                let before = tests.insert(number, test);
                assert!(before.is_none(), "two tests for statement {number}");
            }
        }
    }
    tests
}

/// A line of the table as its tests want it; other lines stay.
fn current(line: &str, tests: &BTreeMap<u32, Test>) -> String {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [number, statement, _, state] = cells[..] else { return line.to_owned() };
    let Some(test) = number.parse().ok().and_then(|number: u32| tests.get(&number)) else {
        return line.to_owned();
    };
    // What a test that passes leaves out is told by hand.
    let state = match &test.ignored {
        Some(reason) => format!("{NOT_YET}{reason}"),
        None if state.starts_with(PASS) => state.to_owned(),
        None => PASS.to_owned(),
    };
    format!("| {number} | {statement} | `{}` | {state} |", test.name)
}

#[test]
fn the_table_is_current() -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    let text = std::fs::read_to_string(&path).context("reading docs/conformance.md")?;
    let tests = tests();
    let wanted: String = text.lines().map(|line| current(line, &tests) + "\n").collect();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted)?;
    } else {
        assert_eq!(text, wanted, "run this test with UPDATE_DOCS=1");
    }

    let mut seen = Vec::new();
    for line in wanted.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, test, state] = cells[..] else { continue };
        let Ok(number) = number.parse() else { continue };
        seen.push(number);
        if !tests.contains_key(&number) {
            assert!(test.is_empty(), "{number}: there is no test {test}");
            assert!(
                state.len() > NOT_YET.len() && state.starts_with(NOT_YET),
                "{number}: {state:?} gives no reason"
            );
        }
    }
    assert_eq!(seen, (1..=STATEMENTS).collect::<Vec<_>>(), "each statement once, in order");
    Ok(())
}
