//! Waiting until there may be a message, in a way that the server allows. What is then taken, and for whom, stands in `fetch`.
//!
//! - *Blocking*: a BLMOVE on each list, on a connection of its own, with the script that parks the message queued right behind
//!   it on the server. An idle node sends nothing, a message starts in one round trip, and it wakes exactly one node.
//! - *Tracking*: one connection on which the server tells that a list has changed (`CLIENT TRACKING`). It wakes every node
//!   that waits, and each must then look; but it needs one connection for any number of lists.
//! - *Polling*: looking again and again, with pauses that grow while nothing comes.
//!
//! A message that came after a look and before the waiting is never slept over: BLMOVE takes it, and tracking begins by asking
//! whether the lists are empty.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use redis::{ErrorKind, RedisError, RedisResult, ServerError, ServerErrorKind};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::fetch::{Parked, TAKE, fresh_tag, hold};
use super::{Inner, RedisWait};
use crate::redis_server::{Blocking, Listening};

/// More lists than this are watched on one connection instead of blocked on, each with one of its own (docs/decisions.md).
const MOST_BLOCKED: usize = 16;
/// Time that the blocked commands have to end after the server was told to unblock them.
const UNBLOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two looks while polling: doubled from the first to the last while nothing comes.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

static TAKE_ARRIVED: LazyLock<String> = LazyLock::new(|| [TAKE, include_str!("take_arrived.lua")].concat());

impl RedisWait {
    /// The ways to try, best first.
    fn ways(self, lists: usize) -> &'static [Self] {
        match self {
            Self::Auto if lists > MOST_BLOCKED => &[Self::Track, Self::Block, Self::Poll],
            Self::Auto => &[Self::Block, Self::Track, Self::Poll],
            Self::Block => &[Self::Block],
            Self::Track => &[Self::Track],
            Self::Poll => &[Self::Poll],
        }
    }
}

/// All that waits for this node.
pub(super) struct Waiters {
    inner: Arc<Inner>,
    queues: Vec<String>,
    /// The way in use, and those to fall back on.
    ways: &'static [RedisWait],
    waiters: Vec<Waiter>,
    arrivals: mpsc::Receiver<Arrival>,
    /// Looks in a row that found nothing.
    in_vain: u32,
}

impl Waiters {
    pub(super) fn new(inner: &Arc<Inner>, queues: &[String]) -> Self {
        let ways = inner.options.wait.ways(inner.keys.lists(queues).len());
        Self::start(inner.clone(), queues.to_vec(), ways)
    }

    fn start(inner: Arc<Inner>, queues: Vec<String>, ways: &'static [RedisWait]) -> Self {
        let lists = inner.keys.lists(&queues);
        let (arrived, arrivals) = mpsc::channel(lists.len().max(1));
        let places: Vec<Place> = match ways.first() {
            Some(RedisWait::Track) => vec![Place::Track(lists)],
            Some(RedisWait::Poll) | None => vec![Place::Poll],
            Some(RedisWait::Block | RedisWait::Auto) => {
                let queues = queues.iter().map(|queue| Arc::from(queue.as_str())).cycle();
                lists.into_iter().zip(queues).map(|(list, queue)| Place::Block { list, queue }).collect()
            }
        };
        let connections = places.iter().filter(|place| !matches!(place, Place::Poll)).count();
        let way = ways.first().map_or("poll", |way| way.name());
        tracing::info!(way, connections, "how this node waits for messages");
        let waiters = places
            .into_iter()
            .enumerate()
            .map(|(index, place)| Waiter::start(index, inner.clone(), place, arrived.clone()))
            .collect();
        Self { inner, queues, ways, waiters, arrivals, in_vain: 0 }
    }

    /// A look has found messages.
    pub(super) fn succeeded(&mut self) {
        self.in_vain = 0;
    }

