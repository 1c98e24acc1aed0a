//! Names of nodes, exactly as Celery completes and expands them.
//!
//! Note that a name without `@` is the *host* part: Celery turns `w1` into `celery@w1`.

/// The name part when none is given.
const DEFAULT_NAME: &str = "celery";

/// Completes `text` to `name@host` and replaces its signs.
///
/// `%h` host name, `%n` its part before the first dot, `%d` the part after it, `%i` and `%I` the number
/// of a child process (`0` and nothing: a node is a parent), `%%` a percent sign. A percent sign before
/// anything that is no letter, digit or `_` stays. The error says what is wrong with the text.
pub(crate) fn expand(text: &str, host: &str) -> Result<String, String> {
    let (name, rest) = text.split_once('@').unwrap_or(("", text));
    let name = if name.is_empty() { DEFAULT_NAME } else { name };
    let rest = if rest.is_empty() { host } else { rest };
    let expanded = replace_signs(&format!("{name}@{rest}"), host)?;
    match expanded.chars().find(|character| character.is_whitespace() || character.is_control()) {
        Some(_) => Err("contains white space".to_owned()),
        None => Ok(expanded),
    }
}

fn replace_signs(text: &str, host: &str) -> Result<String, String> {
    let (short, domain) = host.split_once('.').unwrap_or((host, ""));
    let mut out = String::with_capacity(text.len() + host.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut ahead = rest.clone();
        match ahead.next() {
            Some('%') => out.push('%'),
            Some('h') => out.push_str(host),
            Some('n') => out.push_str(short),
            Some('d') => out.push_str(domain),
            Some('i') => out.push('0'),
            Some('I') => {}
            Some(other) if other.is_alphanumeric() || other == '_' => {
                return Err(format!("has the unknown sign %{other} (write %%{other} for the text itself)"));
            }
            _ => {
                out.push('%');
                continue;
            }
        }
        rest = ahead;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `host_format(default_nodename(name))` of Celery 5.7 answers on that machine.
    const CELERY_ON_BOX_EXAMPLE_COM: &[(&str, &str)] = &[
        ("", "celery@box.example.com"),
        ("w1", "celery@w1"),
        ("w1@%h", "w1@box.example.com"),
        ("w1@", "w1@box.example.com"),
        ("@foo", "celery@foo"),
        ("%h", "celery@box.example.com"),
        ("%n@%h", "box@box.example.com"),
        ("w1.%n", "celery@w1.box"),
        ("w1@%n.%d", "w1@box.example.com"),
        ("w@%%h", "w@%h"),
        ("w%d", "celery@wexample.com"),
        ("a@b@%h", "a@b@box.example.com"),
        ("w@%", "w@%"),
        ("w@%i", "w@0"),
        ("w@%I", "w@"),
        ("%n@other.net", "box@other.net"),
        ("w1@%%%h", "w1@%box.example.com"),
        ("w@%%", "w@%"),
        ("w@%(h)", "w@%(h)"),
        ("w@é", "w@é"),
        ("w@%h%", "w@box.example.com%"),
    ];

    #[test]
    fn names_expand_as_celery_expands_them() {
        for (text, expected) in CELERY_ON_BOX_EXAMPLE_COM {
            assert_eq!(expand(text, "box.example.com").as_deref(), Ok(*expected), "{text:?}");
        }
        assert_eq!(expand("w1@%n.%d", "box").as_deref(), Ok("w1@box."));
    }

    #[test]
    fn unknown_signs_are_refused_as_celery_refuses_them() {
        for text in ["w1@%x", "w@%s", "w@%_", "w@%é"] {
            assert!(expand(text, "box").unwrap_err().starts_with("has the unknown sign %"), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_word() {
        assert_eq!(expand("my node@%h", "box"), Err("contains white space".to_owned()));
    }
}
