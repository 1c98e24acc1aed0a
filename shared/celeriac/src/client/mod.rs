//! Sending tasks, to workers of either kind.
//!
//! Here: the client. `call`: what is sent; `message`: the message it becomes; `result`: what comes of it.

mod call;
mod message;
mod result;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;

use crate::broker::{Broker, BrokerError};
use crate::message::compression::CompressionError;
use crate::results::{Meta, ResultBackend, ResultError};

pub use call::{Expires, Start, TaskCall};
pub use result::{AsyncResult, GetError};

/// Where calls go that name no queue: Celery's `task_default_queue`.
const DEFAULT_QUEUE: &str = "celery";

/// Sends tasks and reads their results.
///
/// ```
/// use std::sync::Arc;
/// use celeriac::broker::MemoryServer;
/// use celeriac::{Client, TaskCall};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // A `RedisBroker` and `RedisResults` outside of tests.
/// let server = MemoryServer::new();
/// let client = Client::new(Arc::new(server.node("shop")), Some(Arc::new(server.results())), "shop.example");
/// let invoice = client.apply_async(TaskCall::new("shop.invoice").arg(42).queue("invoices")).await?;
/// assert_eq!(invoice.state().await?, "PENDING");
/// assert_eq!(server.waiting("invoices").len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    broker: Arc<dyn Broker>,
    results: Option<Arc<dyn ResultBackend>>,
    origin: String,
    reply_to: String,
}

/// A call was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The broker did not take it.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Its body could not be compressed.
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Client {
    /// A client on a host of that name. Without a result backend it can only send.
    pub fn new(broker: Arc<dyn Broker>, results: Option<Arc<dyn ResultBackend>>, host: &str) -> Self {
        Self {
            broker,
            results,
            origin: format!("gen{}@{host}", std::process::id()),
            reply_to: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Sends a call to its queue, `celery` if it names none.
    ///
    /// # Errors
    /// [`SendError`] when the message could not be made or published.
    pub async fn apply_async(&self, call: TaskCall) -> Result<AsyncResult, SendError> {
        let id = call.task_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let queue = call.queue.clone().unwrap_or_else(|| DEFAULT_QUEUE.to_owned());
        let message = call.message(&id, &queue, &self.origin, &self.reply_to, Utc::now())?;
        self.broker.publish(&queue, &message).await?;
        Ok(self.result(id))
    }

    /// Sends a call to a queue and answers its task id.
    ///
    /// # Errors
    /// As [`Self::apply_async`].
    pub async fn send(&self, queue: &str, call: TaskCall) -> Result<String, SendError> {
        Ok(self.apply_async(call.queue(queue)).await?.id().to_owned())
    }

    /// The result of a call of which the id is known.
    pub fn result(&self, task_id: impl Into<String>) -> AsyncResult {
        AsyncResult::new(task_id.into(), self.results.clone())
    }

    /// Waits for the final state of a task; `None` when `timeout` passed before, or there is no result backend.
    ///
    /// # Errors
    /// [`ResultError`] when the backend cannot be reached or holds something unreadable.
    pub async fn wait(&self, task_id: &str, timeout: Option<Duration>) -> Result<Option<Meta>, ResultError> {
        match &self.results {
            Some(results) => results.wait(task_id, timeout).await,
            None => Ok(None),
        }
    }
}