    /// Waits on every list.
    pub(super) fn arm_all(&mut self, window: usize) {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.in_vain.min(16)).min(LAST_PAUSE);
        self.in_vain = self.in_vain.saturating_add(1);
        self.waiters.iter_mut().for_each(|waiter| waiter.arm(Order { window, pause }));
    }

    /// Waits again where something came from.
    pub(super) fn arm(&mut self, waiter: usize, window: usize) {
        if let Some(waiter) = self.waiters.get_mut(waiter) {
            waiter.arm(Order { window, pause: FIRST_PAUSE });
        }
    }

    /// What came, and to which waiter. No messages: it is time to look. May be dropped while it waits.
    pub(super) async fn arrival(&mut self) -> RedisResult<(usize, Parked)> {
        // The waiters hold the other end as long as we hold them.
        let Some(arrival) = self.arrivals.recv().await else { return Ok((0, Parked::default())) };
        if let Some(waiter) = self.waiters.get_mut(arrival.waiter) {
            waiter.armed = false;
        }
        match (arrival.result, self.ways) {
            (Err(error), [way, rest @ ..]) if !rest.is_empty() && is_refusal(&error) => {
                tracing::warn!(%error, way = way.name(), "the server refuses this way to wait for messages; trying another");
                *self = Self::start(self.inner.clone(), std::mem::take(&mut self.queues), rest);
                Ok((0, Parked::default()))
            }
            (result, _) => result.map(|parked| (arrival.waiter, parked)),
        }
    }

    /// Ends the blocked commands on the server, so that no message can arrive any more.
    pub(super) async fn stop(mut self) {
        let blocked: Vec<i64> =
            self.waiters.iter().filter(|waiter| waiter.armed).filter_map(Waiter::client_id).collect();
        if blocked.is_empty() {
            return;
        }
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
        if timeout(UNBLOCK_TIMEOUT, ended).await.is_err() {
            tracing::debug!("a waiting connection did not end in time; closing it");
        }
    }
}

/// Whether the server does not have the command, or not for us: trying it again cannot help.
fn is_refusal(error: &RedisError) -> bool {
    let refuses = |answer: &ServerError| {
        answer.kind() == Some(ServerErrorKind::NoPerm)
            || answer.details().is_some_and(|details| details.starts_with("unknown command"))
    };
    let answers = error.clone().into_server_errors();
    error.kind() == ErrorKind::RESP3NotSupported
        || answers.is_some_and(|answers| answers.iter().any(|(_, answer)| refuses(answer)))
}

/// Where a waiter waits.
enum Place {
    Block { list: String, queue: Arc<str> },
    Track(Vec<String>),
    Poll,
}

/// To wait once.
struct Order {
    /// How many messages the node may hold.
    window: usize,
    /// How long at most, when polling.
    pause: Duration,
}

/// What came of waiting.
struct Arrival {
    waiter: usize,
    result: RedisResult<Parked>,
}

/// Waits at one place, on a connection of its own if it needs one.
struct Waiter {
    orders: mpsc::Sender<Order>,
    armed: bool,
    client_id: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<()>,
}

impl Waiter {
    fn start(index: usize, inner: Arc<Inner>, place: Place, arrived: mpsc::Sender<Arrival>) -> Self {
        let (orders, mut ordered) = mpsc::channel::<Order>(1);
        let client_id = Arc::new(AtomicI64::new(0));
        let id = client_id.clone();
        let task = tokio::spawn(async move {
            let (mut blocking, mut listening) = (None, None);
            while let Some(order) = ordered.recv().await {
                let result = match &place {
                    Place::Block { list, queue } => {
                        block(&inner, list, queue, order.window, &mut blocking, &id).await
                    }
                    Place::Track(lists) => track(&inner, lists, &mut listening).await,
                    Place::Poll => {
                        sleep(order.pause).await;
                        Ok(Parked::default())
                    }
                };
                if result.is_err() {
                    (blocking, listening) = (None, None);
                }
                if arrived.send(Arrival { waiter: index, result }).await.is_err() {
                    return;
                }
            }
        });
        Self { orders, armed: false, client_id, task }
    }

    fn arm(&mut self, order: Order) {
        if !self.armed {
            // The waiter takes one order at a time and none is pending here, so there is always room.
            self.armed = self.orders.try_send(order).is_ok();
        }
    }

    /// The id on the server of a connection that blocks, once it is made.
    fn client_id(&self) -> Option<i64> {
        match self.client_id.load(Ordering::Acquire) {
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

/// Blocks on a list until a message is there, and parks it.
async fn block(
    inner: &Inner,
    list: &str,
    queue: &str,
    window: usize,
    connection: &mut Option<Blocking>,
    client_id: &AtomicI64,
) -> RedisResult<Parked> {
    let connection = match connection {
        Some(connection) => connection,
        None => {
            let mut fresh = inner.server.blocking().await?;
            let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut fresh).await?;
            client_id.store(id, Ordering::Release);
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

/// Waits until one of the lists may hold something.
async fn track(inner: &Inner, lists: &[String], connection: &mut Option<Listening>) -> RedisResult<Parked> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(inner.server.listening().await?),
    };
    let mut lengths = redis::pipe();
    for list in lists {
        lengths.cmd("LLEN").arg(list);
    }
    connection.changed(&lengths, |lengths: &Vec<u64>| lengths.iter().any(|length| *length > 0)).await?;
    Ok(Parked::default())
}
