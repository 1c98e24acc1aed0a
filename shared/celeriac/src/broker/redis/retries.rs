//! How often fetching is tried again while the server is away, and after which pauses (celery-wire.md 8.4). What is fetched,
//! and what follows when nothing helps, stands in `fetch`.

use std::time::Duration;

use super::RedisBrokerOptions;
use crate::backoff::Backoff;

/// Retries in a row.
pub(super) struct Retries {
    backoff: Backoff,
    /// Since the server was there.
    used: u32,
    /// Before the server was there for the first time.
    on_startup: bool,
    most: Option<u32>,
}

impl Retries {
    pub(super) fn new(options: &RedisBrokerOptions) -> Self {
        Self {
            backoff: Backoff::reconnect(),
            used: 0,
            on_startup: options.connection_retry_on_startup,
            most: options.connection_max_retries,
        }
    }

    /// The server is there.
    pub(super) fn succeeded(&mut self) {
        self.backoff.reset();
        self.used = 0;
        self.on_startup = true;
    }

    /// The server is not there: the pause before the next attempt, or `None` when there is to be none.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        if !self.on_startup || self.most.is_some_and(|most| self.used >= most) {
            return None;
        }
        self.used = self.used.saturating_add(1);
        Some(self.backoff.pause())
    }

    /// How many there were in a row.
    pub(super) fn used(&self) -> u32 {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retries(on_startup: bool, most: Option<u32>) -> Retries {
        Retries::new(&RedisBrokerOptions {
            connection_retry_on_startup: on_startup,
            connection_max_retries: most,
            ..RedisBrokerOptions::default()
        })
    }

    fn count(retries: &mut Retries) -> usize {
        std::iter::from_fn(|| retries.pause()).take(1000).count()
    }

    #[test]
    fn no_pause_is_longer_than_celery_s() {
        let mut retries = retries(true, None);
        for attempt in 1..=1000 {
            let celery = Duration::from_secs((2 * attempt).min(30));
            assert!(retries.pause().is_some_and(|pause| pause <= celery), "{attempt}");
        }
    }

    #[test]
    fn only_retries_in_a_row_count() {
        let mut some = retries(true, Some(3));
        assert_eq!((count(&mut some), some.used()), (3, 3));
        some.succeeded();
        assert_eq!(count(&mut some), 3);
    }

    #[test]
    fn a_server_that_was_never_there_may_count_otherwise() {
        let mut none_at_first = retries(false, Some(2));
        assert_eq!((count(&mut none_at_first), none_at_first.used()), (0, 0));
        none_at_first.succeeded();
        assert_eq!(count(&mut none_at_first), 2);
    }
}
