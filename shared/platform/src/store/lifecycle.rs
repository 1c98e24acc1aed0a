//! The worker's changes of a task row (platform.md 3).
//!
//! Each is one UPDATE with the statuses from which it is allowed in its condition, and touches only the
//! columns of platform.md 3.1. When it matches no row, the row is read to tell why. Times are UTC in whole
//! seconds; `updated_at` is the database's clock.

use chrono::{DateTime, NaiveDateTime, SubsecRound, Utc};
use diesel::dsl;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::connection::with_connection;
use super::schema::tasks;
use super::task::UnknownStatus;
use super::{Status, Store, StoreError};

/// Longest `error_message` that the worker writes, in characters (platform.md 2.2).
const LONGEST_MESSAGE: usize = 1000;
/// Width of `error_code`.
const LONGEST_CODE: usize = 50;

/// Answer to [`Store::claim`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The row is PROCESSING and this attempt's.
    Claimed,
    /// The row has a status from which nobody may start.
    WrongStatus(Status),
    /// There is no such row.
    Missing,
}

/// Whether to go on with a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The row is still PROCESSING.
    Continue,
    /// Somebody gave the row another status, as the user does by cancelling. Stop, and leave the row alone.
    Stopped(Status),
    /// The row has been deleted. Stop, and remove what was written to the bucket.
    Gone,
}

/// Answer to the writing of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// The outcome is in the row.
    Written,
    /// The row already had this status; it stays.
    WrongStatus(Status),
    /// The row has been deleted.
    Gone,
}

impl Store {
    /// Begins an attempt: QUEUED or PROCESSING (an earlier attempt that died) -> PROCESSING,
    /// `processing_started_at` now, an earlier error cleared.
    ///
    /// # Errors
    /// Database errors.
    pub async fn claim(&self, task_id: &str) -> Result<Claim, StoreError> {
        let started = now();
        let changed = with_connection!(self, "claiming the task", |connection| {
            diesel::update(tasks::table.find(task_id).filter(open()))
                .set((
                    tasks::status.eq(Status::Processing.as_str()),
                    tasks::processing_started_at.eq(started),
                    tasks::error_code.eq(None::<&str>),
                    tasks::error_message.eq(None::<&str>),
                    tasks::updated_at.eq(dsl::now),
                ))
                .execute(connection)
                .await
        })?;
        if changed > 0 {
            return Ok(Claim::Claimed);
        }
        Ok(self.status(task_id).await?.map_or(Claim::Missing, Claim::WrongStatus))
    }

    /// Writes which agent runs next and how far the task is (0 to 100), if it is still PROCESSING.
    ///
    /// # Errors
    /// Database errors.
    pub async fn report_progress(
        &self,
        task_id: &str,
        agent_id: &str,
        progress: u8,
    ) -> Result<Progress, StoreError> {
        let changed = with_connection!(self, "writing the progress", |connection| {
            diesel::update(tasks::table.find(task_id).filter(processing()))
                .set((
                    tasks::current_agent.eq(agent_id),
                    tasks::progress.eq(i32::from(progress)),
                    tasks::updated_at.eq(dsl::now),
                ))
                .execute(connection)
                .await
        })?;
        if changed > 0 {
            return Ok(Progress::Continue);
        }
        self.check(task_id).await
    }

    /// Whether the task is still PROCESSING; writes nothing. For the moments without progress to report:
    /// while inputs are read, before the upload.
    ///
    /// # Errors
    /// Database errors.
    pub async fn check(&self, task_id: &str) -> Result<Progress, StoreError> {
        Ok(match self.status(task_id).await? {
            Some(Status::Processing) => Progress::Continue,
            Some(status) => Progress::Stopped(status),
            None => Progress::Gone,
        })
    }

    /// PROCESSING -> COMPLETED: progress 100, no current agent, `completed_at` now.
    ///
    /// # Errors
    /// Database errors.
    pub async fn complete(&self, task_id: &str) -> Result<Finished, StoreError> {
        let completed = now();
        let changed = with_connection!(self, "completing the task", |connection| {
            diesel::update(tasks::table.find(task_id).filter(processing()))
                .set((
                    tasks::status.eq(Status::Completed.as_str()),
                    tasks::completed_at.eq(completed),
                    tasks::progress.eq(100),
                    tasks::current_agent.eq(None::<&str>),
                    tasks::updated_at.eq(dsl::now),
                ))
                .execute(connection)
                .await
        })?;
        self.finished(task_id, changed).await
    }

