//! Why a call to the store failed.

use diesel::result::DatabaseErrorKind;

use super::url::InvalidUrl;

/// Why a call to the store failed. No message contains a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL of the database cannot be used. Configuration; do not retry.
    #[error(transparent)]
    Url(#[from] InvalidUrl),

    /// Nothing answered in time, the connection broke, or the login was refused. Retry.
    #[error("{doing}: the database {url} cannot be reached: {reason}")]
    Unreachable {
        /// What was tried.
        doing: &'static str,
        /// Where, without the password.
        url: String,
        /// The driver's words.
        reason: String,
    },

    /// Another transaction held what this one needed: a deadlock, a lock not freed in time. Retry.
    #[error("{doing}: the database was busy with another change of the same rows: {reason}")]
    Busy {
        /// What was tried.
        doing: &'static str,
        /// The database's words.
        reason: String,
    },

    /// The database refused the statement: a missing table or right, a violated rule. Do not retry.
    #[error("{doing}: the database refused: {reason}")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// The database's words.
        reason: String,
    },

    /// A row holds what the backend never writes. Do not retry.
    #[error("task {task_id}: column {column}: {problem}")]
    Malformed {
        /// The row.
        task_id: String,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
    },

    /// The tables could not be brought up to date. Do not retry.
    #[error("migrating {url}: {reason}")]
    Migration {
        /// Which database, without the password.
        url: String,
        /// diesel's words.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything here.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Busy { .. })
    }
}

/// How MySQL (1213, 1205), MariaDB (1020, too) and SQLite word that a transaction met another one. The driver
/// keeps only the text of a server's error.
const CONTENTION_TEXTS: [&str; 5] = [
    "Deadlock found",
    "Lock wait timeout exceeded",
    "Record has changed since last read",
    "database is locked",
    "database table is locked",
];

/// Whether the statement lost against a concurrent transaction.
pub(super) fn is_contention(error: &diesel::result::Error) -> bool {
    match error {
        diesel::result::Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        diesel::result::Error::DatabaseError(_, information) => {
            CONTENTION_TEXTS.iter().any(|text| information.message().contains(text))
        }
        _ => false,
    }
}
