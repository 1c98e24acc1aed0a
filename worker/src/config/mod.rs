//! Configuration: flags over environment over `worker.toml` over defaults.
//!
//! `settings` is the one table of everything that can be set; `load` turns what was said into the typed
//! [`Config`] or into the list of everything that is wrong. Nothing outside this module reads the
//! environment.

mod checks;
mod dotenv;
mod file;
pub(crate) mod habits;
mod kind;
mod levels;
mod load;
mod nodename;
mod origin;
mod problem;
#[cfg(test)]
mod reference;
mod secret;
mod setting;
mod settings;
mod special;
#[cfg(test)]
mod tests;
mod typed;

pub(crate) use levels::LogLevels;
pub(crate) use load::{Effective, Loaded, Sources, load};
pub(crate) use origin::Flags;
pub(crate) use problem::Problems;
pub(crate) use secret::ConnectionUrl;
pub(crate) use setting::{Scope, Setting};
pub(crate) use settings::{SECTIONS, SETTINGS};
pub(crate) use typed::{Analysis, Config, LogFormat, Pool, Storage, TlsMode};
