//! A body's time: its limits, and what asks it to stop. The same for all pools.

use std::future::{Future, pending};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Job;
use crate::exception::Exception;
use crate::outcome::Outcome;
use crate::task::CancelReason;

/// How long a body that is asked to stop may take to do so. Ends are to come within two seconds.
const GRACE: Duration = Duration::from_millis(1500);
/// The same when the worker is leaving.
const GRACE_AT_SHUTDOWN: Duration = Duration::from_millis(300);

/// Why a body that has not ended is not waited for any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Overdue {
    /// It has run for as many seconds as the hard limit allows.
    HardLimit(f64),
    /// It was asked to stop and did not.
    Deaf(CancelReason),
}

/// Waits for the end of a body that begins now. `tell` hands on to it why it is to stop.
pub(super) async fn supervise<T>(
    mut body: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    job: &Job,
    tell: impl Fn(CancelReason),
) -> Result<T, Overdue> {
    let started = Instant::now();
    let at = |seconds: Option<f64>| {
        let limit = Duration::try_from_secs_f64(seconds.filter(|seconds| *seconds > 0.0)?).ok()?;
        started.checked_add(limit)
    };
    let (mut soft, hard) = (at(job.limits.soft), at(job.limits.hard));
    let mut stop: Option<(CancelReason, Instant)> = None;
    loop {
        tokio::select! {
            biased;
            end = &mut body => return Ok(end),
            () = reach(hard) => return Err(Overdue::HardLimit(job.limits.hard.unwrap_or_default())),
            reason = job.cancellation.cancelled(), if stop.is_none() => {
                let grace = if reason == CancelReason::Shutdown { GRACE_AT_SHUTDOWN } else { GRACE };
                stop = Some((reason, Instant::now() + grace));
                tell(reason);
            }
            () = reach(stop.map(|(_, until)| until)) => {
                return Err(Overdue::Deaf(stop.map_or(CancelReason::Cancelled, |(reason, _)| reason)));
            }
            () = reach(soft) => {
                soft = None;
                tell(CancelReason::SoftTimeLimit);
            }
        }
    }
}

async fn reach(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// What an end means that the body did not bring about alone.
pub(super) fn outcome(end: Result<Outcome, Overdue>, job: &Job) -> Outcome {
    let terminated = || Outcome::Revoked(Exception::revoked("terminated"));
    match end {
        Err(Overdue::HardLimit(seconds)) => Outcome::TimedOut(Exception::time_limit(seconds)),
        Err(Overdue::Deaf(CancelReason::Terminated | CancelReason::Cancelled)) => terminated(),
        // Nobody will ask for it.
        Err(Overdue::Deaf(_)) => Outcome::Ignore,
        // What is done is done.
        Ok(Outcome::Success(value)) => Outcome::Success(value),
        Ok(_) if job.cancellation.reason() == Some(CancelReason::Terminated) => terminated(),
        Ok(outcome) => outcome,
    }
}
