//! Where the database is, in SQLAlchemy's form of a URL.
//!
//! `mysql://`, `mysql+pymysql://` (any driver after `+`), `mariadb://` with
//! `user:password@host:port/database`, both percent-encoded; `sqlite:PATH`, `sqlite:///PATH`. As in
//! SQLAlchemy, three slashes begin a relative path and four an absolute one. Options of other drivers are
//! ignored; ours:
//!
//! | option | meaning |
//! |---|---|
//! | `require_ssl=true` | TLS, the certificate verified against the well-known authorities |
//! | `ssl_ca=FILE` | TLS, the certificate verified against this PEM file only |
//! | `ssl_cert=FILE`, `ssl_key=FILE` | TLS with a client certificate (PEM) and its RSA key (PEM, PKCS #1) |
//! | `ssl_verify_cert=false` | TLS without verification |
//! | `unix_socket=FILE` | instead of host and port |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

const DEFAULT_PORT: u16 = 3306;

/// Where the database is. Neither `Display` nor `Debug` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(super) Location);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Location {
    Mysql(MysqlLocation),
    Sqlite(PathBuf),
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct MysqlLocation {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<String>,
    pub(super) unix_socket: Option<String>,
    pub(super) tls: Option<Tls>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca_file: Option<PathBuf>,
    /// Certificate and key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
    pub(super) accept_any_certificate: bool,
}

/// Why a text is no usable database URL. Never repeats the text: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database URL cannot be used: {problem}; write mysql://user:password@host:3306/database or sqlite:PATH"
)]
pub struct InvalidUrl {
    problem: String,
}

impl InvalidUrl {
    fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into() }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) =
            text.trim().split_once(':').ok_or_else(|| InvalidUrl::new("it has no scheme"))?;
        let dialect = scheme.split_once('+').map_or(scheme, |(dialect, _driver)| dialect);
        match dialect.to_ascii_lowercase().as_str() {
            "mysql" | "mariadb" => {
                let rest = rest
                    .strip_prefix("//")
                    .ok_or_else(|| InvalidUrl::new("`//` is missing after the scheme"))?;
                mysql(rest).map(|location| Self(Location::Mysql(location)))
            }
            "sqlite" => sqlite(rest).map(|path| Self(Location::Sqlite(path))),
            // Not repeated: with a forgotten scheme it is a user's or host's name.
            _ => Err(InvalidUrl::new("the scheme is none of mysql, mariadb, sqlite")),
        }
    }
}

fn sqlite(rest: &str) -> Result<PathBuf, InvalidUrl> {
    let path = match rest.strip_prefix("//") {
        Some(after) => after.strip_prefix('/').ok_or_else(|| {
            InvalidUrl::new(
                "sqlite:// is followed by a host; three slashes begin a relative path, four an absolute one",
            )
        })?,
        None => rest,
    };
    let path = path.split_once('?').map_or(path, |(path, _options)| path);
    if path.is_empty() || path == ":memory:" {
        return Err(InvalidUrl::new("SQLite needs the path of a file; a database in memory is not shared"));
    }
    Ok(PathBuf::from(path))
}

fn mysql(rest: &str) -> Result<MysqlLocation, InvalidUrl> {
    let (login, address) = split_login(rest);
    let (user, password) = match login {
        None => (None, None),
        Some(login) => match login.split_once(':') {
            Some((user, password)) => (Some(decode(user)?), Some(decode(password)?)),
            None => (Some(decode(login)?), None),
        },
    };
    let (address, options) = address.split_once('?').unwrap_or((address, ""));
    let (authority, database) = address.split_once('/').unwrap_or((address, ""));
    let (host, port) = split_port(authority)?;
    let (tls, unix_socket) = read_options(options)?;
    Ok(MysqlLocation {
        host: if host.is_empty() { "localhost".to_owned() } else { host.to_owned() },
        port,
        user: user.filter(|user| !user.is_empty()),
        password,
        database: (!database.is_empty()).then(|| database.to_owned()),
        unix_socket,
        tls,
    })
}

