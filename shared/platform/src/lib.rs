//! The world outside an analysis: the task rows and the bill ([`store`]), the files ([`storage`]).
//!
//! Follows the backend's contract (platform.md): its tables, its bucket, its rules of billing. Both modules
//! have two backends behind one type, the backend's own (MySQL or MariaDB, S3) and the embedded default
//! (SQLite, a folder), and behave alike on both.
//!
//! Nothing here knows Celery, Redis, agents or reports, and nothing decides about retries: errors say whether
//! trying again can help ([`StoreError::is_transient`], [`StorageError::is_transient`]), the worker decides.
//!
//! [`StoreError::is_transient`]: store::StoreError::is_transient
//! [`StorageError::is_transient`]: storage::StorageError::is_transient

pub mod storage;
pub mod store;
