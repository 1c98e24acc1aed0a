//! What a setting is: the shape of one row of the table in `settings`.
//!
//! Command line, environment, `worker.toml`, help, error texts, the `config` command and
//! `docs/configuration.md` are all derived from these rows; nothing here knows a particular setting.

use super::kind::Kind;

/// The commands that can use a setting. The value of a setting that a command does not use is not
/// looked at, so that a wrong `DATABASE_URL` cannot stop `analyze`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Worker,
    Send,
    Dlq,
    Analyze,
    Agent,
    Migrate,
    /// Shows and checks every setting.
    Config,
}

impl Scope {
    /// Every command.
    pub(crate) const ALL: [Self; 7] =
        [Self::Worker, Self::Send, Self::Dlq, Self::Analyze, Self::Agent, Self::Migrate, Self::Config];

    /// The name of the subcommand.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Send => "send",
            Self::Dlq => "dlq",
            Self::Analyze => "analyze",
            Self::Agent => "agent",
            Self::Migrate => "migrate",
            Self::Config => "config",
        }
    }
}

/// The spelling of a setting on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) long: &'static str,
    pub(crate) short: Option<char>,
}

/// `--long`.
pub(crate) const fn long(long: &'static str) -> Option<Flag> {
    Some(Flag { long, short: None })
}

/// `-s` and `--long`.
pub(crate) const fn short(short: char, long: &'static str) -> Option<Flag> {
    Some(Flag { long, short: Some(short) })
}

/// What holds when nobody says anything.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// The setting is simply not set; the words say what that means.
    Unset(&'static str),
    /// Written as it would be in the environment.
    Text(&'static str),
    /// The value of another setting.
    SameAs(&'static str),
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name, and its place in `worker.toml`: `broker.tls.mode` is `mode` in `[broker.tls]`.
    pub(crate) key: &'static str,
    /// False for what has no place in `worker.toml`: the path of that file.
    pub(crate) in_file: bool,
    /// None for secrets: a command line is visible to everyone on the machine.
    pub(crate) flag: Option<Flag>,
    /// Environment names; the first that holds a non-empty value wins.
    pub(crate) environment: &'static [&'static str],
    /// What values look like, and how they are read.
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    /// The value is never shown.
    pub(crate) secret: bool,
    pub(crate) used_by: &'static [Scope],
    /// One paragraph, without the default: that is appended from `default`.
    pub(crate) help: &'static str,
}

impl Setting {
    /// Whether this command looks at the setting.
    pub(crate) fn is_used_by(&self, scope: Scope) -> bool {
        scope == Scope::Config || self.used_by.contains(&scope)
    }

    /// The first part of the key: what groups settings in help and documentation.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The default as a person reads it.
    pub(crate) fn default_words(&self) -> String {
        match self.default {
            Default::Unset(words) | Default::Text(words) => words.to_owned(),
            Default::SameAs(key) => format!("the value of {key}"),
        }
    }

    /// The whole help paragraph, which ends with the default.
    pub(crate) fn full_help(&self) -> String {
        format!("{} Default: {}.", self.help, self.default_words())
    }
}
