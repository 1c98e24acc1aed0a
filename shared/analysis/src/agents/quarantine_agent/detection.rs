//! The detectors: which rows are invalid, and which of their flaws are listed (section 4 of the specification).

use polars::prelude::StringChunked;
use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::constraints::{Range, Settings, Wanted, pattern};
use super::suspicious::suspicious_rows;
use crate::findings::Severity;
use crate::table::{Cells, Column, Table};
use crate::text::{Cell, counted, to_float};

/// Words for flags.
const FLAGS: [&str; 6] = ["true", "false", "1", "0", "yes", "no"];
/// Flaws that a detector lists per column.
const MISSING_LISTED: usize = 100;
const LISTED: usize = 50;
/// Share of the expected columns whose absence condemns the whole file.
const SCHEMA_SHARE: f64 = 0.5;

/// Something wrong with a row.
#[derive(Debug, Clone)]
pub(super) struct Flaw {
    pub(super) row: usize,
    pub(super) column: String,
    pub(super) kind: &'static str,
    pub(super) severity: Severity,
    pub(super) description: String,
}

/// The kind that says that a constraint cannot be used; it concerns no row.
pub(super) const INVALID_CONFIGURATION: &str = "invalid_configuration";

impl Flaw {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "row_index": self.row,
            "column": self.column,
            "issue_type": self.kind,
            "severity": self.severity,
            "description": self.description,
        })
    }
}

/// What the detectors found.
pub(super) struct Quarantine {
    /// Row by row, whether it is quarantined.
    pub(super) is_bad: Vec<bool>,
    /// Listed flaws, detector by detector.
    pub(super) flaws: Vec<Flaw>,
    pub(super) log: Vec<String>,
}

impl Quarantine {
    pub(super) fn of(table: &Table, settings: &Settings) -> Self {
        let mut found = Self { is_bad: vec![false; table.height()], flaws: Vec::new(), log: Vec::new() };
        if settings.finds_missing {
            found.find_missing(table, settings);
        }
        if settings.finds_types {
            found.find_types(table, settings);
        }
        if settings.finds_ranges {
            found.find_ranges(table, settings);
        }
        if settings.finds_formats {
            found.find_formats(table, settings);
        }
        if settings.finds_broken {
            found.find_empty(table);
            if settings.finds_suspicious {
                found.find_suspicious(table);
            }
        }
        if settings.finds_schema {
            found.find_schema(table, settings);
        }
        found
    }

    fn find_missing(&mut self, table: &Table, settings: &Settings) {
        for column in settings.required.iter().filter_map(|name| table.column(name)) {
            let rows = rows_where(column, |text| text.is_none_or(str::is_empty));
            self.log_rows(&rows, |count| {
                format!("Column {}: {count} without a required value.", column.name())
            });
            self.add(&rows, MISSING_LISTED, column, ("missing_required_field", Severity::Critical), |_| {
                format!("Column {} must have a value, and has none.", column.name())
            });
        }
    }

    fn find_types(&mut self, table: &Table, settings: &Settings) {
        for column in table.columns() {
            let Some((wanted, name)) =
                settings.schema.get(column.name()).and_then(|name| Some((Wanted::of(name)?, name.as_str()?)))
            else {
                continue;
            };
            let fits = |text: &str| match wanted {
                Wanted::Number => to_float(text).is_some(),
                Wanted::Flag => FLAGS.iter().any(|flag| text.eq_ignore_ascii_case(flag)),
            };
            let rows = rows_where(column, |text| text.is_some_and(|text| !text.is_empty() && !fits(text)));
            self.log_rows(&rows, |count| {
                format!("Column {}: {count} of another type than {name}.", column.name())
            });
            self.add(&rows, LISTED, column, ("type_mismatch", Severity::High), |text| {
                format!("Column {} should hold {name}, got `{text}`.", column.name())
            });
        }
    }

    fn find_ranges(&mut self, table: &Table, settings: &Settings) {
        for (name, constraint) in &settings.ranges {
            let Some(column) = table.column(name) else { continue };
            let range = match Range::of(constraint) {
                Ok(range) => range,
                Err(reason) => {
                    self.refuse(column, "range", &reason);
                    continue;
                }
            };
            let excluded = |text: &str| to_float(text).is_some_and(|value| range.excludes(value));
            let rows = rows_where(column, |text| text.is_some_and(excluded));
            let bounds = range.describe();
            self.log_rows(&rows, |count| format!("Column {name}: {count} outside of the range ({bounds})."));
            self.add(&rows, LISTED, column, ("out_of_range", Severity::High), |text| {
                format!("Column {name} holds {text}, the range is {bounds}.")
            });
        }
    }

