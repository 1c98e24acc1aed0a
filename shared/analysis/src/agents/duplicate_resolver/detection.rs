//! Which rows are duplicates, by each definition (section 4 of the specification).

use std::collections::BTreeSet;
use std::sync::{LazyLock, OnceLock};

use indexmap::IndexSet;
use polars_core::runtime::RAYON;
use rayon::prelude::*;
use regex::Regex;

use crate::agent::AgentError;
use crate::table::{Cells, Column, Form, RowGroups, Table};

/// The types that are looked for unless told otherwise.
pub(super) const TYPES: [&str; 5] =
    ["exact", "case_variations", "email_case", "missing_values", "conflicting"];
/// Rows of a type that are listed.
const LISTED: usize = 50;
/// Values that tell whether a column holds e-mail addresses.
const EMAIL_SAMPLE: usize = 20;

/// Names of the columns that hold e-mail addresses, by their names or by their first values.
pub(super) fn email_columns(table: &Table) -> Vec<String> {
    static ADDRESS: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$").ok());
    let is_address = |text: &&str| ADDRESS.as_ref().is_some_and(|address| address.is_match(text));
    let holds_addresses = |column: &Column| match column.cells() {
        Cells::Text(cells) => {
            let first: Vec<&str> = cells.iter().flatten().take(EMAIL_SAMPLE).collect();
            first.iter().filter(|text| is_address(text)).count() * 2 > first.len()
        }
        _ => false,
    };
    let columns = table.columns().iter();
    let columns =
        columns.filter(|column| column.name().to_lowercase().contains("mail") || holds_addresses(column));
    columns.map(|column| column.name().to_owned()).collect()
}

/// What rows are compared on.
pub(super) struct Keys<'a> {
    pub(super) table: &'a Table,
    /// The key columns, all columns when none were given.
    columns: Vec<&'a Column>,
    are_given: bool,
    /// Columns that hold e-mail addresses.
    pub(super) emails: &'a [String],
    normal: OnceLock<RowGroups>,
}

impl<'a> Keys<'a> {
    /// # Errors
    /// When a key column does not exist.
    pub(super) fn new(table: &'a Table, names: &[String], emails: &'a [String]) -> Result<Self, AgentError> {
        let names: IndexSet<&String> = names.iter().collect();
        let column = |name: &&String| {
            table.column(name).ok_or_else(|| AgentError::Parameter {
                key: "key_columns".to_owned(),
                reason: format!("the file has no column `{name}`"),
            })
        };
        let given = names.iter().map(column).collect::<Result<Vec<_>, _>>()?;
        let are_given = !given.is_empty();
        let columns = if are_given { given } else { table.columns().iter().collect() };
        Ok(Self { table, columns, are_given, emails, normal: OnceLock::new() })
    }

    pub(super) fn are_given(&self) -> bool {
        self.are_given
    }

    pub(super) fn columns(&self) -> &[&'a Column] {
        &self.columns
    }

    /// Columns that are no keys.
    pub(super) fn others(&self) -> impl Iterator<Item = &'a Column> {
        let is_key = |column: &Column| self.columns.iter().any(|key| key.name() == column.name());
        self.table.columns().iter().filter(move |column| !is_key(column))
    }

    /// Rows with equal keys, texts in normal form.
    pub(super) fn normal_groups(&self) -> &RowGroups {
        self.normal.get_or_init(|| RowGroups::of(&forms(&self.columns, |_| Form::Normal)))
    }

    /// Rows that are equal in all columns, as they are.
    pub(super) fn equal_rows(&self) -> RowGroups {
        let all: Vec<&Column> = self.table.columns().iter().collect();
        // Equal rows have equal keys, whatever the keys are.
        self.normal_groups().within(&forms(&all, |_| Form::Raw))
    }

    /// The duplicates of a type, ascending.
    fn duplicates(&self, kind: &str) -> Vec<u32> {
        match kind {
            "exact" => self.equal_rows().rows(),
            "case_variations" => self.normal_groups().rows(),
            "email_case" if !self.emails.is_empty() => {
                let is_email = |column: &Column| self.emails.iter().any(|name| name == column.name());
                let form = |column: &Column| if is_email(column) { Form::Normal } else { Form::Raw };
                self.normal_groups().within(&forms(&self.columns, form)).rows()
            }
            "conflicting" if self.are_given => {
                let others: Vec<&Column> = self.others().collect();
                let conflicts = |group: &[u32]| others.iter().any(|column| column.differs_among(group));
                self.normal_groups().filtered(conflicts).rows()
            }
            _ => Vec::new(),
        }
    }
}

fn forms<'a>(columns: &[&'a Column], form: impl Fn(&Column) -> Form) -> Vec<(&'a Column, Form)> {
    columns.iter().map(|column| (*column, form(column))).collect()
}

/// The duplicates of one type.
pub(super) struct Found {
    pub(super) name: String,
    /// All of them, ascending.
    pub(super) rows: Vec<u32>,
}

impl Found {
    /// The first ones, which are listed.
    pub(super) fn listed(&self) -> &[u32] {
        self.rows.get(..LISTED).unwrap_or(&self.rows)
    }
}

/// The duplicates of all types.
pub(super) struct Detected {
    /// The types as they were asked for.
    pub(super) asked: Vec<String>,
    types: Vec<Found>,
    total: usize,
}

impl Detected {
    pub(super) fn by(keys: &Keys<'_>, types: &[String]) -> Self {
        let names: IndexSet<&String> = types.iter().collect();
        // The others are found within these.
        keys.normal_groups();
        let find = |name: &&String| Found { name: (*name).clone(), rows: keys.duplicates(name) };
        let types_found: Vec<Found> =
            RAYON.install(|| names.iter().collect::<Vec<_>>().into_par_iter().map(find).collect());
        let mut is_duplicate = vec![false; keys.table.height()];
        for row in types_found.iter().flat_map(|found| &found.rows) {
            if let Some(place) = is_duplicate.get_mut(*row as usize) {
                *place = true;
            }
        }
        let total = is_duplicate.iter().filter(|is_duplicate| **is_duplicate).count();
        Self { asked: types.to_vec(), types: types_found, total }
    }

    /// Each type once, in the order asked for.
    pub(super) fn types(&self) -> impl ExactSizeIterator<Item = &Found> {
        self.types.iter()
    }

    /// Types with duplicates.
    pub(super) fn occurring(&self) -> impl Iterator<Item = &Found> {
        self.types.iter().filter(|found| !found.rows.is_empty())
    }

    /// Number of duplicates of a type.
    pub(super) fn count(&self, name: &str) -> usize {
        self.types.iter().find(|found| found.name == name).map_or(0, |found| found.rows.len())
    }

    /// Distinct duplicates over all types.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// The rows that some type lists, ascending.
    pub(super) fn listed(&self) -> BTreeSet<u32> {
        self.types.iter().flat_map(Found::listed).copied().collect()
    }
}
