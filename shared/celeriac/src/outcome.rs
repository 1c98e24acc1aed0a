//! How a request can end: the closed set from which everything else follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exception::Exception;
use crate::task::TaskError;

/// The end of one request. `worker::settle` turns it into result, acknowledgement and follow-up messages; no other
/// place does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Outcome {
    /// The task returned a value.
    Success(Value),
    /// The task failed, or could not be called.
    Failure(Exception),
    /// The task is to run again after the delay.
    Retry {
        /// Time until the next attempt.
        delay: Duration,
        /// What is shown until then.
        cause: Exception,
    },
    /// The task is to run again as the next one of its queue.
    RetryNext {
        /// What is shown until then.
        cause: Exception,
    },
    /// The task refused its message.
    Reject {
        /// Why.
        reason: String,
        /// Whether the message goes back to its queue.
        requeue: bool,
    },
    /// Nothing is stored.
    Ignore,
    /// It did not run, expired or revoked, or was terminated while it ran.
    Revoked(Exception),
    /// The hard time limit ended it.
    TimedOut(Exception),
    /// Its executor ended while it ran: killed, crashed, out of memory.
    Lost {
        /// What happened to the executor.
        exception: Exception,
        /// Whether the task gets another attempt, counted.
        redeliver: bool,
    },
}

/// A body's end is an outcome as it is; what only the worker can find out (revoked) comes from nowhere else.
impl From<Result<Value, TaskError>> for Outcome {
    fn from(end: Result<Value, TaskError>) -> Self {
        match end {
            Ok(value) => Self::Success(value),
            Err(TaskError::Failure(exception)) => Self::Failure(exception),
            Err(TaskError::Retry { delay, cause }) => Self::Retry { delay, cause },
            Err(TaskError::RetryNext { cause }) => Self::RetryNext { cause },
            Err(TaskError::Reject { reason, requeue }) => Self::Reject { reason, requeue },
            Err(TaskError::Ignore) => Self::Ignore,
        }
    }
}

impl Outcome {
    /// Celery's name of the state, for results, logs and events.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Success(_) => "SUCCESS",
            Self::Failure(_) | Self::TimedOut(_) | Self::Lost { .. } => "FAILURE",
            Self::Retry { .. } | Self::RetryNext { .. } => "RETRY",
            Self::Reject { .. } => "REJECTED",
            Self::Ignore => "IGNORED",
            Self::Revoked(_) => "REVOKED",
        }
    }
}
