//! `agent`: one agent on local files; its answer as JSON.

use std::process::ExitCode;

use analysis::{agent, agents};
use anyhow::bail;
use serde_json::Value;

use super::local;
use crate::cli::{AgentArgs, UsageError};
use crate::output;

/// Prints the agent's answer. Fails after printing if the answer is an error.
pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    if agents::find(&args.agent).is_none() {
        let known: Vec<&str> = agents::all().iter().map(|agent| agent.id()).collect();
        bail!(UsageError(format!("there is no agent `{}`; known are: {}", args.agent, known.join(", "))));
    }
    let files = local::files(&args.files)?;
    let parameters = local::parameters(args.parameters.as_deref())?;
    let answer = agent::run(&args.agent, &files, &Value::Object(parameters));
    output::json(&answer)?;
    Ok(if answer.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
