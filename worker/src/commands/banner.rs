//! What the worker says of itself when it starts. Nothing in it is secret: URLs come masked.

use celeriac::pool::{Pool, PoolState};
use celeriac::task::Registry;

use crate::config::{Config, LogFormat, Storage};
use crate::logging;

/// Tells who the worker is: in text as a table for people, and always as one record.
pub(super) fn announce(config: &Config, registry: &Registry, pool: &dyn Pool) {
    let (worker, state) = (&config.worker, pool.state());
    if logging::decided(worker.logformat) == LogFormat::Text {
        tracing::info!("{}", text(config, registry, &state));
    }
    tracing::info!(
        node = worker.hostname,
        queues = worker.queues.join(","),
        pool = state.kind,
        concurrency = state.size,
        prefetch = state.size * worker.prefetch_multiplier as usize,
        time_limit = worker.time_limit,
        soft_time_limit = worker.soft_time_limit,
        broker = %config.broker.url,
        database = %config.database.url,
        storage = %describe(&config.storage),
        tasks = registry.names().join(","),
        "{} ready",
        worker.hostname,
    );
}

fn text(config: &Config, registry: &Registry, state: &PoolState) -> String {
    let worker = &config.worker;
    let results = config.results.url.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let size = match worker.autoscale {
        Some(autoscale) => format!("{} to {}", autoscale.min, autoscale.max),
        None => state.size.to_string(),
    };
    let seconds = |limit: Option<f64>| limit.map_or_else(|| "none".to_owned(), |limit| format!("{limit} s"));
    let number =
        |limit: Option<u64>, unit| limit.map_or_else(|| "none".to_owned(), |limit| format!("{limit} {unit}"));
    let limits = format!(
        "time {}, soft {}; memory of a task {}; an executor is replaced after: tasks {}, memory {}",
        seconds(worker.time_limit),
        seconds(worker.soft_time_limit),
        number(worker.max_memory_per_task, "KiB"),
        number(worker.max_tasks_per_child, ""),
        number(worker.max_memory_per_child, "KiB"),
    );
    let rows = [
        ("node", format!("{}, agensium-worker {}", worker.hostname, env!("CARGO_PKG_VERSION"))),
        ("broker", config.broker.url.to_string()),
        ("results", results),
        ("database", config.database.url.to_string()),
        ("storage", describe(&config.storage)),
        ("pool", format!("{}, {size} at a time", state.kind)),
        ("limits", limits),
        ("at shutdown", format!("{} s to finish", worker.drain_timeout.as_secs_f64())),
        ("queues", worker.queues.join(", ")),
        ("tasks", registry.names().join(", ")),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("  {name:<12} {value}")).collect();
    format!("starting\n{}", lines.join("\n"))
}

fn describe(storage: &Storage) -> String {
    match storage {
        Storage::Folder(folder) => folder.display().to_string(),
        Storage::S3(s3) => format!("bucket {} in {}", s3.bucket, s3.region),
    }
}
