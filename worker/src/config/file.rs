//! The configuration file, `worker.toml`: TOML whose tables are the sections of the settings.
//!
//! Values may be written in TOML's types or as the text that the environment would hold; both are read
//! the same way. Keys that are no setting are errors that name the nearest one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::origin::{Given, Origin};
use super::problem::Problem;
use super::setting::Setting;
use super::settings::{SECTIONS, SETTINGS, find};

/// The name of the configuration file that is read when it exists and no other is named.
pub(crate) const DEFAULT_FILE: &str = "worker.toml";

/// How alike two keys must be for one to be suggested for the other (0 to 1).
const LIKENESS: f64 = 0.8;

/// The settings in a configuration file.
#[derive(Default)]
pub(crate) struct ConfigFile(BTreeMap<&'static str, Given>);

impl ConfigFile {
    /// Reads the file at `place`, which messages call `name`. What is wrong with it is added to the
    /// problems.
    pub(crate) fn read(place: &Path, name: &Path, problems: &mut Vec<Problem>) -> Self {
        let name = name.display().to_string();
        match std::fs::read_to_string(place) {
            Ok(text) => Self::parse(&name, &text, problems),
            Err(why) => {
                problems.push(Problem::UnreadableFile { path: name, why: why.to_string() });
                Self::default()
            }
        }
    }

    fn parse(path: &str, text: &str, problems: &mut Vec<Problem>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader { path, text, problems, values: BTreeMap::new() };
        if errors.is_empty() {
            reader.table("", table.get_ref());
        }
        // Only the bare message: the error's own text quotes the line, which may hold a secret.
        for error in errors {
            let line = reader.line(error.span().unwrap_or_default());
            let why = error.message().trim().replace('\n', ", ");
            reader.problems.push(Problem::Syntax { path: path.to_owned(), line, why });
        }
        Self(reader.values)
    }

    /// What the file says about a setting.
    pub(crate) fn given(&self, setting: &Setting) -> Option<Given> {
        self.0.get(setting.key).cloned()
    }
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    problems: &'a mut Vec<Problem>,
    values: BTreeMap<&'static str, Given>,
}

impl Reader<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = if prefix.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{prefix}.{}", name.get_ref())
            };
            let line = self.line(name.span());
            match (find(&key).filter(|setting| setting.in_file), value.get_ref()) {
                (Some(setting), value) => self.value(setting, line, value),
                (None, DeValue::Table(inner)) if is_section(&key) => self.table(&key, inner),
                (None, value) if is_section(&key) => self.wrong_shape(&key, line, value, "a table"),
                (None, value) => {
                    let nearest = nearest(&key, value.is_table());
                    self.problems.push(Problem::UnknownKey {
                        path: self.path.to_owned(),
                        line,
                        key,
                        nearest,
                    });
                }
            }
        }
    }

    fn value(&mut self, setting: &'static Setting, line: usize, value: &DeValue<'_>) {
        match text_of(value) {
            Some(text) => {
                let origin = Origin::File { path: self.path.to_owned(), line };
                self.values.insert(setting.key, Given { text, origin });
            }
            None => self.wrong_shape(
                setting.key,
                line,
                value,
                "a text, a number, true or false, or an array of texts",
            ),
        }
    }

    fn wrong_shape(&mut self, key: &str, line: usize, value: &DeValue<'_>, expected: &'static str) {
        let found = match value {
            DeValue::Table(_) => "a table",
            DeValue::Array(_) => "an array",
            DeValue::Datetime(_) => "a date",
            _ => "a value",
        };
        let (path, key) = (self.path.to_owned(), key.to_owned());
        self.problems.push(Problem::WrongShape { path, line, key, found, expected });
    }
}

/// The text that the environment would hold for this value; None for tables, dates and nested arrays.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

