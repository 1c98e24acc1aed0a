//! Where values come from: flags, environment and `.env`, in the order in which they count.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use super::dotenv::DotEnv;
use super::problem::Problem;
use super::setting::Setting;

/// The name of the environment file in the working directory.
pub(crate) const DOTENV_FILE: &str = ".env";

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(&'static str),
    Environment(&'static str),
    /// A name in the `.env` file.
    DotEnv(&'static str),
    /// The configuration file, and the line.
    File {
        path: String,
        line: usize,
    },
    Default,
}

impl Origin {
    /// One word for the kind of place.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Environment(_) => "environment",
            Self::DotEnv(_) => "dotenv",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(long) => write!(out, "--{long}"),
            Self::Environment(name) => out.write_str(name),
            Self::DotEnv(name) => write!(out, "{name} in {DOTENV_FILE}"),
            Self::File { path, line } => write!(out, "{path}, line {line}"),
            Self::Default => out.write_str("default"),
        }
    }
}

/// A text as it was given, and where. May be a secret, so it cannot be printed.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) origin: Origin,
}

/// The flags on the command line, by the key of their setting.
#[derive(Default)]
pub(crate) struct Flags(pub(crate) BTreeMap<&'static str, String>);

impl fmt::Debug for Flags {
    /// Only the keys: a URL may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl Flags {
    /// The text after this setting's flag.
    pub(crate) fn given(&self, setting: &Setting) -> Option<Given> {
        let flag = setting.flag?;
        self.0.get(setting.key).map(|text| Given { text: text.clone(), origin: Origin::Flag(flag.long) })
    }
}

/// The process's environment, with the `.env` file behind it.
#[derive(Default)]
pub(crate) struct Environment {
    process: HashMap<OsString, OsString>,
    file: DotEnv,
}

impl Environment {
    /// Takes the process's variables and reads `.env` in the folder, if it is there.
    pub(crate) fn read(
        process: impl IntoIterator<Item = (OsString, OsString)>,
        folder: &Path,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let process: HashMap<OsString, OsString> = process.into_iter().collect();
        let path = folder.join(DOTENV_FILE);
        // A folder of that name is a Python virtual environment.
        if !path.is_file() {
            return Self { process, file: DotEnv::default() };
        }
        let text = std::fs::read_to_string(&path).unwrap_or_else(|why| {
            problems.push(Problem::UnreadableFile { path: DOTENV_FILE.to_owned(), why: why.to_string() });
            String::new()
        });
        let file = DotEnv::parse(&text, |name| {
            process.get(OsStr::new(name)).map(|value| value.to_string_lossy().into_owned())
        });
        Self { process, file }
    }

    /// The first non-empty value among the names of a setting.
    pub(crate) fn given(&self, setting: &Setting, problems: &mut Vec<Problem>) -> Option<Given> {
        setting.environment.iter().find_map(|name| self.value(setting, name, problems))
    }

    fn value(&self, setting: &Setting, name: &'static str, problems: &mut Vec<Problem>) -> Option<Given> {
        match self.process.get(OsStr::new(name)).map(|value| value.to_str()) {
            Some(Some(text)) if !text.trim().is_empty() => {
                return Some(Given { text: text.to_owned(), origin: Origin::Environment(name) });
            }
            Some(None) => problems.push(Problem::Value {
                key: setting.key,
                shown: None,
                why: "is no UTF-8 text".to_owned(),
                origin: Origin::Environment(name),
                allowed: setting.kind.allowed(),
            }),
            _ => {}
        }
        let text = self.file.get(name).filter(|text| !text.trim().is_empty())?;
        Some(Given { text, origin: Origin::DotEnv(name) })
    }

    /// What should be said about the `.env` file.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> + '_ {
        self.file.unreadable_lines.iter().map(|line| {
            format!("{DOTENV_FILE}, line {line}: not understood (KEY=value is expected), left out")
        })
    }
}
