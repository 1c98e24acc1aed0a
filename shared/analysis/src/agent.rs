//! One agent's run: what it is given, what it may answer, and how a failure inside it is contained.
//!
//! The agents themselves are in [`crate::agents`]; several in a row are run by [`crate::chain`].

mod input;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use serde_json::Value;

pub use input::{AgentInput, Input, InputFile};

use crate::agents;
use crate::answer::Answer;
use crate::table::ReadError;

/// One analysis step.
pub trait Agent: Sync {
    /// Agent id, as in tools.md.
    fn id(&self) -> &'static str;

    /// The name that the agent gives itself in its answers (not the display name of the registry).
    fn name(&self) -> &'static str;

    /// Slots without which the platform does not start the agent (platform.md 6.2).
    fn needs(&self) -> &'static [&'static str] {
        &["primary"]
    }

    /// Which of its names an error answer carries. The tools differ (section "Errors" of their `_common-*.md`).
    fn signs(&self, _error: &AgentError) -> Signature {
        Signature::Nothing
    }

    /// Does the work. The answer's ids and time are filled in by the caller.
    ///
    /// # Errors
    /// When there is no result; the caller makes an error answer of it.
    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError>;
}

/// What an error answer says about who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// Neither id nor name.
    Nothing,
    /// `agent_id`
    Id,
    /// `agent_id` and `agent_name`
    IdAndName,
}

impl Signature {
    /// What most agents that sign at all say: nothing without a file, the id until it is read, then the name too
    /// (`_common-clean-my-data.md` 5, governance-checker.md, test-coverage-agent.md).
    pub fn by_stage(error: &AgentError) -> Self {
        match error {
            AgentError::MissingFile { .. } => Self::Nothing,
            AgentError::NotCsv { .. } | AgentError::Unreadable { .. } => Self::Id,
            _ => Self::IdAndName,
        }
    }
}

/// Why an agent has no result. None of them is worth a retry: the same input gives the same error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// A slot that the agent cannot do without is empty.
    #[error("agent {agent_id} needs a file in the slot `{slot}`, none was given")]
    MissingFile {
        /// The agent.
        agent_id: String,
        /// The empty slot.
        slot: String,
    },
    /// The file's name does not say that it is a CSV.
    #[error("cannot read `{name}`: its name must end in .csv")]
    NotCsv {
        /// The file's name.
        name: String,
    },
    /// The file is no readable CSV.
    #[error("cannot read `{name}` as CSV: {reason}")]
    Unreadable {
        /// The file's name.
        name: String,
        /// What is wrong with it, and where.
        reason: ReadError,
    },
    /// The file has a header only.
    #[error("`{name}` has no data rows, so there is nothing to analyse")]
    NoRows {
        /// The file's name.
        name: String,
    },
    /// A parameter cannot be used.
    #[error("parameter `{key}` cannot be used: {reason}")]
    Parameter {
        /// The parameter's key.
        key: String,
        /// What was given and what is accepted.
        reason: String,
    },
    /// The parameters as a whole are no object. The reference raises here, so the platform answers for the agent.
    #[error("the parameters of agent {agent_id} must be an object, got {given}")]
    Parameters {
        /// The agent.
        agent_id: String,
        /// The kind of value that was given.
        given: &'static str,
    },
    /// A step of the computation failed.
    #[error("{step} failed: {reason}")]
    Computation {
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// The agent broke off; a defect of ours.
    #[error("agent {agent_id} broke off unexpectedly: {reason}")]
    Panic {
        /// The agent.
        agent_id: String,
        /// The panic's text.
        reason: String,
    },
    /// The tool has no such agent.
    #[error("tool {tool_id} has no agent {agent_id}")]
    UnknownAgent {
        /// The tool; empty outside of one.
        tool_id: String,
        /// The agent.
        agent_id: String,
    },
}

impl AgentError {
    /// Whether the platform answers instead of the agent: without ids, of no duration (platform.md 6.2).
    fn is_platforms(&self) -> bool {
        matches!(self, Self::Parameters { .. } | Self::Panic { .. } | Self::UnknownAgent { .. })
    }

    /// Whether the reference raises an exception here; such an agent does not count as done (platform.md 3.2).
    pub(crate) fn is_raised(&self) -> bool {
        matches!(self, Self::Parameters { .. } | Self::Panic { .. })
    }
}

