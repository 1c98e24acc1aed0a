//! Calling a task's body, so that a panic in it is a failure with a backtrace.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

use futures_util::FutureExt;

use crate::exception::Exception;
use crate::outcome::Outcome;
use crate::task::{Arguments, Task, TaskContext};

/// More of a backtrace tells nobody anything.
const LONGEST_BACKTRACE: usize = 16 << 10;

thread_local! {
    /// Where this thread panicked last.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs the body to its end.
pub(super) async fn run(task: &dyn Task, context: TaskContext) -> Outcome {
    keep_backtraces();
    let request = context.request();
    let arguments = Arguments { args: request.args.clone(), kwargs: request.kwargs.clone() };
    // What a panic leaves half done is the task's own.
    match AssertUnwindSafe(async { task.run(context, arguments).await }).catch_unwind().await {
        Ok(end) => end.into(),
        // The future is polled, and so unwound, on the thread that goes on here.
        Err(panic) => Outcome::Failure(failure(&*panic, LAST_PANIC.take())),
    }
}

fn failure(panic: &(dyn Any + Send), backtrace: Option<String>) -> Exception {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let exception = Exception::builtin("RuntimeError", format!("the task panicked: {text}"));
    match backtrace {
        Some(backtrace) => exception.with_traceback(backtrace),
        None => exception,
    }
}

/// Puts the backtrace of each panic aside, before whatever else the program does about panics.
fn keep_backtraces() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let program_s = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let mut text = format!("panicked at {place}\n{}", Backtrace::force_capture());
            let end = text.floor_char_boundary(LONGEST_BACKTRACE);
            text.truncate(end);
            LAST_PANIC.set(Some(text));
            program_s(panic);
        }));
    });
}
