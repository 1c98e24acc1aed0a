//! `analyze`: a whole tool on local files, without any server.
//!
//! The same steps as for a task of the backend (agents, report, data file), except for what needs the
//! backend: no bill, no language model.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use analysis::agent::InputFile;
use analysis::chain::{self, Chain, Job, Observer};
use analysis::report::{self, AnalysisSummary, Heading, Report};
use analysis::tools::{self, Tool};
use anyhow::{Context, bail};
use chrono::Utc;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::local;
use crate::cli::AnalyzeArgs;
use crate::output;

/// What stands for the id of the task in the report.
const ANALYSIS_ID: &str = "local";

/// How often the running bar is drawn, so that the time on it moves.
const REDRAW: Duration = Duration::from_millis(200);

/// How many figures about the run begin a report's executive summary (report.md 2).
const RUN_FIGURES: usize = 5;

/// Runs the tool, writes its files, tells where they are. Fails if no agent succeeded.
pub(crate) fn run(args: &AnalyzeArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let Some(tool) = tools::find(&args.tool) else {
        bail!(
            "there is no tool `{}`; known are: {}",
            args.tool,
            join(tools::all().iter().map(|tool| &tool.id))
        );
    };
    let agents = choose_agents(tool, &args.agents)?;
    let parameters = local::parameters(args.parameters.as_deref())?;
    let files = local::files(&args.files)?;
    check_slots(tool, &files)?;
    // A folder that cannot be made is told before the work, not after it.
    fs::create_dir_all(&args.out).with_context(|| format!("making the folder {}", args.out.display()))?;

    let mut bar = Bar::new(agents.len());
    let chain = chain::run(Job { tool, agents, files, parameters, started }, &mut bar)?;
    bar.0.finish_and_clear();

    let now = Utc::now();
    let summary = AnalysisSummary::fallback(tool.transformer.data_set_name(), 0, now);
    let heading = Heading { analysis_id: ANALYSIS_ID, tool, timestamp: now };
    let report = Report::new(heading, &chain, summary, Vec::new());
    let mut told = figures(&report, &chain);
    told += &written("report", &args.out, &report::file_name(&tool.id), |mut out| report.write(&mut out))?;
    if let Some(file) = &chain.data_file {
        told += &written("data file", &args.out, &file.name, |out| out.write_all(&file.bytes))?;
    }
    output::text(&told)?;
    let any = chain.answers.values().any(analysis::answer::Answer::is_success);
    Ok(if any { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The agents to run: those asked for, each of which the tool must have, else all of the tool.
fn choose_agents(tool: &Tool, asked: &[String]) -> anyhow::Result<Vec<String>> {
    if let Some(unknown) = asked.iter().find(|id| !tool.dispatches(id)) {
        bail!("{} has no agent `{unknown}`; it has: {}", tool.id, join(&tool.available_agents));
    }
    Ok(if asked.is_empty() { tool.available_agents.clone() } else { asked.to_vec() })
}

fn check_slots(tool: &Tool, files: &BTreeMap<String, InputFile>) -> anyhow::Result<()> {
    let slots = || match tool.files.as_slice() {
        [] => "it takes no files".to_owned(),
        slots => format!("its slots are: {}", join(slots.iter().map(|slot| &slot.key))),
    };
    if let Some(unknown) = files.keys().find(|key| !tool.files.iter().any(|slot| slot.key == **key)) {
        bail!("{} has no slot `{unknown}`; {}", tool.id, slots());
    }
    let missing: Vec<String> = tool
        .files
        .iter()
        .filter(|slot| slot.required && !files.contains_key(&slot.key))
        .map(|slot| format!("--file {}=PATH", slot.key))
        .collect();
    if !missing.is_empty() {
        bail!("{} needs {}; {}", tool.id, missing.join(" and "), slots());
    }
    Ok(())
}

fn join<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The main figures of the run, and why agents failed.
fn figures(report: &Report<'_>, chain: &Chain) -> String {
    let mut text = String::new();
    for item in report.executive_summary().iter().take(RUN_FIGURES) {
        text += &row(&item.title, &item.value);
    }
    let issues = report.issue_summary();
    text += &row("Row-Level Issues", &format!("{} in {} rows", issues.total_issues, issues.affected_rows));
    for (id, answer) in chain.answers.iter().filter(|(_, answer)| !answer.is_success()) {
        text += &row("failed", &format!("{id}: {}", answer.error.as_deref().unwrap_or("no reason given")));
    }
    text
}

fn row(name: &str, value: &str) -> String {
    format!("{name:22} {value}\n")
}

/// Writes a file and gives the line that tells where it is.
fn written(
    what: &str,
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> anyhow::Result<String> {
    let path = folder.join(name);
    output::file(&path, write).with_context(|| format!("writing the {what} {}", path.display()))?;
    let size = fs::metadata(&path).with_context(|| format!("looking at {}", path.display()))?.len();
    Ok(row(what, &format!("{} ({})", path.display(), HumanBytes(size))))
}

/// A bar on standard error that shows how many agents are done; nothing if that is no terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(agents: usize) -> Self {
        let bar = ProgressBar::new(agents as u64);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        Self(bar)
    }
}

impl Observer for Bar {
    fn before_agent(&mut self, agent_id: &str, done: usize, _total: usize) -> ControlFlow<()> {
        self.0.set_position(done as u64);
        self.0.set_message(agent_id.to_owned());
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(names: &[&str]) -> BTreeMap<String, InputFile> {
        let file = InputFile { name: "a.csv".to_owned(), bytes: "a\n1\n".into() };
        names.iter().map(|name| ((*name).to_owned(), file.clone())).collect()
    }

    #[test]
    fn a_tool_s_required_slots_must_be_filled_and_no_others() {
        let tool = tools::find("synthetic-control").unwrap();
        let check = |names: &[&str]| check_slots(tool, &slots(names)).map_err(|error| error.to_string());

        assert_eq!(check(&["primary", "baseline"]), Ok(()));
        assert_eq!(
            check(&["baseline"]).unwrap_err(),
            "synthetic-control needs --file primary=PATH; its slots are: primary, baseline"
        );
        assert_eq!(
            check(&["primary", "baseline", "other"]).unwrap_err(),
            "synthetic-control has no slot `other`; its slots are: primary, baseline"
        );
        let planner = tools::find("control-group-holdout-planner").unwrap();
        assert!(
            check_slots(planner, &slots(&["primary"]))
                .unwrap_err()
                .to_string()
                .ends_with("it takes no files")
        );
    }

    #[test]
    fn agents_are_those_asked_for_or_all_of_the_tool() {
        let tool = tools::find("profile-my-data").unwrap();

        assert_eq!(choose_agents(tool, &[]).unwrap(), tool.available_agents);
        assert_eq!(choose_agents(tool, &["score-risk".to_owned()]).unwrap(), ["score-risk"]);
        let error = choose_agents(tool, &["null-handler".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("profile-my-data has no agent `null-handler`; it has: unified-profiler, "),
            "{error}"
        );
    }
}
