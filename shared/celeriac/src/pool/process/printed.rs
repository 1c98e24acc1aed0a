//! What a task prints: lines in the worker's log, under the task's name, up to a bound; the rest is read and counted, so
//! that no task stands still because of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are logged of one run.
const LOGGED: usize = 64 << 10;
/// A longer line is logged in pieces.
const LONGEST_LINE: usize = 4 << 10;
/// How the words begin with which Rust ends a program that got no memory.
pub(super) const NO_MEMORY: &str = "memory allocation of";
const PIECE: usize = 64 << 10;

/// One executor's prints.
#[derive(Debug, Clone, Default)]
pub(super) struct Printed(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    process: u32,
    /// Id and name of the task that runs.
    task: Option<(String, String)>,
    logged: usize,
    dropped: u64,
    /// The last complete line, or the one in which Rust says that it got no memory: a backtrace may follow that.
    last: String,
}

impl Printed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is this task that prints.
    pub(super) fn begin(&self, id: &str, name: &str) {
        let mut state = self.state();
        state.task = Some((id.to_owned(), name.to_owned()));
        state.logged = 0;
        state.last.clear();
    }

    /// The task has ended. Answers the last line that was printed.
    pub(super) fn end(&self) -> String {
        let mut state = self.state();
        if state.dropped > 0 {
            let dropped = std::mem::take(&mut state.dropped);
            state.log(&format!("... and {dropped} bytes more, which are not logged"));
        }
        state.task = None;
        state.logged = 0;
        std::mem::take(&mut state.last)
    }

    /// Reads to the end.
    pub(super) async fn read(self, process: u32, mut pipe: impl AsyncRead + Unpin) {
        self.state().process = process;
        let (mut piece, mut line) = (vec![0; PIECE], Vec::new());
        // A pipe that cannot be read has no more to tell than one that has ended.
        while let Ok(read @ 1..) = pipe.read(&mut piece).await {
            let mut state = self.state();
            for part in piece.get(..read).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
                if state.logged >= LOGGED {
                    state.dropped += part.len() as u64;
                    line.clear();
                    continue;
                }
                line.extend_from_slice(part);
                if part.ends_with(b"\n") || line.len() >= LONGEST_LINE {
                    state.line(&line);
                    line.clear();
                }
            }
        }
        if !line.is_empty() {
            self.state().line(&line);
        }
    }
}

impl State {
    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        self.logged += line.len();
        if !text.is_empty() {
            self.log(text);
            if !self.last.starts_with(NO_MEMORY) {
                self.last = text.to_owned();
            }
        }
    }

    fn log(&self, text: &str) {
        let process = self.process;
        match &self.task {
            Some((id, name)) => tracing::info_span!("task", task_id = %id, task_name = %name)
                .in_scope(|| tracing::warn!(process, "printed: {text}")),
            None => tracing::warn!(process, "an executor printed: {text}"),
        }
    }
}
