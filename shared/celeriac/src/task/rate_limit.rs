//! How often a task may start (Celery's `rate_limit`), on one worker or on all together.

use std::str::FromStr;
use std::time::Duration;

/// The longest time between two starts: a year. So times to come can be told, however many wait.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Starts per time: a token bucket that holds one token, so that starts are evenly spaced
/// (celery-wire.md 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    interval: Duration,
}

impl RateLimit {
    /// Time between two starts.
    pub fn interval(self) -> Duration {
        self.interval
    }
}

/// A text that is no rate limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no rate: write starts per second, minute or hour, such as 5, 5/s, 10/m or 100/h, at least one a year"
)]
pub struct InvalidRate(String);

impl FromStr for RateLimit {
    type Err = InvalidRate;

    /// Reads `n/s`, `n/m`, `n/h`, or a plain number of starts per second.
    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let invalid = || InvalidRate(text.to_owned());
        let (starts, unit) = text.trim().split_once('/').unwrap_or((text.trim(), "s"));
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(invalid()),
        };
        let starts: f64 = starts.trim().parse().map_err(|_| invalid())?;
        if !starts.is_finite() || starts <= 0.0 {
            return Err(invalid());
        }
        let interval = Duration::try_from_secs_f64(seconds / starts).map_err(|_| invalid())?;
        if interval > LONGEST { Err(invalid()) } else { Ok(Self { interval }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let interval = |text: &str| text.parse::<RateLimit>().unwrap().interval();
        assert_eq!(interval("10/m"), Duration::from_secs(6));
        assert_eq!(interval("2/s"), Duration::from_millis(500));
        assert_eq!(interval("0.5"), Duration::from_secs(2));
        assert_eq!(interval(" 60 / h "), Duration::from_secs(60));
        for text in ["", "x", "10/d", "0", "-1/m", "inf/s", "1e-300/h", "1e-9/h", "/m"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }
}
