//! Where task bodies run, and how they are ended.
//!
//! A pool knows time limits and cancellation; what an end means for message and result is the worker's business.
//!
//! - `threads`: inside this process;
//! - [`process`]: in child processes, which can be killed;
//! - `slots`, `running`, `supervise`, `body`: what all pools share.

mod body;
pub mod process;
mod running;
mod slots;
mod supervise;
mod threads;

use std::sync::Arc;

use async_trait::async_trait;

use crate::message::{Request, TimeLimits};
use crate::outcome::Outcome;
use crate::task::{Audience, Cancellation, States, Task, TaskContext};

pub use process::{ProcessPool, ProcessPoolOptions};
pub use running::RunningTask;
pub use slots::Slot;
pub use threads::ThreadPool;

/// Runs task bodies, so many at a time.
#[async_trait]
pub trait Pool: Send + Sync {
    /// How many run at a time at most.
    fn size(&self) -> usize;

    /// Changes how many run at a time; what runs is not touched.
    fn resize(&self, size: usize);

    /// Waits for a free slot.
    async fn slot(&self) -> Slot;

    /// Runs one body in a slot to its end, which is its own, or brought about by a limit or a cancellation. Whatever
    /// the body does, this answers with an outcome.
    async fn run(&self, slot: Slot, job: Job) -> Outcome;

    /// What it is and what it does at the moment.
    fn state(&self) -> PoolState;

    /// Ends its processes, also those that work. Nothing is run afterwards.
    async fn close(&self);
}

/// One call of a task.
#[derive(Clone)]
pub struct Job {
    /// The task.
    pub task: Arc<dyn Task>,
    /// The message that asks for it.
    pub request: Arc<Request>,
    /// The worker's node name.
    pub hostname: Arc<str>,
    /// Seconds from its start.
    pub limits: TimeLimits,
    /// Ends it before.
    pub cancellation: Cancellation,
    /// Where its own states are stored; `None` when nobody wants results.
    pub(crate) states: Option<States>,
}

impl Job {
    /// A call whose own states nobody is told.
    pub fn new(
        task: Arc<dyn Task>,
        request: Arc<Request>,
        hostname: impl Into<Arc<str>>,
        limits: TimeLimits,
    ) -> Self {
        let cancellation = Cancellation::new();
        Self { task, request, hostname: hostname.into(), limits, cancellation, states: None }
    }

    fn context(&self, cancellation: Cancellation, audience: Arc<dyn Audience>) -> TaskContext {
        let options = self.task.options();
        TaskContext::new(self.request.clone(), self.hostname.clone(), cancellation, &options, audience)
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.request.id)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What a pool tells about itself.
#[derive(Debug, Clone)]
pub struct PoolState {
    /// Celery's name for it: prefork, threads or solo.
    pub kind: &'static str,
    /// How many run at a time at most.
    pub size: usize,
    /// The processes that run tasks, or wait for some.
    pub processes: Vec<u32>,
    /// What runs, in the order of the starts.
    pub running: Vec<RunningTask>,
}
