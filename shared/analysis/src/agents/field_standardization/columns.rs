//! What is done to one column (section 4 of the specification, "Transformation"): each distinct value once.

use std::borrow::Cow;

use hashbrown::HashMap;
use polars::prelude::StringChunked;
use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::CHANGES;
use super::settings::{Invalid, Settings, Steps};
use super::variation::Variation;
use crate::agent::AgentError;
use crate::agents::cleaned;
use crate::cleaning::{DateForm, begins_like_a_date, has_stray_spaces, parse_date};
use crate::findings::ROW_ISSUE_CAP;
use crate::stats::round;
use crate::table::{Column, Dictionary, Table};

/// Values that decide whether a column holds dates.
const DATE_SAMPLE: usize = 50;

/// A column before and after.
pub(super) struct Standardized<'a> {
    pub(super) column: &'a Column,
    /// The new column; `None` when nothing changed.
    pub(super) after: Option<Column>,
    /// One for each time that the column was asked for.
    pub(super) passes: Vec<Pass>,
    pub(super) before_all: Variation,
    pub(super) after_all: Variation,
    /// The first rows whose text had stray white space in the beginning.
    pub(super) stray_rows: Vec<(usize, &'a str)>,
    pub(super) invalid: Vec<Invalid>,
}

/// Once over a column.
#[derive(Default)]
pub(super) struct Pass {
    /// Rows whose text became another text.
    pub(super) changed_rows: usize,
    pub(super) first_changes: Vec<Change>,
}

/// A text that became another text.
pub(super) struct Change {
    pub(super) row: usize,
    pub(super) original: String,
    pub(super) standardized: String,
}

impl<'a> Standardized<'a> {
    /// The columns of `order`, each once, in order of first appearance.
    pub(super) fn all(
        table: &'a Table,
        order: &[&Column],
        settings: &Settings,
    ) -> Result<Vec<Self>, AgentError> {
        let mut times: HashMap<&str, usize> = HashMap::new();
        let mut columns = Vec::new();
        for name in order.iter().map(|column| column.name()) {
            *times.entry(name).or_insert_with(|| {
                columns.extend(table.column(name));
                0
            }) += 1;
        }
        RAYON.install(|| {
            let columns = columns.par_iter().with_max_len(1);
            columns
                .map(|column| {
                    let times = times.get(column.name()).copied().unwrap_or(1);
                    Self::of(column, times, settings.steps(column.name()))
                })
                .collect()
        })
    }

    fn of(column: &'a Column, times: usize, steps: Steps<'_>) -> Result<Self, AgentError> {
        let Some(dictionary) = Dictionary::of(column) else {
            return Err(cleaned::engine("standardizing")("the column is no text"));
        };
        let before_all = variation(&dictionary);
        let stray_rows = match before_all.total() {
            0 => Vec::new(),
            _ => stray_rows(&dictionary),
        };
        let (first, mut after, mut after_all) = pass(column.name(), &dictionary, before_all, &steps)?;
        let mut passes = vec![first];
        for _ in 1..times {
            let again = after.as_ref().unwrap_or(column);
            let Some(dictionary) = Dictionary::of(again) else { continue };
            let (next, newer, variation) = pass(column.name(), &dictionary, after_all, &steps)?;
            passes.push(next);
            after_all = variation;
            after = newer.or(after);
        }
        Ok(Self { column, after, passes, before_all, after_all, stray_rows, invalid: steps.invalid })
    }

    /// Distinct values that are gone; negative when there are more than before.
    pub(super) fn uniques_reduced(&self) -> i64 {
        difference(self.before_all.uniques, self.after_all.uniques)
    }

    pub(super) fn case_variations_fixed(&self) -> i64 {
        difference(self.before_all.cases, self.after_all.cases)
    }

    pub(super) fn whitespace_issues_fixed(&self) -> i64 {
        difference(self.before_all.spaces, self.after_all.spaces)
    }

    /// By how much the share of distinct values fell, in percent of what it was.
    pub(super) fn improvement_percentage(&self) -> f64 {
        match self.before_all.score {
            0.0 => 0.0,
            score => round((score - self.after_all.score) / score * 100.0, 2),
        }
    }

