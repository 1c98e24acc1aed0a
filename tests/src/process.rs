//! One child process that cannot outlive the test process.
//!
//! The kernel is asked (by `setpriv --pdeathsig`) to kill the child when its parent goes, so that nothing stays
//! behind even after `kill -9` of a test. Waiting is on the process itself (a pid file descriptor), never by
//! sleeping, and signals cannot reach a process that took over the number.
//! What the process prints and what it is good for is the business of [`crate::program`] and [`crate::servers`].

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};

pub use rustix::process::Signal;

/// A command line whose process the kernel kills when the test process ends.
///
/// Add arguments, environment and redirections to it, then hand it to [`Process::spawn`].
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Where a program is: in `PATH` or in the directories for system programs, which a plain user's `PATH` lacks.
///
/// # Errors
/// When it is nowhere; the message names the script that installs it.
pub fn find_program(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/usr/libexec", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
        .with_context(|| format!("the program {name} is not installed: run docker-free-scripts/setup"))
}

/// A running child process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    handle: OwnedFd,
}

impl Process {
    /// Starts `command`, which should come from [`guarded`].
    ///
    /// # Errors
    /// When the process cannot be started. A program that `setpriv` cannot find ends with code 127 instead.
    pub fn spawn(command: Command) -> anyhow::Result<Self> {
        let line = format!("{command:?}");
        let child = spawn_from_lasting_thread(command).with_context(|| format!("starting {line}"))?;
        let pid = rustix::process::Pid::from_child(&child);
        let handle = pidfd_open(pid, PidfdFlags::empty()).context("opening a handle on the new process")?;
        Ok(Self { child, handle })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child_mut(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process has already been waited for.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.handle, signal)?)
    }

    /// Waits until the process has ended, at most `timeout`; `None` when it is still running then.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn wait(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let limit = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut descriptors = [PollFd::new(&self.handle, PollFlags::IN)];
            match poll(&mut descriptors, Some(&limit)) {
                Ok(_) => return self.child.try_wait(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Kills the process (`SIGKILL`) and waits for its end.
    ///
    /// # Errors
    /// Those of the system calls. A process that had already ended is no error.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The only possible error is that it has ended already.
        let _ended = self.kill();
    }
}

/// Spawns in a thread that lives as long as the test process. The kernel's "parent" in *parent death signal* is the
/// thread that forked: a server started in a test's own thread would die with that thread, not with the process.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in received {
                // A caller that has gone away leaves the child to be ended with the process.
                let _delivered = reply.send(command.spawn());
            }
        });
        orders
    });
    let (reply, answer) = mpsc::channel();
    SPAWNER.send((command, reply)).map_err(|_| io::Error::other("the spawning thread has ended"))?;
    answer.recv().map_err(|_| io::Error::other("the spawning thread has ended"))?
}

/// The last lines of a log file, for error messages.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("({} cannot be read: {error})", log.display()),
    };
    let all: Vec<&str> = text.lines().collect();
    let start = all.len().saturating_sub(lines);
    all.get(start..).unwrap_or_default().join("\n")
}
