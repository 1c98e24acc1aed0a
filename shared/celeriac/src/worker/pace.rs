//! Keeps the starts of each task apart as its rate limit says, first come, first served.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::task::RateLimit;

/// When each task may start next, by name.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    /// Takes the next start of a task and answers when that is: at once, or after all that were taken before.
    pub(super) fn take(&self, task: &str, limit: RateLimit, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = next.get(task).copied().unwrap_or(now).max(now);
        next.insert(task.to_owned(), start + limit.interval());
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn starts_are_evenly_apart_and_a_pause_saves_only_one() {
        let (pace, limit, now) = (Pace::default(), "10/m".parse().unwrap(), Instant::now());
        let seconds = |start: Instant| (start - now).as_secs();
        let starts: Vec<u64> = (0..3).map(|_| seconds(pace.take("a", limit, now))).collect();
        assert_eq!(starts, [0, 6, 12]);
        assert_eq!(seconds(pace.take("b", limit, now)), 0);
        let later = now + Duration::from_secs(100);
        assert_eq!(seconds(pace.take("a", limit, later)), 100);
        assert_eq!(seconds(pace.take("a", limit, later)), 106);
    }
}
