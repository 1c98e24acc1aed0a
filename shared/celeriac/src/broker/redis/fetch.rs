//! Waiting for messages and taking them.
//!
//! While there is work, one script takes as many messages as there are permits. When the lists are empty, a BLMOVE
//! blocks on each of them, on a connection of its own, with the script that parks the message queued right behind it on
//! the server: an idle node sends nothing, a message starts in one round trip, and it is at no moment known to this process
//! alone (celery-wire.md 3.8). A blocked command wakes exactly one node.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use redis::{RedisResult, Script};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::{Delivery, Receipt, Window};
use super::Inner;
use crate::backoff::Backoff;
use crate::redis_server::Blocking;

/// Messages taken by one script at most.
pub(super) const MAX_BATCH: usize = 256;
/// Time that the blocked commands have to end after the server was told to unblock them.
const UNBLOCK_TIMEOUT: Duration = Duration::from_secs(2);

const TAKE: &str = include_str!("take.lua");
static TAKE_NOW: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[TAKE, include_str!("take_now.lua")].concat()));
static TAKE_ARRIVED: LazyLock<String> = LazyLock::new(|| [TAKE, include_str!("take_arrived.lua")].concat());

/// A message that the server has leased to us, and that we hold.
struct Taken {
    receipt: Receipt,
    element: Bytes,
    queue: Arc<str>,
}

/// Fetches until `stop` is cancelled.
pub(super) async fn run(
    inner: Arc<Inner>,
    queues: Vec<String>,
    window: Window,
    stop: CancellationToken,
    deliveries: mpsc::Sender<Delivery>,
) {
    let mut fetcher = Fetcher::new(inner, queues, window, deliveries);
    let mut backoff = Backoff::reconnect();
    loop {
        let step = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            step = fetcher.step() => step,
        };
        match step {
            Ok(()) => backoff.reset(),
            Err(error) => {
                let pause = backoff.pause();
                tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot fetch messages from Redis; trying again");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = sleep(pause) => {}
                }
            }
        }
    }
    fetcher.stop().await;
}

struct Fetcher {
    inner: Arc<Inner>,
    /// In the order of their turns: the one that delivered last is last.
    queues: VecDeque<Arc<str>>,
    window: Window,
    waiters: Vec<Waiter>,
    arrivals: mpsc::Receiver<Arrival>,
    deliveries: mpsc::Sender<Delivery>,
    /// Taken on the server, not yet handed on, with its place in the window if it has one already. Survives a `step` that
    /// is dropped half-way.
    taken: VecDeque<(Taken, Option<OwnedSemaphorePermit>)>,
}

impl Fetcher {
    fn new(
        inner: Arc<Inner>,
        queues: Vec<String>,
        window: Window,
        deliveries: mpsc::Sender<Delivery>,
    ) -> Self {
        let lists = inner.keys.lists(&queues);
        let (arrived, arrivals) = mpsc::channel(lists.len().max(1));
        let queues: VecDeque<Arc<str>> = queues.into_iter().map(Arc::from).collect();
        let waiters = lists
            .into_iter()
            .zip(queues.iter().cycle())
            .enumerate()
            .map(|(index, (list, queue))| {
                Waiter::start(index, inner.clone(), list, queue.clone(), arrived.clone())
            })
            .collect();
        Self { inner, queues, window, waiters, arrivals, deliveries, taken: VecDeque::new() }
    }

    /// Takes what there is, or waits until something arrives. May be dropped at any await: a message is either still
    /// on the server, where `leave` finds it, or in `self.taken`.
    async fn step(&mut self) -> RedisResult<()> {
        self.hand_on().await;
        let permits = self.window.acquire_many(MAX_BATCH).await;
        let taken = self.take_now(permits.len()).await?;
        if taken.is_empty() {
            // Nothing is reserved while waiting: a message whose time comes may need the place.
            drop(permits);
            return self.wait().await;
        }
        self.turn_after(&taken);
        self.taken.extend(taken.into_iter().zip(permits.into_iter().map(Some)));
        self.hand_on().await;
        Ok(())
    }

    /// Waits on all lists until there is a reason to look again.
    async fn wait(&mut self) -> RedisResult<()> {
        for waiter in &mut self.waiters {
            waiter.arm(self.window.limit());
        }
        loop {
            // The waiters hold the other end as long as we hold them.
            let Some(arrival) = self.arrivals.recv().await else { return Ok(()) };
            if let Some(waiter) = self.waiters.get_mut(arrival.waiter) {
                waiter.armed = false;
            }
            let taken = arrival.result?;
            if taken.messages.is_empty() {
                // The window was full for a moment, or somebody unblocked the connection.
                return Ok(());
            }
            self.turn_after(&taken.messages);
            self.taken.extend(taken.messages.into_iter().map(|message| (message, None)));
            self.hand_on().await;
            if taken.more || !self.window.has_room() {
                return Ok(());
            }
            // The list was emptied and another message would fit: block on it again at once.
            if let Some(waiter) = self.waiters.get_mut(arrival.waiter) {
                waiter.arm(self.window.limit());
            }
        }
    }

