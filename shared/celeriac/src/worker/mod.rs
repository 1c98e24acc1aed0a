//! The worker: takes deliveries, decides, runs, settles.
//!
//! The way of a message: `Broker::consume` -> [`Request::decode`] -> `strategy` -> [`Pool`] -> `settle` ->
//! `Broker::settle`. Nothing else acknowledges a message or stores a result.

mod fleet_pace;
mod limits;
mod settle;
mod shutdown;
mod strategy;
#[cfg(test)]
mod tests;
mod turn;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::backoff::Backoff;
use crate::broker::{Broker, BrokerError, Delivery, Disposition, Receipt, Settled, Settlement, Window};
use crate::message::{AcceptContent, Envelope, Malformed, Request, TimeLimits};
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::pool::{Job, Pool, Slot, ThreadPool};
use crate::results::{ResultBackend, ResultRecord};
use crate::task::{Cancellation, Registry, States, Task, TaskOptions};
use fleet_pace::FleetPace;
use strategy::Decision;
use turn::{Turn, Turns};

pub use shutdown::Shutdown;

/// Attempts to store a result on a server of its own before the message is given back (celery-wire.md 6.3).
const RESULT_ATTEMPTS: u32 = 20;

/// A message whose time is farther off is left to the broker: any number may wait there.
const HELD_IN_MEMORY: TimeDelta = TimeDelta::seconds(60);

/// What is to be handed back has so long to stop.
const STOP: Duration = Duration::from_secs(3);

/// A worker node, ready to run.
#[derive(Clone)]
pub struct Worker {
    broker: Arc<dyn Broker>,
    results: Option<Arc<dyn ResultBackend>>,
    /// Whether a result is stored together with its acknowledgement.
    one_transaction: bool,
    pool: Arc<dyn Pool>,
    registry: Arc<Registry>,
    hostname: Arc<str>,
    accept: AcceptContent,
    max_deliveries: Option<u64>,
    /// Where tasks go that are not registered here.
    fallback_queue: Option<Arc<str>>,
    window: Window,
    pace: Arc<Pace>,
    time_limits: TimeLimits,
    drain_timeout: Option<Duration>,
    fleet_pace: Arc<FleetPace>,
    shutdown: Shutdown,
}

/// What a worker is made of.
pub struct WorkerParts {
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// Where results go; `None` stores none.
    pub results: Option<Arc<dyn ResultBackend>>,
    /// Where tasks run.
    pub pool: Arc<dyn Pool>,
    /// What it serves.
    pub registry: Registry,
    /// Its node name, `name@host`.
    pub hostname: String,
    /// The content types that it reads (Celery's `accept_content`).
    pub accept: AcceptContent,
    /// How many workers may be lost with a message before it becomes a dead letter; `None` for any number, as in Celery.
    pub max_deliveries: Option<u64>,
    /// Where messages go on to whose task is not registered here, unchanged; `None` fails them, as Celery does.
    pub fallback_queue: Option<String>,
    /// Messages held for each one that can run at the same time; 0 is no limit. 1 holds only what runs.
    pub prefetch_multiplier: usize,
    /// For tasks that neither the message nor the task itself limits.
    pub time_limits: TimeLimits,
    /// How long what runs may go on after a warm shutdown was asked for; `None` as long as it takes, as in Celery.
    pub drain_timeout: Option<Duration>,
    /// Who asks it to stop.
    pub shutdown: Shutdown,
}

impl WorkerParts {
    /// A worker of that node name, `name@host`, with everything else as usual: four tasks at a time on the runtime's threads,
    /// Celery's `accept_content` and prefetch multiplier, three deliveries at most, nobody who asks it to stop.
    pub fn new(
        hostname: impl Into<String>,
        broker: Arc<dyn Broker>,
        results: Option<Arc<dyn ResultBackend>>,
        registry: Registry,
    ) -> Self {
        Self {
            broker,
            results,
            pool: Arc::new(ThreadPool::new(4)),
            registry,
            hostname: hostname.into(),
            accept: AcceptContent::default(),
            max_deliveries: Some(3),
            fallback_queue: None,
            prefetch_multiplier: 4,
            time_limits: TimeLimits::default(),
            drain_timeout: None,
            shutdown: Shutdown::new(),
        }
    }
}

