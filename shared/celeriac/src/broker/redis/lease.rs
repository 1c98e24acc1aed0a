//! Staying the holder of what was taken, and looking after the others.
//!
//! A node tells the others that it lives; whoever finds one that has fallen silent hands its messages back.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::redis_server::Commands;
use bytes::Bytes;
use redis::{AsyncTypedCommands, RedisResult, Script};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::fetch::{Consumption, TAKE_NOW};
use super::restore::{Counted, hand_back, parse_entry, restore_all, sweep};
use super::settle::SETTLE;
use super::starts::RESERVE_START;
use crate::broker::{Delivery, Receipt};
use crate::message::Envelope;

/// A node that holds messages tells so this often within its lease time.
const RENEWALS_PER_LEASE: u32 = 3;
/// A node that holds none keeps quiet most of the time, and looks after the others only now and then.
const IDLE_INTERVAL: Duration = Duration::from_secs(15);
/// How much longer than its interval an idle node is believed alive.
const IDLE_GRACE: Duration = Duration::from_secs(6);
/// Time between two sweeps for overdue messages; a Python worker's is 100 s (celery-wire.md 3.3).
const SWEEP_INTERVAL: Duration = Duration::from_secs(90);
/// A delayed message is fetched when its time is this near: before it comes, there is another renewal.
const NEAR: Duration = Duration::from_secs(30);
/// Delayed messages fetched by one renewal.
const NEAR_BATCH: usize = 256;

static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));

/// The answer of `renew.lua`: whether this node was unknown, lost tags, dead nodes, near messages by tag, tags in its lease
/// that it does not know.
type Renewal = (bool, Vec<String>, Vec<String>, Vec<(String, Bytes)>, HashSet<String>);

/// What a keeper remembers from one renewal to the next.
struct Memory {
    registered: bool,
    next_sweep: Instant,
    /// Tags in our lease that we did not know at the last renewal: on their way to us, or lost on it.
    strangers: HashSet<String>,
}

/// Renews leases, rescues the messages of dead nodes, sweeps and fetches delayed messages, until fetching has stopped and
/// nothing is held any more.
pub(super) struct Keeper {
    inner: Arc<Inner>,
    consumption: Arc<Consumption>,
}

impl Keeper {
    pub(super) fn new(inner: Arc<Inner>, consumption: Arc<Consumption>) -> Self {
        Self { inner, consumption }
    }

    pub(super) async fn run(self) {
        let mut memory = Memory { registered: false, next_sweep: Instant::now(), strangers: HashSet::new() };
        loop {
            let held = self.inner.held().clone();
            if self.consumption.stop.is_cancelled()
                && held.is_empty()
                && self.consumption.deliveries.upgrade().is_none()
            {
                return;
            }
            if let Err(error) = self.tick(&held, &mut memory).await {
                tracing::warn!(%error, held = held.len(), "cannot renew the lease on messages; trying again");
            }
            // Often enough for both clocks: our own nodes', and that of Python workers, which know only the visibility timeout.
            let often =
                self.inner.options.lease_time.min(self.inner.options.visibility_timeout) / RENEWALS_PER_LEASE;
            if held.is_empty() && !self.consumption.stop.is_cancelled() {
                tokio::select! {
                    () = sleep(IDLE_INTERVAL) => {}
                    () = self.consumption.stop.cancelled() => {}
                    // The first message after a quiet time: from now on renewals are due.
                    () = self.inner.holding.notified() => sleep(often).await,
                }
            } else {
                sleep(often).await;
            }
        }
    }

