//! What can be wrong with a configuration. All of it is told at once, and no message shows a secret.

use std::fmt;

use thiserror::Error;

use super::origin::Origin;

/// One thing that is wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum Problem {
    /// A value is not of its setting's kind. `shown` is None when the value may not be seen.
    #[error("{key}: {} {why} (from {origin}); allowed: {allowed}", shown.as_deref().unwrap_or("the value"))]
    Value { key: &'static str, shown: Option<String>, why: String, origin: Origin, allowed: String },
    /// A key of the configuration file that is no setting.
    #[error("{path}, line {line}: there is no setting `{key}`{}", suggestion(nearest.as_deref()))]
    UnknownKey { path: String, line: usize, key: String, nearest: Option<String> },
    /// The configuration file holds something that is no value of a setting.
    #[error("{path}, line {line}: `{key}` is {found}; expected is {expected}")]
    WrongShape { path: String, line: usize, key: String, found: &'static str, expected: &'static str },
    /// The configuration file is no TOML.
    #[error("{path}, line {line}: {why}")]
    Syntax { path: String, line: usize, why: String },
    /// A file that should have been read.
    #[error("{path}: cannot be read ({why})")]
    UnreadableFile { path: String, why: String },
    /// Values that are right each but not together.
    #[error("{0}")]
    Combination(String),
    /// A flag before the name of a command that has no use for it.
    #[error("--{flag} has no meaning for `{command}`")]
    UnusedFlag { flag: &'static str, command: &'static str },
    /// The table of settings and the typed structs do not fit: a defect of the program.
    #[error("the program's settings do not fit together ({0}); this is a defect, please report it")]
    Defect(String),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

/// Everything that is wrong with a configuration, at least one thing.
#[derive(Debug)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(out, "the configuration cannot be used: {one}"),
            many => {
                write!(out, "the configuration cannot be used:")?;
                many.iter().try_for_each(|problem| write!(out, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}
