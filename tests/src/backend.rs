//! The world of one backend for a test: database, bucket, a user with credits, and tasks as the API leaves them.
//! Two sorts: the embedded defaults (SQLite, a folder) and the backend's own kind (MariaDB, S3).

use std::future::Future;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use platform::storage::{Bucket, BucketConfig};
use platform::store::{LedgerRow, NewTask, Status, Store, TaskRow};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::scratch::Scratch;
use crate::servers::{MariaDb, S3Server};

/// Credits that the user starts with.
pub const CREDITS: i32 = 100_000;

/// A backend's database and bucket, ready for tasks.
#[derive(Debug)]
pub struct Backend {
    runtime: Runtime,
    store: Store,
    bucket: Bucket,
    user_id: i32,
    environment: Vec<(&'static str, String)>,
    /// The servers that must outlive it; `None` for the embedded sort.
    servers: Option<(MariaDb, S3Server)>,
    _scratch: Scratch,
}

impl Backend {
    /// SQLite and a folder.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn embedded() -> anyhow::Result<Self> {
        let scratch = Scratch::new("backend")?;
        let url = format!("sqlite:{}", scratch.path().join("agensium.db").display());
        let folder = scratch.path().join("bucket");
        let environment = vec![
            ("DATABASE_URL", url.clone()),
            ("AGENSIUM_STORAGE_DIR", folder.to_string_lossy().into_owned()),
        ];
        Self::new(&url, &BucketConfig::Folder(folder), environment, None, scratch)
    }

    /// MariaDB and an S3 server of its own.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn with_servers() -> anyhow::Result<Self> {
        let (database, s3) = (MariaDb::start()?, S3Server::start()?);
        let credentials = s3.credentials();
        let config = BucketConfig::S3 {
            endpoint: Some(s3.endpoint()),
            region: s3.region().to_owned(),
            bucket: s3.bucket().to_owned(),
            access_key_id: credentials.access_key_id.to_owned(),
            secret_access_key: credentials.secret_access_key.to_owned(),
        };
        let mut environment = vec![("DATABASE_URL", database.sqlalchemy_url())];
        environment.extend(s3.environment());
        Self::new(&database.url(), &config, environment, Some((database, s3)), Scratch::new("backend")?)
    }

    fn new(
        url: &str,
        bucket: &BucketConfig,
        environment: Vec<(&'static str, String)>,
        servers: Option<(MariaDb, S3Server)>,
        scratch: Scratch,
    ) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let (store, bucket, user_id) = runtime.block_on(async {
            let store = Store::connect(url).await?;
            store.migrate().await?;
            let user_id = store.create_user("owner@example.com", "Task Owner").await?;
            store.set_wallet(user_id, CREDITS).await?;
            for agent in analysis::tools::agents() {
                store.set_cost(&agent.id, agent.seed_cost.unwrap_or(10)).await?;
            }
            anyhow::Ok((store, Bucket::connect(bucket)?, user_id))
        })?;
        Ok(Self { runtime, store, bucket, user_id, environment, servers, _scratch: scratch })
    }

    /// What the worker needs in its environment to use this backend.
    pub fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// The user who owns the tasks.
    pub fn user_id(&self) -> i32 {
        self.user_id
    }

    /// The servers, to stop and restart them.
    ///
    /// # Errors
    /// When this is the embedded sort.
    pub fn servers(&mut self) -> anyhow::Result<&mut (MariaDb, S3Server)> {
        self.servers.as_mut().ok_or_else(|| anyhow!("this backend is embedded"))
    }

    /// The store, for what has no method here; see [`Self::wait`].
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Waits for a future of the store or the bucket.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A QUEUED task with its input files; answers its id.
    ///
    /// # Errors
    /// When database or bucket fail.
    pub fn task(&self, tool_id: &str, agents: &[&str], inputs: &[(&str, &[u8])]) -> anyhow::Result<String> {
        let task_id = uuid::Uuid::new_v4().to_string();
        let agents: Vec<String> = agents.iter().map(|agent| (*agent).to_owned()).collect();
        self.wait(async {
            for (name, bytes) in inputs {
                let key = format!("users/{}/tasks/{task_id}/inputs/{name}", self.user_id);
                self.bucket.put(&key, Bytes::copy_from_slice(bytes), "text/csv").await?;
            }
            let task = NewTask { task_id: &task_id, user_id: self.user_id, tool_id, agents: &agents };
            self.store.create_task(task).await?;
            Ok(task_id)
        })
    }

    /// The row of a task.
    ///
    /// # Errors
    /// When there is none.
    pub fn row(&self, task_id: &str) -> anyhow::Result<TaskRow> {
        self.wait(self.store.task(task_id))?.with_context(|| format!("task {task_id} has no row"))
    }

    /// The status of a task.
    ///
    /// # Errors
    /// When there is no row.
    pub fn status(&self, task_id: &str) -> anyhow::Result<Status> {
        Ok(self.row(task_id)?.status)
    }

    /// The ledger rows of a task.
    ///
    /// # Errors
    /// Database errors.
    pub fn ledger(&self, task_id: &str) -> anyhow::Result<Vec<LedgerRow>> {
        Ok(self.wait(self.store.ledger(task_id))?)
    }

    /// The user's balance in credits.
    ///
    /// # Errors
    /// When there is no wallet.
    pub fn balance(&self) -> anyhow::Result<i32> {
        self.wait(self.store.wallet_balance(self.user_id))?.context("the user has a wallet")
    }

    /// The names of a task's outputs.
    ///
    /// # Errors
    /// When the bucket fails.
    pub fn outputs(&self, task_id: &str) -> anyhow::Result<Vec<String>> {
        let objects = self.wait(self.bucket.list(&self.output(task_id, "")))?;
        Ok(objects.into_iter().map(|object| object.name).collect())
    }

    /// An output of a task as JSON.
    ///
    /// # Errors
    /// When it is missing or no JSON.
    pub fn output_json(&self, task_id: &str, name: &str) -> anyhow::Result<Value> {
        let bytes = self.wait(self.bucket.get(&self.output(task_id, name)))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    fn output(&self, task_id: &str, name: &str) -> String {
        format!("users/{}/tasks/{task_id}/outputs/{name}", self.user_id)
    }
}
