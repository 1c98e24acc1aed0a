//! From the text of a URL to addresses, credentials and TLS (celery-wire.md 8.1). Nothing here connects.

use std::path::PathBuf;

use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates,
};
use url::Url;

use super::{SILENCE, ServerAddressError, TlsOptions};

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// One URL, read.
pub(super) struct Address {
    pub(super) is_sentinel: bool,
    pub(super) address: ConnectionAddr,
    pub(super) settings: RedisConnectionInfo,
    /// The database, when the URL names one.
    pub(super) database: Option<i64>,
    /// Whether certificates are checked; `None` without TLS.
    pub(super) verified: Option<bool>,
    pub(super) certificates: Option<TlsCertificates>,
    /// Sentinel's name of the servers.
    pub(super) master_name: Option<String>,
}

/// The URLs of a list `a;b;...`. A `;` that does not begin another URL may belong to a password.
pub(super) fn split(urls: &str) -> Vec<&str> {
    let mut list = Vec::new();
    let (mut rest, mut from) = (urls, 0);
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find(';')).map(|at| at + from) {
        let (one, next) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
        let scheme = next.split_once("://").map(|(scheme, _)| scheme.trim());
        let begins_another = scheme.is_some_and(|scheme| {
            !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+')
        });
        if begins_another || next.trim().is_empty() {
            list.push(one.trim());
            (rest, from) = (next, 0);
        } else {
            from = at + 1;
        }
    }
    list.push(rest.trim());
    list.retain(|url| !url.is_empty());
    list
}

/// Reads one URL.
pub(super) fn read(url: &str, tls: &TlsOptions) -> Result<Address, ServerAddressError> {
    let refuse = |reason: &str| ServerAddressError::Url { url: masked(url), reason: reason.to_owned() };
    let parsed = Url::parse(url).map_err(|error| refuse(&error.to_string()))?;
    let query = |key: &str| parsed.query_pairs().find(|(k, _)| k == key).map(|(_, v)| v.into_owned());
    let is_socket = parsed.scheme() == "redis+socket";
    let database = match query("virtual_host") {
        Some(number) => number,
        None if is_socket => String::new(),
        None => parsed.path().trim_start_matches('/').to_owned(),
    };
    let database: Option<i64> = match database.trim_start_matches('/') {
        "" => None,
        number => Some(number.parse().map_err(|_| refuse("the database is not a number"))?),
    };
    let decoded = |text: &str| {
        percent_decoded(text).ok_or_else(|| refuse("its user or password is not percent-encoded UTF-8"))
    };
    let mut settings = RedisConnectionInfo::default()
        .set_db(database.unwrap_or_default())
        .set_lib_name("celeriac", env!("CARGO_PKG_VERSION"));
    if !parsed.username().is_empty() {
        settings = settings.set_username(decoded(parsed.username())?);
    }
    if let Some(password) = parsed.password() {
        settings = settings.set_password(decoded(password)?);
    }

    let is_sentinel = parsed.scheme() == "sentinel";
    let host = parsed.host_str().filter(|host| !host.is_empty()).unwrap_or("127.0.0.1");
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = parsed.port().unwrap_or(if is_sentinel { SENTINEL_PORT } else { REDIS_PORT });
    let wants_tls = match parsed.scheme() {
        "redis+socket" => false,
        "rediss" => true,
        "redis" | "sentinel" => tls.always || parsed.query_pairs().any(|(key, _)| key.starts_with("ssl_")),
        _ => return Err(refuse("its scheme is none of redis, rediss, redis+socket, sentinel")),
    };
    let verified = match (wants_tls, query("ssl_cert_reqs").as_deref()) {
        (false, _) => None,
        (true, Some("CERT_NONE" | "none")) => Some(false),
        (true, Some("CERT_REQUIRED" | "required" | "CERT_OPTIONAL" | "optional")) => Some(true),
        (true, Some(_)) => return Err(refuse("ssl_cert_reqs is none of `none`, `optional`, `required`")),
        (true, None) => Some(!tls.insecure),
    };
    let address = match verified {
        _ if is_socket => ConnectionAddr::Unix(decoded(parsed.path())?.into()),
        // Sentinels themselves are asked without TLS, as kombu does unless `sentinel_kwargs` say otherwise.
        Some(verified) if !is_sentinel => {
            ConnectionAddr::TcpTls { host, port, insecure: !verified, tls_params: None }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    let certificates = if wants_tls {
        let ca_file = query("ssl_ca_certs").map(PathBuf::from).or_else(|| tls.ca_file.clone());
        let pair = match (query("ssl_certfile"), query("ssl_keyfile")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            _ => tls.client_certificate.clone(),
        };
        let client_tls = match pair {
            Some((certificate, key)) => {
                Some(ClientTlsConfig { client_cert: file(&certificate)?, client_key: file(&key)? })
            }
            None => None,
        };
        Some(TlsCertificates { client_tls, root_cert: ca_file.as_ref().map(file).transpose()? })
    } else {
        None
    };
    let master_name = query("master_name");
    Ok(Address { is_sentinel, address, settings, database, verified, certificates, master_name })
}

impl Address {
    /// A client of this one server.
    pub(super) fn client(self, url: &str) -> Result<Client, ServerAddressError> {
        let refuse = |error: redis::RedisError| ServerAddressError::Url {
            url: masked(url),
            reason: error.to_string(),
        };
        let connection: ConnectionInfo =
            self.address.into_connection_info().map_err(refuse)?.set_redis_settings(self.settings);
        let connection = connection.set_tcp_settings(tcp_settings());
        match self.certificates {
            Some(certificates) => Client::build_with_tls(connection, certificates),
            None => Client::open(connection),
        }
        .map_err(refuse)
    }
}

/// A network that drops everything is noticed, whether we wait for an answer or only for a message.
pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(SILENCE / 3).with_interval(SILENCE / 6);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(SILENCE);
    settings
}

fn file(path: &PathBuf) -> Result<Vec<u8>, ServerAddressError> {
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
pub(super) fn masked(url: &str) -> String {
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

    #[test]
    fn lists_of_urls() {
        assert_eq!(split("redis://a"), ["redis://a"]);
        assert_eq!(split("redis://a;redis://b/1; rediss://c;"), ["redis://a", "redis://b/1", "rediss://c"]);
        assert_eq!(split("redis://:p;w@a;redis://b"), ["redis://:p;w@a", "redis://b"]);
    }
}
