//! Times reading a CSV, one agent on it, or a whole tool: one JSON line with seconds and peak memory. What an agent or
//! tool makes is written, too, as the worker would.
//!
//!     cargo run --release -p analysis --example measure -- read FILE.csv
//!     cargo run --release -p analysis --example measure -- agent AGENT PARAMETERS FILE.csv [BASELINE.csv]
//!     cargo run --release -p analysis --example measure -- tool TOOL PARAMETERS FILE.csv [BASELINE.csv]
//!
//! PARAMETERS are JSON by agent id, as in the backend's parameters.json. `agents TOOL` prints the ids of the tool's
//! agents that this build has, in the tool's order, instead.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::Instant;

use analysis::agent::{self, InputFile};
use analysis::answer::Answer;
use analysis::chain::{self, Job};
use analysis::table::{ReadOptions, Table};
use analysis::tools::Tool;
use analysis::{agents, tools};
use bytes::Bytes;
use serde_json::{Map, Value, json};

const USAGE: &str = "usage: measure read FILE | agent AGENT PARAMETERS FILE [BASELINE] | tool TOOL PARAMETERS FILE [BASELINE] | agents TOOL";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    match arguments.as_slice() {
        ["agents", tool] => {
            let tool = find(tool)?;
            let others = agents::all().iter().map(|agent| agent.id().to_owned());
            let others = others.filter(|id| tool.dispatches(id) && !tool.available_agents.contains(id));
            let ids: Vec<String> = served(tool).into_iter().chain(others).collect();
            writeln!(std::io::stdout(), "{}", json!(ids))?;
            return Ok(());
        }
        ["read", path] => {
            Table::read_csv(path, &Bytes::from(std::fs::read(path)?), ReadOptions::inferring(10_000))?;
        }
        ["agent", id, parameters, paths @ ..] => {
            let parameters = read_parameters(parameters)?;
            let answer = agent::run(id, &files(paths)?, parameters.get(*id).unwrap_or(&Value::Null));
            succeeded([&answer])?;
            if let Some(file) = &answer.cleaned_file {
                file.table.to_csv()?;
            }
        }
        ["tool", tool, parameters, paths @ ..] => {
            let tool = find(tool)?;
            let parameters = read_parameters(parameters)?;
            let job = Job { tool, agents: served(tool), files: files(paths)?, parameters, started };
            succeeded(chain::run(job, &mut ())?.answers.values())?;
        }
        _ => return Err(USAGE.into()),
    }
    let seconds = started.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{}", json!({"seconds": seconds, "peak_mb": peak_megabytes()?}))?;
    Ok(())
}

fn find(tool: &str) -> Result<&'static Tool, Box<dyn Error>> {
    tools::find(tool).ok_or_else(|| format!("there is no tool {tool}").into())
}

/// The tool's agents that this build has, of those with a definition: without one an agent gets no file.
fn served(tool: &Tool) -> Vec<String> {
    tool.available_agents.iter().filter(|id| agents::find(id).is_some()).cloned().collect()
}

fn read_parameters(text: &str) -> Result<Map<String, Value>, Box<dyn Error>> {
    Ok(serde_json::from_str(text)?)
}

fn succeeded<'a>(answers: impl IntoIterator<Item = &'a Answer>) -> Result<(), Box<dyn Error>> {
    match answers.into_iter().find_map(|answer| answer.error.as_ref()) {
        Some(error) => Err(error.as_str().into()),
        None => Ok(()),
    }
}

/// The primary file and, if there is a second path, the baseline.
fn files(paths: &[&str]) -> Result<BTreeMap<String, InputFile>, Box<dyn Error>> {
    if paths.is_empty() || paths.len() > 2 {
        return Err(USAGE.into());
    }
    let slots = ["primary", "baseline"].into_iter().zip(paths);
    slots
        .map(|(slot, path)| {
            let bytes = Bytes::from(std::fs::read(path)?);
            Ok((slot.to_owned(), InputFile { name: (*path).to_owned(), bytes }))
        })
        .collect()
}

/// Greatest resident size of this process so far, by the kernel's own count.
fn peak_megabytes() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok((kilobytes / 1024.0).round())
}
