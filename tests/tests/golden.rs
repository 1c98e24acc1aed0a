//! Every agent against the figures that the Python backend gave (`golden/`).
//!
//! A case is `golden/cases/<agent>/<case>.json`: files, parameters and the expected answer. Agents whose folder is
//! added are found by themselves. `golden/compare.py` holds the answer against the case; each leaf must agree.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too; the table is what people read"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use analysis::agent::{self, InputFile};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use serde_json::Value;

struct Case {
    agent: String,
    name: String,
    path: PathBuf,
}

/// What `compare.py` says about one case.
struct Verdict {
    agreeing: usize,
    leaves: usize,
    differences: String,
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Every case, by agent and name.
fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in sorted(&golden().join("cases"))? {
        for path in
            sorted(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"))
        {
            cases.push(Case { agent: stem(&folder)?, name: stem(&path)?, path });
        }
    }
    Ok(cases)
}

fn sorted(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn stem(path: &Path) -> Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    stem.map(str::to_owned).with_context(|| format!("no name in {}", path.display()))
}

/// Runs the agent on the case's files and compares.
fn verdict(case: &Case, scratch: &Path) -> Result<Verdict> {
    let golden_case: Value = serde_json::from_slice(&std::fs::read(&case.path)?)?;
    ensure!(golden_case["agent"] == case.agent, "{} is filed under another agent", case.path.display());
    let mut files = BTreeMap::new();
    for (slot, name) in golden_case["files"].as_object().context("no files")? {
        let name = name.as_str().context("a file name that is no text")?;
        let bytes =
            std::fs::read(golden().join("data").join(name)).with_context(|| format!("reading {name}"))?;
        files.insert(slot.clone(), InputFile { name: name.to_owned(), bytes: Bytes::from(bytes) });
    }
    let answer = agent::run(&case.agent, &files, &golden_case["parameters"]);
    let answer_path = scratch.join(format!("{}.{}.json", case.agent, case.name));
    std::fs::write(&answer_path, serde_json::to_vec(&answer)?)?;
    let output = Command::new("python3")
        .arg(golden().join("compare.py"))
        .args([&case.path, &answer_path])
        .output()
        .context("starting python3 for compare.py")?;
    let text = String::from_utf8(output.stdout)?;
    let (differences, last) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    let counts: Vec<usize> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [agreeing, leaves] = counts.as_slice() else {
        bail!("compare.py gave no verdict: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    ensure!(output.status.success() == (agreeing == leaves), "compare.py contradicts itself: {text}");
    Ok(Verdict { agreeing: *agreeing, leaves: *leaves, differences: differences.trim().to_owned() })
}

#[test]
fn every_leaf_of_every_case_agrees() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let cases = cases()?;
    ensure!(!cases.is_empty(), "there are no golden cases");
    let (mut table, mut differences, mut leaves) = (String::new(), String::new(), 0);
    for case in &cases {
        let verdict =
            verdict(case, scratch.path()).with_context(|| format!("{} {}", case.agent, case.name))?;
        writeln!(
            table,
            "{:<36} {:<36} {:>6} of {:>6}",
            case.agent, case.name, verdict.agreeing, verdict.leaves
        )?;
        if verdict.agreeing != verdict.leaves || verdict.leaves == 0 {
            writeln!(differences, "{} {}:\n{}\n", case.agent, case.name, verdict.differences)?;
        }
        leaves += verdict.leaves;
    }
    println!(
        "{:<36} {:<36} {:>16}\n{table}{leaves} leaves in {} cases",
        "agent",
        "case",
        "leaves agree",
        cases.len()
    );
    ensure!(differences.is_empty(), "answers differ from the golden figures:\n{differences}");
    Ok(())
}

/// A comparison that cannot fail proves nothing: one changed figure must be seen.
#[test]
fn a_changed_figure_is_seen() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let source = golden().join("cases/unified-profiler/header_only.json");
    let mut changed: Value = serde_json::from_slice(&std::fs::read(&source)?)?;
    changed["output"]["summary_metrics"]["total_columns"] = 4.into();
    let path = scratch.path().join("changed.json");
    std::fs::write(&path, serde_json::to_vec(&changed)?)?;
    let case = Case { agent: "unified-profiler".to_owned(), name: "changed".to_owned(), path };
    let verdict = verdict(&case, scratch.path())?;
    ensure!(verdict.agreeing + 1 == verdict.leaves, "{} of {}", verdict.agreeing, verdict.leaves);
    ensure!(verdict.differences.contains("total_columns"), "{}", verdict.differences);
    Ok(())
}
