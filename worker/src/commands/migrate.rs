//! `migrate`: the database's tables.

use std::fmt::Write;
use std::process::ExitCode;

use platform::store::Store;

use crate::cli::MigrateArgs;
use crate::config::Config;
use crate::output;

/// Creates what is missing and says what was done; or only says what is missing.
pub(crate) async fn run(args: &MigrateArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::connect(config.database.url.expose()).await?;
    if args.check {
        store.check_tables().await?;
        let pending = store.pending_migrations().await?;
        output::text(&told(&store, "has every table and column", "not recorded", &pending))?;
    } else {
        let done = store.migrate().await?;
        store.check_tables().await?;
        output::text(&told(&store, "is up to date", "done", &done))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(store: &Store, state: &str, what: &str, migrations: &[String]) -> String {
    let mut text = format!("{} {state}\n", store.url());
    for migration in migrations {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{what}: {migration}");
    }
    text
}
