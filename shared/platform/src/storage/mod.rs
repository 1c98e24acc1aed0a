//! The bucket: where clients put inputs and the worker puts reports and files (platform.md 4).
//!
//! [`Bucket`] is one type for an S3-compatible server (the backend's) and a local folder (the embedded
//! default). Object names are opaque text: never a path of this machine, never trimmed, never re-encoded for
//! the caller. [`TaskFiles`] knows the layout of one task in it.
//!
//! Requests are tried up to four times within a bounded time; what fails after that says whether trying later
//! can help ([`StorageError::is_transient`]).

mod convert;
mod error;
mod folder;
mod parameters;
mod s3;
mod slots;
mod task_files;

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

pub use error::StorageError;
pub use slots::{BASELINE, InputRules, PRIMARY};
pub use task_files::{InputError, InputFile, TaskFiles};

use folder::Folder;
use s3::S3;

/// How many objects are deleted at the same time.
const PARALLEL_DELETES: usize = 8;

/// Which bucket. `Debug` does not show the secret key.
#[derive(Clone, PartialEq, Eq)]
pub enum BucketConfig {
    /// An S3-compatible server, addressed as `endpoint/bucket/key`.
    S3 {
        /// `https://host[:port]` or `http://...`; `None` is Amazon's own of the region.
        endpoint: Option<String>,
        /// The region in signatures, such as `us-east-005`.
        region: String,
        /// The bucket's name; it must exist.
        bucket: String,
        /// Public half of the credentials.
        access_key_id: String,
        /// Secret half of the credentials.
        secret_access_key: String,
    },
    /// A folder, made when it is missing.
    Folder(PathBuf),
}

impl fmt::Debug for BucketConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { endpoint, region, bucket, access_key_id, secret_access_key: _ } => f
                .debug_struct("S3")
                .field("endpoint", endpoint)
                .field("region", region)
                .field("bucket", bucket)
                .field("access_key_id", access_key_id)
                .field("secret_access_key", &"***")
                .finish(),
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
        }
    }
}

/// An object as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The key without the prefix of the listing and without leading `/`.
    pub name: String,
    /// The whole key.
    pub key: String,
    /// In bytes.
    pub size: u64,
}

/// A bucket. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Bucket(Backend);

#[derive(Debug, Clone)]
enum Backend {
    S3(S3),
    Folder(Folder),
}

impl Bucket {
    /// Prepares access; asks the server nothing yet ([`Bucket::ping`]). A folder is made when it is missing.
    ///
    /// # Errors
    /// [`StorageError::Config`] names the setting that cannot be used.
    pub fn connect(config: &BucketConfig) -> Result<Self, StorageError> {
        match config {
            BucketConfig::S3 { endpoint, region, bucket, access_key_id, secret_access_key } => {
                S3::new(endpoint.as_deref(), region, bucket, access_key_id, secret_access_key)
                    .map(|s3| Self(Backend::S3(s3)))
            }
            BucketConfig::Folder(path) => Folder::new(path).map(|folder| Self(Backend::Folder(folder))),
        }
    }

    /// Asks for a sign of life, with the rights that the worker needs to list.
    ///
    /// # Errors
    /// Why the bucket cannot be used.
    pub async fn ping(&self) -> Result<(), StorageError> {
        match &self.0 {
            Backend::S3(s3) => s3.ping().await,
            Backend::Folder(folder) => folder.ping().await,
        }
    }

    /// All objects whose key begins with `prefix`, in the order of the bytes of their keys. Keys that are
    /// nothing but the prefix (folder markers) are left out.
    ///
    /// # Errors
    /// Transport and rights.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Object>, StorageError> {
        let mut found = match &self.0 {
            Backend::S3(s3) => s3.list(prefix).await?,
            Backend::Folder(folder) => folder.list(prefix).await?,
        };
        found.sort();
        let name = |key: &str| key.strip_prefix(prefix).unwrap_or(key).trim_start_matches('/').to_owned();
        Ok(found
            .into_iter()
            .map(|(key, size)| Object { name: name(&key), key, size })
            .filter(|object| !object.name.is_empty())
            .collect())
    }

    /// The content of an object.
    ///
    /// # Errors
    /// [`StorageError::NotFound`]; [`StorageError::Name`] for a key that cannot be asked for; transport and
    /// rights.
    pub async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        match &self.0 {
            Backend::S3(s3) => s3.get(key).await,
            Backend::Folder(folder) => folder.get(key).await,
        }
    }

    /// Writes an object, replacing one of the same key. Nobody sees a part of it. A folder keeps no content
    /// type.
    ///
    /// # Errors
    /// [`StorageError::Name`] for a key that cannot be written; transport and rights.
    pub async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), StorageError> {
        match &self.0 {
            Backend::S3(s3) => s3.put(key, bytes, content_type).await,
            Backend::Folder(folder) => folder.put(key, bytes).await,
        }
    }

    /// Deletes an object; one that does not exist is no error.
    ///
    /// # Errors
    /// [`StorageError::Name`] for a key that cannot be asked for; transport and rights.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match &self.0 {
            Backend::S3(s3) => s3.delete(key).await,
            Backend::Folder(folder) => folder.delete(key).await,
        }
    }

    /// Deletes all objects whose key begins with `prefix` and returns how many there were.
    ///
    /// # Errors
    /// The first failure; the other objects may or may not be gone.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<usize, StorageError> {
        let keys = self.list(prefix).await?.into_iter().map(|object| object.key).collect();
        self.delete_all(keys).await
    }

    /// Deletes several objects and returns how many.
    async fn delete_all(&self, keys: Vec<String>) -> Result<usize, StorageError> {
        stream::iter(keys)
            .map(async |key| self.delete(&key).await)
            .buffer_unordered(PARALLEL_DELETES)
            .try_fold(0, async |deleted, ()| Ok(deleted + 1))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_key_is_not_shown() {
        let config = BucketConfig::S3 {
            endpoint: Some("https://s3.example.com".to_owned()),
            region: "us-east-005".to_owned(),
            bucket: "agensium-files".to_owned(),
            access_key_id: "key-id".to_owned(),
            secret_access_key: "s3cr3t".to_owned(),
        };
        assert!(!format!("{config:?}").contains("s3cr3t"));
        assert!(!format!("{:?}", Bucket::connect(&config).unwrap()).contains("s3cr3t"));
    }
}
