//! `dlq`: the dead letters, to list, to look at, to send again, to delete.

use std::collections::HashSet;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::bail;
use celeriac::broker::{DeadLetters, RedisBroker};
use celeriac::dead_letters::{Content, DeadLetter};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::connections;
use crate::cli::UsageError;
use crate::cli::dlq::{DlqArgs, DlqVerb, Filters, ListArgs, PurgeArgs, RequeueArgs, Selection, ShowArgs};
use crate::config::Config;
use crate::output;

/// Carries out a verb.
///
/// # Errors
/// When the server cannot be reached, an id is unknown, a letter has nowhere to go, or nothing says which letters are
/// meant.
pub(crate) async fn run(args: &DlqArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(queue) = &config.broker.dead_letter_queue else {
        let hint = "there is no dead-letter queue: broker.dead_letter_queue is none; name one with --dead-letter-queue";
        return Err(UsageError(hint.to_owned()).into());
    };
    let name = format!("dlq@{}", gethostname::gethostname().to_string_lossy());
    let broker = connections::broker(config, &name)?;
    match &args.verb {
        DlqVerb::List(args) => list(args, &broker).await,
        DlqVerb::Show(args) => show(args, &broker).await,
        DlqVerb::Requeue(args) => requeue(args, &broker, queue).await,
        DlqVerb::Purge(args) => purge(args, &broker).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &ListArgs, broker: &RedisBroker) -> anyhow::Result<()> {
    let mut walk = Walk::begin(broker, Wanted::new(&[], &args.filters)).await?;
    let mut rows = Vec::new();
    while let Some(letters) = walk.next().await? {
        if args.json {
            let lines: String =
                letters.iter().map(|letter| format!("{}\n", Value::from(facts(letter)))).collect();
            output::text(&lines)?;
        } else {
            rows.extend(letters.iter().map(row));
        }
    }
    if !args.json {
        output::text(&table(&rows))?;
    }
    Ok(())
}

async fn show(args: &ShowArgs, broker: &RedisBroker) -> anyhow::Result<()> {
    let (ids, none) = (std::slice::from_ref(&args.id), Filters::default());
    let mut walk = Walk::begin(broker, Wanted::new(ids, &none)).await?;
    let mut shown = 0;
    while let Some(letters) = walk.next().await? {
        for letter in letters {
            if args.raw {
                // One letter's bytes and nothing else; a line feed only keeps several apart.
                output::bytes(if shown > 0 { b"\n" } else { b"" })?;
                output::bytes(&letter.bytes())?;
            } else {
                output::json(&whole(&letter))?;
            }
            shown += 1;
        }
    }
    walk.wanted.refuse_unknown()
}

async fn requeue(args: &RequeueArgs, broker: &RedisBroker, dead_letter_queue: &str) -> anyhow::Result<()> {
    if args.to.as_deref() == Some(dead_letter_queue) {
        return Err(
            UsageError(format!("--to {dead_letter_queue}: that is the dead-letter queue itself")).into()
        );
    }
    let mut walk = Walk::begin(broker, args.selection.wanted()?).await?;
    let mut told = Told::new("requeued", args.selection.dry_run);
    let mut homeless = 0;
    while let Some(letters) = walk.next().await? {
        let target = |letter| -> Option<&str> {
            args.to
                .as_deref()
                .or_else(|| DeadLetter::queue(letter))
                .filter(|queue| *queue != dead_letter_queue)
        };
        let moves: Vec<(&DeadLetter, &str)> =
            letters.iter().filter_map(|letter| Some((letter, target(letter)?))).collect();
        homeless += letters.len() - moves.len();
        let moved = if told.dry_run { vec![true; moves.len()] } else { walk.letters.requeue(&moves).await? };
        for ((letter, queue), moved) in moves.iter().zip(moved) {
            told.about(letter, moved, &format!(" to {}", printable(queue)));
        }
        told.flush()?;
    }
    told.sum_up()?;
    if homeless > 0 {
        bail!("{homeless} of the letters do not say which queue they came from: name one with --to");
    }
    walk.wanted.refuse_unknown()
}

async fn purge(args: &PurgeArgs, broker: &RedisBroker) -> anyhow::Result<()> {
    let wanted = args.selection.wanted()?;
    let mut told = Told::new("deleted", args.selection.dry_run);
    if !args.yes && !told.dry_run {
        let hint = "purge deletes for good: add --yes to do it, or --dry-run to see what it would delete";
        return Err(UsageError(hint.to_owned()).into());
    }
    let mut walk = Walk::begin(broker, wanted).await?;
    while let Some(letters) = walk.next().await? {
        let doomed: Vec<&DeadLetter> = letters.iter().collect();
        let deleted =
            if told.dry_run { vec![true; doomed.len()] } else { walk.letters.purge(&doomed).await? };
        for (letter, deleted) in doomed.into_iter().zip(deleted) {
            told.about(letter, deleted, "");
        }
        told.flush()?;
    }
    told.sum_up()?;
    walk.wanted.refuse_unknown()
}

impl Selection {
    fn wanted(&self) -> Result<Wanted<'_>, UsageError> {
        if self.ids.is_empty() && !self.all && self.filters.is_empty() {
            return Err(UsageError(
                "which dead letters? Name ids, a filter (--task, --queue, --reason, --older-than), or --all"
                    .to_owned(),
            ));
        }
        Ok(Wanted::new(&self.ids, &self.filters))
    }
}

