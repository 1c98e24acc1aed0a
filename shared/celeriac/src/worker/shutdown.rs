//! How a worker is asked to stop.
//!
//! | signal | effect | exit code |
//! |---|---|---|
//! | SIGTERM | warm: takes nothing new, finishes what runs, gives the rest back | 0 |
//! | SIGINT (Ctrl-C) | warm | 1, as Celery's |
//! | SIGQUIT, or a second signal | cold: gives everything back at once | 1 |

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// A request to stop, warm first, then perhaps cold.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    warm: CancellationToken,
    cold: CancellationToken,
    exit_code: Arc<AtomicU8>,
}

impl Shutdown {
    /// Not asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens to the process's signals.
    ///
    /// # Errors
    /// When the operating system refuses a signal handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::new();
        signals::listen(shutdown.clone())?;
        Ok(shutdown)
    }

    /// Take nothing new, finish what runs.
    pub fn warm(&self) {
        self.warm.cancel();
    }

    /// Give everything back at once.
    pub fn cold(&self) {
        self.exit_code.store(1, Ordering::Release);
        self.warm.cancel();
        self.cold.cancel();
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
        if cold || self.warm.is_cancelled() {
            tracing::warn!("{name}: cold shutdown, handing every message back");
            self.cold();
        } else {
            tracing::warn!("{name}: warm shutdown, finishing what runs; a second signal hands it back");
            self.exit_code.store(exit_code, Ordering::Release);
            self.warm();
        }
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
