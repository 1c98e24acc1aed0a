//! The message that a call becomes, and the signature that it is in another's message, as Celery writes them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Number, Value, json};

use super::SendError;
use super::call::{Expires, Start, TaskCall};
use crate::message::compression::Compression;
use crate::message::{Envelope, iso8601, json as python_json, repr};

impl TaskCall {
    /// The message to `queue`, header for header as Celery writes it (celery-wire.md 1.2 to 1.4).
    pub(super) fn message(
        self,
        id: &str,
        queue: &str,
        origin: &str,
        reply_to: &str,
        now: DateTime<Utc>,
    ) -> Result<Envelope, SendError> {
        let embed = json!({
            "callbacks": signatures(&self.link), "errbacks": signatures(&self.link_error), "chain": null, "chord": null,
        });
        // JSON values always serialize.
        let body = python_json::to_vec(&json!([self.args, self.kwargs, embed])).unwrap_or_default();
        let expires = self.expires.map(|expires| match expires {
            Expires::In(time) => after(now, time),
            Expires::At(time) => time,
        });
        let eta = match self.start {
            Start::Now => None,
            Start::Countdown(delay) => Some(after(now, delay)),
            Start::Eta(time) => Some(time),
        };
        let headers = json!({
            "lang": "py", "task": self.task, "id": id, "shadow": self.shadow, "eta": eta.map(iso8601::isoformat),
            "expires": expires.map(iso8601::isoformat), "group": self.group_id, "group_index": self.group_index,
            "retries": self.retries, "timelimit": [seconds(self.time_limit), seconds(self.soft_time_limit)],
            "root_id": self.root_id.as_deref().unwrap_or(id), "parent_id": self.parent_id,
            "argsrepr": repr::args(&self.args), "kwargsrepr": repr::kwargs(&self.kwargs), "origin": origin,
            "ignore_result": self.ignore_result, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {},
        });
        let expiration = expires.map(|expires| (expires - now).num_milliseconds().max(0).to_string());
        let properties = [
            ("correlation_id", id.into()),
            ("reply_to", reply_to.into()),
            ("delivery_mode", 2.into()),
            ("expiration", expiration.into()),
            ("delivery_info", json!({"exchange": "", "routing_key": queue})),
            ("priority", self.priority.unwrap_or(0).into()),
            ("body_encoding", "base64".into()),
            ("delivery_tag", uuid::Uuid::new_v4().to_string().into()),
        ];
        let given = properties.into_iter().filter(|(_, value): &(_, Value)| !value.is_null());
        let properties = given.map(|(name, value)| (name.to_owned(), value)).collect();

        let headers = headers.as_object().cloned().unwrap_or_default();
        let mut envelope = Envelope::new(&body, headers, properties);
        for (name, value) in self.headers {
            envelope.set_header(&name, value);
        }
        if let Some(method) = self.compression {
            envelope.compress(method)?;
        }
        Ok(envelope)
    }

    /// The call as a signature in another's message (celery-wire.md 7.1).
    fn signature(&self) -> Value {
        let mut options = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                options.insert(name.to_owned(), value);
            }
        };
        set("task_id", json!(self.task_id));
        set("queue", json!(self.queue));
        match self.start {
            Start::Now => {}
            Start::Countdown(delay) => set("countdown", seconds(Some(delay))),
            Start::Eta(time) => set("eta", iso8601::isoformat(time).into()),
        }
        match self.expires {
            None => {}
            Some(Expires::In(time)) => set("expires", seconds(Some(time))),
            Some(Expires::At(time)) => set("expires", iso8601::isoformat(time).into()),
        }
        set("priority", json!(self.priority));
        set("retries", if self.retries == 0 { Value::Null } else { self.retries.into() });
        set("time_limit", seconds(self.time_limit));
        set("soft_time_limit", seconds(self.soft_time_limit));
        set("ignore_result", json!(self.ignore_result));
        set("link", signatures(&self.link));
        set("link_error", signatures(&self.link_error));
        set("group_id", json!(self.group_id));
        set("group_index", json!(self.group_index));
        set("parent_id", json!(self.parent_id));
        set("root_id", json!(self.root_id));
        set("shadow", json!(self.shadow));
        set("compression", json!(self.compression.map(Compression::mime)));
        if !self.headers.is_empty() {
            set("headers", self.headers.clone().into());
        }
        json!({
            "task": self.task, "args": self.args, "kwargs": self.kwargs, "options": options, "subtask_type": null,
            "immutable": self.immutable,
        })
    }
}

/// `null` when there are none, as in Celery.
fn signatures(calls: &[TaskCall]) -> Value {
    if calls.is_empty() { Value::Null } else { calls.iter().map(TaskCall::signature).collect() }
}

/// Seconds as Python writes them: an integer when they are whole.
fn seconds(time: Option<Duration>) -> Value {
    match time {
        None => Value::Null,
        Some(time) if time.subsec_nanos() == 0 => time.as_secs().into(),
        Some(time) => Number::from_f64(time.as_secs_f64()).into(),
    }
}

/// So long after `now`, or as late as Python can say.
fn after(now: DateTime<Utc>, time: Duration) -> DateTime<Utc> {
    const LAST_SECOND_OF_9999: DateTime<Utc> = DateTime::from_timestamp_secs(253_402_300_799).unwrap();
    let later = TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time));
    later.map_or(LAST_SECOND_OF_9999, |later| later.min(LAST_SECOND_OF_9999))
}
