//! Pauses between attempts: exponential, with full jitter, bounded.

use std::time::Duration;

/// A growing pause. Each call of [`Backoff::pause`] draws from an interval that doubles until it reaches its cap.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    attempt: u32,
}

impl Backoff {
    /// Pauses between `first / 2` and `first`, then twice that, at most `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, attempt: 0 }
    }

    /// For a server that went away: 0.1 s growing to 2 s, so that work goes on within seconds of its return.
    pub fn reconnect() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(2))
    }

    /// Draws the next pause.
    pub fn pause(&mut self) -> Duration {
        let longest = self.first.saturating_mul(2_u32.saturating_pow(self.attempt)).min(self.cap);
        self.attempt = self.attempt.saturating_add(1);
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Begins again: the last attempt was a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_are_bounded_and_never_zero(first in 1u64..1000, cap in 1000u64..10_000, attempts in 1usize..80) {
            let mut backoff = Backoff::new(Duration::from_millis(first), Duration::from_millis(cap));
            for attempt in 0..attempts {
                let pause = backoff.pause();
                let longest = Duration::from_millis(first).saturating_mul(2u32.saturating_pow(attempt as u32));
                prop_assert!(pause <= longest.min(Duration::from_millis(cap)));
                prop_assert!(pause >= longest.min(Duration::from_millis(cap)) / 2);
            }
        }
    }
}