    /// Gives what was taken to the consumer, each with its permit.
    async fn hand_on(&mut self) {
        while let Some((_, permit)) = self.taken.front_mut() {
            if permit.is_none() {
                *permit = self.window.acquire().await;
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

    async fn take_now(&self, want: usize) -> RedisResult<Vec<Taken>> {
        let keys = &self.inner.keys;
        let mut call = TAKE_NOW.key(&keys.unacked);
        call.key(&keys.unacked_index).key(keys.lease()).key(&keys.nodes).key(keys.undecodable());
        let queues: Vec<&str> = self.queues.iter().map(AsRef::as_ref).collect();
        call.key(keys.lists(&queues));
        call.arg(keys.node())
            .arg(self.inner.options.lease_time.as_secs_f64())
            .arg(want)
            .arg(queues.len())
            .arg(queues);
        for _ in 0..want {
            call.arg(fresh_tag());
        }
        call.arg(self.window.limit());
        let answer: Vec<Bytes> = call.invoke_async(&mut self.inner.connection.clone()).await?;
        Ok(hold(&self.inner, answer).messages)
    }

    /// The queue that delivered last has its next turn last (celery-wire.md 2.3).
    fn turn_after(&mut self, taken: &[Taken]) {
        let Some(last) = taken.last() else { return };
        if let Some(position) = self.queues.iter().position(|queue| *queue == last.queue) {
            self.queues.rotate_left((position + 1) % self.queues.len());
        }
    }

    /// Ends the blocked commands on the server, so that no message can arrive any more.
    async fn stop(mut self) {
        let blocked: Vec<i64> =
            self.waiters.iter().filter(|waiter| waiter.armed).filter_map(Waiter::client_id).collect();
        let mut unblock = redis::pipe();
        for id in &blocked {
            unblock.cmd("CLIENT").arg("UNBLOCK").arg(*id).ignore();
        }
        let unblocked: RedisResult<()> = unblock.query_async(&mut self.inner.connection.clone()).await;
        if let Err(error) = unblocked {
            tracing::debug!(%error, "cannot unblock the waiting connections; closing them");
        }
        let ended = async {
            for _ in &blocked {
                self.arrivals.recv().await;
            }
        };
        if tokio::time::timeout(UNBLOCK_TIMEOUT, ended).await.is_err() {
            tracing::debug!("a waiting connection did not end in time; closing it");
        }
    }
}

/// Waits on one list, on a connection of its own.
struct Waiter {
    arm: mpsc::Sender<usize>,
    armed: bool,
    client_id: Arc<std::sync::atomic::AtomicI64>,
    task: tokio::task::JoinHandle<()>,
}

/// What came of waiting.
struct Arrival {
    waiter: usize,
    result: RedisResult<Parked>,
}

#[derive(Default)]
struct Parked {
    messages: Vec<Taken>,
    /// Whether the list held more.
    more: bool,
}

impl Waiter {
    fn start(
        index: usize,
        inner: Arc<Inner>,
        list: String,
        queue: Arc<str>,
        arrived: mpsc::Sender<Arrival>,
    ) -> Self {
        let (arm, mut armed) = mpsc::channel(1);
        let client_id = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let id = client_id.clone();
        let task = tokio::spawn(async move {
            let mut connection = None;
            while let Some(window) = armed.recv().await {
                let result = wait_once(&inner, &list, &queue, window, &mut connection, &id).await;
                if result.is_err() {
                    connection = None;
                }
                if arrived.send(Arrival { waiter: index, result }).await.is_err() {
                    return;
                }
            }
        });
        Self { arm, armed: false, client_id, task }
    }

    fn arm(&mut self, window: usize) {
        if !self.armed {
            // The waiter takes one order at a time and none is pending here, so there is always room.
            self.armed = self.arm.try_send(window).is_ok();
        }
    }

    /// The connection's id on the server, once it is made.
    fn client_id(&self) -> Option<i64> {
        match self.client_id.load(std::sync::atomic::Ordering::Acquire) {
            0 => None,
            id => Some(id),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn wait_once(
    inner: &Inner,
    list: &str,
    queue: &str,
    window: usize,
    connection: &mut Option<Blocking>,
    client_id: &std::sync::atomic::AtomicI64,
) -> RedisResult<Parked> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let mut fresh = inner.server.blocking().await?;
            let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut fresh).await?;
            client_id.store(id, std::sync::atomic::Ordering::Release);
            connection.insert(fresh)
        }
    };
    let keys = &inner.keys;
    let inflight = keys.inflight(list);
    let mut commands = redis::pipe();
    commands.cmd("BLMOVE").arg(list).arg(&inflight).arg("RIGHT").arg("LEFT").arg(0).ignore();
    // Whole, not by its hash: were the hash forgotten (SCRIPT FLUSH), the message would stay in the in-flight list.
    commands.cmd("EVAL").arg(TAKE_ARRIVED.as_str()).arg(7);
    commands
        .arg(&keys.unacked)
        .arg(&keys.unacked_index)
        .arg(keys.lease())
        .arg(&keys.nodes)
        .arg(keys.undecodable());
    commands.arg(list).arg(&inflight);
    commands.arg(keys.node()).arg(inner.options.lease_time.as_secs_f64()).arg(window).arg(1).arg(queue);
    commands.arg(fresh_tag());
    let (answer,): (Vec<Bytes>,) = commands.query_async(connection).await?;
    Ok(hold(inner, answer))
}

/// A tag as Celery makes them.
fn fresh_tag() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Notes what the server has leased to us, before anything else can happen to it. Four items a message; an odd one at the
/// end says that there is more.
fn hold(inner: &Inner, answer: Vec<Bytes>) -> Parked {
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
