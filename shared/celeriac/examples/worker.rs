//! A worker in a few lines: serves `tasks.add` on the queue `celery` until it is told to stop. Tasks run in processes of
//! their own, which are this program, started anew.
//!
//!     cargo run -p celeriac --example worker -- redis://localhost:6379/0
//!
//! Then, in Python: `Celery(broker=URL, backend=URL).send_task("tasks.add", [2, 3]).get()`.

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::message::{AcceptContent, TimeLimits};
use celeriac::node::NodeId;
use celeriac::pool::process::executor;
use celeriac::pool::{ProcessPool, ProcessPoolOptions};
use celeriac::redis_server::{RedisServer, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::task::{Registry, TaskOptions};
use celeriac::{Shutdown, Worker, WorkerParts};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(executor::log_writer).init();
    let mut registry = Registry::new();
    registry.register_fn("tasks.add", TaskOptions::default(), |_context, arguments| async move {
        let x: f64 = arguments.required(0, "x")?;
        let y: f64 = arguments.required(1, "y")?;
        Ok((x + y).into())
    });
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
    let worker = Worker::new(WorkerParts {
        broker: Arc::new(RedisBroker::new(server.clone(), &node, RedisBrokerOptions::default())?),
        results: Some(Arc::new(RedisResults::new(server, RedisResultsOptions::default())?)),
        pool: Arc::new(ProcessPool::new(ProcessPoolOptions { max: 4, ..ProcessPoolOptions::default() })),
        registry,
        hostname: node.name().to_owned(),
        accept: AcceptContent::default(),
        max_deliveries: Some(3),
        fallback_queue: None,
        prefetch_multiplier: 4,
        time_limits: TimeLimits { soft: Some(50.0), hard: Some(60.0) },
        drain_timeout: None,
        shutdown: Shutdown::on_signals()?,
    });
    worker.run(&["celery".to_owned()]).await?;
    Ok(())
}
