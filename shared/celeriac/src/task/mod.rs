//! What a task is: a name, options, and a body that ends in one of a closed set of ways.
//!
//! How it is run (pools), what its end means for message and result (`worker::settle`) stand elsewhere.

//!
//! - `typed`: functions as tasks; `parameters` and `keywords`: how a call's arguments become theirs.
//! - `context`: what a running task knows and may tell; `states`: where what it tells is stored; `cancellation`: how it is
//!   asked to stop.
//! - `retry`, `rate_limit`: options that are more than a value.

mod cancellation;
mod context;
mod keywords;
mod parameters;
mod rate_limit;
mod registry;
mod retry;
mod states;
#[cfg(test)]
mod tests;
mod typed;

use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::exception::Exception;
use crate::message::{Request, TimeLimits};

pub use cancellation::{CancelReason, Cancellation};
pub use context::TaskContext;
pub use keywords::Keywords;
pub use parameters::{Call, Parameter, Parameters};
pub use rate_limit::{InvalidRate, RateLimit};
pub use registry::Registry;
pub(crate) use states::{Audience, States};
pub use typed::{Async, Blocking, Function, TypedTask};

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
///
/// ```
/// use std::time::Duration;
/// use celeriac::exception::Exception;
/// use celeriac::task::TaskOptions;
///
/// let mut options = TaskOptions::default();
/// options.autoretry_for = vec!["ConnectionError".into(), "shop.errors.Busy".into()];
/// options.dont_autoretry_for = vec!["ConnectionRefusedError".into()];
/// options.retry_backoff = Some(2);
/// options.retry_jitter = false;
/// assert!(options.retries_automatically(&Exception::builtin("ConnectionResetError", "reset by peer")));
/// assert!(!options.retries_automatically(&Exception::builtin("ConnectionRefusedError", "nobody there")));
/// assert_eq!(options.countdown(3), Duration::from_secs(16));
/// ```
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
    /// How often it may start on all workers of the broker together, evenly apart, by the server's clock; what comes sooner
    /// waits, held and unacknowledged. Celery has no such limit: a Python worker neither keeps it nor counts for it. Default: as
    /// often as it comes.
    pub global_rate_limit: Option<RateLimit>,

    /// Its own time limits, for what the message does not limit. Default: the worker's.
    pub time_limits: TimeLimits,
    /// Put the message back, counted, when its executor is lost; otherwise store FAILURE `WorkerLostError`. Only of use
    /// with `acks_late`. Default: true.
    pub reject_on_worker_lost: bool,
    /// Classes of exceptions after which the task is tried again by itself, as [`Exception::is_a`] names them. Default: none.
    pub autoretry_for: Vec<String>,
    /// Classes of exceptions that are no reason for it, whatever `autoretry_for` says. Default: none.
    pub dont_autoretry_for: Vec<String>,
    /// Automatic retries wait this many seconds, then twice that, and so on; `None`: `default_retry_delay` each time.
    /// Celery's `True` is 1. Default: `None`.
    pub retry_backoff: Option<u32>,
    /// The longest pause of the backoff. Default: 600 s.
    pub retry_backoff_max: Duration,
    /// Draw each pause of the backoff from nothing up to itself, so that what failed together is not tried together again.
    /// Default: true.
    pub retry_jitter: bool,
    /// The pause before a retry that asks for no other. Default: 180 s.
    pub default_retry_delay: Duration,
    /// Acknowledge the message of a task that failed, if it is acknowledged late at all. If not, the message is rejected: it
    /// becomes a dead letter. Default: true.
    pub acks_on_failure: bool,
    /// Acknowledge the message after the hard time limit and keep it as a dead letter; otherwise it goes back to its queue,
    /// counted. FAILURE is stored either way. Only of use with `acks_late`. Default: true.
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
            global_rate_limit: None,

            time_limits: TimeLimits::default(),
            reject_on_worker_lost: true,
            autoretry_for: Vec::new(),
            dont_autoretry_for: Vec::new(),
            retry_backoff: None,
            retry_backoff_max: Duration::from_secs(600),
            retry_jitter: true,
            default_retry_delay: Duration::from_secs(180),
            acks_on_failure: true,
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

/// So that `?` fails the task with what went wrong, as [`Exception::of`] translates it.
impl<E: std::error::Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self::Failure(Exception::of(&error))
    }
}

impl TaskError {
    /// The failure of an error that `?` does not convert: `.map_err(TaskError::of)` takes `anyhow` errors, boxed ones, and
    /// plain texts.
    pub fn of(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failure(Exception::of(error.into().as_ref()))
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
mod argument_tests {
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
