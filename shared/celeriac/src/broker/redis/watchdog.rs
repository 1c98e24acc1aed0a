//! Whether messages are being taken at all: the last resort against a fetch that hangs for a reason nobody has thought of.
//!
//! It looks from outside, over a connection of its own: the same message at the front of a queue twice, while this node held
//! nothing, is a message that nobody takes. A server that is away or takes no writes is no stall; reconnecting is the business of others.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};
use tokio::time::{sleep, timeout};

use super::{Inner, RedisBroker};

/// Time for one look, connecting included.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);

static HEADS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("heads.lua")));

/// Messages wait, this node has room for them, and none was taken for so long: its process should end and be started again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "messages wait in {list} and Redis answers, but this worker has taken none for {} s although it holds none: \
     something in it hangs; start it again",
    .seconds.as_secs()
)]
pub struct Stalled {
    /// The Redis list whose next message stayed the same.
    pub list: String,
    /// Time between the looks.
    pub seconds: Duration,
}

impl RedisBroker {
    /// Looks every `interval` whether messages are being taken; ends when they are not. Costs one command each time.
    pub async fn watch(&self, interval: Duration) -> Stalled {
        let mut before = Vec::new();
        loop {
            sleep(interval).await;
            // What waits while something is held may wait for a place.
            let heads = if self.holds_nothing() { look(&self.0).await } else { Vec::new() };
            let same = heads.iter().zip(&before).find(|(now, before)| now == before && !now.1.is_empty());
            if let Some(((list, _), _)) = same
                && self.holds_nothing()
            {
                return Stalled { list: list.clone(), seconds: interval };
            }
            before = heads;
        }
    }

    fn holds_nothing(&self) -> bool {
        self.0.held().is_empty()
    }
}

/// The next message of each list; nothing when the server cannot be asked.
async fn look(inner: &Inner) -> Vec<(String, String)> {
    let lists =
        inner.consumption.get().map(|consumption| inner.keys.lists(&consumption.queues)).unwrap_or_default();
    if lists.is_empty() {
        return Vec::new();
    }
    match timeout(LOOK_TIMEOUT, heads(inner, &lists)).await {
        Ok(Ok(heads)) => lists.into_iter().zip(heads).collect(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the watchdog cannot look at the queues");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

async fn heads(inner: &Inner, lists: &[String]) -> RedisResult<Vec<String>> {
    let mut connection = inner.server.blocking().await?;
    HEADS.key(&inner.keys.nodes).key(lists).invoke_async(&mut connection).await
}
