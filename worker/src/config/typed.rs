//! The validated configuration, as the program uses it.
//!
//! One field per row of `settings` that has a place in the file, named as the row's key; both are held together by a test. Values
//! arrive here already checked, so reading them cannot fail for anything a user wrote.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use celeriac::broker::RedisWait;
use celeriac::message::AcceptContent;
use celeriac::task::RateLimit;
use serde::{Deserialize, Deserializer, de};

use super::levels::LogLevels;
use super::secret::{ConnectionUrl, Secret};

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) broker: Broker,
    pub(crate) results: Results,
    pub(crate) worker: Worker,
    pub(crate) analysis: Analysis,
    pub(crate) database: Database,
    pub(crate) storage: Storage,
}

/// The broker.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    pub(crate) url: ConnectionUrl,
    /// After this time a message that is neither acknowledged nor renewed goes back to its queue.
    #[serde(deserialize_with = "seconds")]
    pub(crate) visibility_timeout: Duration,
    /// Where messages go that nobody can run; None: they are dropped.
    pub(crate) dead_letter_queue: Option<String>,
    /// In front of every key.
    pub(crate) global_keyprefix: Option<String>,
    /// Between a queue's name and a priority step; None: kombu's.
    pub(crate) sep: Option<String>,
    /// Priorities that have a list of their own.
    pub(crate) priority_steps: Vec<u8>,
    pub(crate) sentinel: Sentinel,
    /// Content types of messages.
    #[serde(deserialize_with = "content_types")]
    pub(crate) accept_content: AcceptContent,
    /// Whether a broker that is not there at first is waited for.
    pub(crate) connection_retry_on_startup: bool,
    /// In a row; None: for ever.
    pub(crate) connection_max_retries: Option<u32>,
    /// How it is waited for messages.
    pub(crate) wait: RedisWait,
    pub(crate) tls: Tls,
}

/// What `sentinel://` URLs of broker and result backend need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentinel {
    /// What the Sentinels call the server; None: the URL says it.
    pub(crate) master_name: Option<String>,
    /// Of the Sentinels themselves.
    pub(crate) password: Option<Secret>,
}

/// TLS of broker and result backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    /// Whether the server's certificate must be valid.
    pub(crate) verify: bool,
    /// PEM; None: the system's authorities.
    pub(crate) ca_file: Option<PathBuf>,
    /// PEM; set together with `key_file`.
    pub(crate) cert_file: Option<PathBuf>,
    /// PEM; set together with `cert_file`.
    pub(crate) key_file: Option<PathBuf>,
}

/// When connections use TLS.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// As the URL's scheme says.
    Auto,
    /// Also for `redis://`.
    Always,
}

/// The result backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Results {
    /// None: results are disabled.
    pub(crate) url: Option<ConnectionUrl>,
    /// In front of every key.
    pub(crate) global_keyprefix: Option<String>,
    /// How long a result is kept; None: for ever.
    #[serde(deserialize_with = "seconds_or_for_ever")]
    pub(crate) expires: Option<Duration>,
    /// Stored with name, arguments, worker and queue.
    pub(crate) extended: bool,
}

