//! The agents of one task, with files handed on where the tool does so (platform.md 6.2, 6.3). Answers come in the
//! order that the task gives, and so does what the observer is told; agents that take no file from another run at the
//! same time ([`together`]). A file is handed on as a table, and only the one that the client gets is ever written.
//! Stops between two agents when its observer says so.

mod data_file;
mod together;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use chrono::Utc;
use indexmap::IndexMap;
use polars_core::runtime::RAYON;
use serde_json::{Map, Value};

pub use data_file::DataFile;

use crate::agent::{Agent, AgentError, AgentInput, Input, InputFile, Outcome, run_contained};
use crate::agents;
use crate::answer::Answer;
use crate::tools::Tool;

/// What one task asks for.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The task's tool.
    pub tool: &'a Tool,
    /// Agent ids in the task's order; repeats run again.
    pub agents: Vec<String>,
    /// Files by slot, converted to CSV.
    pub files: BTreeMap<String, InputFile>,
    /// `parameters.json`: agent id -> that agent's parameters.
    pub parameters: Map<String, Value>,
    /// When the transformer began, before its inputs were read (report.md 1, `execution_time_ms`).
    pub started: Instant,
}

/// Is told before each agent, and may stop the chain there.
pub trait Observer: Send {
    /// `done` agents of `total` have answered; `agent_id` is next. [`progress`] makes a percentage of it. Agents that
    /// run at the same time are told of one by one, each when all before it have answered: it may have begun by then.
    fn before_agent(&mut self, agent_id: &str, done: usize, total: usize) -> ControlFlow<()>;
}

/// For callers that need no progress.
impl Observer for () {
    fn before_agent(&mut self, _agent_id: &str, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// All agents have run.
#[derive(Debug)]
pub struct Chain {
    /// Answers by agent id, in execution order, without the files. An agent that ran twice has its first place and its
    /// last answer.
    pub answers: IndexMap<String, Answer>,
    /// From [`Job::started`] to the end of the last agent.
    pub execution_time: Duration,
    /// The file for the client, for tools that make one (downloads.md 1.1).
    pub data_file: Option<DataFile>,
}

/// The observer stopped the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped before agent {agent_id}, after {done} of {total} agents")]
pub struct Stopped {
    /// The agent that was not started.
    pub agent_id: String,
    /// Agents that had answered.
    pub done: usize,
    /// Agents of the task.
    pub total: usize,
}

/// Percentage to show before the next agent: `15 + floor(done / total * 80)` (platform.md 3.2).
pub fn progress(done: usize, total: usize) -> u8 {
    let share = (done.min(total) * 80).checked_div(total).unwrap_or(80);
    u8::try_from(15 + share).unwrap_or(95)
}

/// Runs the agents. An agent that fails or panics has an error answer; the others run all the same.
///
/// # Errors
/// [`Stopped`] when the observer breaks off. What ran before is given up.
pub fn run(job: Job<'_>, observer: &mut dyn Observer) -> Result<Chain, Stopped> {
    run_with(job, observer, agents::find)
}

/// How an agent is found by its id.
type Find = fn(&str) -> Option<&'static dyn Agent>;

fn run_with(job: Job<'_>, observer: &mut dyn Observer, find: Find) -> Result<Chain, Stopped> {
    let mut inputs: Inputs = job.files.into_iter().map(|(slot, file)| (slot, Input::new(file))).collect();
    let mut counter = Counter { observer, done: 0, total: job.agents.len() };
    let mut answers = IndexMap::with_capacity(job.agents.len());
    // An agent that may be handed a file waits for those before it.
    let hands_on = job.tool.transformer.file_mark().is_some();
    let at_once = if hands_on { 1 } else { job.agents.len().max(1) };
    for (begun, agents) in job.agents.chunks(at_once).enumerate() {
        let run = |agent_id: &String| {
            let parameters = job.parameters.get(agent_id).unwrap_or(&Value::Null);
            run_agent(job.tool, find, agent_id, &inputs, parameters)
        };
        let outcomes = together::run(agents, RAYON.current_num_threads(), run, &mut counter)?;
        for (agent_id, answer) in agents.iter().zip(outcomes) {
            if hands_on {
                hand_on(&answer, &mut inputs);
            }
            answers.insert(agent_id.clone(), answer);
            // An answer that will be replaced may have no file then, so that an earlier one counts again.
            let runs_again = job.agents.iter().skip(begun + 1).any(|later| later == agent_id);
            if hands_on && !runs_again {
                data_file::drop_outdone(job.tool.transformer, agent_id, &mut answers);
            }
        }
    }
    drop(inputs);
    let data_file = data_file::write(job.tool.transformer, &mut answers, Utc::now());
    Ok(Chain { answers, execution_time: job.started.elapsed(), data_file })
}

/// Files by slot.
type Inputs = BTreeMap<String, Input>;

/// Counts agents and tells the observer.
struct Counter<'a> {
    observer: &'a mut dyn Observer,
    done: usize,
    total: usize,
}

impl Counter<'_> {
    fn before(&mut self, agent_id: &str) -> Result<(), Stopped> {
        match self.observer.before_agent(agent_id, self.done, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                Err(Stopped { agent_id: agent_id.to_owned(), done: self.done, total: self.total })
            }
        }
    }

    fn after(&mut self, outcome: &Outcome) {
        self.done += usize::from(outcome.counts);
    }
}

fn run_agent(tool: &Tool, find: Find, agent_id: &str, inputs: &Inputs, parameters: &Value) -> Outcome {
    let agent = match find(agent_id) {
        Some(agent) if tool.dispatches(agent_id) => agent,
        _ => {
            let error = AgentError::UnknownAgent { tool_id: tool.id.clone(), agent_id: agent_id.to_owned() };
            return Outcome { answer: Answer::error(error.to_string()), counts: true };
        }
    };
    let given = slots(tool, agent_id, inputs);
    match missing_slot(agent, &given) {
        Some(error) => Outcome { answer: Answer::error(error.to_string()), counts: true },
        None => run_contained(agent, &AgentInput::new(agent_id, &given, parameters)),
    }
}

/// The files that the definition names for this agent, of those that exist; none without a definition.
fn slots(tool: &Tool, agent_id: &str, inputs: &Inputs) -> Inputs {
    let slots =
        tool.definition(agent_id).map(|definition| definition.required_files.as_slice()).unwrap_or_default();
    slots
        .iter()
        .filter_map(|slot| inputs.get_key_value(slot))
        .map(|(slot, input)| (slot.clone(), input.clone()))
        .collect()
}

fn missing_slot(agent: &dyn Agent, given: &Inputs) -> Option<AgentError> {
    let slot = agent.needs().iter().find(|slot| !given.contains_key(**slot))?;
    Some(AgentError::MissingFile { agent_id: agent.id().to_owned(), slot: (*slot).to_owned() })
}

/// A file in a successful answer becomes `primary`; otherwise the previous file stays.
fn hand_on(answer: &Answer, inputs: &mut Inputs) {
    if let Some(file) = answer.cleaned_file.as_ref().filter(|_| answer.is_success()) {
        inputs.insert("primary".to_owned(), Input::handed_on(file.clone()));
    }
}

#[cfg(test)]
mod tests;
