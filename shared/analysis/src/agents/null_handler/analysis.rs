//! What is known about the columns with nulls, once null words are nulls (section 4, step 2).

use serde_json::{Map, Value, json};

use super::Cleaning;
use crate::findings::Severity;
use crate::stats::{percentage, round};
use crate::table::{Column, Table};
use crate::text::fixed;

/// A column with nulls.
pub(super) struct NullColumn<'a> {
    pub(super) column: &'a Column,
    /// Share of nulls in percent, not rounded.
    share: f64,
    /// The same with two decimals, as findings compare it.
    pub(super) percentage: f64,
    suggested_strategy: &'static str,
}

impl<'a> NullColumn<'a> {
    pub(super) fn all(table: &'a Table) -> Vec<Self> {
        table.columns().iter().filter(|column| column.null_count() > 0).map(Self::of).collect()
    }

    fn of(column: &'a Column) -> Self {
        let share = percentage(column.null_count(), column.len());
        let suggested_strategy = match share {
            share if share > 70.0 => "drop_column",
            share if share > 50.0 => "knn_imputation",
            _ if !column.kind().is_numeric() => "mode",
            _ if is_lopsided(column) => "median",
            _ => "mean",
        };
        Self { column, share, percentage: round(share, 2), suggested_strategy }
    }

    pub(super) fn name(&self) -> &'a str {
        self.column.name()
    }

    fn action(&self) -> &'static str {
        match self.share {
            share if share > 70.0 => "consider_dropping",
            share if share > 30.0 => "advanced_imputation",
            _ => "simple_imputation",
        }
    }

    pub(super) fn priority(&self) -> Severity {
        match self.share {
            share if share > 70.0 => Severity::High,
            share if share > 30.0 => Severity::Medium,
            _ => Severity::Low,
        }
    }

    pub(super) fn reason(&self) -> String {
        let share = fixed(self.share, 1);
        match self.action() {
            "consider_dropping" => {
                format!("{share} % of this column is missing: little is left to fill it from.")
            }
            "advanced_imputation" => {
                format!("{share} % of this column is missing: one value for all gaps would distort it.")
            }
            _ => format!("{share} % of this column is missing: a simple replacement does little harm."),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "null_count": self.column.null_count(),
            "null_percentage": self.percentage,
            "data_type": self.column.kind().engine_name(),
            "non_null_count": self.column.value_count(),
            "suggested_strategy": self.suggested_strategy,
        })
    }
}

/// Whether mean and median are more than half a standard deviation apart.
fn is_lopsided(column: &Column) -> bool {
    let facts = column.moments().zip(column.ranking().and_then(|ranking| ranking.median()));
    facts.is_some_and(|(moments, median)| match moments.std() {
        Some(std) if std != 0.0 => (moments.mean - median).abs() / std > 0.5,
        _ => false,
    })
}

pub(super) fn to_json(cleaning: &Cleaning<'_>) -> Value {
    let columns = &cleaning.columns;
    let summary: Map<String, Value> =
        columns.iter().map(|column| (column.name().to_owned(), column.to_json())).collect();
    let recommendations: Vec<Value> = columns
        .iter()
        .map(|column| {
            json!({
                "column": column.name(),
                "action": column.action(),
                "reason": column.reason(),
                "priority": column.priority(),
            })
        })
        .collect();
    json!({
        "total_rows": cleaning.rows,
        "total_columns": cleaning.width,
        "columns_with_nulls": columns.iter().map(NullColumn::name).collect::<Vec<_>>(),
        "total_nulls_detected": cleaning.nulls,
        "null_summary": summary,
        "recommendations": recommendations,
    })
}
