//! When a task that failed runs again by itself, and how long after (celery-wire.md 4.5).

use std::time::Duration;

use super::TaskOptions;
use crate::exception::Exception;

impl TaskOptions {
    /// Whether a failure of the task's body asks for another attempt by itself: a class of `autoretry_for`, and none of
    /// `dont_autoretry_for`.
    pub fn retries_automatically(&self, failure: &Exception) -> bool {
        let is_one_of = |classes: &[String]| classes.iter().any(|class| failure.is_a(class));
        !failure.is_from_outside() && is_one_of(&self.autoretry_for) && !is_one_of(&self.dont_autoretry_for)
    }

    /// The pause before an automatic retry, when `retries` have been made. With jitter it is drawn from all whole seconds up
    /// to the pause without.
    pub fn countdown(&self, retries: u32) -> Duration {
        let Some(factor) = self.retry_backoff else { return self.default_retry_delay };
        let grown = u64::from(factor.max(1)).saturating_mul(2_u64.saturating_pow(retries));
        let longest = grown.min(self.retry_backoff_max.as_secs());
        Duration::from_secs(if self.retry_jitter { rand::random_range(0..=longest) } else { longest })
    }

    /// Sets both [`acks_on_failure`](Self::acks_on_failure) and [`acks_on_timeout`](Self::acks_on_timeout), as Celery's
    /// setting `task_acks_on_failure_or_timeout` does.
    pub fn acks_on_failure_or_timeout(&mut self, acknowledge: bool) {
        self.acks_on_failure = acknowledge;
        self.acks_on_timeout = acknowledge;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_class_and_the_exceptions_from_it() {
        let options = TaskOptions {
            autoretry_for: vec!["OSError".into(), "shop.errors.Busy".into()],
            dont_autoretry_for: vec!["PermissionError".into()],
            ..TaskOptions::default()
        };
        let retried = |exception: Exception| options.retries_automatically(&exception);
        assert!(retried(Exception::builtin("ConnectionResetError", "x")));
        assert!(retried(Exception::new("shop.errors", "Busy", vec![])));
        assert!(!retried(Exception::builtin("PermissionError", "x")));
        assert!(!retried(Exception::builtin("ValueError", "x")));
        let all = TaskOptions { autoretry_for: vec!["Exception".into()], ..TaskOptions::default() };
        assert!(all.retries_automatically(&Exception::builtin("ValueError", "x")));
        assert!(!all.retries_automatically(&Exception::worker_lost("x")), "not raised by the body");
    }

    #[test]
    fn the_pause_doubles_up_to_its_maximum() {
        let mut options =
            TaskOptions { retry_backoff: Some(3), retry_jitter: false, ..TaskOptions::default() };
        let seconds = |options: &TaskOptions, retries| options.countdown(retries).as_secs();
        let pauses: Vec<u64> = [0, 1, 2, 7, 8, 64, u32::MAX].map(|n| seconds(&options, n)).into();
        assert_eq!(pauses, [3, 6, 12, 384, 600, 600, 600]);
        options.retry_backoff = None;
        assert_eq!(seconds(&options, 5), 180);

        options.retry_backoff = Some(1);
        options.retry_jitter = true;
        let drawn: std::collections::BTreeSet<u64> = (0..1000).map(|_| seconds(&options, 2)).collect();
        assert_eq!(
            drawn,
            (0..=4).collect(),
            "every whole second from none to all, each with the same chance"
        );
    }
}
