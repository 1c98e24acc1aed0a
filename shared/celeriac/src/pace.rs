//! Keeps the starts of each task apart, first come, first served: on one node (`worker`), or over all nodes of a broker in
//! memory. Who waits, and how, stands elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The last start of each task, by name.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    last: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    /// Takes the next start of a task and answers when that is: at once, or an `interval` after the last that was taken.
    pub(crate) fn take(&self, task: &str, interval: Duration, now: Instant) -> Instant {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let start = last.get(task).map_or(now, |last| now.max(*last + interval));
        last.insert(task.to_owned(), start);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_evenly_apart_and_a_pause_saves_only_one() {
        let (pace, interval, now) = (Pace::default(), Duration::from_secs(6), Instant::now());
        let seconds = |start: Instant| (start - now).as_secs();
        let starts: Vec<u64> = (0..3).map(|_| seconds(pace.take("a", interval, now))).collect();
        assert_eq!(starts, [0, 6, 12]);
        assert_eq!(seconds(pace.take("b", interval, now)), 0);
        let later = now + Duration::from_secs(100);
        assert_eq!(seconds(pace.take("a", interval, later)), 100);
        assert_eq!(seconds(pace.take("a", interval, later)), 106);
    }
}