/// Splits `user:password@` off. As SQLAlchemy reads it, the password may hold anything but `@`; an `@` that
/// was not encoded is understood where it is clear.
fn split_login(rest: &str) -> (Option<&str>, &str) {
    let Some(first) = rest.find('@') else { return (None, rest) };
    let user_end = rest.find([':', '@']).unwrap_or(first);
    if rest.get(..user_end).is_some_and(|user| user.contains(['/', '?'])) {
        return (None, rest);
    }
    let after = rest.get(first..).unwrap_or_default();
    let authority_end = first + after.find(['/', '?']).unwrap_or(after.len());
    let at = rest.get(..authority_end).and_then(|authority| authority.rfind('@')).unwrap_or(first);
    (rest.get(..at), rest.get(at + 1..).unwrap_or_default())
}

fn split_port(authority: &str) -> Result<(&str, u16), InvalidUrl> {
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (host, after) = inside
            .split_once(']')
            .ok_or_else(|| InvalidUrl::new("the IPv6 address has no closing bracket"))?;
        (host, after.strip_prefix(':').unwrap_or_default())
    } else {
        authority.rsplit_once(':').unwrap_or((authority, ""))
    };
    if host.contains('@') || (host.contains(':') && !authority.starts_with('[')) {
        return Err(InvalidUrl::new(
            "the host is unclear; `@`, `:` and `/` in user or password are written %40, %3A, %2F",
        ));
    }
    match port {
        "" => Ok((host, DEFAULT_PORT)),
        digits => match digits.parse() {
            Ok(port) => Ok((host, port)),
            Err(_) => Err(InvalidUrl::new("the port is no number up to 65535")),
        },
    }
}

fn read_options(options: &str) -> Result<(Option<Tls>, Option<String>), InvalidUrl> {
    let (mut tls, mut wanted, mut unix_socket) = (Tls::default(), false, None);
    let (mut certificate, mut key) = (None, None);
    for (name, value) in ::url::form_urlencoded::parse(options.as_bytes()) {
        match name.as_ref() {
            "ssl_ca" => tls.ca_file = Some(PathBuf::from(value.as_ref())),
            "ssl_cert" => certificate = Some(PathBuf::from(value.as_ref())),
            "ssl_key" => key = Some(PathBuf::from(value.as_ref())),
            "ssl_verify_cert" => tls.accept_any_certificate = !switch("ssl_verify_cert", &value)?,
            "ssl_check_hostname" if !switch("ssl_check_hostname", &value)? => {
                return Err(InvalidUrl::new(
                    "ssl_check_hostname=false is not supported: use the name in the certificate as host, or ssl_verify_cert=false",
                ));
            }
            "require_ssl" => wanted = switch("require_ssl", &value)?,
            "unix_socket" => unix_socket = Some(value.into_owned()),
            _ => {}
        }
    }
    tls.identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(InvalidUrl::new("ssl_cert and ssl_key belong together")),
    };
    let wanted = wanted || tls != Tls::default();
    Ok((wanted.then_some(tls), unix_socket))
}

fn switch(name: &str, value: &str) -> Result<bool, InvalidUrl> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(InvalidUrl::new(format!("{name} is neither true nor false"))),
    }
}

fn decode(text: &str) -> Result<String, InvalidUrl> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| InvalidUrl::new("user or password is not UTF-8 when decoded"))
}

