//! One record as one line: as Celery writes it, or as a JSON object (platform.md 10.2).

use std::fmt::Write;

use chrono::{DateTime, Local, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::{Level, Metadata};

/// A record and everything known about it.
pub(super) struct Line<'a> {
    time: DateTime<Utc>,
    level: &'static str,
    logger: String,
    module: String,
    number: Option<u64>,
    /// The innermost span: the nearest thing to a function's name that records carry.
    function: Option<&'static str>,
    process: &'a str,
    message: String,
    /// Fields of the spans around the record.
    around: Map<String, Value>,
    /// The record's other fields.
    fields: Map<String, Value>,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        metadata: &Metadata<'_>,
        function: Option<&'static str>,
        around: Map<String, Value>,
        mut fields: Map<String, Value>,
        process: &'a str,
    ) -> Self {
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            other => other.map(|value| value.to_string()),
        };
        let message = text(fields.shift_remove("message")).unwrap_or_default();
        // Records of the `log` crate bring their place as fields.
        let (target, module) =
            (text(fields.shift_remove("log.target")), text(fields.shift_remove("log.module_path")));
        let number = fields.shift_remove("log.line").and_then(|line| line.as_u64());
        fields.shift_remove("log.file");
        let logger = target.unwrap_or_else(|| metadata.target().to_owned());
        Self {
            time: Utc::now(),
            level: level(*metadata.level()),
            module: module.or(metadata.module_path().map(str::to_owned)).unwrap_or_else(|| logger.clone()),
            logger,
            number: number.or(metadata.line().map(u64::from)),
            function,
            process,
            message,
            around,
            fields,
        }
    }

    /// `[2026-01-01 12:00:00,123: INFO/MainProcess] name[id]: message field=value`, in local time; the
    /// name and id only within a task, unless the message has the id.
    pub(super) fn text(&self) -> String {
        let time = self.time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S,%3f");
        let mut line = format!("[{time}: {}/{}] ", self.level, self.process);
        let around = |name: &str| self.around.get(name).and_then(Value::as_str);
        // As with Celery, not before what the engine says about the task, which names it already.
        if let (Some(name), Some(id)) = (around("task_name"), around("task_id"))
            && !self.message.contains(id)
        {
            push_plain(&mut line, name);
            line.push('[');
            push_plain(&mut line, id);
            line.push_str("]: ");
        }
        push_plain(&mut line, &self.message);
        for (name, value) in &self.fields {
            line.push(' ');
            line.push_str(name);
            line.push('=');
            match value {
                Value::String(text)
                    if !text.contains(|c: char| c.is_whitespace() || c == '"' || c.is_control()) =>
                {
                    line.push_str(text);
                }
                // Quoted and escaped.
                value => line.push_str(&value.to_string()),
            }
        }
        line.push('\n');
        line
    }

    /// An object with the keys that every record has, then those of the spans, then its own.
    pub(super) fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("timestamp".to_owned(), self.time.to_rfc3339_opts(SecondsFormat::Micros, true).into());
        object.insert("level".to_owned(), self.level.into());
        object.insert("logger".to_owned(), self.logger.as_str().into());
        object.insert("message".to_owned(), self.message.as_str().into());
        object.insert("module".to_owned(), self.module.as_str().into());
        object.insert("function".to_owned(), json!(self.function));
        object.insert("line".to_owned(), json!(self.number));
        object.insert("process".to_owned(), self.process.into());
        let standard: Vec<String> = object.keys().cloned().collect();
        for (name, value) in self.around.iter().chain(&self.fields) {
            let name = if name == "error" { "exception" } else { name };
            // A field never takes the place of a key that every record has.
            let name = if standard.iter().any(|known| known == name) {
                format!("field_{name}")
            } else {
                name.to_owned()
            };
            object.insert(name, value.clone());
        }
        let mut line = Value::Object(object).to_string();
        line.push('\n');
        line
    }
}

/// Levels as Python calls them.
fn level(level: Level) -> &'static str {
    match level {
        Level::TRACE => "TRACE",
        Level::DEBUG => "DEBUG",
        Level::INFO => "INFO",
        Level::WARN => "WARNING",
        Level::ERROR => "ERROR",
    }
}

/// Appends text so that nothing in it can pass for a line of the log or command a terminal: lines after
/// the first are indented, control characters are escaped.
fn push_plain(line: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\n' => line.push_str("\n    "),
            '\t' => line.push('\t'),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(line, "{}", control.escape_default());
            }
            other => line.push(other),
        }
    }
}
