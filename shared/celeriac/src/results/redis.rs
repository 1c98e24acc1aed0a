//! Results in Redis, as Celery keeps them (celery-wire.md 6.1 to 6.5).

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use futures_util::StreamExt;
use redis::{RedisError, Script};
use serde_json::Value;

use super::record::Recorder;
use super::{Meta, ResultBackend, ResultError, ResultRecord};
use crate::message::Request;
use crate::outcome::Outcome;
use crate::redis_server::{Commands, RedisServer};

/// Defines the Lua function `store(key, meta, ttl, seen)`.
pub(crate) const STORE_SCRIPT: &str = include_str!("store.lua");
static STORE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(&[STORE_SCRIPT, "return store(KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3])"].concat())
});

/// How results are stored. Those who read them must be set alike.
#[derive(Debug, Clone)]
pub struct RedisResultsOptions {
    /// Celery's `result_expires`: seconds that results stay; 0 is for ever. Default: 86400.
    pub expires: u64,
    /// Celery's `result_extended`: name, arguments, worker, retries and queue are stored too. Default: false.
    pub extended: bool,
    /// `global_keyprefix` of Celery's `result_backend_transport_options`. Default: none.
    pub global_keyprefix: String,
}

impl Default for RedisResultsOptions {
    fn default() -> Self {
        Self { expires: 86_400, extended: false, global_keyprefix: String::new() }
    }
}

/// Celery's Redis result backend.
#[derive(Clone)]
pub struct RedisResults {
    server: RedisServer,
    connection: Commands,
    recorder: Recorder,
}

impl RedisResults {
    /// Results on `server`. Nothing is connected yet: the first command does that.
    pub fn new(server: RedisServer, options: RedisResultsOptions) -> Self {
        let RedisResultsOptions { expires, extended, global_keyprefix } = options;
        let recorder = Recorder { key_prefix: key_prefix(global_keyprefix), expires, extended };
        Self { connection: server.commands(), server, recorder }
    }
}

/// Celery puts a `_` behind a prefix that does not end in a separator (celery-wire.md 6.1).
fn key_prefix(mut prefix: String) -> String {
    if !prefix.is_empty() && !prefix.ends_with([':', '_', '-', '.']) {
        prefix.push('_');
    }
    prefix
}

impl std::fmt::Debug for RedisResults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisResults").field("server", &self.server).finish_non_exhaustive()
    }
}

#[async_trait]
impl ResultBackend for RedisResults {
    async fn store(&self, record: &ResultRecord) -> Result<(), ResultError> {
        let mut seen = Bytes::new();
        loop {
            let mut call = STORE.key(&record.key);
            call.arg(record.meta.as_slice()).arg(record.expires).arg(seen.as_ref());
            let compressed: Option<Bytes> = call
                .invoke_async(&mut self.connection.clone())
                .await
                .map_err(unavailable("store a result"))?;
            match compressed {
                Some(stored) if !Meta::is_success(&stored) => seen = stored,
                _ => return Ok(()),
            }
        }
    }

    async fn fetch(&self, task_id: &str) -> Result<Option<Meta>, ResultError> {
        let stored: Option<Vec<u8>> = redis::cmd("GET")
            .arg(self.recorder.key(task_id))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(unavailable("read a result"))?;
        stored.map(|text| parse(task_id, &text)).transpose()
    }

    async fn wait(&self, task_id: &str, timeout: Option<Duration>) -> Result<Option<Meta>, ResultError> {
        let wait = self.wait_for_ready(task_id);
        match timeout {
            None => wait.await.map(Some),
            Some(timeout) => {
                tokio::time::timeout(timeout, wait).await.map_or(Ok(None), |meta| meta.map(Some))
            }
        }
    }

    async fn forget(&self, task_id: &str) -> Result<(), ResultError> {
        redis::cmd("DEL")
            .arg(self.recorder.key(task_id))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(unavailable("forget a result"))
    }

    fn place(&self) -> &str {
        self.server.place()
    }

    fn record(&self, request: &Request, outcome: &Outcome, hostname: &str) -> Option<ResultRecord> {
        self.recorder.outcome(request, outcome, hostname, Utc::now())
    }

    fn record_unreadable(&self, task_id: &str, outcome: &Outcome) -> Option<ResultRecord> {
        self.recorder.without_request(task_id, outcome, Utc::now())
    }

    fn record_started(&self, task_id: &str, hostname: &str) -> ResultRecord {
        self.recorder.started(task_id, hostname)
    }

    fn record_state(&self, request: &Request, state: &str, meta: &Value, hostname: &str) -> ResultRecord {
        self.recorder.state(request, state, meta, hostname)
    }
}

impl RedisResults {
    async fn wait_for_ready(&self, task_id: &str) -> Result<Meta, ResultError> {
        let mut subscriber = self.server.subscriber().await.map_err(unavailable("listen for a result"))?;
        subscriber.subscribe(self.recorder.key(task_id)).await.map_err(unavailable("listen for a result"))?;
        // Subscribed first: what is stored from now on is announced, what was stored before is there.
        if let Some(meta) = self.fetch(task_id).await?.filter(Meta::is_ready) {
            return Ok(meta);
        }
        let mut messages = subscriber.on_message();
        while let Some(message) = messages.next().await {
            let meta = parse(task_id, message.get_payload_bytes())?;
            if meta.is_ready() {
                return Ok(meta);
            }
        }
        Err(ResultError::Unavailable {
            action: "listen for a result",
            reason: "the connection was closed".into(),
        })
    }
}

fn parse(task_id: &str, text: &[u8]) -> Result<Meta, ResultError> {
    Meta::parse(text).map_err(|reason| ResultError::Unreadable { task_id: task_id.to_owned(), reason })
}

fn unavailable(action: &'static str) -> impl Fn(RedisError) -> ResultError {
    move |error| ResultError::Unavailable { action, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_as_celery_ends_them() {
        for (given, expected) in [("", ""), ("tenant1", "tenant1_"), ("a:", "a:"), ("a_", "a_"), ("a.", "a.")]
        {
            assert_eq!(key_prefix(given.to_owned()), expected);
        }
    }
}