/// Which letters are wanted.
struct Wanted<'a> {
    /// Empty: any id.
    ids: HashSet<&'a str>,
    /// Those of `ids` that no letter has had yet.
    unseen: HashSet<&'a str>,
    filters: &'a Filters,
    /// The reason to look for, in lower case.
    reason: Option<String>,
    /// The letters are older than that.
    before: Option<DateTime<Utc>>,
}

impl<'a> Wanted<'a> {
    fn new(ids: &'a [String], filters: &'a Filters) -> Self {
        let ids: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let ago = |age| TimeDelta::from_std(age).ok().and_then(|age| Utc::now().checked_sub_signed(age));
        Self {
            unseen: ids.clone(),
            ids,
            filters,
            reason: filters.reason.as_ref().map(|text| text.to_lowercase()),
            before: filters.older_than.map(|age| ago(age).unwrap_or(DateTime::<Utc>::MIN_UTC)),
        }
    }

    fn has(&mut self, letter: &DeadLetter) -> bool {
        if !self.ids.is_empty() {
            self.unseen.remove(letter.id());
            return self.ids.contains(letter.id());
        }
        let Filters { task, queue, .. } = self.filters;
        task.as_ref().is_none_or(|task| letter.task() == Some(task))
            && queue.as_ref().is_none_or(|queue| letter.queue() == Some(queue))
            && self.reason.as_ref().is_none_or(|text| {
                letter.reason().is_some_and(|reason| reason.to_lowercase().contains(text.as_str()))
            })
            && self.before.is_none_or(|before| letter.time().is_some_and(|time| time < before))
    }

    fn refuse_unknown(&self) -> anyhow::Result<()> {
        if self.unseen.is_empty() {
            return Ok(());
        }
        let mut ids: Vec<&str> = self.unseen.iter().copied().collect();
        ids.sort_unstable();
        bail!("no dead letter has the id {}", ids.join(", "))
    }
}

/// A walk over the wanted letters.
struct Walk<'a> {
    letters: DeadLetters,
    wanted: Wanted<'a>,
    left: u64,
}

impl<'a> Walk<'a> {
    async fn begin(broker: &RedisBroker, wanted: Wanted<'a>) -> anyhow::Result<Self> {
        let left = wanted.filters.limit.unwrap_or(u64::MAX);
        Ok(Self { letters: broker.dead_letters().await?, wanted, left })
    }

    /// The wanted letters of the next page; `None` at the end.
    async fn next(&mut self) -> anyhow::Result<Option<Vec<DeadLetter>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut page = self.letters.next_page().await?;
        if page.is_empty() {
            return Ok(None);
        }
        page.retain(|letter| {
            let has = self.left > 0 && self.wanted.has(letter);
            self.left -= u64::from(has);
            has
        });
        Ok(Some(page))
    }
}

