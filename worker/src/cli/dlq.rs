//! What `dlq` and its verbs take.

use std::time::Duration;

use clap::{Args, Subcommand};

/// Arguments of `dlq`.
#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    pub(crate) verb: DlqVerb,
}

/// What to do with the dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DlqVerb {
    /// List them, oldest first
    List(ListArgs),
    /// Show one whole, as JSON
    Show(ShowArgs),
    /// Send them again, to the queue that each came from
    #[command(after_help = "\
A message goes back without the marks of its failures; bytes that are no message
go back as they were. Doing it twice, or two at once, sends nothing twice.

Examples:
  agensium-worker dlq requeue 2f1c8a52-6f0e-4c8b-9a35-0f3f0c6f2b11
  agensium-worker dlq requeue --task process_analysis --older-than 1h --dry-run
  agensium-worker dlq requeue --all --to default")]
    Requeue(RequeueArgs),
    /// Delete them for good
    #[command(after_help = "\
Examples:
  agensium-worker dlq purge --older-than 30d --dry-run
  agensium-worker dlq purge --older-than 30d --yes")]
    Purge(PurgeArgs),
}

/// Which dead letters. All that is given must hold.
#[derive(Debug, Default, Args)]
pub(crate) struct Filters {
    /// Only of this task
    #[arg(long, value_name = "NAME")]
    pub(crate) task: Option<String>,
    /// Only those that came from this queue
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// Only those whose reason contains this text, in any case
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only those that are there for longer, such as 90s, 30m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) older_than: Option<Duration>,
    /// The oldest so many of these
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

impl Filters {
    /// Whether any letter is left out, other than by number.
    pub(crate) fn is_empty(&self) -> bool {
        self.task.is_none() && self.queue.is_none() && self.reason.is_none() && self.older_than.is_none()
    }
}

/// Arguments of `dlq list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Print a JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `dlq show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id from `dlq list`
    pub(crate) id: String,
    /// Print the bytes as they are: those that were no message, or the message as it lies in the queue
    #[arg(long)]
    pub(crate) raw: bool,
}

/// Which dead letters something is done to: one way or another they must be named.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// The ids from `dlq list`
    #[arg(value_name = "ID", conflicts_with_all = ["all", "task", "queue", "reason", "older_than", "limit"])]
    pub(crate) ids: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with_all = ["task", "queue", "reason", "older_than"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Change nothing, only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `dlq requeue`.
#[derive(Debug, Args)]
pub(crate) struct RequeueArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The queue to send them to, instead of the one that each came from
    #[arg(long, value_name = "QUEUE")]
    pub(crate) to: Option<String>,
}

/// Arguments of `dlq purge`.
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Confirm that they are to be deleted
    #[arg(long)]
    pub(crate) yes: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 4] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400)];
    let seconds = UNITS.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds)
    });
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "write a whole number and s, m, h or d, such as 30m or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "7", "d", "-1d", "1.5h", "7w", "99999999999999999999d", "999999999999999999d", "1ü"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
