//! The tasks that a worker serves, by name.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::{Arguments, Task, TaskContext, TaskError, TaskOptions, TypedTask};

/// Tasks by name. One task may answer to several names.
///
/// Most tasks are functions with [typed parameters](TypedTask); what needs more is a [`Task`] of its own.
///
/// ```
/// use celeriac::task::{Registry, TaskError, TypedTask};
///
/// let mut registry = Registry::new();
/// registry.serve("tasks.double", TypedTask::new(["x"], async |x: i64| Ok::<_, TaskError>(2 * x)));
/// assert!(registry.get("tasks.double").is_some());
/// ```
#[derive(Default, Clone)]
pub struct Registry {
    tasks: HashMap<Arc<str>, Arc<dyn Task>>,
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `task` under `name`; a task of that name registered before is replaced.
    pub fn register(&mut self, name: &str, task: Arc<dyn Task>) {
        self.tasks.insert(name.into(), task);
    }

    /// Serves `task` under `name` alone; see [`Self::register`].
    pub fn serve(&mut self, name: &str, task: impl Task) {
        self.register(name, Arc::new(task));
    }

    /// Serves an async function that reads its arguments itself under `name`.
    pub fn register_fn<F, R>(&mut self, name: &str, options: TaskOptions, body: F)
    where
        F: Fn(TaskContext, Arguments) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        self.serve(name, TypedTask::new([], body).options(|defaults| *defaults = options));
    }

    /// The task of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Task>> {
        self.tasks.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.tasks.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
