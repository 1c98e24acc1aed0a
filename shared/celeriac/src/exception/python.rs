//! The classes of Python's built-in exceptions, as far as a task raises them: which catches which.

/// Class, the class that it is a kind of. Those that are not named here are right under `Exception`.
const KINDS: [(&str, &str); 38] = [
    ("ArithmeticError", "Exception"),
    ("FloatingPointError", "ArithmeticError"),
    ("OverflowError", "ArithmeticError"),
    ("ZeroDivisionError", "ArithmeticError"),
    ("LookupError", "Exception"),
    ("IndexError", "LookupError"),
    ("KeyError", "LookupError"),
    ("ImportError", "Exception"),
    ("ModuleNotFoundError", "ImportError"),
    ("NameError", "Exception"),
    ("UnboundLocalError", "NameError"),
    ("RuntimeError", "Exception"),
    ("NotImplementedError", "RuntimeError"),
    ("RecursionError", "RuntimeError"),
    ("SyntaxError", "Exception"),
    ("IndentationError", "SyntaxError"),
    ("TabError", "IndentationError"),
    ("ValueError", "Exception"),
    ("UnicodeError", "ValueError"),
    ("UnicodeDecodeError", "UnicodeError"),
    ("UnicodeEncodeError", "UnicodeError"),
    ("UnicodeTranslateError", "UnicodeError"),
    ("OSError", "Exception"),
    ("BlockingIOError", "OSError"),
    ("ChildProcessError", "OSError"),
    ("ConnectionError", "OSError"),
    ("BrokenPipeError", "ConnectionError"),
    ("ConnectionAbortedError", "ConnectionError"),
    ("ConnectionRefusedError", "ConnectionError"),
    ("ConnectionResetError", "ConnectionError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("ProcessLookupError", "OSError"),
    ("TimeoutError", "OSError"),
];
const BUILTINS: &str = "builtins";
/// Other names of `OSError`.
const OS_ERRORS: [&str; 2] = ["IOError", "EnvironmentError"];

pub(super) fn is_a(module: &str, class: &str, wanted: &str) -> bool {
    let (wanted_module, wanted) = match wanted.rsplit_once('.') {
        Some((module, class)) => (Some(module), class),
        None => (None, wanted),
    };
    let wanted = if OS_ERRORS.contains(&wanted) { "OSError" } else { wanted };
    if class == wanted && wanted_module.is_none_or(|wanted| wanted == module) {
        return true;
    }
    // What is above a class is built in.
    if wanted_module.is_some_and(|wanted| wanted != BUILTINS) {
        return false;
    }
    if wanted == "Exception" || wanted == "BaseException" {
        return true;
    }
    let mut class = if module == BUILTINS { class } else { return false };
    while let Some((_, above)) = KINDS.iter().find(|(kind, _)| *kind == class) {
        if *above == wanted {
            return true;
        }
        class = above;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_except_catches() {
        for (module, class, wanted, expected) in [
            (BUILTINS, "ConnectionResetError", "ConnectionResetError", true),
            (BUILTINS, "ConnectionResetError", "ConnectionError", true),
            (BUILTINS, "ConnectionResetError", "IOError", true),
            (BUILTINS, "ConnectionResetError", "builtins.Exception", true),
            (BUILTINS, "ConnectionResetError", "TimeoutError", false),
            (BUILTINS, "OSError", "ConnectionError", false),
            (BUILTINS, "MemoryError", "Exception", true),
            ("shop.errors", "OutOfStock", "OutOfStock", true),
            ("shop.errors", "OutOfStock", "shop.errors.OutOfStock", true),
            ("shop.errors", "OutOfStock", "other.OutOfStock", false),
            ("shop.errors", "OutOfStock", "Exception", true),
            ("shop.errors", "KeyError", "LookupError", false),
            ("shop.errors", "KeyError", "builtins.KeyError", false),
        ] {
            assert_eq!(is_a(module, class, wanted), expected, "{module}.{class} as {wanted}");
        }
    }
}
