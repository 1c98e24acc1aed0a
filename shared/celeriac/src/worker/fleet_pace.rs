//! Waits for a task's next start among all nodes (`TaskOptions::global_rate_limit`): the broker keeps the starts apart, this
//! node asks it for one after the other. How the starts are kept apart stands in the broker.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::backoff::Backoff;
use crate::broker::BrokerError;

/// The next start is reserved when the one before is this near. So a node that leaves or dies wastes the starts of this time,
/// and no more than one of a slow task, however many messages it holds; and a fast task does not wait for answers.
const AHEAD: Duration = Duration::from_secs(1);

/// Whose turn it is to reserve a start, by task.
#[derive(Debug, Default)]
pub(super) struct FleetPace {
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl FleetPace {
    /// Reserves the next start of a task, in the order of the calls, and waits until it has come. A server that cannot be
    /// asked is asked again until it answers. May be dropped at any time: a start that was reserved is wasted then.
    pub(super) async fn wait<R>(&self, task: &str, reserve: impl Fn() -> R)
    where
        R: Future<Output = Result<Duration, BrokerError>>,
    {
        let turn = self.turn(task);
        let reserving = turn.lock().await;
        let mut backoff = Backoff::reconnect();
        let wait = loop {
            match reserve().await {
                Ok(wait) => break wait,
                Err(error) => {
                    let pause = backoff.pause();
                    tracing::warn!(%error, task, pause_ms = pause.as_millis(), "cannot ask when the task may start; trying again");
                    sleep(pause).await;
                }
            }
        };
        let answered = Instant::now();
        sleep_until(answered + wait.saturating_sub(AHEAD)).await;
        drop(reserving);
        sleep_until(answered + wait).await;
    }

    fn turn(&self, task: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(task.to_owned()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::pace::Pace;

    /// Starts of one task, kept apart by `interval`; counts the reservations.
    struct Server {
        pace: Pace,
        interval: Duration,
        reserved: AtomicU32,
    }

    impl Server {
        fn new(interval: Duration) -> Self {
            Self { pace: Pace::default(), interval, reserved: AtomicU32::new(0) }
        }

        fn reserve(&self) -> Result<Duration, BrokerError> {
            self.reserved.fetch_add(1, Ordering::Relaxed);
            let now = Instant::now();
            Ok(self.pace.take("t", self.interval, now) - now)
        }

        async fn waits(&self, pace: &FleetPace, count: u32) -> Vec<Duration> {
            let begun = Instant::now();
            let wait = |_| async move {
                pace.wait("t", || ready(self.reserve())).await;
                begun.elapsed()
            };
            join_all((0..count).map(wait)).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn starts_come_in_order_and_at_their_times() {
        for millis in [100, 60_000] {
            let server = Server::new(Duration::from_millis(millis));
            let waits = server.waits(&FleetPace::default(), 4).await;
            let times: Vec<Duration> = (0..4).map(|start| server.interval * start).collect();
            assert_eq!(waits, times);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_start_of_a_slow_task_is_reserved_ahead_and_a_second_of_a_fast_one() {
        for (interval, reserved) in [(Duration::from_secs(3600), 2), (Duration::from_millis(100), 12)] {
            let server = Server::new(interval);
            let pace = FleetPace::default();
            tokio::select! {
                biased;
                _ = server.waits(&pace, 50) => panic!("nobody waits that long"),
                () = sleep(Duration::from_millis(5)) => {}
            }
            assert_eq!(server.reserved.load(Ordering::Relaxed), reserved, "{interval:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_away_is_asked_again() {
        let attempts = AtomicU32::new(0);
        let reserve = || {
            let away = attempts.fetch_add(1, Ordering::Relaxed) < 5;
            let answer = if away {
                Err(BrokerError::Unavailable { action: "reserve a start", reason: "gone".into() })
            } else {
                Ok(Duration::ZERO)
            };
            ready(answer)
        };
        FleetPace::default().wait("t", reserve).await;
        assert_eq!(attempts.load(Ordering::Relaxed), 6);
    }
}
