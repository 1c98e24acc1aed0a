//! The dead-letter queue: putting messages into it, and looking through it to send them again or to delete them.
//!
//! Every move names the exact element and happens only if that is still there, so that any number of people may work on
//! the same letters at once. What a letter says is not looked at here.

use std::sync::{Arc, LazyLock};

use chrono::Utc;
use redis::{AsyncTypedCommands, Script};

use super::{Inner, RedisBroker, unavailable};
use crate::broker::BrokerError;
use crate::dead_letters::{self, Cause, DeadLetter};

/// Letters read, moved or deleted in one round trip.
const PAGE: usize = 100;

static REQUEUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("requeue.lua")));

impl Inner {
    /// The dead letter of an element from `queue`, which may be empty, and the list where it is to lie. `None` when there is no
    /// dead-letter queue: then the log is the last that anybody hears of it.
    pub(super) fn dead_letter(
        &self,
        element: &[u8],
        queue: &str,
        reason: &str,
        exception: Option<&str>,
    ) -> Option<(String, Vec<u8>)> {
        let Some(dead_letter_queue) = &self.options.dead_letter_queue else {
            tracing::warn!(
                queue,
                reason,
                exception,
                bytes = element.len(),
                "dropping a message that nobody can run"
            );
            return None;
        };
        let cause = Cause { queue, reason, exception, worker: self.node.name() };
        let letter = dead_letters::make(element, &cause, dead_letter_queue, Utc::now());
        Some((self.keys.list(dead_letter_queue, 0), letter))
    }
}

impl RedisBroker {
    /// Begins a walk through the dead letters. Without a dead-letter queue there are none.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached.
    pub async fn dead_letters(&self) -> Result<DeadLetters, BrokerError> {
        let inner = self.0.clone();
        let Some(queue) = &inner.options.dead_letter_queue else {
            return Ok(DeadLetters { list: String::new(), left: 0, kept: 0, inner });
        };
        let list = inner.keys.list(queue, 0);
        let left =
            inner.connection.clone().llen(&list).await.map_err(unavailable("count the dead letters"))?;
        Ok(DeadLetters { inner, list, left, kept: 0 })
    }
}

/// A walk through the dead letters, oldest first. It ends after as many as there were when it began, so that letters
/// which come back while it goes on cannot keep it going. When somebody else takes letters out meanwhile, some of the rest
/// may be passed over; they stay where they are.
#[derive(Debug)]
pub struct DeadLetters {
    inner: Arc<Inner>,
    list: String,
    /// How many are still to be read.
    left: usize,
    /// How many of those that were read are still in the queue.
    kept: usize,
}

impl DeadLetters {
    /// The next letters; none at the end.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached.
    pub async fn next_page(&mut self) -> Result<Vec<DeadLetter>, BrokerError> {
        let wanted = self.left.min(PAGE);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        // New letters come in at the other end: counted from this one, places stay the same.
        let place = |from_the_end: usize| -i64::try_from(from_the_end).unwrap_or(i64::MAX);
        let elements: Vec<Vec<u8>> = redis::cmd("LRANGE")
            .arg(&self.list)
            .arg(place(self.kept + wanted))
            .arg(place(self.kept + 1))
            .query_async(&mut self.inner.connection.clone())
            .await
            .map_err(unavailable("read the dead letters"))?;
        self.left = if elements.len() < wanted { 0 } else { self.left - wanted };
        self.kept += elements.len();
        Ok(elements.into_iter().rev().map(DeadLetter::read).collect())
    }

    /// Sends letters of the last page again, each to its queue: behind all that wait there, without the marks of a dead
    /// letter. Answers for each whether it was moved; `false`: it was not there any more.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached; doing it again moves nothing twice.
    pub async fn requeue(&mut self, letters: &[(&DeadLetter, &str)]) -> Result<Vec<bool>, BrokerError> {
        if letters.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = REQUEUE.key(&self.list);
        for (letter, queue) in letters {
            let (payload, priority) = letter.revived(queue);
            call.key(self.inner.keys.list(queue, priority)).arg(letter.element()).arg(payload.as_ref());
        }
        let moved = call
            .invoke_async(&mut self.inner.connection.clone())
            .await
            .map_err(unavailable("send dead letters again"))?;
        self.kept -= letters.len().min(self.kept);
        Ok(moved)
    }

    /// Deletes letters of the last page for good. Answers for each whether it was deleted; `false`: it was not there any
    /// more.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached.
    pub async fn purge(&mut self, letters: &[&DeadLetter]) -> Result<Vec<bool>, BrokerError> {
        let mut commands = redis::pipe();
        for letter in letters {
            commands.lrem(&self.list, -1, letter.element());
        }
        let deleted = commands
            .query_async(&mut self.inner.connection.clone())
            .await
            .map_err(unavailable("delete dead letters"))?;
        self.kept -= letters.len().min(self.kept);
        Ok(deleted)
    }
}
