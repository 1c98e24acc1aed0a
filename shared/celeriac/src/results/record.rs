//! The meta JSON of a result (celery-wire.md 6.2): made from an outcome, and read back.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::exception::Exception;
use crate::message::compression::{MAX_DECOMPRESSED, decompress_result};
use crate::message::iso8601::isoformat;
use crate::message::{Request, json as python_json};
use crate::outcome::Outcome;

/// A result ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultRecord {
    /// The task it belongs to.
    pub task_id: String,
    /// The key that holds it, and the channel on which it is announced.
    pub key: String,
    /// Seconds that it stays; 0 is for ever.
    pub expires: u64,
    /// The meta object as JSON text.
    pub meta: Vec<u8>,
}

/// Makes records, all alike.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    /// In front of every key.
    pub(super) key_prefix: String,
    /// Seconds that results stay; 0 is for ever.
    pub(super) expires: u64,
    /// Whether name, arguments, worker, retries and queue are stored too (`result_extended`).
    pub(super) extended: bool,
}

impl Recorder {
    /// The key of a task's result, and the name of the channel on which it is announced (celery-wire.md 6.1).
    pub(super) fn key(&self, task_id: &str) -> String {
        format!("{}celery-task-meta-{task_id}", self.key_prefix)
    }

    /// The record of a request's outcome. `None` for outcomes that store nothing.
    pub(super) fn outcome(
        &self,
        request: &Request,
        outcome: &Outcome,
        hostname: &str,
        now: DateTime<Utc>,
    ) -> Option<ResultRecord> {
        let mut meta = outcome_fields(outcome, now)?;
        if matches!(outcome, Outcome::Retry { .. }) {
            // A retry is a child of the attempt before it, under the same id.
            meta.insert("children".into(), json!([[[request.id, null], null]]));
        }
        Some(self.finish_request(meta, request, hostname))
    }

    /// The record of a state of the task's own: what it tells is the result until there is one (celery-wire.md 6.2).
    pub(super) fn state(&self, request: &Request, state: &str, meta: &Value, hostname: &str) -> ResultRecord {
        self.finish_request(fields(state, meta.clone(), None, None), request, hostname)
    }

    fn finish_request(
        &self,
        mut meta: Map<String, Value>,
        request: &Request,
        hostname: &str,
    ) -> ResultRecord {
        for (key, header) in [("group_id", "group"), ("parent_id", "parent_id")] {
            if let Some(value) = request.header(header) {
                meta.insert(key.into(), value.clone());
            }
        }
        if self.extended {
            meta.insert("name".into(), request.task.as_str().into());
            meta.insert("args".into(), request.sent_args().into());
            meta.insert("kwargs".into(), request.sent_kwargs().clone().into());
            meta.insert("worker".into(), hostname.into());
            meta.insert("retries".into(), request.retries.into());
            meta.insert("queue".into(), request.routing_key().into());
        }
        self.finish(meta, &request.id)
    }

    /// The record for a message that never became a request: its extended fields are null, as Celery leaves them
    /// for unknown tasks (quirk Q17).
    pub(super) fn without_request(
        &self,
        task_id: &str,
        outcome: &Outcome,
        now: DateTime<Utc>,
    ) -> Option<ResultRecord> {
        let mut meta = outcome_fields(outcome, now)?;
        if self.extended {
            for key in ["name", "args", "kwargs", "worker", "retries", "queue"] {
                meta.insert(key.into(), Value::Null);
            }
        }
        Some(self.finish(meta, task_id))
    }

    /// The record that a task has started in this process (celery-wire.md 6.2).
    pub(super) fn started(&self, task_id: &str, hostname: &str) -> ResultRecord {
        let result = json!({"pid": std::process::id(), "hostname": hostname});
        self.finish(fields("STARTED", result, None, None), task_id)
    }

    fn finish(&self, mut meta: Map<String, Value>, task_id: &str) -> ResultRecord {
        // Clients that wait need it (celery-wire.md 6.2): last, as Celery writes it.
        meta.insert("task_id".into(), task_id.into());
        ResultRecord {
            task_id: task_id.to_owned(),
            key: self.key(task_id),
            expires: self.expires,
            // A map of JSON values always serializes.
            meta: python_json::to_vec(&meta).unwrap_or_default(),
        }
    }
}

