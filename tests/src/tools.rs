//! Whole tools, run in this process or by the program: their agents, inputs at the edge of what is meant, and answers
//! without what a clock has written.

#![allow(clippy::indexing_slicing, reason = "a value that has no such key is null")]

use std::fs;
use std::path::Path;

use analysis::{agents, tools};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::worker;

/// Keys under which a time or a duration stands.
const TIMES: [&str; 5] =
    ["execution_time_ms", "timestamp", "created_at", "verification_timestamp", "packaging_timestamp"];

/// Removes what a clock has written.
pub fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("summary_id") == Some(&json!("exec_execution_time")) {
                map.clear();
            }
            map.retain(|key, _| !TIMES.contains(&key.as_str()));
            map.values_mut().for_each(without_times);
        }
        Value::Array(list) => list.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// What a run of a tool wrote.
#[derive(Debug)]
pub struct Outputs {
    /// The report, without times.
    pub report: String,
    /// The data file, if the tool makes one.
    pub data: Option<Vec<u8>>,
}

/// Runs a tool on `SLOT.csv` in `folder` for each slot, by the program, on `threads` threads. `parameters` are a file.
///
/// # Errors
/// When the program fails or writes no report.
pub fn analyze(
    tool: &str,
    folder: &Path,
    slots: &[&str],
    parameters: Option<&Path>,
    threads: u32,
) -> Result<Outputs> {
    let out = folder.join("out");
    let mut words = vec!["analyze".to_owned(), tool.to_owned()];
    for slot in slots {
        let path = folder.join(format!("{slot}.csv"));
        words.extend(["--file".to_owned(), format!("{slot}={}", path.display())]);
    }
    words.extend(["--out".to_owned(), out.display().to_string()]);
    if let Some(parameters) = parameters {
        words.extend(["--parameters".to_owned(), parameters.display().to_string()]);
    }
    let run = worker::command(words)?.env("POLARS_MAX_THREADS", threads.to_string()).output()?;
    ensure!(run.status.success(), "analyze failed: {}", run.stderr);
    let (mut report, mut data) = (None, None);
    for entry in fs::read_dir(&out)? {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        match path.extension().and_then(|end| end.to_str()) {
            Some("json") => report = Some(serde_json::from_slice::<Value>(&bytes)?),
            Some("csv") => data = Some(bytes),
            _ => {}
        }
    }
    // The data file's name has the time in it: the next run must not find this one.
    fs::remove_dir_all(&out)?;
    let mut report = report.context("no report was written")?;
    without_times(&mut report);
    Ok(Outputs { report: report.to_string(), data })
}

/// The agents of a tool that this build has.
pub fn served(tool: &str) -> impl Iterator<Item = &'static str> {
    let tool = tools::find(tool);
    agents::all()
        .iter()
        .map(|agent| agent.id())
        .filter(move |id| tool.is_some_and(|tool| tool.dispatches(id)))
}

/// An input at the edge of what is meant.
#[derive(Debug)]
pub struct Edge {
    /// What is odd about it.
    pub name: &'static str,
    /// The file.
    pub csv: String,
    /// Number of its columns.
    pub columns: usize,
    /// Number of its data rows.
    pub rows: usize,
}

fn edge(name: &'static str, csv: impl Into<String>, columns: usize, rows: usize) -> Edge {
    Edge { name, csv: csv.into(), columns, rows }
}

/// Inputs at the edges.
pub fn edges() -> Vec<Edge> {
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

/// Whether an answer has everything that a successful one must have, and a text in each finding.
///
/// # Errors
/// With what is missing.
pub fn check_success(answer: &Value) -> Result<()> {
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
    let total = answer["issue_summary"]["total_issues"].as_u64().context("no total")?;
    let all = u64::try_from(issues.len())?;
    ensure!(issues.len() <= 1000 && (total == all || total > all && all == 1000), "{all} of {total} issues");
    for finding in answer["alerts"].as_array().into_iter().flatten().chain(issues) {
        let message = finding["message"].as_str().unwrap_or_default();
        ensure!(!message.trim().is_empty(), "without a text: {finding}");
    }
    Ok(())
}