    /// QUEUED or PROCESSING -> FAILED: code, message, `failed_at` now; progress and current agent keep their
    /// values. The message is cut after 1000 characters, the code after 50.
    ///
    /// # Errors
    /// Database errors.
    pub async fn fail(
        &self,
        task_id: &str,
        error_code: &str,
        error_message: &str,
    ) -> Result<Finished, StoreError> {
        let failed = now();
        let code = first_characters(error_code, LONGEST_CODE);
        let message = first_characters(error_message, LONGEST_MESSAGE);
        let changed = with_connection!(self, "writing the failure", |connection| {
            diesel::update(tasks::table.find(task_id).filter(open()))
                .set((
                    tasks::status.eq(Status::Failed.as_str()),
                    tasks::failed_at.eq(failed),
                    tasks::error_code.eq(code),
                    tasks::error_message.eq(message),
                    tasks::updated_at.eq(dsl::now),
                ))
                .execute(connection)
                .await
        })?;
        self.finished(task_id, changed).await
    }

    /// QUEUED -> EXPIRED, if the task was enqueued before `enqueued_before` (platform.md 3.6). Says whether
    /// it was.
    ///
    /// # Errors
    /// Database errors.
    pub async fn expire(&self, task_id: &str, enqueued_before: DateTime<Utc>) -> Result<bool, StoreError> {
        let expired = now();
        let before = enqueued_before.naive_utc();
        let changed = with_connection!(self, "expiring the task", |connection| {
            diesel::update(
                tasks::table
                    .find(task_id)
                    .filter(tasks::status.eq(Status::Queued.as_str()))
                    .filter(tasks::processing_started_at.lt(before)),
            )
            .set((
                tasks::status.eq(Status::Expired.as_str()),
                tasks::expired_at.eq(expired),
                tasks::updated_at.eq(dsl::now),
            ))
            .execute(connection)
            .await
        })?;
        Ok(changed > 0)
    }

    async fn finished(&self, task_id: &str, changed: usize) -> Result<Finished, StoreError> {
        if changed > 0 {
            return Ok(Finished::Written);
        }
        Ok(self.status(task_id).await?.map_or(Finished::Gone, Finished::WrongStatus))
    }

    async fn status(&self, task_id: &str) -> Result<Option<Status>, StoreError> {
        let text = with_connection!(self, "reading the task's status", |connection| {
            tasks::table.find(task_id).select(tasks::status).first::<String>(connection).await.optional()
        })?;
        let parsed = text.map(|text| text.parse()).transpose();
        parsed.map_err(|error: UnknownStatus| StoreError::Malformed {
            task_id: task_id.to_owned(),
            column: "status",
            problem: error.to_string(),
        })
    }
}

/// The task is PROCESSING.
#[diesel::dsl::auto_type]
fn processing() -> _ {
    let processing: &'static str = Status::Processing.as_str();
    tasks::status.eq(processing)
}

/// The task is QUEUED or PROCESSING.
#[diesel::dsl::auto_type]
pub(super) fn open() -> _ {
    let queued: &'static str = Status::Queued.as_str();
    let processing: &'static str = Status::Processing.as_str();
    tasks::status.eq(queued).or(tasks::status.eq(processing))
}

/// Now, in the form in which times are written: MySQL would round a fraction, MariaDB cut it (platform.md
/// 2.2).
pub(super) fn now() -> NaiveDateTime {
    Utc::now().trunc_subsecs(0).naive_utc()
}

fn first_characters(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_by_characters_not_bytes() {
        assert_eq!(first_characters("äöü", 2), "äö");
        assert_eq!(first_characters("äöü", 3), "äöü");
        assert_eq!(first_characters("", 3), "");
        assert_eq!(first_characters("abc", 0), "");
    }

    #[test]
    fn written_times_have_no_fraction() {
        use chrono::Timelike;
        assert_eq!(now().nanosecond(), 0);
    }
}
