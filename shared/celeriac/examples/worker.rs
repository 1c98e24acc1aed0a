//! A worker in a few lines: serves two tasks on the queue `celery` until it is told to stop. Tasks run in processes of their
//! own, which are this program, started anew.
//!
//!     cargo run -p celeriac --example worker -- redis://localhost:6379/0
//!
//! Then `send.rs` beside this file, or in Python: `Celery(broker=URL, backend=URL).send_task("tasks.add", [2, 3]).get()`.

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::node::NodeId;
use celeriac::pool::process::executor;
use celeriac::pool::{ProcessPool, ProcessPoolOptions};
use celeriac::redis_server::{RedisServer, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::task::{Registry, TaskContext, TaskError, TypedTask};
use celeriac::{Shutdown, Worker, WorkerParts};
use serde_json::json;

async fn add(x: f64, y: f64) -> Result<f64, TaskError> {
    Ok(x + y)
}

/// Works on a thread of its own, tells how far it is, and is tried again when a file cannot be read.
fn count_words(context: TaskContext, paths: Vec<String>) -> Result<usize, TaskError> {
    let mut words = 0;
    for (done, path) in paths.iter().enumerate() {
        context.update_state_blocking("PROGRESS", json!({"done": done, "of": paths.len()}))?;
        words += std::fs::read_to_string(path)?.split_whitespace().count();
    }
    Ok(words)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(executor::log_writer).init();
    let mut registry = Registry::new();
    registry.serve("tasks.add", TypedTask::new(["x", "y"], add));
    registry.serve(
        "tasks.count_words",
        TypedTask::blocking(["paths"], count_words).options(|options| {
            options.autoretry_for = vec!["OSError".into()];
            options.retry_backoff = Some(1);
        }),
    );
    // Started as the executor of a worker, it has nothing else to do than this.
    if executor::is_executor() {
        executor::serve(&registry)?;
        return Ok(());
    }
    run(registry)
}

#[tokio::main]
async fn run(registry: Registry) -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/0".into());
    let server = RedisServer::new(&url, &TlsOptions::default())?;
    let node = NodeId::new("example@localhost");
    let broker = RedisBroker::new(server.clone(), &node, RedisBrokerOptions::default());
    let results = RedisResults::new(server, RedisResultsOptions::default());
    let mut parts = WorkerParts::new(node.name(), Arc::new(broker), Some(Arc::new(results)), registry);
    parts.pool = Arc::new(ProcessPool::new(ProcessPoolOptions { max: 4, ..ProcessPoolOptions::default() }));
    parts.shutdown = Shutdown::on_signals()?;
    Worker::new(parts).run(&["celery".to_owned()]).await?;
    Ok(())
}
