//! The kinds of values a setting can have: what a text must look like and what it becomes.
//!
//! Every value arrives as text, from wherever it comes, and leaves as JSON that the typed structs of
//! `typed` read. Files are looked at (they must be readable), the network is not.

use std::fs::File;
use std::path::Path;

use celeriac::redis_server::{RedisServer, SentinelOptions, ServerAddressError, TlsOptions};
use platform::store::DatabaseUrl;
use serde_json::{Number, Value, json};
use url::Url;

/// A kind of value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text; the word stands for it in help.
    Text(&'static str),
    Url(UrlKind),
    /// A whole number between the bounds, which are allowed.
    Integer {
        min: u64,
        max: u64,
        unit: &'static str,
    },
    /// A number, possibly with a fraction, between the bounds, which are allowed.
    Number {
        min: f64,
        max: f64,
        unit: &'static str,
    },
    Boolean,
    /// Names separated by commas; the word stands for one of them in help.
    List(&'static str),
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A path where nothing needs to be yet.
    Path,
    /// A file that must be readable now.
    File,
    /// What only one setting is.
    Special(Special),
}

/// A kind of value with a reader of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Special {
    /// Stands for the value in help.
    pub(crate) placeholder: &'static str,
    /// Completes "allowed: ".
    pub(crate) allowed: &'static str,
    /// Gives the value, or what is wrong with the text ("has no level \"loud\"").
    pub(crate) read: fn(&str) -> Result<Value, String>,
}

/// Which URLs a setting takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UrlKind {
    /// Known schemes.
    schemes: &'static [&'static str],
    /// `scheme+anything://` is as good as `scheme://`.
    any_driver: bool,
    /// The word that means "none".
    off: Option<&'static str>,
    /// Whoever connects says whether it understands the URL; the error says what it does not.
    check: fn(&str) -> Result<(), String>,
}

/// Brokers (celery-wire.md 8.1).
pub(crate) const BROKER_URL: UrlKind = UrlKind {
    schemes: &["redis", "rediss", "redis+socket", "sentinel"],
    any_driver: false,
    off: None,
    check: check_redis,
};

/// Result backends (celery-wire.md 8.1).
pub(crate) const RESULT_URL: UrlKind = UrlKind { off: Some("disabled"), ..BROKER_URL };

/// Databases.
pub(crate) const DATABASE_URL: UrlKind =
    UrlKind { schemes: &["mysql", "mariadb", "sqlite"], any_driver: true, off: None, check: check_database };

/// Servers that speak HTTP.
pub(crate) const HTTP_URL: UrlKind =
    UrlKind { schemes: &["https", "http"], any_driver: false, off: None, check: check_http };

impl Kind {
    /// What stands for the value in help.
    pub(crate) fn placeholder(&self) -> String {
        match self {
            Self::Text(word) => (*word).to_owned(),
            Self::Url(_) => "URL".to_owned(),
            Self::Integer { .. } | Self::Number { .. } => "N".to_owned(),
            Self::Boolean => "true|false".to_owned(),
            Self::List(word) => format!("{word}[,{word}...]"),
            Self::Choice(words) => words.join("|"),
            Self::Path => "PATH".to_owned(),
            Self::File => "FILE".to_owned(),
            Self::Special(special) => special.placeholder.to_owned(),
        }
    }

    /// What completes "allowed: " in an error and stands in the documentation.
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Text(_) => "any text".to_owned(),
            Self::Url(kind) => kind.allowed(),
            Self::Integer { min, max, unit } => format!("a whole number from {min} to {max} ({unit})"),
            Self::Number { min, max, unit } => format!("a number from {min} to {max} ({unit})"),
            Self::Boolean => "true, 1, yes, on or false, 0, no, off, in any case".to_owned(),
            Self::List(_) => "names separated by commas".to_owned(),
            Self::Choice(words) => words.join(", "),
            Self::Path => "a path".to_owned(),
            Self::File => "the path of a readable file".to_owned(),
            Self::Special(special) => special.allowed.to_owned(),
        }
    }

    /// Reads a text. The error says what is wrong with it and follows the value in a sentence; it never
    /// repeats the value, which may be a secret.
    pub(crate) fn read(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        match self {
            Self::Text(_) | Self::Path => Ok(text.into()),
            Self::Url(kind) => kind.read(text),
            Self::Integer { min, max, .. } => integer(text, *min, *max),
            Self::Number { min, max, .. } => number(text, *min, *max),
            Self::Boolean => {
                boolean(text).map(Value::from).ok_or_else(|| "is neither true nor false".to_owned())
            }
            Self::List(_) => list(text),
            Self::Choice(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| (*word).into())
                .ok_or_else(|| "is not known".to_owned()),
            Self::File => file(text),
            Self::Special(special) => (special.read)(text),
        }
    }
}

