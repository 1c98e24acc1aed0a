//! The Python environments with the real Celery, and the programs of `tests/python`.
//!
//! `docker-free-scripts/setup` makes the environments, outside the checkout. An environment variable per
//! environment says where it is (`AGENSIUM_VENV_CELERY57`, `AGENSIUM_VENV_CELERY53`; the test script sets them);
//! otherwise it is the latest that setup made on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::program::Invocation;

/// Where setup keeps what it makes once per machine: `CELERIAC_HOME`, else `~/.cache/celeriac`.
///
/// # Errors
/// When neither `CELERIAC_HOME` nor `HOME` is set.
pub fn home() -> anyhow::Result<PathBuf> {
    if let Some(home) = std::env::var_os("CELERIAC_HOME").filter(|value| !value.is_empty()) {
        return Ok(home.into());
    }
    let user = std::env::var_os("HOME").context("neither CELERIAC_HOME nor HOME is set")?;
    Ok(Path::new(&user).join(".cache").join("celeriac"))
}

/// A Python virtual environment.
#[derive(Clone, Debug)]
pub struct Venv {
    root: PathBuf,
}

impl Venv {
    /// Celery 5.7 with Flower, PyMySQL, boto3 and the S3 server.
    ///
    /// # Errors
    /// When setup has not made it.
    pub fn celery57() -> anyhow::Result<Self> {
        Self::named("celery57")
    }

    /// Celery 5.3 with kombu 5.3: the oldest peer that must work unchanged.
    ///
    /// # Errors
    /// When setup has not made it.
    pub fn celery53() -> anyhow::Result<Self> {
        Self::named("celery53")
    }

    /// The environment from `docker-free-scripts/requirements/NAME.txt`.
    ///
    /// # Errors
    /// When setup has not made it.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        let variable = format!("AGENSIUM_VENV_{}", name.to_uppercase());
        let root = match std::env::var_os(&variable).filter(|value| !value.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => home()?.join("venvs").join(name),
        };
        let venv = Self { root };
        ensure!(
            venv.python().is_file(),
            "no Python environment {name} at {} (from {variable}, else the default): run docker-free-scripts/setup",
            venv.root.display()
        );
        Ok(venv)
    }

    /// The environment's interpreter.
    pub fn python(&self) -> PathBuf {
        self.root.join("bin").join("python")
    }

    /// The interpreter with `arguments`.
    pub fn command<I>(&self, arguments: I) -> Invocation
    where
        I: IntoIterator,
        I::Item: Into<std::ffi::OsString>,
    {
        Invocation::new(self.python())
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(arguments)
    }

    /// A program of `tests/python`, such as `send.py`; add its arguments.
    pub fn script(&self, name: &str) -> Invocation {
        self.command([scripts().join(name)])
    }

    /// Python source text; further arguments arrive in `sys.argv[1:]`.
    pub fn snippet(&self, source: &str) -> Invocation {
        self.command(["-c", source])
    }
}

/// The folder of the Python programs that the tests use.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}
