//! Tasks in processes of their own: a bad one can be ended, and ends nothing else.
//!
//! An executor is this same program, started anew with [`EXECUTOR`] as its first argument; a program that uses this
//! pool calls [`executor::is_executor`] first of all and then [`executor::serve`] with the same registry.
//!
//! - here: the executors of a pool, which of them runs what, and when they are replaced;
//! - `child`: one executor and a run on it;
//! - [`executor`]: the other side, in the executor's process;
//! - `options`: what can be set; `frame`: what the two tell one another; `printed`: what tasks print; `platform`: the operating system.

mod child;
pub mod executor;
mod frame;
mod options;
mod platform;
mod printed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::running::Running;
use super::slots::Slots;
use super::supervise::{Overdue, outcome};
use super::{Job, Pool, PoolState, Slot};
use crate::backoff::Backoff;
use crate::exception::Exception;
use crate::outcome::Outcome;
use crate::task::CancelReason;
use child::{End, Executor, Loss};

pub use options::{LogSink, ProcessPoolOptions};

/// The first argument of a program that is to be an executor.
pub const EXECUTOR: &str = "celeriac-executor";

/// An executor above the smallest number ends when it has had nothing to do for so long.
const IDLE: Duration = Duration::from_secs(30);

/// Celery's `prefork` pool, without the fork.
#[derive(Debug)]
pub struct ProcessPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: ProcessPoolOptions,
    slots: Arc<Slots>,
    running: Arc<Running>,
    members: Mutex<Members>,
    /// Told for each executor that becomes idle.
    available: Notify,
    /// One for each process that has not been waited for.
    processes: TaskTracker,
}

#[derive(Debug, Default)]
struct Members {
    /// How many are kept.
    min: usize,
    idle: Vec<Executor>,
    /// All that were ready and have not ended, and how to end them.
    alive: BTreeMap<u32, Arc<Notify>>,
    starting: usize,
    /// Jobs without an executor.
    waiting: usize,
    closed: bool,
}

impl ProcessPool {
    /// Starts the executors that are to be kept ready, in the background. Call it within a runtime.
    pub fn new(options: ProcessPoolOptions) -> Self {
        let max = options.max.max(1);
        let min = options.min.unwrap_or(max).min(max);
        let shared = Arc::new(Shared {
            options,
            slots: Slots::new(max),
            running: Arc::default(),
            members: Mutex::new(Members { min, ..Members::default() }),
            available: Notify::new(),
            processes: TaskTracker::new(),
        });
        shared.start_missing();
        tokio::spawn(end_idle(Arc::downgrade(&shared)));
        Self(shared)
    }
}

impl Shared {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts as many executors as are to be kept or are waited for, and are not on their way yet.
    fn start_missing(self: &Arc<Self>) {
        let mut members = self.members();
        if members.closed {
            return;
        }
        let missing = members.min.saturating_sub(members.alive.len() + members.starting);
        let wanted = members.waiting.saturating_sub(members.starting + members.idle.len());
        for _ in 0..missing.max(wanted) {
            members.starting += 1;
            tokio::spawn(self.clone().start());
        }
    }

