//! The real worker binary.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use crate::program::Invocation;

const NAME: &str = "agensium-worker";

/// Where the binary is: `AGENSIUM_WORKER`, else beside the test's own executable in cargo's target folder.
///
/// # Errors
/// When it has not been built.
pub fn binary() -> anyhow::Result<PathBuf> {
    let path = match std::env::var_os("AGENSIUM_WORKER").filter(|value| !value.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => {
            // Test executables are in target/PROFILE/deps (or examples), binaries in target/PROFILE.
            let test = std::env::current_exe().context("finding this test's executable")?;
            test.parent().and_then(Path::parent).context("finding cargo's target folder")?.join(NAME)
        }
    };
    ensure!(path.is_file(), "{} does not exist: run `cargo build -p {NAME}` first", path.display());
    Ok(path)
}

/// The worker with `arguments`, e.g. `["worker", "-Q", "default"]` or `["migrate"]`; add its settings as environment.
///
/// # Errors
/// When the binary has not been built.
pub fn command<I>(arguments: I) -> anyhow::Result<Invocation>
where
    I: IntoIterator,
    I::Item: Into<OsString>,
{
    Ok(Invocation::new(binary()?).args(arguments))
}
