//! Sending tasks, to workers of either kind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::broker::{Broker, BrokerError};
use crate::message::{Envelope, json as python_json, repr};
use crate::results::{Meta, ResultBackend, ResultError};

/// A call of a task by name.
#[derive(Debug, Clone, Default)]
pub struct TaskCall {
    /// The task's name.
    pub task: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map<String, Value>,
    /// Its id; a new one when `None`.
    pub task_id: Option<String>,
}

impl TaskCall {
    /// A call without arguments.
    pub fn new(task: impl Into<String>) -> Self {
        Self { task: task.into(), ..Self::default() }
    }

    /// The same call with these positional arguments.
    #[must_use]
    pub fn args(mut self, args: Vec<Value>) -> Self {
        self.args = args;
        self
    }

    /// The same call with these keyword arguments.
    #[must_use]
    pub fn kwargs(mut self, kwargs: Map<String, Value>) -> Self {
        self.kwargs = kwargs;
        self
    }
}

/// Sends tasks and reads their results.
#[derive(Clone)]
pub struct Client {
    broker: Arc<dyn Broker>,
    results: Option<Arc<dyn ResultBackend>>,
    origin: String,
    reply_to: String,
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

    /// Sends a call to a queue and answers its task id.
    ///
    /// # Errors
    /// [`BrokerError`] when the message could not be published.
    pub async fn send(&self, queue: &str, call: TaskCall) -> Result<String, BrokerError> {
        let id = call.task_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        self.broker.publish(queue, &self.message(queue, call, &id)).await?;
        Ok(id)
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

    /// The message, header for header as Celery writes it (celery-wire.md 1.2 to 1.4).
    fn message(&self, queue: &str, call: TaskCall, id: &str) -> Envelope {
        let TaskCall { task, args, kwargs, .. } = call;
        let headers = json!({
            "lang": "py", "task": task, "id": id, "shadow": null, "eta": null, "expires": null, "group": null,
            "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": id, "parent_id": null,
            "argsrepr": repr::args(&args), "kwargsrepr": repr::kwargs(&kwargs), "origin": self.origin,
            "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {},
        });
        let properties = json!({
            "correlation_id": id, "reply_to": self.reply_to, "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue}, "priority": 0, "body_encoding": "base64",
            "delivery_tag": uuid::Uuid::new_v4().to_string(),
        });
        let embed = json!({"callbacks": null, "errbacks": null, "chain": null, "chord": null});
        // JSON values always serialize.
        let body = python_json::to_vec(&json!([args, kwargs, embed])).unwrap_or_default();
        let object = |value: Value| value.as_object().cloned().unwrap_or_default();
        Envelope::new(&body, object(headers), object(properties))
    }
}
