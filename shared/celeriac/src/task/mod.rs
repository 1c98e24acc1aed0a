//! What a task is: a name, options, and a body that ends in one of a closed set of ways.
//!
//! How it is run (pools), what its end means for message and result (`worker::settle`) stand elsewhere.

mod cancellation;
mod context;
mod rate_limit;
mod registry;

use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::exception::Exception;
use crate::message::{Request, TimeLimits};

pub use cancellation::{CancelReason, Cancellation};
pub(crate) use context::Reporter;
pub use context::TaskContext;
pub use rate_limit::{InvalidRate, RateLimit};
pub use registry::Registry;

/// A task that this worker serves.
#[async_trait]
pub trait Task: Send + Sync + 'static {
    /// Runs the task once.
    ///
    /// # Errors
    /// Every end that is not a value: see [`TaskError`].
    async fn run(&self, context: TaskContext, arguments: Arguments) -> Result<Value, TaskError>;

    /// How its messages and results are treated.
    fn options(&self) -> TaskOptions {
        TaskOptions::default()
    }

    /// Called in the worker process before a failure is stored of which the body could not know: it was ended by the
    /// hard time limit, or its executor was lost and there is no further attempt. For whoever keeps a state of its own.
    async fn on_killed(&self, request: &Request, exception: &Exception) {
        let _ = (request, exception);
    }
}

/// How a task's messages and results are treated; Celery's task attributes of the same names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskOptions {
    /// Acknowledge the message after the task instead of before it: what is interrupted is run again. Default: true.
    pub acks_late: bool,
    /// Store no result unless the message's header says otherwise. Default: false.
    pub ignore_result: bool,
    /// Store failures even where no result is wanted. Default: false.
    pub store_errors_even_if_ignored: bool,
    /// Store the state STARTED when it starts. Default: false.
    pub track_started: bool,
    /// Retries after which a task that asks for another one fails; `None` never. Default: 3.
    pub max_retries: Option<u32>,
    /// How often it may start on this worker; what comes sooner waits, held and unacknowledged. Default: as often as it
    /// comes.
    pub rate_limit: Option<RateLimit>,
    /// Its own time limits, for what the message does not limit. Default: the worker's.
    pub time_limits: TimeLimits,
    /// Put the message back, counted, when its executor is lost; otherwise store FAILURE `WorkerLostError`. Only of use
    /// with `acks_late`. Default: true.
    pub reject_on_worker_lost: bool,
    /// Acknowledge the message after the hard time limit and keep it as a dead letter; otherwise it is put back.
    /// FAILURE is stored either way. Default: true.
    pub acks_on_timeout: bool,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            acks_late: true,
            ignore_result: false,
            store_errors_even_if_ignored: false,
            track_started: false,
            max_retries: Some(3),
            rate_limit: None,
            time_limits: TimeLimits::default(),
            reject_on_worker_lost: true,
            acks_on_timeout: true,
        }
    }
}

/// Every end of a task body that is not a value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TaskError {
    /// It failed: FAILURE is stored.
    Failure(Exception),
    /// It wants to run again after `delay`; `cause` is shown until then, and is the failure when no retry is left.
    Retry {
        /// Time until the next attempt.
        delay: Duration,
        /// Why.
        cause: Exception,
    },
    /// It wants to run again as the next task of its queue; `cause` as for `Retry`.
    RetryNext {
        /// Why.
        cause: Exception,
    },
    /// The message is refused: put back at the end of its queue, or dropped with FAILURE stored.
    Reject {
        /// Why.
        reason: String,
        /// Whether to put it back.
        requeue: bool,
    },
    /// Nothing is stored; the message is acknowledged.
    Ignore,
}

impl From<Exception> for TaskError {
    fn from(exception: Exception) -> Self {
        Self::Failure(exception)
    }
}

/// A call's arguments.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    /// By position.
    pub args: Vec<Value>,
    /// By name.
    pub kwargs: Map<String, Value>,
}

impl Arguments {
    /// The argument at `position`, or else the one called `name`, read as a `T`.
    ///
    /// # Errors
    /// `TypeError` when it is missing or no `T`, as Python fails a call with wrong arguments.
    pub fn required<T: DeserializeOwned>(&self, position: usize, name: &str) -> Result<T, Exception> {
        self.optional(position, name)?
            .ok_or_else(|| Exception::builtin("TypeError", format!("missing required argument '{name}'")))
    }

    /// As [`Self::required`], but the argument may be absent or null.
    ///
    /// # Errors
    /// `TypeError` when it is there and no `T`.
    pub fn optional<T: DeserializeOwned>(&self, position: usize, name: &str) -> Result<Option<T>, Exception> {
        match self.args.get(position).or_else(|| self.kwargs.get(name)) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|error| {
                Exception::builtin("TypeError", format!("argument '{name}' has a wrong type: {error}"))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_by_position_or_name() {
        let arguments = Arguments {
            args: vec![json!("a")],
            kwargs: Map::from_iter([("user_id".into(), json!(7)), ("none".into(), Value::Null)]),
        };
        assert_eq!(arguments.required::<String>(0, "task_id").unwrap(), "a");
        assert_eq!(arguments.required::<i64>(1, "user_id").unwrap(), 7);
        assert_eq!(arguments.optional::<i64>(2, "none").unwrap(), None);
        let missing = arguments.required::<i64>(3, "hours").unwrap_err();
        assert_eq!(missing.to_string(), "TypeError('missing required argument \\'hours\\'')");
        assert_eq!(arguments.required::<i64>(0, "task_id").unwrap_err().class, "TypeError");
    }
}
