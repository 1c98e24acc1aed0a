//! Results in this process's memory, for tests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::record::Recorder;
use super::{Meta, ResultBackend, ResultError, ResultRecord};
use crate::message::Request;
use crate::outcome::Outcome;

/// Keeps results as Celery's Redis backend does, extended fields included, for a day. Clones are the same store.
#[derive(Debug, Clone)]
pub struct MemoryResults {
    store: Arc<Store>,
    recorder: Recorder,
}

#[derive(Debug)]
struct Store {
    place: String,
    records: Mutex<HashMap<String, Stored>>,
    changed: Notify,
}

#[derive(Debug, Clone)]
struct Stored {
    meta: Meta,
    until: Option<Instant>,
}

impl Default for MemoryResults {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryResults {
    /// An empty store.
    pub fn new() -> Self {
        let place = format!("memory:{}", uuid::Uuid::new_v4().simple());
        Self {
            store: Arc::new(Store { place, records: Mutex::default(), changed: Notify::new() }),
            recorder: Recorder { key_prefix: String::new(), expires: 86_400, extended: true },
        }
    }

    fn records(&self) -> MutexGuard<'_, HashMap<String, Stored>> {
        // A panic while it was locked cannot have left it half changed: each use is one operation.
        self.store.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a record at once.
    pub(crate) fn put(&self, record: &ResultRecord) -> Result<(), ResultError> {
        let meta = Meta::parse(&record.meta)
            .map_err(|reason| ResultError::Unreadable { task_id: record.task_id.clone(), reason })?;
        let until = (record.expires > 0).then(|| Instant::now() + Duration::from_secs(record.expires));
        let mut records = self.records();
        if records.get(&record.task_id).is_none_or(|stored| stored.meta.status != "SUCCESS") {
            records.insert(record.task_id.clone(), Stored { meta, until });
        }
        drop(records);
        self.store.changed.notify_waiters();
        Ok(())
    }

    fn get(&self, task_id: &str) -> Option<Meta> {
        let mut records = self.records();
        let stored = records.get(task_id)?;
        if stored.until.is_some_and(|until| until <= Instant::now()) {
            records.remove(task_id);
            return None;
        }
        Some(stored.meta.clone())
    }

    async fn ready(&self, task_id: &str) -> Meta {
        loop {
            let changed = self.store.changed.notified();
            if let Some(meta) = self.get(task_id).filter(Meta::is_ready) {
                return meta;
            }
            changed.await;
        }
    }
}

#[async_trait]
impl ResultBackend for MemoryResults {
    async fn store(&self, record: &ResultRecord) -> Result<(), ResultError> {
        self.put(record)
    }

    async fn fetch(&self, task_id: &str) -> Result<Option<Meta>, ResultError> {
        Ok(self.get(task_id))
    }

    async fn wait(&self, task_id: &str, timeout: Option<Duration>) -> Result<Option<Meta>, ResultError> {
        Ok(match timeout {
            None => Some(self.ready(task_id).await),
            Some(timeout) => tokio::time::timeout(timeout, self.ready(task_id)).await.ok(),
        })
    }

    async fn forget(&self, task_id: &str) -> Result<(), ResultError> {
        self.records().remove(task_id);
        Ok(())
    }

    fn place(&self) -> &str {
        &self.store.place
    }

    fn record(&self, request: &Request, outcome: &Outcome, hostname: &str) -> Option<ResultRecord> {
        self.recorder.outcome(request, outcome, hostname, Utc::now())
    }

    fn record_started(&self, task_id: &str, hostname: &str) -> ResultRecord {
        self.recorder.started(task_id, hostname)
    }

    fn record_state(&self, request: &Request, state: &str, meta: &Value, hostname: &str) -> ResultRecord {
        self.recorder.state(request, state, meta, hostname)
    }

    fn record_unreadable(&self, task_id: &str, outcome: &Outcome) -> Option<ResultRecord> {
        self.recorder.without_request(task_id, outcome, Utc::now())
    }
}
