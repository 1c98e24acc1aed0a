//! The backend's database: task rows, prices, wallets, ledger (platform.md 2, 3, 5).
//!
//! [`Store`] is one type for MySQL, MariaDB and SQLite; each query is written once, in diesel's language.
//! Every change of a task row is conditional on its status, so that the first terminal status wins and a
//! cancelled task stays cancelled, whoever else writes.
//!
//! - [`lifecycle`]: claim, progress, completion, failure, expiry of a task;
//! - [`billing`]: one bill per task, in one transaction;
//! - [`provision`]: what the API does and the worker never does (users, wallets, prices, new tasks), for the
//!   demonstration and tests;
//! - [`migrations`]: the tables, embedded in the program.
//!
//! Every call ends within about [`OPERATION_LIMIT`] (a bill that meets other ones: three times that), also
//! when the database server hangs, and the next call works as soon as the server does.

pub mod billing;
mod connection;
mod error;
mod ledger_id;
pub mod lifecycle;
pub mod migrations;
pub mod provision;
mod schema;
mod task;
mod url;

pub use billing::{Bill, Charge, ChargeError};
pub use connection::OPERATION_LIMIT;
pub use error::StoreError;
pub use lifecycle::{Claim, Finished, Progress};
pub use provision::{LedgerRow, NewTask};
pub use task::{Status, TaskRow, UnknownStatus};
pub use url::{DatabaseUrl, InvalidUrl};

use std::fmt;
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use connection::{Database, with_connection};
use schema::{tasks, users};

/// The backend's database. Cheap to clone; clones share one small pool of connections.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
    url: Arc<DatabaseUrl>,
}

impl Store {
    /// Connects to the database at `url` (forms: [`DatabaseUrl`]) and checks that it answers. A SQLite file
    /// and its folder are made when they are missing; tables are not ([`Store::migrate`]).
    ///
    /// # Errors
    /// [`StoreError::Url`] when `url` cannot be used, [`StoreError::Unreachable`] when nothing answers or the
    /// login is refused. No message contains the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let url: DatabaseUrl = url.parse()?;
        let database = Database::new(&url)?;
        let store = Self { database: Arc::new(database), url: Arc::new(url) };
        store.ping().await?;
        Ok(store)
    }

    /// Where the store is; shows no password.
    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Asks the database for one row without tables.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // Taking a connection from the pool asks it already.
        with_connection!(self, "checking the connection", |connection| {
            let _ = connection;
            QueryResult::Ok(())
        })
    }

    /// The row of a task, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] when the row holds an unknown status or `agents` is no list of texts;
    /// database errors.
    pub async fn task(&self, task_id: &str) -> Result<Option<TaskRow>, StoreError> {
        let row = with_connection!(self, "reading the task", |connection| {
            tasks::table
                .find(task_id)
                .select(task::StoredTask::as_select())
                .first(connection)
                .await
                .optional()
        })?;
        row.map(TaskRow::try_from).transpose()
    }

    /// Whether the user exists.
    ///
    /// # Errors
    /// Database errors.
    pub async fn user_exists(&self, user_id: i32) -> Result<bool, StoreError> {
        let found = with_connection!(self, "looking for the user", |connection| {
            users::table.find(user_id).select(users::id).first::<i32>(connection).await.optional()
        })?;
        Ok(found.is_some())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("url", &self.url).finish_non_exhaustive()
    }
}
