//! The Redis broker: kombu's queues and its record of unacknowledged messages, leased by node.
//!
//! - `keys`: what lies where.
//! - `fetch`: waiting for messages and taking them.
//! - `lease`: staying the holder, looking after the others.
//! - `restore`: giving messages back to their queues.
//! - `dead_letters`: what nobody could run, and sending it again.
//! - here: settling and publishing.
//!
//! Every change of more than one key is a script, so that it happens whole or not at all (design.md, invariant 1).

mod dead_letters;
mod fetch;
mod keys;
mod lease;
mod restore;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redis::aio::ConnectionManager;
use redis::{RedisError, Script};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Broker, BrokerError, Delivery, Disposition, Receipt, Settled, Settlement, Window};
use crate::message::Envelope;
use crate::node::NodeId;
use crate::redis_server::RedisServer;
use crate::results::redis::STORE_SCRIPT;
pub use dead_letters::DeadLetters;
use keys::Keys;

/// How this broker behaves. Those of kombu's transport options must be the same for all workers of a database.
#[derive(Debug, Clone)]
pub struct RedisBrokerOptions {
    /// Kombu's `visibility_timeout`: a message that nobody has renewed for so long goes back to its queue.
    /// Default: 3600 s.
    pub visibility_timeout: Duration,
    /// Kombu's `global_keyprefix`, put in front of every key as it is. Default: none.
    pub global_keyprefix: String,
    /// Kombu's `priority_steps`: each is a list of its own, the lowest is served first. Default: 0, 3, 6, 9.
    pub priority_steps: Vec<u8>,
    /// Kombu's `sep`, between a queue's name and its step. Default: the bytes 06 16 (hex).
    pub separator: String,
    /// The queue for messages that nobody can run. Default: `dlq`.
    pub dead_letter_queue: String,
    /// Time after which the other nodes hand back the messages of a node that has fallen silent. Default: 12 s.
    pub lease_time: Duration,
}

impl Default for RedisBrokerOptions {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(3600),
            global_keyprefix: String::new(),
            priority_steps: vec![0, 3, 6, 9],
            separator: "\x06\x16".into(),
            dead_letter_queue: "dlq".into(),
            lease_time: Duration::from_secs(12),
        }
    }
}

/// A broker on one Redis database.
#[derive(Debug, Clone)]
pub struct RedisBroker(Arc<Inner>);

struct Inner {
    server: RedisServer,
    options: RedisBrokerOptions,
    keys: Keys,
    connection: ConnectionManager,
    /// What this node holds, by tag: for renewals and to tell a task that it lost its message.
    held: Mutex<HashMap<Arc<str>, CancellationToken>>,
    /// Wakes the renewal of leases when a message is held after a time without any.
    holding: Notify,
    node: NodeId,
    /// What it consumes, once it does.
    queues: OnceLock<Vec<String>>,
}

/// A delayed message that none of our nodes has fetched is due for a Python worker's sweep this long after its time.
const DELAY_GRACE: Duration = Duration::from_secs(30);

static DELAY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("delay.lua")));
static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[STORE_SCRIPT, include_str!("settle.lua")].concat()));

impl RedisBroker {
    /// A broker for the node `node`. Nothing is connected yet: the first command does that.
    ///
    /// # Errors
    /// [`BrokerError`] when the server's address cannot be used.
    pub fn new(server: RedisServer, node: &NodeId, options: RedisBrokerOptions) -> Result<Self, BrokerError> {
        let connection = server.commands().map_err(unavailable("prepare its connection"))?;
        Ok(Self(Arc::new(Inner {
            server,
            keys: Keys::new(node.as_str(), &options),
            options,
            connection,
            held: Mutex::default(),
            holding: Notify::new(),
            node: node.clone(),
            queues: OnceLock::new(),
        })))
    }

    /// Asks the server whether it is there.
    ///
    /// # Errors
    /// [`BrokerError`] when it is not.
    pub async fn ping(&self) -> Result<(), BrokerError> {
        let mut connection = self.0.connection.clone();
        redis::cmd("PING").query_async(&mut connection).await.map_err(unavailable("ping the server"))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBroker").field("server", &self.server).field("node", &self.keys.node()).finish()
    }
}

