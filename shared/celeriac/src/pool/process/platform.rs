//! What differs between operating systems, and nothing else: how an executor is started, limited, watched, ended, and
//! how its end reads. Without what only Linux has, limits on memory are not kept; everything else works.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use tokio::process::Command;

/// The program that runs now, even if its file has been replaced meanwhile by another version.
pub(super) fn own_program() -> io::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Ok(running) } else { std::env::current_exe() }
}

#[cfg(unix)]
pub(super) use unix::*;

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::{Pid, Signal};
    use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};

    use super::{Command, ExitStatus, File, io};

    /// In a group of its own: Ctrl-C at a terminal is for the worker alone, and what a task has started can be ended
    /// with it.
    pub(in super::super) fn prepare(command: &mut Command) {
        command.process_group(0);
        if let Some(name) = std::env::args_os().next() {
            command.arg0(name);
        }
    }

    /// Takes the pipes of the protocol, so that standard input is empty and what is printed goes to standard error.
    pub(in super::super) fn take_pipes() -> io::Result<(File, File)> {
        let keep = |descriptor: BorrowedFd<'_>| -> io::Result<File> {
            // Not handed down to programs that a task starts. Above what programs by habit take for their own.
            Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, 10)?.into())
        };
        let pipes = (keep(stdin())?, keep(stdout())?);
        let nothing = File::open("/dev/null")?;
        dup2_stdin(nothing.as_fd())?;
        dup2_stdout(stderr())?;
        Ok(pipes)
    }

    /// Signals that are meant for the worker, but that supervisors send to all processes of a service, end nothing here:
    /// the worker tells its executors what it wants.
    pub(in super::super) fn leave_signals_to_the_worker() -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit(), SignalKind::hangup()]
        {
            // A handler stays when its receiver is gone.
            drop(signal(kind)?);
        }
        Ok(())
    }

    /// Ends this process, whatever its threads are doing.
    pub(in super::super) fn end_now() -> ! {
        // Runs no exit handlers: they could wait for a lock of the task. If it could fail, the second would not.
        let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
        std::process::abort()
    }

    /// Ends an executor and what its task has started.
    pub(in super::super) fn kill(process: u32) {
        if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
            // It may have ended by itself. It has not been waited for, so the number is still its own.
            let _ = rustix::process::kill_process_group(process, Signal::KILL);
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
    }

    /// The process's end in billiard's words, as it stands in `WorkerLostError`.
    pub(in super::super) fn describe(status: ExitStatus) -> String {
        match (status.signal(), status.code()) {
            (Some(number), _) => match name(number) {
                Some(name) => format!("signal {number} ({name})"),
                None => format!("signal {number}"),
            },
            (None, Some(code)) => format!("exitcode {code}"),
            (None, None) => status.to_string(),
        }
    }

    fn name(signal: i32) -> Option<&'static str> {
        const NAMES: [(Signal, &str); 12] = [
            (Signal::ABORT, "SIGABRT"),
            (Signal::ALARM, "SIGALRM"),
            (Signal::BUS, "SIGBUS"),
            (Signal::FPE, "SIGFPE"),
            (Signal::HUP, "SIGHUP"),
            (Signal::ILL, "SIGILL"),
            (Signal::INT, "SIGINT"),
            (Signal::KILL, "SIGKILL"),
            (Signal::PIPE, "SIGPIPE"),
            (Signal::QUIT, "SIGQUIT"),
            (Signal::SEGV, "SIGSEGV"),
            (Signal::TERM, "SIGTERM"),
        ];
        NAMES.iter().find(|(known, _)| known.as_raw() == signal).map(|(_, name)| *name)
    }

    /// Lets a process get at most so much more memory of its own than it has, in KiB: what it asks for beyond is refused
    /// to it. Counts what is written to, not what is only mapped, as the limit on address space would.
    #[cfg(target_os = "linux")]
    pub(in super::super) fn limit_memory(process: u32, more: u64) {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
        let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return };
        let Some(present) = status_kib(process, "VmData:") else { return };
        let bytes = present.saturating_add(more).saturating_mul(1024);
        let limit = Rlimit { current: Some(bytes), maximum: getrlimit(Resource::Data).maximum };
        if let Err(error) = prlimit(Some(pid), Resource::Data, limit) {
            tracing::debug!(%error, process, "no limit on the data segment; its size is watched");
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(in super::super) fn limit_memory(_process: u32, _more: u64) {}

    #[cfg(target_os = "linux")]
    fn status_kib(process: u32, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// The memory of a process that is resident and its own, in KiB: what running another one costs. `None` where that
    /// cannot be told.
    pub(in super::super) fn resident_kib(process: u32) -> Option<u64> {
        let statm = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        let mut pages = statm.split(' ').skip(1).map_while(|field| field.parse::<u64>().ok());
        Some(pages.next()? * (rustix::param::page_size() as u64 / 1024))
    }
}

#[cfg(not(unix))]
pub(super) use other::*;

#[cfg(not(unix))]
mod other {
    use super::{Command, ExitStatus, File, io};

    pub(in super::super) fn prepare(_command: &mut Command) {}

    /// What a task prints would disturb the protocol here.
    pub(in super::super) fn take_pipes() -> io::Result<(File, File)> {
        use std::os::windows::io::{AsHandle, OwnedHandle};
        let keep = |handle: io::Result<OwnedHandle>| handle.map(File::from);
        Ok((
            keep(io::stdin().as_handle().try_clone_to_owned())?,
            keep(io::stdout().as_handle().try_clone_to_owned())?,
        ))
    }

    pub(in super::super) fn leave_signals_to_the_worker() -> io::Result<()> {
        // A handler stays when its receiver is gone.
        tokio::signal::windows::ctrl_c().map(drop)
    }

    pub(in super::super) fn end_now() -> ! {
        std::process::abort()
    }

    pub(in super::super) fn kill(_process: u32) {}

    pub(in super::super) fn describe(status: ExitStatus) -> String {
        status.code().map_or_else(|| status.to_string(), |code| format!("exitcode {code}"))
    }

    pub(in super::super) fn limit_memory(_process: u32, _more: u64) {}

    pub(in super::super) fn resident_kib(_process: u32) -> Option<u64> {
        None
    }
}
