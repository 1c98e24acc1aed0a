//! How an analysis ends, as the backend reads it: return value, error code, row (platform.md 1.2 and 3.7).

use std::time::Duration;

use celeriac::Exception;
use celeriac::task::TaskError;
use platform::storage::{InputError, StorageError};
use platform::store::{ChargeError, Status, StoreError};
use serde_json::{Value, json};

/// The end of an analysis that did not complete.
#[derive(Debug)]
pub(super) enum Verdict {
    /// There is no such row, or not any more.
    NotFound,
    /// The row has a status from which nothing is started, or got one that ends the work.
    WrongState(Status),
    /// The user cancelled while it ran.
    Cancelled {
        /// Milliseconds of work.
        execution_time_ms: u64,
    },
    /// The soft time limit was reached while it ran.
    TimedOut {
        /// Milliseconds of work.
        execution_time_ms: u64,
    },
    /// The row is to become FAILED.
    Failed(Failure),
    /// The world outside failed in a way that passes: another attempt may succeed.
    Retry {
        /// The failure if no attempt is left.
        failure: Failure,
        /// Whether the database can tell of that failure.
        writable: bool,
    },
    /// This attempt does not count any more: another worker has the message.
    Superseded,
}

/// What a FAILED row says.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// `error_code`.
    pub(super) code: &'static str,
    /// `error_message`, for the user.
    pub(super) message: String,
    /// How the return value is shaped.
    pub(super) shape: Shape,
}

/// Which keys accompany an error (platform.md 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The transformer ran: task id and time.
    Transformer {
        /// Milliseconds of work.
        execution_time_ms: u64,
    },
    /// An unexpected failure: task id.
    Unexpected,
    /// Refused before the work: neither.
    Refused,
}

impl Failure {
    /// A failure before the transformer.
    pub(super) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), shape: Shape::Refused }
    }

    /// A failure that nobody foresaw.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self { code: "INTERNAL_ERROR", message: message.into(), shape: Shape::Unexpected }
    }

    /// A failure inside the transformer.
    pub(super) fn transformer(
        code: &'static str,
        message: impl Into<String>,
        execution_time_ms: u64,
    ) -> Self {
        Self { code, message: message.into(), shape: Shape::Transformer { execution_time_ms } }
    }

    /// The task's return value.
    pub(super) fn value(&self, task_id: &str) -> Value {
        let (error, error_code) = (&self.message, self.code);
        match self.shape {
            Shape::Transformer { execution_time_ms } => json!({
                "status": "error", "task_id": task_id, "error": error, "error_code": error_code,
                "execution_time_ms": execution_time_ms,
            }),
            Shape::Unexpected => {
                json!({"status": "error", "task_id": task_id, "error": error, "error_code": error_code})
            }
            Shape::Refused => json!({"status": "error", "error": error, "error_code": error_code}),
        }
    }
}

impl Verdict {
    /// A failure to read inputs or parameters.
    pub(super) fn of_inputs(error: &InputError, execution_time_ms: u64) -> Self {
        let failure = Failure::transformer(error.code(), error.to_string(), execution_time_ms);
        if error.is_transient() { Self::Retry { failure, writable: true } } else { Self::Failed(failure) }
    }

    /// A failure to bill.
    pub(super) fn of_charge(error: ChargeError, execution_time_ms: u64) -> Self {
        match error {
            ChargeError::Store(error) => Self::from(error),
            error => {
                let code = error.code().unwrap_or("PROCESSING_ERROR");
                Self::Failed(Failure::transformer(code, error.to_string(), execution_time_ms))
            }
        }
    }

    /// A failure to write an output; trying again in place has not helped.
    pub(super) fn of_upload(file: &str, error: &StorageError, execution_time_ms: u64) -> Self {
        let message = format!("The output file {file} could not be stored: {error}");
        Self::Failed(Failure::transformer("PROCESSING_ERROR", message, execution_time_ms))
    }
}

impl From<StoreError> for Verdict {
    fn from(error: StoreError) -> Self {
        let failure = Failure::internal(error.to_string());
        if error.is_transient() { Self::Retry { failure, writable: false } } else { Self::Failed(failure) }
    }
}

/// Asks Celery for another attempt: exponential backoff with full jitter, as the backend's `retry_backoff` says
/// (platform.md 1.3: factor 1, at most 600 s).
pub(super) fn retry(failure: &Failure, retries: u32) -> TaskError {
    let longest = 2_u64.saturating_pow(retries).min(600);
    TaskError::Retry {
        delay: Duration::from_secs(rand::random_range(0..=longest)),
        cause: Exception::builtin("ConnectionError", failure.message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(failure: &Failure) -> Vec<String> {
        failure.value("t").as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn each_error_has_exactly_its_keys() {
        assert_eq!(keys(&Failure::refused("UNKNOWN_TOOL", "x")), ["status", "error", "error_code"]);
        assert_eq!(keys(&Failure::internal("x")), ["status", "task_id", "error", "error_code"]);
        assert_eq!(
            keys(&Failure::transformer("NO_INPUT_FILES", "x", 5)),
            ["status", "task_id", "error", "error_code", "execution_time_ms"]
        );
    }

    #[test]
    fn retries_stay_within_the_backends_bounds() {
        for retries in [0, 1, 5, 9, 10, 40] {
            let TaskError::Retry { delay, .. } = retry(&Failure::internal("x"), retries) else {
                unreachable!("a retry is asked for")
            };
            assert!(delay <= Duration::from_secs(2_u64.saturating_pow(retries).min(600)));
        }
    }
}