/// Says what was done, letter by letter and in sum.
struct Told {
    done: &'static str,
    dry_run: bool,
    lines: String,
    count: usize,
    gone: usize,
}

impl Told {
    fn new(done: &'static str, dry_run: bool) -> Self {
        Self { done, dry_run, lines: String::new(), count: 0, gone: 0 }
    }

    fn about(&mut self, letter: &DeadLetter, done: bool, more: &str) {
        if !done {
            self.gone += 1;
            return;
        }
        self.count += 1;
        let (word, id) = (self.words(), printable(letter.id()));
        // Writing to a String cannot fail.
        let _ = writeln!(self.lines, "{word} {id}{more}");
    }

    fn words(&self) -> String {
        if self.dry_run { format!("would be {}", self.done) } else { self.done.to_owned() }
    }

    fn flush(&mut self) -> Result<(), output::OutputError> {
        output::text(&std::mem::take(&mut self.lines))
    }

    fn sum_up(&self) -> Result<(), output::OutputError> {
        let gone = match self.gone {
            0 => String::new(),
            gone => format!("; {gone} had been taken out by somebody else meanwhile"),
        };
        output::text(&format!("{} {}{gone}\n", self.count, self.words()))
    }
}

/// What `list --json` says of a letter.
fn facts(letter: &DeadLetter) -> Map<String, Value> {
    let facts = json!({
        "id": letter.id(), "task": letter.task(), "queue": letter.queue(), "reason": letter.reason(),
        "exception": letter.exception(), "worker": letter.worker(), "time": letter.time().map(shown),
        "deliveries": letter.deliveries(), "retries": letter.retries(), "raw": letter.is_raw(),
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// What `show` says of a letter.
fn whole(letter: &DeadLetter) -> Map<String, Value> {
    let mut whole = facts(letter);
    if let Some(envelope) = letter.envelope() {
        whole.insert("headers".to_owned(), envelope.headers().clone().into());
        whole.insert("properties".to_owned(), envelope.properties().clone().into());
    }
    let (format, body) = match letter.content() {
        Content::Json(value) => ("json", value),
        Content::Text(text) => ("text", text.into()),
        Content::Base64(text) => ("base64", text.into()),
    };
    whole.insert("body_format".to_owned(), format.into());
    whole.insert("body".to_owned(), body);
    whole
}

const COLUMNS: [&str; 6] = ["ID", "TASK", "QUEUE", "TIME", "DELIVERIES", "REASON"];

fn row(letter: &DeadLetter) -> [String; 6] {
    let text = |text: Option<&str>| text.map_or_else(|| "-".to_owned(), printable);
    [
        printable(letter.id()),
        text(letter.task()),
        text(letter.queue()),
        text(letter.time().map(shown).as_deref()),
        letter.deliveries().to_string(),
        text(letter.reason()),
    ]
}

/// Columns as wide as they need to be; the last is free.
fn table(rows: &[[String; 6]]) -> String {
    let head = COLUMNS.map(str::to_owned);
    let mut widths = [0; 6];
    for row in std::iter::once(&head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let [id, task, queue, time, deliveries, _] = widths;
    let mut table = String::new();
    for [a, b, c, d, e, f] in std::iter::once(&head).chain(rows) {
        // Writing to a String cannot fail.
        let _ = writeln!(table, "{a:id$}  {b:task$}  {c:queue$}  {d:time$}  {e:>deliveries$}  {f}");
    }
    table
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Text of a stranger for a terminal: on one line, and it commands nothing.
fn printable(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_straight_columns_and_no_control_characters() {
        let row = |id: &str| [id, "t", "q", "-", "0", "why"].map(printable);
        let table = table(&[row("i"), row("\u{1b}[2J")]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "ID         TASK  QUEUE  TIME  DELIVERIES  REASON");
        assert_eq!(lines[1], "i          t     q      -              0  why");
        assert_eq!(lines[2], "\\u{1b}[2J  t     q      -              0  why");
    }
}
