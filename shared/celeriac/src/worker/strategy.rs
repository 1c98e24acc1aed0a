//! What to do with a request on receipt (celery-wire.md 4.1): pure, given the time.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::exception::Exception;
use crate::message::Request;
use crate::outcome::Outcome;
use crate::task::{Registry, Task};

/// The decision on a request.
pub(super) enum Decision {
    /// Call the task.
    Run(Arc<dyn Task>),
    /// Decide again at that time.
    Wait(DateTime<Utc>),
    /// It ends without running.
    End(Outcome),
}

/// Decides. Asked on receipt, and again after every wait.
pub(super) fn decide(request: &Request, registry: &Registry, now: DateTime<Utc>) -> Decision {
    let Some(task) = registry.get(&request.task) else {
        return Decision::End(Outcome::Failure(Exception::not_registered(&request.task)));
    };
    if request.expires.is_some_and(|expires| now > expires) {
        return Decision::End(Outcome::Revoked(Exception::revoked("expired")));
    }
    match request.eta {
        Some(eta) if eta > now => Decision::Wait(eta),
        _ => Decision::Run(task.clone()),
    }
}
