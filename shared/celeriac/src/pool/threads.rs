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
use crate::task::{Cancellation, Reporter};

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
        let reporter: Reporter = Arc::new({
            let (running, number) = (self.running.clone(), entry.number);
            move |progress| running.report(number, progress)
        });
        let stop = Cancellation::new();
        let (task, context) = (job.task.clone(), job.context(stop.clone(), reporter));
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
