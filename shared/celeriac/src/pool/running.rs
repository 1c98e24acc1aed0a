//! What runs at the moment, for those who ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use serde_json::Value;

use super::Job;
use crate::message::Request;
use crate::results::ResultError;
use crate::task::{Audience, Cancellation, States};

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
    by_number: BTreeMap<u64, Watched>,
}

#[derive(Debug)]
struct Watched {
    task: RunningTask,
    request: Arc<Request>,
    states: Option<States>,
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
        let watched = Watched { task, request: job.request.clone(), states: job.states.clone() };
        tasks.by_number.insert(number, watched);
        Entry { number, running: self.clone() }
    }

    pub(super) fn report(&self, number: u64, progress: Value) {
        if let Some(watched) = self.tasks().by_number.get_mut(&number) {
            watched.task.progress = Some(progress);
        }
    }

    /// Stores a state that a running task tells.
    pub(super) async fn store(&self, number: u64, state: &str, meta: Value) -> Result<(), ResultError> {
        let watched = self
            .tasks()
            .by_number
            .get(&number)
            .and_then(|watched| Some((watched.states.clone()?, watched.request.clone())));
        match watched {
            Some((states, request)) => states.store(&request, state, &meta).await,
            None => Ok(()),
        }
    }

    pub(super) fn list(&self) -> Vec<RunningTask> {
        self.tasks().by_number.values().map(|watched| watched.task.clone()).collect()
    }
}

impl Entry {
    /// For a body that runs in this process.
    pub(super) fn audience(&self) -> impl Audience + 'static {
        Here { number: self.number, running: self.running.clone() }
    }
}

struct Here {
    number: u64,
    running: Arc<Running>,
}

#[async_trait]
impl Audience for Here {
    fn progress(&self, progress: Value) {
        self.running.report(self.number, progress);
    }

    async fn state(&self, state: &str, meta: Value) -> Result<(), ResultError> {
        self.running.store(self.number, state, meta).await
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.tasks().by_number.remove(&self.number);
    }
}
