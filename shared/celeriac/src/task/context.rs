//! What a running task knows of itself.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{CancelReason, Cancellation, TaskError};
use crate::exception::Exception;
use crate::message::Request;

/// Where a task's progress goes.
pub(crate) type Reporter = Arc<dyn Fn(Value) + Send + Sync>;

/// Given to a task's body: which call this is, and whether it should stop.
#[derive(Clone)]
pub struct TaskContext {
    request: Arc<Request>,
    hostname: Arc<str>,
    cancellation: Cancellation,
    reporter: Reporter,
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
        reporter: Reporter,
    ) -> Self {
        Self { request, hostname, cancellation, reporter }
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
        (self.reporter)(progress);
    }
}
