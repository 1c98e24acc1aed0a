//! Real servers for one test: own process, own free port on the loopback interface, own folder.
//!
//! [`RedisServer`], [`SentinelServer`], [`MariaDb`] and [`S3Server`] are one type, [`Server`], over what differs between them. `start`
//! returns when the server answers; dropping shows the end of its log (the test harness prints it when the test
//! fails), stops the server and removes its files. All calls block: a test starts its servers before it does anything
//! that must go on meanwhile.

mod mariadb;
mod port;
mod redis;
mod s3;
mod sentinel;
mod tls;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::process::{Process, Signal, tail};
use crate::scratch::Scratch;
use port::Port;

pub use mariadb::{Database, MariaDb};
pub use redis::{Cache, RedisServer};
pub use s3::{ObjectStore, S3Server};
pub use sentinel::{Sentinel, SentinelServer};
pub use tls::CertificateAuthority;

/// How long a server may take until it answers: recovery after a kill on a loaded machine included.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long a server may take to end after `SIGTERM`.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// Pause between two attempts to connect to a starting server.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);
/// Lines of a server's log that are shown when something fails.
const LOG_SHOWN: usize = 20;
/// Ports tried before giving up, when another program takes the chosen one first.
const PORT_ATTEMPTS: usize = 5;

/// What differs between the servers. Implemented in this module only.
pub trait Program {
    /// Short name for folders and messages.
    const NAME: &'static str;

    /// The command that runs the server in the foreground, on `port`, with everything it keeps in `folder`.
    ///
    /// # Errors
    /// When the program is not installed.
    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command>;

    /// Whether the server answers a client now.
    fn answers(&self, folder: &Path, port: u16) -> bool;

    /// Done each time the server has come up, before anybody uses it.
    ///
    /// # Errors
    /// What the server answered.
    fn prepare(&self, folder: &Path, port: u16) -> anyhow::Result<()>;
}

/// A running (or stopped) server of one kind.
#[derive(Debug)]
pub struct Server<P: Program> {
    program: P,
    port: Port,
    process: Option<Process>,
    // Last: the files go after the process.
    scratch: Scratch,
}

impl<P: Program> Server<P> {
    /// Starts `program` in `scratch` on a free port.
    fn launch(program: P, scratch: Scratch) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            let port = Port::reserve()?;
            match run(&program, scratch.path(), port.number()) {
                Ok(process) => return Ok(Self { program, port, process: Some(process), scratch }),
                Err(Failure::PortTaken) if attempt < PORT_ATTEMPTS => attempt += 1,
                Err(failure) => return Err(failure.into_error(P::NAME, scratch.path())),
            }
        }
    }

    /// The TCP port on 127.0.0.1; the same after a restart.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The server's process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The server's own folder.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What the server has logged so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let path = log_file(self.folder());
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Stops the server in its orderly way (`SIGTERM`) and waits for its end. Clients are refused from then on.
    /// Stopping a stopped server does nothing.
    ///
    /// # Errors
    /// When it does not end in time (it is then killed).
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal(Signal::TERM)?;
        match process.wait(STOP_LIMIT)? {
            Some(_) => Ok(()),
            None => bail!("{} did not end within {STOP_LIMIT:?} after SIGTERM", P::NAME),
        }
    }

    /// Kills the server (`SIGKILL`). Killing a stopped server does nothing.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts the server again on the same port with the same data, stopping it first when it runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        let process = run(&self.program, self.folder(), self.port())
            .map_err(|failure| failure.into_error(P::NAME, self.folder()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Freezes the server (`SIGSTOP`): connections stay open, nothing is answered.
    ///
    /// # Errors
    /// When it is not running.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen server go on (`SIGCONT`).
    ///
    /// # Errors
    /// When it is not running.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let process = self.process.as_ref().with_context(|| format!("{} is stopped", P::NAME))?;
        Ok(process.signal(signal)?)
    }
}

impl<P: Program> Drop for Server<P> {
    #[expect(clippy::print_stderr, reason = "the test harness shows it when the test fails")]
    fn drop(&mut self) {
        eprintln!("{}: its log ends:\n{}", P::NAME, tail(&log_file(self.folder()), LOG_SHOWN));
    }
}

/// Why a server did not come up.
enum Failure {
    PortTaken,
    Exited(ExitStatus),
    Other(anyhow::Error),
}

impl Failure {
    fn into_error(self, name: &str, folder: &Path) -> anyhow::Error {
        let log = tail(&log_file(folder), LOG_SHOWN);
        match self {
            Self::PortTaken => anyhow::anyhow!("{name} found its port taken; its log ends:\n{log}"),
            Self::Exited(status) => anyhow::anyhow!("{name} ended at start ({status}); its log ends:\n{log}"),
            Self::Other(error) => error.context(format!("starting {name}; its log ends:\n{log}")),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("server.log")
}

/// Runs the server and waits until it answers.
fn run<P: Program>(program: &P, folder: &Path, port: u16) -> Result<Process, Failure> {
    let log_path = log_file(folder);
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .with_context(|| format!("opening {}", log_path.display()))?;
    let logged_before = log.metadata().map(|meta| meta.len()).unwrap_or_default();

    let mut command = program.command(folder, port)?;
    let errors = log.try_clone().context("sharing the log file")?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut process = Process::spawn(command)?;

    let deadline = Instant::now() + START_LIMIT;
    loop {
        if program.answers(folder, port) {
            // A program that found the port taken may be gone while its owner answers in its place.
            if let Some(status) = process.wait(Duration::ZERO).context("waiting for the server")? {
                return Err(ended(status, &log_path, logged_before));
            }
            program.prepare(folder, port)?;
            return Ok(process);
        }
        if let Some(status) = process.wait(CONNECT_PAUSE).context("waiting for the server")? {
            return Err(ended(status, &log_path, logged_before));
        }
        if Instant::now() > deadline {
            return Err(anyhow::anyhow!("no answer on port {port} within {START_LIMIT:?}").into());
        }
    }
}

fn ended(status: ExitStatus, log: &Path, logged_before: u64) -> Failure {
    let bytes = std::fs::read(log).unwrap_or_default();
    let start = usize::try_from(logged_before).unwrap_or(usize::MAX);
    let text = String::from_utf8_lossy(bytes.get(start..).unwrap_or_default()).to_lowercase();
    if text.contains("already in use") || text.contains("is in use") {
        Failure::PortTaken
    } else {
        Failure::Exited(status)
    }
}
