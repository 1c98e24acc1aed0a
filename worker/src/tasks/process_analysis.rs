//! `process_analysis(task_id, user_id)`: one analysis from its row to its report (platform.md 6.2).
//!
//! claim -> inputs -> parameters -> bill -> agents, with progress -> report -> upload -> COMPLETED. Every step that ends
//! the work otherwise is a [`Verdict`]; what it means for row and return value stands there and in `conclude`.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use analysis::agent::InputFile;
use analysis::chain::{self, Chain, Job, Observer, Stopped};
use analysis::report::{self, AnalysisSummary, Heading, Report};
use analysis::tools::{self, Tool, Transformer};
use async_trait::async_trait;
use bytes::Bytes;
use celeriac::Exception;
use celeriac::backoff::Backoff;
use celeriac::message::Request;
use celeriac::task::{Arguments, CancelReason, Task, TaskContext, TaskError, TaskOptions};
use chrono::Utc;
use platform::storage::{InputRules, TaskFiles};
use platform::store::{Claim, Finished, Progress, Status, Store, StoreError, TaskRow};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::verdict::{Failure, Verdict, retry};
use super::{Connected, Services};
use crate::config::Analysis;

/// Attempts to write a final state before the whole task is tried again.
const FINAL_WRITE_ATTEMPTS: u32 = 5;
/// Retries of the backend's task (platform.md 1.3).
const MAX_RETRIES: u32 = 3;

/// The task.
#[derive(Debug)]
pub(super) struct ProcessAnalysis {
    services: Services,
    settings: Analysis,
}

impl ProcessAnalysis {
    pub(super) fn new(services: Services, settings: Analysis) -> Self {
        Self { services, settings }
    }
}

#[async_trait]
impl Task for ProcessAnalysis {
    async fn run(&self, context: TaskContext, arguments: Arguments) -> Result<Value, TaskError> {
        let task_id: String = arguments.required(0, "task_id")?;
        let user_id: i64 = arguments.required(1, "user_id")?;
        let started = Instant::now();
        let services = match self.services.connected().await {
            Ok(services) => services,
            Err(error) => {
                let failure = Failure::internal(error.to_string());
                return match error.is_transient() {
                    true => Err(retry(&failure, context.retries())),
                    false => Err(Exception::builtin("RuntimeError", failure.message).into()),
                };
            }
        };
        let attempt = Attempt { services, task_id, user_id, started, context: context.clone() };
        match attempt.run().await {
            Ok(execution_time_ms) => Ok(
                json!({"status": "success", "task_id": attempt.task_id, "execution_time_ms": execution_time_ms}),
            ),
            Err(verdict) => attempt.conclude(verdict, context.retries()).await,
        }
    }

    fn options(&self) -> TaskOptions {
        let mut options = TaskOptions::default();
        options.max_retries = Some(MAX_RETRIES);
        options.rate_limit = self.settings.rate_limit;
        options.global_rate_limit = self.settings.global_rate_limit;
        options
    }

    /// The attempt was ended before it could write the row (platform.md 3.7).
    async fn on_killed(&self, request: &Request, exception: &Exception) {
        let arguments = Arguments { args: request.args.clone(), kwargs: request.kwargs.clone() };
        let Ok(task_id) = arguments.required::<String>(0, "task_id") else { return };
        let message = killed_message(exception);
        let written = patiently(|| async {
            let services = self.services.connected().await?;
            services.store.fail(&task_id, "CELERY_TASK_FAILURE", &message).await
        });
        if let Err(error) = written.await {
            tracing::error!(%error, task_id, "cannot write that the task was ended: {message}");
        }
    }
}

/// The exception's text as the backend's failure hook writes it.
fn killed_message(exception: &Exception) -> String {
    match exception.args.first() {
        Some(Value::String(text)) => text.clone(),
        Some(other) => format!("{}({other},)", exception.class),
        None => exception.to_string(),
    }
}

