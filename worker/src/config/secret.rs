//! Values that must not be seen, and the masking of URLs that carry some.
//!
//! Both types print masked in every form; the text itself is only given by `expose`, whose callers are
//! the few places that connect somewhere.

use std::fmt;

use serde::Deserialize;

/// What stands for a secret wherever one would be shown.
pub(crate) const MASK: &str = "***";

/// A secret.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself, to be handed to whom it is for.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(MASK)
    }
}

/// The URL of something to connect to; a password in it is masked whenever it is printed.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct ConnectionUrl(String);

impl ConnectionUrl {
    /// The URL with its password, to be handed to whom it is for.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&mask_url(&self.0))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Query parameters whose value is masked: those whose name contains one of these, in any case.
const SECRET_PARAMETERS: &[&str] =
    &["pass", "pwd", "secret", "token", "credential", "signature", "apikey", "api_key", "access_key", "auth"];

/// The same URL with `***` for each password: in the user part, and in query parameters that are named
/// like one. Works on text, so that also what is no correct URL loses its secrets; when in doubt it
/// masks more.
pub(crate) fn mask_url(urls: &str) -> String {
    let mut masked = String::with_capacity(urls.len());
    let mut rest = urls;
    while let Some((one, others)) = split_list(rest) {
        masked.push_str(&mask_one(one));
        masked.push(';');
        rest = others;
    }
    masked.push_str(&mask_one(rest));
    masked
}

/// Splits at a `;` that begins another URL; any other `;` may belong to a password.
fn split_list(urls: &str) -> Option<(&str, &str)> {
    urls.match_indices(';').find_map(|(at, _)| {
        let (one, others) = (urls.get(..at)?, urls.get(at + 1..)?);
        let (scheme, _) = others.split_once("://")?;
        let is_scheme = !scheme.trim().is_empty()
            && scheme.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        is_scheme.then_some((one, others))
    })
}

fn mask_one(url: &str) -> String {
    let (scheme, rest) = match url.find("://").and_then(|at| url.split_at_checked(at + 3)) {
        Some(parts) => parts,
        None => ("", url),
    };
    let (authority, after) =
        rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or((rest, ""));
    if after.contains('@') {
        // An unescaped / ? # in the password, or an @ in a parameter: no telling where the secret ends.
        return format!("{scheme}{MASK}");
    }
    match authority.rsplit_once('@') {
        Some((user, host)) => format!("{scheme}{}@{host}{}", mask_user(scheme, user), mask_query(after)),
        None => format!("{scheme}{authority}{}", mask_query(after)),
    }
}

/// `user:password` becomes `user:***`. Without a scheme, or on the web, also a lone user part is a
/// secret (a pasted password, a token).
fn mask_user(scheme: &str, user: &str) -> String {
    match user.split_once(':') {
        Some((name, _)) => format!("{name}:{MASK}"),
        None if scheme.is_empty() || scheme.starts_with("http") => MASK.to_owned(),
        None => user.to_owned(),
    }
}

fn mask_query(tail: &str) -> String {
    let Some((before, query)) = tail.split_once('?') else {
        return tail.to_owned();
    };
    let parameters: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if is_secret_name(name) => format!("{name}={MASK}"),
            _ => parameter.to_owned(),
        })
        .collect();
    format!("{before}?{}", parameters.join("&"))
}

fn is_secret_name(name: &str) -> bool {
    // Parsed as a form, so that %-escapes and + in the name are seen through.
    let name: String =
        url::form_urlencoded::parse(name.as_bytes()).map(|(name, _)| name.to_ascii_lowercase()).collect();
    name == "key" || name == "sig" || SECRET_PARAMETERS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_survives_in_any_url() {
        let cases = [
            ("redis://localhost:6379/0", "redis://localhost:6379/0"),
            ("redis://user:hunter2@host:6379/0", "redis://user:***@host:6379/0"),
            ("rediss://:hunter2@host", "rediss://:***@host"),
            ("redis://user@host/0", "redis://user@host/0"),
            ("redis://u:hun%74er2%40@host/0", "redis://u:***@host/0"),
            ("redis://u:hunter2/#?@x@host/0", "redis://***"),
            ("redis://u:hunter2@x/y@host/0", "redis://***"),
            ("redis://u:hun@ter2@host/0", "redis://u:***@host/0"),
            ("redis://host:6379/0?password=hun@ter2", "redis://***"),
            (
                "redis://host/0?password=hunter2&ssl_cert_reqs=none",
                "redis://host/0?password=***&ssl_cert_reqs=none",
            ),
            ("redis://host/0?pass%77ord=hunter2", "redis://host/0?pass%77ord=***"),
            (
                "redis://host?ssl_keyfile=/k.pem&SSL_KEY_PASSWORD=hunter2",
                "redis://host?ssl_keyfile=/k.pem&SSL_KEY_PASSWORD=***",
            ),
            (
                "mysql+pymysql://u:hunter2;x@h:3306/d?charset=utf8mb4",
                "mysql+pymysql://u:***@h:3306/d?charset=utf8mb4",
            ),
            ("redis://:hunter2@a/0;redis://:hunter2;;@b/0", "redis://:***@a/0;redis://:***@b/0"),
            ("sentinel://:hunter2@a:1; sentinel://:hunter2@b:2", "sentinel://:***@a:1; sentinel://:***@b:2"),
            ("https://hunter2@host/", "https://***@host/"),
            ("hunter2@host:6379", "***@host:6379"),
            ("user:hunter2@host:6379", "user:***@host:6379"),
            ("sqlite:data/agensium.db", "sqlite:data/agensium.db"),
        ];

        for (url, expected) in cases {
            assert_eq!(mask_url(url), expected, "{url}");
        }
    }

    #[test]
    fn printing_a_secret_shows_nothing_of_it() {
        let secret = Secret("hunter2".to_owned());
        let url = ConnectionUrl("redis://:hunter2@host".to_owned());

        assert_eq!(format!("{secret:?} {url} {url:?}"), "*** redis://:***@host redis://:***@host");
        assert_eq!((secret.expose(), url.expose()), ("hunter2", "redis://:hunter2@host"));
    }
}
