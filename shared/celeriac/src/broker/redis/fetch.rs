//! Waiting for messages and taking them.
//!
//! While there is work, one script takes as many messages as there are permits. When the lists are empty, `wait` waits.
//! A message is at no moment known to this process alone (celery-wire.md 3.8).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redis::{RedisResult, Script};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::{Delivery, Receipt, Window};
use super::retries::Retries;
use super::wait::Waiters;
use super::{GivenUp, Inner};

/// Messages taken by one script at most.
pub(super) const MAX_BATCH: usize = 256;
/// A window of up to this size is refilled message by message, along with settlements; a larger one in batches, which cost
/// the server less (both measured with benches/queue).
const ALONG: usize = 16;

pub(super) const TAKE: &str = include_str!("take.lua");
pub(super) static TAKE_NOW: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[TAKE, include_str!("take_now.lua")].concat()));

/// A message that the server has leased to us, and that we hold.
pub(super) struct Taken {
    receipt: Receipt,
    element: Bytes,
    queue: Arc<str>,
}

/// What one script took.
#[derive(Default)]
pub(super) struct Parked {
    pub(super) messages: Vec<Taken>,
    /// Whether the list held more.
    pub(super) more: bool,
}

/// What this node consumes and for whom: shared by all that take messages.
pub(super) struct Consumption {
    /// As they were given.
    pub(super) queues: Vec<String>,
    /// In the order of their turns: the one that delivered last is last.
    turns: Mutex<VecDeque<Arc<str>>>,
    pub(super) window: Window,
    /// Cancelled when nothing more is to be fetched.
    pub(super) stop: CancellationToken,
    /// Does not keep the channel open.
    pub(super) deliveries: mpsc::WeakSender<Delivery>,
    /// Whether all lists were empty, and the server wakes us when one is not any more.
    waiting: AtomicBool,
}

impl Consumption {
    pub(super) fn new(
        queues: &[String],
        window: Window,
        stop: CancellationToken,
        deliveries: mpsc::WeakSender<Delivery>,
    ) -> Self {
        let turns = Mutex::new(queues.iter().map(|queue| Arc::from(queue.as_str())).collect());
        let queues = queues.to_vec();
        Self { queues, turns, window, stop, deliveries, waiting: AtomicBool::new(false) }
    }

    fn turns(&self) -> MutexGuard<'_, VecDeque<Arc<str>>> {
        // A panic while it was locked cannot have left it half changed: each use is one operation.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue that delivered last has its next turn last (celery-wire.md 2.3).
    fn turn_after(&self, taken: &[Taken]) {
        let Some(last) = taken.last() else { return };
        let mut turns = self.turns();
        if let Some(position) = turns.iter().position(|queue| *queue == last.queue) {
            let next = (position + 1) % turns.len();
            turns.rotate_left(next);
        }
    }

    /// Takes up to `want` messages that are there now.
    async fn take_now(&self, inner: &Inner, want: usize) -> RedisResult<Vec<Taken>> {
        let keys = &inner.keys;
        let mut call = TAKE_NOW.key(&keys.unacked);
        call.key(&keys.unacked_index).key(keys.lease()).key(&keys.nodes).key(keys.undecodable());
        {
            let turns = self.turns();
            let queues: Vec<&str> = turns.iter().map(AsRef::as_ref).collect();
            call.key(keys.lists(&queues));
            call.arg(keys.node())
                .arg(inner.options.lease_time.as_secs_f64())
                .arg(want)
                .arg(queues.len())
                .arg(queues);
        }
        for _ in 0..want {
            call.arg(fresh_tag());
        }
        call.arg(self.window.limit());
        let answer: Vec<Bytes> = call.invoke_async(&mut inner.connection.clone()).await?;
        let taken = hold(inner, answer).messages;
        self.turn_after(&taken);
        Ok(taken)
    }
}

/// Takes a message into the place that a settlement leaves, in the settlement's round trip. Nothing is asked for while the
/// lists are empty. When nothing comes, the place stays where it is.
pub(super) async fn take_along(inner: &Inner, place: &mut Option<OwnedSemaphorePermit>) {
    let (true, Some(consumption)) = (place.is_some(), inner.consumption.get()) else { return };
    let waiting = consumption.waiting.load(Ordering::Acquire);
    if waiting || consumption.window.limit() > ALONG || consumption.stop.is_cancelled() {
        return;
    }
    let Some(deliveries) = consumption.deliveries.upgrade() else { return };
    match consumption.take_now(inner, 1).await {
        Ok(taken) => {
            if let Some(Taken { receipt, element, queue }) = taken.into_iter().next()
                && let Some(permit) = place.take()
            {
                // A consumer that is gone wants nothing: `leave` hands it back.
                let _ = deliveries.send(Delivery { element, queue, receipt, permit }).await;
            }
        }
        Err(error) => tracing::debug!(%error, "cannot take a message along with a settlement"),
    }
}