impl DatabaseUrl {
    /// Whether this is a file of our own rather than a server that the backend shares.
    pub fn is_embedded(&self) -> bool {
        matches!(self.0, Location::Sqlite(_))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Location::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Location::Mysql(mysql) => {
                f.write_str("mysql://")?;
                if let Some(user) = &mysql.user {
                    f.write_str(user)?;
                    f.write_str(if mysql.password.is_some() { ":***@" } else { "@" })?;
                }
                if mysql.host.contains(':') {
                    write!(f, "[{}]:{}", mysql.host, mysql.port)?;
                } else {
                    write!(f, "{}:{}", mysql.host, mysql.port)?;
                }
                write!(f, "/{}", mysql.database.as_deref().unwrap_or_default())?;
                f.write_str(if mysql.tls.is_some() { " (TLS)" } else { "" })
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mysql_of(text: &str) -> MysqlLocation {
        match text.parse::<DatabaseUrl>().unwrap().0 {
            Location::Mysql(location) => location,
            Location::Sqlite(path) => panic!("{path:?}"),
        }
    }

    fn path_of(text: &str) -> PathBuf {
        match text.parse::<DatabaseUrl>().unwrap().0 {
            Location::Sqlite(path) => path,
            Location::Mysql(location) => panic!("{}", location.host),
        }
    }

    #[test]
    fn reads_the_backends_form() {
        let location =
            mysql_of("mysql+pymysql://ag%2Fent:p%40s%3As@db.internal:3307/agensium?charset=utf8mb4&x=1");

        assert_eq!(location.user.as_deref(), Some("ag/ent"));
        assert_eq!(location.password.as_deref(), Some("p@s:s"));
        assert_eq!((location.host.as_str(), location.port), ("db.internal", 3307));
        assert_eq!(location.database.as_deref(), Some("agensium"));
        assert!(location.tls.is_none());
    }

    #[test]
    fn fills_in_what_is_left_out() {
        let location = mysql_of("mariadb://db/agensium");
        assert_eq!((location.user, location.password, location.port), (None, None, 3306));
        let location = mysql_of("mysql://root@/x?unix_socket=/run/mysqld/mysqld.sock");
        assert_eq!(location.host, "localhost");
        assert_eq!(location.unix_socket.as_deref(), Some("/run/mysqld/mysqld.sock"));
        assert_eq!(mysql_of("mysql://u:p@[::1]:3310/x").host, "::1");
    }

    #[test]
    fn understands_signs_in_a_password_that_were_not_encoded() {
        for (text, password) in [
            ("mysql://u:p@ss@h/d", "p@ss"),
            ("mysql://u:a/b?c@h/d", "a/b?c"),
            ("mysql://u:p@h/d?mail=a@b", "p"),
        ] {
            let location = mysql_of(text);
            assert_eq!(location.password.as_deref(), Some(password), "{text}");
            assert_eq!((location.host.as_str(), location.database.as_deref()), ("h", Some("d")), "{text}");
        }
    }

    #[test]
    fn reads_tls_options() {
        let tls = mysql_of("mysql://h/d?ssl_ca=/etc/ca.pem").tls.unwrap();
        assert_eq!(tls.ca_file, Some(PathBuf::from("/etc/ca.pem")));
        assert!(!tls.accept_any_certificate);
        assert!(mysql_of("mysql://h/d?require_ssl=true").tls.unwrap() == Tls::default());
        assert!(mysql_of("mysql://h/d?ssl_verify_cert=false").tls.unwrap().accept_any_certificate);
        assert!(mysql_of("mysql://h/d?require_ssl=false").tls.is_none());
        assert!("mysql://h/d?ssl_check_hostname=false".parse::<DatabaseUrl>().is_err());
        assert!("mysql://h/d?ssl_cert=a.pem".parse::<DatabaseUrl>().is_err());
    }

    #[test]
    fn sqlite_paths_are_read_as_sqlalchemy_does() {
        assert_eq!(path_of("sqlite:data/a.db"), PathBuf::from("data/a.db"));
        assert_eq!(path_of("sqlite:/var/a.db"), PathBuf::from("/var/a.db"));
        assert_eq!(path_of("sqlite:///data/a.db"), PathBuf::from("data/a.db"));
        assert_eq!(path_of("sqlite+pysqlite:////var/a.db?timeout=5"), PathBuf::from("/var/a.db"));
    }

    #[test]
    fn never_shows_the_password() {
        let url: DatabaseUrl = "mysql+pymysql://agent:s3cr3t@db:3306/agensium".parse().unwrap();
        assert_eq!(url.to_string(), "mysql://agent:***@db:3306/agensium");
        assert!(!format!("{url:?}").contains("s3cr3t"));

        for bad in ["mysql://a:s3cr3t@h:port/d", "postgres://a:s3cr3t@h/d", "s3cr3t", "mysql:a:s3cr3t@h"] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_use() {
        for bad in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://a.db",
            "mysql:/x",
            "mysql://h:99999/d",
            "mysql://a:b:c/d",
        ] {
            assert!(bad.parse::<DatabaseUrl>().is_err(), "{bad}");
        }
    }
}
