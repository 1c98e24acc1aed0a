//! What a running task knows of itself.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::states::Audience;
use super::{CancelReason, Cancellation, TaskError, TaskOptions};
use crate::exception::Exception;
use crate::message::Request;
use crate::results::ResultError;

/// Given to a task's body: which call this is, whether it should stop, and how to tell how far it is.
#[derive(Clone)]
pub struct TaskContext {
    request: Arc<Request>,
    hostname: Arc<str>,
    cancellation: Cancellation,
    default_retry_delay: Duration,
    audience: Arc<dyn Audience>,
}

impl std::fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskContext").field("id", &self.request.id).field("task", &self.request.task).finish()
    }
}

impl TaskContext {
    pub(crate) fn new(
        request: Arc<Request>,
        hostname: Arc<str>,
        cancellation: Cancellation,
        options: &TaskOptions,
        audience: Arc<dyn Audience>,
    ) -> Self {
        Self { request, hostname, cancellation, default_retry_delay: options.default_retry_delay, audience }
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
        self.audience.state(state, meta).await
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

    /// Cancelled when the task is asked to stop; [`Self::cancel_reason`] says why. A body that runs long asks now and then,
    /// stops, and ends with [`Self::stopped`]. One that goes on is ended: at once by the hard time limit, soon by every
    /// other reason, if it runs in a process of its own.
    pub fn cancellation(&self) -> &CancellationToken {
        self.cancellation.token()
    }

    /// Why the task is asked to stop, if it is.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.cancellation.reason()
    }

    /// The end of a body that stops because it was asked to: a failure after the soft time limit, else nothing that
    /// counts.
    pub fn stopped(&self) -> TaskError {
        match self.cancel_reason() {
            Some(CancelReason::SoftTimeLimit) => Exception::soft_time_limit().into(),
            _ => TaskError::Ignore,
        }
    }

    /// Tells the worker how far the task is. Only the latest report is kept, for those who look at running tasks.
    pub fn report_progress(&self, progress: Value) {
        self.audience.progress(progress);
    }
}
