//! Running a program as a person would: arguments, environment, its output, signals, its exit code.
//!
//! [`Invocation`] says what to run; [`Invocation::output`] runs it to its end, [`Invocation::start`] leaves it running
//! as a [`Program`] whose lines can be awaited. A program sees none of the test's own environment except what any
//! program needs ([`INHERITED`]), and starts in a folder of its own, so that a developer's settings and files cannot
//! change a test.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::{Process, Signal, guarded};
use crate::scratch::Scratch;

/// The environment variables that a program gets from the test's environment.
pub const INHERITED: [&str; 9] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "RUST_BACKTRACE",
    "CELERIAC_HOME",
];

/// The longest that one call here waits for a program, unless told otherwise: far above what anything takes on a
/// loaded machine, so that only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What to run.
#[derive(Clone, Debug)]
pub struct Invocation {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
}

/// How a program ended and what it printed.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code or signal.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Invocation {
    /// `program` without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new(), folder: None }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, argument: impl Into<OsString>) -> Self {
        self.args([argument])
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I>(mut self, arguments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.envs([(name, value)])
    }

    /// Sets environment variables.
    #[must_use]
    pub fn envs<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Runs in `folder` instead of a temporary folder of its own.
    #[must_use]
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Runs the program to its end, with nothing on its standard input. The exit code is not judged.
    ///
    /// # Errors
    /// When it cannot be started or runs longer than [`PATIENCE`].
    pub fn output(&self) -> anyhow::Result<Output> {
        let mut program = self.start()?;
        let status = program.wait_exit(PATIENCE)?;
        let (stdout, stderr) = program.transcript.wait_closed(PATIENCE)?;
        program.told = true;
        Ok(Output { status, stdout, stderr })
    }

    /// Starts the program and leaves it running.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self) -> anyhow::Result<Program> {
        let scratch = Scratch::new("program")?;
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = guarded(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(inherited)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.as_deref().unwrap_or(scratch.path()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;

        let transcript = Arc::new(Transcript::default());
        let child = process.child_mut();
        let stdout = child.stdout.take().context("the program has a standard output")?;
        let stderr = child.stderr.take().context("the program has a standard error")?;
        record(Arc::clone(&transcript), Stream::Stdout, stdout);
        record(Arc::clone(&transcript), Stream::Stderr, stderr);
        Ok(Program { name: self.name(), process, transcript, told: false, folder: scratch })
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or(OsStr::new("program")).to_string_lossy().into_owned()
    }
}

impl Output {
    /// The exit code; `None` when a signal ended the program.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Itself when the exit code is 0.
    ///
    /// # Errors
    /// Any other end, with what was printed.
    pub fn success(self) -> anyhow::Result<Self> {
        if !self.status.success() {
            bail!("{}\nstandard output:\n{}\nstandard error:\n{}", self.status, self.stdout, self.stderr);
        }
        Ok(self)
    }

    /// The last line of the standard output as JSON: how the programs of `tests/python` answer.
    ///
    /// # Errors
    /// When the exit code is not 0 or the line is no JSON.
    pub fn json(self) -> anyhow::Result<serde_json::Value> {
        let output = self.success()?;
        let line = output.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .with_context(|| format!("no JSON in {line:?}; standard error: {}", output.stderr))
    }
}

/// A program that is running (or has ended); killed when dropped.
///
/// Its last lines are printed when it is dropped: the test harness shows them if the test fails.
#[derive(Debug)]
pub struct Program {
    name: String,
    process: Process,
    transcript: Arc<Transcript>,
    /// Whether somebody has all of its output already.
    told: bool,
    folder: Scratch,
}

impl Program {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The folder in which it was started, unless [`Invocation::current_dir`] named another.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The lines printed so far on both streams, in the order of their arrival.
    pub fn lines(&self) -> Vec<String> {
        self.transcript.lines()
    }

