//! A worker in a few lines: serves `tasks.add` on the queue `celery` until it is told to stop.
//!
//!     cargo run -p celeriac --example worker -- redis://localhost:6379/0
//!
//! Then, in Python: `Celery(broker=URL, backend=URL).send_task("tasks.add", [2, 3]).get()`.

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::message::AcceptContent;
use celeriac::node::NodeId;
use celeriac::pool::ThreadPool;
use celeriac::redis_server::{RedisServer, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::task::{Registry, TaskOptions};
use celeriac::{Shutdown, Worker, WorkerParts};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/0".into());
    let server = RedisServer::new(&url, &TlsOptions::default())?;
    let node = NodeId::new("example@localhost");

    let mut registry = Registry::new();
    registry.register_fn("tasks.add", TaskOptions::default(), |_context, arguments| async move {
        let x: f64 = arguments.required(0, "x")?;
        let y: f64 = arguments.required(1, "y")?;
        Ok((x + y).into())
    });

    let worker = Worker::new(WorkerParts {
        broker: Arc::new(RedisBroker::new(server.clone(), &node, RedisBrokerOptions::default())),
        results: Some(Arc::new(RedisResults::new(server, RedisResultsOptions::default()))),
        pool: Arc::new(ThreadPool::new(4)),
        registry,
        hostname: node.name().to_owned(),
        accept: AcceptContent::default(),
        max_deliveries: Some(3),
        fallback_queue: None,
        prefetch_multiplier: 4,
        shutdown: Shutdown::on_signals()?,
    });
    worker.run(&["celery".to_owned()]).await?;
    Ok(())
}
