//! `celeriac.test.*`: tasks for drills, benchmarks, and for trying out a set-up. Served only on request
//! (`--with-test-tasks`).

use std::time::{Duration, Instant};

use celeriac::Exception;
use celeriac::task::{Registry, TaskError, TaskOptions};
use serde_json::{Value, json};

/// Seconds before the retry of `fail("retry")`, unless it says otherwise: `fail("retry", delay)`.
const RETRY_DELAY: f64 = 1.0;

/// Registers them all.
pub(super) fn register(registry: &mut Registry) {
    let options = TaskOptions::default();
    registry.register_fn("celeriac.test.noop", options.clone(), |_, _| async { Ok(Value::Null) });
    registry.register_fn("celeriac.test.echo", options.clone(), |_, arguments| async move {
        Ok(json!({"args": arguments.args, "kwargs": arguments.kwargs}))
    });
    registry.register_fn("celeriac.test.sleep", options.clone(), |context, arguments| async move {
        let seconds = seconds(arguments.required(0, "seconds")?)?;
        tokio::select! {
            () = tokio::time::sleep(seconds) => Ok(Value::Null),
            () = context.cancellation().cancelled() => Err(TaskError::Ignore),
        }
    });
    registry.register_fn("celeriac.test.fail", options.clone(), |_, arguments| async move {
        let kind: String = arguments.required(0, "kind")?;
        let delay = seconds(arguments.optional(1, "delay")?.unwrap_or(RETRY_DELAY))?;
        Err::<Value, _>(failure(&kind, delay))
    });
    registry.register_fn("celeriac.test.allocate", options.clone(), |_, arguments| async move {
        let megabytes: usize = arguments.required(0, "megabytes")?;
        blocking(move || {
            // Written to, so that the pages are really there.
            let memory = vec![1_u8; megabytes.saturating_mul(1 << 20)];
            json!(memory.iter().step_by(4096).map(|byte| u64::from(*byte)).sum::<u64>())
        })
        .await
    });
    registry.register_fn("celeriac.test.spin", options.clone(), |_, arguments| async move {
        let seconds = seconds(arguments.required(0, "seconds")?)?;
        blocking(move || {
            let started = Instant::now();
            while started.elapsed() < seconds {
                std::hint::spin_loop();
            }
            Value::Null
        })
        .await
    });
    registry.register_fn("celeriac.test.abort", options, |_, _| async { std::process::abort() });
}

#[expect(clippy::panic, reason = "this is what the caller asks for")]
fn failure(kind: &str, delay: Duration) -> TaskError {
    match kind {
        "value_error" => Exception::builtin("ValueError", "asked to fail").into(),
        "retry" => TaskError::Retry { delay, cause: Exception::builtin("ConnectionError", "asked to retry") },
        "reject" => TaskError::Reject { reason: "asked to reject".into(), requeue: false },
        "ignore" => TaskError::Ignore,
        "panic" => panic!("asked to panic"),
        other => {
            let message = format!("fail() knows value_error, retry, reject, ignore and panic, not '{other}'");
            Exception::builtin("ValueError", message).into()
        }
    }
}

fn seconds(seconds: f64) -> Result<Duration, Exception> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| Exception::builtin("ValueError", format!("seconds = {seconds}: {error}")))
}

async fn blocking(work: impl FnOnce() -> Value + Send + 'static) -> Result<Value, TaskError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Exception::builtin("RuntimeError", error.to_string()).into())
}
