//! A run's bounds: how long it may take, and what ends it from outside.

use std::future::pending;

use tokio_util::sync::CancellationToken;

use super::Shutdown;
use crate::exception::Exception;
use crate::message::{Request, TimeLimits};
use crate::outcome::Outcome;
use crate::pool::{Job, Pool, Slot};
use crate::task::{CancelReason, TaskOptions};

/// The first that is set counts: the message's, the task's, the worker's (celery-wire.md 4.2). 0 is not set.
pub(super) fn time_limits(request: &Request, options: &TaskOptions, worker: TimeLimits) -> TimeLimits {
    let first = |of: fn(&TimeLimits) -> Option<f64>| {
        let all = [&request.time_limits, &options.time_limits, &worker];
        all.into_iter().filter_map(of).find(|seconds| *seconds > 0.0)
    };
    TimeLimits { soft: first(|limits| limits.soft), hard: first(|limits| limits.hard) }
}

/// Runs a job until it ends, its lease is lost, or the worker hands back what it holds. `None` when the message is to go
/// back: nothing has come of the run.
pub(super) async fn run(
    pool: &dyn Pool,
    slot: Slot,
    job: Job,
    lost: &CancellationToken,
    shutdown: &Shutdown,
) -> Option<Outcome> {
    let cancellation = job.cancellation.clone();
    let outside = async {
        tokio::select! {
            () = lost.cancelled() => cancellation.cancel(CancelReason::LeaseLost),
            () = shutdown.hand_back_requested().cancelled() => cancellation.cancel(CancelReason::Shutdown),
        }
        pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = pool.run(slot, job) => outcome,
        // It only asks the run to end.
        () = outside => return None,
    };
    match outcome {
        // What is done is done.
        Outcome::Success(_) => Some(outcome),
        _ if cancellation.reason() == Some(CancelReason::Shutdown) => None,
        outcome => Some(outcome),
    }
}

/// The end of a task whose message cannot be handed back, because it was acknowledged before (quirk Q13).
pub(super) fn cut_off() -> Outcome {
    let exception = Exception::worker_lost("the worker was stopped while the task ran");
    Outcome::Lost { exception, redeliver: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Envelope;
    use serde_json::{Value, json};

    fn request(limits: &Value) -> Request {
        let element = json!({
            "body": "[[], {}, {}]", "content-type": "application/json",
            "headers": {"task": "t", "id": "i", "timelimit": limits},
            "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}},
        });
        Request::decode(Envelope::parse(element.to_string().as_bytes()).unwrap(), &Default::default())
            .unwrap()
    }

    #[test]
    fn the_first_limit_that_is_set_counts() {
        let limits = |hard, soft| TimeLimits { soft, hard };
        let options = TaskOptions { time_limits: limits(Some(20.0), None), ..TaskOptions::default() };
        let worker = limits(Some(30.0), Some(25.0));
        let found = |header: Value| time_limits(&request(&header), &options, worker);
        assert_eq!(found(json!([2, 1])), limits(Some(2.0), Some(1.0)));
        assert_eq!(found(json!([0, 1.5])), limits(Some(20.0), Some(1.5)));
        assert_eq!(found(json!([null, null])), limits(Some(20.0), Some(25.0)));
    }
}
