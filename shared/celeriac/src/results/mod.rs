//! Where outcomes are stored for those who sent the tasks.

mod memory;
mod record;
pub(crate) mod redis;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::message::Request;
use crate::outcome::Outcome;

pub use self::memory::MemoryResults;
pub use self::redis::{RedisResults, RedisResultsOptions};
pub use record::{Meta, ResultRecord};

/// A store of results that Celery clients read.
#[async_trait]
pub trait ResultBackend: Send + Sync {
    /// Stores a record and tells those who wait for it; a stored SUCCESS is never replaced (celery-wire.md 6.3).
    ///
    /// # Errors
    /// [`ResultError`] when the server cannot be reached or refuses.
    async fn store(&self, record: &ResultRecord) -> Result<(), ResultError>;

    /// The stored meta of a task, if there is one.
    ///
    /// # Errors
    /// [`ResultError`] when the server cannot be reached, or what is stored is no result.
    async fn fetch(&self, task_id: &str) -> Result<Option<Meta>, ResultError>;

    /// Waits until the task is in a final state; `None` when `timeout` passed before.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    async fn wait(&self, task_id: &str, timeout: Option<Duration>) -> Result<Option<Meta>, ResultError>;

    /// Forgets what is stored of a task.
    ///
    /// # Errors
    /// [`ResultError`] when the server cannot be reached.
    async fn forget(&self, task_id: &str) -> Result<(), ResultError>;

    /// The server and database that hold the results, in the words of
    /// [`Broker::results_place`](crate::broker::Broker::results_place): where both are the same, a result and its
    /// acknowledgement are one transaction.
    fn place(&self) -> &str;

    /// Makes the record of an outcome; `None` when nothing is to be stored for it.
    fn record(&self, request: &Request, outcome: &Outcome, hostname: &str) -> Option<ResultRecord>;

    /// Makes the record that a task has started.
    fn record_started(&self, task_id: &str, hostname: &str) -> ResultRecord;

    /// Makes the record of a state of the task's own while it runs.
    fn record_state(&self, request: &Request, state: &str, meta: &Value, hostname: &str) -> ResultRecord;

    /// Makes the record for a message of which only the id is known.
    fn record_unreadable(&self, task_id: &str, outcome: &Outcome) -> Option<ResultRecord>;
}

/// A result could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// The server cannot be reached or did not answer in time: try again.
    #[error("the result backend could not {action}: {reason}")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// What the server or the network said.
        reason: String,
    },
    /// What is stored under the task's key is no Celery result.
    #[error("the stored result of task {task_id} is not readable: {reason}")]
    Unreadable {
        /// The task.
        task_id: String,
        /// What is wrong with it.
        reason: String,
    },
}
