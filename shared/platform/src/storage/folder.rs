//! A local folder as a bucket: one file per object, its key the path below the folder.
//!
//! Keys that a file system takes for something else than a name (`..`, an absolute path, an empty segment)
//! are refused, so that nothing outside the folder can be reached. A file appears under its name when it is
//! complete.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::StorageError;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    files: Arc<LocalFileSystem>,
    root: Arc<PathBuf>,
}

impl Folder {
    pub(super) fn new(root: &FilePath) -> Result<Self, StorageError> {
        let problem =
            |error: String| StorageError::Config { problem: format!("folder {}: {error}", root.display()) };
        std::fs::create_dir_all(root).map_err(|error| problem(error.to_string()))?;
        let files = LocalFileSystem::new_with_prefix(root).map_err(|error| problem(error.to_string()))?;
        Ok(Self { files: Arc::new(files.with_automatic_cleanup(true)), root: Arc::new(root.to_path_buf()) })
    }

    pub(super) async fn ping(&self) -> Result<(), StorageError> {
        let failed = |reason| StorageError::Unreachable {
            doing: "looking at the folder",
            key: self.root.display().to_string(),
            reason,
        };
        match tokio::fs::metadata(&*self.root).await {
            Ok(meta) if meta.is_dir() => Ok(()),
            Ok(_) => Err(failed("it is no folder".to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Keys and sizes, in no order.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StorageError> {
        // The file system lists folders: the last one that the prefix names, then the names in it that begin
        // like the rest.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = if folder.is_empty() { Path::ROOT } else { path(folder)? };
        let doing = "listing";
        self.files
            .list(Some(&path))
            .map_err(|error| StorageError::from_object_store(doing, prefix, &error))
            .try_filter_map(async |meta| {
                let key = meta.location.as_ref();
                Ok(key.starts_with(prefix).then(|| (key.to_owned(), meta.size)))
            })
            .try_collect()
            .await
    }

    pub(super) async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        let failed = |error| StorageError::from_object_store("reading", key, &error);
        self.files.get(&path(key)?).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        let failed = |error| StorageError::from_object_store("writing", key, &error);
        self.files.put(&path(key)?, bytes.into()).await.map(drop).map_err(failed)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self.files.delete(&path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StorageError::from_object_store("deleting", key, &error)),
        }
    }
}

/// The key as it is, or an error: `Path` would strip slashes and refuse the rest of what must not pass.
fn path(key: &str) -> Result<Path, StorageError> {
    let refused = |problem: String| StorageError::Name { key: key.to_owned(), problem };
    let path = Path::parse(key).map_err(|error| refused(error.to_string()))?;
    if path.as_ref() != key || key.is_empty() {
        return Err(refused(
            "a folder holds no name that is empty, or begins or ends with a slash".to_owned(),
        ));
    }
    // object_store keeps unfinished files under such names and does not list them.
    let is_staging_name = |segment: &str| {
        segment
            .split_once('#')
            .is_some_and(|(_, end)| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit()))
    };
    if key.rsplit('/').next().is_some_and(is_staging_name) {
        return Err(refused("a folder holds no name that ends in # and digits".to_owned()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_can_be_named() {
        for key in
            ["../x", "a/../../x", "a/..", "..", ".", "/etc/passwd", "a//b", "", "a/", "a\0b", "a\nb", "a#1"]
        {
            assert!(matches!(path(key), Err(StorageError::Name { .. })), "{key:?}");
        }
    }

    #[test]
    fn ordinary_names_are_kept_as_they_are() {
        for key in [
            "a b/c+d%20%.csv",
            "q\"uo'te",
            "ü/日本.csv",
            "..a",
            "a..",
            "a#b",
            "#",
            "back\\slash",
            "~[x]{y}|?*<>^`",
        ] {
            assert_eq!(path(key).unwrap().as_ref(), key);
        }
    }
}
