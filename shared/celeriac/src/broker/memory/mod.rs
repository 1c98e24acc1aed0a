//! A broker in this process's memory, for tests of what is built on the engine: the same trait, the same rules of leases,
//! priorities, delays and dead letters as on a server, and nodes that can crash.
//!
//! - `state`: what lies where, and every change of it, each whole or not at all;
//! - here: nodes, and waiting.

mod state;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Broker, BrokerError, Delivery, Receipt, Settled, Settlement, Window};
use crate::dead_letters::DeadLetter;
use crate::message::Envelope;
use crate::pace::Pace;
use crate::results::MemoryResults;
use state::{Counted, State};

/// The queue of dead letters.
const DEAD_LETTER_QUEUE: &str = "dlq";

/// What stands for the server: queues, what is leased from them, and results. Clones are the same server.
///
/// ```
/// use std::sync::Arc;
/// use celeriac::broker::MemoryServer;
/// use celeriac::task::{Registry, TaskError, TypedTask};
/// use celeriac::{Client, TaskCall, Worker, WorkerParts};
///
/// async fn add(x: i64, y: i64) -> Result<i64, TaskError> {
///     Ok(x + y)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = MemoryServer::new();
/// let mut registry = Registry::new();
/// registry.serve("tasks.add", TypedTask::new(["x", "y"], add));
/// let broker = Arc::new(server.node("worker@test"));
/// let worker = Worker::new(WorkerParts::new("worker@test", broker, Some(Arc::new(server.results())), registry));
/// tokio::spawn(async move { worker.run(&["celery".to_owned()]).await });
///
/// let client = Client::new(Arc::new(server.node("client@test")), Some(Arc::new(server.results())), "test");
/// let sum = client.apply_async(TaskCall::new("tasks.add").arg(2).arg(3)).await?;
/// assert_eq!(sum.get::<i64>(None).await?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryServer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    results: MemoryResults,
    /// The starts of tasks that are spaced over all nodes.
    starts: Pace,
    /// Messages have come, or come back, or their time has.
    arrived: Notify,
    nodes: AtomicUsize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was locked cannot have left it half changed: none of its operations panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then wakes all who wait for messages.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let answer = change(&mut self.state());
        self.arrived.notify_waiters();
        answer
    }
}

impl MemoryServer {
    /// An empty server.
    pub fn new() -> Self {
        Self::default()
    }

    /// A broker of this server, as a node of that name sees it.
    pub fn node(&self, name: &str) -> MemoryBroker {
        let node = self.0.nodes.fetch_add(1, Ordering::Relaxed);
        let shared = self.0.clone();
        let down = CancellationToken::new();
        MemoryBroker(Arc::new(Node { shared, id: node, name: name.to_owned(), down }))
    }

    /// The results of this server, which are stored in one step with acknowledgements.
    pub fn results(&self) -> MemoryResults {
        self.0.results.clone()
    }

    /// The messages that wait in a queue, the next to be taken first.
    pub fn waiting(&self, queue: &str) -> Vec<Bytes> {
        self.0.state().waiting(queue)
    }

    /// How many messages nodes hold.
    pub fn held(&self) -> usize {
        self.0.state().held()
    }

    /// How many messages wait for their time here.
    pub fn delayed(&self) -> usize {
        self.0.state().delayed()
    }

    /// What nobody could run, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.waiting(DEAD_LETTER_QUEUE).into_iter().map(DeadLetter::read).collect()
    }

    /// Puts bytes into a queue, whatever they are.
    pub fn push(&self, queue: &str, element: impl Into<Bytes>) {
        self.0.change(|state| state.push(queue, element.into()));
    }
}

/// A broker as one node of a [`MemoryServer`] sees it. Clones are the same node. When the last one is dropped and has not
/// taken [leave](Broker::leave), that is a crash: what it held is delivered again.
#[derive(Debug, Clone)]
pub struct MemoryBroker(Arc<Node>);

#[derive(Debug)]
struct Node {
    shared: Arc<Shared>,
    id: usize,
    name: String,
    /// Cancelled when it has crashed.
    down: CancellationToken,
}

impl Node {
    fn crash(&self) {
        self.down.cancel();
        let id = self.id;
        self.shared.change(|state| state.hand_back(id, &self.name, Counted::Yes));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.crash();
    }
}

