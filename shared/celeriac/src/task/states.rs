//! States of a task's own, stored while it runs. They never come after its outcome, and never from a run that does not count
//! any more.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::message::Request;
use crate::results::{ResultBackend, ResultError};

/// Who is told what a body tells while it runs.
#[async_trait]
pub(crate) trait Audience: Send + Sync {
    /// How far it is; for show.
    fn progress(&self, progress: Value);

    /// A state of its own, to be stored.
    ///
    /// # Errors
    /// [`ResultError`] when it cannot be.
    async fn state(&self, state: &str, meta: Value) -> Result<(), ResultError>;
}

/// Stores the states of one run.
#[derive(Clone)]
pub(crate) struct States {
    results: Arc<dyn ResultBackend>,
    hostname: Arc<str>,
    /// Cancelled when the run does not count any more.
    over: CancellationToken,
    /// Held while one is stored; `true` once the run has ended.
    ended: Arc<Mutex<bool>>,
}

impl States {
    pub(crate) fn new(results: Arc<dyn ResultBackend>, hostname: Arc<str>, over: CancellationToken) -> Self {
        Self { results, hostname, over, ended: Arc::default() }
    }

    /// Stores one, after those before it.
    pub(crate) async fn store(
        &self,
        request: &Request,
        state: &str,
        meta: &Value,
    ) -> Result<(), ResultError> {
        let record = self.results.record_state(request, state, meta, &self.hostname);
        let (states, ended) = (self.clone(), self.ended.clone().lock_owned().await);
        // On its own: a body that is cut off must not leave a state on its way that could overtake the outcome.
        let storing = tokio::spawn(async move {
            match *ended || states.over.is_cancelled() {
                true => Ok(()),
                false => states.results.store(&record).await,
            }
        });
        storing.await.unwrap_or_else(|error| {
            Err(ResultError::Unavailable { action: "store a state", reason: error.to_string() })
        })
    }

    /// Waits until what is being stored is stored. Nothing is from then on.
    pub(crate) async fn end(&self) {
        *self.ended.lock().await = true;
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("States").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Envelope;
    use crate::results::MemoryResults;
    use serde_json::json;

    #[tokio::test]
    async fn a_run_that_does_not_count_any_more_tells_nothing() {
        let results = MemoryResults::new();
        let over = CancellationToken::new();
        let states = States::new(Arc::new(results.clone()), "w@h".into(), over.clone());
        let element = json!({"body": "[[], {}, {}]", "content-type": "application/json",
                             "headers": {"task": "t", "id": "i"}, "properties": {}});
        let envelope = Envelope::parse(element.to_string().as_bytes()).unwrap();
        let request = Request::decode(envelope, &Default::default()).unwrap();
        states.store(&request, "PROGRESS", &json!(1)).await.unwrap();
        over.cancel();
        states.store(&request, "PROGRESS", &json!(2)).await.unwrap();
        assert_eq!(results.fetch("i").await.unwrap().map(|meta| meta.result), Some(json!(1)));
    }
}