    /// Waits until a line contains `text` and returns that line. Lines printed before the call count.
    ///
    /// # Errors
    /// When the program has ended without it, or after [`PATIENCE`]; the message shows the last lines.
    pub fn wait_for_line(&self, text: &str) -> anyhow::Result<String> {
        self.wait_for_line_after(0, text)
    }

    /// As [`Self::wait_for_line`], not counting the first `seen` lines (`program.lines().len()` of an earlier moment).
    ///
    /// # Errors
    /// As [`Self::wait_for_line`].
    pub fn wait_for_line_after(&self, seen: usize, text: &str) -> anyhow::Result<String> {
        self.transcript
            .wait_for(seen, PATIENCE, |line| line.contains(text))
            .with_context(|| format!("waiting for {text:?} from {}", self.name))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the program has ended and was waited for.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.process.signal(signal).with_context(|| format!("sending {signal:?} to {}", self.name))
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// When it is still running after `timeout`.
    pub fn wait_exit(&mut self, timeout: Duration) -> anyhow::Result<ExitStatus> {
        match self.process.wait(timeout)? {
            Some(status) => Ok(status),
            None => bail!("{} is still running after {timeout:?}; {}", self.name, self.transcript.tail()),
        }
    }

    /// The exit status when it has already ended.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn try_wait(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.process.wait(Duration::ZERO)?)
    }

    /// Kills the program (`SIGKILL`) and waits for its end.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        Ok(self.process.kill()?)
    }
}

impl Drop for Program {
    #[expect(clippy::print_stderr, reason = "a failed test must show what its programs said")]
    fn drop(&mut self) {
        if !self.told {
            eprintln!("{}: {}", self.name, self.transcript.tail());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// What a program has printed, filled by one thread per stream.
#[derive(Debug, Default)]
struct Transcript {
    state: Mutex<Printed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Printed {
    lines: Vec<(Stream, String)>,
    closed: usize,
}

/// Standard output and standard error.
const STREAMS: usize = 2;
/// Lines shown in error messages.
const TAIL: usize = 40;

fn record(transcript: Arc<Transcript>, stream: Stream, source: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        // A stream that cannot be read any further is one that has ended.
        while source.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            transcript.change(|printed| printed.lines.push((stream, text)));
            line.clear();
        }
        transcript.change(|printed| printed.closed += 1);
    });
}

impl Transcript {
    fn change(&self, change: impl FnOnce(&mut Printed)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        let printed = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        printed.lines.iter().map(|(_, text)| text.clone()).collect()
    }

    fn tail(&self) -> String {
        let lines = self.lines();
        let last = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default();
        format!("its output ({} lines) ends:\n{}", lines.len(), last.join("\n"))
    }

    fn wait_for(
        &self,
        seen: usize,
        timeout: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        let deadline = Instant::now() + timeout;
        let mut next = seen;
        let mut printed = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let fresh = printed.lines.get(next..).unwrap_or_default();
            if let Some((_, text)) = fresh.iter().find(|(_, text)| matches(text)) {
                return Ok(text.clone());
            }
            next = next.max(printed.lines.len());
            let left = deadline.saturating_duration_since(Instant::now());
            if printed.closed == STREAMS || left.is_zero() {
                let why =
                    if left.is_zero() { "no such line in time" } else { "it ended without such a line" };
                drop(printed);
                bail!("{why}; {}", self.tail());
            }
            printed = self.changed.wait_timeout(printed, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until both streams have ended; then the text of each.
    fn wait_closed(&self, timeout: Duration) -> anyhow::Result<(String, String)> {
        let printed = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (printed, waited) = self
            .changed
            .wait_timeout_while(printed, timeout, |printed| printed.closed < STREAMS)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            bail!("the program ended but something it started still holds its output after {timeout:?}");
        }
        let text = |wanted: Stream| -> String {
            let lines = printed.lines.iter().filter(|(stream, _)| *stream == wanted);
            lines.flat_map(|(_, text)| [text.as_str(), "\n"]).collect()
        };
        Ok((text(Stream::Stdout), text(Stream::Stderr)))
    }
}
