//! How a worker is asked to stop.
//!
//! | signal | effect | exit code |
//! |---|---|---|
//! | SIGTERM | warm: takes nothing new, finishes what runs, gives the rest back; after the drain timeout gives everything back | 0 |
//! | SIGINT (Ctrl-C) | warm | 1, as Celery's |
//! | SIGQUIT, or a second signal | cold: gives everything back, at once or after the soft shutdown timeout | 1 |
//! | another one in the soft shutdown timeout | cold, at once | 1 |

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A request to stop, warm first, then perhaps cold.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    warm: CancellationToken,
    hand_back: CancellationToken,
    cold: CancellationToken,
    /// Whether the time before a cold shutdown has begun.
    soft: Arc<AtomicBool>,
    soft_timeout: Duration,
    exit_code: Arc<AtomicU8>,
}

impl Shutdown {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With so much time for what runs before a cold shutdown that a signal asks for (Celery's
    /// `worker_soft_shutdown_timeout`). Default: none.
    #[must_use]
    pub fn with_soft_timeout(self, soft_timeout: Duration) -> Self {
        Self { soft_timeout, ..self }
    }

    /// Listens to the process's signals.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub fn on_signals() -> std::io::Result<Self> {
        Self::new().listening()
    }

    /// As [`Self::on_signals`], for one that has been set up.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub fn listening(self) -> std::io::Result<Self> {
        signals::listen(self.clone())?;
        Ok(self)
    }

    /// Take nothing new, finish what runs.
    pub fn warm(&self) {
        self.warm.cancel();
    }

    /// Give everything back at once.
    pub fn cold(&self) {
        self.exit_code.store(1, Ordering::Release);
        self.warm.cancel();
        self.hand_back.cancel();
        self.cold.cancel();
    }

    /// Once asked to stop, gives what runs so much time, then asks to hand it back.
    pub(super) async fn drain(self, timeout: Duration) {
        self.warm.cancelled().await;
        tokio::select! {
            () = self.hand_back.cancelled() => {}
            () = tokio::time::sleep(timeout) => {
                tracing::warn!("what still runs after {} s is handed back", timeout.as_secs_f64());
                self.hand_back.cancel();
            }
        }
    }

    /// Cancelled when what runs is to be handed back.
    pub fn hand_back_requested(&self) -> &CancellationToken {
        &self.hand_back
    }

    /// Cancelled at the first request.
    pub fn warm_requested(&self) -> &CancellationToken {
        &self.warm
    }

    /// Cancelled at a cold request.
    pub fn cold_requested(&self) -> &CancellationToken {
        &self.cold
    }

    /// What the process should exit with after stopping.
    pub fn exit_code(&self) -> u8 {
        self.exit_code.load(Ordering::Acquire)
    }

    fn signalled(&self, name: &str, cold: bool, exit_code: u8) {
        if !cold && !self.warm.is_cancelled() {
            tracing::warn!("{name}: warm shutdown, finishing what runs; a second signal hands it back");
            self.exit_code.store(exit_code, Ordering::Release);
            return self.warm();
        }
        if self.soft_timeout.is_zero() || self.soft.swap(true, Ordering::AcqRel) {
            tracing::warn!("{name}: cold shutdown, handing every message back");
            return self.cold();
        }
        let seconds = self.soft_timeout.as_secs_f64();
        tracing::warn!(
            "{name}: soft shutdown, what runs is handed back in {seconds} s; another signal does it at once"
        );
        self.exit_code.store(1, Ordering::Release);
        self.warm();
        let shutdown = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(shutdown.soft_timeout).await;
            shutdown.cold();
        });
    }
}

#[cfg(unix)]
mod signals {
    use tokio::signal::unix::{SignalKind, signal};

    use super::Shutdown;

    pub(super) fn listen(shutdown: Shutdown) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    Some(()) = terminate.recv() => shutdown.signalled("SIGTERM", false, 0),
                    Some(()) = interrupt.recv() => shutdown.signalled("SIGINT", false, 1),
                    Some(()) = quit.recv() => shutdown.signalled("SIGQUIT", true, 1),
                    else => return,
                }
            }
        });
        Ok(())
    }
}

#[cfg(not(unix))]
mod signals {
    use super::Shutdown;

    pub(super) fn listen(shutdown: Shutdown) -> std::io::Result<()> {
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                shutdown.signalled("Ctrl-C", false, 1);
            }
        });
        Ok(())
    }
}
