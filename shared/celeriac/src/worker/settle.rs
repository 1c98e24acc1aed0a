//! From outcomes to what happens with message and result: the one place that says so (celery-wire.md 4.3).

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::broker::{Disposition, Settlement};
use crate::exception::Exception;
use crate::message::iso8601::isoformat;
use crate::message::{Malformed, Request, Treatment};
use crate::outcome::Outcome;
use crate::results::{ResultBackend, ResultRecord};
use crate::task::TaskOptions;

/// How a request that reached an outcome is settled.
pub(super) fn settlement(
    request: &Request,
    outcome: &Outcome,
    options: &TaskOptions,
    results: Option<&dyn ResultBackend>,
    hostname: &str,
    now: DateTime<Utc>,
) -> Settlement {
    let mut settlement = Settlement::from(disposition(request, outcome, options, now));
    if let Outcome::Retry { delay, .. } = outcome {
        let queue = request.routing_key().unwrap_or_default().to_owned();
        settlement.publish.push((queue, request.retry(now, *delay)));
    }
    if wants_result(request, outcome, options) {
        settlement.result = results.and_then(|results| results.record(request, outcome, hostname));
    }
    settlement
}

fn disposition(
    request: &Request,
    outcome: &Outcome,
    options: &TaskOptions,
    now: DateTime<Utc>,
) -> Disposition {
    let requeue = |counted| {
        let mut envelope = request.envelope.clone();
        envelope.mark_redelivered(counted);
        Disposition::Requeue(Box::new(envelope))
    };
    match outcome {
        Outcome::Reject { requeue: true, .. } => requeue(false),
        Outcome::RetryNext { .. } => Disposition::Next(Box::new(request.retry(now, Duration::ZERO))),
        Outcome::Lost { redeliver: true, .. } => requeue(true),
        Outcome::Lost { exception, .. } => dead_letter(request, lost_reason(request), exception),
        // Counted, so that a task which always takes too long does not go round for ever.
        Outcome::TimedOut(_) if !options.acks_on_timeout => requeue(true),
        Outcome::TimedOut(exception) => {
            dead_letter(request, "the hard time limit ended the task".into(), exception)
        }
        // A rejected message is the broker's dead letter, as in RabbitMQ.
        Outcome::Failure(failure) if !options.acks_on_failure => {
            dead_letter(request, "the task failed, and its failures are not acknowledged".into(), failure)
        }
        _ => Disposition::Acknowledge,
    }
}

fn dead_letter(request: &Request, reason: String, exception: &Exception) -> Disposition {
    let element = request.envelope.to_bytes().into();
    Disposition::DeadLetter { element, reason, exception: Some(exception.to_string()) }
}

fn lost_reason(request: &Request) -> String {
    let deliveries = request.envelope.earlier_deliveries().saturating_add(1);
    format!("the executor was lost in each of {deliveries} deliveries")
}

fn wants_result(request: &Request, outcome: &Outcome, options: &TaskOptions) -> bool {
    let is_error = matches!(outcome.state(), "FAILURE" | "RETRY" | "REVOKED");
    wants_results(request, options) || is_error && options.store_errors_even_if_ignored
}

/// Whether results of this request are wanted at all: the message says so before the task (celery-wire.md 4.2).
pub(super) fn wants_results(request: &Request, options: &TaskOptions) -> bool {
    !request.ignore_result.unwrap_or(options.ignore_result)
}

/// What an outcome means for a message that was acknowledged before the task ran. It cannot be put back: it is lost, and
/// its sender is told (quirks Q13 and Q14). It has no place in its queue any more that a retry could take.
pub(super) fn after_acknowledgement(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Reject { reason, requeue: true } => Outcome::Reject { reason, requeue: false },
        Outcome::Lost { exception, .. } => Outcome::Lost { exception, redeliver: false },
        Outcome::RetryNext { cause } => Outcome::Retry { delay: Duration::ZERO, cause },
        outcome => outcome,
    }
}

