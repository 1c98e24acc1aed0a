//! `agensium-worker`: a Celery worker that runs Agensium's analyses.
//!
//! Here: read the command line, load the configuration, begin the log, run the command, choose the exit
//! code. 0: done; 1: failed; 2: wrong use or wrong configuration. That the reader of the output has gone
//! away is no failure.

mod cli;
mod commands;
mod config;
mod logging;
mod output;
mod tasks;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use celeriac::pool::process::executor;
use tokio::runtime::{Builder, Runtime};

use cli::{Command, UsageError};
use config::habits::Habit;
use config::{Problems, Scope, Sources};
use output::OutputError;

const FAILED: u8 = 1;
const WRONG_USE: u8 = 2;

fn main() -> ExitCode {
    let is_executor = executor::is_executor();
    // Behind the word that makes it an executor stands the worker's own command line.
    let arguments = std::env::args_os().enumerate().filter(|(place, _)| !(is_executor && *place == 1));
    let invocation = match cli::parse(arguments.map(|(_, argument)| argument)) {
        Ok(invocation) => invocation,
        Err(answer) => {
            // Help that nobody reads to its end is no failure.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(WRONG_USE));
        }
    };
    let scope = invocation.command.scope();
    run(invocation, is_executor).unwrap_or_else(|error| end_with(&error, scope))
}

fn run(invocation: cli::Invocation, is_executor: bool) -> anyhow::Result<ExitCode> {
    let loaded = config::load(Sources {
        scope: invocation.command.scope(),
        flags: &invocation.flags,
        environment: std::env::vars_os().collect(),
        folder: Path::new(""),
    })?;
    let (levels, format) = (&loaded.config.worker.loglevel, loaded.config.worker.logformat);
    if is_executor && let Command::Worker(args) = &invocation.command {
        executor::connect().context("this is started by a worker only")?;
        logging::init(levels, format, logging::executor_name(), executor::log_writer)?;
        return commands::worker::execute(args, &loaded.config);
    }
    logging::init(levels, format, logging::MAIN_PROCESS, std::io::stderr)?;
    for note in &loaded.notes {
        tracing::warn!("{note}");
    }
    log_ignored(&invocation.ignored);
    match invocation.command {
        Command::Worker(args) => runtime()?.block_on(commands::worker::run(&args, &loaded.config)),
        Command::Send(args) => runtime()?.block_on(commands::send::run(&args, &loaded.config)),
        Command::Dlq(args) => runtime()?.block_on(commands::dlq::run(&args, &loaded.config)),
        Command::Analyze(args) => commands::analyze::run(&args),
        Command::Agent(args) => commands::agent::run(&args),
        Command::Migrate(args) => runtime()?.block_on(commands::migrate::run(&args, &loaded.config)),
        Command::Config(args) => commands::config::run(&args, &loaded),
    }
}

/// Where asynchronous commands run.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("starting the runtime")
}

/// One line for the flags that are not needed here, one for those whose effect a user may miss.
fn log_ignored(ignored: &[&Habit]) {
    let list = |missed: bool| {
        let some = ignored.iter().filter(|habit| habit.missed == missed);
        some.map(|habit| format!("--{} ({})", habit.long, habit.why)).collect::<Vec<_>>().join(", ")
    };
    let (not_needed, missed) = (list(false), list(true));
    if !not_needed.is_empty() {
        tracing::info!("accepted and ignored: {not_needed}");
    }
    if !missed.is_empty() {
        tracing::warn!("accepted, but without effect: {missed}");
    }
}

fn end_with(error: &anyhow::Error, scope: Scope) -> ExitCode {
    if matches!(error.downcast_ref(), Some(OutputError::Closed)) {
        return ExitCode::SUCCESS;
    }
    let wrong_use = error.is::<Problems>() || error.is::<UsageError>();
    // A worker's last words belong in its log, once there is one.
    if scope == Scope::Worker && !wrong_use {
        tracing::error!("{error:#}");
    } else {
        output::error(&format!("{error:#}"));
    }
    ExitCode::from(if wrong_use { WRONG_USE } else { FAILED })
}
