//! What runs at the moment, for those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::Value;

use super::Job;
use crate::task::Cancellation;

/// A task that runs.
#[derive(Debug, Clone)]
pub struct RunningTask {
    /// The task id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The process that runs it.
    pub process: u32,
    /// When it began.
    pub since: SystemTime,
    /// What it last told of its progress.
    pub progress: Option<Value>,
    /// Ends it before its time, whoever asks for it.
    pub cancellation: Cancellation,
}

/// All that runs, by the number of the job.
#[derive(Debug, Default)]
pub(super) struct Running {
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    last: u64,
    by_number: BTreeMap<u64, RunningTask>,
}

/// One that runs; forgotten when dropped.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    running: Arc<Running>,
}

impl Running {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a job that begins.
    pub(super) fn enter(self: &Arc<Self>, job: &Job, process: u32) -> Entry {
        let task = RunningTask {
            id: job.request.id.clone(),
            name: job.request.task.clone(),
            process,
            since: SystemTime::now(),
            progress: None,
            cancellation: job.cancellation.clone(),
        };
        let mut tasks = self.tasks();
        tasks.last += 1;
        let number = tasks.last;
        tasks.by_number.insert(number, task);
        Entry { number, running: self.clone() }
    }

    pub(super) fn report(&self, number: u64, progress: Value) {
        if let Some(task) = self.tasks().by_number.get_mut(&number) {
            task.progress = Some(progress);
        }
    }

    pub(super) fn list(&self) -> Vec<RunningTask> {
        self.tasks().by_number.values().cloned().collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.tasks().by_number.remove(&self.number);
    }
}
