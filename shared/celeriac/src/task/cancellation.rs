//! How a running task is asked to stop, and why.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// Why a task is asked to stop before it has ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum CancelReason {
    /// Another worker has the message: this run does not count any more.
    LeaseLost,
    /// The worker is leaving: the message goes back to its queue.
    Shutdown,
    /// It was revoked with `terminate`.
    Terminated,
    /// Its user does not want it any more.
    Cancelled,
    /// It has run longer than its soft time limit.
    SoftTimeLimit,
}

/// A request to stop, made once; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    token: CancellationToken,
    reason: Arc<OnceLock<CancelReason>>,
}

impl Cancellation {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the task to stop. Asking again changes nothing.
    pub fn cancel(&self, reason: CancelReason) {
        // Fails when there is a reason already, which then counts.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Why it was asked to stop, if it was.
    pub fn reason(&self) -> Option<CancelReason> {
        self.reason.get().copied()
    }

    /// Waits until it is asked to stop.
    pub async fn cancelled(&self) -> CancelReason {
        self.token.cancelled().await;
        // The reason is set before the token.
        self.reason().unwrap_or(CancelReason::Cancelled)
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts() {
        let cancellation = Cancellation::new();
        assert_eq!(cancellation.reason(), None);
        cancellation.cancel(CancelReason::SoftTimeLimit);
        cancellation.cancel(CancelReason::Shutdown);
        assert_eq!(cancellation.cancelled().await, CancelReason::SoftTimeLimit);
    }
}
