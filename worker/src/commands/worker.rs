//! `worker`: takes tasks from the queues until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use celeriac::backoff::Backoff;
use celeriac::broker::BrokerError;
use celeriac::message::TimeLimits;
use celeriac::pool::process::executor;
use celeriac::pool::{Pool, ProcessPool, ProcessPoolOptions, ThreadPool};
use celeriac::{Shutdown, Worker, WorkerParts};
use platform::storage::{Bucket, BucketConfig};
use platform::store::{Store, StoreError};

use super::{banner, connections};
use crate::cli::WorkerArgs;
use crate::config::{self, Config, Storage};
use crate::logging;
use crate::tasks::{self, Services};

/// Between two looks whether messages are taken. Longer than anything that heals by itself.
const WATCH_INTERVAL: Duration = Duration::from_secs(60);

/// Runs the worker.
///
/// # Errors
/// When the configuration names something unusable, or the database is not ready for use.
pub(crate) async fn run(args: &WorkerArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new()
        .with_soft_timeout(config.worker.soft_shutdown_timeout)
        .listening()
        .context("cannot listen to signals")?;
    let Some(services) = connect(config, &shutdown).await? else {
        return Ok(ExitCode::from(shutdown.exit_code()));
    };
    let registry = tasks::registry(services, &config.analysis, args.with_test_tasks);
    let hostname = config.worker.hostname.clone();
    let broker = connections::broker(config, &hostname)?;
    let results = connections::results(config)?;
    let pool = pool(config);
    banner::announce(config, &registry, &*pool);
    let settings = &config.worker;
    let worker = Worker::new(WorkerParts {
        broker: Arc::new(broker.clone()),
        results,
        pool,
        registry,
        hostname,
        accept: config.broker.accept_content,
        max_deliveries: settings.max_deliveries,
        fallback_queue: settings.fallback_queue.clone(),
        prefetch_multiplier: settings.prefetch_multiplier as usize,
        time_limits: TimeLimits { soft: settings.soft_time_limit, hard: settings.time_limit },
        drain_timeout: Some(settings.drain_timeout),
        shutdown: shutdown.clone(),
    });
    tokio::select! {
        done = worker.run(&settings.queues) => match done {
            Ok(()) => {}
            Err(error @ BrokerError::GivenUp { .. }) => return Err(error.into()),
            Err(error) => return Err(error).context("cannot hand back the messages that were left"),
        },
        // Ended, it holds nothing and is started again by whatever looks after it.
        stalled = broker.watch(WATCH_INTERVAL) => return Err(stalled.into()),
    }
    tracing::info!("worker has stopped");
    Ok(ExitCode::from(shutdown.exit_code()))
}

/// Runs tasks for a worker, in its executor's process.
///
/// # Errors
/// When this process was not started by a worker, or the storage cannot be used.
pub(crate) fn execute(args: &WorkerArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let bucket = Bucket::connect(&bucket_config(&config.storage)).context("cannot use the storage")?;
    let services = Services::new(config.database.url.clone(), bucket);
    let registry = tasks::registry(services, &config.analysis, args.with_test_tasks);
    executor::serve(&registry).context("cannot serve the worker")
}

fn pool(config: &Config) -> Arc<dyn Pool> {
    let worker = &config.worker;
    let max = worker.autoscale.map_or(worker.concurrency.get(), |autoscale| autoscale.max);
    match worker.pool {
        config::Pool::Solo => Arc::new(ThreadPool::solo()),
        config::Pool::Threads => Arc::new(ThreadPool::new(max)),
        config::Pool::Prefork => {
            let mut options = ProcessPoolOptions {
                max,
                min: worker.autoscale.map(|autoscale| autoscale.min),
                max_tasks_per_child: worker.max_tasks_per_child,
                max_memory_per_child: worker.max_memory_per_child,
                max_memory_per_task: worker.max_memory_per_task,
                ..ProcessPoolOptions::default()
            };
            // Lines of all processes look alike, although only the worker sees a terminal.
            let format = logging::decided(worker.logformat).name();
            options.arguments.extend(["--logformat".into(), format.into()]);
            Arc::new(ProcessPool::new(options))
        }
    }
}

/// Connects database and bucket. A server that is not there yet is waited for; `None` when told to stop meanwhile.
async fn connect(config: &Config, shutdown: &Shutdown) -> anyhow::Result<Option<Services>> {
    let bucket = Bucket::connect(&bucket_config(&config.storage)).context("cannot use the storage")?;
    let mut backoff = Backoff::reconnect();
    loop {
        let missing = match ready_store(config.database.url.expose()).await {
            Ok(()) => match bucket.ping().await {
                Ok(()) => return Ok(Some(Services::new(config.database.url.clone(), bucket))),
                Err(error) if error.is_transient() => format!("the storage is not reachable: {error}"),
                Err(error) => return Err(error).context("cannot use the storage"),
            },
            Err(error) if error.is_transient() => format!("the database is not reachable: {error}"),
            Err(error) => return Err(error).context("cannot use the database"),
        };
        let pause = backoff.pause();
        tracing::warn!(pause_ms = pause.as_millis(), "{missing}; trying again");
        tokio::select! {
            () = shutdown.warm_requested().cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Sees to it that the tables are there. The embedded database makes its own; a shared one is the backend's, so that its
/// tables are only checked (`migrate` makes them).
async fn ready_store(url: &str) -> Result<(), StoreError> {
    let store = Store::connect(url).await?;
    if store.url().is_embedded() {
        let done = store.migrate().await?;
        if !done.is_empty() {
            tracing::info!(migrations = done.join(","), "made the tables of the embedded database");
        }
    } else {
        store.check_tables().await?;
    }
    Ok(())
}

fn bucket_config(storage: &Storage) -> BucketConfig {
    match storage {
        Storage::Folder(folder) => BucketConfig::Folder(folder.clone()),
        Storage::S3(s3) => BucketConfig::S3 {
            endpoint: s3.endpoint_url.as_ref().map(|url| url.expose().to_owned()),
            region: s3.region.clone(),
            bucket: s3.bucket.clone(),
            access_key_id: s3.access_key_id.expose().to_owned(),
            secret_access_key: s3.secret_access_key.expose().to_owned(),
        },
    }
}
