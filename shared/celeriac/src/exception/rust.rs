//! Rust errors as Python's classes.
//!
//! An error takes the class of the first error in its chain of sources that Python has a class for, so that `except
//! TimeoutError` and `autoretry_for` work for errors that wrap others:
//!
//! | error | class |
//! |---|---|
//! | [`std::io::Error`] | Python's subclass of `OSError` for its kind, else `OSError`; `ValueError` for invalid data |
//! | [`tokio::time::error::Elapsed`] | `TimeoutError` |
//! | numbers, texts, times and JSON that cannot be read | `ValueError` |
//! | [`std::collections::TryReserveError`] | `MemoryError` |
//! | anything else | `RuntimeError` |

use std::error::Error;
use std::io::{self, ErrorKind};

use super::Exception;

impl Exception {
    /// The exception of a Rust error. Its message is the error's, followed by those of its sources as far as they are not
    /// in it already.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let chain = || std::iter::successors(Some(error), |&error| error.source());
        let class = chain().find_map(class).unwrap_or("RuntimeError");
        let mut message = error.to_string();
        for source in chain().skip(1).map(ToString::to_string) {
            if !message.contains(&source) {
                message = format!("{message}: {source}");
            }
        }
        Self::builtin(class, message)
    }
}

impl<E: Error + 'static> From<E> for Exception {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

fn class(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(io_class(error.kind()));
    }
    if error.is::<tokio::time::error::Elapsed>() {
        return Some("TimeoutError");
    }
    if error.is::<std::collections::TryReserveError>() {
        return Some("MemoryError");
    }
    let unreadable = error.is::<std::num::ParseIntError>()
        || error.is::<std::num::ParseFloatError>()
        || error.is::<std::num::TryFromIntError>()
        || error.is::<std::str::ParseBoolError>()
        || error.is::<std::str::Utf8Error>()
        || error.is::<std::string::FromUtf8Error>()
        || error.is::<std::char::ParseCharError>()
        || error.is::<chrono::ParseError>()
        || error.is::<serde_json::Error>();
    unreadable.then_some("ValueError")
}

fn io_class(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "FileNotFoundError",
        ErrorKind::PermissionDenied => "PermissionError",
        ErrorKind::AlreadyExists => "FileExistsError",
        ErrorKind::IsADirectory => "IsADirectoryError",
        ErrorKind::NotADirectory => "NotADirectoryError",
        ErrorKind::ConnectionRefused => "ConnectionRefusedError",
        ErrorKind::ConnectionReset => "ConnectionResetError",
        ErrorKind::ConnectionAborted => "ConnectionAbortedError",
        ErrorKind::NotConnected
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => "ConnectionError",
        ErrorKind::BrokenPipe => "BrokenPipeError",
        ErrorKind::TimedOut => "TimeoutError",
        ErrorKind::Interrupted => "InterruptedError",
        ErrorKind::WouldBlock => "BlockingIOError",
        ErrorKind::OutOfMemory => "MemoryError",
        ErrorKind::UnexpectedEof => "EOFError",
        ErrorKind::InvalidInput | ErrorKind::InvalidData => "ValueError",
        _ => "OSError",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the price list cannot be read")]
    struct Wrapped(#[source] io::Error);

    #[test]
    fn the_first_error_that_python_has_a_class_for() {
        let wrapped = Wrapped(io::Error::new(ErrorKind::ConnectionReset, "reset by peer"));
        let exception = Exception::of(&wrapped);
        assert_eq!(
            exception.to_string(),
            "ConnectionResetError('the price list cannot be read: reset by peer')"
        );
        assert!(exception.is_a("OSError"));
        assert_eq!(Exception::of(&"x".parse::<i32>().unwrap_err()).class, "ValueError");
        assert_eq!(Exception::of(&std::fmt::Error).class, "RuntimeError");
        assert_eq!(Exception::of(&io::Error::other("x")).class, "OSError");
    }
}
