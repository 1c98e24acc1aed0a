//! Which Redis to talk to, and how: URLs as Celery takes them (celery-wire.md 8.1), TLS, and the connections that
//! brokers and result backends are made of.

mod address;
mod connections;
mod target;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::PubSub;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisResult};

use address::masked;
use connections::Stuck;
pub(crate) use connections::{Blocking, Commands, Listening};
use target::Target;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Time for the answer to a command that does not block. The lease is renewed every 15 s at least, so that a way that is
/// stuck is noticed and replaced within 40 s (celery-wire.md 12, statement 116: 60 s).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);
/// The system gives up a connection on which nothing gets through for this time.
const SILENCE: Duration = Duration::from_secs(24);

/// What `sentinel://` URLs need beside themselves (kombu's transport options of these names).
#[derive(Clone, Default)]
pub struct SentinelOptions {
    /// What the Sentinels call the servers, unless the URL says it.
    pub master_name: Option<String>,
    /// The password of the Sentinels themselves; that of the servers is in the URL.
    pub password: Option<String>,
}

impl fmt::Debug for SentinelOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentinelOptions").field("master_name", &self.master_name).finish_non_exhaustive()
    }
}

/// TLS settings beside the URL's own.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// Speak TLS although the URL says `redis://` (celery-wire.md 8.3).
    pub always: bool,
    /// Do not verify the server's certificate.
    pub insecure: bool,
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM files of the client's certificate and its key.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

/// A Redis server and database: an address that never prints its password.
#[derive(Clone)]
pub struct RedisServer {
    target: Arc<Target>,
    place: String,
    /// Whether certificates are checked; `None` without TLS.
    verified: Option<bool>,
    stuck: Stuck,
}

