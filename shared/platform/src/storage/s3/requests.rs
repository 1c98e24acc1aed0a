//! The S3 requests that `object_store` does not make as we need them: one page of a listing, the deletion of
//! one object.

use std::time::Duration;

use http::{Method, StatusCode, Uri};
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::{FIRST_PAUSE, LONGEST_PAUSE, RETRIES, RETRY_LIMIT};
use crate::storage::StorageError;
use crate::storage::error::{causes, shortened};

/// What Signature V4 wants encoded in a path: everything but the unreserved characters of RFC 3986 and the
/// slash.
const ENCODED_IN_PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

pub(super) struct Requests {
    client: HttpClient,
    credential: AwsCredential,
    region: String,
    bucket_url: Url,
}

/// One page of a listing.
pub(super) struct Page {
    /// Key and size.
    pub(super) objects: Vec<(String, u64)>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

/// The server's listing, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(default)]
    contents: Vec<Entry>,
    encoding_type: Option<String>,
    next_continuation_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: String,
    size: u64,
}

/// The server's error, as far as it is shown: the rest may repeat the signed request.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
}

impl Requests {
    pub(super) fn new(
        endpoint: &str,
        region: &str,
        bucket: &str,
        access_key_id: &str,
        secret_access_key: &str,
        options: &ClientOptions,
    ) -> Result<Self, StorageError> {
        let config = |problem: String| StorageError::Config { problem };
        let bucket_url = Url::parse(&format!("{endpoint}/{bucket}"))
            .map_err(|error| config(format!("endpoint {endpoint:?} and bucket {bucket:?}: {error}")))?;
        Ok(Self {
            client: ReqwestConnector::default()
                .connect(options)
                .map_err(|error| config(error.to_string()))?,
            credential: AwsCredential {
                key_id: access_key_id.to_owned(),
                secret_key: secret_access_key.to_owned(),
                token: None,
            },
            region: region.to_owned(),
            bucket_url,
        })
    }

    pub(super) fn bucket_url(&self) -> &str {
        self.bucket_url.as_str()
    }

    /// One page of the objects whose keys begin with `prefix` (ListObjectsV2).
    pub(super) async fn list_page(
        &self,
        prefix: &str,
        token: Option<&str>,
        most: Option<u16>,
    ) -> Result<Page, StorageError> {
        let doing = "listing";
        let mut url = self.bucket_url.clone();
        {
            let mut query = url.query_pairs_mut();
            // Keys may hold characters that XML cannot.
            query
                .append_pair("encoding-type", "url")
                .append_pair("list-type", "2")
                .append_pair("prefix", prefix);
            if let Some(token) = token {
                query.append_pair("continuation-token", token);
            }
            if let Some(most) = most {
                query.append_pair("max-keys", &most.to_string());
            }
        }
        let body = self.send(doing, prefix, Method::GET, &url).await?;
        let unclear = |error: String| StorageError::Unreachable {
            doing,
            key: prefix.to_owned(),
            reason: format!("the listing cannot be read: {}", shortened(&error)),
        };
        let listing: Listing =
            quick_xml::de::from_reader(body.as_ref()).map_err(|error| unclear(error.to_string()))?;
        let encoded = listing.encoding_type.as_deref() == Some("url");
        let objects = listing
            .contents
            .into_iter()
            .map(|entry| {
                let key = if encoded {
                    decoded(&entry.key).map_err(|error| unclear(error.to_string()))?
                } else {
                    entry.key
                };
                Ok((key, entry.size))
            })
            .collect::<Result<_, _>>()?;
        Ok(Page { objects, next: listing.next_continuation_token.filter(|token| !token.is_empty()) })
    }