/// The node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Worker {
    /// At least one, none twice, in the order given.
    pub(crate) queues: Vec<String>,
    /// Tasks at the same time.
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) pool: Pool,
    /// None: `concurrency`.
    pub(crate) autoscale: Option<Autoscale>,
    /// Seconds; None: no limit.
    #[serde(deserialize_with = "seconds_limit")]
    pub(crate) time_limit: Option<f64>,
    /// Seconds; None: no limit.
    #[serde(deserialize_with = "seconds_limit")]
    pub(crate) soft_time_limit: Option<f64>,
    /// None: never replaced.
    #[serde(deserialize_with = "limit")]
    pub(crate) max_tasks_per_child: Option<u64>,
    /// KiB; None: never replaced.
    #[serde(deserialize_with = "limit")]
    pub(crate) max_memory_per_child: Option<u64>,
    /// KiB; None: no limit.
    #[serde(deserialize_with = "limit")]
    pub(crate) max_memory_per_task: Option<u64>,
    /// From a warm shutdown to handing back what still runs.
    #[serde(deserialize_with = "seconds")]
    pub(crate) drain_timeout: Duration,
    /// From a cold shutdown to handing back what still runs.
    #[serde(deserialize_with = "seconds")]
    pub(crate) soft_shutdown_timeout: Duration,
    /// Messages held per slot; 0: no limit.
    pub(crate) prefetch_multiplier: u32,
    /// None: no limit.
    #[serde(deserialize_with = "limit")]
    pub(crate) max_deliveries: Option<u64>,
    /// None: unknown tasks fail.
    pub(crate) fallback_queue: Option<String>,
    /// The node's name, `name@host`, expanded.
    pub(crate) hostname: String,
    pub(crate) loglevel: LogLevels,
    pub(crate) logformat: LogFormat,
}

/// Where tasks run.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pool {
    /// In executors.
    #[serde(alias = "processes")]
    Prefork,
    /// In this process.
    Threads,
    /// In this process, one at a time.
    Solo,
}

/// How many executors there are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Autoscale {
    pub(crate) max: usize,
    pub(crate) min: usize,
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// Celery's lines.
    Text,
    /// One object per line.
    Json,
}

impl LogFormat {
    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The task `process_analysis`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Analysis {
    /// None: as often as it comes.
    #[serde(deserialize_with = "rate")]
    pub(crate) rate_limit: Option<RateLimit>,
    /// Of all nodes together; None: as often as it comes.
    #[serde(deserialize_with = "rate")]
    pub(crate) global_rate_limit: Option<RateLimit>,
}

/// The backend's database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: ConnectionUrl,
}

/// Where files live.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "StorageFields")]
pub(crate) enum Storage {
    /// A local folder.
    Folder(PathBuf),
    S3(S3),
}

/// A bucket on an S3-compatible server.
#[derive(Clone, Debug)]
pub(crate) struct S3 {
    /// None: the provider's own address for the region.
    pub(crate) endpoint_url: Option<ConnectionUrl>,
    pub(crate) access_key_id: Secret,
    pub(crate) secret_access_key: Secret,
    pub(crate) region: String,
    pub(crate) bucket: String,
}

/// The rows of `storage`, of which only some are used.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StorageFields {
    directory: PathBuf,
    endpoint_url: Option<ConnectionUrl>,
    access_key_id: Option<Secret>,
    secret_access_key: Option<Secret>,
    region: String,
    bucket: String,
}

impl From<StorageFields> for Storage {
    /// A key makes it S3; `checks` has seen to it that a key is complete and an endpoint has one.
    fn from(fields: StorageFields) -> Self {
        match (fields.access_key_id, fields.secret_access_key) {
            (Some(access_key_id), Some(secret_access_key)) => Self::S3(S3 {
                endpoint_url: fields.endpoint_url,
                access_key_id,
                secret_access_key,
                region: fields.region,
                bucket: fields.bucket,
            }),
            _ => Self::Folder(fields.directory),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(input)?).map_err(de::Error::custom)
}

/// 0 is no limit.
fn seconds_limit<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
    f64::deserialize(input).map(|limit| (limit > 0.0).then_some(limit))
}

/// 0 is no limit.
fn limit<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(input).map(|limit| (limit > 0).then_some(limit))
}

fn content_types<'de, D: Deserializer<'de>>(input: D) -> Result<AcceptContent, D::Error> {
    AcceptContent::new(Vec::<String>::deserialize(input)?).map_err(de::Error::custom)
}

fn rate<'de, D: Deserializer<'de>>(input: D) -> Result<Option<RateLimit>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    text.map(|text| text.parse()).transpose().map_err(de::Error::custom)
}

fn seconds_or_for_ever<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    seconds(input).map(|duration| (!duration.is_zero()).then_some(duration))
}