    pub(super) fn improvement(&self) -> Value {
        json!({
            "unique_values_reduced": self.uniques_reduced(),
            "case_variations_fixed": self.case_variations_fixed(),
            "whitespace_issues_fixed": self.whitespace_issues_fixed(),
            "improvement_percentage": self.improvement_percentage(),
        })
    }
}

fn difference(before: usize, after: usize) -> i64 {
    before as i64 - after as i64
}

fn variation(dictionary: &Dictionary<'_>) -> Variation {
    let total = dictionary.counts().iter().map(|count| *count as usize).sum();
    Variation::of(dictionary.values(), total)
}

fn stray_rows<'a>(dictionary: &Dictionary<'a>) -> Vec<(usize, &'a str)> {
    let is_stray: Vec<bool> = dictionary.values().iter().map(|value| has_stray_spaces(value)).collect();
    let stray = dictionary.rows().filter(|(_, code)| is_stray.get(*code) == Some(&true));
    let stray = stray.filter_map(|(row, code)| Some((row, *dictionary.values().get(code)?)));
    stray.take(ROW_ISSUE_CAP).collect()
}

/// Standardizes once; gives the new column if it is another one, and how much it varies.
fn pass(
    name: &str,
    dictionary: &Dictionary<'_>,
    before: Variation,
    steps: &Steps<'_>,
) -> Result<(Pass, Option<Column>, Variation), AgentError> {
    let mut values: StringChunked =
        dictionary.values().iter().map(|value| Some(steps.apply(value))).collect();
    if let Some(form) = steps.settings.dates.as_ref().filter(|_| holds_dates(dictionary, &values)) {
        values = values.iter().map(|value| dated(value?, form)).collect();
    }
    let pairs = || dictionary.values().iter().zip(values.iter());
    if pairs().all(|(old, new)| new == Some(*old)) {
        return Ok((Pass::default(), None, before));
    }
    let is_changed: Vec<bool> = pairs().map(|(old, new)| new.is_some_and(|new| new != *old)).collect();
    let counts = is_changed.iter().zip(dictionary.counts()).filter(|(is_changed, _)| **is_changed);
    let changed_rows = counts.map(|(_, count)| *count as usize).sum();
    let changes = dictionary.rows().filter(|(_, code)| is_changed.get(*code) == Some(&true));
    let changes = changes.filter_map(|(row, code)| {
        let original = (*dictionary.values().get(code)?).to_owned();
        Some(Change { row, original, standardized: values.get(code)?.to_owned() })
    });
    // Without a change there is no row to be found.
    let listed = CHANGES.min(changed_rows);
    let pass = Pass { changed_rows, first_changes: changes.take(listed).collect() };
    let kept = values.iter().zip(dictionary.counts()).filter(|(new, _)| new.is_some());
    let total = kept.map(|(_, count)| *count as usize).sum();
    let variation = Variation::of(&distinct(&values), total);
    let column = dictionary
        .with_values(name, &values)
        .map_err(cleaned::engine("putting standardized values into their rows"))?;
    Ok((pass, Some(column), variation))
}

/// The distinct ones of values that are not null.
fn distinct(values: &StringChunked) -> Vec<&str> {
    let column = Column::of_text("", values.clone());
    let groups = column.distinct().groups();
    groups.filter_map(|group| values.get(group.first_row as usize)).collect()
}

/// Whether more than half of the first values begin like dates.
fn holds_dates(dictionary: &Dictionary<'_>, values: &StringChunked) -> bool {
    let sample = dictionary.rows().take(DATE_SAMPLE).filter_map(|(_, code)| values.get(code));
    let (mut dates, mut count) = (0, 0);
    for value in sample {
        count += 1;
        dates += usize::from(begins_like_a_date(value.trim()));
    }
    2 * dates > count
}

/// A text of a column of dates: a date in the form asked for, any other text without white space at its ends,
/// nothing for an empty one.
fn dated<'t>(text: &'t str, form: &DateForm) -> Option<Cow<'t, str>> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return None;
    }
    Some(parse_date(trimmed).map_or(trimmed.into(), |date| form.write(date).into()))
}
