//! The header line: blank lines before it, names, and names that come twice.

use hashbrown::HashMap;

use super::ReadError;
use super::fields::{LINE_END, Quoting, field, undouble};

/// Length of the blank lines at the beginning.
pub(super) fn blank_lines(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'\r', LINE_END, after @ ..] | [LINE_END, after @ ..] => after,
            [b'\r'] => &[],
            _ => return bytes.len() - rest.len(),
        };
    }
}

/// The names of the columns, and where the data begins.
pub(super) fn read(bytes: &[u8], start: usize) -> Result<(Vec<String>, usize), ReadError> {
    let mut names = Names::default();
    let mut at = start;
    loop {
        let found = field(bytes, at);
        let mut name = Vec::new();
        match found.quoting {
            Quoting::Doubled => undouble(found.content(bytes), &mut name),
            // A quote that is no quotation stays as it was written.
            Quoting::TextAfter | Quoting::Unclosed => {
                name.extend_from_slice(bytes.get(at..found.end).unwrap_or_default());
            }
            Quoting::None | Quoting::Plain => name.extend_from_slice(found.content(bytes)),
        }
        names.add(String::from_utf8_lossy(&name).into_owned());
        at = found.next;
        if found.ends_record {
            return Ok((names.unique, at.min(bytes.len())));
        }
    }
}

#[derive(Default)]
struct Names {
    unique: Vec<String>,
    /// Each name in use, with the number that its next repetition tries first.
    taken: HashMap<String, u64>,
}

impl Names {
    /// A name that comes again gets `_duplicated_0`, `_duplicated_1`, ...: the next of them that is free.
    fn add(&mut self, name: String) {
        let mut free = name.clone();
        if let Some(first) = self.taken.get(&name).copied() {
            let mut number = first;
            while self.taken.contains_key(&free) {
                free = format!("{name}_duplicated_{number}");
                number += 1;
            }
            self.taken.insert(name, number);
        }
        self.taken.insert(free.clone(), 0);
        self.unique.push(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str) -> Vec<String> {
        read(header.as_bytes(), 0).unwrap().0
    }

    #[test]
    fn repeated_and_empty_names_are_told_apart() {
        assert_eq!(names("a,a,b,a\n"), ["a", "a_duplicated_0", "b", "a_duplicated_1"]);
        assert_eq!(names(",,x"), ["", "_duplicated_0", "x"]);
        assert_eq!(
            names("a,a_duplicated_0,a,a"),
            ["a", "a_duplicated_0", "a_duplicated_1", "a_duplicated_2"]
        );
    }

    #[test]
    fn names_keep_blanks_and_may_be_quoted() {
        assert_eq!(names(" a , b\r\n1,2"), [" a ", " b"]);
        assert_eq!(names("\"a,\nb\",\"say \"\"x\"\"\"\n"), ["a,\nb", "say \"x\""]);
        assert_eq!(names("x^2,\"a\"b"), ["x^2", "\"a\"b"]);
    }

    #[test]
    fn blank_lines_are_measured() {
        assert_eq!(blank_lines(b"\n\r\na"), 3);
        assert_eq!(blank_lines(b" \na"), 0);
        assert_eq!(blank_lines(b"\r\n\r"), 3);
    }
}
