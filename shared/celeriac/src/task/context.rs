//! What a running task knows of itself.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::states::States;
use super::{TaskError, TaskOptions};
use crate::exception::Exception;
use crate::message::Request;
use crate::results::ResultError;

/// Given to a task's body: which call this is, whether it should stop, and how to tell how far it is.
#[derive(Debug, Clone)]
pub struct TaskContext {
    request: Arc<Request>,
    hostname: Arc<str>,
    cancellation: CancellationToken,
    default_retry_delay: Duration,
    /// `None` when nobody wants results.
    states: Option<States>,
}

impl TaskContext {
    pub(crate) fn new(request: Arc<Request>, hostname: Arc<str>, cancellation: CancellationToken) -> Self {
        let default_retry_delay = TaskOptions::default().default_retry_delay;
        Self { request, hostname, cancellation, default_retry_delay, states: None }
    }

    /// The same for a task with these options, whose states are stored there.
    pub(crate) fn with(mut self, options: &TaskOptions, states: Option<States>) -> Self {
        self.default_retry_delay = options.default_retry_delay;
        self.states = states;
        self
    }

    /// The task id.
    pub fn id(&self) -> &str {
        &self.request.id
    }

    /// The name the task was called by.
    pub fn name(&self) -> &str {
        &self.request.task
    }

    /// The worker's node name, `name@host`.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Retries already made.
    pub fn retries(&self) -> u32 {
        self.request.retries
    }

    /// Whether an earlier delivery of this message ended without an outcome.
    pub fn is_redelivered(&self) -> bool {
        self.request.envelope.is_redelivered()
    }

    /// The positional arguments, as in the message.
    pub fn args(&self) -> &[Value] {
        &self.request.args
    }

    /// The keyword arguments, as in the message.
    pub fn kwargs(&self) -> &Map<String, Value> {
        &self.request.kwargs
    }

    /// The message's headers, the sender's own included.
    pub fn headers(&self) -> &Map<String, Value> {
        self.request.envelope.headers()
    }

    /// The time before which it was not to start.
    pub fn eta(&self) -> Option<DateTime<Utc>> {
        self.request.eta
    }

    /// The time after which it was not to start.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        self.request.expires
    }

    /// The id of the first task of its workflow: its own when there is no other.
    pub fn root_id(&self) -> &str {
        self.request.root_id()
    }

    /// The id of the task that sent it.
    pub fn parent_id(&self) -> Option<&str> {
        self.request.header("parent_id").and_then(Value::as_str)
    }

    /// The id of the group it belongs to.
    pub fn group_id(&self) -> Option<&str> {
        self.request.header("group").and_then(Value::as_str)
    }

    /// The exchange and routing key it was sent with: `""` and its queue, unless somebody set them otherwise.
    pub fn delivery_info(&self) -> Option<(&str, &str)> {
        self.request.envelope.destination()
    }

    /// The priority 0 to 9 it was sent with.
    pub fn priority(&self) -> u8 {
        self.request.envelope.priority()
    }

    /// Stores a state of the task's own, such as `PROGRESS`, for those who look at its result meanwhile; `meta` is what they
    /// find as its result. States are stored in the order in which they are told, and never after the outcome. Nothing is
    /// stored when nobody wants results, or this run does not count any more.
    ///
    /// # Errors
    /// [`ResultError`] when the result backend cannot be reached. The task may go on.
    pub async fn update_state(&self, state: &str, meta: Value) -> Result<(), ResultError> {
        match &self.states {
            Some(states) => states.store(&self.request, state, &meta).await,
            None => Ok(()),
        }
    }

    /// [`Self::update_state`] for functions that are no async ones. To be called on a thread for blocking work, where
    /// [`TypedTask::blocking`](super::TypedTask::blocking) runs them.
    ///
    /// # Errors
    /// As [`Self::update_state`].
    pub fn update_state_blocking(&self, state: &str, meta: Value) -> Result<(), ResultError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| ResultError::Unavailable {
            action: "store a state",
            reason: error.to_string(),
        })?;
        runtime.block_on(self.update_state(state, meta))
    }

    /// What a body returns to run again after the task's `default_retry_delay`; `cause` is shown until then, and is the
    /// failure when no retry is left. Backoff is for automatic retries, as in Celery; see also [`Self::retry_in`].
    pub fn retry(&self, cause: impl Into<Exception>) -> TaskError {
        self.retry_in(self.default_retry_delay, cause)
    }

    /// As [`Self::retry`], but after `delay`.
    pub fn retry_in(&self, delay: Duration, cause: impl Into<Exception>) -> TaskError {
        TaskError::Retry { delay, cause: cause.into() }
    }

    /// The whole request, with every header.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Cancelled when the task's end will not count any more: its message was handed to another worker, or this one
    /// is being stopped cold. A body that runs long asks now and then and stops.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}
