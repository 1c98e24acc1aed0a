//! A call of a task by name, and the message or signature that it becomes.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Number, Value, json};

use super::SendError;
use crate::message::compression::Compression;
use crate::message::{Envelope, iso8601, json as python_json, repr};
use crate::task::TaskContext;

/// A call of a task: what it is called with, and how, in the words of Celery's `apply_async`.
///
/// ```
/// use std::time::Duration;
/// use celeriac::TaskCall;
///
/// let call = TaskCall::new("shop.invoice")
///     .arg(42)
///     .kwarg("currency", "EUR")
///     .queue("invoices")
///     .countdown(Duration::from_secs(10))
///     .expires_in(Duration::from_secs(3600))
///     .priority(3)
///     .link(TaskCall::new("shop.mail").queue("mails"))
///     .link_error(TaskCall::new("shop.alert"));
/// assert_eq!(call.args, [42]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TaskCall {
    /// The task's name.
    pub task: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map<String, Value>,
    /// Its id; a new one when `None`.
    pub task_id: Option<String>,
    /// Its queue; the client's default when `None`.
    pub queue: Option<String>,
    /// When it is to start.
    pub start: Start,
    /// Until when it is to start.
    pub expires: Option<Expires>,
    /// 0 to 9; on Redis 0 is served first.
    pub priority: Option<u8>,
    /// Headers of the sender's own. One that Celery has too replaces Celery's.
    pub headers: Map<String, Value>,
    /// Retries that count as made.
    pub retries: u32,
    /// The hard time limit: whole seconds are sent as such.
    pub time_limit: Option<Duration>,
    /// The soft time limit.
    pub soft_time_limit: Option<Duration>,
    /// Whether its result is not wanted; `None` leaves it to the task.
    pub ignore_result: Option<bool>,
    /// What is called with its result.
    pub link: Vec<TaskCall>,
    /// What is called when it fails, with its id.
    pub link_error: Vec<TaskCall>,
    /// The group that it belongs to.
    pub group_id: Option<String>,
    /// Its place in the group.
    pub group_index: Option<u64>,
    /// The task that sends it.
    pub parent_id: Option<String>,
    /// The first task of the workflow; itself when `None`.
    pub root_id: Option<String>,
    /// The name it has in logs and events instead of its own.
    pub shadow: Option<String>,
    /// How its body is compressed.
    pub compression: Option<Compression>,
    /// As a link: is called with its own arguments alone.
    pub immutable: bool,
}

/// When a call is to start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// As soon as possible.
    #[default]
    Now,
    /// So long after it is sent.
    Countdown(Duration),
    /// Not before that time.
    Eta(DateTime<Utc>),
}

/// Until when a call is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expires {
    /// So long after it is sent.
    In(Duration),
    /// At that time.
    At(DateTime<Utc>),
}

impl TaskCall {
    /// A call without arguments.
    pub fn new(task: impl Into<String>) -> Self {
        Self { task: task.into(), ..Self::default() }
    }

    /// The same call with these positional arguments instead of those before.
    #[must_use]
    pub fn args(mut self, args: Vec<Value>) -> Self {
        self.args = args;
        self
    }

    /// The same call with these keyword arguments instead of those before.
    #[must_use]
    pub fn kwargs(mut self, kwargs: Map<String, Value>) -> Self {
        self.kwargs = kwargs;
        self
    }

    /// With one more positional argument.
    #[must_use]
    pub fn arg(mut self, value: impl Into<Value>) -> Self {
        self.args.push(value.into());
        self
    }

    /// With one more keyword argument.
    #[must_use]
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.kwargs.insert(name.into(), value.into());
        self
    }

    /// Under this id.
    #[must_use]
    pub fn task_id(mut self, id: impl Into<String>) -> Self {
        self.task_id = Some(id.into());
        self
    }

    /// To this queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// To start so long after it is sent.
    #[must_use]
    pub fn countdown(mut self, delay: Duration) -> Self {
        self.start = Start::Countdown(delay);
        self
    }

    /// Not to start before.
    #[must_use]
    pub fn eta(mut self, time: DateTime<Utc>) -> Self {
        self.start = Start::Eta(time);
        self
    }

    /// Not to start later than so long after it is sent.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Some(Expires::In(time));
        self
    }

    /// Not to start after.
    #[must_use]
    pub fn expires_at(mut self, time: DateTime<Utc>) -> Self {
        self.expires = Some(Expires::At(time));
        self
    }

    /// With this priority, 0 to 9; on Redis 0 is served first.
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// With a header of the sender's own.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// With so many retries that count as made.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// With this hard time limit.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// With this soft time limit.
    #[must_use]
    pub fn soft_time_limit(mut self, limit: Duration) -> Self {
        self.soft_time_limit = Some(limit);
        self
    }

    /// Whether its result is not wanted, whatever the task says.
    #[must_use]
    pub fn ignore_result(mut self, ignore: bool) -> Self {
        self.ignore_result = Some(ignore);
        self
    }

    /// Followed by a call with its result.
    #[must_use]
    pub fn link(mut self, call: Self) -> Self {
        self.link.push(call);
        self
    }

    /// Followed, when it fails, by a call with its id.
    #[must_use]
    pub fn link_error(mut self, call: Self) -> Self {
        self.link_error.push(call);
        self
    }

    /// In a group, at this place.
    #[must_use]
    pub fn group(mut self, id: impl Into<String>, index: u64) -> Self {
        self.group_id = Some(id.into());
        self.group_index = Some(index);
        self
    }

    /// As sent by the task of that id.
    #[must_use]
    pub fn parent_id(mut self, id: impl Into<String>) -> Self {
        self.parent_id = Some(id.into());
        self
    }

    /// In the workflow whose first task has that id.
    #[must_use]
    pub fn root_id(mut self, id: impl Into<String>) -> Self {
        self.root_id = Some(id.into());
        self
    }

    /// Sent by a running task: part of its workflow.
    #[must_use]
    pub fn child_of(self, context: &TaskContext) -> Self {
        self.parent_id(context.id()).root_id(context.root_id())
    }

    /// Under this name in logs and events.
    #[must_use]
    pub fn shadow(mut self, name: impl Into<String>) -> Self {
        self.shadow = Some(name.into());
        self
    }

    /// With its body compressed.
    #[must_use]
    pub fn compression(mut self, method: Compression) -> Self {
        self.compression = Some(method);
        self
    }

    /// As a link, with its own arguments alone.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

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