impl MemoryBroker {
    /// As if the process were killed and the others had noticed: what the node held is back in its queues, marked as
    /// delivered before; it fetches nothing more, and what it still wants to settle does not count.
    pub fn crash(&self) {
        self.0.crash();
    }
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn consume(
        &self,
        queues: &[String],
        window: Window,
        stop: CancellationToken,
    ) -> mpsc::Receiver<Delivery> {
        let (deliveries, receiver) = mpsc::channel(1);
        // Not the node itself: were it kept here, it would never be dropped.
        let fetcher = Fetcher {
            shared: self.0.shared.clone(),
            node: self.0.id,
            queues: queues.iter().map(|queue| Arc::from(queue.as_str())).collect(),
            window,
            deliveries,
            down: self.0.down.clone(),
        };
        tokio::spawn(async move {
            let down = fetcher.down.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = down.cancelled() => {}
                () = fetcher.run() => {}
            }
        });
        receiver
    }

    async fn settle(
        &self,
        receipt: &Receipt,
        settlement: Settlement,
        // A round trip costs nothing here: the place is free when this returns.
        _place: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Settled, BrokerError> {
        let (shared, name) = (&self.0.shared, &self.0.name);
        shared.change(|state| state.settle(&receipt.tag, settlement, name, &shared.results)).map_err(
            |error| BrokerError::Unavailable {
                action: "store a result with its acknowledgement",
                reason: error.to_string(),
            },
        )
    }

    fn abandon(&self, receipt: &Receipt) {
        self.0.shared.change(|state| state.give_back(&receipt.tag, &self.0.name, Counted::No));
    }

    async fn publish(&self, queue: &str, envelope: &Envelope) -> Result<(), BrokerError> {
        self.0.shared.change(|state| state.publish(queue, envelope));
        Ok(())
    }

    async fn reserve_start(&self, task: &str, interval: Duration) -> Result<Duration, BrokerError> {
        let now = Instant::now();
        Ok(self.0.shared.starts.take(task, interval, now) - now)
    }

    async fn leave(&self) -> Result<usize, BrokerError> {
        let (id, name) = (self.0.id, &self.0.name);
        Ok(self.0.shared.change(|state| state.hand_back(id, name, Counted::No)))
    }

    fn results_place(&self) -> Option<&str> {
        use crate::results::ResultBackend;
        Some(self.0.shared.results.place())
    }
}

/// Fetches for one consumer. May be dropped at any await: a message is either on the server or with the consumer.
struct Fetcher {
    shared: Arc<Shared>,
    node: usize,
    /// In the order of their turns: the one that delivered last is last.
    queues: Vec<Arc<str>>,
    window: Window,
    deliveries: mpsc::Sender<Delivery>,
    /// Cancelled when the node has crashed.
    down: CancellationToken,
}

impl Fetcher {
    async fn run(mut self) {
        loop {
            self.wait().await;
            // The window is never closed.
            let Some(permit) = self.window.acquire().await else { return };
            let Ok(place) = self.deliveries.reserve().await else { return };
            let taken = {
                let mut state = self.shared.state();
                // Whoever crashes hands everything back under the same lock: nothing is taken after that.
                if self.down.is_cancelled() {
                    return;
                }
                state.take(self.node, &self.queues, Utc::now())
            };
            // Somebody else may have been faster.
            let Some((queue, element, receipt)) = taken else { continue };
            if let Some(position) = self.queues.iter().position(|known| *known == queue) {
                let turns = (position + 1) % self.queues.len();
                self.queues.rotate_left(turns);
            }
            place.send(Delivery { element, queue, receipt, permit });
        }
    }

    /// Waits until there is something to take. No place in the window is reserved meanwhile.
    async fn wait(&self) {
        loop {
            let arrived = self.shared.arrived.notified();
            let now = Utc::now();
            let next = match self.shared.state().next(&self.queues, now) {
                None => None,
                Some(time) if time <= now => return,
                Some(time) => (time - now).to_std().ok(),
            };
            match next {
                None => arrived.await,
                // A message's own time; the clock may be set meanwhile, so it is looked at again.
                Some(pause) => drop(tokio::time::timeout(pause, arrived).await),
            }
        }
    }
}
