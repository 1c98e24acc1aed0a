//! The tasks that the program serves, by the names that backends call them (platform.md 1.1).

mod health_check;
mod process_analysis;
mod try_out;
mod verdict;

use std::sync::Arc;

use celeriac::task::Registry;
use platform::storage::Bucket;
use platform::store::{Store, StoreError};
use tokio::sync::OnceCell;

use crate::config::{Analysis, ConnectionUrl};
use process_analysis::ProcessAnalysis;

/// What the tasks work with. The database is connected by the first task that needs it.
#[derive(Debug, Clone)]
pub(crate) struct Services {
    database_url: ConnectionUrl,
    store: Arc<OnceCell<Store>>,
    bucket: Bucket,
}

/// What a task works with.
#[derive(Debug, Clone)]
struct Connected {
    /// The task rows and the bill.
    store: Store,
    /// The files.
    bucket: Bucket,
}

impl Services {
    /// Services that have not been asked for anything yet.
    pub(crate) fn new(database_url: ConnectionUrl, bucket: Bucket) -> Self {
        Self { database_url, store: Arc::default(), bucket }
    }

    async fn connected(&self) -> Result<Connected, StoreError> {
        let store = self.store.get_or_try_init(|| Store::connect(self.database_url.expose())).await?;
        Ok(Connected { store: store.clone(), bucket: self.bucket.clone() })
    }
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