impl UrlKind {
    fn allowed(&self) -> String {
        let schemes: Vec<String> = self.schemes.iter().map(|scheme| format!("{scheme}://...")).collect();
        let mut allowed = format!("a URL: {}", schemes.join(", "));
        if self.any_driver {
            allowed.push_str(", also with a driver as in mysql+pymysql://...");
        }
        if let Some(word) = self.off {
            allowed.push_str("; or ");
            allowed.push_str(word);
        }
        allowed
    }

    fn read(&self, text: &str) -> Result<Value, String> {
        if self.off.is_some_and(|word| text.trim_end_matches("://").eq_ignore_ascii_case(word)) {
            return Ok(Value::Null);
        }
        let Some((scheme, _)) = text.split_once(':') else {
            return Err("has no scheme".to_owned());
        };
        let base = if self.any_driver { scheme.split('+').next().unwrap_or(scheme) } else { scheme };
        if !self.schemes.iter().any(|known| known.eq_ignore_ascii_case(base)) {
            return Err("has a scheme that is not known here".to_owned());
        }
        (self.check)(text).map(|()| text.into())
    }
}

fn check_redis(url: &str) -> Result<(), String> {
    // The name may come from a setting of its own.
    let sentinel = SentinelOptions { master_name: Some("-".to_owned()), password: None };
    RedisServer::with_sentinel(url, &TlsOptions::default(), &sentinel).map(drop).map_err(
        |error| match error {
            ServerAddressError::Url { reason, .. } => format!("cannot be used: {reason}"),
            other => format!("cannot be used: {other}"),
        },
    )
}

fn check_database(url: &str) -> Result<(), String> {
    url.parse::<DatabaseUrl>().map(drop).map_err(|why| format!("cannot be used: {why}"))
}

fn check_http(url: &str) -> Result<(), String> {
    match Url::parse(url) {
        Ok(_) => Ok(()),
        Err(why) => {
            Err(format!("cannot be read ({why}); special characters in a password are percent-encoded"))
        }
    }
}

/// Python backends' spellings of truth; None for anything else.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn integer(text: &str, min: u64, max: u64) -> Result<Value, String> {
    match text.parse::<i128>() {
        Ok(value) if value < i128::from(min) => Err(format!("is below {min}")),
        Ok(value) if value > i128::from(max) => Err(format!("is above {max}")),
        Ok(value) => Ok(json!(value as u64)),
        Err(_) => Err("is no whole number".to_owned()),
    }
}

fn number(text: &str, min: f64, max: f64) -> Result<Value, String> {
    let value: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    // Whole numbers stay whole, so that `config` shows 3600 and not 3600.0.
    let number = if value.fract() == 0.0 && value.abs() < 9e15 {
        Some(Number::from(value as i64))
    } else {
        Number::from_f64(value)
    };
    match number {
        Some(_) if value < min => Err(format!("is below {min}")),
        Some(_) if value > max => Err(format!("is above {max}")),
        Some(number) => Ok(Value::Number(number)),
        None => Err("is no number".to_owned()),
    }
}

fn list(text: &str) -> Result<Value, String> {
    let mut names: Vec<&str> = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { Err("names nothing".to_owned()) } else { Ok(json!(names)) }
}

