//! Which Redis to talk to, and how: URLs as Celery takes them (celery-wire.md 8.1), TLS, and the connections that
//! brokers and result backends are made of (`connections`).

mod connections;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::aio::PubSub;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo, RedisResult,
    TlsCertificates,
};
use url::Url;

pub(crate) use connections::{Blocking, Commands};

/// A connection on which nothing is said is asked after by the system, and taken for dead after this time and three
/// questions without an answer; likewise when what was sent is not confirmed.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

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
    client: Client,
    place: String,
    /// Whether certificates are checked; `None` without TLS.
    verified: Option<bool>,
    stuck: connections::Stuck,
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
    /// and result backends of Celery know different ones (quirk Q25).
    ///
    /// # Errors
    /// [`ServerAddressError`] when the URL or a TLS file cannot be used.
    pub fn new(url: &str, tls: &TlsOptions) -> Result<Self, ServerAddressError> {
        let refuse = |reason: &str| ServerAddressError::Url { url: masked(url), reason: reason.to_owned() };
        let parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
        let query = |key: &str| parsed.query_pairs().find(|(k, _)| k == key).map(|(_, v)| v.into_owned());
        let database = match query("virtual_host") {
            Some(number) => number,
            None if parsed.scheme() == "redis+socket" => String::new(),
            None => parsed.path().trim_start_matches('/').to_owned(),
        };
        let database: i64 = match database.trim_start_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| refuse("the database is not a number"))?,
        };
        let decoded = |text: &str| {
            percent_decoded(text).ok_or_else(|| refuse("its user or password is not percent-encoded UTF-8"))
        };
        let mut settings = RedisConnectionInfo::default()
            .set_db(database)
            .set_lib_name("celeriac", env!("CARGO_PKG_VERSION"));
        if !parsed.username().is_empty() {
            settings = settings.set_username(decoded(parsed.username())?);
        }
        if let Some(password) = parsed.password() {
            settings = settings.set_password(decoded(password)?);
        }

        let host = parsed.host_str().filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = parsed.port().unwrap_or(6379);
        let (address, verified) = match parsed.scheme() {
            "redis+socket" => (ConnectionAddr::Unix(decoded(parsed.path())?.into()), None),
            "redis" | "rediss" => {
                let asks_for_tls = parsed.query_pairs().any(|(key, _)| key.starts_with("ssl_"));
                if parsed.scheme() == "rediss" || tls.always || asks_for_tls {
                    let insecure = match query("ssl_cert_reqs").as_deref() {
                        Some("CERT_NONE" | "none") => true,
                        Some("CERT_REQUIRED" | "required" | "CERT_OPTIONAL" | "optional") => false,
                        Some(_) => {
                            return Err(refuse("ssl_cert_reqs is none of `none`, `optional`, `required`"));
                        }
                        None => tls.insecure,
                    };
                    (ConnectionAddr::TcpTls { host, port, insecure, tls_params: None }, Some(!insecure))
                } else {
                    (ConnectionAddr::Tcp(host, port), None)
                }
            }
            _ => return Err(refuse("its scheme is none of redis, rediss, redis+socket")),
        };
        let place = format!("{address}/{database}");
        let connection = address
            .into_connection_info()
            .map_err(|error| refuse(&error.to_string()))?
            .set_redis_settings(settings)
            .set_tcp_settings(tcp_settings());
        let client = if verified.is_some() {
            let ca_file = query("ssl_ca_certs").map(PathBuf::from).or_else(|| tls.ca_file.clone());
            let pair = match (query("ssl_certfile"), query("ssl_keyfile")) {
                (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
                _ => tls.client_certificate.clone(),
            };
            let client_tls = match pair {
                Some((certificate, key)) => {
                    Some(ClientTlsConfig { client_cert: read(&certificate)?, client_key: read(&key)? })
                }
                None => None,
            };
            let root_cert = ca_file.as_ref().map(read).transpose()?;
            Client::build_with_tls(connection, TlsCertificates { client_tls, root_cert })
        } else {
            Client::open(connection)
        };
        Ok(Self {
            client: client.map_err(|error| refuse(&error.to_string()))?,
            place,
            verified,
            stuck: connections::Stuck::default(),
        })
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
    pub(crate) fn commands(&self) -> RedisResult<Commands> {
        Commands::new(&self.client, &self.stuck)
    }

    /// A connection of its own for commands that block on the server as long as they like.
    pub(crate) async fn blocking(&self) -> RedisResult<Blocking> {
        Blocking::open(&self.client, &self.stuck).await
    }

    /// A connection that receives published messages.
    pub(crate) async fn subscriber(&self) -> RedisResult<PubSub> {
        self.client.get_async_pubsub().await
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("place", &self.place).field("verified", &self.verified).finish()
    }
}

fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    #[cfg(target_os = "linux")]
    let keepalive = keepalive.with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(KEEPALIVE + 3 * KEEPALIVE_INTERVAL);
    settings
}

fn read(path: &PathBuf) -> Result<Vec<u8>, ServerAddressError> {
    std::fs::read(path).map_err(|error| ServerAddressError::TlsFile {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match (first, digits.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The URL with its password replaced and without its query, which may hold one too.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "(not a URL)".to_owned();
    };
    let (credentials, place) =
        rest.rsplit_once('@').map_or((None, rest), |(user, place)| (Some(user), place));
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    match credentials {
        Some(credentials) => {
            let user = credentials.split_once(':').map_or(credentials, |(user, _)| user);
            format!("{scheme}://{user}:***@{place}")
        }
        None => format!("{scheme}://{place}"),
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
        for url in ["amqp://u:secret@h", "redis://u:secret@h/x", "rediss://u:secret@h?ssl_cert_reqs=perhaps"]
        {
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
