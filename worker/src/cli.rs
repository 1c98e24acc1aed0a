//! The command line: which commands there are and what they take.
//!
//! The flags of settings come from the table in `config`, those that are accepted for Celery's sake from
//! `config::habits`. Both may stand before or after the name of the command, as Celery's users type
//! them; after it they count more.

pub(crate) mod dlq;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use thiserror::Error;

use crate::config::habits::{HABITS, Habit};
use crate::config::{Flags, SECTIONS, SETTINGS, Scope, Setting};

/// An argument that is well-formed but not usable. The program ends with exit code 2.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// What the user asks for.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) command: Command,
    /// Flags that are settings.
    pub(crate) flags: Flags,
    /// Flags that have no effect here.
    pub(crate) ignored: Vec<&'static Habit>,
}

#[derive(Debug, Parser)]
#[command(
    name = "agensium-worker",
    version,
    about = "A Celery worker that runs Agensium's analyses.",
    long_about = "A Celery worker that runs Agensium's analyses: it takes the messages that the backend sends, beside or \
                  instead of Python workers, and does on local files what it does for the backend.",
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = PROGRAM_HELP
)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

const PROGRAM_HELP: &str = "\
Settings are flags, environment variables (also from .env), or keys of
worker.toml, in this order; `config` shows all of them and where they come from.
The flags of a command's own settings are in its --help; they may also stand
before its name.

Exit codes: 0 done, 1 failed, 2 wrong use or wrong configuration.

Examples:
  agensium-worker worker -b redis://localhost:6379/0 -Q default -c 4
  agensium-worker analyze profile-my-data --file primary=customers.csv --out out
  agensium-worker agent unified-profiler --file primary=customers.csv
  agensium-worker config --check";

/// A command and its own arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take tasks from the queues and run them
    #[command(after_help = "\
Flags of `celery worker` that have no meaning here, such as -A, are accepted and
ignored.

Examples:
  agensium-worker worker -Q default -c 4 -n rust1@%h -l info
  agensium-worker -A celery_queue.celery_app worker --loglevel=info
  CELERY_BROKER_URL=rediss://:secret@host:6380/0 agensium-worker worker")]
    Worker(WorkerArgs),
    /// Send a task to a queue
    #[command(after_help = "\
Examples:
  agensium-worker send celery_queue.tasks.health_check --queue default --wait
  agensium-worker send process_analysis --args '[\"2f1c...\", 7]' --queue default")]
    Send(SendArgs),
    /// List, show, requeue or purge dead letters: messages that nobody could run
    #[command(after_help = "\
Examples:
  agensium-worker dlq list --older-than 1h
  agensium-worker dlq show 2f1c8a52-6f0e-4c8b-9a35-0f3f0c6f2b11
  agensium-worker dlq requeue --task process_analysis --dry-run
  agensium-worker dlq purge --all --yes")]
    Dlq(dlq::DlqArgs),
    /// Run a whole tool on local files, without any server
    #[command(after_help = "\
Writes the report, and the data file if the tool makes one, into the folder.
Ends with 1 if the tool cannot run or if none of its agents succeeded.

Examples:
  agensium-worker analyze profile-my-data --file primary=customers.csv --out out
  agensium-worker analyze profile-my-data --file primary=new.csv \\
      --file baseline=old.csv --agents unified-profiler,drift-detector \\
      --parameters parameters.json --out out")]
    Analyze(AnalyzeArgs),
    /// Run one agent on local files and print its answer as JSON
    #[command(after_help = "\
Ends with 1 if the agent's answer is an error; the answer is printed all the same.

Examples:
  agensium-worker agent unified-profiler --file primary=customers.csv
  agensium-worker agent unified-profiler --file primary=customers.csv \\
      --parameters unified-profiler.json")]
    Agent(AgentArgs),
    /// Bring the database's tables up to date
    #[command(after_help = "\
Examples:
  agensium-worker migrate --database-url mysql://user:secret@host/agensium
  agensium-worker migrate --check")]
    Migrate(MigrateArgs),
    /// Show the effective settings and where they come from
    #[command(after_help = "\
Takes the flags of every command, so that the same flags show what a command
would do. Secrets are masked.

Examples:
  agensium-worker config
  agensium-worker config -b redis://localhost/1 --json
  agensium-worker config --check")]
    Config(ConfigArgs),
}

impl Command {
    /// Which settings the command uses.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Worker(_) => Scope::Worker,
            Self::Send(_) => Scope::Send,
            Self::Dlq(_) => Scope::Dlq,
            Self::Analyze(_) => Scope::Analyze,
            Self::Agent(_) => Scope::Agent,
            Self::Migrate(_) => Scope::Migrate,
            Self::Config(_) => Scope::Config,
        }
    }
}

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Also serve celeriac.test.*, tasks for trying out a set-up: they sleep, fail, and end the process
    #[arg(long)]
    pub(crate) with_test_tasks: bool,
}

