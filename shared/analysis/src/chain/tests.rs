//! The chain with stand-in agents under real ids, so that order, hand-over and errors can be seen.

use super::*;
use crate::answer::CleanedFile;
use crate::findings::Findings;
use crate::table::{ReadOptions, Table};
use crate::tools;
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;

/// Reports what it was given and, if told to, hands on a file.
struct Seeing {
    id: &'static str,
    hands_on: bool,
}

impl Agent for Seeing {
    fn id(&self) -> &'static str {
        self.id
    }
    fn name(&self) -> &'static str {
        "Seeing"
    }
    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let name = input.file_name("primary").unwrap_or_default();
        let rows = input.table("primary", ReadOptions::inferring(100))?.height();
        let data = json!({"saw": name, "rows": rows, "limit": input.parameters()?.raw("limit")});
        let mut answer =
            Answer::success(Map::new(), data.as_object().cloned().unwrap_or_default(), Findings::default());
        if self.hands_on {
            let csv = Bytes::from_static(b"a\n1\n2\n3\n");
            let table = Table::read_csv(name, &csv, ReadOptions::inferring(100)).unwrap();
            answer.cleaned_file =
                Some(CleanedFile { name: format!("cleaned_{name}"), table: Arc::new(table) });
        }
        Ok(answer)
    }
}

struct Breaking;

impl Agent for Breaking {
    fn id(&self) -> &'static str {
        "outlier-remover"
    }
    fn name(&self) -> &'static str {
        "Breaking"
    }
    fn run(&self, _input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        panic!("broken")
    }
}

fn find(agent_id: &str) -> Option<&'static dyn Agent> {
    match agent_id {
        "null-handler" => Some(&Seeing { id: "null-handler", hands_on: true }),
        "type-fixer" => Some(&Seeing { id: "type-fixer", hands_on: true }),
        "cleanse-previewer" => Some(&Seeing { id: "cleanse-previewer", hands_on: false }),
        "unified-profiler" => Some(&Seeing { id: "unified-profiler", hands_on: true }),
        "score-risk" => Some(&Seeing { id: "score-risk", hands_on: false }),
        "governance-checker" => Some(&Seeing { id: "governance-checker", hands_on: false }),
        "outlier-remover" => Some(&Breaking),
        _ => None,
    }
}

fn job<'a>(tool: &'a Tool, agents: &[&str]) -> Job<'a> {
    let file = InputFile { name: "data.csv".to_owned(), bytes: Bytes::from_static(b"a\n1\n") };
    Job {
        tool,
        agents: agents.iter().map(|id| (*id).to_owned()).collect(),
        files: BTreeMap::from([("primary".to_owned(), file)]),
        parameters: json!({"null-handler": {"limit": 3}, "type-fixer": null}).as_object().cloned().unwrap(),
        started: Instant::now(),
    }
}

#[derive(Default)]
struct Noting {
    seen: Vec<(String, usize, usize)>,
    stop_before: Option<&'static str>,
}

