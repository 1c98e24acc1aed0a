//! What a running task knows of itself.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::message::Request;

/// Given to a task's body: which call this is, and whether it should stop.
#[derive(Debug, Clone)]
pub struct TaskContext {
    request: Arc<Request>,
    hostname: Arc<str>,
    cancellation: CancellationToken,
}

impl TaskContext {
    pub(crate) fn new(request: Arc<Request>, hostname: Arc<str>, cancellation: CancellationToken) -> Self {
        Self { request, hostname, cancellation }
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

    /// Cancelled when the task's end will not count any more: its message was handed to another worker, or this one
    /// is being stopped cold. A body that runs long asks now and then and stops.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}