fn file(text: &str) -> Result<Value, String> {
    let path = Path::new(text);
    if path.is_dir() {
        return Err("is a directory".to_owned());
    }
    File::open(path).map(|_| text.into()).map_err(|why| format!("cannot be opened ({why})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Kind = Kind::Integer { min: 1, max: 8, unit: "slots" };
    const SECONDS: Kind = Kind::Number { min: 0.5, max: 100.0, unit: "seconds" };

    #[test]
    fn reads_the_texts_of_every_kind() {
        let cases = [
            (Kind::Text("T"), "  a b ", json!("a b")),
            (SLOTS, "8", json!(8)),
            (SECONDS, "3", json!(3)),
            (SECONDS, "0.5", json!(0.5)),
            (Kind::Boolean, "YES", json!(true)),
            (Kind::Boolean, "oFF", json!(false)),
            (Kind::List("Q"), "a, b,,a ", json!(["a", "b"])),
            (Kind::Choice(&["auto", "always"]), "Always", json!("always")),
            (Kind::Path, "no/such", json!("no/such")),
            (
                Kind::Url(BROKER_URL),
                "rediss://u:p%40@h:1/2?ssl_cert_reqs=none",
                json!("rediss://u:p%40@h:1/2?ssl_cert_reqs=none"),
            ),
            (
                Kind::Url(BROKER_URL),
                "redis+socket:///run/r.sock?virtual_host=1",
                json!("redis+socket:///run/r.sock?virtual_host=1"),
            ),
            (Kind::Url(RESULT_URL), "Disabled", Value::Null),
            (Kind::Url(RESULT_URL), "disabled://", Value::Null),
            (Kind::Url(DATABASE_URL), "mysql+pymysql://u:p#/w@h/d", json!("mysql+pymysql://u:p#/w@h/d")),
            (Kind::Url(DATABASE_URL), "sqlite:data/a.db", json!("sqlite:data/a.db")),
        ];

        for (kind, text, expected) in cases {
            assert_eq!(kind.read(text), Ok(expected), "{kind:?} of {text:?}");
        }
    }

    #[test]
    fn refuses_what_a_kind_is_not_and_says_why() {
        let cases = [
            (Kind::Text("T"), "  ", "is empty"),
            (SLOTS, "0", "is below 1"),
            (SLOTS, "9", "is above 8"),
            (SLOTS, "-1", "is below 1"),
            (SLOTS, "2.5", "is no whole number"),
            (SECONDS, "0.4", "is below 0.5"),
            (SECONDS, "1e3", "is above 100"),
            (SECONDS, "nan", "is no number"),
            (SECONDS, "inf", "is no number"),
            (Kind::Boolean, "maybe", "is neither true nor false"),
            (Kind::List("Q"), " , ", "names nothing"),
            (Kind::Choice(&["auto"]), "no", "is not known"),
            (Kind::File, "/", "is a directory"),
            (Kind::Url(BROKER_URL), "localhost", "has no scheme"),
            (Kind::Url(BROKER_URL), "http://localhost", "has a scheme that is not known here"),
            (Kind::Url(BROKER_URL), "redis://:secret@h/x", "cannot be used: the database is not a number"),
            (Kind::Url(BROKER_URL), "redis://:secret/@h", "cannot be used: "),
            (Kind::Url(DATABASE_URL), "mysql://u:secret@h:port/d", "cannot be used: "),
            (Kind::Url(DATABASE_URL), "sqlite:", "cannot be used: "),
            (Kind::Url(DATABASE_URL), "postgresql://h/d", "has a scheme that is not known here"),
            (Kind::Url(HTTP_URL), "https://:secret", "cannot be read"),
        ];

        for (kind, text, expected) in cases {
            let why = kind.read(text).expect_err(text);
            assert!(why.starts_with(expected), "{kind:?} of {text:?}: {why}");
            assert!(!why.contains("secret"), "{why}");
        }
    }

    #[test]
    fn a_file_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let text = path.to_str().unwrap().to_owned();

        let missing = Kind::File.read(&text);
        std::fs::write(&path, "x").unwrap();

        assert!(missing.unwrap_err().starts_with("cannot be opened"));
        assert_eq!(Kind::File.read(&text), Ok(json!(text)));
    }
}
