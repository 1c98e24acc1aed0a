//! Celery messages as values.
//!
//! Reads and writes task messages exactly as Python's kombu and Celery do (celery-wire.md section 1). Nothing here
//! touches the network or waits: give it bytes, get a [`Request`], or a [`Malformed`] that says which part was wrong.
//!
//! From the outside in: `envelope` is what lies in the broker; its body is decompressed by `compression`, deserialized by
//! `content` (JSON, `msgpack` or `yaml`, as far as they are accepted), read as protocol 2 by `request` and before that
//! turned into it by `protocol1`, if need be. Values that JSON has no word for are `typed`.

pub mod compression;
mod content;
mod envelope;
pub(crate) mod iso8601;
pub mod json;
mod msgpack;
mod protocol1;
pub mod repr;
mod request;
#[cfg(test)]
mod tests;
pub mod typed;
mod yaml;

pub use content::{AcceptContent, ContentError};
pub use envelope::Envelope;
pub use request::{Embed, Request, TimeLimits};

/// A message that cannot become a [`Request`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("malformed message: {reason}")]
#[non_exhaustive]
pub struct Malformed {
    /// Which part is wrong and how, without quoting the message's data.
    pub reason: String,
    /// The task id, when the message told one: its sender can then be told of the failure.
    pub task_id: Option<String>,
    /// What Celery itself does with such a message.
    pub treatment: Treatment,
}

/// How a malformed message is put out of the way (celery-wire.md 1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is kept among the dead letters, and a FAILURE is stored when its id is known.
    DeadLetter,
    /// Its sender is told by a FAILURE of class `InvalidTaskError`; the message is acknowledged.
    Refuse,
}

impl Malformed {
    pub(crate) fn dead_letter(reason: impl Into<String>, task_id: Option<&str>) -> Self {
        Self { reason: reason.into(), task_id: task_id.map(str::to_owned), treatment: Treatment::DeadLetter }
    }

    pub(crate) fn refused(reason: impl Into<String>, task_id: &str) -> Self {
        Self { reason: reason.into(), task_id: Some(task_id.to_owned()), treatment: Treatment::Refuse }
    }
}

/// Containers that may lie in one another in a document. Python's own readers end at about 1000; a chain of a hundred
/// chords, the deepest thing that canvas builds, has about 500.
const MAX_DEPTH: usize = 512;

/// A name that came with a message, for a reason: short, on one line.
fn shown(name: &str) -> String {
    const LONGEST: usize = 80;
    format!("`{}`", name.chars().take(LONGEST).collect::<String>().escape_debug())
}
