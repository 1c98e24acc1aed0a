//! What the backend puts into its database: users, wallets, prices, new tasks; and what it reads there
//! afterwards.
//!
//! For the demonstration and for tests, which play the backend. **The worker itself never calls anything
//! here.**

use chrono::NaiveDateTime;
use diesel::dsl;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::billing::normalized;
use super::connection::with_connection;
use super::lifecycle::now;
use super::schema::{agent_costs, credit_transactions, credit_wallets, tasks, users};
use super::{Status, Store, StoreError};

/// Progress that the API writes when it enqueues a task (platform.md 3.1).
const ENQUEUED_PROGRESS: i32 = 15;

/// A task to be enqueued.
#[derive(Debug, Clone, Copy)]
pub struct NewTask<'a> {
    /// UUID text, at most 36 characters.
    pub task_id: &'a str,
    /// An existing user.
    pub user_id: i32,
    /// Such as `profile-my-data`.
    pub tool_id: &'a str,
    /// Agent ids in the order of execution.
    pub agents: &'a [String],
}

/// A row of the ledger `credit_transactions`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = credit_transactions)]
pub struct LedgerRow {
    /// ULID.
    pub id: String,
    /// Whose wallet.
    pub user_id: i32,
    /// Credits, negative for a debit.
    pub delta_credits: i32,
    /// Column `type`: `CONSUME` for a debit.
    pub kind: String,
    /// Text for people.
    pub reason: Option<String>,
    /// Normalized agent id.
    pub agent_id: Option<String>,
    /// Tool id.
    pub tool_id: Option<String>,
    /// Task id.
    pub analysis_id: Option<String>,
    /// In the time zone of the database server.
    pub created_at: NaiveDateTime,
}

impl Store {
    /// Adds an active, verified user and returns the id.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the address is taken; database errors.
    pub async fn create_user(&self, email: &str, full_name: &str) -> Result<i32, StoreError> {
        with_connection!(self, "adding a user", |connection| {
            diesel::insert_into(users::table)
                .values((
                    users::email.eq(email),
                    users::full_name.eq(full_name),
                    users::auth_provider.eq("local"),
                    users::is_active.eq(true),
                    users::is_verified.eq(true),
                ))
                .execute(connection)
                .await?;
            users::table.filter(users::email.eq(email)).select(users::id).first(connection).await
        })
    }

    /// Gives the user a wallet with this balance, or the existing wallet this balance.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a negative balance or an unknown user; database errors.
    pub async fn set_wallet(&self, user_id: i32, credits: i32) -> Result<(), StoreError> {
        with_connection!(self, "setting a wallet", |connection| {
            let changed = diesel::update(credit_wallets::table.filter(credit_wallets::user_id.eq(user_id)))
                .set((credit_wallets::balance_credits.eq(credits), credit_wallets::updated_at.eq(dsl::now)))
                .execute(connection)
                .await?;
            if changed == 0 {
                diesel::insert_into(credit_wallets::table)
                    .values((
                        credit_wallets::user_id.eq(user_id),
                        credit_wallets::balance_credits.eq(credits),
                    ))
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
    }

    /// The balance of the user's wallet in credits, `None` without a wallet.
    ///
    /// # Errors
    /// Database errors.
    pub async fn wallet_balance(&self, user_id: i32) -> Result<Option<i32>, StoreError> {
        with_connection!(self, "reading a wallet", |connection| {
            credit_wallets::table
                .filter(credit_wallets::user_id.eq(user_id))
                .select(credit_wallets::balance_credits)
                .first(connection)
                .await
                .optional()
        })
    }

    /// Sets the price of one run of an agent, in credits.
    ///
    /// # Errors
    /// Database errors.
    pub async fn set_cost(&self, agent_id: &str, credits: i32) -> Result<(), StoreError> {
        let agent_id = &normalized(agent_id);
        with_connection!(self, "setting a price", |connection| {
            let changed = diesel::update(agent_costs::table.find(agent_id))
                .set((agent_costs::cost.eq(credits), agent_costs::updated_at.eq(dsl::now)))
                .execute(connection)
                .await?;
            if changed == 0 {
                diesel::insert_into(agent_costs::table)
                    .values((agent_costs::agent_id.eq(agent_id), agent_costs::cost.eq(credits)))
                    .execute(connection)
                    .await?;
            }
            Ok(())
        })
    }

    /// Adds a task as the API leaves it when it publishes the message: QUEUED, progress 15,
    /// `processing_started_at` now.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a used id or an unknown user; database errors.
    pub async fn create_task(&self, task: NewTask<'_>) -> Result<(), StoreError> {
        let enqueued = now();
        let agents = serde_json::Value::from(task.agents.to_vec()).to_string();
        with_connection!(self, "adding a task", |connection| {
            diesel::insert_into(tasks::table)
                .values((
                    tasks::task_id.eq(task.task_id),
                    tasks::user_id.eq(task.user_id),
                    tasks::tool_id.eq(task.tool_id),
                    tasks::agents.eq(&agents),
                    tasks::status.eq(Status::Queued.as_str()),
                    tasks::progress.eq(ENQUEUED_PROGRESS),
                    tasks::upload_started_at.eq(enqueued),
                    tasks::processing_started_at.eq(enqueued),
                    tasks::s3_cleaned.eq(false),
                ))
                .execute(connection)
                .await
                .map(drop)
        })
    }

    /// QUEUED or PROCESSING -> CANCELLED, as the API's cancel does. Says whether the task was in such a
    /// status.
    ///
    /// # Errors
    /// Database errors.
    pub async fn cancel_task(&self, task_id: &str) -> Result<bool, StoreError> {
        let cancelled = now();
        with_connection!(self, "cancelling a task", |connection| {
            diesel::update(tasks::table.find(task_id).filter(super::lifecycle::open()))
                .set((
                    tasks::status.eq(Status::Cancelled.as_str()),
                    tasks::cancelled_at.eq(cancelled),
                    tasks::updated_at.eq(dsl::now),
                ))
                .execute(connection)
                .await
                .map(|changed| changed > 0)
        })
    }

    /// Removes a task's row, as the API's delete does. Says whether there was one.
    ///
    /// # Errors
    /// Database errors.
    pub async fn delete_task(&self, task_id: &str) -> Result<bool, StoreError> {
        with_connection!(self, "deleting a task", |connection| {
            diesel::delete(tasks::table.find(task_id)).execute(connection).await.map(|changed| changed > 0)
        })
    }

    /// The ledger rows of a task, by agent and id.
    ///
    /// # Errors
    /// Database errors.
    pub async fn ledger(&self, task_id: &str) -> Result<Vec<LedgerRow>, StoreError> {
        with_connection!(self, "reading the ledger", |connection| {
            credit_transactions::table
                .filter(credit_transactions::analysis_id.eq(task_id))
                .order((credit_transactions::agent_id, credit_transactions::id))
                .select(LedgerRow::as_select())
                .load(connection)
                .await
        })
    }
}
