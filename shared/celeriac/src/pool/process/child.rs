//! One executor, as the worker sees it: its process, the pipes to it, and a run on it.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::frame::{Decoder, Frame, FrameError, Order, Report};
use super::printed::Printed;
use super::{EXECUTOR, ProcessPoolOptions, platform};
use crate::outcome::Outcome;
use crate::pool::Job;
use crate::pool::running::Running;
use crate::pool::supervise::{Overdue, supervise};

/// An executor that is not ready by then never will be.
const START: Duration = Duration::from_secs(60);
/// Between two looks at the memory of a task that has a limit.
const MEMORY_LOOK: Duration = Duration::from_millis(50);
/// How long the end of a process that was killed, or of its prints, is waited for. It comes at once, unless the machine
/// is in a bad way or something that the task started holds the pipe.
const END: Duration = Duration::from_secs(5);
const LAST_PRINTS: Duration = Duration::from_millis(200);

/// A process that runs tasks. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) process: u32,
    /// Tasks that it has run.
    pub(super) runs: u64,
    /// Since when it waits.
    pub(super) idle: Instant,
    orders: ChildStdin,
    ends: mpsc::UnboundedReceiver<(u64, Outcome)>,
    exit: watch::Receiver<Option<ExitStatus>>,
    kill: Arc<Notify>,
    printed: Printed,
    prints: JoinHandle<()>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// The body answered.
    Outcome(Outcome),
    /// It is not waited for any more.
    Overdue(Overdue),
    /// The executor ended.
    Lost(Loss),
    /// The executor was gone before it began.
    NotBegun,
    /// The message cannot be handed over.
    Unsendable(FrameError),
}

/// What is known about the end of an executor.
#[derive(Debug, Default)]
pub(super) struct Loss {
    pub(super) status: Option<ExitStatus>,
    /// KiB that were resident when it was ended for it.
    pub(super) over_memory: Option<u64>,
    /// The last line that it printed.
    pub(super) last_line: String,
}

impl Executor {
    /// Starts one and waits until it is ready. `gone` is called when its process has ended, however it ends.
    pub(super) async fn start(
        options: &ProcessPoolOptions,
        running: Arc<Running>,
        gone: impl FnOnce(u32) + Send + 'static,
        spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> io::Result<Self> {
        let mut command = Command::new(platform::own_program()?);
        command.arg(EXECUTOR).args(&options.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        platform::prepare(&mut command);
        let mut child = command.spawn()?;
        let missing = || io::Error::other("the executor was started without pipes");
        let (orders, reports, prints) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (orders, reports) = (orders.ok_or_else(missing)?, reports.ok_or_else(missing)?);
        let prints = prints.ok_or_else(missing)?;
        let process = child.id().ok_or_else(missing)?;

        let kill = Arc::new(Notify::new());
        let (ended, exit) = watch::channel(None);
        spawn(Box::pin(wait(child, process, kill.clone(), ended, gone)));
        let printed = Printed::default();
        let prints = tokio::spawn(printed.clone().read(process, prints));
        let (ready, is_ready) = oneshot::channel();
        let (send_end, ends) = mpsc::unbounded_channel();
        let log = options.log.clone();
        let closed = kill.clone();
        tokio::spawn(async move {
            if let Err(error) = read_reports(reports, ready, send_end, &running, &*log).await {
                tracing::error!(%error, process, "an executor does not keep to the protocol");
            }
            // Without the pipe it is of no use any more.
            closed.notify_one();
        });
        let executor =
            Self { process, runs: 0, idle: Instant::now(), orders, ends, exit, kill, printed, prints };
        match timeout(START, is_ready).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                let loss = executor.end().await;
                let how = loss.status.map_or_else(|| "ended".to_owned(), platform::describe);
                return Err(io::Error::other(format!(
                    "the executor ended before it was ready: {how} {}",
                    loss.last_line
                )));
            }
            Err(_) => return Err(io::Error::other(format!("the executor was not ready after {START:?}"))),
        }
        if let Some(more) = options.max_memory_per_task {
            platform::limit_memory(process, more);
        }
        Ok(executor)
    }

    /// Whether its process has not ended yet.
    pub(super) fn is_alive(&self) -> bool {
        self.exit.borrow().is_none()
    }

    /// Ends its process when told.
    pub(super) fn killer(&self) -> Arc<Notify> {
        self.kill.clone()
    }

