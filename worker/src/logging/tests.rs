//! What the log says, seen through a subscriber as `init` builds it, writing to memory.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{Dispatch, debug, error, info, info_span, warn};

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn layer(&self, json: bool) -> LogLayer<impl Fn() -> Self + Send + Sync + 'static> {
        let memory = self.clone();
        LogLayer { json, process: MAIN_PROCESS, writer: move || memory.clone() }
    }

    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// The lines that are logged while `work` runs.
fn logged(levels: &str, json: bool, work: impl FnOnce()) -> Vec<String> {
    let memory = Memory::default();
    let subscriber = subscriber(memory.layer(json), &levels.parse().unwrap());
    tracing::dispatcher::with_default(&Dispatch::new(subscriber), work);
    memory.lines()
}

/// Without the time, which a test cannot know.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.strip_prefix('[').unwrap().split_at(23);
    chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S,%3f").unwrap();
    rest
}

#[test]
fn text_lines_are_celery_s() {
    let lines = logged("info", false, || {
        info!(queue = "default", waiting = 3, "celery@box ready");
        info_span!("task", task_name = "t.add", task_id = "4711", user_id = 7).in_scope(|| {
            info_span!("agent", agent = "unified-profiler").in_scope(|| warn!(why = "two words", "slow"));
            info!("Task t.add[4711] succeeded");
        });
        error!(error = &io::Error::other("no\u{1b}[1m") as &(dyn std::error::Error + 'static), "a\nb\u{7}");
    });

    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.strip_prefix("[").map_or(line.as_str(), |_| without_time(line)))
        .collect();
    assert_eq!(
        lines,
        [
            ": INFO/MainProcess] celery@box ready queue=default waiting=3",
            ": WARNING/MainProcess] t.add[4711]: slow why=\"two words\"",
            ": INFO/MainProcess] Task t.add[4711] succeeded",
            ": ERROR/MainProcess] a",
            "    b\\u{7} error=\"no\\u001b[1m\"",
        ]
    );
}

#[test]
fn json_lines_have_every_key_and_those_of_the_task() {
    let lines = logged("info", true, || {
        info_span!("task", task_name = "t.add", task_id = "4711", agent = tracing::field::Empty).in_scope(
            || {
                tracing::Span::current().record("agent", "unified-profiler");
                error!(
                    error = &io::Error::other("gone") as &(dyn std::error::Error + 'static),
                    level = 5,
                    "failed"
                );
            },
        );
    });

    let record: Value = serde_json::from_str(&lines[0]).unwrap();
    let keys: Vec<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "timestamp",
            "level",
            "logger",
            "message",
            "module",
            "function",
            "line",
            "process",
            "task_name",
            "task_id",
            "agent",
            "exception",
            "field_level"
        ]
    );
    let time = record["timestamp"].as_str().unwrap();
    assert!(time.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
    assert_eq!((&record["level"], &record["message"]), (&"ERROR".into(), &"failed".into()));
    assert_eq!((&record["logger"], &record["module"]), (&module_path!().into(), &module_path!().into()));
    assert_eq!((&record["function"], &record["exception"]), (&"task".into(), &"gone".into()));
    assert_eq!((&record["task_id"], &record["agent"]), (&"4711".into(), &"unified-profiler".into()));
    assert!(record["line"].is_u64());
}

#[test]
fn levels_hold_for_our_crates_and_for_what_is_named() {
    let work = || {
        debug!(target: "celeriac::broker", "ours");
        debug!(target: "redis", "library");
        debug!(target: "hyper", "named");
        info!(target: "redis", "library, info");
        info!(target: "platform", "quiet");
    };

    let messages = |levels: &str| -> Vec<String> {
        let text = |line: &String| line.rsplit("] ").next().unwrap().to_owned();
        logged(levels, false, work).iter().map(text).collect()
    };

    assert_eq!(messages("info"), ["library, info", "quiet"]);
    assert_eq!(messages("warning"), [""; 0]);
    assert_eq!(messages("debug,hyper=DEBUG,platform=error"), ["ours", "named", "library, info"]);
}

#[test]
fn a_chain_of_errors_is_one_text() {
    #[derive(Debug, thiserror::Error)]
    #[error("no report")]
    struct Outer(#[source] io::Error);

    let lines = logged("info", true, || {
        let error = Outer(io::Error::other("disk full"));
        error!(error = &error as &(dyn std::error::Error + 'static), "failed");
    });

    let record: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(record["exception"], "no report: disk full");
}

/// The bridge is one for the whole process, so this is the only test that sets it; the others' own
/// subscribers are not touched by that.
#[test]
fn records_of_the_log_crate_arrive_with_their_place_and_the_task() {
    let memory = Memory::default();
    subscriber(memory.layer(true), &"info".parse().unwrap()).init();

    info_span!("task", task_name = "t.add", task_id = "4711").in_scope(|| {
        log::info!(target: "driver", "from afar");
        log::debug!(target: "driver", "not wanted");
    });

    let lines: Vec<Value> = memory.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<&Value> = lines.iter().filter(|record| record["logger"] == "driver").collect();
    assert_eq!(records.len(), 1, "{lines:?}");
    assert_eq!((&records[0]["message"], &records[0]["task_id"]), (&"from afar".into(), &"4711".into()));
    assert_eq!(records[0]["module"], module_path!());
    assert!(records[0]["line"].is_u64());
    let keys: Vec<&String> = records[0].as_object().unwrap().keys().collect();
    assert!(!keys.iter().any(|key| key.starts_with("log.") || key.starts_with("field_")), "{keys:?}");
}