/// One attempt at one task.
struct Attempt {
    services: Connected,
    task_id: String,
    user_id: i64,
    started: Instant,
    context: TaskContext,
}

impl Attempt {
    /// The way of an analysis that completes; answers its milliseconds.
    async fn run(&self) -> Result<u64, Verdict> {
        let row = self.claim().await?;
        let tool = tools::find(&row.tool_id).ok_or_else(|| {
            let message = format!("The tool {} is not one that can be run.", row.tool_id);
            Verdict::Failed(Failure::refused("UNKNOWN_TOOL", message))
        })?;
        let files = TaskFiles::new(self.services.bucket.clone(), row.user_id, &row.task_id);
        let rules = input_rules(tool);
        let (inputs, parameters) = tokio::try_join!(files.read_inputs(&rules), files.read_parameters())
            .map_err(|error| Verdict::of_inputs(&error, self.elapsed_ms()))?;
        self.go_on(&files).await?;
        let bill =
            self.services.store.charge(&row).await.map_err(|e| Verdict::of_charge(e, self.elapsed_ms()))?;
        tracing::info!(credits = bill.total(), paid_before = bill.paid_before, "billed");

        let inputs = inputs
            .into_iter()
            .map(|(slot, file)| (slot.to_owned(), InputFile { name: file.name, bytes: file.bytes }))
            .collect();
        let chain = self.analyse(tool, row.agents.clone(), inputs, parameters, &files).await?;
        let execution_time_ms = self.elapsed_ms();
        self.upload(tool, &chain, &files, execution_time_ms).await?;
        match patiently(|| self.services.store.complete(&self.task_id)).await? {
            Finished::Written => Ok(execution_time_ms),
            Finished::WrongStatus(status) => Err(self.stopped(status, &files).await),
            Finished::Gone => Err(self.gone(&files).await),
        }
    }

    /// Makes the row ours: the right user's, in the right state.
    async fn claim(&self) -> Result<TaskRow, Verdict> {
        let store = &self.services.store;
        match store.claim(&self.task_id).await? {
            Claim::Claimed => {}
            Claim::WrongStatus(status) => return Err(Verdict::WrongState(status)),
            Claim::Missing => return Err(Verdict::NotFound),
        }
        let row = store.task(&self.task_id).await?.ok_or(Verdict::NotFound)?;
        // A message that names somebody else than the owner would bill a stranger (platform.md Q5).
        if i64::from(row.user_id) != self.user_id || !store.user_exists(row.user_id).await? {
            let message = format!("User {} does not exist or does not own this task.", self.user_id);
            return Err(Verdict::Failed(Failure::refused("USER_NOT_FOUND", message)));
        }
        Ok(row)
    }

