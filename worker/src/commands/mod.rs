//! The commands, one file each. A command gets its arguments and the configuration, speaks through
//! `output`, and tells its exit code or why it failed.

pub(crate) mod agent;
pub(crate) mod analyze;
mod banner;
pub(crate) mod config;
mod connections;
pub(crate) mod dlq;
mod local;
pub(crate) mod migrate;
pub(crate) mod send;
pub(crate) mod worker;
