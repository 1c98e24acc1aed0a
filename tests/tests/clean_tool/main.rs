//! clean-my-data as a whole: the chain against the slow way through files, every row accounted for, nothing changed
//! that was not to be changed, the same bytes whatever the threads, and an answer to any input. Agents of the tool
//! that are added take part by themselves.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod accounting;
mod chain;
mod files;
mod odd_input;

use std::fmt::Write;
use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use system_tests::tools::analyze;

const TOOL: &str = "clean-my-data";

/// Parameters with which every agent has something to do.
fn busy_parameters() -> Value {
    json!({
        "cleanse-previewer": {"preview_rules": [
            {"type": "drop_nulls", "target_columns": ["mail"]},
            {"type": "remove_outliers", "target_columns": ["amount", "score"]},
            {"type": "drop_duplicates", "target_columns": ["city"]},
            {"type": "impute_nulls", "target_columns": ["score"]},
        ]},
        "null-handler": {"column_strategies": {"score": "median", "mail": "mode", "amount": "forward_fill"}},
        "quarantine-agent": {"required_fields": ["id"]},
        "cleanse-writeback": {"original_row_count": 30_000, "original_column_count": 6},
    })
}

#[test]
fn runs_on_any_number_of_threads_give_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut csv = "id,mail,city,amount,score,active\n".to_owned();
    for row in 0..30_000_u32 {
        // Multiplied by an odd number, so that neighbours differ and every row is the same in every run.
        let mixed = row.wrapping_mul(2_654_435_761) >> 8;
        let mail =
            if mixed % 20 == 0 { "N/A".to_owned() } else { format!("person.{}@example.org", mixed % 29_000) };
        let score = if mixed % 9 == 0 { String::new() } else { format!("0.{:03}", mixed % 1000) };
        writeln!(csv, "{row},{mail},City {},{}.5,{score},{}", mixed % 11, mixed % 9000, mixed % 3 > 0)?;
    }
    fs::write(folder.path().join("primary.csv"), csv)?;
    let parameters = folder.path().join("parameters.json");
    fs::write(&parameters, busy_parameters().to_string())?;
    let run = |threads| analyze(TOOL, folder.path(), &["primary"], Some(&parameters), threads);
    let first = run(1)?;
    ensure!(first.report.len() > 50_000, "a report of {} bytes proves nothing", first.report.len());
    ensure!(first.data.as_ref().is_some_and(|data| data.len() > 1_000_000), "the data file is missing");
    for threads in [1, 2, 8] {
        for repetition in 0..4 {
            let again = run(threads)?;
            let at = first.report.bytes().zip(again.report.bytes()).position(|(left, right)| left != right);
            ensure!(
                first.report == again.report,
                "run {repetition} on {threads} threads differs from byte {at:?} on: {:?}",
                at.and_then(|at| again.report.get(at.saturating_sub(80)..at + 80))
            );
            ensure!(
                first.data == again.data,
                "run {repetition} on {threads} threads writes another data file"
            );
        }
    }
    Ok(())
}
