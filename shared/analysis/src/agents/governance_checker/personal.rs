//! Personal data: which columns hold some, by patterns, and which rows are classified.

use polars::prelude::StringChunked;
use polars_core::runtime::RAYON;
use rayon::prelude::*;
use regex::Regex;
use serde_json::{Map, Value};

use crate::agent::AgentError;
use crate::parameters::Parameters;
use crate::table::{Cells, Column, Table};

const KEY: &str = "pii_patterns";

/// Kinds of personal data and how they are recognised anywhere in a text.
const DEFAULTS: [(&str, &str); 3] = [
    ("email", r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,}\b"),
    ("phone", r"\b\d{3}[-.]?\d{3}[-.]?\d{4}\b"),
    ("ssn", r"\b\d{3}-\d{2}-\d{4}\b"),
];

/// How many of the default kinds the classification score knows (quirk Q2: not `ssn`).
const SCORED_DEFAULTS: usize = 2;

/// The patterns in force, in their order.
pub(super) struct Patterns {
    kinds: Vec<(String, Regex)>,
    /// The first so many count for the classification score.
    scored: usize,
}

impl Patterns {
    /// Takes the parameter and notes it.
    pub(super) fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let defaults: Map<String, Value> =
            DEFAULTS.into_iter().map(|(kind, pattern)| (kind.to_owned(), Value::from(pattern))).collect();
        let given = parameters.object(KEY)?;
        let scored = if given.is_some() { usize::MAX } else { SCORED_DEFAULTS };
        let in_force = given.unwrap_or_else(|| defaults.clone());
        let kinds =
            in_force.iter().map(|(kind, pattern)| compile(kind, pattern)).collect::<Result<_, _>>()?;
        parameters.note(KEY, Value::Object(defaults), Value::Object(in_force));
        Ok(Self { kinds, scored })
    }
}

fn compile(kind: &str, pattern: &Value) -> Result<(String, Regex), AgentError> {
    let refused = |reason: String| AgentError::Parameter {
        key: KEY.to_owned(),
        reason: format!("the pattern of \"{kind}\" {reason}"),
    };
    let text = pattern.as_str().ok_or_else(|| refused(format!("must be a text, got {pattern}")))?;
    let pattern = Regex::new(text).map_err(|error| refused(format!("is not understood: {error}")))?;
    Ok((kind.to_owned(), pattern))
}

/// A text column that holds personal data.
pub(super) struct PersonalColumn<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    /// Whether the classification score knows this kind.
    pub(super) is_scored: bool,
    cells: &'a StringChunked,
    pattern: &'a Regex,
}

impl PersonalColumn<'_> {
    /// Rows with personal data that `open` says to look at.
    pub(super) fn rows<'s>(
        &'s self,
        open: impl Iterator<Item = bool> + 's,
    ) -> impl Iterator<Item = usize> + 's {
        let rows = self.cells.iter().zip(open).enumerate();
        rows.filter(|(_, (cell, open))| *open && cell.is_some_and(|text| self.pattern.is_match(text)))
            .map(|(row, _)| row)
    }
}

/// The text columns in which some value matches a pattern; the first pattern that does counts.
pub(super) fn search<'a>(table: &'a Table, patterns: &'a Patterns) -> Vec<PersonalColumn<'a>> {
    RAYON.install(|| {
        table
            .columns()
            .par_iter()
            .with_max_len(1)
            .filter_map(|column| search_column(column, patterns))
            .collect()
    })
}

fn search_column<'a>(column: &'a Column, patterns: &'a Patterns) -> Option<PersonalColumn<'a>> {
    let Cells::Text(cells) = column.cells() else {
        return None;
    };
    let matches = |pattern: &Regex| {
        // Distinct values stand for all.
        let mut groups = column.distinct().groups();
        groups.any(|group| cells.get(group.first_row as usize).is_some_and(|text| pattern.is_match(text)))
    };
    let (position, (kind, pattern)) =
        patterns.kinds.iter().enumerate().find(|(_, (_, pattern))| matches(pattern))?;
    Some(PersonalColumn { name: column.name(), kind, is_scored: position < patterns.scored, cells, pattern })
}

/// What column `data_classification` says about each row.
pub(super) struct Classification {
    rows: Vec<Classified>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Classified {
    Not,
    Public,
    Otherwise,
}

impl Classification {
    pub(super) fn of(column: &Column) -> Self {
        let rows = match column.cells() {
            Cells::Text(cells) => {
                let classified = |cell: Option<&str>| match cell {
                    None => Classified::Not,
                    Some("public") => Classified::Public,
                    Some(_) => Classified::Otherwise,
                };
                cells.iter().map(classified).collect()
            }
            // Numbers and booleans are classifications of some kind, but never `public`.
            _ => {
                let mut rows = vec![Classified::Otherwise; column.len()];
                for row in column.null_rows() {
                    if let Some(classified) = rows.get_mut(row) {
                        *classified = Classified::Not;
                    }
                }
                rows
            }
        };
        Self { rows }
    }

    /// For each row, whether it is classified as exactly `public`.
    pub(super) fn public(&self) -> impl Iterator<Item = bool> + '_ {
        self.rows.iter().map(|classified| *classified == Classified::Public)
    }

    /// For each row, whether it is classified as exactly `public` or not at all.
    pub(super) fn open(&self) -> impl Iterator<Item = bool> + '_ {
        self.rows.iter().map(|classified| *classified != Classified::Otherwise)
    }
}
