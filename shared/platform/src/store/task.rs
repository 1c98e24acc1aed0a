//! A task row and its status (platform.md 2.1, 3).

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::StoreError;
use super::schema::tasks;

/// The status of a task row (platform.md 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Made by the API, nothing uploaded.
    Created,
    /// The client is uploading.
    Uploading,
    /// Required files were missing.
    UploadFailed,
    /// Its message is (or will be) in the queue.
    Queued,
    /// A worker has claimed it.
    Processing,
    /// Report and files are in the bucket. Terminal.
    Completed,
    /// `error_code` and `error_message` say why. Terminal.
    Failed,
    /// By the user. Terminal.
    Cancelled,
    /// Waited too long. Terminal.
    Expired,
}

/// Each status with its text in the database.
const STATUS_TEXTS: [(Status, &str); 9] = [
    (Status::Created, "CREATED"),
    (Status::Uploading, "UPLOADING"),
    (Status::UploadFailed, "UPLOAD_FAILED"),
    (Status::Queued, "QUEUED"),
    (Status::Processing, "PROCESSING"),
    (Status::Completed, "COMPLETED"),
    (Status::Failed, "FAILED"),
    (Status::Cancelled, "CANCELLED"),
    (Status::Expired, "EXPIRED"),
];

impl Status {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        STATUS_TEXTS.iter().find(|(status, _)| *status == self).map_or("", |(_, text)| text)
    }

    /// Whether nothing may change the status any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text in the column `status` that is none of [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown task status {0:?}")]
pub struct UnknownStatus(pub String);

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = STATUS_TEXTS.iter().find(|(_, known)| *known == text);
        found.map(|(status, _)| *status).ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A row of `tasks`. Times ending in `_at` are UTC, except `created_at` and `updated_at`, which are in the
/// time zone of the database server (platform.md 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// UUID text.
    pub task_id: String,
    /// The owner.
    pub user_id: i32,
    /// Such as `profile-my-data`.
    pub tool_id: String,
    /// Agent ids in the order of execution; may be empty, may repeat.
    pub agents: Vec<String>,
    /// Where the task stands.
    pub status: Status,
    /// 0 to 100.
    pub progress: i32,
    /// The agent that runs, or ran last.
    pub current_agent: Option<String>,
    /// Why the task failed, as a code.
    pub error_code: Option<String>,
    /// Why the task failed, for the user.
    pub error_message: Option<String>,
    /// Server time.
    pub created_at: NaiveDateTime,
    /// UTC.
    pub upload_started_at: Option<NaiveDateTime>,
    /// UTC. Time of enqueueing until a worker claims the task.
    pub processing_started_at: Option<NaiveDateTime>,
    /// UTC.
    pub completed_at: Option<NaiveDateTime>,
    /// UTC.
    pub failed_at: Option<NaiveDateTime>,
    /// UTC.
    pub cancelled_at: Option<NaiveDateTime>,
    /// UTC.
    pub expired_at: Option<NaiveDateTime>,
    /// Server time.
    pub updated_at: NaiveDateTime,
    /// Whether the objects of an expired task have been deleted.
    pub s3_cleaned: bool,
}

/// A row as it is stored: `status` and `agents` not yet read.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = tasks)]
pub(super) struct StoredTask {
    task_id: String,
    user_id: i32,
    tool_id: String,
    agents: String,
    status: String,
    progress: i32,
    current_agent: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
    created_at: NaiveDateTime,
    upload_started_at: Option<NaiveDateTime>,
    processing_started_at: Option<NaiveDateTime>,
    completed_at: Option<NaiveDateTime>,
    failed_at: Option<NaiveDateTime>,
    cancelled_at: Option<NaiveDateTime>,
    expired_at: Option<NaiveDateTime>,
    updated_at: NaiveDateTime,
    s3_cleaned: bool,
}

impl TryFrom<StoredTask> for TaskRow {
    type Error = StoreError;

    fn try_from(stored: StoredTask) -> Result<Self, StoreError> {
        let malformed = |column, problem: String| StoreError::Malformed {
            task_id: stored.task_id.clone(),
            column,
            problem,
        };
        let status =
            stored.status.parse().map_err(|error: UnknownStatus| malformed("status", error.to_string()))?;
        let agents = serde_json::from_str(&stored.agents)
            .map_err(|error| malformed("agents", format!("no JSON list of texts: {error}")))?;
        Ok(Self {
            status,
            agents,
            task_id: stored.task_id,
            user_id: stored.user_id,
            tool_id: stored.tool_id,
            progress: stored.progress,
            current_agent: stored.current_agent,
            error_code: stored.error_code,
            error_message: stored.error_message,
            created_at: stored.created_at,
            upload_started_at: stored.upload_started_at,
            processing_started_at: stored.processing_started_at,
            completed_at: stored.completed_at,
            failed_at: stored.failed_at,
            cancelled_at: stored.cancelled_at,
            expired_at: stored.expired_at,
            updated_at: stored.updated_at,
            s3_cleaned: stored.s3_cleaned,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_back_from_its_text() {
        for (status, text) in STATUS_TEXTS {
            assert_eq!(status.as_str(), text);
            assert_eq!(text.parse(), Ok(status));
        }
        assert_eq!("queued".parse::<Status>(), Err(UnknownStatus("queued".to_owned())));
    }

    #[test]
    fn only_four_statuses_are_terminal() {
        let terminal: Vec<_> =
            STATUS_TEXTS.iter().filter(|(s, _)| s.is_terminal()).map(|(_, text)| *text).collect();
        assert_eq!(terminal, ["COMPLETED", "FAILED", "CANCELLED", "EXPIRED"]);
    }
}
