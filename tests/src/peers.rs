//! Other Rust implementations of Celery, as programs: `tests/peers`, a workspace of its own. Built when first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::program::Invocation;
use crate::worker;

/// The peer on the crate `celery-rs`; add its arguments, see `tests/peers/peer.rs`.
///
/// # Errors
/// When it cannot be built.
pub fn celery_rs() -> anyhow::Result<Invocation> {
    Ok(Invocation::new(build("peer-celery-rs")?))
}

/// The peer on the crate `celery` (rusty-celery).
///
/// # Errors
/// When it cannot be built.
pub fn rusty_celery() -> anyhow::Result<Invocation> {
    Ok(Invocation::new(build("peer-rusty-celery")?))
}

fn build(name: &str) -> anyhow::Result<PathBuf> {
    // Beside our own worker: PROFILE/agensium-worker lies in cargo's target folder.
    let worker = worker::binary()?;
    let target =
        worker.parent().and_then(Path::parent).context("finding cargo's target folder")?.join("peers");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join("Cargo.toml");
    // Cargo lets one build at a time into a folder, so that tests may ask at once.
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--package", name, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .output()
        .context("running cargo")?;
    ensure!(output.status.success(), "building {name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(target.join("debug").join(name))
}