/// Arguments of `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The task's name
    pub(crate) task: String,
    /// Positional arguments, a JSON array
    #[arg(long, value_name = "JSON", default_value = "[]")]
    pub(crate) args: String,
    /// Keyword arguments, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) kwargs: String,
    /// The queue to send to
    #[arg(long, value_name = "QUEUE", default_value = "celery")]
    pub(crate) queue: String,
    /// Wait for the outcome and print it
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// The tool's id, such as profile-my-data
    pub(crate) tool: String,
    /// An input file and the slot it is for; once for each slot
    #[arg(long = "file", value_name = "SLOT=PATH", value_parser = slot_file)]
    pub(crate) files: Vec<SlotFile>,
    /// The agents to run, in this order; without it, all of the tool
    #[arg(long, value_name = "AGENT,...", value_delimiter = ',')]
    pub(crate) agents: Vec<String>,
    /// A JSON file like the backend's parameters.json: {"agent-id": {"parameter": value}}
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// The folder for the results; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The agent's id, such as unified-profiler
    pub(crate) agent: String,
    /// An input file and the slot it is for; once for each slot
    #[arg(long = "file", value_name = "SLOT=PATH", value_parser = slot_file)]
    pub(crate) files: Vec<SlotFile>,
    /// A JSON file with this agent's own parameters, {"parameter": value}: not the whole parameters.json
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
}

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Change no table; end with 1 if a table or column is missing
    #[arg(long)]
    pub(crate) check: bool,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print no settings, only say whether they are valid
    #[arg(long, conflicts_with = "json")]
    pub(crate) check: bool,
}

/// A local file for a slot of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotFile {
    pub(crate) slot: String,
    pub(crate) path: PathBuf,
}

fn slot_file(text: &str) -> Result<SlotFile, String> {
    match text.split_once('=') {
        Some((slot, path)) if !slot.is_empty() && !path.is_empty() => {
            Ok(SlotFile { slot: slot.to_owned(), path: PathBuf::from(path) })
        }
        _ => Err("write SLOT=PATH, such as primary=customers.csv".to_owned()),
    }
}

/// Reads a command line, the program's name first. The error is also the answer to `--help` and
/// `--version`; clap knows its exit code.
pub(crate) fn parse<A: Into<OsString> + Clone>(
    args: impl IntoIterator<Item = A>,
) -> Result<Invocation, clap::Error> {
    let matches = program().try_get_matches_from(args)?;
    let command = Program::from_arg_matches(&matches)?.command;
    let mut places: Vec<&ArgMatches> =
        std::iter::successors(Some(&matches), |outer| outer.subcommand().map(|(_, inner)| inner)).collect();
    // What stands last counts most.
    places.reverse();
    let mut flags = BTreeMap::new();
    for setting in SETTINGS {
        let given = places.iter().find_map(|place| given(place, setting.key));
        flags.extend(given.map(|text| (setting.key, text)));
    }
    let is_given = |habit: &&Habit| places.iter().any(|place| is_present(place, habit));
    Ok(Invocation { command, flags: Flags(flags), ignored: HABITS.iter().filter(is_given).collect() })
}

fn given(matches: &ArgMatches, id: &str) -> Option<String> {
    // An error means that the command has no such argument.
    matches.try_get_one::<String>(id).ok().flatten().cloned()
}

fn is_present(matches: &ArgMatches, habit: &Habit) -> bool {
    match habit.value {
        Some(_) => given(matches, habit.long).is_some(),
        None => matches.try_get_one::<bool>(habit.long).ok().flatten() == Some(&true),
    }
}

/// The whole command line for clap.
fn program() -> clap::Command {
    let mut program = Program::command();
    let names: Vec<String> = program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for setting in SETTINGS {
        let everywhere = Scope::ALL.iter().all(|scope| setting.is_used_by(*scope));
        program = program.args(setting_arg(setting).map(|arg| arg.hide(!everywhere)));
    }
    program = program.args(HABITS.iter().map(habit_arg));
    for scope in Scope::ALL.into_iter().filter(|scope| names.iter().any(|name| name == scope.name())) {
        program = program.mut_subcommand(scope.name(), |command| {
            let settings =
                || SETTINGS.iter().filter(|setting| setting.is_used_by(scope)).filter_map(setting_arg);
            let command = command.args(settings()).mut_subcommands(|verb| verb.args(settings()));
            let is_celery_s = matches!(scope, Scope::Worker | Scope::Config);
            if is_celery_s { command.args(HABITS.iter().map(habit_arg)) } else { command }
        });
    }
    program
}

fn setting_arg(setting: &'static Setting) -> Option<Arg> {
    let flag = setting.flag?;
    let short_help =
        setting.help.split_inclusive(". ").next().unwrap_or(setting.help).trim_end().trim_end_matches('.');
    let mut long_help = setting.full_help();
    if !setting.environment.is_empty() {
        long_help.push_str(&format!("\n[environment: {}]", setting.environment.join(", ")));
    }
    if setting.in_file {
        long_help.push_str(&format!("\n[worker.toml: {}]", setting.key));
    }
    let title =
        SECTIONS.iter().find(|(section, _, _)| *section == setting.section()).map(|(_, title, _)| *title);
    let arg = Arg::new(setting.key)
        .long(flag.long)
        .value_name(setting.kind.placeholder())
        .help(short_help.replace('`', ""))
        .long_help(long_help)
        .help_heading(title)
        // As with Celery, the last one counts.
        .overrides_with(setting.key);
    Some(match flag.short {
        Some(short) => arg.short(short),
        None => arg,
    })
}

fn habit_arg(habit: &'static Habit) -> Arg {
    let mut arg = Arg::new(habit.long).long(habit.long).hide(true).overrides_with(habit.long);
    if let Some(short) = habit.short {
        arg = arg.short(short);
    }
    if let Some(alias) = habit.alias {
        arg = arg.alias(alias);
    }
    match habit.value {
        Some(name) => arg.value_name(name),
        None => arg.action(ArgAction::SetTrue),
    }
}

#[cfg(test)]
mod tests;