    /// Ends it and waits until it is gone.
    pub(super) async fn end(mut self) -> Loss {
        self.kill.notify_one();
        // An error means that nobody could find out how it ended.
        let ended = timeout(END, self.exit.wait_for(Option::is_some)).await;
        let status = ended.ok().and_then(|ended| ended.ok().and_then(|status| *status));
        let _ = timeout(LAST_PRINTS, &mut self.prints).await;
        Loss { status, over_memory: None, last_line: self.printed.end() }
    }

    /// Runs a job. After any end but the body's own, only [`Self::end`] is left to do.
    pub(super) async fn run(&mut self, number: u64, job: &Job, max_memory: Option<u64>) -> End {
        let order = Order::Run {
            number,
            hostname: job.hostname.to_string(),
            envelope: job.request.envelope.to_bytes().into(),
        };
        let frame = match order.encode() {
            Ok(frame) => frame,
            Err(error) => return End::Unsendable(error),
        };
        self.printed.begin(&job.request.id, &job.request.task);
        let (orders, ends) = (&mut self.orders, &mut self.ends);
        if orders.write_all(&frame).await.is_err() {
            return End::NotBegun;
        }
        let (tell, mut told) = mpsc::unbounded_channel();
        let mut body = std::pin::pin!(async {
            loop {
                tokio::select! {
                    end = ends.recv() => match end {
                        Some((of, outcome)) if of == number => return Some(outcome),
                        Some(_) => {}
                        None => return None,
                    },
                    Some(reason) = told.recv() => {
                        if let Ok(frame) = (Order::Cancel { number, reason }).encode() {
                            // Fails when it has just ended, which is noticed by the other pipe.
                            let _ = orders.write_all(&frame).await;
                        }
                    }
                }
            }
        });
        let end = tokio::select! {
            end = supervise(body.as_mut(), job, |reason| { let _ = tell.send(reason); }) => end,
            used = outgrow(self.process, max_memory) => {
                return End::Lost(Loss { over_memory: Some(used), ..Loss::default() });
            }
        };
        match end {
            Ok(Some(outcome)) => {
                self.printed.end();
                self.runs += 1;
                End::Outcome(outcome)
            }
            Ok(None) => End::Lost(Loss::default()),
            Err(overdue) => End::Overdue(overdue),
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.kill.notify_one();
    }
}

/// Waits for the end of a process, which it brings about when told, so that no zombie is left.
async fn wait(
    mut child: Child,
    process: u32,
    kill: Arc<Notify>,
    ended: watch::Sender<Option<ExitStatus>>,
    gone: impl FnOnce(u32),
) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            () = kill.notified() => {
                platform::kill(process);
                // What the platform's way may not know.
                let _ = child.start_kill();
            }
        }
    };
    match status {
        Ok(status) => {
            ended.send_replace(Some(status));
        }
        Err(error) => tracing::error!(%error, process, "cannot wait for an executor's end"),
    }
    gone(process);
}

async fn read_reports(
    mut pipe: ChildStdout,
    ready: oneshot::Sender<()>,
    ends: mpsc::UnboundedSender<(u64, Outcome)>,
    running: &Running,
    log: &(dyn Fn(&[u8]) + Send + Sync),
) -> Result<(), FrameError> {
    let (mut decoder, mut ready) = (Decoder::default(), Some(ready));
    loop {
        while let Some(report) = decoder.next()? {
            match report {
                Report::Ready => {
                    if let Some(ready) = ready.take() {
                        // Whoever started it may have given up.
                        let _ = ready.send(());
                    }
                }
                Report::Done { number, outcome } => {
                    if ends.send((number, outcome)).is_err() {
                        return Ok(());
                    }
                }
                Report::Progress { number, progress } => running.report(number, progress),
                // Before what the executor tells next: its outcome must not be overtaken.
                Report::State { number, state, meta } => {
                    if let Err(error) = running.store(number, &state, meta).await {
                        tracing::warn!(%error, state, "cannot store what a task tells of itself");
                    }
                }
                Report::Log(lines) => log(&lines),
            }
        }
        // A pipe that cannot be read has ended.
        if !matches!(pipe.read_buf(&mut decoder.buffer).await, Ok(1..)) {
            return Ok(());
        }
    }
}

/// Waits until more memory of a process is resident than it may have, and answers how much.
async fn outgrow(process: u32, max: Option<u64>) -> u64 {
    let Some(max) = max else { return std::future::pending().await };
    let mut looks = interval(MEMORY_LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if let Some(used) = platform::resident_kib(process).filter(|used| *used > max) {
            return used;
        }
    }
}