/// The outcome of a failure that the task's options want tried again: a retry, for as often as may be.
pub(super) fn retry_automatically(outcome: Outcome, retries: u32, options: &TaskOptions) -> Outcome {
    match outcome {
        Outcome::Failure(cause) if options.retries_automatically(&cause) => {
            Outcome::Retry { delay: options.countdown(retries), cause }
        }
        outcome => outcome,
    }
}

/// The outcome of a retry that may not be made any more: the cause becomes the failure.
pub(super) fn limit_retries(outcome: Outcome, retries: u32, options: &TaskOptions) -> Outcome {
    match (outcome, options.max_retries) {
        (Outcome::Retry { cause, .. } | Outcome::RetryNext { cause }, Some(max)) if retries >= max => {
            Outcome::Failure(cause)
        }
        (outcome, _) => outcome,
    }
}

/// A lost executor that is not to be followed by another one: the task says so, or has cost enough of them.
pub(super) fn limit_losses(
    outcome: Outcome,
    request: &Request,
    options: &TaskOptions,
    max_deliveries: Option<u64>,
) -> Outcome {
    let deliveries = request.envelope.earlier_deliveries().saturating_add(1);
    let last = max_deliveries.is_some_and(|max| deliveries >= max);
    match outcome {
        Outcome::Lost { exception, .. } if last || !options.reject_on_worker_lost => {
            Outcome::Lost { exception, redeliver: false }
        }
        outcome => outcome,
    }
}

/// How a message that is no request is settled (celery-wire.md 1.9).
pub(super) fn malformed(
    element: Bytes,
    malformed: &Malformed,
    results: Option<&dyn ResultBackend>,
) -> Settlement {
    let outcome = Outcome::Failure(Exception::invalid_task(&malformed.reason));
    let result = without_request(malformed.task_id.as_deref(), &outcome, results);
    let disposition = match malformed.treatment {
        Treatment::DeadLetter => {
            Disposition::DeadLetter { element, reason: malformed.reason.clone(), exception: None }
        }
        Treatment::Refuse => Disposition::Acknowledge,
    };
    Settlement { result, ..Settlement::from(disposition) }
}

/// A message that has lost every worker that held it is not tried for ever (celery-wire.md 3.8, quirk Q6).
pub(super) fn lost_too_often(
    element: Bytes,
    request: &Request,
    results: Option<&dyn ResultBackend>,
    hostname: &str,
) -> (Settlement, Outcome) {
    let deliveries = request.envelope.earlier_deliveries();
    let reason = format!("{deliveries} workers that held this message were lost without an outcome");
    let exception = Exception::worker_lost(&reason);
    let text = exception.to_string();
    let outcome = Outcome::Lost { exception, redeliver: false };
    let result = results.and_then(|results| results.record(request, &outcome, hostname));
    let disposition = Disposition::DeadLetter { element, reason, exception: Some(text) };
    (Settlement { result, ..Settlement::from(disposition) }, outcome)
}

/// A task that this worker does not know goes on, unchanged, to where somebody does.
pub(super) fn forward(request: &Request, queue: &str) -> Settlement {
    let publish = vec![(queue.to_owned(), request.envelope.clone())];
    Settlement { publish, ..Settlement::from(Disposition::Acknowledge) }
}

/// A task that nobody has registered: its failure is stored whatever the message says about results.
pub(super) fn unknown_task(
    request: &Request,
    outcome: &Outcome,
    results: Option<&dyn ResultBackend>,
) -> Settlement {
    let result = without_request(Some(&request.id), outcome, results);
    Settlement { result, ..Settlement::from(Disposition::Acknowledge) }
}

fn without_request(
    task_id: Option<&str>,
    outcome: &Outcome,
    results: Option<&dyn ResultBackend>,
) -> Option<ResultRecord> {
    results?.record_unreadable(task_id?, outcome)
}

