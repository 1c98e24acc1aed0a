//! Times reading a CSV, one agent on it, or the whole tool profile-my-data: one JSON line with seconds and peak memory.
//!
//!     cargo run --release -p analysis --example profile -- read FILE.csv
//!     cargo run --release -p analysis --example profile -- agent AGENT FILE.csv [BASELINE.csv]
//!     cargo run --release -p analysis --example profile -- tool FILE.csv [BASELINE.csv]
//!
//! `agents` prints the ids of the tool's agents instead.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::Instant;

use analysis::agent::{self, InputFile};
use analysis::answer::Answer;
use analysis::chain::{self, Job};
use analysis::table::{ReadOptions, Table};
use analysis::{agents, tools};
use bytes::Bytes;
use serde_json::{Map, Value, json};

const TOOL: &str = "profile-my-data";
const USAGE: &str = "usage: profile read FILE | agent AGENT FILE [BASELINE] | tool FILE [BASELINE] | agents";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let started = Instant::now();
    let tool = tools::find(TOOL).ok_or("the tool is gone")?;
    let of_tool = |id: &&str| tool.dispatches(id);
    let answers = match arguments.as_slice() {
        ["agents"] => {
            let ids: Vec<&str> = agents::all().iter().map(|agent| agent.id()).filter(of_tool).collect();
            writeln!(std::io::stdout(), "{}", json!(ids))?;
            return Ok(());
        }
        ["read", path] => {
            Table::read_csv(path, &Bytes::from(std::fs::read(path)?), ReadOptions::inferring(10_000))?;
            Vec::new()
        }
        ["agent", id, paths @ ..] => vec![agent::run(id, &files(paths)?, &Value::Null)],
        ["tool", paths @ ..] => {
            let ids = agents::all().iter().map(|agent| agent.id()).filter(of_tool);
            // Without a definition an agent gets no file.
            let ids = ids.filter(|id| tool.available_agents.iter().any(|available| available == id));
            let agents = ids.map(str::to_owned).collect();
            let job = Job { tool, agents, files: files(paths)?, parameters: Map::new(), started };
            chain::run(job, &mut ())?.answers.into_values().collect()
        }
        _ => return Err(USAGE.into()),
    };
    let seconds = started.elapsed().as_secs_f64();
    if let Some(error) = answers.into_iter().find_map(|answer: Answer| answer.error) {
        return Err(error.into());
    }
    writeln!(std::io::stdout(), "{}", json!({"seconds": seconds, "peak_mb": peak_megabytes()?}))?;
    Ok(())
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
