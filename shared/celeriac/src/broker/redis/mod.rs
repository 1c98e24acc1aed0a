//! The Redis broker: kombu's queues and its record of unacknowledged messages, leased by node.
//!
//! - `keys`: what lies where.
//! - `fetch`: taking messages.
//! - `wait`: waiting for them.
//! - `lease`: staying the holder, looking after the others.
//! - `restore`: giving messages back to their queues.
//! - `dead_letters`: what nobody could run, and sending it again.
//! - `retries`: how often fetching is tried again.
//! - `settle`: ending deliveries.
//! - `starts`: the starts of tasks, spaced over all nodes.
//! - `watchdog`: whether messages are taken at all.
//! - here: the parts put together, and publishing.
//!
//! Every change of more than one key is a script, so that it happens whole or not at all (design.md, invariant 1).

mod dead_letters;
mod fetch;
mod keys;
mod lease;
mod restore;
mod retries;
mod settle;
mod starts;
mod wait;
mod watchdog;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::redis_server::Commands;
use async_trait::async_trait;
use redis::RedisError;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::{Broker, BrokerError, Delivery, Receipt, Settled, Settlement, Window};
use crate::message::Envelope;
use crate::node::NodeId;
use crate::redis_server::RedisServer;
pub use dead_letters::DeadLetters;
use keys::Keys;
pub use watchdog::Stalled;

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
    /// The queue for messages that nobody can run; `None` drops them with a warning, as Celery does. Default: `dlq`.
    pub dead_letter_queue: Option<String>,
    /// Time after which the other nodes hand back the messages of a node that has fallen silent. Default: 12 s.
    pub lease_time: Duration,
    /// Celery's `broker_connection_retry_on_startup`: whether fetching is tried again when the server is not there at first. If
    /// not, the broker gives up at once. Default: true.
    pub connection_retry_on_startup: bool,
    /// Celery's `broker_connection_max_retries`: how often in a row fetching is tried again before the broker gives up, at
    /// first and later; `None` for ever. Pauses grow from 0.1 s to 2 s (Celery's from 2 s to 30 s). Default: `None`.
    pub connection_max_retries: Option<u32>,
    /// How it waits for messages. Default: [`RedisWait::Auto`].
    pub wait: RedisWait,
}

/// How a node waits for messages while its queues are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedisWait {
    /// The best way that the server allows: blocking, or tracking for more than 16 lists (a queue has as many as there are
    /// priority steps); then the other; then polling.
    #[default]
    Auto,
    /// With BLMOVE (server 6.2), on a connection for each list. A message wakes one node.
    Block,
    /// With CLIENT TRACKING (server 6.0), on one connection. A message wakes all nodes that wait.
    Track,
    /// By looking, after 50 ms at first, after 1 s when nothing comes for a time.
    Poll,
}

impl RedisWait {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Block => "block",
            Self::Track => "track",
            Self::Poll => "poll",
        }
    }
}

impl Default for RedisBrokerOptions {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(3600),
            global_keyprefix: String::new(),
            priority_steps: vec![0, 3, 6, 9],
            separator: "\x06\x16".into(),
            dead_letter_queue: Some("dlq".into()),
            lease_time: Duration::from_secs(12),
            connection_retry_on_startup: true,
            connection_max_retries: None,
            wait: RedisWait::Auto,
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
    connection: Commands,
    /// What this node holds, by tag: for renewals and to tell a task that it lost its message.
    held: Mutex<HashMap<Arc<str>, CancellationToken>>,
    /// Wakes the renewal of leases when a message is held after a time without any.
    holding: Notify,
    node: NodeId,
    /// What it consumes, once it does.
    consumption: OnceLock<Arc<fetch::Consumption>>,
    /// Why it gave the server up, if it did.
    given_up: OnceLock<GivenUp>,
}

/// The server was not there, however often it was tried.
#[derive(Debug, Clone)]
struct GivenUp {
    retries: u32,
    reason: String,
}

impl RedisBroker {
    /// A broker for the node `node`. Nothing is connected yet: the first command does that.
    pub fn new(server: RedisServer, node: &NodeId, options: RedisBrokerOptions) -> Self {
        Self(Arc::new(Inner {
            connection: server.commands(),
            server,
            keys: Keys::new(node.as_str(), &options),
            options,
            held: Mutex::default(),
            holding: Notify::new(),
            node: node.clone(),
            consumption: OnceLock::new(),
            given_up: OnceLock::new(),
        }))
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
        let consumption = self
            .0
            .consumption
            .get_or_init(|| Arc::new(fetch::Consumption::new(queues, window, stop, deliveries.downgrade())))
            .clone();
        tokio::spawn(lease::Keeper::new(self.0.clone(), consumption.clone()).run());
        tokio::spawn(fetch::run(self.0.clone(), consumption, deliveries));
        receiver
    }

    async fn settle(
        &self,
        receipt: &Receipt,
        settlement: Settlement,
        place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Settled, BrokerError> {
        settle::settle(&self.0, receipt, settlement, place).await
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

    async fn reserve_start(&self, task: &str, interval: Duration) -> Result<Duration, BrokerError> {
        starts::reserve(&self.0, task, interval).await
    }

    async fn leave(&self) -> Result<usize, BrokerError> {
        let inner = &self.0;
        if let Some(GivenUp { retries, reason }) = inner.given_up.get().cloned() {
            return Err(BrokerError::GivenUp { retries, reason });
        }
        let queues =
            inner.consumption.get().map(|consumption| consumption.queues.as_slice()).unwrap_or_default();
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
