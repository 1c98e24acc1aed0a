//! Failures as Python's result readers know them. Here: the value and its way through a result. `python`: which of
//! Python's classes is under which other; `rust`: which of them a Rust error becomes.

mod python;
mod rust;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An exception as a result holds it: `AsyncResult.get()` raises the class of that name with these arguments
/// (celery-wire.md 6.2). Only modules that every Celery client has loaded are named here, because a reader looks the
/// class up among its loaded modules (quirk Q27).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// The class's name.
    pub class: String,
    /// The module that holds the class.
    pub module: String,
    /// The arguments it is raised with.
    pub args: Vec<Value>,
    /// Where it happened, as text; Python shows it, nothing interprets it.
    pub traceback: Option<String>,
}

impl Exception {
    /// An exception of any class, for example one of the application's own:
    /// `Exception::new("shop.errors", "OutOfStock", vec!["sku-7".into(), 0.into()])`. A reader that has not loaded the module
    /// raises a class of the same name made for the purpose (celery-wire.md 6.2), so that nothing is lost but `except` by
    /// class.
    pub fn new(module: &str, class: &str, args: Vec<Value>) -> Self {
        Self { class: class.into(), module: module.into(), args, traceback: None }
    }

    /// A class of Python's own, such as `ValueError`, with one message.
    pub fn builtin(class: &str, message: impl Into<String>) -> Self {
        Self::new("builtins", class, vec![Value::String(message.into())])
    }

    /// No task of that name is registered here.
    pub fn not_registered(task: &str) -> Self {
        Self::new("celery.exceptions", "NotRegistered", vec![task.into()])
    }

    /// The message cannot be turned into a call.
    pub fn invalid_task(reason: impl Into<String>) -> Self {
        Self::new("celery.exceptions", "InvalidTaskError", vec![Value::String(reason.into())])
    }

    /// The task did not run: `expired`, `revoked` or `terminated`.
    pub fn revoked(reason: &str) -> Self {
        Self::new("celery.exceptions", "TaskRevokedError", vec![reason.into()])
    }

    /// The process that ran the task was lost.
    pub fn worker_lost(message: impl Into<String>) -> Self {
        Self::new("billiard.exceptions", "WorkerLostError", vec![Value::String(message.into())])
    }

    /// What the task returned cannot be written as JSON.
    pub fn not_serializable(message: impl Into<String>) -> Self {
        Self::new("kombu.exceptions", "EncodeError", vec![Value::String(message.into())])
    }

    /// The task has run longer than its soft time limit and did not make anything else of it.
    pub fn soft_time_limit() -> Self {
        Self::new("billiard.exceptions", "SoftTimeLimitExceeded", Vec::new())
    }

    /// The hard time limit of so many seconds ended the task.
    pub fn time_limit(seconds: f64) -> Self {
        // As the sender wrote it: whole seconds are an integer.
        let whole = seconds.fract() == 0.0 && seconds.abs() < 1e15;
        let seconds = if whole { Value::from(seconds as i64) } else { Value::from(seconds) };
        Self::new("billiard.exceptions", "TimeLimitExceeded", vec![seconds])
    }

    /// The task asked to be rejected.
    pub fn reject(reason: impl Into<String>, requeue: bool) -> Self {
        Self::new("celery.exceptions", "Reject", vec![Value::String(reason.into()), requeue.into()])
    }

    /// The same failure with a traceback text.
    #[must_use]
    pub fn with_traceback(mut self, traceback: impl Into<String>) -> Self {
        self.traceback = Some(traceback.into());
        self
    }

    /// Whether Python's `except class` would catch it. The class is named alone (`ConnectionError`) or with its module
    /// (`shop.errors.OutOfStock`). Python's built-in classes catch those under them, `OSError` for example every
    /// `ConnectionResetError`; of other classes only the name and `Exception` are known.
    pub fn is_a(&self, class: &str) -> bool {
        python::is_a(&self.module, &self.class, class)
    }

    /// Whether it was not raised by the task's body: its process was lost, or ended at the hard time limit.
    pub(crate) fn is_from_outside(&self) -> bool {
        self.module == "billiard.exceptions"
            && matches!(self.class.as_str(), "WorkerLostError" | "Terminated" | "TimeLimitExceeded")
    }

    /// The object that a result holds.
    pub fn to_json(&self) -> Value {
        json!({"exc_type": self.class, "exc_message": self.args, "exc_module": self.module})
    }

    /// Reads the object that a result holds; what is missing is empty.
    pub fn from_json(value: &Value, traceback: Option<&str>) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let args = match value.get("exc_message") {
            Some(Value::Array(args)) => args.clone(),
            Some(Value::Null) | None => Vec::new(),
            Some(single) => vec![single.clone()],
        };
        Self {
            class: text("exc_type"),
            module: text("exc_module"),
            args,
            traceback: traceback.map(str::to_owned),
        }
    }
}

/// `ValueError('boom', 42)`, as Python's `repr`.
impl std::fmt::Display for Exception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = crate::message::repr::args(&self.args);
        let inner = match self.args.len() {
            1 => shown.trim_end_matches(",)").to_owned() + ")",
            _ => shown,
        };
        write!(f, "{}{inner}", self.class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_way_through_a_result() {
        let exception =
            Exception::new("builtins", "ValueError", vec!["boom".into(), 42.into()]).with_traceback("t");
        assert_eq!(Exception::from_json(&exception.to_json(), Some("t")), exception);
        assert_eq!(exception.to_string(), "ValueError('boom', 42)");
        assert_eq!(Exception::not_registered("a.b").to_string(), "NotRegistered('a.b')");
    }
}