    /// Runs the agents on a thread of their own, writing the row before each.
    async fn analyse(
        &self,
        tool: &'static Tool,
        agents: Vec<String>,
        files: BTreeMap<String, InputFile>,
        parameters: Map<String, Value>,
        task_files: &TaskFiles,
    ) -> Result<Chain, Verdict> {
        let job = Job { tool, agents, files, parameters, started: self.started };
        let mut progress = RowProgress {
            store: self.services.store.clone(),
            task_id: self.task_id.clone(),
            cancellation: self.context.cancellation().clone(),
            runtime: Handle::current(),
            stopped: None,
        };
        let span = tracing::Span::current();
        let (result, progress) = tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            (chain::run(job, &mut progress), progress)
        })
        .await
        .map_err(|error| Verdict::Failed(Failure::internal(format!("The analysis broke off: {error}"))))?;
        match (result, progress.stopped) {
            (Ok(chain), _) => Ok(chain),
            (Err(Stopped { .. }), Some(Progress::Stopped(status))) => {
                Err(self.stopped(status, task_files).await)
            }
            (Err(Stopped { .. }), Some(Progress::Gone)) => Err(self.gone(task_files).await),
            (Err(Stopped { .. }), _) => Err(self.interrupted()),
        }
    }

    /// Writes report and data file; nothing of an earlier attempt stays beside them (platform.md 2.4).
    async fn upload(
        &self,
        tool: &Tool,
        chain: &Chain,
        files: &TaskFiles,
        execution_time_ms: u64,
    ) -> Result<(), Verdict> {
        let now = Utc::now();
        let heading = Heading { analysis_id: &self.task_id, tool, timestamp: now };
        let summary = AnalysisSummary::fallback(tool.transformer.data_set_name(), 0, now);
        let mut json = Vec::new();
        Report::new(heading, chain, summary, Vec::new()).write(&mut json).map_err(|error| {
            Verdict::Failed(Failure::internal(format!("The report could not be written: {error}")))
        })?;
        let mut outputs = vec![(report::file_name(&tool.id), Bytes::from(json), "application/json")];
        if let Some(file) = &chain.data_file {
            outputs.push((file.name.clone(), file.bytes.clone(), file.content_type));
        }
        self.go_on(files).await?;
        for (name, bytes, content_type) in &outputs {
            files
                .write_output(name, bytes.clone(), content_type)
                .await
                .map_err(|error| Verdict::of_upload(name, &error, execution_time_ms))?;
        }
        let names: Vec<&str> = outputs.iter().map(|(name, ..)| name.as_str()).collect();
        files
            .delete_outputs_except(&names)
            .await
            .map_err(|error| Verdict::of_upload("of an earlier attempt", &error, execution_time_ms))?;
        Ok(())
    }

    /// Stops here if the row, or the message, is not ours any more.
    async fn go_on(&self, files: &TaskFiles) -> Result<(), Verdict> {
        if self.context.cancel_reason().is_some() {
            return Err(self.interrupted());
        }
        match self.services.store.check(&self.task_id).await? {
            Progress::Continue => Ok(()),
            Progress::Stopped(status) => Err(self.stopped(status, files).await),
            Progress::Gone => Err(self.gone(files).await),
        }
    }

    /// The worker asked the attempt to stop.
    fn interrupted(&self) -> Verdict {
        match self.context.cancel_reason() {
            Some(CancelReason::SoftTimeLimit) => Verdict::TimedOut { execution_time_ms: self.elapsed_ms() },
            _ => Verdict::Superseded,
        }
    }

    /// Somebody gave the row another status: our outputs go, unless another attempt has completed.
    async fn stopped(&self, status: Status, files: &TaskFiles) -> Verdict {
        if status == Status::Completed {
            return Verdict::WrongState(status);
        }
        if let Err(error) = files.delete_outputs_except(&[]).await {
            tracing::warn!(%error, "cannot remove the outputs of a task that was stopped");
        }
        match status {
            Status::Cancelled => Verdict::Cancelled { execution_time_ms: self.elapsed_ms() },
            status => Verdict::WrongState(status),
        }
    }

    /// The row was deleted while we worked: so are the objects that we may have written since.
    async fn gone(&self, files: &TaskFiles) -> Verdict {
        if let Err(error) = files.delete_all().await {
            tracing::warn!(%error, "cannot remove the objects of a task that was deleted");
        }
        Verdict::NotFound
    }

    /// What a verdict means for the row and for Celery.
    async fn conclude(&self, verdict: Verdict, retries: u32) -> Result<Value, TaskError> {
        match verdict {
            Verdict::NotFound => {
                let message = format!("There is no task {}.", self.task_id);
                Ok(Failure::refused("TASK_NOT_FOUND", message).value(&self.task_id))
            }
            Verdict::WrongState(status) => {
                let message = format!(
                    "Task {} is {}; only QUEUED or PROCESSING tasks are run.",
                    self.task_id,
                    status.as_str()
                );
                Ok(Failure::refused("INVALID_TASK_STATE", message).value(&self.task_id))
            }
            Verdict::Cancelled { execution_time_ms } => {
                let message = "The task was cancelled while it ran.";
                Ok(Failure::transformer("TASK_CANCELLED", message, execution_time_ms).value(&self.task_id))
            }
            Verdict::Superseded => Err(TaskError::Ignore),
            Verdict::TimedOut { .. } if retries < MAX_RETRIES => {
                Err(TaskError::RetryNext { cause: Exception::soft_time_limit() })
            }
            Verdict::TimedOut { execution_time_ms } => {
                let attempts = retries.saturating_add(1);
                let message =
                    format!("The analysis reached its soft time limit in each of {attempts} attempts.");
                self.fail(Failure::transformer("TIMEOUT", message, execution_time_ms)).await
            }
            Verdict::Failed(failure) => self.fail(failure).await,
            Verdict::Retry { failure, writable: true } if retries >= MAX_RETRIES => self.fail(failure).await,
            Verdict::Retry { failure, .. } => Err(retry(&failure, retries)),
        }
    }

    /// FAILED in the row, if it is still open, and the error as the return value.
    async fn fail(&self, failure: Failure) -> Result<Value, TaskError> {
        tracing::warn!(error_code = failure.code, "the analysis failed: {}", failure.message);
        let written =
            patiently(|| self.services.store.fail(&self.task_id, failure.code, &failure.message)).await;
        match written {
            Ok(Finished::Written | Finished::WrongStatus(_) | Finished::Gone) => {
                Ok(failure.value(&self.task_id))
            }
            Err(error) => {
                let message = format!("{}: {} ({error})", failure.code, failure.message);
                Err(Exception::builtin("RuntimeError", message).into())
            }
        }
    }

    /// Whole milliseconds since the attempt began, truncated (platform.md 1.2).
    fn elapsed_ms(&self) -> u64 {
        self.started.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

/// Tries a write several times before its failure counts: what it ends would have to be done all over again.
async fn patiently<T, R>(write: impl Fn() -> R) -> Result<T, StoreError>
where
    R: Future<Output = Result<T, StoreError>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));
    let mut attempts_left = FINAL_WRITE_ATTEMPTS;
    loop {
        attempts_left -= 1;
        match write().await {
            Err(error) if error.is_transient() && attempts_left > 0 => {
                tracing::warn!(%error, attempts_left, "the database did not take the outcome; trying again");
                tokio::time::sleep(backoff.pause()).await;
            }
            answer => return answer,
        }
    }
}

