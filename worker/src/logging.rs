//! The log: where records go, which of them, and in which shape.
//!
//! Records of the `log` crate arrive here as well. Fields of the spans around a record (`task_id`,
//! `task_name`, `user_id`, ...) belong to the record. Standard error is the only destination, through the worker when the
//! record is an executor's; the text
//! of a line is made in `line`.

mod line;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use anyhow::Context as _;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogLevels};
use line::Line;

/// Crates that follow the base level in full; other libraries are never more talkative than info unless
/// they are named.
const OWN_CRATES: [&str; 4] = ["agensium_worker", "analysis", "celeriac", "platform"];

/// How Celery calls the process that runs a node.
pub(crate) const MAIN_PROCESS: &str = "MainProcess";

/// The name of this process, an executor.
pub(crate) fn executor_name() -> &'static str {
    // Once per process, for as long as it lives.
    String::leak(format!("Executor-{}", std::process::id()))
}

/// Begins logging, for this process under this name: to standard error, or wherever an executor's lines go.
pub(crate) fn init<W>(
    levels: &LogLevels,
    format: LogFormat,
    process: &'static str,
    writer: W,
) -> anyhow::Result<()>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let json = decided(format) == LogFormat::Json;
    // Also sets the bridge from the `log` crate.
    subscriber(LogLayer { json, process, writer }, levels).try_init().context("setting up the log")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// The format that `auto` stands for.
pub(crate) fn decided(format: LogFormat) -> LogFormat {
    match format {
        LogFormat::Auto if io::stderr().is_terminal() => LogFormat::Text,
        LogFormat::Auto => LogFormat::Json,
        format => format,
    }
}

fn subscriber<W>(layer: LogLayer<W>, levels: &LogLevels) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(layer).with(filter(levels))
}

fn filter(levels: &LogLevels) -> Targets {
    Targets::new()
        .with_default(levels.base.min(LevelFilter::INFO))
        .with_targets(OWN_CRATES.map(|own| (own, levels.base)))
        .with_targets(levels.modules.iter().cloned())
}

/// A panic's own words can carry a user's data, so the log normally gets only the place.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        place,
        "a panic, which is a defect of this program; its message is logged at debug level"
    );
    let message = panic.payload_as_str().unwrap_or_default();
    tracing::debug!(place, "the panic's message: {message}");
}

/// Writes each record as one line.
struct LogLayer<W> {
    json: bool,
    process: &'static str,
    writer: W,
}

/// What a span adds to the records within it.
struct SpanFields(Map<String, Value>);

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<SpanFields>()
        {
            known.0.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut around = Map::new();
        let mut innermost = None;
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            innermost = Some(span.name());
            if let Some(known) = span.extensions().get::<SpanFields>() {
                around.extend(known.0.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        let line = Line::new(event.metadata(), innermost, around, fields.0, self.process);
        let text = if self.json { line.json() } else { line.text() };
        // One write per line, so that lines of several threads never mix. A log that cannot be written
        // must not stop the work.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}

/// Collects the fields of a span or a record.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(value.source(), |error| error.source());
        let chain = causes.fold(value.to_string(), |text, cause| format!("{text}: {cause}"));
        self.insert(field, chain);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
