//! Rules, carried out on a copy of the table (section 4 of the specification).

use polars::prelude::PolarsError;
use serde_json::{Map, Value, json};

use crate::cleaning::{
    ImputeError, fill_floats, fill_with_cell, fill_with_constant, to_floats, to_instants, to_texts,
};
use crate::parameters::to_number;
use crate::stats::{Fences, less, outside};
use crate::table::{Column, Table, first_occurrences};
use crate::text::{counted, fixed};

/// A rule as it was given; keys that it lacks have their default.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Value,
    pub(super) description: Value,
    pub(super) kind: Value,
    pub(super) targets: Value,
    /// The rule itself; `None` for what is no object.
    given: Option<Map<String, Value>>,
}

/// Why a rule cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum RuleError {
    #[error("a rule is an object with `type` and `target_columns`, got {given}")]
    NoObject { given: String },
    #[error("`target_columns` must be a list of column names or one name, got {given}")]
    Targets { given: String },
    #[error("`target_columns` names no column: leave the key out to compare whole rows")]
    NoTargets,
    #[error("there is no column `{name}`")]
    NoColumn { name: String },
    #[error("`{key}` must be a number, got {given}")]
    NoNumber { key: &'static str, given: String },
    #[error("column `{name}`: {reason}")]
    Impute { name: String, reason: ImputeError },
    #[error("column `{name}` has no value to find bounds from")]
    NoBounds { name: String },
    #[error("the most frequent value of column `{name}` is the missing one")]
    NullMode { name: String },
    #[error("the data engine refused: {0}")]
    Engine(#[from] PolarsError),
}

/// The copy after the rule, and what was done.
pub(super) struct Simulated {
    pub(super) table: Table,
    pub(super) log: Vec<String>,
}

impl Rule {
    /// The rule at a 0-based position.
    pub(super) fn of(position: usize, given: &Value) -> Self {
        let object = given.as_object();
        let key =
            |key: &str| object.and_then(|object| object.get(key)).filter(|value| !value.is_null()).cloned();
        Self {
            id: key("rule_id").unwrap_or_else(|| json!(format!("rule_{}", position + 1))),
            description: key("description").unwrap_or_else(|| json!("Cleaning rule")),
            kind: key("type").unwrap_or_else(|| json!("unknown")),
            targets: object
                .and_then(|object| object.get("target_columns"))
                .cloned()
                .unwrap_or_else(|| json!([])),
            given: object.cloned(),
        }
    }

    /// The id as text.
    pub(super) fn id_text(&self) -> String {
        shown(&self.id)
    }

    /// The description as text.
    pub(super) fn description_text(&self) -> String {
        shown(&self.description)
    }

    /// Carries the rule out.
    pub(super) fn simulate(&self, given: &Value, table: &Table) -> Result<Simulated, RuleError> {
        let Some(rule) = &self.given else { return Err(RuleError::NoObject { given: given.to_string() }) };
        let mut copy = Copy { table: share(table)?, log: Vec::new() };
        match self.kind.as_str() {
            Some("drop_nulls") => copy.drop_nulls(&self.names()?)?,
            Some("impute_nulls") => copy.impute_nulls(&self.names()?, rule)?,
            Some("remove_outliers") => copy.remove_outliers(&self.names()?, rule)?,
            Some("drop_duplicates") => {
                let whole_rows = rule.get("target_columns").is_none_or(Value::is_null);
                copy.drop_duplicates((!whole_rows).then(|| self.names()).transpose()?)?;
            }
            Some("drop_columns") => copy.drop_columns(&self.names()?)?,
            Some("convert_types") => copy.convert_types(&self.names()?, rule)?,
            _ => {
                copy.log.push(format!("Rules of type {} are not known: nothing was done.", shown(&self.kind)))
            }
        }
        Ok(Simulated { table: copy.table, log: copy.log })
    }

    /// The columns that are meant. A text is one name.
    fn names(&self) -> Result<Vec<String>, RuleError> {
        match &self.targets {
            Value::Null => Ok(Vec::new()),
            Value::String(name) => Ok(vec![name.clone()]),
            Value::Array(names) => Ok(names.iter().map(shown).collect()),
            other => Err(RuleError::Targets { given: other.to_string() }),
        }
    }
}

/// A text as it is, anything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A word of the rule; null counts as absent.
fn word(rule: &Map<String, Value>, key: &str, default: &str) -> String {
    rule.get(key).filter(|value| !value.is_null()).map_or_else(|| default.to_owned(), shown)
}

/// A number of the rule; null counts as absent, numeric text as a number.
fn number(rule: &Map<String, Value>, key: &'static str, default: f64) -> Result<f64, RuleError> {
    match rule.get(key).filter(|value| !value.is_null()) {
        None => Ok(default),
        Some(value) => {
            let number = to_number(value).and_then(|number| number.as_f64());
            number.ok_or_else(|| RuleError::NoNumber { key, given: value.to_string() })
        }
    }
}

fn share(table: &Table) -> Result<Table, RuleError> {
    Ok(Table::of_columns(table.name(), table.columns().iter().map(Column::share).collect())?)
}

struct Copy {
    table: Table,
    log: Vec<String>,
}

impl Copy {
    fn column(&self, name: &str) -> Result<&Column, RuleError> {
        self.table.column(name).ok_or_else(|| RuleError::NoColumn { name: name.to_owned() })
    }

    /// Keeps the rows with `true`; gives the number of those that went.
    fn keep(&mut self, keep: Vec<bool>) -> Result<usize, RuleError> {
        let gone = keep.iter().filter(|keep| !**keep).count();
        // Without a change the columns keep what is known about them.
        if gone > 0 {
            self.table = self.table.filtered(keep)?;
        }
        Ok(gone)
    }

    fn replace(&mut self, column: Column) -> Result<(), RuleError> {
        let columns = self.table.columns().iter();
        let mut column = Some(column);
        let columns = columns.map(|old| match &column {
            Some(new) if new.name() == old.name() => column.take().unwrap_or_else(|| old.share()),
            _ => old.share(),
        });
        self.table = Table::of_columns(self.table.name(), columns.collect())?;
        Ok(())
    }

    fn drop_nulls(&mut self, names: &[String]) -> Result<(), RuleError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut keep = vec![true; self.table.height()];
        for name in names {
            for row in self.column(name)?.null_rows() {
                if let Some(keep) = keep.get_mut(row) {
                    *keep = false;
                }
            }
        }
        let gone = self.keep(keep)?;
        let columns = names.join(", ");
        self.log.push(format!("Drops {} without a value in {columns}.", counted(gone, "row", "rows")));
        Ok(())
    }

    fn impute_nulls(&mut self, names: &[String], rule: &Map<String, Value>) -> Result<(), RuleError> {
        let strategy = word(rule, "strategy", "mean");
        let fill_value = rule.get("fill_value").cloned().unwrap_or_else(|| json!(0));
        for name in names {
            let Some(column) = self.table.column(name) else { continue };
            let impute = |reason| RuleError::Impute { name: name.clone(), reason };
            let floats = |value: Option<f64>| {
                let value = value.ok_or(ImputeError::NoValue)?;
                Ok((fill_floats(column, value)?, fixed(value, 2)))
            };
            let is_numeric = column.kind().is_numeric();
            let filled = match strategy.as_str() {
                "mean" if is_numeric => floats(column.moments().map(|moments| moments.mean)),
                "median" if is_numeric => floats(column.ranking().and_then(|ranking| ranking.median())),
                "mode" => {
                    let mode = column.distinct().mode();
                    let mode = mode.filter(|mode| mode.count as usize >= column.null_count());
                    let mode = mode.ok_or_else(|| RuleError::NullMode { name: name.clone() })?;
                    let value = column.cell(mode.first_row as usize);
                    fill_with_cell(column, value).map(|filled| (filled, value.display().into_owned()))
                }
                "constant" => {
                    fill_with_constant(column, &fill_value).map(|filled| (filled, shown(&fill_value)))
                }
                _ => continue,
            };
            let (filled, value) = filled.map_err(impute)?;
            let count = counted(column.null_count(), "cell", "cells");
            self.log.push(format!("{name}: fills {count} with {value} ({strategy})."));
            self.replace(filled)?;
        }
        Ok(())
    }

    fn remove_outliers(&mut self, names: &[String], rule: &Map<String, Value>) -> Result<(), RuleError> {
        let method = word(rule, "method", "iqr");
        let factor = number(rule, "iqr_multiplier", 1.5)?;
        let threshold = number(rule, "z_threshold", 3.0)?;
        for name in names {
            let Some(column) = self.table.column(name).filter(|column| column.kind().is_numeric()) else {
                continue;
            };
            let keep = match method.as_str() {
                "iqr" => {
                    let fences = column.ranking().and_then(|ranking| Fences::of(ranking, factor));
                    let fences = fences.ok_or_else(|| RuleError::NoBounds { name: name.clone() })?;
                    rows_where(column, |value| !outside(value, fences.lower, fences.upper))
                }
                "z_score" => match column.moments().map(|moments| (moments.mean, moments.std())) {
                    Some((mean, Some(std))) if std != 0.0 => {
                        rows_where(column, |value| less((value - mean).abs() / std, threshold))
                    }
                    _ => vec![true; column.len()],
                },
                _ => vec![true; column.len()],
            };
            let gone = self.keep(keep)?;
            self.log.push(format!("{name}: removes {} by {method}.", counted(gone, "row", "rows")));
        }
        Ok(())
    }

    /// Without names, whole rows are compared.
    fn drop_duplicates(&mut self, names: Option<Vec<String>>) -> Result<(), RuleError> {
        let columns: Vec<&Column> = match &names {
            None => self.table.columns().iter().collect(),
            Some(names) if names.is_empty() => return Err(RuleError::NoTargets),
            Some(names) => names.iter().map(|name| self.column(name)).collect::<Result<_, _>>()?,
        };
        let keep = first_occurrences(&columns);
        let gone = self.keep(keep)?;
        self.log.push(format!("Drops {} that repeat an earlier one.", counted(gone, "row", "rows")));
        Ok(())
    }

    fn drop_columns(&mut self, names: &[String]) -> Result<(), RuleError> {
        let (gone, kept): (Vec<&Column>, Vec<&Column>) =
            self.table.columns().iter().partition(|column| names.iter().any(|name| name == column.name()));
        self.log.push(format!("Drops {}.", counted(gone.len(), "column", "columns")));
        self.table = Table::of_columns(self.table.name(), kept.into_iter().map(Column::share).collect())?;
        Ok(())
    }

    fn convert_types(&mut self, names: &[String], rule: &Map<String, Value>) -> Result<(), RuleError> {
        let target = word(rule, "target_type", "float");
        for name in names {
            let Some(column) = self.table.column(name) else { continue };
            let converted = match target.as_str() {
                "numeric" => Some(to_floats(column)?),
                "string" => Some(to_texts(column)?),
                "datetime" => to_instants(column),
                // The reference knows no other type, but says that it converts.
                _ => Some(column.share()),
            };
            match converted {
                Some(converted) => {
                    self.log.push(format!("{name}: becomes {target}."));
                    self.replace(converted)?;
                }
                None => self.log.push(format!("{name}: cannot become {target}, no text in it is a date.")),
            }
        }
        Ok(())
    }
}

/// Row by row, whether there is a value for which `keep` is true.
fn rows_where(column: &Column, keep: impl Fn(f64) -> bool) -> Vec<bool> {
    let mut rows = vec![false; column.len()];
    for (row, value) in column.numbers().into_iter().flatten() {
        if let Some(kept) = rows.get_mut(row) {
            *kept = keep(value);
        }
    }
    rows
}
