//! Why a call to the bucket failed.

use std::error::Error;

use object_store::Error as ObjectStoreError;

/// Longest excerpt of a server's answer in a message, in characters.
const LONGEST_REASON: usize = 300;

/// Why a call to the bucket failed. No message contains a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// A setting cannot be used. Do not retry.
    #[error("the bucket cannot be used: {problem}")]
    Config {
        /// Which setting, and why.
        problem: String,
    },

    /// There is no such object. Do not retry.
    #[error("there is no object {key:?} in the bucket")]
    NotFound {
        /// The key.
        key: String,
    },

    /// A key that this bucket cannot hold or be asked for. Do not retry.
    #[error("the object name {key:?} cannot be used: {problem}")]
    Name {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },

    /// No answer in time, a broken connection, or an error on the server's side. Retry.
    #[error("{doing} {key:?} failed: {reason}")]
    Unreachable {
        /// What was tried.
        doing: &'static str,
        /// The key or prefix.
        key: String,
        /// The transport's or server's words.
        reason: String,
    },

    /// The server refused: credentials, rights, a bucket that does not exist. Do not retry.
    #[error("{doing} {key:?} was refused: {reason}; check the bucket's name, its region and the credentials")]
    Refused {
        /// What was tried.
        doing: &'static str,
        /// The key or prefix.
        key: String,
        /// The server's words.
        reason: String,
    },
}

impl StorageError {
    /// Whether the same call may succeed later without anybody changing anything here.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    pub(super) fn from_object_store(doing: &'static str, key: &str, error: &ObjectStoreError) -> Self {
        let key = key.to_owned();
        match error {
            ObjectStoreError::NotFound { .. } => Self::NotFound { key },
            ObjectStoreError::InvalidPath { source } => Self::Name { key, problem: source.to_string() },
            // The server's answer repeats parts of the signed request: not shown.
            ObjectStoreError::PermissionDenied { .. } => {
                Self::Refused { doing, key, reason: "no permission (403)".to_owned() }
            }
            ObjectStoreError::Unauthenticated { .. } => {
                Self::Refused { doing, key, reason: "unknown credentials (401)".to_owned() }
            }
            ObjectStoreError::NotSupported { .. } | ObjectStoreError::NotImplemented { .. } => {
                Self::Refused { doing, key, reason: causes(error) }
            }
            ObjectStoreError::Generic { source, .. } => Self::Unreachable {
                doing,
                key,
                // The outermost error of an S3 request tells address and settings; what happened is below it.
                reason: causes(source.source().unwrap_or(&**source)),
            },
            _ => Self::Unreachable { doing, key, reason: causes(error) },
        }
    }
}

/// An error with its causes, from the outermost inwards, without repetitions; the beginning only.
pub(super) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    shortened(&text)
}

/// The beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_REASON).collect()
}
