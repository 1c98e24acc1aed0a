//! The executor's side: a process that runs one task at a time, as its worker tells it.
//!
//! The worker's orders are read on a thread of their own, so that neither a task that never gives way nor a full
//! runtime keeps them from being read. When the pipe ends, the worker is gone, and so is this process, at once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Builder;
use tracing::Instrument;

use super::frame::{Decoder, Frame, Order, Report};
use super::{EXECUTOR, platform};
use crate::exception::Exception;
use crate::message::{AcceptContent, Envelope, Request};
use crate::outcome::Outcome;
use crate::pool::body;
use crate::results::ResultError;
use crate::task::{Audience, Cancellation, Registry, TaskContext};

/// What is read from the pipe at once.
const PIECE: usize = 64 << 10;
/// Threads for what tasks do asynchronously beside their own.
const RUNTIME_THREADS: usize = 2;
/// What the worker has accepted, its executor reads.
const CONTENT: [&str; 3] = ["json", "msgpack", "yaml"];

static OUTPUT: OnceLock<Mutex<File>> = OnceLock::new();

/// Whether this process was started as the executor of a worker: `serve` is what it has to do then.
pub fn is_executor() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == EXECUTOR)
}

/// A writer for log lines: each write goes to the worker's log. For `tracing_subscriber::fmt().with_writer(..)` and its
/// like. Before [`serve`] and outside of executors it writes to standard error.
pub fn log_writer() -> LogWriter {
    LogWriter
}

/// See [`log_writer`].
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if OUTPUT.get().is_none() {
            return io::stderr().write(line);
        }
        send(&Report::Log(Bytes::copy_from_slice(line)))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static INPUT: OnceLock<Result<Mutex<Option<File>>, String>> = OnceLock::new();

/// Takes the pipes to the worker. [`serve`] does it, too; call it earlier to have the log go to the worker earlier.
///
/// # Errors
/// When this process has no such pipes.
pub fn connect() -> io::Result<()> {
    input().map(|_| ())
}

fn input() -> io::Result<&'static Mutex<Option<File>>> {
    let taken = INPUT.get_or_init(|| {
        let (input, output) = platform::take_pipes().map_err(|error| error.to_string())?;
        // Set here and nowhere else, once.
        let _ = OUTPUT.set(Mutex::new(output));
        Ok(Mutex::new(Some(input)))
    });
    taken.as_ref().map_err(|error| io::Error::other(error.clone()))
}

/// Runs the tasks of `registry` as the worker tells. Returns only when it cannot begin.
///
/// # Errors
/// When this process has no pipes to a worker, or there is no runtime to be had.
pub fn serve(registry: &Registry) -> io::Result<ExitCode> {
    let input = input()?.lock().unwrap_or_else(PoisonError::into_inner).take();
    let input = input.ok_or_else(|| io::Error::other("this process serves a worker already"))?;
    let accept = AcceptContent::new(CONTENT).map_err(io::Error::other)?;
    let runtime = Builder::new_multi_thread().worker_threads(RUNTIME_THREADS).enable_all().build()?;
    {
        let _entered = runtime.enter();
        platform::leave_signals_to_the_worker()?;
    }
    let (jobs, next_job) = mpsc::channel();
    std::thread::Builder::new().name("orders".into()).spawn(move || read_orders(input, &jobs))?;
    send(&Report::Ready)?;
    while let Ok(job) = next_job.recv() {
        let number = job.number;
        let outcome = runtime.block_on(run(registry, job, &accept));
        let done = Report::Done { number, outcome };
        let told = done.encode().or_else(|unsendable| {
            let failure = Exception::builtin("ValueError", format!("the task's result: {unsendable}"));
            Report::Done { number, outcome: Outcome::Failure(failure) }.encode()
        });
        // A worker that cannot be told is gone, or the task has closed the pipe: the worker sees it end.
        match told.map_err(io::Error::other).and_then(|frame| write(&frame)) {
            Ok(()) => {}
            Err(_) => platform::end_now(),
        }
    }
    platform::end_now()
}

/// What the worker wants to be run.
struct Job {
    number: u64,
    hostname: String,
    envelope: Bytes,
    cancellation: Cancellation,
}

fn read_orders(mut input: File, jobs: &mpsc::Sender<Job>) {
    let mut decoder = Decoder::default();
    let mut piece = vec![0; PIECE];
    let mut current: Option<(u64, Cancellation)> = None;
    loop {
        let read = match input.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => platform::end_now(),
            Ok(read) => read,
        };
        decoder.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(Order::Run { number, hostname, envelope })) => {
                    let cancellation = Cancellation::new();
                    current = Some((number, cancellation.clone()));
                    if jobs.send(Job { number, hostname, envelope, cancellation }).is_err() {
                        platform::end_now();
                    }
                }
                Ok(Some(Order::Cancel { number, reason })) => {
                    if let Some((_, cancellation)) =
                        current.as_ref().filter(|(current, _)| *current == number)
                    {
                        cancellation.cancel(reason);
                    }
                }
                Err(_) => platform::end_now(),
            }
        }
    }
}

async fn run(registry: &Registry, job: Job, accept: &AcceptContent) -> Outcome {
    let Job { number, hostname, envelope, cancellation } = job;
    let request = match Envelope::parse(&envelope).and_then(|envelope| Request::decode(envelope, accept)) {
        Ok(request) => request,
        Err(malformed) => return Outcome::Failure(Exception::invalid_task(malformed.reason)),
    };
    let Some(task) = registry.get(&request.task) else {
        return Outcome::Failure(Exception::not_registered(&request.task));
    };
    let span = tracing::info_span!("task", task_id = %request.id, task_name = %request.task);
    let audience = Arc::new(Worker { number });
    let context =
        TaskContext::new(Arc::new(request), hostname.into(), cancellation, &task.options(), audience);
    body::run(&**task, context).instrument(span).await
}

/// What a body tells goes to the worker, in the order in which it is told.
struct Worker {
    number: u64,
}

#[async_trait]
impl Audience for Worker {
    fn progress(&self, progress: Value) {
        // For show.
        let _ = send(&Report::Progress { number: self.number, progress });
    }

    async fn state(&self, state: &str, meta: Value) -> Result<(), ResultError> {
        send(&Report::State { number: self.number, state: state.to_owned(), meta }).map_err(|error| {
            ResultError::Unavailable { action: "tell the worker a state", reason: error.to_string() }
        })
    }
}

fn send(report: &Report) -> io::Result<()> {
    write(&report.encode().map_err(io::Error::other)?)
}

fn write(frame: &[u8]) -> io::Result<()> {
    let output = OUTPUT.get().ok_or_else(|| io::Error::other("there is no worker"))?;
    output.lock().unwrap_or_else(PoisonError::into_inner).write_all(frame)
}
