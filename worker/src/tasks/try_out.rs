//! `celeriac.test.*`: tasks for drills, benchmarks, and for trying out a set-up. Served only on request
//! (`--with-test-tasks`).

use std::time::{Duration, Instant};

use celeriac::Exception;
use celeriac::task::{Arguments, Registry, TaskContext, TaskError, TaskOptions};
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
    registry.register_fn("celeriac.test.sleep", options.clone(), sleep);
    // The same under other rules for its message.
    let with = |change: fn(&mut TaskOptions)| {
        let mut options = TaskOptions::default();
        change(&mut options);
        options
    };
    registry.register_fn("celeriac.test.sleep_acked", with(|options| options.acks_late = false), sleep);
    let kept = with(|options| options.acks_on_timeout = false);
    registry.register_fn("celeriac.test.sleep_kept", kept, sleep);
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
    registry.register_fn("celeriac.test.abort", options.clone(), |_, _| async { std::process::abort() });
    let given_up = with(|options| options.reject_on_worker_lost = false);
    registry.register_fn("celeriac.test.abort_once", given_up, |_, _| async { std::process::abort() });
    registry.register_fn("celeriac.test.exit", options.clone(), |_, arguments| async move {
        std::process::exit(arguments.required(0, "code")?)
    });
    registry.register_fn("celeriac.test.overflow", options.clone(), |_, _| async { Ok(json!(overflow(1))) });
    registry.register_fn("celeriac.test.hoard", options.clone(), |_, _| blocking(hoard));
    registry.register_fn("celeriac.test.print", options.clone(), |_, arguments| async move {
        let megabytes: usize = arguments.required(0, "megabytes")?;
        blocking(move || print(megabytes).map_or_else(|error| json!(error.to_string()), Value::from)).await
    });
    registry.register_fn("celeriac.test.close_pipes", options.clone(), |_, _| async { Ok(close_pipes()) });
    registry.register_fn("celeriac.test.pid", options, |context, _| async move {
        context.report_progress(json!({"percentage": 50}));
        Ok(json!(std::process::id()))
    });
}

async fn sleep(context: TaskContext, arguments: Arguments) -> Result<Value, TaskError> {
    let seconds = seconds(arguments.required(0, "seconds")?)?;
    tokio::select! {
        () = tokio::time::sleep(seconds) => Ok(Value::Null),
        () = context.cancellation().cancelled() => Err(context.stopped()),
    }
}

/// Uses all of the stack.
#[expect(unconditional_recursion, reason = "this is what the caller asks for")]
fn overflow(depth: u64) -> u64 {
    // Looked at from outside, so that no frame can be left out.
    let frame = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + std::hint::black_box(&frame).iter().sum::<u64>()
}

/// Takes memory until it is stopped.
fn hoard() -> Value {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&hoard);
    }
}

/// Prints so many megabytes; answers how many bytes it got rid of.
fn print(megabytes: usize) -> std::io::Result<u64> {
    use std::io::Write;
    let line = [[b'x'; 127].as_slice(), b"\n"].concat().repeat(1 << 13);
    let mut output = std::io::stdout().lock();
    for _ in 0..megabytes {
        output.write_all(&line)?;
    }
    output.flush()?;
    Ok(megabytes as u64 * line.len() as u64)
}

/// Closes standard input and output, as a task may that has become a daemon's code. Answers the process.
fn close_pipes() -> Value {
    #[cfg(unix)]
    for descriptor in 0..3 {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: nobody in this process owns the standard descriptors, and those who borrow them get an error from now on.
        #[expect(unsafe_code, reason = "only so can a task close what it does not own")]
        drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    }
    json!(std::process::id())
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
