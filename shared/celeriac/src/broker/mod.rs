//! The broker: where messages wait, and how one is leased, settled and given back.
//!
//! Leases, wake-ups, restores and dead letters are the broker's business; what a message means is not.

mod memory;
pub mod redis;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::message::Envelope;
use crate::results::ResultRecord;

pub use self::memory::{MemoryBroker, MemoryServer};
pub use self::redis::{DeadLetters, RedisBroker, RedisBrokerOptions, RedisWait, Stalled};

/// A message broker, as one node sees it.
#[async_trait]
pub trait Broker: Send + Sync {
    /// Announces the queues and starts to fetch from them. A message is fetched only when a permit of `window` is
    /// free, and takes the permit along. Fetching ends when `stop` is cancelled; then the channel closes after the last
    /// delivery. While the server is away the broker keeps trying; when it was told to do so only so often, the channel
    /// closes by itself, and [`Self::leave`] says why.
    async fn consume(
        &self,
        queues: &[String],
        window: Window,
        stop: CancellationToken,
    ) -> mpsc::Receiver<Delivery>;

    /// Ends a delivery: the message leaves the broker or goes back, the result is stored and follow-up messages are
    /// published, all in one transaction, and only if this node still holds the lease. `place` is the delivery's place in
    /// the window: the next message may come in the same round trip and take it.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached; nothing was done, or all of it: settling again is safe.
    async fn settle(
        &self,
        receipt: &Receipt,
        settlement: Settlement,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Settled, BrokerError>;

    /// Gives up a delivery that cannot be settled: its message is back in its queue within two renewals of the lease.
    fn abandon(&self, receipt: &Receipt);

    /// Publishes a message to a queue.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached or refuses.
    async fn publish(&self, queue: &str, envelope: &Envelope) -> Result<(), BrokerError>;

    /// Reserves the next start of a task among all nodes of the server, by the server's clock: now, or an `interval` after
    /// the last that was reserved, by whatever node. Answers the time until then. A start that is not used is wasted.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached; a start may have been wasted.
    async fn reserve_start(&self, task: &str, interval: Duration) -> Result<Duration, BrokerError>;

    /// Hands back everything that this node still holds and takes leave of the other nodes. Call it once, after
    /// fetching has stopped.
    ///
    /// # Errors
    /// [`BrokerError`] when the server cannot be reached, or was given up before: other nodes hand the messages back after
    /// the lease ran out.
    async fn leave(&self) -> Result<usize, BrokerError>;

    /// The place whose results can be stored in the same transaction as an acknowledgement, in the words of
    /// [`ResultBackend::place`](crate::results::ResultBackend::place).
    fn results_place(&self) -> Option<&str>;
}

/// How many messages a node may hold at once: running ones and those waiting for a slot (Celery's prefetch count).
/// Messages that wait for their time are held beside the window: each makes room for one more.
#[derive(Debug, Clone)]
pub struct Window {
    permits: Arc<Semaphore>,
    size: usize,
    beside: Arc<AtomicUsize>,
}

impl Window {
    /// A window of `size` messages; 0 is no limit, as in Celery.
    pub fn new(size: usize) -> Self {
        let size = if size == 0 { Semaphore::MAX_PERMITS } else { size };
        Self { permits: Arc::new(Semaphore::new(size)), size, beside: Arc::default() }
    }

    /// The number of messages that may be held at the moment, those beside the window included.
    pub fn limit(&self) -> usize {
        self.size.saturating_add(self.beside.load(Ordering::Acquire))
    }

    /// Gives a message's place in the window free while `waiting` is not over.
    pub async fn beside<T>(&self, permit: OwnedSemaphorePermit, waiting: impl Future<Output = T>) -> T {
        self.beside.fetch_add(1, Ordering::AcqRel);
        let _back = Beside(&self.beside);
        drop(permit);
        waiting.await
    }

    /// A place in the window, as soon as one is free.
    pub async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.permits.clone().acquire_owned().await.ok()
    }

    /// Waits until a place is free, then takes up to `most`.
    pub(crate) async fn acquire_many(&self, most: usize) -> Vec<OwnedSemaphorePermit> {
        let mut taken: Vec<_> = self.acquire().await.into_iter().collect();
        while taken.len() < most {
            match self.permits.clone().try_acquire_owned() {
                Ok(permit) => taken.push(permit),
                Err(_) => break,
            }
        }
        taken
    }

    /// Whether a place is free at the moment.
    pub(crate) fn has_room(&self) -> bool {
        self.permits.available_permits() > 0
    }
}

/// Counts a message beside the window until it is dropped.
struct Beside<'a>(&'a AtomicUsize);

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A message leased to this node.
#[derive(Debug)]
pub struct Delivery {
    /// The message as it lay in the broker.
    pub element: Bytes,
    /// The queue it came from.
    pub queue: Arc<str>,
    /// What [`Broker::settle`] needs.
    pub receipt: Receipt,
    /// Its place in the window.
    pub permit: OwnedSemaphorePermit,
}

/// Names a lease of this node.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Unique to this delivery.
    pub tag: Arc<str>,
    /// Where the message is put back to: in Redis the list it came from.
    pub(crate) source: Arc<str>,
    /// Cancelled when the lease turns out to be lost.
    pub lost: CancellationToken,
}

/// What to do with the message of a delivery.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Disposition {
    /// It is done with.
    Acknowledge,
    /// Back to its queue, behind all that wait there.
    Requeue(Box<Envelope>),
    /// This message instead of it, as the next one of its queue.
    Next(Box<Envelope>),
    /// Kept by the broker until its time is near, without this node. Then it is delivered again, to any node.
    Delay {
        /// Its queue.
        queue: Arc<str>,
        /// Its time.
        until: DateTime<Utc>,
    },
    /// Out of the way, for a person to look at; the text says why.
    DeadLetter {
        /// The message; bytes that are no envelope are kept as they are.
        element: Bytes,
        /// Why.
        reason: String,
        /// The failure that led to it, when there is one, in Python's words.
        exception: Option<String>,
    },
}

/// The end of a delivery.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// What becomes of the message.
    pub disposition: Disposition,
    /// A result to store, if the broker can ([`Broker::results_place`]).
    pub result: Option<ResultRecord>,
    /// Messages to publish, each to its queue.
    pub publish: Vec<(String, Envelope)>,
}

impl From<Disposition> for Settlement {
    fn from(disposition: Disposition) -> Self {
        Self { disposition, result: None, publish: Vec::new() }
    }
}

/// What settling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Everything asked for.
    Done,
    /// Nothing: the lease was lost, or this delivery had been settled before.
    NotHeld,
}

/// The broker could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The server cannot be reached, did not answer in time, or cannot serve at the moment: try again.
    #[error("the broker could not {action}: {reason}")]
    Unavailable {
        /// What was tried.
        action: &'static str,
        /// What the server or the network said.
        reason: String,
    },
    /// The server was not there, and was not to be tried any more.
    #[error("the broker was given up (retries: {retries}): {reason}")]
    GivenUp {
        /// How often in a row it was tried again.
        retries: u32,
        /// What the server or the network said at last.
        reason: String,
    },
}
