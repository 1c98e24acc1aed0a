//! `send`: sends one task, and waits for its outcome if asked to.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use celeriac::{Client, TaskCall};
use serde_json::{Map, Value, json};

use super::connections;
use crate::cli::{SendArgs, UsageError};
use crate::config::Config;
use crate::output;

/// Sends the task. Prints its id, or with `--wait` its outcome as JSON.
///
/// # Errors
/// When the arguments are not JSON of the right kind, or a server cannot be reached.
pub(crate) async fn run(args: &SendArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let positional: Vec<Value> = serde_json::from_str(&args.args).map_err(|error| {
        UsageError(format!("--args must be a JSON array, such as '[\"id\", 7]': {error}"))
    })?;
    let keywords: Map<String, Value> = serde_json::from_str(&args.kwargs).map_err(|error| {
        UsageError(format!("--kwargs must be a JSON object, such as '{{\"hours\": 1}}': {error}"))
    })?;
    let results = connections::results(config)?;
    if args.wait && results.is_none() {
        return Err(UsageError("--wait needs results, and they are disabled".to_owned()).into());
    }
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let name = format!("send@{host}");
    let broker = Arc::new(connections::broker(config, &name)?);
    let client = Client::new(broker, results, &host);
    let call = TaskCall::new(&args.task).args(positional).kwargs(keywords);
    let task_id = client.send(&args.queue, call).await.context("the task was not sent")?;
    if !args.wait {
        output::text(&format!("{task_id}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let meta =
        client.wait(&task_id, None).await.context("the task was sent, but its outcome cannot be read")?;
    let Some(meta) = meta else { anyhow::bail!("the task was sent, but no outcome was stored") };
    output::json(&json!({
        "task_id": task_id, "status": meta.status, "result": meta.result, "traceback": meta.traceback,
    }))?;
    Ok(if meta.status == "SUCCESS" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
