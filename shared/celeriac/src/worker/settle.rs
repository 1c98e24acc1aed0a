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
    let mut settlement = Settlement::from(disposition(request, outcome, options));
    if let Outcome::Retry { delay, .. } = outcome {
        let queue = request.routing_key().unwrap_or_default().to_owned();
        settlement.publish.push((queue, request.retry(now, *delay)));
    }
    if wants_result(request, outcome, options) {
        settlement.result = results.and_then(|results| results.record(request, outcome, hostname));
    }
    settlement
}

fn disposition(request: &Request, outcome: &Outcome, options: &TaskOptions) -> Disposition {
    let requeue = |counted| {
        let mut envelope = request.envelope.clone();
        envelope.mark_redelivered(counted);
        Disposition::Requeue(Box::new(envelope))
    };
    match outcome {
        Outcome::Reject { requeue: true, .. } => requeue(false),
        // Counted, so that a task which always takes too long does not go round for ever.
        Outcome::Failure(failure) if failure.is_hard_timeout() && !options.acks_on_timeout => requeue(true),
        // A rejected message is the broker's dead letter, as in RabbitMQ.
        Outcome::Failure(failure) if !failure.is_hard_timeout() && !options.acks_on_failure => {
            Disposition::DeadLetter {
                element: request.envelope.to_bytes().into(),
                reason: "the task failed, and its failures are not acknowledged".into(),
                exception: Some(failure.to_string()),
            }
        }
        _ => Disposition::Acknowledge,
    }
}

fn wants_result(request: &Request, outcome: &Outcome, options: &TaskOptions) -> bool {
    let is_error = matches!(outcome, Outcome::Failure(_) | Outcome::Retry { .. } | Outcome::Revoked(_));
    wants_results(request, options) || is_error && options.store_errors_even_if_ignored
}

/// Whether results of this request are wanted at all: the message says so before the task (celery-wire.md 4.2).
pub(super) fn wants_results(request: &Request, options: &TaskOptions) -> bool {
    !request.ignore_result.unwrap_or(options.ignore_result)
}

/// What a refusal to be put back means for a message that was acknowledged before the task ran: it is lost, and its
/// sender is told (quirk Q14).
pub(super) fn after_acknowledgement(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Reject { reason, requeue: true } => Outcome::Reject { reason, requeue: false },
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
        (Outcome::Retry { cause, .. }, Some(max)) if retries >= max => Outcome::Failure(cause),
        (outcome, _) => outcome,
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
) -> Settlement {
    let deliveries = request.envelope.earlier_deliveries();
    let reason = format!("{deliveries} workers that held this message were lost without an outcome");
    let exception = Exception::worker_lost(&reason);
    let result =
        results.and_then(|results| results.record(request, &Outcome::Failure(exception.clone()), hostname));
    let disposition = Disposition::DeadLetter { element, reason, exception: Some(exception.to_string()) };
    Settlement { result, ..Settlement::from(disposition) }
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

    #[test]
    fn what_is_not_acknowledged() {
        let timeout = Exception::new("billiard.exceptions", "TimeLimitExceeded", vec![5.into()]);
        let failure = Exception::builtin("ValueError", "boom");
        let mut options = TaskOptions::default();
        let ends = |failure: &Exception, options: &TaskOptions| {
            let outcome = Outcome::Failure(failure.clone());
            settlement(&request(json!({})), &outcome, options, None, "w", Utc::now()).disposition
        };
        assert_eq!(ends(&failure, &options), Disposition::Acknowledge);
        assert_eq!(ends(&timeout, &options), Disposition::Acknowledge);

        options.acks_on_failure_or_timeout(false);
        let Disposition::Requeue(envelope) = ends(&timeout, &options) else { unreachable!("requeued") };
        assert!(envelope.is_redelivered());
        assert_eq!(envelope.earlier_deliveries(), 1);
        let Disposition::DeadLetter { exception, .. } = ends(&failure, &options) else {
            unreachable!("rejected")
        };
        assert_eq!(exception.as_deref(), Some("ValueError('boom')"));

        // Each has a setting of its own.
        options.acks_on_timeout = true;
        assert_eq!(ends(&timeout, &options), Disposition::Acknowledge);
        options.acks_on_failure = true;
        options.acks_on_timeout = false;
        assert_eq!(ends(&failure, &options), Disposition::Acknowledge);
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
