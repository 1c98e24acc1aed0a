//! What is known about the outliers of one column (sections 3 and 4 of the specification).

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{LISTED, Settings};
use crate::agent::AgentError;
use crate::cleaning::{Measure, Outlier, Outliers, Rule, outliers};
use crate::findings::{Severity, extra};
use crate::stats::{percentage, round};
use crate::table::{Column, Table};
use crate::text::fixed;

/// A numeric column and its outliers.
pub(super) struct Measured<'a> {
    pub(super) column: &'a Column,
    pub(super) outliers: Outliers,
    /// Share of rows in percent, not rounded.
    share: f64,
    /// The same with two decimals.
    pub(super) percentage: f64,
}

impl<'a> Measured<'a> {
    /// The numeric columns, in order of the table.
    pub(super) fn all(table: &'a Table, rule: Rule) -> Result<Vec<Self>, AgentError> {
        let numeric: Vec<&Column> =
            table.columns().iter().filter(|column| column.kind().is_numeric()).collect();
        let found: Vec<_> = RAYON.install(|| {
            numeric.par_iter().with_max_len(1).map(|column| outliers(column, rule, LISTED)).collect()
        });
        let columns = numeric.into_iter().zip(found).map(|(column, found)| {
            let outliers = found.map_err(|error| AgentError::Parameter {
                key: "lower_percentile, upper_percentile".to_owned(),
                reason: error.to_string(),
            })?;
            let share = percentage(outliers.count, table.height());
            Ok(Self { column, outliers, share, percentage: round(share, 2) })
        });
        columns.collect()
    }

    pub(super) fn name(&self) -> &'a str {
        self.column.name()
    }

    /// Critical ones among those that are listed.
    pub(super) fn critical_count(&self) -> usize {
        self.outliers.first.iter().filter(|outlier| outlier.is_critical).count()
    }

    pub(super) fn priority(&self) -> Severity {
        match self.share {
            share if share > 20.0 => Severity::High,
            share if share > 5.0 => Severity::Medium,
            _ => Severity::Low,
        }
    }

    pub(super) fn reason(&self) -> String {
        let share = fixed(self.share, 1);
        match self.priority() {
            Severity::High => {
                format!(
                    "{share} % of the rows are outliers: so many are a matter of the data, not of the tail."
                )
            }
            Severity::Medium => {
                format!("{share} % of the rows are outliers: look at some before they are removed.")
            }
            _ => format!("{share} % of the rows are outliers: little is lost without them."),
        }
    }

    pub(super) fn recommendation(&self) -> Value {
        let priority = self.priority();
        let action = match priority {
            Severity::High => "review_data_quality",
            Severity::Medium => "consider_removal",
            _ => "safe_to_remove",
        };
        json!({"column": self.name(), "action": action, "reason": self.reason(), "priority": priority})
    }

    pub(super) fn to_json(&self, settings: &Settings) -> Value {
        let outliers: Vec<Value> =
            self.outliers.first.iter().map(|outlier| outlier_json(outlier, settings.rule)).collect();
        json!({
            "outlier_count": self.outliers.count,
            "outlier_percentage": self.percentage,
            "data_type": self.column.kind().engine_name(),
            "total_values": self.column.len(),
            "method_used": settings.method,
            "outliers": outliers,
        })
    }
}

fn outlier_json(outlier: &Outlier, rule: Rule) -> Value {
    let mut listed = extra([("row_index", json!(outlier.row)), ("value", json!(outlier.value))]);
    let mut add = |key: &str, value: f64| listed.insert(key.to_owned(), json!(value));
    match outlier.measure {
        Measure::ZScore(z) => {
            add("z_score", z);
        }
        Measure::Bounds(lower, upper) => {
            add("lower_bound", lower);
            add("upper_bound", upper);
        }
    }
    let severity = if outlier.is_critical { Severity::Critical } else { Severity::Warning };
    listed.insert("severity".to_owned(), json!(severity));
    listed.insert("method".to_owned(), json!(rule.name()));
    Value::Object(listed)
}
