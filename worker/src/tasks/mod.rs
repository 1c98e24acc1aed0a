//! The tasks that the program serves, by the names that backends call them (platform.md 1.1).

mod health_check;
mod process_analysis;
mod try_out;
mod verdict;

use std::sync::Arc;

use celeriac::task::Registry;
use platform::storage::Bucket;
use platform::store::Store;

use crate::config::Analysis;
use process_analysis::ProcessAnalysis;

/// What the tasks work with.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    /// The task rows and the bill.
    pub(crate) store: Store,
    /// The files.
    pub(crate) bucket: Bucket,
}

/// The module that the backend's code imports the tasks from, the one of the first documents, and none.
const MODULES: [&str; 3] = ["celery_queue.tasks.", "queue.tasks.", ""];

/// Registers every task under all its names; the tasks for trying out only when asked for.
pub(crate) fn registry(services: Services, settings: &Analysis, with_test_tasks: bool) -> Registry {
    let mut registry = Registry::new();
    let process_analysis = Arc::new(ProcessAnalysis::new(services, settings.clone()));
    for module in MODULES {
        registry.register(&format!("{module}process_analysis"), process_analysis.clone());
    }
    for module in MODULES.iter().filter(|module| !module.is_empty()) {
        registry.register(&format!("{module}health_check"), Arc::new(health_check::HealthCheck));
    }
    if with_test_tasks {
        try_out::register(&mut registry);
    }
    registry
}