    /// Starts one, however often it takes.
    async fn start(self: Arc<Self>) {
        let mut backoff = Backoff::reconnect();
        loop {
            let shared = Arc::downgrade(&self);
            let gone = move |process| {
                if let Some(shared) = shared.upgrade() {
                    shared.gone(process);
                }
            };
            let spawn = |waiting| drop(self.processes.spawn(waiting));
            let started = Executor::start(&self.options, self.running.clone(), gone, spawn).await;
            match started {
                Ok(executor) => {
                    let mut members = self.members();
                    if members.closed {
                        members.starting -= 1;
                        return;
                    }
                    // Under this lock: one that ends from now on is forgotten afterwards.
                    if executor.is_alive() {
                        members.starting -= 1;
                        members.alive.insert(executor.process, executor.killer());
                        members.idle.push(executor);
                        drop(members);
                        self.available.notify_one();
                        return;
                    }
                }
                Err(error) => tracing::error!(%error, "cannot start an executor; trying again"),
            }
            if self.members().closed {
                return;
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// The process has ended: it is forgotten, and replaced if it is missed.
    fn gone(self: &Arc<Self>, process: u32) {
        {
            let mut members = self.members();
            members.alive.remove(&process);
            members.idle.retain(|executor| executor.process != process);
        }
        self.start_missing();
    }

    /// An executor that has nothing to do.
    async fn executor(self: &Arc<Self>) -> Executor {
        let _waiting = Waiting::new(self);
        loop {
            // Registered before the look, so that an executor that comes right after it is not missed.
            let mut available = std::pin::pin!(self.available.notified());
            available.as_mut().enable();
            if let Some(executor) = self.members().idle.pop() {
                if executor.is_alive() {
                    return executor;
                }
                continue;
            }
            self.start_missing();
            available.await;
        }
    }

    /// After a task: it waits for the next one, or has done enough.
    fn put_back(self: &Arc<Self>, mut executor: Executor) {
        let options = &self.options;
        let old = options.max_tasks_per_child.is_some_and(|max| executor.runs >= max);
        let resident = || platform::resident_kib(executor.process);
        let fat = options.max_memory_per_child.is_some_and(|max| resident().is_some_and(|kib| kib > max));
        let mut members = self.members();
        let surplus = members.alive.len() > self.slots.size();
        if old || fat || surplus || members.closed {
            tracing::debug!(process = executor.process, runs = executor.runs, old, fat, "an executor ends");
            members.alive.remove(&executor.process);
            drop(members);
            drop(executor);
            return self.start_missing();
        }
        executor.idle = Instant::now();
        members.idle.push(executor);
        drop(members);
        self.available.notify_one();
    }

    async fn run(self: &Arc<Self>, job: &Job) -> Outcome {
        loop {
            let mut executor = tokio::select! {
                biased;
                reason = job.cancellation.cancelled() => return outcome(Err(Overdue::Deaf(reason)), job),
                executor = self.executor() => executor,
            };
            let entry = self.running.enter(job, executor.process);
            match executor.run(entry.number, job, self.options.max_memory_per_task).await {
                End::Outcome(end) => {
                    self.put_back(executor);
                    return outcome(Ok(end), job);
                }
                End::Overdue(overdue) => {
                    tracing::warn!(process = executor.process, ?overdue, "ending an executor with its task");
                    executor.end().await;
                    return outcome(Err(overdue), job);
                }
                End::Lost(Loss { over_memory, .. }) => {
                    let loss = Loss { over_memory, ..executor.end().await };
                    return self.lost(entry.number, loss, job);
                }
                End::NotBegun => {
                    executor.end().await;
                }
                End::Unsendable(error) => {
                    self.put_back(executor);
                    return Outcome::Failure(Exception::builtin(
                        "ValueError",
                        format!("the message: {error}"),
                    ));
                }
            }
        }
    }

    fn lost(&self, number: u64, loss: Loss, job: &Job) -> Outcome {
        if let Some(reason @ (CancelReason::Terminated | CancelReason::Cancelled | CancelReason::Shutdown)) =
            job.cancellation.reason()
        {
            return outcome(Err(Overdue::Deaf(reason)), job);
        }
        let how = loss.status.map_or_else(|| "for an unknown reason".to_owned(), platform::describe);
        let mut text = format!("Worker exited prematurely: {how} Job: {number}.");
        if let Some(max) = self.options.max_memory_per_task {
            if let Some(used) = loss.over_memory {
                text += &format!(
                    " The task was ended because it used {used} KiB of memory; {max} KiB are allowed."
                );
            } else if loss.last_line.starts_with(printed::NO_MEMORY) {
                text += &format!(" The task asked for more memory than the {max} KiB that are allowed.");
            }
        }
        Outcome::Lost { exception: Exception::worker_lost(text), redeliver: true }
    }
}

/// Counts a job without an executor.
struct Waiting<'a>(&'a Shared);

impl<'a> Waiting<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.members().waiting += 1;
        Self(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.members().waiting -= 1;
    }
}

/// Ends executors that have nothing to do and are more than are to be kept.
async fn end_idle(pool: Weak<Shared>) {
    loop {
        tokio::time::sleep(IDLE / 3).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut members = pool.members();
        let surplus = members.alive.len().saturating_sub(members.min);
        let Members { idle, alive, .. } = &mut *members;
        // The longest idle stand first: the last one that came is the next to be used.
        let ending = idle.iter().take(surplus).take_while(|executor| executor.idle.elapsed() >= IDLE).count();
        for executor in idle.drain(..ending) {
            alive.remove(&executor.process);
        }
    }
}

#[async_trait]
impl Pool for ProcessPool {
    fn size(&self) -> usize {
        self.0.slots.size()
    }

    fn resize(&self, size: usize) {
        let before = self.0.slots.size();
        self.0.slots.resize(size);
        let mut members = self.0.members();
        if members.min == before || members.min > size {
            members.min = size.max(1);
        }
        drop(members);
        self.0.start_missing();
    }

    async fn slot(&self) -> Slot {
        self.0.slots.acquire().await
    }

    async fn run(&self, slot: Slot, job: Job) -> Outcome {
        let outcome = self.0.run(&job).await;
        drop(slot);
        outcome
    }

    fn state(&self) -> PoolState {
        PoolState {
            kind: "prefork",
            size: self.size(),
            processes: self.0.members().alive.keys().copied().collect(),
            running: self.0.running.list(),
        }
    }

    async fn close(&self) {
        {
            let mut members = self.0.members();
            members.closed = true;
            members.idle.clear();
            members.alive.values().for_each(|kill| kill.notify_one());
        }
        self.0.processes.close();
        self.0.processes.wait().await;
    }
}
