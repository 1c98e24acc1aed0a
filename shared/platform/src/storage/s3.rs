//! An S3-compatible server as a bucket (platform.md 4.1): path style, Signature V4, no checksum headers.
//!
//! Reading and writing objects is `object_store`'s. Listing and deleting are our own signed requests, because
//! its listings fail as a whole at one key that it would not have written (`inputs//data.csv`), and its
//! deletion is the request for many objects with a checksum header, which not every server takes.
//!
//! No request carries more than [`PART_SIZE`], so that one time limit suits all: larger objects go in parts,
//! several at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::{Path, PathPart};
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, RetryConfig,
};

use super::StorageError;

mod requests;

use requests::Requests;

/// Largest body of a request, in bytes. S3 takes parts from 5 MiB.
const PART_SIZE: usize = 8 << 20;
/// Parts of one object on the way at the same time.
const PARALLEL_PARTS: usize = 4;
/// Attempts after the first.
const RETRIES: usize = 3;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one request with its body: [`PART_SIZE`] at 140 kB/s.
const REQUEST_LIMIT: Duration = Duration::from_secs(60);
/// For a listing or a deletion.
const SMALL_REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// No attempt begins later than this after the first.
const RETRY_LIMIT: Duration = Duration::from_secs(20);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct S3 {
    objects: Arc<AmazonS3>,
    requests: Arc<Requests>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.requests.bucket_url()).finish()
    }
}

impl S3 {
    pub(super) fn new(
        endpoint: Option<&str>,
        region: &str,
        bucket: &str,
        access_key_id: &str,
        secret_access_key: &str,
    ) -> Result<Self, StorageError> {
        let amazon = format!("https://s3.{region}.amazonaws.com");
        let endpoint = endpoint.unwrap_or(&amazon).trim_end_matches('/');
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            let problem = format!("the endpoint {endpoint:?} begins with neither https:// nor http://");
            return Err(StorageError::Config { problem });
        }
        if bucket.is_empty() {
            return Err(StorageError::Config { problem: "the bucket has no name".to_owned() });
        }
        let options = ClientOptions::new()
            .with_allow_http(endpoint.starts_with("http://"))
            .with_connect_timeout(CONNECT_LIMIT)
            .with_timeout(REQUEST_LIMIT);
        let small = options.clone().with_timeout(SMALL_REQUEST_LIMIT);
        let requests = Requests::new(endpoint, region, bucket, access_key_id, secret_access_key, &small)?;
        let objects = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_region(region)
            .with_bucket_name(bucket)
            .with_access_key_id(access_key_id)
            .with_secret_access_key(secret_access_key)
            .with_virtual_hosted_style_request(false)
            .with_client_options(options)
            .with_retry(RetryConfig {
                backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
                max_retries: RETRIES,
                retry_timeout: RETRY_LIMIT,
            })
            .build()
            .map_err(|error| StorageError::Config { problem: error.to_string() })?;
        Ok(Self { objects: Arc::new(objects), requests: Arc::new(requests) })
    }

    pub(super) async fn ping(&self) -> Result<(), StorageError> {
        self.requests.list_page("", None, Some(1)).await.map(drop)
    }

    /// Keys and sizes, page by page.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StorageError> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self.requests.list_page(prefix, token.as_deref(), None).await?;
            found.extend(page.objects);
            token = page.next;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        // The same keys as for the other calls; a `..` would be taken for another object on its way.
        path(key)?;
        self.requests.delete(key).await
    }

    pub(super) async fn get(&self, key: &str) -> Result<Bytes, StorageError> {
        let path = path(key)?;
        let failed = |error| StorageError::from_object_store("reading", key, &error);
        let whole = self.objects.get(&path).await.map_err(failed)?;
        let size = usize::try_from(whole.meta.size).map_err(|_| too_large(key, whole.meta.size))?;
        if size <= PART_SIZE {
            return whole.bytes().await.map_err(failed);
        }
        // The size is known now; the rest of this answer is not read. All parts must be of the same version.
        let version = whole.meta.e_tag.clone();
        drop(whole);
        let parts = (0..size).step_by(PART_SIZE).map(|start| {
            let end = size.min(start + PART_SIZE);
            let options = GetOptions {
                range: Some(GetRange::Bounded(start as u64..end as u64)),
                if_match: version.clone(),
                ..GetOptions::default()
            };
            async { self.objects.get_opts(&path, options).await?.bytes().await }
        });
        let joined = stream::iter(parts)
            .buffered(PARALLEL_PARTS)
            .try_fold(BytesMut::with_capacity(size), async |mut joined, part| {
                joined.extend_from_slice(&part);
                Ok(joined)
            })
            .await
            .map_err(failed)?;
        Ok(joined.freeze())
    }

    pub(super) async fn put(&self, key: &str, bytes: Bytes, content_type: &str) -> Result<(), StorageError> {
        let path = path(key)?;
        let failed = |error| StorageError::from_object_store("writing", key, &error);
        let attributes = Attributes::from_iter([(Attribute::ContentType, content_type.to_owned())]);
        if bytes.len() <= PART_SIZE {
            let options = PutOptions { attributes, ..PutOptions::default() };
            return self.objects.put_opts(&path, bytes.into(), options).await.map(drop).map_err(failed);
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut upload = self.objects.put_multipart_opts(&path, options).await.map_err(failed)?;
        let parts: Vec<_> = (0..bytes.len())
            .step_by(PART_SIZE)
            .map(|start| upload.put_part(bytes.slice(start..bytes.len().min(start + PART_SIZE)).into()))
            .collect();
        let sent = stream::iter(parts).buffer_unordered(PARALLEL_PARTS).try_collect::<()>().await;
        let ended = match sent {
            Ok(()) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        };
        if ended.is_err() {
            // Parts of an upload that is not given up are kept, and charged for. Whether this works changes
            // nothing.
            if let Err(error) = upload.abort().await {
                tracing::warn!(key, %error, "the parts of a failed upload remain in the bucket");
            }
        }
        ended.map_err(failed)
    }
}

fn too_large(key: &str, size: u64) -> StorageError {
    StorageError::Refused {
        doing: "reading",
        key: key.to_owned(),
        reason: format!("{size} bytes do not fit"),
    }
}

/// The key as it is: `Path::from` would encode characters, `Path::parse` refuse empty segments.
fn path(key: &str) -> Result<Path, StorageError> {
    let refused = |problem: String| StorageError::Name { key: key.to_owned(), problem };
    if key.is_empty() || key.starts_with('/') {
        return Err(refused("it is empty or begins with a slash".to_owned()));
    }
    key.split('/').try_fold(Path::ROOT, |path, segment| {
        PathPart::parse(segment).map(|part| path.join(part)).map_err(|error| refused(error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_as_they_are() {
        for key in
            ["a b/c+d%20%.csv", "q\"uo'te", "ü/日本.csv", "a//b", "a/", "a/..b", "x#1", "~[x]{y}|?*<>^`\\"]
        {
            assert_eq!(path(key).unwrap().as_ref(), key);
        }
    }

    #[test]
    fn keys_that_a_url_cannot_carry_are_refused() {
        for key in ["", "/a", "a/../b", "a/.", "a\nb"] {
            assert!(matches!(path(key), Err(StorageError::Name { .. })), "{key:?}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let new = |endpoint, bucket| S3::new(endpoint, "r", bucket, "id", "key").unwrap_err().to_string();
        assert!(new(Some("s3.example.com"), "b").contains("s3.example.com"));
        assert!(new(Some("https://s3.example.com"), "").contains("name"));
    }
}
