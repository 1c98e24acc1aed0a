//! Where task bodies run.

mod threads;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use crate::outcome::Outcome;
use crate::task::{Arguments, Task, TaskContext};

pub use threads::ThreadPool;

/// Runs task bodies, so many at a time.
#[async_trait]
pub trait Pool: Send + Sync {
    /// How many run at a time.
    fn size(&self) -> usize;

    /// Waits for a free slot.
    async fn slot(&self) -> Slot;

    /// Runs one body in a slot to its end. Whatever the body does, this answers with an outcome.
    async fn run(&self, slot: Slot, job: Job) -> Outcome;
}

/// A place in a pool; free again when dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

/// One call of a task.
#[derive(Clone)]
pub struct Job {
    /// The task.
    pub task: Arc<dyn Task>,
    /// What it may ask about itself.
    pub context: TaskContext,
    /// What it is called with.
    pub arguments: Arguments,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("context", &self.context).finish_non_exhaustive()
    }
}
