//! The tasks that a worker serves, by name.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Arguments, Task, TaskContext, TaskError, TaskOptions};

/// Tasks by name. One task may answer to several names.
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

    /// Serves an async function under `name`.
    pub fn register_fn<F, R>(&mut self, name: &str, options: TaskOptions, body: F)
    where
        F: Fn(TaskContext, Arguments) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        self.register(name, Arc::new(FunctionTask { options, body }));
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

struct FunctionTask<F> {
    options: TaskOptions,
    body: F,
}

#[async_trait]
impl<F, R> Task for FunctionTask<F>
where
    F: Fn(TaskContext, Arguments) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, TaskError>> + Send + 'static,
{
    async fn run(&self, context: TaskContext, arguments: Arguments) -> Result<Value, TaskError> {
        (self.body)(context, arguments).await
    }

    fn options(&self) -> TaskOptions {
        self.options.clone()
    }
}
