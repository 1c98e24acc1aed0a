//! How to test tasks without a server: a worker and a client on a broker in memory.
//!
//!     cargo run -p celeriac --example testing
//!
//! In a project of your own, what is in `main` here is a `#[tokio::test]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use celeriac::broker::MemoryServer;
use celeriac::task::{Registry, TaskError, TypedTask};
use celeriac::{Client, TaskCall, Worker, WorkerParts};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A task that works at the second attempt.
    let attempts = Arc::new(AtomicU32::new(0));
    let counted = attempts.clone();
    let flaky = move || {
        let attempt = counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(match attempt {
            0 => Err::<u32, TaskError>(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
            _ => Ok(attempt),
        })
    };
    let mut registry = Registry::new();
    registry.serve(
        "flaky",
        TypedTask::new([], flaky).options(|options| {
            options.autoretry_for = vec!["ConnectionError".into()];
            options.default_retry_delay = Duration::ZERO;
        }),
    );

    let server = MemoryServer::new();
    let results = Arc::new(server.results());
    let parts = WorkerParts::new(
        "worker@test",
        Arc::new(server.node("worker@test")),
        Some(results.clone()),
        registry,
    );
    let shutdown = parts.shutdown.clone();
    let worker = tokio::spawn(async move { Worker::new(parts).run(&["celery".to_owned()]).await });

    let client = Client::new(Arc::new(server.node("client@test")), Some(results), "test");
    let result = client.apply_async(TaskCall::new("flaky")).await?;
    assert_eq!(result.get::<u32>(Some(Duration::from_secs(10))).await?, 1);
    assert_eq!(attempts.load(Ordering::Relaxed), 2);

    shutdown.warm();
    worker.await??;
    assert_eq!((server.held(), server.dead_letters().len()), (0, 0));
    Ok(())
}
