//! What becomes of a call: Celery's `AsyncResult`.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::exception::Exception;
use crate::results::{Meta, ResultBackend, ResultError};

/// A call that was sent, and its result when there is one.
#[derive(Clone)]
pub struct AsyncResult {
    id: String,
    results: Option<Arc<dyn ResultBackend>>,
}

/// Why there is no return value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// The task failed, or was revoked.
    #[error("task {id} failed: {exception}")]
    Failed {
        /// The task.
        id: String,
        /// Its failure.
        exception: Exception,
    },
    /// It has not ended yet.
    #[error("task {id} has not ended within {after:?}")]
    Timeout {
        /// The task.
        id: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// What it returned is something else than what was asked for.
    #[error("task {id} returned something else: {reason}")]
    WrongType {
        /// The task.
        id: String,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// The client was made without a result backend.
    #[error("this client has no result backend; give it one to read results")]
    Disabled,
    /// The result backend does not answer.
    #[error(transparent)]
    Backend(#[from] ResultError),
}

impl AsyncResult {
    pub(super) fn new(id: String, results: Option<Arc<dyn ResultBackend>>) -> Self {
        Self { id, results }
    }

    /// The task's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn results(&self) -> Result<&dyn ResultBackend, GetError> {
        self.results.as_deref().ok_or(GetError::Disabled)
    }

    /// What is stored at the moment, if anything.
    ///
    /// # Errors
    /// [`GetError::Disabled`] and [`GetError::Backend`].
    pub async fn meta(&self) -> Result<Option<Meta>, GetError> {
        Ok(self.results()?.fetch(&self.id).await?)
    }

    /// The task's state at the moment. `PENDING` when nothing is stored: it waits, runs, is forgotten, or never was.
    ///
    /// # Errors
    /// [`GetError::Disabled`] and [`GetError::Backend`].
    pub async fn state(&self) -> Result<String, GetError> {
        Ok(self.meta().await?.map_or_else(|| "PENDING".to_owned(), |meta| meta.status))
    }

    /// Waits for the task's end, whichever it is; at most for `timeout`, if there is one.
    ///
    /// # Errors
    /// [`GetError::Timeout`], [`GetError::Disabled`] and [`GetError::Backend`].
    pub async fn wait(&self, timeout: Option<Duration>) -> Result<Meta, GetError> {
        let ended = self.results()?.wait(&self.id, timeout).await?;
        ended.ok_or_else(|| GetError::Timeout { id: self.id.clone(), after: timeout.unwrap_or_default() })
    }

    /// Waits for what the task returns.
    ///
    /// # Errors
    /// [`GetError`]: its failure, or why nothing can be told.
    pub async fn get<T: DeserializeOwned>(&self, timeout: Option<Duration>) -> Result<T, GetError> {
        let meta = self.wait(timeout).await?;
        let id = self.id.clone();
        match meta.exception() {
            Some(exception) => Err(GetError::Failed { id, exception }),
            None => T::deserialize(meta.result).map_err(|reason| GetError::WrongType { id, reason }),
        }
    }

    /// Forgets the result.
    ///
    /// # Errors
    /// [`GetError::Disabled`] and [`GetError::Backend`].
    pub async fn forget(&self) -> Result<(), GetError> {
        Ok(self.results()?.forget(&self.id).await?)
    }
}

impl std::fmt::Debug for AsyncResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncResult").field("id", &self.id).finish_non_exhaustive()
    }
}