fn is_section(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// The setting, or for a table the section, that this key resembles most: its key as a whole (`broker_url`,
/// `workers.queues`), the last part of its key, or its flag (`result_backend`).
fn nearest(key: &str, is_table: bool) -> Option<String> {
    let candidates: Vec<(&str, Option<&str>)> = if is_table {
        SECTIONS.iter().map(|(section, _, _)| (*section, None)).collect()
    } else {
        let settings = SETTINGS.iter().filter(|setting| setting.in_file);
        settings.map(|setting| (setting.key, setting.flag.map(|flag| flag.long))).collect()
    };
    let plain = |key: &str| key.to_ascii_lowercase().replace(['.', '-'], "_");
    let last = |key: &str| plain(key.rsplit('.').next().unwrap_or(key));
    let (whole, end) = (plain(key), last(key));
    candidates
        .into_iter()
        .map(|(known, flag)| {
            let by_key = strsim::jaro_winkler(&whole, &plain(known));
            let by_parts = (by_key + strsim::jaro_winkler(&end, &last(known))) / 2.0;
            let by_flag = flag.map_or(0.0, |flag| strsim::jaro_winkler(&whole, &plain(flag)));
            (by_key.max(by_parts).max(by_flag), known)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, key)| key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Vec<(&'static str, String, usize)>, Vec<String>) {
        let mut problems = Vec::new();
        let file = ConfigFile::parse("w.toml", text, &mut problems);
        let values = file.0.into_iter().map(|(key, given)| match given.origin {
            Origin::File { line, .. } => (key, given.text, line),
            other => panic!("{other:?}"),
        });
        (values.collect(), problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_keep_their_line_and_become_the_environment_s_text() {
        let (values, problems) = parse(
            "[worker]\nqueues = [\"a\", \"b\"]\nconcurrency = 4\n\n[broker.tls]\nverify = false\n[broker]\nvisibility_timeout = 1.5\n",
        );

        assert_eq!(problems, [""; 0]);
        assert_eq!(
            values,
            [
                ("broker.tls.verify", "false".to_owned(), 6),
                ("broker.visibility_timeout", "1.5".to_owned(), 8),
                ("worker.concurrency", "4".to_owned(), 3),
                ("worker.queues", "a,b".to_owned(), 2),
            ]
        );
    }

    #[test]
    fn unknown_keys_suggest_the_nearest_setting() {
        let cases = [
            ("broker.ulr", Some("broker.url")),
            ("broker_url", Some("broker.url")),
            ("broker.tls.cafile", Some("broker.tls.ca_file")),
            ("workers.queues", Some("worker.queues")),
            ("worker.prefetch", Some("worker.prefetch_multiplier")),
            ("worker.log_level", Some("worker.loglevel")),
            ("database.dsn", Some("database.url")),
            ("result_backend", Some("results.url")),
            ("queues", Some("worker.queues")),
            ("zzz", None),
        ];

        for (key, expected) in cases {
            assert_eq!(nearest(key, false).as_deref(), expected, "{key}");
        }
        let (_, problems) = parse("[worker]\nconcurency = 4\n[wroker]\nx = 1\n");
        assert_eq!(
            problems,
            [
                "w.toml, line 2: there is no setting `worker.concurency`; did you mean `worker.concurrency`?",
                "w.toml, line 3: there is no setting `wroker`; did you mean `worker`?",
            ]
        );
    }

    #[test]
    fn the_path_of_the_file_is_no_setting_in_it() {
        assert_eq!(parse("config = \"x\"\n").1, ["w.toml, line 1: there is no setting `config`"]);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let (values, problems) = parse("broker = 1\n[worker]\nqueues = { a = 1 }\nhostname = 2020-01-01\n");

        assert_eq!(values, []);
        assert_eq!(
            problems,
            [
                "w.toml, line 1: `broker` is a value; expected is a table",
                "w.toml, line 4: `worker.hostname` is a date; expected is a text, a number, true or false, or an array of texts",
                "w.toml, line 3: `worker.queues` is a table; expected is a text, a number, true or false, or an array of texts",
            ]
        );
    }

    #[test]
    fn a_syntax_error_names_its_line_and_not_its_text() {
        let (_, problems) = parse("[storage]\nsecret_access_key = \"hunter2\n");

        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("w.toml, line 2: "), "{problems:?}");
        assert!(!problems[0].contains("hunter2"), "{problems:?}");
    }
}
