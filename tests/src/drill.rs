//! What drills are made of: workers of both kinds on one Redis, messages in any number, and counting what became of them.
//!
//! A drill has a small size in every test run and a full size by hand: [`size`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use redis::Commands;
use serde_json::{Value, json};

use crate::program::{Invocation, PATIENCE, Program};
use crate::python::Venv;
use crate::servers::RedisServer;
use crate::worker;

/// Between two looks at something that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(20);
/// The queue of all drills.
pub const QUEUE: &str = "default";

/// The number in the environment variable `name`, else `small`.
pub fn size(name: &str, small: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(small)
}

/// Our worker with its try-out tasks on the broker at `url`, not yet started.
///
/// # Errors
/// When the program is not built.
pub fn worker_on(url: &str, flags: &[&str]) -> anyhow::Result<Invocation> {
    let command = worker::command(["worker", "--with-test-tasks"])?;
    Ok(command.args(flags.iter().copied()).env("REDIS_URL", url))
}

/// Our worker, when it is ready.
///
/// # Errors
/// When it does not start.
pub fn start_worker(redis: &RedisServer, flags: &[&str]) -> anyhow::Result<Program> {
    let worker = worker_on(&redis.url(), flags)?.start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

/// The real Celery as a worker, when it is ready; see `peer_worker.py`.
///
/// # Errors
/// When it does not start.
pub fn start_python_worker(redis: &RedisServer, flags: &[&str]) -> anyhow::Result<Program> {
    let worker = Venv::celery57()?
        .script("peer_worker.py")
        .args(["--broker", &redis.url()])
        .args(flags.iter().copied())
        .start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

/// A connection for raw commands.
///
/// # Errors
/// When the server is not there.
pub fn connect(redis: &RedisServer) -> anyhow::Result<redis::Connection> {
    let connection = redis::Client::open(redis.url())?.get_connection()?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// A message with what any worker needs and nothing else; the body is plain text.
pub fn envelope(task: &str, id: &str, args: &Value) -> Value {
    json!({
        "body": json!([args, {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]).to_string(),
        "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"task": task, "id": id},
        "properties": {
            "correlation_id": id, "delivery_info": {"exchange": "", "routing_key": QUEUE}, "priority": 0,
            "body_encoding": null, "delivery_tag": format!("tag of {id}"),
        },
    })
}

/// Puts a message at the end of a list.
///
/// # Errors
/// When the server refuses.
pub fn push(redis: &RedisServer, list: &str, envelope: &Value) -> anyhow::Result<()> {
    Ok(connect(redis)?.lpush(list, envelope.to_string())?)
}

/// The key of a task's result.
pub fn meta_key(id: &str) -> String {
    format!("celery-task-meta-{id}")
}

/// What is stored for the task, if anything.
///
/// # Errors
/// When it is no JSON.
pub fn meta(connection: &mut redis::Connection, id: &str) -> anyhow::Result<Option<Value>> {
    let meta: Option<String> = connection.get(meta_key(id))?;
    Ok(meta.map(|meta| serde_json::from_str(&meta)).transpose()?)
}

/// The states of many tasks, in the order of their ids; empty where nothing is stored.
///
/// # Errors
/// When something stored is no JSON.
pub fn states(connection: &mut redis::Connection, ids: &[String]) -> anyhow::Result<Vec<String>> {
    let mut states = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(500) {
        let keys: Vec<String> = chunk.iter().map(|id| meta_key(id)).collect();
        let stored: Vec<Option<String>> = redis::cmd("MGET").arg(keys).query(connection)?;
        for meta in stored {
            let meta: Value = meta.map(|meta| serde_json::from_str(&meta)).transpose()?.unwrap_or_default();
            states.push(meta.get("status").and_then(Value::as_str).unwrap_or_default().to_owned());
        }
    }
    Ok(states)
}

/// Waits until all these tasks have succeeded and nothing is held or waits any more.
///
/// # Errors
/// When it does not come to that in time; the message says what is missing.
pub fn wait_all_succeeded(redis: &RedisServer, ids: &[String]) -> anyhow::Result<()> {
    let mut connection = connect(redis)?;
    let (mut most, mut since) = (0, Instant::now());
    loop {
        let done = states(&mut connection, ids)?.iter().filter(|state| *state == "SUCCESS").count();
        let (waiting, held, indexed): (usize, usize, usize) =
            redis::pipe().llen(QUEUE).hlen("unacked").zcard("unacked_index").query(&mut connection)?;
        if done == ids.len() && waiting + held + indexed == 0 {
            return Ok(());
        }
        // As long as it goes on it may take its time.
        if done > most {
            (most, since) = (done, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            bail!(
                "{done} of {} tasks have succeeded, {waiting} wait, {held} are held, {indexed} in the index, and \
                 nothing has moved for {PATIENCE:?}",
                ids.len()
            );
        }
        std::thread::sleep(LOOK);
    }
}

/// Looks until it is so.
///
/// # Errors
/// When it is not so in time, or a look fails.
pub fn wait_until(what: &str, mut so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !so()? {
        if Instant::now() > deadline {
            bail!("{what}: not so after {PATIENCE:?}");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// How often each task has been run to its end, as the logs of these workers tell. Both kinds write the same line.
pub fn executions(workers: &[&Program]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for line in workers.iter().flat_map(|worker| worker.lines()) {
        if let Some(id) = line.split_once("] succeeded in ").and_then(|(task, _)| task.rsplit_once('[')) {
            *counts.entry(id.1.to_owned()).or_default() += 1;
        }
    }
    counts
}

/// The ids that a program printed, one on each line.
///
/// # Errors
/// When the program failed.
pub fn printed_ids(program: &Invocation) -> anyhow::Result<Vec<String>> {
    let output = program.output()?.success().context("sending tasks")?;
    Ok(output.stdout.lines().map(str::to_owned).collect())
}
