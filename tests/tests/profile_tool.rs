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
use analysis::{agents, tools};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use system_tests::worker;

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

/// Removes what a clock has written.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("summary_id") == Some(&json!("exec_execution_time")) {
                map.clear();
            }
            map.retain(|key, _| key != "execution_time_ms" && key != "timestamp");
            map.values_mut().for_each(without_times);
        }
        Value::Array(list) => list.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// The report of the whole tool on `threads` threads, as text without times.
fn report(folder: &std::path::Path, threads: u32) -> Result<String> {
    let out = folder.join("out");
    let run = worker::command([
        "analyze".into(),
        TOOL.into(),
        "--file".into(),
        format!("primary={}", folder.join("primary.csv").display()),
        "--file".into(),
        format!("baseline={}", folder.join("baseline.csv").display()),
        "--out".into(),
        out.display().to_string(),
    ])?
    .env("POLARS_MAX_THREADS", threads.to_string())
    .output()?;
    ensure!(run.status.success(), "analyze failed: {}", run.stderr);
    let path = fs::read_dir(&out)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "json"))
        .context("no report was written")?;
    let mut report: Value = serde_json::from_slice(&fs::read(path)?)?;
    without_times(&mut report);
    Ok(report.to_string())
}

#[test]
fn twenty_runs_on_any_number_of_threads_give_the_same_bytes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("primary.csv"), customers(36_000, 1))?;
    fs::write(folder.path().join("baseline.csv"), customers(36_000, 0))?;
    let first = report(folder.path(), 1)?;
    ensure!(first.contains("drift-detector") && first.contains("score-risk"), "agents are missing: {first}");
    ensure!(first.len() > 100_000, "a report of {} bytes proves nothing", first.len());
    for threads in [1, 2, 8] {
        for run in 0..20 {
            let again = report(folder.path(), threads)?;
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

/// An input at the edge of what is meant.
struct Edge {
    name: &'static str,
    csv: String,
    columns: usize,
    rows: usize,
}

fn edge(name: &'static str, csv: impl Into<String>, columns: usize, rows: usize) -> Edge {
    Edge { name, csv: csv.into(), columns, rows }
}

fn edges() -> Vec<Edge> {
    let row_of = |cell: &dyn Fn(usize) -> String| (0..5000).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let wide = row_of(&|column| format!("c{column}"))
        + &row_of(&|column| column.to_string())
        + &row_of(&|column| format!("{column}.5"))
        + &row_of(&|_| "x".to_owned());
    let unique: String = (0..300).map(|row| format!("{row},t{row},{row}.25\n")).collect();
    let long = "ä😀".repeat(200_000);
    vec![
        edge("zero rows", "a,b\n", 2, 0),
        edge("one row", "a,b,email\n1,x,a@b.org\n", 3, 1),
        edge("all null", format!("a,b\n{}", ",\n".repeat(120)), 2, 120),
        edge("constant", format!("a,b,c\n{}", "7,x,true\n".repeat(120)), 3, 120),
        edge("all unique", format!("i,t,f\n{unique}"), 3, 300),
        edge("5000 columns", wide, 5000, 3),
        edge("very long strings", format!("a,b\n{long},1\n\"{long}\",2\n"), 2, 2),
        edge("mixed types", format!("a,b\n1,x\ntwo,2\n3.5,true\n,\n{}", "4,NaN\n".repeat(120)), 2, 124),
        edge("not finite", format!("a,b\n{}", "NaN,1\ninf,-inf\n-inf,inf\n1.5,2\n".repeat(40)), 2, 160),
        edge("old dates", "d,t\n1969-12-31,0001-01-01T00:00:00\n1582-10-04,-0044-03-15\n", 2, 2),
        edge("unicode headers", "😀,größe,\u{202e}x,\"a, b\"\n1,2,3,4\n5,6,7,8\n", 4, 2),
        edge("duplicate headers", "a,a,a,,\n1,2,3,4,5\n6,7,8,9,0\n", 5, 2),
        edge("names of internals", "row_index,row_nr,row_idx,count,z_score\n1,2,3,x,5\n6,7,8,y,0\n", 5, 2),
    ]
}

/// Agents that have nothing to say about a file without rows (`_common-profile-my-data.md` 6).
fn needs_rows(agent_id: &str) -> bool {
    matches!(agent_id, "readiness-rater" | "governance-checker" | "test-coverage-agent")
}

fn tool_agents() -> impl Iterator<Item = &'static str> {
    let tool = tools::find(TOOL).unwrap();
    agents::all().iter().map(|agent| agent.id()).filter(|id| tool.dispatches(id))
}

fn answer(agent_id: &str, csv: &str, parameters: &Value) -> Value {
    let file = |name: &str| InputFile { name: name.to_owned(), bytes: Bytes::from(csv.to_owned()) };
    let files = BTreeMap::from([
        ("primary".to_owned(), file("primary.csv")),
        ("baseline".to_owned(), file("baseline.csv")),
    ]);
    serde_json::to_value(agent::run(agent_id, &files, parameters)).unwrap()
}

fn check_success(answer: &Value) -> Result<()> {
    ensure!(answer["status"] == "success", "no success: {}", answer["error"]);
    for key in ["summary_metrics", "data", "issue_summary"] {
        ensure!(answer[key].is_object(), "{key} is {}", answer[key]);
    }
    for key in ["alerts", "issues", "recommendations", "executive_summary", "row_level_issues"] {
        ensure!(answer[key].is_array(), "{key} is {}", answer[key]);
    }
    ensure!(answer["ai_analysis_text"].is_string() && answer["agent_name"].is_string());
    for key in ["defaults", "overrides", "parameters"] {
        ensure!(answer["data"][key].is_object(), "data.{key} is {}", answer["data"][key]);
    }
    let issues = answer["row_level_issues"].as_array().context("no list")?;
    ensure!(issues.len() <= 1000 && answer["issue_summary"]["total_issues"] == issues.len());
    for finding in answer["alerts"].as_array().into_iter().flatten().chain(issues) {
        let message = finding["message"].as_str().unwrap_or_default();
        ensure!(!message.trim().is_empty(), "without a text: {finding}");
    }
    Ok(())
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
    for agent_id in tool_agents() {
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
    for agent_id in tool_agents() {
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
