//! A private folder for one server or program, removed when it is no longer needed.

use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;

/// A temporary folder that stays when the test fails, so that its logs can be read.
///
/// It stays when the thread that drops it is panicking, or always with `AGENSIUM_KEEP_TEST_FILES` set; its path is
/// then printed. A test that ends with `Err` does not panic: set the variable to see its files.
#[derive(Debug)]
pub struct Scratch {
    folder: Option<TempDir>,
}

impl Scratch {
    /// Makes the folder; `name` is part of its name.
    ///
    /// # Errors
    /// When the system's temporary folder cannot be written.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("agensium-{name}-"))
            .tempdir()
            .context("making a temporary folder (TMPDIR names where)")?;
        Ok(Self { folder: Some(folder) })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        // The folder is only taken out by `drop`.
        self.folder.as_ref().map_or(Path::new(""), TempDir::path)
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "a failed test must say where its logs are")]
    fn drop(&mut self) {
        let keep = std::thread::panicking() || std::env::var_os("AGENSIUM_KEEP_TEST_FILES").is_some();
        if let (true, Some(folder)) = (keep, self.folder.take()) {
            eprintln!("kept for inspection: {}", folder.keep().display());
        }
    }
}