/// platform.md 4.3: which objects count, and whether there must be any.
fn input_rules(tool: &Tool) -> InputRules {
    let other_slots = tool
        .files
        .iter()
        .map(|slot| slot.key.clone())
        .filter(|key| key != platform::storage::PRIMARY && key != platform::storage::BASELINE)
        .collect();
    InputRules {
        other_slots,
        may_be_empty: tool.transformer == Transformer::Analytics && !tool.requires_files(),
    }
}

/// Writes the row before each agent, and stops the chain when the row says so.
struct RowProgress {
    store: Store,
    task_id: String,
    cancellation: CancellationToken,
    runtime: Handle,
    stopped: Option<Progress>,
}

impl Observer for RowProgress {
    fn before_agent(&mut self, agent_id: &str, done: usize, total: usize) -> ControlFlow<()> {
        if self.cancellation.is_cancelled() {
            return ControlFlow::Break(());
        }
        let progress = chain::progress(done, total);
        tracing::info!(agent_id, progress, "agent {} of {total}", done + 1);
        match self.runtime.block_on(self.store.report_progress(&self.task_id, agent_id, progress)) {
            Ok(Progress::Continue) => ControlFlow::Continue(()),
            Ok(stopped) => {
                self.stopped = Some(stopped);
                ControlFlow::Break(())
            }
            Err(error) => {
                // Progress is for show; the outcome's own write insists.
                tracing::warn!(%error, "cannot write the progress; going on");
                ControlFlow::Continue(())
            }
        }
    }
}
