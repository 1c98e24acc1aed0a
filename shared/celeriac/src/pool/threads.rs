//! The pools inside this process: bodies run on the runtime's threads. A panic is a failure of the task; an abort or
//! running out of memory takes the process with it.
//!
//! A body that is overdue is dropped at its next `await`. One that never comes to it keeps its slot until it ends; its
//! outcome is decided all the same.

use std::sync::Arc;

use async_trait::async_trait;
use tracing::Instrument;

use super::running::Running;
use super::slots::Slots;
use super::supervise::{outcome, supervise};
use super::{Job, Pool, PoolState, Slot, body};
use crate::exception::Exception;
use crate::outcome::Outcome;
use crate::task::Cancellation;

/// Celery's `threads` and `solo` pools.
#[derive(Debug)]
pub struct ThreadPool {
    kind: &'static str,
    slots: Arc<Slots>,
    running: Arc<Running>,
}

impl ThreadPool {
    /// A pool that runs `size` bodies at a time, at least one.
    pub fn new(size: usize) -> Self {
        Self { kind: "threads", slots: Slots::new(size), running: Arc::default() }
    }

    /// A pool that runs one body at a time.
    pub fn solo() -> Self {
        Self { kind: "solo", ..Self::new(1) }
    }
}

#[async_trait]
impl Pool for ThreadPool {
    fn size(&self) -> usize {
        self.slots.size()
    }

    fn resize(&self, size: usize) {
        if self.kind != "solo" {
            self.slots.resize(size);
        }
    }

    async fn slot(&self) -> Slot {
        self.slots.acquire().await
    }

    async fn run(&self, slot: Slot, job: Job) -> Outcome {
        let entry = self.running.enter(&job, std::process::id());
        let audience = Arc::new(entry.audience());
        let stop = Cancellation::new();
        let (task, context) = (job.task.clone(), job.context(stop.clone(), audience));
        let running = tokio::spawn(
            async move {
                let _held = (slot, entry);
                body::run(&*task, context).await
            }
            .in_current_span(),
        );
        let abort = running.abort_handle();
        let mut end = std::pin::pin!(async {
            running.await.unwrap_or_else(|error| {
                Outcome::Failure(Exception::builtin("RuntimeError", format!("the task was ended: {error}")))
            })
        });
        let end = supervise(end.as_mut(), &job, |reason| stop.cancel(reason)).await;
        if end.is_err() {
            abort.abort();
        }
        outcome(end, &job)
    }

    fn state(&self) -> PoolState {
        PoolState {
            kind: self.kind,
            size: self.size(),
            processes: vec![std::process::id()],
            running: self.running.list(),
        }
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use super::*;
    use crate::message::{Envelope, Request, TimeLimits};
    use crate::task::{Arguments, CancelReason, Registry, TaskContext, TaskError, TaskOptions};
    use serde_json::{Value, json};

    /// Runs a body that is asked to stop for that reason as soon as it runs.
    async fn cancelled<F, R>(reason: CancelReason, body: F) -> Outcome
    where
        F: Fn(TaskContext, Arguments) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        let mut registry = Registry::new();
        registry.register_fn("t", TaskOptions::default(), body);
        let element = json!({
            "body": "[[], {}, {}]", "content-type": "application/json", "headers": {"task": "t", "id": "i"},
            "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}},
        });
        let envelope = Envelope::parse(element.to_string().as_bytes()).unwrap();
        let job = Job {
            task: registry.get("t").unwrap().clone(),
            request: Arc::new(Request::decode(envelope, &Default::default()).unwrap()),
            hostname: "w@h".into(),
            limits: TimeLimits::default(),
            cancellation: Cancellation::new(),
            states: None,
        };
        let pool = ThreadPool::new(1);
        let slot = pool.slot().await;
        job.cancellation.cancel(reason);
        let started = tokio::time::Instant::now();
        let outcome = pool.run(slot, job).await;
        assert!(started.elapsed() < Duration::from_secs(2));
        drop(pool.slot().await);
        assert!(pool.state().running.is_empty());
        outcome
    }

    #[tokio::test(start_paused = true)]
    async fn a_terminated_task_is_revoked_whether_it_listens_or_not() {
        let terminated = Outcome::Revoked(Exception::revoked("terminated"));
        let listens = |context: TaskContext, _| async move {
            context.cancellation().cancelled().await;
            Err(context.stopped())
        };
        assert_eq!(cancelled(CancelReason::Terminated, listens).await, terminated);
        let deaf = |_, _| async { pending().await };
        assert_eq!(cancelled(CancelReason::Terminated, deaf).await, terminated);
        assert_eq!(cancelled(CancelReason::Shutdown, deaf).await, Outcome::Ignore);
        let done = |_, _| async { Ok(json!(1)) };
        assert_eq!(cancelled(CancelReason::Terminated, done).await, Outcome::Success(json!(1)));
    }
}