impl Observer for Noting {
    fn before_agent(&mut self, agent_id: &str, done: usize, total: usize) -> ControlFlow<()> {
        self.seen.push((agent_id.to_owned(), done, total));
        if self.stop_before == Some(agent_id) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn progress_follows_the_table_of_the_platform() {
    let steps = |total: usize| (0..total).map(|done| progress(done, total)).collect::<Vec<_>>();
    assert_eq!(steps(1), [15]);
    assert_eq!(steps(2), [15, 55]);
    assert_eq!(steps(3), [15, 41, 68]);
    assert_eq!(steps(5), [15, 31, 47, 63, 79]);
    assert_eq!(steps(8), [15, 25, 35, 45, 55, 65, 75, 85]);
    assert_eq!(progress(9, 8), 95);
}

#[test]
fn cleaning_agents_see_the_file_of_the_last_one_that_made_one() {
    let tool = tools::find("clean-my-data").unwrap();
    let agents = ["null-handler", "outlier-remover", "cleanse-previewer", "type-fixer"];
    let mut noting = Noting::default();
    let chain = run_with(job(tool, &agents), &mut noting, find).unwrap();
    let saw: Vec<_> = chain.answers.values().map(|answer| answer.data.get("saw").cloned()).collect();
    assert_eq!(
        saw,
        [Some(json!("data.csv")), None, Some(json!("cleaned_data.csv")), Some(json!("cleaned_data.csv"))]
    );
    assert_eq!(chain.answers["type-fixer"].data["rows"], 3);
    assert_eq!(chain.answers["null-handler"].data["limit"], 3);
    assert_eq!(chain.answers["type-fixer"].data["limit"], Value::Null);
    // The panic is an answer, and the reference would not have counted it.
    assert!(chain.answers["outlier-remover"].error.as_deref().unwrap().contains("broken"));
    assert_eq!(noting.seen.iter().map(|seen| seen.1).collect::<Vec<_>>(), [0, 1, 1, 2]);
    let file = chain.data_file.unwrap();
    assert!(file.name.starts_with("data_cleaned_2") && file.name.ends_with(".csv"), "{}", file.name);
}

#[test]
fn profile_agents_all_see_the_original() {
    let tool = tools::find("profile-my-data").unwrap();
    let chain = run_with(job(tool, &["unified-profiler", "score-risk"]), &mut (), find).unwrap();
    assert!(chain.answers.values().all(|answer| answer.data["saw"] == "data.csv"));
    assert_eq!(chain.data_file, None);
}

#[test]
fn an_agent_without_definition_gets_no_file_and_says_so() {
    let tool = tools::find("profile-my-data").unwrap();
    let chain = run_with(job(tool, &["governance-checker", "score-risk"]), &mut (), find).unwrap();
    let answer = &chain.answers["governance-checker"];
    assert!(answer.error.as_deref().unwrap().contains("primary"));
    assert_eq!((answer.agent_id.as_deref(), answer.execution_time_ms()), (None, 0));
    assert!(chain.answers["score-risk"].is_success());
}

#[test]
fn a_missing_slot_and_an_agent_of_another_tool_are_error_answers() {
    let tool = tools::find("clean-my-data").unwrap();
    let mut without_files = job(tool, &["null-handler", "unified-profiler", "no-such-agent"]);
    without_files.files.clear();
    let chain = run_with(without_files, &mut (), find).unwrap();
    for (id, names) in [
        ("null-handler", "primary"),
        ("unified-profiler", "clean-my-data"),
        ("no-such-agent", "no-such-agent"),
    ] {
        let answer = serde_json::to_value(&chain.answers[id]).unwrap();
        let keys: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["status", "error", "execution_time_ms"], "{id}");
        assert!(answer["error"].as_str().unwrap().contains(names), "{answer}");
    }
}

#[test]
fn a_repeated_agent_keeps_its_first_place_and_its_last_answer() {
    let tool = tools::find("clean-my-data").unwrap();
    let chain = run_with(job(tool, &["null-handler", "type-fixer", "null-handler"]), &mut (), find).unwrap();
    assert_eq!(chain.answers.keys().collect::<Vec<_>>(), ["null-handler", "type-fixer"]);
    assert_eq!(chain.answers["null-handler"].data["saw"], "cleaned_cleaned_data.csv");
}

#[test]
fn the_observer_stops_the_chain_between_agents() {
    let tool = tools::find("clean-my-data").unwrap();
    let mut noting = Noting { stop_before: Some("type-fixer"), ..Noting::default() };
    let stopped = run_with(job(tool, &["null-handler", "type-fixer"]), &mut noting, find).unwrap_err();
    assert_eq!(stopped, Stopped { agent_id: "type-fixer".to_owned(), done: 1, total: 2 });
}

#[test]
fn no_agents_is_an_empty_chain() {
    let chain = run(job(tools::find("profile-my-data").unwrap(), &[]), &mut ()).unwrap();
    assert!(chain.answers.is_empty());
}
