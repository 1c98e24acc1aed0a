//! `worker`: takes tasks from the queues until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use celeriac::backoff::Backoff;
use celeriac::broker::BrokerError;
use celeriac::pool::ThreadPool;
use celeriac::task::Registry;
use celeriac::{Shutdown, Worker, WorkerParts};
use platform::storage::{Bucket, BucketConfig};
use platform::store::{Store, StoreError};

use super::connections;
use crate::cli::WorkerArgs;
use crate::config::{Config, Storage};
use crate::tasks::{self, Services};

/// Runs the worker.
///
/// # Errors
/// When the configuration names something unusable, or the database is not ready for use.
pub(crate) async fn run(args: &WorkerArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::on_signals().context("cannot listen to signals")?;
    let Some(services) = connect(config, &shutdown).await? else {
        return Ok(ExitCode::from(shutdown.exit_code()));
    };
    let registry = tasks::registry(services, &config.analysis, args.with_test_tasks);
    announce(config, &registry);
    let hostname = config.worker.hostname.clone();
    let worker = Worker::new(WorkerParts {
        broker: Arc::new(connections::broker(config, &hostname)?),
        results: connections::results(config)?,
        pool: Arc::new(ThreadPool::new(config.worker.concurrency.get())),
        registry,
        hostname,
        accept: config.broker.accept_content,
        max_deliveries: config.worker.max_deliveries,
        fallback_queue: config.worker.fallback_queue.clone(),
        prefetch_multiplier: config.worker.prefetch_multiplier as usize,
        shutdown: shutdown.clone(),
    });
    match worker.run(&config.worker.queues).await {
        Ok(()) => {}
        Err(error @ BrokerError::GivenUp { .. }) => return Err(error.into()),
        Err(error) => return Err(error).context("cannot hand back the messages that were left"),
    }
    tracing::info!("worker has stopped");
    Ok(ExitCode::from(shutdown.exit_code()))
}

fn announce(config: &Config, registry: &Registry) {
    let worker = &config.worker;
    tracing::info!(
        node = worker.hostname,
        queues = worker.queues.join(","),
        concurrency = worker.concurrency,
        prefetch = worker.concurrency.get() * worker.prefetch_multiplier as usize,
        broker = %config.broker.url,
        database = %config.database.url,
        storage = %describe(&config.storage),
        tasks = registry.names().join(","),
        "{} ready",
        worker.hostname,
    );
}

fn describe(storage: &Storage) -> String {
    match storage {
        Storage::Folder(folder) => folder.display().to_string(),
        Storage::S3(s3) => format!("bucket {} in {}", s3.bucket, s3.region),
    }
}

/// Connects database and bucket. A server that is not there yet is waited for; `None` when told to stop meanwhile.
async fn connect(config: &Config, shutdown: &Shutdown) -> anyhow::Result<Option<Services>> {
    let bucket = Bucket::connect(&bucket_config(&config.storage)).context("cannot use the storage")?;
    let mut backoff = Backoff::reconnect();
    loop {
        let missing = match ready_store(config.database.url.expose()).await {
            Ok(store) => match bucket.ping().await {
                Ok(()) => return Ok(Some(Services { store, bucket })),
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

/// A store whose tables are there. The embedded database makes its own; a shared one is the backend's, so that its
/// tables are only checked (`migrate` makes them).
async fn ready_store(url: &str) -> Result<Store, StoreError> {
    let store = Store::connect(url).await?;
    if store.url().is_embedded() {
        let done = store.migrate().await?;
        if !done.is_empty() {
            tracing::info!(migrations = done.join(","), "made the tables of the embedded database");
        }
    } else {
        store.check_tables().await?;
    }
    Ok(store)
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