/// Fetches until it is told to stop.
pub(super) async fn run(
    inner: Arc<Inner>,
    consumption: Arc<Consumption>,
    deliveries: mpsc::Sender<Delivery>,
) {
    let stop = consumption.stop.clone();
    let mut fetcher = Fetcher::new(inner.clone(), consumption, deliveries);
    loop {
        let step = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            step = fetcher.step() => step,
        };
        let Err(error) = step else { continue };
        let Some(pause) = fetcher.retries.pause() else {
            let given_up = GivenUp { retries: fetcher.retries.used(), reason: error.to_string() };
            tracing::error!(%error, retries = given_up.retries, "cannot fetch messages from Redis; giving up");
            // It is given up once: nothing fetches after that.
            let _ = inner.given_up.set(given_up);
            return;
        };
        tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot fetch messages from Redis; trying again");
        tokio::select! {
            () = stop.cancelled() => break,
            () = sleep(pause) => {}
        }
    }
    fetcher.waiters.stop().await;
}

struct Fetcher {
    inner: Arc<Inner>,
    consumption: Arc<Consumption>,
    waiters: Waiters,
    deliveries: mpsc::Sender<Delivery>,
    retries: Retries,
    /// Taken on the server, not yet handed on, with its place in the window if it has one already. Survives a `step` that
    /// is dropped half-way.
    taken: VecDeque<(Taken, Option<OwnedSemaphorePermit>)>,
}

impl Fetcher {
    fn new(inner: Arc<Inner>, consumption: Arc<Consumption>, deliveries: mpsc::Sender<Delivery>) -> Self {
        let waiters = Waiters::new(&inner, &consumption.queues);
        let retries = Retries::new(&inner.options);
        Self { inner, consumption, waiters, deliveries, retries, taken: VecDeque::new() }
    }

    /// Takes what there is, or waits until something arrives. May be dropped at any await: a message is either still
    /// on the server, where `leave` finds it, or in `self.taken`.
    async fn step(&mut self) -> RedisResult<()> {
        self.hand_on().await;
        let permits = self.consumption.window.acquire_many(MAX_BATCH).await;
        let taken = self.consumption.take_now(&self.inner, permits.len()).await?;
        self.retries.succeeded();
        if taken.is_empty() {
            // Nothing is reserved while waiting: a message whose time comes may need the place.
            drop(permits);
            return self.wait().await;
        }
        self.waiters.succeeded();
        self.taken.extend(taken.into_iter().zip(permits.into_iter().map(Some)));
        self.hand_on().await;
        Ok(())
    }

    /// Waits on all lists until there is a reason to look again.
    async fn wait(&mut self) -> RedisResult<()> {
        self.waiters.arm_all(self.consumption.window.limit());
        loop {
            self.consumption.waiting.store(true, Ordering::Release);
            let arrival = self.waiters.arrival().await;
            self.consumption.waiting.store(false, Ordering::Release);
            let (waiter, taken) = arrival?;
            if taken.messages.is_empty() {
                // There may be some now; or the window was full for a moment, or somebody unblocked the connection.
                return Ok(());
            }
            self.consumption.turn_after(&taken.messages);
            self.taken.extend(taken.messages.into_iter().map(|message| (message, None)));
            self.hand_on().await;
            if taken.more || !self.consumption.window.has_room() {
                return Ok(());
            }
            // The list was emptied and another message would fit: block on it again at once.
            self.waiters.arm(waiter, self.consumption.window.limit());
        }
    }

    /// Gives what was taken to the consumer, each with its permit.
    async fn hand_on(&mut self) {
        while let Some((_, permit)) = self.taken.front_mut() {
            if permit.is_none() {
                *permit = self.consumption.window.acquire().await;
            }
            let Ok(slot) = self.deliveries.reserve().await else {
                // The consumer is gone: `leave` hands back what it did not want.
                self.taken.clear();
                return;
            };
            if let Some((Taken { receipt, element, queue }, Some(permit))) = self.taken.pop_front() {
                slot.send(Delivery { element, queue, receipt, permit });
            }
        }
    }
}

/// A tag as Celery makes them.
pub(super) fn fresh_tag() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Notes what the server has leased to us, before anything else can happen to it. Four items a message; an odd one at the
/// end says that there is more.
pub(super) fn hold(inner: &Inner, answer: Vec<Bytes>) -> Parked {
    let mut items = answer.into_iter();
    let mut parked = Parked::default();
    while let Some(tag) = items.next() {
        let (Some(element), Some(list), Some(queue)) = (items.next(), items.next(), items.next()) else {
            parked.more = true;
            break;
        };
        let text = |bytes: &Bytes| Arc::from(String::from_utf8_lossy(bytes).as_ref());
        let tag = text(&tag);
        let lost = inner.hold(&tag);
        let receipt = Receipt { tag, source: text(&list), lost };
        parked.messages.push(Taken { receipt, element, queue: text(&queue) });
    }
    parked
}
