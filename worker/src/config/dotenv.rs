//! The `.env` file, read as the Python backend's loader (python-dotenv) reads it.
//!
//! `KEY=value`, `export KEY=value`, `'...'` and `"..."` (which may span lines), comments, and
//! `${NAME}` / `${NAME:-default}` in values. A line that is none of this is reported by its number
//! (never by its text, which may be a secret) and left out.

use std::iter::Peekable;
use std::str::CharIndices;

/// What a `.env` file says.
#[derive(Default)]
pub(crate) struct DotEnv {
    /// Names and values in the order of the file; of a repeated name the last counts.
    pub(crate) variables: Vec<(String, String)>,
    /// The numbers of the lines where a statement begins that could not be read.
    pub(crate) unreadable_lines: Vec<usize>,
}

impl DotEnv {
    /// Reads the text of the file. `process` looks a name up in the real environment, which precedes
    /// the file in `${NAME}` too.
    pub(crate) fn parse(text: &str, process: impl Fn(&str) -> Option<String>) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut parser = Parser { text, rest: text.char_indices().peekable() };
        let mut out = Self::default();
        while parser.skip_blank() {
            let start = parser.position();
            match parser.statement() {
                Some(Statement::Assignment(name, value)) => {
                    let value = interpolate(&value, |name| process(name).or_else(|| out.get(name)));
                    out.variables.push((name, value));
                }
                Some(Statement::Nothing) => {}
                None => {
                    out.unreadable_lines.push(line_number(text, start));
                    parser.skip_line();
                }
            }
        }
        out
    }

    /// The value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
}

enum Statement {
    Assignment(String, String),
    /// A comment, or a name without a value.
    Nothing,
}

struct Parser<'t> {
    text: &'t str,
    rest: Peekable<CharIndices<'t>>,
}

impl Parser<'_> {
    fn position(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, character)| *character)
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some((_, character)) = self.rest.next_if(|(_, character)| accept(*character)) {
            taken.push(character);
        }
        taken
    }

    /// Moves to the next statement; false at the end of the file.
    fn skip_blank(&mut self) -> bool {
        self.take_while(char::is_whitespace);
        self.peek().is_some()
    }

    fn skip_line(&mut self) {
        self.take_while(is_in_line);
    }

    fn skip_spaces(&mut self) -> usize {
        self.take_while(is_space).len()
    }

    /// None when the line cannot be read.
    fn statement(&mut self) -> Option<Statement> {
        if self.peek() == Some('#') {
            self.skip_line();
            return Some(Statement::Nothing);
        }
        let mut name = self.name()?;
        if name == "export"
            && self.skip_spaces() > 0
            && !matches!(self.peek(), Some('=' | '\n' | '\r') | None)
        {
            name = self.name()?;
        }
        self.skip_spaces();
        if self.rest.next_if(|(_, character)| *character == '=').is_none() {
            return self.ends_here().then_some(Statement::Nothing);
        }
        let spaces = self.skip_spaces();
        let value = match self.peek() {
            Some('#') if spaces > 0 => String::new(),
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            _ => unquoted(&self.take_while(is_in_line)),
        };
        self.ends_here().then_some(Statement::Assignment(name, value))
    }

    fn name(&mut self) -> Option<String> {
        let name = if self.rest.next_if(|(_, character)| *character == '\'').is_some() {
            let name = self.take_while(|character| character != '\'');
            self.rest.next()?;
            name
        } else {
            self.take_while(|character| !character.is_whitespace() && !matches!(character, '=' | '#'))
        };
        (!name.is_empty()).then_some(name)
    }

    /// The text between quotes, its escapes resolved; None when the closing one is missing.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let opening = self.rest.clone();
        self.rest.next();
        let mut value = String::new();
        loop {
            match self.rest.next() {
                Some((_, character)) if character == quote => return Some(value),
                Some((_, '\\')) => push_escaped(&mut value, self.rest.next()?.1, quote),
                Some((_, character)) => value.push(character),
                None => {
                    // Only the line with the opening quote is lost, not the rest of the file.
                    self.rest = opening;
                    return None;
                }
            }
        }
    }

    /// After a statement only a comment may follow on the line.
    fn ends_here(&mut self) -> bool {
        self.skip_spaces();
        if self.peek() == Some('#') {
            self.skip_line();
        }
        !self.peek().is_some_and(is_in_line)
    }
}