/// A Redis URL or its TLS settings cannot be used. Configuration: not worth a retry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerAddressError {
    /// The URL is of no known form.
    #[error("the Redis URL `{url}` cannot be used: {reason}")]
    Url {
        /// The URL, its password masked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate or key cannot be read.
    #[error("the TLS file {path} cannot be used: {reason}")]
    TlsFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl RedisServer {
    /// Understands `redis://`, `rediss://` and `redis+socket://` URLs with Celery's query keys
    /// (`ssl_cert_reqs`, `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `virtual_host`); others are ignored, as brokers
    /// and result backends of Celery know different ones (quirk Q25). Several URLs, separated by `;`, are servers to try
    /// in turn. `sentinel://` URLs, with the query key `master_name`, ask those Sentinels for the server.
    ///
    /// # Errors
    /// [`ServerAddressError`] when the URL or a TLS file cannot be used.
    pub fn new(url: &str, tls: &TlsOptions) -> Result<Self, ServerAddressError> {
        Self::with_sentinel(url, tls, &SentinelOptions::default())
    }

    /// As [`Self::new`], with what `sentinel://` URLs need beside themselves.
    ///
    /// # Errors
    /// [`ServerAddressError`] when the URL or a TLS file cannot be used.
    pub fn with_sentinel(
        url: &str,
        tls: &TlsOptions,
        sentinel: &SentinelOptions,
    ) -> Result<Self, ServerAddressError> {
        let refuse = |reason: &str| ServerAddressError::Url { url: masked(url), reason: reason.to_owned() };
        let urls = address::split(url);
        let addresses = urls.iter().map(|url| address::read(url, tls)).collect::<Result<Vec<_>, _>>()?;
        let verified = addresses.iter().find_map(|address| address.verified);
        let Some(first) = addresses.first() else { return Err(refuse("it is empty")) };
        if addresses.iter().any(|address| address.is_sentinel != first.is_sentinel) {
            return Err(refuse("it names both servers and Sentinels"));
        }
        let (target, place) = if first.is_sentinel {
            target::sentinel(addresses, sentinel).map_err(|reason| refuse(&reason))?
        } else {
            let places = addresses.iter().map(|one| format!("{}/{}", one.address, one.settings.db()));
            let place = places.collect::<Vec<_>>().join(";");
            let clients = addresses.into_iter().zip(&urls).map(|(address, url)| address.client(url));
            (Target::servers(clients.collect::<Result<_, _>>()?), place)
        };
        Ok(Self { target: Arc::new(target), place, verified, stuck: Stuck::default() })
    }

    /// `host:port/database`, without credentials: equal for two URLs of the same database.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether TLS is spoken without checking the server's certificate: worth a warning.
    pub fn is_unverified(&self) -> bool {
        self.verified == Some(false)
    }

    /// A connection for commands that answer at once. It is made at the first command and made again when it breaks.
    pub(crate) fn commands(&self) -> Commands {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        Commands::new(self.target.clone(), config, self.stuck.clone())
    }

    /// A connection of its own for commands that block on the server as long as they like.
    pub(crate) async fn blocking(&self) -> RedisResult<Blocking> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        Blocking::open(&self.target, &config, ProtocolVersion::RESP2, &self.stuck).await
    }

    /// A connection of its own on which the server tells that keys have changed.
    pub(crate) async fn listening(&self) -> RedisResult<Listening> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        Listening::open(&self.target, config, &self.stuck).await
    }

    /// A connection that receives published messages.
    pub(crate) async fn subscriber(&self) -> RedisResult<PubSub> {
        self.target.client().await?.get_async_pubsub().await
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("place", &self.place).field("verified", &self.verified).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> String {
        RedisServer::new(url, &TlsOptions::default()).unwrap().place().to_owned()
    }

    #[test]
    fn every_form_of_url() {
        assert_eq!(place("redis://"), "127.0.0.1:6379/0");
        assert_eq!(place("redis://localhost:6380/3"), "localhost:6380/3");
        assert_eq!(place("redis://:p%40ss@[::1]:7000/1"), "::1:7000/1");
        assert_eq!(place("rediss://h/2?ssl_cert_reqs=none"), "h:6379/2");
        assert_eq!(place("redis+socket:///run/r.sock?virtual_host=4"), "/run/r.sock/4");
        assert_eq!(place("redis://h/0?socket_timeout=5"), "h:6379/0");
        assert_eq!(place("redis://a;rediss://b:7/1"), "a:6379/0;b:7/1");
        assert_eq!(place("sentinel://:pw@s1;sentinel://s2:7/2?master_name=m"), "m of s1:26379;s2:7/2");
    }

    #[test]
    fn tls_when_asked_for() {
        let verified = |url: &str, tls: &TlsOptions| RedisServer::new(url, tls).unwrap().verified;
        let always = TlsOptions { always: true, ..TlsOptions::default() };
        assert_eq!(verified("redis://h", &TlsOptions::default()), None);
        assert_eq!(verified("redis://h", &always), Some(true));
        assert_eq!(verified("rediss://h", &TlsOptions::default()), Some(true));
        assert_eq!(verified("redis://h?ssl_cert_reqs=CERT_NONE", &TlsOptions::default()), Some(false));
        assert_eq!(verified("rediss://h", &TlsOptions { insecure: true, ..always }), Some(false));
    }

    #[test]
    fn refusals_name_the_reason_and_hide_the_password() {
        for url in [
            "amqp://u:secret@h",
            "redis://u:secret@h/x",
            "rediss://u:secret@h?ssl_cert_reqs=perhaps",
            "sentinel://u:secret@h",
            "redis://u:secret@h;sentinel://u:secret@h",
        ] {
            let text = RedisServer::new(url, &TlsOptions::default()).unwrap_err().to_string();
            assert!(!text.contains("secret") && text.contains("***"), "{text}");
        }
        let missing = TlsOptions { ca_file: Some("/does/not/exist.pem".into()), ..TlsOptions::default() };
        let text = RedisServer::new("rediss://h", &missing).unwrap_err().to_string();
        assert!(text.contains("/does/not/exist.pem"), "{text}");
    }

    #[test]
    fn nothing_prints_the_password() {
        let server = RedisServer::new("redis://user:secret@h:1/0", &TlsOptions::default()).unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }
}