    async fn tick(
        &self,
        held: &HashMap<Arc<str>, CancellationToken>,
        memory: &mut Memory,
    ) -> RedisResult<()> {
        let inner = &self.inner;
        let keys = &inner.keys;
        let mut connection = inner.connection.clone();
        if !memory.registered {
            self.register(&mut connection).await?;
            self.hand_back_leftovers(&mut connection).await?;
            memory.registered = true;
        }
        let room = if self.consumption.stop.is_cancelled() { 0 } else { NEAR_BATCH };
        let mut call = RENEW.key(&keys.nodes);
        call.key(&keys.unacked_index).key(&keys.unacked).key(keys.lease());
        for queue in &self.consumption.queues {
            call.key(keys.delayed(queue));
        }
        let idle = IDLE_INTERVAL + IDLE_GRACE;
        call.arg(keys.node()).arg(inner.options.lease_time.as_secs_f64()).arg(idle.as_secs_f64());
        call.arg(NEAR.as_secs_f64()).arg(room);
        for tag in held.keys() {
            call.arg(tag.as_ref());
        }
        let (unknown, lost, dead, near, strangers): Renewal = call.invoke_async(&mut connection).await?;
        self.deliver(near);
        if unknown {
            // The others have forgotten us, and with us where we wait.
            self.register(&mut connection).await?;
        }
        for tag in lost {
            inner.lose(&tag);
        }
        // Taken on the server, but the answer never arrived, or abandoned here: nobody would run them.
        let unknown_twice: Vec<String> = strangers.intersection(&memory.strangers).cloned().collect();
        memory.strangers = strangers;
        let returned = restore_all(inner, keys, &unknown_twice, Counted::No).await?;
        if returned > 0 {
            tracing::warn!(returned, "messages that nobody here would run are back in their queues");
        }
        for node in dead {
            let rescued = hand_back(inner, &keys.of(&node), Counted::Yes).await?;
            tracing::warn!(node, rescued, "a worker fell silent; its messages are back in their queues");
        }
        if Instant::now() >= memory.next_sweep && !self.consumption.stop.is_cancelled() {
            let restored = sweep(inner).await?;
            if restored > 0 {
                tracing::warn!(restored, "messages that nobody has renewed are back in their queues");
            }
            memory.next_sweep = Instant::now() + SWEEP_INTERVAL;
        }
        Ok(())
    }

    /// Announces the queues as kombu does (celery-wire.md 2.4), and where this node waits.
    async fn register(&self, connection: &mut Commands) -> RedisResult<()> {
        let keys = &self.inner.keys;
        let mut commands = redis::pipe();
        for queue in &self.consumption.queues {
            for set in keys.bindings(queue) {
                commands.sadd(set, keys.binding_member(queue)).ignore();
            }
        }
        commands.sadd(keys.waits(), keys.lists(&self.consumption.queues)).ignore();
        let () = commands.query_async(connection).await?;
        // Known to the server before they are needed: a settlement and the take behind it keep their order.
        for script in [&*SETTLE, &*TAKE_NOW, &*RESERVE_START] {
            script.prepare_invoke().load_async(connection).await?;
        }
        Ok(())
    }

    /// What processes of this machine left that are certainly gone need not wait for their leases to run out.
    async fn hand_back_leftovers(&self, connection: &mut Commands) -> RedisResult<()> {
        let keys = &self.inner.keys;
        let nodes: Vec<String> = connection.zrange(&keys.nodes, 0, -1).await?;
        for node in nodes.iter().filter(|node| self.inner.node.is_gone_from_here(node)) {
            let rescued = hand_back(&self.inner, &keys.of(node), Counted::Yes).await?;
            tracing::warn!(
                node,
                rescued,
                "an earlier worker of this machine is gone; its messages are back in their queues"
            );
        }
        Ok(())
    }

    /// Hands delayed messages whose time is near to the consumer, which holds them until it comes. Waits for nothing itself:
    /// renewals must go on.
    fn deliver(&self, near: Vec<(String, Bytes)>) {
        let taken: Vec<_> = near.into_iter().filter_map(|(tag, entry)| self.take_near(tag, &entry)).collect();
        if taken.is_empty() {
            return;
        }
        let (deliveries, window) = (self.consumption.deliveries.clone(), self.consumption.window.clone());
        tokio::spawn(async move {
            for (receipt, queue, element) in taken {
                let (Some(permit), Some(deliveries)) = (window.acquire().await, deliveries.upgrade()) else {
                    // Stopped meanwhile: they are in our lease and go back when we leave.
                    return;
                };
                let delivery = Delivery { element, queue, receipt, permit };
                if deliveries.send(delivery).await.is_err() {
                    return;
                }
            }
        });
    }

    fn take_near(&self, tag: String, entry: &[u8]) -> Option<(Receipt, Arc<str>, Bytes)> {
        // One that cannot be read is in our lease, unknown to us: it is put back like any other.
        let entry = parse_entry(entry)?;
        let queue: Arc<str> = entry.routing_key.into();
        let list = match Envelope::parse(entry.element.as_bytes()) {
            Ok(envelope) => self.inner.list_for(&queue, &envelope),
            Err(_) => self.inner.keys.list(&queue, 0),
        };
        let tag: Arc<str> = tag.into();
        let lost = self.inner.hold(&tag);
        Some((Receipt { tag, source: list.into(), lost }, queue, entry.element.into()))
    }
}
