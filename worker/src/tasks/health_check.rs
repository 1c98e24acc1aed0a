//! Answers that this worker is alive and takes tasks (platform.md 1.2).

use async_trait::async_trait;
use celeriac::task::{Arguments, Task, TaskContext, TaskError};
use serde_json::{Value, json};

/// `health_check()`.
#[derive(Debug)]
pub(super) struct HealthCheck;

#[async_trait]
impl Task for HealthCheck {
    async fn run(&self, context: TaskContext, _arguments: Arguments) -> Result<Value, TaskError> {
        Ok(json!({"status": "healthy", "worker_id": context.hostname(), "task_id": context.id()}))
    }
}
