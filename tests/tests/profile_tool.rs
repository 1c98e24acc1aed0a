//! profile-my-data as a whole: the same answers whatever the threads, and an answer to any input. Agents of the tool
//! that are added take part by themselves.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use analysis::agent::{self, InputFile};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use system_tests::tools::{Edge, analyze, check_success, edges, served};

const TOOL: &str = "profile-my-data";

/// Rows of every kind that the agents look at, more than fit into one part of the reader.
fn customers(rows: u64, shift: u64) -> String {
    let mut csv = "id,mail,phone,city,amount,score,active,joined,note\n".to_owned();
    let mut state = 7 + shift;
    let mut draw = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for row in 0..rows {
        let (city, cents, score) = (draw(9 + shift), draw(90_000) + shift * 9000, draw(1000));
        let mail = if draw(20) == 0 { String::new() } else { format!("p{row}@example.org") };
        let score = if draw(9) == 0 { String::new() } else { format!("0.{score:03}") };
        let (active, day, phone) = (draw(3) > 0, draw(28) + 1, draw(10_000_000));
        let note = if draw(7) == 0 { "\"calls, often\"" } else { "" };
        writeln!(
            csv,
            "{row},{mail},+49 30 {phone:07},City {city},{}.{:02},{score},{active},2024-05-{day:02},{note}",
            cents / 100,
            cents % 100
        )
        .unwrap();
    }
    csv
}

#[test]
fn twenty_runs_on_any_number_of_threads_give_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("primary.csv"), customers(36_000, 1))?;
    fs::write(folder.path().join("baseline.csv"), customers(36_000, 0))?;
    let report = |threads| analyze(TOOL, folder.path(), &["primary", "baseline"], None, threads);
    let first = report(1)?.report;
    ensure!(first.contains("drift-detector") && first.contains("score-risk"), "agents are missing: {first}");
    ensure!(first.len() > 100_000, "a report of {} bytes proves nothing", first.len());
    for threads in [1, 2, 8] {
        for run in 0..20 {
            let again = report(threads)?.report;
            let at = first.bytes().zip(again.bytes()).position(|(left, right)| left != right);
            ensure!(
                first == again,
                "run {run} on {threads} threads differs from byte {at:?} on: {:?}",
                at.and_then(|at| again.get(at.saturating_sub(80)..at + 80))
            );
        }
    }
    Ok(())
}

/// Agents that have nothing to say about a file without rows (`_common-profile-my-data.md` 6).
fn needs_rows(agent_id: &str) -> bool {
    matches!(agent_id, "readiness-rater" | "governance-checker" | "test-coverage-agent")
}

fn answer(agent_id: &str, csv: &str, parameters: &Value) -> Value {
    let file = |name: &str| InputFile { name: name.to_owned(), bytes: Bytes::from(csv.to_owned()) };
    let files = BTreeMap::from([
        ("primary".to_owned(), file("primary.csv")),
        ("baseline".to_owned(), file("baseline.csv")),
    ]);
    serde_json::to_value(agent::run(agent_id, &files, parameters)).unwrap()
}

/// Figures that the specifications define for every file, compared with itself where there are two.
fn check_figures(agent_id: &str, edge: &Edge, answer: &Value) -> Result<()> {
    let metrics = &answer["summary_metrics"];
    let is = |key: &str, value: usize| -> Result<()> {
        ensure!(metrics[key] == value, "{key} is {}, not {value}", metrics[key]);
        Ok(())
    };
    match agent_id {
        "unified-profiler" => {
            is("total_columns", edge.columns)?;
            is("total_rows", edge.rows)
        }
        "drift-detector" => {
            is("fields_analyzed", edge.columns)?;
            is("drift_detected_count", 0)?;
            ensure!(answer["data"]["drift_summary"]["dataset_stability"] == "stable");
            ensure!(metrics["average_psi_score"] == 0.0);
            Ok(())
        }
        "score-risk" => {
            is("total_fields_analyzed", edge.columns)?;
            let fields = answer["data"]["fields"].as_array().context("no fields")?;
            let scores = fields.iter().map(|field| field["risk_score"].as_u64());
            ensure!(scores.clone().all(|score| matches!(score, Some(0 | 60 | 75 | 80))));
            if edge.name == "one row" {
                ensure!(scores.eq([Some(0), Some(0), Some(80)]), "{fields:?}");
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[test]
fn every_agent_answers_every_edge() -> Result<()> {
    for agent_id in served(TOOL) {
        for edge in edges() {
            let case = || format!("{agent_id} on {}", edge.name);
            let answer = answer(agent_id, &edge.csv, &Value::Null);
            if edge.rows == 0 && needs_rows(agent_id) {
                ensure!(answer["status"] == "error" && answer["error"].is_string(), "{}: {answer}", case());
                continue;
            }
            check_success(&answer).with_context(case)?;
            check_figures(agent_id, &edge, &answer).with_context(case)?;
        }
    }
    Ok(())
}

/// Small samples on purpose: what is skipped by default is looked at, too.
#[test]
fn drift_looks_at_any_sample_when_told_to() -> Result<()> {
    for edge in edges() {
        for test in ["kolmogorov_smirnov", "wasserstein", "chi2"] {
            let parameters = json!({"min_sample_size": 0, "statistical_test": test});
            let answer = answer("drift-detector", &edge.csv, &parameters);
            let case = || format!("{test} on {}", edge.name);
            check_success(&answer).with_context(case)?;
            check_figures("drift-detector", &edge, &answer).with_context(case)?;
        }
    }
    Ok(())
}

/// Whatever a client sends as parameters, there is an answer: never a panic, which would say "broke off".
#[test]
fn every_agent_answers_odd_parameters() -> Result<()> {
    let odd =
        [json!(null), json!("x"), json!(-1), json!(1e300), json!([]), json!({}), json!(true), json!("50")];
    for agent_id in served(TOOL) {
        let defaults = answer(agent_id, "a,email\n1,a@b.org\n2,c@d.org\n", &Value::Null);
        let keys = defaults["data"]["defaults"].as_object().context("no defaults")?.keys();
        for key in keys {
            for value in &odd {
                let answer = answer(agent_id, "a,email\n1,a@b.org\n2,c@d.org\n", &json!({key: value}));
                let error = answer["error"].as_str().unwrap_or_default();
                ensure!(!error.contains("broke off"), "{agent_id} with {key} = {value}: {error}");
                ensure!(
                    (answer["status"] == "success") != (answer["status"] == "error" && !error.is_empty()),
                    "{agent_id} with {key} = {value}: {answer}"
                );
            }
        }
    }
    Ok(())
}
