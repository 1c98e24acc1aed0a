//! The tables, embedded in the program (platform.md 2.1, variant A).
//!
//! The backend owns these tables and usually made them first: each is created only when it is missing,
//! nothing that exists is changed, and diesel's table of migrations is the only addition.

use diesel::migration::{MigrationSource, Result as MigrationResult};
use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_async::RunQueryDsl;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{Database, with_connection};
use super::schema::{__diesel_schema_migrations, agent_costs, credit_transactions, credit_wallets, users};
use super::{Store, StoreError};

const MYSQL: EmbeddedMigrations = embed_migrations!("../../migrations/mysql");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// How the two databases word that a table is not there.
const MISSING_TABLE_TEXTS: [&str; 2] = ["doesn't exist", "no such table"];

impl Store {
    /// Creates the tables that are missing and records it. Returns the names of the migrations that ran now.
    /// Safe on a database that the backend made, safe to repeat, safe when another program does the same at
    /// the same time.
    ///
    /// # Errors
    /// [`StoreError::Migration`] when the database refuses, [`StoreError::Unreachable`] when it does not
    /// answer.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        match self.run_pending().await {
            Ok(names) => Ok(names),
            // Another program may have recorded the migration first; each statement is harmless to repeat.
            Err(first) => match self.pending_migrations().await {
                Ok(pending) if pending.is_empty() => Ok(Vec::new()),
                _ => Err(first),
            },
        }
    }

    /// The names of the migrations that have not been recorded; creates nothing. A database whose tables the
    /// backend made has none recorded and works all the same: ask [`Store::check_tables`].
    ///
    /// # Errors
    /// Database errors.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let recorded = with_connection!(self, "reading the record of migrations", |connection| {
            __diesel_schema_migrations::table
                .select(__diesel_schema_migrations::version)
                .load::<String>(connection)
                .await
        });
        let recorded = match recorded {
            Err(StoreError::Refused { reason, .. }) if is_missing_table(&reason) => Vec::new(),
            other => other?,
        };
        let known = match &*self.database {
            Database::Mysql(_) => versions::<Mysql>(&MYSQL),
            Database::Sqlite(_) => versions::<Sqlite>(&SQLITE),
        };
        let known = known.map_err(|error| self.migration_error(error.to_string()))?;
        Ok(known
            .into_iter()
            .filter(|(_, version)| !recorded.contains(version))
            .map(|(name, _)| name)
            .collect())
    }

    /// Whether every table and column that the worker uses is there, whoever made them.
    ///
    /// # Errors
    /// [`StoreError::Refused`] names the first table or column that is missing.
    pub async fn check_tables(&self) -> Result<(), StoreError> {
        with_connection!(self, "checking the tables (`agensium-worker migrate` makes them)", |connection| {
            use super::provision::LedgerRow;
            use super::task::StoredTask;

            users::table.select(users::id).limit(0).load::<i32>(connection).await?;
            super::schema::tasks::table.select(StoredTask::as_select()).limit(0).load(connection).await?;
            credit_wallets::table
                .select((credit_wallets::user_id, credit_wallets::balance_credits))
                .limit(0)
                .load::<(i32, i32)>(connection)
                .await?;
            credit_transactions::table.select(LedgerRow::as_select()).limit(0).load(connection).await?;
            agent_costs::table
                .select((agent_costs::agent_id, agent_costs::cost))
                .limit(0)
                .load::<(String, i32)>(connection)
                .await
                .map(drop)
        })
    }

    async fn run_pending(&self) -> Result<Vec<String>, StoreError> {
        // On a connection of its own, without the time limit of calls: a large database may take long.
        match &*self.database {
            Database::Mysql(pool) => {
                let connection = pool.manager().open().await.map_err(|error| self.cannot_open(error.0))?;
                let runner =
                    move || apply::<Mysql>(&mut AsyncConnectionWrapper::<_>::from(connection), MYSQL);
                self.in_background(runner).await
            }
            Database::Sqlite(pool) => {
                let connection = pool.manager().open().await.map_err(|error| self.cannot_open(error.0))?;
                let runner =
                    move || apply::<Sqlite>(&mut AsyncConnectionWrapper::<_>::from(connection), SQLITE);
                self.in_background(runner).await
            }
        }
    }

    /// diesel's migrations are blocking code.
    async fn in_background(
        &self,
        runner: impl FnOnce() -> MigrationResult<Vec<String>> + Send + 'static,
    ) -> Result<Vec<String>, StoreError> {
        match tokio::task::spawn_blocking(runner).await {
            Ok(names) => names.map_err(|error| self.migration_error(error.to_string())),
            Err(error) => Err(self.migration_error(error.to_string())),
        }
    }

    fn cannot_open(&self, reason: String) -> StoreError {
        StoreError::Unreachable { doing: "migrating", url: self.url.to_string(), reason }
    }

    fn migration_error(&self, reason: String) -> StoreError {
        StoreError::Migration { url: self.url.to_string(), reason }
    }
}

fn apply<B: diesel::backend::Backend>(
    harness: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
) -> MigrationResult<Vec<String>>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    let mut names = Vec::new();
    for migration in harness.pending_migrations(migrations)? {
        harness.run_migration(&migration)?;
        names.push(migration.name().to_string());
    }
    Ok(names)
}

/// Name and version of each embedded migration, in order.
fn versions<B: diesel::backend::Backend>(
    source: &EmbeddedMigrations,
) -> MigrationResult<Vec<(String, String)>>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    let mut known: Vec<(String, String)> = MigrationSource::<B>::migrations(source)?
        .iter()
        .map(|migration| (migration.name().to_string(), migration.name().version().to_string()))
        .collect();
    known.sort();
    Ok(known)
}

fn is_missing_table(reason: &str) -> bool {
    MISSING_TABLE_TEXTS.iter().any(|text| reason.contains(text))
}
