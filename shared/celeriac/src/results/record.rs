//! The meta JSON of a result (celery-wire.md 6.2): made from an outcome, and read back.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

use crate::exception::Exception;
use crate::message::{Request, json};
use crate::outcome::Outcome;

/// A result ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRecord {
    /// The task it belongs to.
    pub task_id: String,
    /// Celery's state name.
    pub state: &'static str,
    /// The meta object as JSON text.
    pub meta: Vec<u8>,
}

impl ResultRecord {
    /// The record of a request's outcome. `None` for outcomes that store nothing.
    /// `extended` adds name, arguments, worker, retries and queue (`result_extended`).
    pub fn new(
        request: &Request,
        outcome: &Outcome,
        hostname: &str,
        now: DateTime<Utc>,
        extended: bool,
    ) -> Option<Self> {
        let mut meta = Map::new();
        outcome_fields(&mut meta, outcome, now)?;
        if matches!(outcome, Outcome::Retry { .. }) {
            // A retry is a child of the attempt before it, under the same id.
            meta.insert("children".into(), serde_json::json!([[[request.id, null], null]]));
        }
        for (key, header) in [("group_id", "group"), ("parent_id", "parent_id")] {
            if let Some(value) = request.header(header) {
                meta.insert(key.into(), value.clone());
            }
        }
        if extended {
            meta.insert("name".into(), request.task.as_str().into());
            meta.insert("args".into(), request.sent_args().into());
            meta.insert("kwargs".into(), request.sent_kwargs().clone().into());
            meta.insert("worker".into(), hostname.into());
            meta.insert("retries".into(), request.retries.into());
            meta.insert("queue".into(), request.routing_key().into());
        }
        Some(Self::finish(meta, &request.id, outcome))
    }

    /// The record that a task has started on this process (celery-wire.md 6.2).
    pub fn started(task_id: &str, hostname: &str) -> Self {
        let meta = serde_json::json!({
            "status": "STARTED", "result": {"pid": std::process::id(), "hostname": hostname}, "traceback": null,
            "children": [], "date_done": null, "task_id": task_id,
        });
        // JSON values always serialize.
        Self { task_id: task_id.to_owned(), state: "STARTED", meta: json::to_vec(&meta).unwrap_or_default() }
    }

    /// The record for a message that never became a request: its extended fields are null, as Celery leaves them
    /// for unknown tasks (quirk Q17).
    pub fn without_request(
        task_id: &str,
        outcome: &Outcome,
        now: DateTime<Utc>,
        extended: bool,
    ) -> Option<Self> {
        let mut meta = Map::new();
        outcome_fields(&mut meta, outcome, now)?;
        if extended {
            for key in ["name", "args", "kwargs", "worker", "retries", "queue"] {
                meta.insert(key.into(), Value::Null);
            }
        }
        Some(Self::finish(meta, task_id, outcome))
    }

    fn finish(mut meta: Map<String, Value>, task_id: &str, outcome: &Outcome) -> Self {
        // Clients that wait need it (celery-wire.md 6.2): last, as Celery writes it.
        meta.insert("task_id".into(), task_id.into());
        Self {
            task_id: task_id.to_owned(),
            state: outcome.state(),
            // A map of JSON values always serializes.
            meta: json::to_vec(&meta).unwrap_or_default(),
        }
    }
}

fn outcome_fields(meta: &mut Map<String, Value>, outcome: &Outcome, now: DateTime<Utc>) -> Option<()> {
    let rejected;
    let (result, traceback, ready) = match outcome {
        Outcome::Success(value) => (value.clone(), None, true),
        Outcome::Failure(exception) | Outcome::Revoked(exception) => {
            (exception.to_json(), exception.traceback.clone(), true)
        }
        Outcome::Retry { cause, .. } => (cause.to_json(), cause.traceback.clone(), false),
        Outcome::Reject { reason, requeue: false } => {
            rejected = Exception::reject(reason, false);
            (rejected.to_json(), None, true)
        }
        Outcome::Reject { requeue: true, .. } | Outcome::Ignore => return None,
    };
    let status = match outcome {
        Outcome::Reject { .. } => "FAILURE",
        other => other.state(),
    };
    meta.insert("status".into(), status.into());
    meta.insert("result".into(), result);
    meta.insert("traceback".into(), traceback.into());
    meta.insert("children".into(), Value::Array(Vec::new()));
    meta.insert("date_done".into(), ready.then(|| isoformat(now)).into());
    Some(())
}