/// Runs one agent on files given by slot, outside of any tool. Never panics; every error is an answer.
///
/// `parameters` are the agent's own, an object or nothing.
pub fn run(agent_id: &str, files: &BTreeMap<String, InputFile>, parameters: &Value) -> Answer {
    let Some(agent) = agents::find(agent_id) else {
        return Answer::error(format!("there is no agent `{agent_id}`; see the list of agents of each tool"));
    };
    let inputs = files.iter().map(|(slot, file)| (slot.clone(), Input::new(file.clone()))).collect();
    run_contained(agent, &AgentInput::new(agent.id(), &inputs, parameters)).answer
}

/// An answer, and whether the reference would have counted the agent as done.
pub(crate) struct Outcome {
    pub(crate) answer: Answer,
    pub(crate) counts: bool,
}

/// Runs an agent; a panic inside becomes an error answer.
pub(crate) fn run_contained(agent: &dyn Agent, input: &AgentInput<'_>) -> Outcome {
    let started = Instant::now();
    // Inputs are only read; a table that was being read when the panic came is read anew by the next agent.
    let result = catch_unwind(AssertUnwindSafe(|| agent.run(input))).unwrap_or_else(|panic| {
        let reason = panic_text(panic.as_ref());
        tracing::error!(agent = agent.id(), %reason, "an agent panicked");
        Err(AgentError::Panic { agent_id: agent.id().to_owned(), reason })
    });
    match result {
        Ok(mut answer) => {
            answer.agent_id = Some(agent.id().to_owned());
            answer.agent_name = Some(agent.name().to_owned());
            answer.execution_time = started.elapsed();
            Outcome { answer, counts: true }
        }
        Err(error) => {
            let mut answer = Answer::error(error.to_string());
            if !error.is_platforms() {
                let signature = agent.signs(&error);
                answer.agent_id = (signature != Signature::Nothing).then(|| agent.id().to_owned());
                answer.agent_name = (signature == Signature::IdAndName).then(|| agent.name().to_owned());
                answer.execution_time = started.elapsed();
            }
            Outcome { answer, counts: !error.is_raised() }
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Breaking;

    impl Agent for Breaking {
        fn id(&self) -> &'static str {
            "breaking"
        }
        fn name(&self) -> &'static str {
            "Breaking"
        }
        fn run(&self, _input: &AgentInput<'_>) -> Result<Answer, AgentError> {
            panic!("row {} is odd", 7)
        }
    }

    struct Refusing(AgentErrorKind, Signature);

    #[derive(Clone, Copy)]
    enum AgentErrorKind {
        NoRows,
        Parameters,
    }

    impl Agent for Refusing {
        fn id(&self) -> &'static str {
            "refusing"
        }
        fn name(&self) -> &'static str {
            "Refusing"
        }
        fn signs(&self, _error: &AgentError) -> Signature {
            self.1
        }
        fn run(&self, _input: &AgentInput<'_>) -> Result<Answer, AgentError> {
            Err(match self.0 {
                AgentErrorKind::NoRows => AgentError::NoRows { name: "a.csv".to_owned() },
                AgentErrorKind::Parameters => {
                    AgentError::Parameters { agent_id: "refusing".to_owned(), given: "a list" }
                }
            })
        }
    }

    fn outcome(agent: &dyn Agent) -> Outcome {
        run_contained(agent, &AgentInput::new(agent.id(), &BTreeMap::new(), &Value::Null))
    }

    #[test]
    fn a_panic_becomes_the_platforms_error_answer() {
        let outcome = outcome(&Breaking);
        let text = serde_json::to_string(&outcome.answer).unwrap();
        assert_eq!(
            text,
            r#"{"status":"error","error":"agent breaking broke off unexpectedly: row 7 is odd","execution_time_ms":0}"#
        );
        assert!(!outcome.counts);
    }

    #[test]
    fn an_error_answer_is_signed_as_the_agent_says() {
        for (signature, id, name) in [
            (Signature::Nothing, None, None),
            (Signature::Id, Some("refusing"), None),
            (Signature::IdAndName, Some("refusing"), Some("Refusing")),
        ] {
            let outcome = outcome(&Refusing(AgentErrorKind::NoRows, signature));
            assert_eq!(outcome.answer.agent_id.as_deref(), id);
            assert_eq!(outcome.answer.agent_name.as_deref(), name);
            assert!(outcome.counts);
        }
    }

    #[test]
    fn parameters_that_are_no_object_are_answered_by_the_platform() {
        let outcome = outcome(&Refusing(AgentErrorKind::Parameters, Signature::IdAndName));
        assert_eq!(outcome.answer.agent_id, None);
        assert!(!outcome.counts && outcome.answer.error.is_some());
    }

    #[test]
    fn an_unknown_agent_is_an_error_answer() {
        let answer = run("no-such-agent", &BTreeMap::new(), &Value::Null);
        assert!(answer.error.unwrap().contains("no-such-agent"));
    }
}