    fn find_formats(&mut self, table: &Table, settings: &Settings) {
        for (name, constraint) in &settings.formats {
            let Some(column) = table.column(name) else { continue };
            let pattern = match pattern(constraint) {
                Ok(pattern) => pattern,
                Err(reason) => {
                    self.refuse(column, "format", &reason);
                    continue;
                }
            };
            let breaks = |text: &str| !text.is_empty() && !pattern.is_match(text);
            let rows = rows_where(column, |text| text.is_some_and(breaks));
            self.log_rows(&rows, |count| format!("Column {name}: {count} without a match of `{pattern}`."));
            self.add(&rows, LISTED, column, ("invalid_format", Severity::Medium), |text| {
                format!("Column {name} holds `{text}`, which does not match `{pattern}`.")
            });
        }
    }

    /// Rows without any value.
    fn find_empty(&mut self, table: &Table) {
        let is_empty = |column: &Column, row: usize| matches!(column.cell(row), Cell::Null | Cell::Text(""));
        let Some((first, others)) = table.columns().split_first() else { return };
        let mut rows = rows_where(first, |text| text.is_none_or(str::is_empty));
        for column in others {
            rows.retain(|row| is_empty(column, *row));
        }
        self.log_rows(&rows, |count| format!("{count} without any value."));
        for row in &rows {
            self.mark(*row);
        }
        let flaws = rows.iter().take(LISTED).map(|row| Flaw {
            row: *row,
            column: "record".to_owned(),
            kind: "corrupted_record",
            severity: Severity::Critical,
            description: "No column of this row has a value.".to_owned(),
        });
        self.flaws.extend(flaws);
    }

    fn find_suspicious(&mut self, table: &Table) {
        let search = |column: &Column| texts(column).map(suspicious_rows).unwrap_or_default();
        let found: Vec<Vec<Vec<usize>>> = RAYON.install(|| table.columns().par_iter().map(search).collect());
        for (column, by_pattern) in table.columns().iter().zip(found) {
            for rows in by_pattern {
                self.add(&rows, LISTED, column, ("corrupted_record", Severity::Critical), |_| {
                    format!("Column {} holds a text that looks like an attack.", column.name())
                });
            }
        }
    }

    fn find_schema(&mut self, table: &Table, settings: &Settings) {
        let absent: Vec<&str> =
            settings.schema.keys().filter(|name| table.column(name).is_none()).map(String::as_str).collect();
        if absent.is_empty() {
            return;
        }
        let (count, expected) = (counted(absent.len(), "column is", "columns are"), settings.schema.len());
        let text = format!("{count} absent of {expected} expected: {}.", absent.join(", "));
        self.log.push(text.clone());
        if absent.len() as f64 >= SCHEMA_SHARE * expected as f64 {
            self.is_bad.fill(true);
            self.flaws.push(Flaw {
                row: 0,
                column: "schema".to_owned(),
                kind: "schema_mismatch",
                severity: Severity::Critical,
                description: text,
            });
        }
    }

    /// A constraint that cannot be used.
    fn refuse(&mut self, column: &Column, what: &str, reason: &str) {
        let text = format!("The {what} of column {} cannot be checked: {reason}.", column.name());
        self.log.push(text.clone());
        self.flaws.push(Flaw {
            row: 0,
            column: column.name().to_owned(),
            kind: INVALID_CONFIGURATION,
            severity: Severity::Medium,
            description: text,
        });
    }

    fn log_rows(&mut self, rows: &[usize], text: impl Fn(String) -> String) {
        if !rows.is_empty() {
            self.log.push(text(counted(rows.len(), "row", "rows")));
        }
    }

    fn mark(&mut self, row: usize) {
        if let Some(is_bad) = self.is_bad.get_mut(row) {
            *is_bad = true;
        }
    }

    /// Quarantines rows and lists the flaws of the first ones.
    fn add(
        &mut self,
        rows: &[usize],
        listed: usize,
        column: &Column,
        (kind, severity): (&'static str, Severity),
        describe: impl Fn(&str) -> String,
    ) {
        for row in rows {
            self.mark(*row);
        }
        let flaws = rows.iter().take(listed).map(|row| Flaw {
            row: *row,
            column: column.name().to_owned(),
            kind,
            severity: severity.clone(),
            description: describe(&column.cell(*row).cast().unwrap_or_default()),
        });
        self.flaws.extend(flaws);
    }
}

/// The cells of a column; all columns are text here.
fn texts(column: &Column) -> Option<&StringChunked> {
    match column.cells() {
        Cells::Text(cells) => Some(cells),
        _ => None,
    }
}

fn rows_where(column: &Column, is_bad: impl Fn(Option<&str>) -> bool) -> Vec<usize> {
    let cells = texts(column).into_iter().flat_map(StringChunked::iter);
    cells.enumerate().filter(|(_, cell)| is_bad(*cell)).map(|(row, _)| row).collect()
}