fn is_in_line(character: char) -> bool {
    !matches!(character, '\n' | '\r')
}

fn is_space(character: char) -> bool {
    character.is_whitespace() && is_in_line(character)
}

/// Without quotes the value ends before a `#` that follows white space.
fn unquoted(line: &str) -> String {
    let comment = line
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| line.get(..*at).is_some_and(|before| before.ends_with(char::is_whitespace)));
    comment.and_then(|at| line.get(..at)).unwrap_or(line).trim_end().to_owned()
}

/// A single-quoted text knows two escapes, a double-quoted one also those of control characters; any
/// other backslash stays.
fn push_escaped(value: &mut String, character: char, quote: char) {
    let resolved = match (quote, character) {
        (_, '\\' | '\'') | ('"', '"') => character,
        ('"', 'a') => '\u{7}',
        ('"', 'b') => '\u{8}',
        ('"', 'f') => '\u{c}',
        ('"', 'n') => '\n',
        ('"', 'r') => '\r',
        ('"', 't') => '\t',
        ('"', 'v') => '\u{b}',
        _ => {
            value.push('\\');
            character
        }
    };
    value.push(resolved);
}

/// Replaces `${NAME}` and `${NAME:-default}`; an unknown name without default becomes nothing.
fn interpolate(value: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let reference = after.split_once('}').and_then(|(inside, tail)| match inside.split_once(':') {
            Some((name, default)) => default.strip_prefix('-').map(|default| (name, default, tail)),
            None => Some((inside, "", tail)),
        });
        match reference {
            Some((name, default, tail)) => {
                out.push_str(&lookup(name).unwrap_or_else(|| default.to_owned()));
                rest = tail;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn line_number(text: &str, position: usize) -> usize {
    1 + text.bytes().take(position).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)], unreadable_lines: &[usize]) {
        let read = DotEnv::parse(text, |name| (name == "HOME_HOST").then(|| "box".to_owned()));

        let variables: Vec<(&str, &str)> =
            read.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(variables, expected, "{text:?}");
        assert_eq!(read.unreadable_lines, unreadable_lines, "{text:?}");
    }

    #[test]
    fn reads_what_python_dotenv_reads() {
        check("A=1\nB = two words \n", &[("A", "1"), ("B", "two words")], &[]);
        check("\u{feff}export A=1\r\nexport\tB=2\r\n", &[("A", "1"), ("B", "2")], &[]);
        check(
            "# c\n\n  A=1 # c\nB=1#2\nC= # c\nD=#d\n",
            &[("A", "1"), ("B", "1#2"), ("C", ""), ("D", "#d")],
            &[],
        );
        check("A='a # \\' \\n' # c\nB=\"a\\tb\\\"\\z\"\n", &[("A", "a # ' \\n"), ("B", "a\tb\"\\z")], &[]);
        check("A=\"first\nsecond\"\nB=3", &[("A", "first\nsecond"), ("B", "3")], &[]);
        check("A=\nB\n'C D'=4\nexport=5\n", &[("A", ""), ("C D", "4"), ("export", "5")], &[]);
    }

    #[test]
    fn values_refer_to_the_environment_first_and_to_the_file_second() {
        check(
            "HOME_HOST=file\nA=redis://${HOME_HOST}/0\nB=${A}\nC=${NO:-x}${NO}$A${NO:x}\n",
            &[("HOME_HOST", "file"), ("A", "redis://box/0"), ("B", "redis://box/0"), ("C", "x$A${NO:x}")],
            &[],
        );
    }

    #[test]
    fn an_unreadable_line_costs_only_itself() {
        check("=1\nA='open\nB=2\nC=\"x\" y\nD=4\n", &[("B", "2"), ("D", "4")], &[1, 2, 4]);
        check("A=1\nB=\"open", &[("A", "1")], &[2]);
    }
}