/// What the outcome itself tells; `None` when it stores nothing.
fn outcome_fields(outcome: &Outcome, now: DateTime<Utc>) -> Option<Map<String, Value>> {
    let exception = |status: &str, exception: &Exception, date_done: Option<DateTime<Utc>>| {
        fields(status, exception.to_json(), exception.traceback.as_deref(), date_done)
    };
    Some(match outcome {
        Outcome::Success(value) => fields("SUCCESS", value.clone(), None, Some(now)),
        Outcome::Failure(failure)
        | Outcome::TimedOut(failure)
        | Outcome::Lost { exception: failure, redeliver: false } => exception("FAILURE", failure, Some(now)),
        Outcome::Revoked(revoked) => exception("REVOKED", revoked, Some(now)),
        Outcome::Retry { cause, .. } | Outcome::RetryNext { cause } => exception("RETRY", cause, None),
        Outcome::Reject { reason, requeue: false } => {
            exception("FAILURE", &Exception::reject(reason, false), Some(now))
        }
        Outcome::Reject { requeue: true, .. } | Outcome::Lost { redeliver: true, .. } | Outcome::Ignore => {
            return None;
        }
    })
}

/// The fields that every record begins with, in Celery's order.
fn fields(
    status: &str,
    result: Value,
    traceback: Option<&str>,
    date_done: Option<DateTime<Utc>>,
) -> Map<String, Value> {
    Map::from_iter([
        ("status".to_owned(), status.into()),
        ("result".to_owned(), result),
        ("traceback".to_owned(), traceback.into()),
        ("children".to_owned(), json!([])),
        ("date_done".to_owned(), date_done.map(isoformat).into()),
    ])
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
    /// Reads what is stored, compressed or not (celery-wire.md 6.4).
    pub(crate) fn parse(stored: &[u8]) -> Result<Self, String> {
        let text = decompress_result(stored, MAX_DECOMPRESSED).map_err(|error| error.to_string())?;
        let fields: Map<String, Value> = python_json::from_slice(&text).map_err(|error| error.to_string())?;
        let status =
            fields.get("status").and_then(Value::as_str).ok_or("it has no text `status`")?.to_owned();
        Ok(Self {
            status,
            result: fields.get("result").cloned().unwrap_or_default(),
            traceback: fields.get("traceback").and_then(Value::as_str).map(str::to_owned),
            fields,
        })
    }

    /// Whether what is stored is a SUCCESS, which nothing may replace.
    pub(crate) fn is_success(stored: &[u8]) -> bool {
        Self::parse(stored).is_ok_and(|meta| meta.status == "SUCCESS")
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
        let recorder = Recorder { key_prefix: "p_".into(), expires: 7, extended: true };
        let record =
            recorder.outcome(&request(), &outcome, "w1@host", at("2026-11-22T02:50:13.756098Z")).unwrap();
        assert_eq!((record.key.as_str(), record.expires), ("p_celery-task-meta-1", 7));
        let expected = r#"{"status": "SUCCESS", "result": {"status": "success", "execution_time_ms": 12}, "traceback": null, "children": [], "date_done": "2026-11-22T02:50:13.756098+00:00", "group_id": "g", "name": "celery_queue.tasks.process_analysis", "args": ["8a6e-uuid", 7], "kwargs": {}, "worker": "w1@host", "retries": 0, "queue": "default", "task_id": "1"}"#;
        assert_eq!(String::from_utf8(record.meta).unwrap(), expected);
    }

    #[test]
    fn compressed_results_are_read() {
        // Recorded from celery.backends.base.compress_payload 5.7.
        let stored = b"\x00celery-compressed\x00application/x-gzip\x00x\x9c\xabV*.I,)-V\xb2RP\n\x0euvv\r\x0eV\xaa\x05\x00L\xda\x06\x98";
        assert!(Meta::is_success(stored));
        assert!(!Meta::is_success(&stored[..30]) && !Meta::is_success(br#"{"status": "PENDING"}"#));
    }

    #[test]
    fn each_outcome_has_its_meta() {
        let now = at("2026-11-22T02:50:13Z");
        let plain = Recorder { key_prefix: String::new(), expires: 0, extended: false };
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
            let record = plain.outcome(&request(), &outcome, "w", now).unwrap();
            let meta = Meta::parse(&record.meta).unwrap();
            assert_eq!(meta.status, status);
            assert_eq!(meta.is_ready(), ready);
            assert!(meta.exception().is_some());
            assert_eq!(meta.fields["date_done"].as_str(), ready.then_some("2026-11-22T02:50:13+00:00"));
            assert_eq!(meta.fields.keys().next_back().unwrap(), "task_id");
        }
        assert!(plain.outcome(&request(), &Outcome::Ignore, "w", now).is_none());
    }
}