    /// Deletes one object (DeleteObject), or finds none.
    pub(super) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        let mut url = self.bucket_url.clone();
        url.set_path(&format!("{}/{}", self.bucket_url.path(), utf8_percent_encode(key, &ENCODED_IN_PATH)));
        self.send("deleting", key, Method::DELETE, &url).await.map(drop)
    }

    /// Sends a signed request without body until it is answered, at most [`RETRIES`] times more.
    async fn send(
        &self,
        doing: &'static str,
        key: &str,
        method: Method,
        url: &Url,
    ) -> Result<bytes::Bytes, StorageError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut attempt = 0;
        loop {
            let reason = match self.send_once(&method, url).await {
                Ok((status, body)) if status.is_success() || is_gone(&method, status, &body) => {
                    return Ok(body);
                }
                Ok((status, body)) if !is_servers_fault(status) => {
                    return Err(refused(doing, key, status, &body));
                }
                Ok((status, body)) => format!("the server answered {}", said(status, &body)),
                Err(error) if is_worth_repeating(&error) => causes(&error),
                Err(error) => {
                    return Err(StorageError::Unreachable {
                        doing,
                        key: key.to_owned(),
                        reason: causes(&error),
                    });
                }
            };
            attempt += 1;
            if attempt > RETRIES || begun.elapsed() > RETRY_LIMIT {
                let reason = format!("{reason}, {attempt} attempts");
                return Err(StorageError::Unreachable { doing, key: key.to_owned(), reason });
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn send_once(&self, method: &Method, url: &Url) -> Result<(StatusCode, bytes::Bytes), HttpError> {
        let uri: Uri = url.as_str().parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        AwsAuthorizer::new(&self.credential, "s3", &self.region).authorize(&mut request, None);
        let response = self.client.execute(request).await?;
        let status = response.status();
        Ok((status, response.into_body().bytes().await?))
    }
}

/// Whether there was nothing to delete: most servers call that a success.
fn is_gone(method: &Method, status: StatusCode, body: &[u8]) -> bool {
    *method == Method::DELETE && status == StatusCode::NOT_FOUND && said(status, body).ends_with("NoSuchKey")
}

fn is_servers_fault(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn is_worth_repeating(error: &HttpError) -> bool {
    !matches!(error.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown)
}

fn refused(doing: &'static str, key: &str, status: StatusCode, body: &[u8]) -> StorageError {
    let reason = format!("the server answered {}", said(status, body));
    StorageError::Refused { doing, key: key.to_owned(), reason }
}

/// Status and error code of an answer.
fn said(status: StatusCode, body: &[u8]) -> String {
    match quick_xml::de::from_reader::<_, Refusal>(body) {
        Ok(refusal) => format!("{} {}", status.as_u16(), shortened(&refusal.code)),
        Err(_) => status.to_string(),
    }
}

/// Undoes the encoding of a listing, in which a space may be a plus.
fn decoded(text: &str) -> Result<String, std::str::Utf8Error> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().map(String::from)
}

/// Between half and all of `pause`, so that workers that failed together don't return together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_with_its_encoding() {
        let listing: Listing = quick_xml::de::from_str(
            "<ListBucketResult><EncodingType>url</EncodingType>\
             <Contents><Key>a%2Bb+c%20%C3%BC/%25</Key><Size>7</Size><ETag>x</ETag></Contents>\
             <Contents><Key>d</Key><Size>0</Size></Contents>\
             <NextContinuationToken>t==</NextContinuationToken></ListBucketResult>",
        )
        .unwrap();

        assert_eq!(decoded(&listing.contents[0].key).unwrap(), "a+b c ü/%");
        assert_eq!((listing.contents.len(), listing.contents[0].size), (2, 7));
        assert_eq!(listing.next_continuation_token.as_deref(), Some("t=="));
    }

    #[test]
    fn only_the_code_of_an_error_is_shown() {
        let body =
            b"<Error><Code>SignatureDoesNotMatch</Code><StringToSign>AWS4 secret</StringToSign></Error>";
        let text = refused("listing", "p", StatusCode::FORBIDDEN, body).to_string();
        assert!(text.contains("403 SignatureDoesNotMatch") && !text.contains("AWS4"), "{text}");
    }

    #[test]
    fn only_a_missing_object_is_as_good_as_deleted() {
        let is_gone = |method, code: &str| {
            let body = format!("<Error><Code>{code}</Code></Error>");
            is_gone(&method, StatusCode::NOT_FOUND, body.as_bytes())
        };
        assert!(is_gone(Method::DELETE, "NoSuchKey"));
        assert!(!is_gone(Method::DELETE, "NoSuchBucket"));
        assert!(!is_gone(Method::GET, "NoSuchKey"));
    }

    #[test]
    fn pauses_stay_within_half_and_all() {
        for _ in 0..100 {
            let pause = jittered(FIRST_PAUSE);
            assert!(pause >= FIRST_PAUSE / 2 && pause <= FIRST_PAUSE, "{pause:?}");
        }
    }
}