/// Python's `datetime.isoformat()` of a UTC time: microseconds only when there are any.
fn isoformat(instant: DateTime<Utc>) -> String {
    let precision =
        if instant.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    instant.to_rfc3339_opts(precision, false)
}

/// A stored result, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Meta {
    /// `SUCCESS`, `FAILURE`, ...
    pub status: String,
    /// The value, or the exception's object.
    pub result: Value,
    /// The traceback text of a failure.
    pub traceback: Option<String>,
    /// The whole object.
    pub fields: Map<String, Value>,
}

impl Meta {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let fields: Map<String, Value> = json::from_slice(text).map_err(|error| error.to_string())?;
        let status =
            fields.get("status").and_then(Value::as_str).ok_or("it has no text `status`")?.to_owned();
        Ok(Self {
            status,
            result: fields.get("result").cloned().unwrap_or_default(),
            traceback: fields.get("traceback").and_then(Value::as_str).map(str::to_owned),
            fields,
        })
    }

    /// Whether nothing will change any more: SUCCESS, FAILURE or REVOKED.
    pub fn is_ready(&self) -> bool {
        matches!(self.status.as_str(), "SUCCESS" | "FAILURE" | "REVOKED")
    }

    /// The exception of a state that has one.
    pub fn exception(&self) -> Option<Exception> {
        matches!(self.status.as_str(), "FAILURE" | "REVOKED" | "RETRY")
            .then(|| Exception::from_json(&self.result, self.traceback.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Envelope;
    use serde_json::json;

    fn request() -> Request {
        let element = json!({
            "body": r#"[["8a6e-uuid", 7], {}, null]"#, "content-type": "application/json",
            "headers": {"task": "celery_queue.tasks.process_analysis", "id": "1", "retries": 0, "group": "g"},
            "properties": {"delivery_info": {"exchange": "", "routing_key": "default"}},
        });
        Request::decode(Envelope::parse(element.to_string().as_bytes()).unwrap(), &Default::default())
            .unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn spelled_as_celery_spells_it() {
        let outcome = Outcome::Success(json!({"status": "success", "execution_time_ms": 12}));
        let record =
            ResultRecord::new(&request(), &outcome, "w1@host", at("2026-11-22T02:50:13.756098Z"), true)
                .unwrap();
        let expected = r#"{"status": "SUCCESS", "result": {"status": "success", "execution_time_ms": 12}, "traceback": null, "children": [], "date_done": "2026-11-22T02:50:13.756098+00:00", "group_id": "g", "name": "celery_queue.tasks.process_analysis", "args": ["8a6e-uuid", 7], "kwargs": {}, "worker": "w1@host", "retries": 0, "queue": "default", "task_id": "1"}"#;
        assert_eq!(String::from_utf8(record.meta).unwrap(), expected);
    }

    #[test]
    fn each_outcome_has_its_meta() {
        let now = at("2026-11-22T02:50:13Z");
        let cases = [
            (
                Outcome::Failure(Exception::builtin("ValueError", "boom").with_traceback("tb")),
                "FAILURE",
                true,
            ),
            (Outcome::Revoked(Exception::revoked("expired")), "REVOKED", true),
            (Outcome::Reject { reason: "no".into(), requeue: false }, "FAILURE", true),
            (
                Outcome::Retry { delay: Default::default(), cause: Exception::builtin("KeyError", "k") },
                "RETRY",
                false,
            ),
        ];
        for (outcome, status, ready) in cases {
            let record = ResultRecord::new(&request(), &outcome, "w", now, false).unwrap();
            let meta = Meta::parse(&record.meta).unwrap();
            assert_eq!(meta.status, status);
            assert_eq!(meta.is_ready(), ready);
            assert!(meta.exception().is_some());
            assert_eq!(meta.fields["date_done"].as_str(), ready.then_some("2026-11-22T02:50:13+00:00"));
            assert_eq!(meta.fields.keys().next_back().unwrap(), "task_id");
        }
        assert!(ResultRecord::new(&request(), &Outcome::Ignore, "w", now, false).is_none());
    }
}