impl Inner {
    fn held(&self) -> MutexGuard<'_, HashMap<Arc<str>, CancellationToken>> {
        // A panic while it was locked cannot have left it half changed: each use is one operation.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, tag: &Arc<str>) -> CancellationToken {
        let lost = CancellationToken::new();
        self.held().insert(tag.clone(), lost.clone());
        self.holding.notify_one();
        lost
    }

    fn let_go(&self, tag: &str) {
        self.held().remove(tag);
    }

    /// The lease on a message is gone: its task is told, unless it was settled meanwhile.
    fn lose(&self, tag: &str) {
        let held = self.held().remove(tag);
        if let Some(lost) = held {
            tracing::warn!(
                tag,
                "lost the lease on a message: another worker has it; its outcome here will not count"
            );
            lost.cancel();
        }
    }

    async fn delay(
        &self,
        receipt: &Receipt,
        queue: &str,
        until: DateTime<Utc>,
    ) -> Result<Settled, BrokerError> {
        let time = until.timestamp_micros() as f64 / 1e6;
        let score = time + DELAY_GRACE.as_secs_f64() - self.options.visibility_timeout.as_secs_f64();
        let mut call = DELAY.key(&self.keys.unacked);
        call.key(&self.keys.unacked_index).key(self.keys.lease()).key(self.keys.delayed(queue));
        call.arg(receipt.tag.as_ref()).arg(time).arg(score);
        let held: bool =
            call.invoke_async(&mut self.connection.clone()).await.map_err(unavailable("delay a message"))?;
        self.let_go(&receipt.tag);
        Ok(if held { Settled::Done } else { Settled::NotHeld })
    }

    /// The list a message goes to when it is published to `queue`.
    fn list_for(&self, queue: &str, envelope: &Envelope) -> String {
        self.keys.list(queue, envelope.priority())
    }
}

#[async_trait]
impl Broker for RedisBroker {
    async fn consume(
        &self,
        queues: &[String],
        window: Window,
        stop: CancellationToken,
    ) -> mpsc::Receiver<Delivery> {
        // As many as can be taken at once: the consumer never waits for the fetching, nor the fetching for it.
        let (deliveries, receiver) = mpsc::channel(fetch::MAX_BATCH);
        let queues = self.0.queues.get_or_init(|| queues.to_vec());
        let keeper = lease::Keeper {
            inner: self.0.clone(),
            queues: queues.clone(),
            window: window.clone(),
            stop: stop.clone(),
            deliveries: deliveries.downgrade(),
        };
        tokio::spawn(keeper.run());
        tokio::spawn(fetch::run(self.0.clone(), queues.clone(), window, stop, deliveries));
        receiver
    }

    async fn settle(&self, receipt: &Receipt, settlement: Settlement) -> Result<Settled, BrokerError> {
        let inner = &self.0;
        let Settlement { disposition, result, publish } = settlement;
        // Where to, at which end, what. The same steps serve all dispositions: remove, push, store.
        let mut pushes: Vec<(String, &str, Vec<u8>)> = Vec::new();
        match disposition {
            Disposition::Acknowledge => {}
            Disposition::Requeue(envelope) => {
                pushes.push((receipt.source.to_string(), "L", envelope.to_bytes()));
            }
            Disposition::Next(envelope) => {
                pushes.push((receipt.source.to_string(), "R", envelope.to_bytes()))
            }
            Disposition::Delay { queue, until } => return inner.delay(receipt, &queue, until).await,
            Disposition::DeadLetter { element, reason, exception } => {
                let queue = inner.keys.queue_of(&receipt.source);
                let letter = inner.dead_letter(&element, queue, &reason, exception.as_deref());
                pushes.push((inner.dead_letter_list(), "L", letter));
            }
        }
        for (queue, envelope) in &publish {
            pushes.push((inner.list_for(queue, envelope), "L", envelope.to_bytes()));
        }
        let mut call = SETTLE.key(&inner.keys.unacked);
        call.key(&inner.keys.unacked_index).key(inner.keys.lease()).key(inner.keys.undecodable());
        call.key(result.as_ref().map_or("", |record| &record.key));
        call.arg(receipt.tag.as_ref()).arg(result.as_ref().map_or(&b""[..], |record| &record.meta));
        call.arg(result.as_ref().map_or(0, |record| record.expires));
        for (list, end, payload) in &pushes {
            call.key(list).arg(*end).arg(payload.as_slice());
        }
        let held: bool = call
            .invoke_async(&mut inner.connection.clone())
            .await
            .map_err(unavailable("settle a message"))?;
        inner.let_go(&receipt.tag);
        Ok(if held { Settled::Done } else { Settled::NotHeld })
    }

    fn abandon(&self, receipt: &Receipt) {
        // In the lease and known to nobody, it is what a cut-off delivery is: the keeper puts it back.
        self.0.let_go(&receipt.tag);
    }

    async fn publish(&self, queue: &str, envelope: &Envelope) -> Result<(), BrokerError> {
        redis::cmd("LPUSH")
            .arg(self.0.list_for(queue, envelope))
            .arg(envelope.to_bytes())
            .query_async(&mut self.0.connection.clone())
            .await
            .map_err(unavailable("publish a message"))
    }

    async fn leave(&self) -> Result<usize, BrokerError> {
        let inner = &self.0;
        let queues = inner.queues.get().map(Vec::as_slice).unwrap_or_default();
        restore::leave(inner, queues).await.map_err(unavailable("hand messages back"))
    }

    fn results_place(&self) -> Option<&str> {
        Some(self.0.server.place())
    }
}

/// Turns a client error into ours.
fn unavailable(action: &'static str) -> impl Fn(RedisError) -> BrokerError {
    move |error| BrokerError::Unavailable { action, reason: error.to_string() }
}
