//! Log levels, in Celery's words and in ours.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use tracing::level_filters::LevelFilter;

/// A level for everything, and other levels for single modules.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub(crate) struct LogLevels {
    /// What holds for modules that are not named.
    pub(crate) base: LevelFilter,
    /// Module (or its beginning, up to `::`) and its level, as given.
    pub(crate) modules: Vec<(String, LevelFilter)>,
}

impl FromStr for LogLevels {
    type Err = String;

    /// Reads `info`, `WARNING,celeriac=debug`. The error completes a sentence that begins with the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Self { base: LevelFilter::INFO, modules: Vec::new() };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some((module, word)) => levels.modules.push((module.trim().to_owned(), level(word.trim())?)),
                None => levels.base = level(part)?,
            }
        }
        Ok(levels)
    }
}

impl TryFrom<String> for LogLevels {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for LogLevels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", word(self.base))?;
        self.modules.iter().try_for_each(|(module, level)| write!(out, ",{module}={}", word(*level)))
    }
}

/// Celery has no level that is finer than debug and calls its coarsest critical or fatal; tracing has no
/// level above error.
fn level(word: &str) -> Result<LevelFilter, String> {
    match word.to_ascii_lowercase().as_str() {
        "trace" => Ok(LevelFilter::TRACE),
        "debug" => Ok(LevelFilter::DEBUG),
        "info" => Ok(LevelFilter::INFO),
        "warning" | "warn" => Ok(LevelFilter::WARN),
        "error" | "critical" | "fatal" => Ok(LevelFilter::ERROR),
        _ => Err(format!("has the unknown level {word:?}")),
    }
}

fn word(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::TRACE => "trace",
        LevelFilter::DEBUG => "debug",
        LevelFilter::INFO => "info",
        LevelFilter::WARN => "warning",
        _ => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn celery_s_words_and_ours_are_known_in_any_case() {
        let cases = [
            ("DEBUG", "debug"),
            ("Info", "info"),
            ("WARNING", "warning"),
            ("warn", "warning"),
            ("ERROR", "error"),
            ("CRITICAL", "error"),
            ("fatal", "error"),
            ("trace", "trace"),
            (
                "warning, celeriac = DEBUG,analysis::table=trace",
                "warning,celeriac=debug,analysis::table=trace",
            ),
            ("celeriac=debug", "info,celeriac=debug"),
        ];

        for (text, expected) in cases {
            assert_eq!(text.parse::<LogLevels>().unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_level_is_named() {
        let why = "info,celeriac=loud".parse::<LogLevels>().unwrap_err();

        assert_eq!(why, "has the unknown level \"loud\"");
    }
}
