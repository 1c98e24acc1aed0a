//! A call of a task by name, as it is put together.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::message::compression::Compression;
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
}
