//! What lies where in the memory broker. Nothing here waits; every operation is whole.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;

use super::DEAD_LETTER_QUEUE;
use crate::broker::{Disposition, Receipt, Settled, Settlement};
use crate::dead_letters::{self, Cause};
use crate::message::Envelope;
use crate::results::{MemoryResults, ResultError};

/// Messages of a priority from one step up to the next lie together; the lowest step is served first (celery-wire.md 2.2).
const STEPS: [u8; 4] = [0, 3, 6, 9];

/// Whether a hand-back counts as a delivery without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    No,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// By queue and step; the next to be taken is in front.
    waiting: HashMap<String, [VecDeque<Bytes>; STEPS.len()]>,
    held: BTreeMap<u64, Held>,
    delayed: BTreeMap<(DateTime<Utc>, u64), (Arc<str>, Bytes)>,
    /// Numbers deliveries and delays, in the order in which they happen.
    last_number: u64,
}

#[derive(Debug)]
struct Held {
    node: usize,
    queue: Arc<str>,
    element: Bytes,
    lost: CancellationToken,
}

impl State {
    pub(super) fn waiting(&self, queue: &str) -> Vec<Bytes> {
        self.waiting.get(queue).into_iter().flatten().flatten().cloned().collect()
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The messages of a queue among which one of this priority lies.
    fn step(&mut self, queue: &str, priority: u8) -> Option<&mut VecDeque<Bytes>> {
        let step = STEPS.iter().rposition(|step| *step <= priority).unwrap_or(0);
        self.waiting.entry(queue.to_owned()).or_default().get_mut(step)
    }

    fn put(&mut self, queue: &str, priority: u8, element: Bytes, first: bool) {
        if let Some(messages) = self.step(queue, priority) {
            if first { messages.push_front(element) } else { messages.push_back(element) }
        }
    }

    pub(super) fn push(&mut self, queue: &str, element: Bytes) {
        let priority = Envelope::parse(&element).map_or(0, |envelope| envelope.priority());
        self.put(queue, priority, element, false);
    }

    pub(super) fn publish(&mut self, queue: &str, envelope: &Envelope) {
        self.put(queue, envelope.priority(), envelope.to_bytes().into(), false);
    }

    /// When there will be something to take from these queues: now, at the time of the next delayed message, or not for all
    /// that is known (`None`).
    pub(super) fn next(&self, queues: &[Arc<str>], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let has_messages = |queue: &Arc<str>| {
            self.waiting.get(queue.as_ref()).is_some_and(|steps| steps.iter().any(|step| !step.is_empty()))
        };
        if queues.iter().any(has_messages) {
            return Some(now);
        }
        let wanted = self.delayed.iter().find(|(_, (queue, _))| queues.contains(queue));
        wanted.map(|((time, _), _)| *time)
    }

    /// Leases the next message to a node: those whose time has come first, then by step, the queues in turn in each step.
    pub(super) fn take(
        &mut self,
        node: usize,
        queues: &[Arc<str>],
        now: DateTime<Utc>,
    ) -> Option<(Arc<str>, Bytes, Receipt)> {
        let (queue, element) = self.take_due(queues, now).or_else(|| self.take_waiting(queues))?;
        let number = self.number();
        let lost = CancellationToken::new();
        let held = Held { node, queue: queue.clone(), element: element.clone(), lost: lost.clone() };
        self.held.insert(number, held);
        let receipt = Receipt { tag: number.to_string().into(), source: queue.clone(), lost };
        Some((queue, element, receipt))
    }

    fn take_due(&mut self, queues: &[Arc<str>], now: DateTime<Utc>) -> Option<(Arc<str>, Bytes)> {
        let mut due = self.delayed.iter().take_while(|((time, _), _)| *time <= now);
        let key = *due.find(|(_, (queue, _))| queues.contains(queue))?.0;
        self.delayed.remove(&key)
    }

    fn take_waiting(&mut self, queues: &[Arc<str>]) -> Option<(Arc<str>, Bytes)> {
        STEPS.iter().enumerate().find_map(|(step, _)| {
            queues.iter().find_map(|queue| {
                let messages = self.waiting.get_mut(queue.as_ref())?.get_mut(step)?;
                Some((queue.clone(), messages.pop_front()?))
            })
        })
    }

    /// Ends a delivery, if it is still held.
    ///
    /// # Errors
    /// When the result cannot be stored; then nothing was done.
    pub(super) fn settle(
        &mut self,
        tag: &str,
        settlement: Settlement,
        node: &str,
        results: &MemoryResults,
    ) -> Result<Settled, ResultError> {
        let Some(number) = self.number_of(tag) else { return Ok(Settled::NotHeld) };
        let Settlement { disposition, result, publish } = settlement;
        if let Some(record) = &result {
            results.put(record)?;
        }
        let Some(held) = self.held.remove(&number) else { return Ok(Settled::NotHeld) };
        match disposition {
            Disposition::Acknowledge => {}
            Disposition::Requeue(envelope) => self.publish(&held.queue, &envelope),
            Disposition::Next(envelope) => {
                self.put(&held.queue, envelope.priority(), envelope.to_bytes().into(), true);
            }
            Disposition::Delay { queue, until } => {
                let number = self.number();
                self.delayed.insert((until, number), (queue, held.element));
            }
            Disposition::DeadLetter { element, reason, exception } => {
                let (reason, exception) = (reason.as_str(), exception.as_deref());
                self.bury(&element, &Cause { queue: &held.queue, reason, exception, worker: node });
            }
        }
        for (queue, envelope) in &publish {
            self.publish(queue, envelope);
        }
        Ok(Settled::Done)
    }

    fn number_of(&self, tag: &str) -> Option<u64> {
        tag.parse().ok().filter(|number| self.held.contains_key(number))
    }

    fn bury(&mut self, element: &[u8], cause: &Cause<'_>) {
        let letter = dead_letters::make(element, cause, DEAD_LETTER_QUEUE, Utc::now());
        self.put(DEAD_LETTER_QUEUE, 0, letter.into(), false);
    }

    /// Puts one held message back to where it is taken next.
    pub(super) fn give_back(&mut self, tag: &str, node: &str, counted: Counted) {
        if let Some(held) = self.number_of(tag).and_then(|number| self.held.remove(&number)) {
            self.restore(held, node, counted);
        }
    }

    /// Puts everything back that a node holds, in the order in which it came. Answers how much that was.
    pub(super) fn hand_back(&mut self, node: usize, name: &str, counted: Counted) -> usize {
        let numbers: Vec<u64> =
            self.held.iter().filter(|(_, held)| held.node == node).map(|(number, _)| *number).collect();
        // The first comes to lie in front of the others.
        for number in numbers.iter().rev() {
            if let Some(held) = self.held.remove(number) {
                self.restore(held, name, counted);
            }
        }
        numbers.len()
    }

    fn restore(&mut self, held: Held, node: &str, counted: Counted) {
        held.lost.cancel();
        match Envelope::parse(&held.element) {
            Ok(mut envelope) => {
                envelope.mark_redelivered(counted == Counted::Yes);
                self.put(&held.queue, envelope.priority(), envelope.to_bytes().into(), true);
            }
            Err(malformed) => {
                let cause =
                    Cause { queue: &held.queue, reason: &malformed.reason, exception: None, worker: node };
                self.bury(&held.element, &cause);
            }
        }
    }
}
