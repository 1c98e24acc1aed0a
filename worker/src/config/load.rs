//! Makes a configuration out of everything that was said.
//!
//! Step one finds for each setting the text that counts and where it comes from, and reads it by its
//! kind; step two looks at the values together and builds the typed structs. Problems are collected
//! over both, so that a user sees all of them at once.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::checks::Values;
use super::file::{ConfigFile, DEFAULT_FILE};
use super::kind::Kind;
use super::origin::{Environment, Flags, Given, Origin};
use super::problem::{Problem, Problems};
use super::secret::{MASK, mask_url};
use super::setting::{Default, Scope, Setting};
use super::settings::{CONFIG_FILE, SETTINGS, find};
use super::typed::Config;

/// Everything a configuration is made of.
pub(crate) struct Sources<'a> {
    /// The command that asks; settings it has no use for keep their defaults.
    pub(crate) scope: Scope,
    pub(crate) flags: &'a Flags,
    /// The process's variables.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Where `.env` and `worker.toml` are looked for: the working directory.
    pub(crate) folder: &'a Path,
}

/// A setting's value and where it comes from. Has no `Debug` that could show a secret.
#[derive(Clone)]
pub(crate) struct Effective {
    pub(crate) setting: &'static Setting,
    /// Read by the setting's kind; null when not set. May be a secret: show `shown` instead.
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

impl Effective {
    /// The value with secrets masked.
    pub(crate) fn shown(&self) -> Value {
        match (&self.value, self.setting.kind) {
            (Value::Null, _) => Value::Null,
            _ if self.setting.secret => MASK.into(),
            (Value::String(text), Kind::Url(_)) => mask_url(text).into(),
            (value, _) => value.clone(),
        }
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} = {} ({})", self.setting.key, self.shown(), self.origin)
    }
}

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Every setting, in the order of the table.
    pub(crate) effective: Vec<Effective>,
    /// What should be said in the log once there is one.
    pub(crate) notes: Vec<String>,
}

/// Loads the configuration, or tells everything that is wrong with it.
pub(crate) fn load(sources: Sources<'_>) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let environment = Environment::read(sources.environment, sources.folder, &mut problems);
    let mut loader = Loader { scope: sources.scope, flags: sources.flags, environment, file: None, problems };
    let file = loader.config_file(sources.folder);
    loader.refuse_unused_flags();

    let mut effective: Vec<Effective> = Vec::with_capacity(SETTINGS.len());
    for setting in SETTINGS {
        let found = match &file {
            Some(file) if setting.key == CONFIG_FILE => file.clone(),
            _ => loader.value(setting, &effective),
        };
        effective.push(found);
    }
    let Loader { environment, mut problems, .. } = loader;
    let values = Values(&effective);
    // Broken values make nonsense of the checks between values.
    if problems.is_empty() {
        problems.extend(values.problems());
    }
    let notes = environment.notes().chain(values.notes()).collect();
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let config = typed(&effective).map_err(|why| Problems(vec![Problem::Defect(why.to_string())]))?;
    Ok(Loaded { config, effective, notes })
}

struct Loader<'a> {
    scope: Scope,
    flags: &'a Flags,
    environment: Environment,
    file: Option<ConfigFile>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    /// Finds and reads the configuration file: the one that is named, else `worker.toml` if it is there.
    fn config_file(&mut self, folder: &Path) -> Option<Effective> {
        let setting = find(CONFIG_FILE)?;
        let (path, origin) = match self.given(setting) {
            Some(Given { text, origin }) => (PathBuf::from(text), origin),
            None if folder.join(DEFAULT_FILE).is_file() => (PathBuf::from(DEFAULT_FILE), Origin::Default),
            None => return None,
        };
        let place = if path.is_absolute() { path.clone() } else { folder.join(&path) };
        self.file = Some(ConfigFile::read(&place, &path, &mut self.problems));
        Some(Effective { setting, value: path.display().to_string().into(), origin })
    }

    fn given(&mut self, setting: &Setting) -> Option<Given> {
        self.flags
            .given(setting)
            .or_else(|| self.environment.given(setting, &mut self.problems))
            .or_else(|| self.file.as_ref().and_then(|file| file.given(setting)))
    }

    /// Flags may stand before the command's name, where the command line accepts all of them.
    fn refuse_unused_flags(&mut self) {
        let unused = SETTINGS.iter().filter(|setting| !setting.is_used_by(self.scope));
        let flags = unused.filter_map(|setting| Some((self.flags.given(setting)?, setting.flag?.long)));
        let refused = flags.map(|(_, flag)| Problem::UnusedFlag { flag, command: self.scope.name() });
        self.problems.extend(refused);
    }

    fn value(&mut self, setting: &'static Setting, before: &[Effective]) -> Effective {
        let given = if setting.is_used_by(self.scope) { self.given(setting) } else { None };
        if let Some(Given { text, origin }) = given {
            let value = setting.kind.read(&text).unwrap_or_else(|why| {
                let problem = Problem::Value {
                    key: setting.key,
                    shown: shown(setting, text.trim()),
                    why,
                    origin: origin.clone(),
                    allowed: setting.kind.allowed(),
                };
                self.problems.push(problem);
                Value::Null
            });
            return Effective { setting, value, origin };
        }
        let value = match setting.default {
            Default::Unset(_) => Value::Null,
            Default::Text(text) => setting.kind.read(text).unwrap_or_else(|why| {
                self.problems.push(Problem::Defect(format!("the default of {} {why}", setting.key)));
                Value::Null
            }),
            Default::SameAs(key) => before
                .iter()
                .find(|other| other.setting.key == key)
                .map_or(Value::Null, |other| other.value.clone()),
        };
        Effective { setting, value, origin: Origin::Default }
    }
}

/// A wrong value as it may be shown in an error.
fn shown(setting: &Setting, text: &str) -> Option<String> {
    match setting.kind {
        _ if setting.secret || text.is_empty() => None,
        Kind::Url(_) => Some(format!("\"{}\"", mask_url(text))),
        _ => Some(format!("\"{text}\"")),
    }
}

/// Builds the typed structs: `broker.tls.mode` becomes `{"broker": {"tls": {"mode": ...}}}` on the way.
fn typed(effective: &[Effective]) -> Result<Config, serde_json::Error> {
    let mut root = Map::new();
    for one in effective.iter().filter(|one| one.setting.in_file) {
        let mut parts = one.setting.key.split('.');
        let Some(last) = parts.next_back() else { continue };
        let mut table = &mut root;
        for part in parts {
            let inner = table.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else {
                return Err(serde::de::Error::custom(format!("{part} is both a setting and a section")));
            };
            table = inner;
        }
        table.insert(last.to_owned(), one.value.clone());
    }
    serde_json::from_value(Value::Object(root))
}