impl Request {
    /// The message of the next attempt (celery-wire.md 4.5): the same in everything but the count, the time, the parent
    /// and the delivery's own marks.
    fn retry(&self, now: DateTime<Utc>, delay: Duration) -> crate::message::Envelope {
        let mut envelope = self.envelope.clone();
        envelope.renew();
        envelope.set_header("retries", self.retries.saturating_add(1));
        envelope.set_header("parent_id", self.id.as_str());
        let eta = TimeDelta::from_std(delay)
            .ok()
            .filter(|delay| !delay.is_zero())
            .and_then(|delay| now.checked_add_signed(delay))
            .map(|eta| Value::from(isoformat(eta)));
        envelope.set_header("eta", eta.unwrap_or_default());
        envelope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Envelope;
    use serde_json::json;

    fn request(headers: Value) -> Request {
        let mut all = json!({"task": "t", "id": "i", "retries": 1, "custom": "kept", "redelivered": true});
        all.as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
        let element = json!({
            "body": "[[], {}, {}]", "content-type": "application/json", "headers": all,
            "properties": {"delivery_info": {"exchange": "", "routing_key": "q", "redelivered": true},
                           "priority": 5, "delivery_tag": "old"},
        });
        Request::decode(Envelope::parse(element.to_string().as_bytes()).unwrap(), &Default::default())
            .unwrap()
    }

    #[test]
    fn a_retry_is_a_fresh_message_of_the_same_task() {
        let now = "2026-11-22T02:53:00Z".parse().unwrap();
        let outcome =
            Outcome::Retry { delay: Duration::from_millis(2500), cause: Exception::builtin("OSError", "x") };
        let settlement = settlement(&request(json!({})), &outcome, &TaskOptions::default(), None, "w", now);
        assert_eq!(settlement.disposition, Disposition::Acknowledge);
        let (queue, envelope) = &settlement.publish[0];
        assert_eq!(queue, "q");
        assert_eq!(envelope.headers()["retries"], 2);
        assert_eq!(envelope.headers()["parent_id"], "i");
        assert_eq!(envelope.headers()["eta"], "2026-11-22T02:53:02.500000+00:00");
        assert_eq!(envelope.headers()["custom"], "kept");
        assert!(!envelope.is_redelivered());
        assert_ne!(envelope.property_text("delivery_tag"), Some("old"));
        assert_eq!(envelope.priority(), 5);
    }

    #[test]
    fn the_last_retry_is_a_failure() {
        let retry = Outcome::Retry { delay: Duration::ZERO, cause: Exception::builtin("OSError", "x") };
        let options = TaskOptions { max_retries: Some(2), ..TaskOptions::default() };
        assert_eq!(limit_retries(retry.clone(), 1, &options), retry);
        assert_eq!(limit_retries(retry, 2, &options).state(), "FAILURE");
    }

    fn settled(headers: Value, outcome: &Outcome, options: &TaskOptions) -> Settlement {
        settlement(&request(headers), outcome, options, None, "w", "2026-11-22T02:53:00Z".parse().unwrap())
    }

    #[test]
    fn a_retry_at_the_front_takes_the_message_s_place() {
        let outcome = Outcome::RetryNext { cause: Exception::soft_time_limit() };
        let settlement = settled(json!({}), &outcome, &TaskOptions::default());
        let Disposition::Next(envelope) = settlement.disposition else { unreachable!("next") };
        assert_eq!((&envelope.headers()["retries"], &envelope.headers()["eta"]), (&json!(2), &Value::Null));
        assert!(settlement.publish.is_empty());
        let early = after_acknowledgement(outcome.clone());
        assert_eq!(early, Outcome::Retry { delay: Duration::ZERO, cause: Exception::soft_time_limit() });
        let options = TaskOptions { max_retries: Some(1), ..TaskOptions::default() };
        assert_eq!(limit_retries(outcome, 1, &options), Outcome::Failure(Exception::soft_time_limit()));
    }

    #[test]
    fn lost_executors_are_counted_up_to_the_limit() {
        let options = TaskOptions::default();
        let lost = |redeliver| Outcome::Lost { exception: Exception::worker_lost("x"), redeliver };
        let limited = |deliveries: u64, options: &TaskOptions| {
            limit_losses(lost(true), &request(json!({"x-deliveries": deliveries})), options, Some(3))
        };
        assert_eq!(limited(1, &options), lost(true));
        assert_eq!(limited(2, &options), lost(false));
        let keep = TaskOptions { reject_on_worker_lost: false, ..TaskOptions::default() };
        assert_eq!(limited(0, &keep), lost(false));

        let back = settled(json!({"x-deliveries": 1}), &lost(true), &options);
        let Disposition::Requeue(envelope) = back.disposition else { unreachable!("requeued") };
        assert_eq!((envelope.earlier_deliveries(), envelope.is_redelivered()), (2, true));
        let dead = settled(json!({"x-deliveries": 2}), &lost(false), &options);
        assert!(matches!(dead.disposition, Disposition::DeadLetter { .. }));
    }

    #[test]
    fn the_hard_limit_leaves_a_dead_letter_unless_told_otherwise() {
        let outcome = Outcome::TimedOut(Exception::time_limit(2.0));
        let dead = settled(json!({}), &outcome, &TaskOptions::default());
        let Disposition::DeadLetter { exception, .. } = dead.disposition else { unreachable!("dead") };
        assert_eq!(exception.as_deref(), Some("TimeLimitExceeded(2)"));
        let options = TaskOptions { acks_on_timeout: false, ..TaskOptions::default() };
        let back = settled(json!({}), &outcome, &options);
        let Disposition::Requeue(envelope) = back.disposition else { unreachable!("requeued") };
        assert_eq!((envelope.is_redelivered(), envelope.earlier_deliveries()), (true, 1));
    }

    #[test]
    fn a_failure_that_is_not_acknowledged_is_a_dead_letter() {
        let outcome = Outcome::Failure(Exception::builtin("ValueError", "boom"));
        let mut options = TaskOptions::default();
        assert_eq!(settled(json!({}), &outcome, &options).disposition, Disposition::Acknowledge);
        options.acks_on_failure_or_timeout(false);
        let dead = settled(json!({}), &outcome, &options);
        let Disposition::DeadLetter { exception, .. } = dead.disposition else { unreachable!("rejected") };
        assert_eq!(exception.as_deref(), Some("ValueError('boom')"));
        // Each has a setting of its own.
        options.acks_on_failure = true;
        assert_eq!(settled(json!({}), &outcome, &options).disposition, Disposition::Acknowledge);
        assert!(!options.acks_on_timeout);
    }

    #[test]
    fn an_automatic_retry_ends_with_the_failure() {
        let options = TaskOptions {
            autoretry_for: vec!["OSError".into()],
            default_retry_delay: Duration::from_secs(7),
            max_retries: Some(2),
            ..TaskOptions::default()
        };
        let after = |class: &str, retries| {
            let failure = Outcome::Failure(Exception::builtin(class, "x"));
            limit_retries(retry_automatically(failure, retries, &options), retries, &options)
        };
        let cause = Exception::builtin("TimeoutError", "x");
        let retry = Outcome::Retry { delay: Duration::from_secs(7), cause: cause.clone() };
        assert_eq!(after("TimeoutError", 1), retry);
        assert_eq!(after("TimeoutError", 2), Outcome::Failure(cause));
        assert_eq!(after("ValueError", 0).state(), "FAILURE");
    }

    #[test]
    fn a_rejected_message_goes_back_marked() {
        let outcome = Outcome::Reject { reason: "later".into(), requeue: true };
        let settlement =
            settlement(&request(json!({})), &outcome, &TaskOptions::default(), None, "w", Utc::now());
        let Disposition::Requeue(envelope) = settlement.disposition else { unreachable!("requeued") };
        assert!(envelope.is_redelivered());
        assert!(settlement.result.is_none());
    }
}