impl std::fmt::Debug for WorkerParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerParts").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

impl Worker {
    /// Puts a worker together.
    pub fn new(parts: WorkerParts) -> Self {
        let WorkerParts {
            broker,
            results,
            pool,
            registry,
            hostname,
            accept,
            max_deliveries,
            fallback_queue,
            prefetch_multiplier,
            time_limits,
            drain_timeout,
            shutdown,
        } = parts;
        let one_transaction =
            results.as_ref().is_some_and(|results| broker.results_place() == Some(results.place()));
        Self {
            one_transaction,
            window: Window::new(pool.size().saturating_mul(prefetch_multiplier)),
            registry: Arc::new(registry),
            pace: Arc::default(),
            fleet_pace: Arc::default(),
            accept,
            max_deliveries,
            fallback_queue: fallback_queue.map(Into::into),
            hostname: hostname.into(),
            broker,
            results,
            pool,
            time_limits,
            drain_timeout,
            shutdown,
        }
    }

    /// Serves the queues until the shutdown is requested, then ends what runs and gives the rest back.
    ///
    /// # Errors
    /// [`BrokerError`] when the messages that were left could not be given back: other nodes do it later.
    pub async fn run(self, queues: &[String]) -> Result<(), BrokerError> {
        // On the runtime's own threads, whichever thread asks for it: a wake-up between threads costs more than the loop.
        let queues = queues.to_vec();
        let serving = AbortOnDropHandle::new(tokio::spawn(async move { self.serve(&queues).await }));
        match serving.await {
            Ok(served) => served,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only the runtime's end cancels it, and then nobody is left to ask.
                Err(_) => Ok(()),
            },
        }
    }

    async fn serve(self, queues: &[String]) -> Result<(), BrokerError> {
        let stop = self.shutdown.warm_requested().clone();
        let mut deliveries = self.broker.consume(queues, self.window.clone(), stop).await;
        if let Some(timeout) = self.drain_timeout {
            tokio::spawn(self.shutdown.clone().drain(timeout));
        }
        let mut running = JoinSet::new();
        let mut turns = Turns::default();
        while let Some(delivery) = deliveries.recv().await {
            running.spawn(self.clone().handle(delivery, turns.take()));
            while running.try_join_next().is_some() {}
        }
        if !self.shutdown.warm_requested().is_cancelled() {
            // The broker has given its server up: what runs could not be settled, and others will run it.
            self.shutdown.cold();
        }
        tokio::select! {
            () = join(&mut running) => {}
            () = self.shutdown.hand_back_requested().cancelled() => {
                // Nothing is handed back while it still runs here, unless it cannot be stopped.
                let _ = tokio::time::timeout(STOP, join(&mut running)).await;
            }
        }
        let (handed_back, ()) = tokio::join!(self.broker.leave(), self.pool.close());
        let handed_back = handed_back?;
        if handed_back > 0 {
            tracing::info!(handed_back, "messages are back in their queues");
        }
        Ok(())
    }

    /// Tells a task of an end that its body could not see.
    async fn tell_killed(&self, request: &Request, receipt: &Receipt, outcome: &Outcome) {
        if receipt.lost.is_cancelled() {
            return;
        }
        if let Outcome::TimedOut(exception) | Outcome::Lost { exception, redeliver: false } = outcome
            && let Some(task) = self.registry.get(&request.task)
        {
            task.on_killed(request, exception).await;
        }
    }

    async fn handle(self, delivery: Delivery, turn: Turn) {
        let Delivery { element, queue, receipt, permit } = delivery;
        let decoded = Envelope::parse(&element).and_then(|mut envelope| {
            envelope.complete(&queue);
            Request::decode(envelope, &self.accept)
        });
        match decoded {
            Ok(request)
                if self.max_deliveries.is_some_and(|max| request.envelope.earlier_deliveries() >= max) =>
            {
                tracing::error!(
                    "Task {}[{}] has lost every worker that held it: dead letter",
                    request.task,
                    request.id
                );
                drop(turn);
                let results = self.results.as_deref();
                let (settlement, outcome) =
                    settle::lost_too_often(element, &request, results, &self.hostname);
                self.tell_killed(&request, &receipt, &outcome).await;
                self.settle(&receipt, settlement, Some(permit)).await;
            }
            Ok(request) => {
                let span = tracing::info_span!("task", task_id = %request.id, task_name = %request.task);
                self.handle_request(Arc::new(request), queue, receipt, permit, turn).instrument(span).await;
            }
            Err(malformed) => {
                drop(turn);
                self.refuse(element, &queue, &malformed, &receipt, permit).await;
            }
        }
    }

    async fn refuse(
        &self,
        element: bytes::Bytes,
        queue: &str,
        malformed: &Malformed,
        receipt: &Receipt,
        permit: OwnedSemaphorePermit,
    ) {
        tracing::error!(
            queue,
            task_id = malformed.task_id,
            treatment = ?malformed.treatment,
            "{malformed}"
        );
        let settlement = settle::malformed(element, malformed, self.results.as_deref());
        self.settle(receipt, settlement, Some(permit)).await;
    }

    async fn handle_request(
        &self,
        request: Arc<Request>,
        queue: Arc<str>,
        receipt: Receipt,
        permit: OwnedSemaphorePermit,
        mut turn: Turn,
    ) {
        turn.come().await;
        tracing::info!("Task {}[{}] received", request.task, request.id);
        let Some((task, permit)) = self.admit(&request, &queue, &receipt, permit, &mut turn).await else {
            return;
        };
        let options = task.options();
        let Some(slot) = self.slot(&request, &receipt, &options, turn).await else { return };
        // The wait for a slot may have been long: is it still to be run?
        if let Decision::End(outcome) = strategy::decide(&request, &self.registry, Utc::now()) {
            return self.end_unrun(&request, &receipt, outcome, permit).await;
        }
        if !self.begin(&request, &receipt, &options).await {
            return;
        }
        let permit = options.acks_late.then_some(permit);
        let states = self.states(&request, &options, &receipt.lost);
        let job = Job {
            task,
            request: request.clone(),
            hostname: self.hostname.clone(),
            limits: limits::time_limits(&request, &options, self.time_limits),
            cancellation: Cancellation::new(),
            states: states.clone(),
        };
        let started = Instant::now();
        let outcome = limits::run(&*self.pool, slot, job, &receipt.lost, &self.shutdown).await;
        if let Some(states) = states {
            states.end().await;
        }
        let outcome = match outcome {
            Some(outcome) => outcome,
            // It goes back when the worker leaves.
            None if options.acks_late => return,
            None => limits::cut_off(),
        };
        let outcome = settle::retry_automatically(outcome, request.retries, &options);
        let outcome = settle::limit_retries(outcome, request.retries, &options);
        let outcome = settle::limit_losses(outcome, &request, &options, self.max_deliveries);
        log_outcome(&request, &outcome, started);
        self.tell_killed(&request, &receipt, &outcome).await;
        if options.acks_late {
            self.settle(&receipt, self.settlement(&request, &outcome, &options), permit).await;
        } else {
            let outcome = settle::after_acknowledgement(outcome);
            self.end_acknowledged(self.settlement(&request, &outcome, &options), &receipt).await;
        }
    }

    /// Where the task's own states are stored, if anybody wants results of it.
    fn states(&self, request: &Request, options: &TaskOptions, over: &CancellationToken) -> Option<States> {
        let results = self.results.clone().filter(|_| settle::wants_results(request, options))?;
        Some(States::new(results, self.hostname.clone(), over.clone()))
    }

    /// What happens just before a task runs. Answers whether it may: a message that is acknowledged early must be ours.
    async fn begin(&self, request: &Request, receipt: &Receipt, options: &TaskOptions) -> bool {
        if !options.acks_late {
            match self.broker.settle(receipt, Disposition::Acknowledge.into(), &mut None).await {
                Ok(Settled::Done) => {}
                Ok(Settled::NotHeld) => return false,
                Err(error) => {
                    tracing::warn!(%error, "cannot acknowledge before the task; handing the message back");
                    self.broker.abandon(receipt);
                    return false;
                }
            }
        }
        if options.track_started
            && settle::wants_results(request, options)
            && let Some(results) = &self.results
            && let Err(error) = results.store(&results.record_started(&request.id, &self.hostname)).await
        {
            tracing::warn!(%error, "cannot store that the task has started");
        }
        true
    }

    /// Waits for the request's time, and answers its task with a place in the window; `None` when it ended or is not ours
    /// to run any more.
    async fn admit(
        &self,
        request: &Request,
        queue: &Arc<str>,
        receipt: &Receipt,
        permit: OwnedSemaphorePermit,
        turn: &mut Turn,
    ) -> Option<(Arc<dyn Task>, OwnedSemaphorePermit)> {
        let eta = match strategy::decide(request, &self.registry, Utc::now()) {
            Decision::Run(task) => return Some((task, permit)),
            Decision::End(outcome) => {
                turn.pass();
                self.end_unrun(request, receipt, outcome, permit).await;
                return None;
            }
            Decision::Wait(eta) => eta,
        };
        turn.pass();
        if eta - Utc::now() > HELD_IN_MEMORY {
            let delay = Disposition::Delay { queue: queue.clone(), until: eta };
            self.settle(receipt, delay.into(), Some(permit)).await;
            return None;
        }
        // What waits for its time does not keep others from running.
        self.unless_stopped(receipt, self.window.beside(permit, sleep_until(eta))).await?;
        let permit = self.unless_stopped(receipt, self.window.acquire()).await??;
        match strategy::decide(request, &self.registry, Utc::now()) {
            Decision::End(outcome) => {
                self.end_unrun(request, receipt, outcome, permit).await;
                None
            }
            Decision::Run(task) => Some((task, permit)),
            // The clock was set back meanwhile; so close to its time it may as well run.
            Decision::Wait(_) => Some((self.registry.get(&request.task)?.clone(), permit)),
        }
    }

    /// A place in the pool, not sooner than the task's rate limits allow, in the order of the turns.
    async fn slot(
        &self,
        request: &Request,
        receipt: &Receipt,
        options: &TaskOptions,
        mut turn: Turn,
    ) -> Option<Slot> {
        let mut slot = pin!(async {
            if let Some(limit) = options.rate_limit {
                let start = self.pace.take(&request.task, limit.interval(), tokio::time::Instant::now());
                self.unless_stopped(receipt, tokio::time::sleep_until(start)).await?;
            }
            if let Some(limit) = options.global_rate_limit {
                let reserve = || self.broker.reserve_start(&request.task, limit.interval());
                self.unless_stopped(receipt, self.fleet_pace.wait(&request.task, reserve)).await?;
            }
            self.unless_stopped(receipt, self.pool.slot()).await
        });
        // Asked for once, it has its place in the pool's queue, and the next one may ask.
        let asked = poll_fn(|context| Poll::Ready(slot.as_mut().poll(context))).await;
        turn.pass();
        match asked {
            Poll::Ready(slot) => slot,
            Poll::Pending => slot.await,
        }
    }

    /// Waits; `None` when the worker is asked to stop or the lease is lost meanwhile. What was not started is handed back
    /// when the worker leaves.
    async fn unless_stopped<T>(&self, receipt: &Receipt, waiting: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.shutdown.warm_requested().cancelled() => None,
            () = receipt.lost.cancelled() => None,
            done = waiting => Some(done),
        }
    }

    /// Ends a request whose task was not called.
    async fn end_unrun(
        &self,
        request: &Request,
        receipt: &Receipt,
        outcome: Outcome,
        permit: OwnedSemaphorePermit,
    ) {
        let Some(task) = self.registry.get(&request.task) else {
            if let Some(queue) = &self.fallback_queue {
                tracing::info!(
                    "Task {}[{}] is not served here; on to queue {queue}",
                    request.task,
                    request.id
                );
                return self.settle(receipt, settle::forward(request, queue), Some(permit)).await;
            }
            tracing::error!("received unregistered task {}[{}]", request.task, request.id);
            let settlement = settle::unknown_task(request, &outcome, self.results.as_deref());
            return self.settle(receipt, settlement, Some(permit)).await;
        };
        tracing::info!("Task {}[{}] did not run: {}", request.task, request.id, outcome.state());
        let settlement = self.settlement(request, &outcome, &task.options());
        self.settle(receipt, settlement, Some(permit)).await;
    }

    fn settlement(&self, request: &Request, outcome: &Outcome, options: &TaskOptions) -> Settlement {
        settle::settlement(request, outcome, options, self.results.as_deref(), &self.hostname, Utc::now())
    }

    /// The end of a task whose message is gone already: only what follows it is left to do.
    async fn end_acknowledged(&self, settlement: Settlement, receipt: &Receipt) {
        for (queue, envelope) in &settlement.publish {
            if let Err(error) = self.broker.publish(queue, envelope).await {
                tracing::error!(%error, queue, "cannot publish what follows the task");
            }
        }
        if let Some(record) = settlement.result {
            self.store(receipt, &record).await;
        }
    }

    /// Settles, however long the server takes to come back. Ownership is checked on the server, so that trying again
    /// does nothing twice.
    async fn settle(
        &self,
        receipt: &Receipt,
        mut settlement: Settlement,
        mut place: Option<OwnedSemaphorePermit>,
    ) {
        if !self.one_transaction
            && let Some(record) = settlement.result.take()
            && !self.store(receipt, &record).await
        {
            tracing::error!("the result could not be stored: the message goes back to its queue");
            self.broker.abandon(receipt);
            return;
        }
        let mut backoff = Backoff::reconnect();
        loop {
            match self.broker.settle(receipt, settlement.clone(), &mut place).await {
                Ok(Settled::Done) => return,
                Ok(Settled::NotHeld) => {
                    tracing::warn!(
                        "this message is not held here any more; its outcome was not stored again"
                    );
                    return;
                }
                Err(error) => {
                    let pause = backoff.pause();
                    tracing::warn!(%error, pause_ms = pause.as_millis(), "cannot settle; trying again");
                    tokio::select! {
                        () = self.shutdown.cold_requested().cancelled() => return,
                        () = tokio::time::sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// Stores a result where it is not part of the settlement. Answers whether the message may be settled.
    async fn store(&self, receipt: &Receipt, record: &ResultRecord) -> bool {
        let Some(results) = &self.results else { return true };
        let mut backoff = Backoff::reconnect();
        for attempt in 1..=RESULT_ATTEMPTS {
            if receipt.lost.is_cancelled() {
                return false;
            }
            match results.store(record).await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(%error, attempt, of = RESULT_ATTEMPTS, "cannot store a result; trying again");
                    tokio::time::sleep(backoff.pause()).await;
                }
            }
        }
        false
    }
}

async fn join(running: &mut JoinSet<()>) {
    while running.join_next().await.is_some() {}
}

async fn sleep_until(eta: DateTime<Utc>) {
    // Slept in pieces, because the wall clock that an ETA is told in may be set meanwhile.
    const PIECE: Duration = Duration::from_secs(30);
    while let Ok(rest) = (eta - Utc::now()).to_std() {
        if rest.is_zero() {
            return;
        }
        tokio::time::sleep(rest.min(PIECE)).await;
    }
}

fn log_outcome(request: &Request, outcome: &Outcome, started: Instant) {
    let (name, id, seconds) = (&request.task, &request.id, started.elapsed().as_secs_f64());
    match outcome {
        Outcome::Success(_) => tracing::info!("Task {name}[{id}] succeeded in {seconds:.6}s"),
        Outcome::Lost { exception, redeliver: true } => {
            tracing::error!("Task {name}[{id}] goes back to its queue after {seconds:.6}s: {exception}");
        }
        Outcome::Failure(exception) | Outcome::TimedOut(exception) | Outcome::Lost { exception, .. } => {
            tracing::error!("Task {name}[{id}] failed in {seconds:.6}s: {exception}")
        }
        Outcome::Retry { delay, cause } => {
            tracing::info!("Task {name}[{id}] retry in {:.3}s: {cause}", delay.as_secs_f64());
        }
        Outcome::RetryNext { cause } => tracing::info!("Task {name}[{id}] retry as the next one: {cause}"),
        Outcome::Reject { reason, requeue } => {
            tracing::warn!(requeue, "Task {name}[{id}] rejected in {seconds:.6}s: {reason}");
        }
        Outcome::Ignore | Outcome::Revoked(_) => {
            tracing::info!("Task {name}[{id}] {} in {seconds:.6}s", outcome.state().to_lowercase());
        }
    }
}
