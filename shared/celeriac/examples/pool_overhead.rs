//! What a task costs beside its own work: an in-process call, the thread pool and the process pool. See `benches/pool`.

use std::sync::Arc;
use std::time::Instant;

use celeriac::message::{AcceptContent, Envelope, Request, TimeLimits};
use celeriac::pool::process::executor;
use celeriac::pool::{Job, Pool, ProcessPool, ProcessPoolOptions, ThreadPool};
use celeriac::task::{Registry, TaskOptions};
use serde_json::{Value, json};

const WARM_UP: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = Registry::new();
    registry.register_fn("noop", TaskOptions::default(), |_, _| async { Ok(Value::Null) });
    if executor::is_executor() {
        executor::serve(&registry)?;
        return Ok(());
    }
    measure(&registry)
}

#[tokio::main]
async fn measure(registry: &Registry) -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let calls = std::env::args().nth(1).map_or(Ok(5000), |calls| calls.parse())?;
    let element = json!({
        "body": "[[1, \"two\"], {\"three\": 3}, {}]", "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": "noop", "id": "1c9f6a0e-4df5-4f0a-a0f7-0b7b1a6d5c55", "timelimit": [1800, 1500]},
        "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "t"},
    });
    let envelope = Envelope::parse(element.to_string().as_bytes()).map_err(|error| error.reason)?;
    let request = Request::decode(envelope, &AcceptContent::default()).map_err(|error| error.reason)?;
    let job = Job::new(
        registry.get("noop").ok_or("no task")?.clone(),
        Arc::new(request),
        "bench@localhost",
        TimeLimits { soft: Some(1500.0), hard: Some(1800.0) },
    );
    report("threads", &ThreadPool::new(1), &job, calls).await;
    let pool = ProcessPool::new(ProcessPoolOptions { max: 1, ..ProcessPoolOptions::default() });
    report("prefork", &pool, &job, calls).await;
    for process in pool.state().processes {
        let memory = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let pss = memory.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("unknown");
        tracing::info!("executor: PSS {}", pss.trim());
    }
    pool.close().await;
    Ok(())
}

async fn report(name: &str, pool: &dyn Pool, job: &Job, calls: usize) {
    let mut times = Vec::with_capacity(calls);
    for call in 0..WARM_UP + calls {
        let started = Instant::now();
        let slot = pool.slot().await;
        let outcome = pool.run(slot, job.clone()).await;
        let time = started.elapsed();
        assert_eq!(outcome.state(), "SUCCESS", "{outcome:?}");
        if call >= WARM_UP {
            times.push(time);
        }
    }
    times.sort_unstable();
    let mean = times.iter().sum::<std::time::Duration>() / calls.max(1).try_into().unwrap_or(1);
    let median = times.get(calls / 2).copied().unwrap_or_default();
    tracing::info!("{name}: median {median:?}, mean {mean:?} a call");
}
