//! Times reading a CSV, and reading plus profiling it: one JSON line with seconds and peak memory.
//!
//!     cargo run --release -p analysis --example profile -- read|profile FILE.csv

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::Instant;

use analysis::agent::{self, InputFile};
use analysis::table::{ReadOptions, Table};
use bytes::Bytes;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path] = arguments.as_slice() else {
        return Err("usage: profile read|profile FILE.csv".into());
    };
    let started = Instant::now();
    let bytes = Bytes::from(std::fs::read(path)?);
    let loaded = started.elapsed().as_secs_f64();
    let columns = match what.as_str() {
        "read" => Table::read_csv(path, &bytes, ReadOptions::inferring(10_000))?.columns().len(),
        "profile" => {
            let files = BTreeMap::from([("primary".to_owned(), InputFile { name: path.clone(), bytes })]);
            let answer = agent::run("unified-profiler", &files, &Value::Null);
            if let Some(error) = answer.error {
                return Err(error.into());
            }
            answer.data.get("fields").and_then(Value::as_array).map_or(0, Vec::len)
        }
        other => return Err(format!("unknown step {other}: read or profile").into()),
    };
    let seconds = started.elapsed().as_secs_f64();
    let line =
        json!({"seconds": seconds, "loading": loaded, "peak_mb": peak_megabytes()?, "columns": columns});
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Greatest resident size of this process so far, by the kernel's own count.
fn peak_megabytes() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok((kilobytes / 1024.0).round())
}
