//! The pool inside this process: bodies run on the runtime's threads. A panic is a failure of the task; an abort or
//! running out of memory takes the process with it.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::{Job, Pool, Slot};
use crate::exception::Exception;
use crate::outcome::Outcome;

/// Celery's `threads` pool.
#[derive(Debug)]
pub struct ThreadPool {
    slots: Arc<Semaphore>,
    size: usize,
}

impl ThreadPool {
    /// A pool that runs `size` bodies at a time, at least one.
    pub fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { slots: Arc::new(Semaphore::new(size)), size }
    }
}

#[async_trait]
impl Pool for ThreadPool {
    fn size(&self) -> usize {
        self.size
    }

    async fn slot(&self) -> Slot {
        // The semaphore is never closed.
        Slot(self.slots.clone().acquire_owned().await.ok())
    }

    async fn run(&self, slot: Slot, job: Job) -> Outcome {
        let Job { task, context, arguments } = job;
        let body = tokio::spawn(async move {
            let _slot = slot;
            task.run(context, arguments).await
        });
        match body.await {
            Ok(end) => end.into(),
            Err(error) => Outcome::Failure(match error.try_into_panic() {
                Ok(panic) => {
                    Exception::builtin("RuntimeError", format!("the task panicked: {}", panic_text(&*panic)))
                }
                Err(error) => Exception::builtin("RuntimeError", format!("the task was ended: {error}")),
            }),
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
