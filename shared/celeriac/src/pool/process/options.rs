//! What can be set about a process pool.

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;

/// How executors are started, and how long they live.
#[derive(Clone)]
pub struct ProcessPoolOptions {
    /// How many tasks run at a time at most. Default: 1.
    pub max: usize,
    /// Executors that are kept ready; those above it end when there is nothing to do. Default: `max`.
    pub min: Option<usize>,
    /// An executor is replaced after so many tasks. Default: never.
    pub max_tasks_per_child: Option<u64>,
    /// An executor that has more KiB resident after a task is replaced. Default: any number.
    pub max_memory_per_child: Option<u64>,
    /// A task whose executor has more KiB resident is ended. Default: any number.
    pub max_memory_per_task: Option<u64>,
    /// Arguments of the executor's program, after [`EXECUTOR`](super::EXECUTOR). Default: this program's own.
    pub arguments: Vec<OsString>,
    /// Where the log lines of executors go. Default: standard error.
    pub log: LogSink,
}

/// Takes complete lines of a log.
pub type LogSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl Default for ProcessPoolOptions {
    fn default() -> Self {
        Self {
            max: 1,
            min: None,
            max_tasks_per_child: None,
            max_memory_per_child: None,
            max_memory_per_task: None,
            arguments: std::env::args_os().skip(1).collect(),
            log: Arc::new(|lines| {
                // A log that cannot be written must not stop the work.
                let _ = std::io::stderr().write_all(lines);
            }),
        }
    }
}

impl std::fmt::Debug for ProcessPoolOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Arguments may hold secrets.
        f.debug_struct("ProcessPoolOptions")
            .field("max", &self.max)
            .field("min", &self.min)
            .finish_non_exhaustive()
    }
}
