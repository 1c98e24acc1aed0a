//! What is known about a table and its columns (section 3 of the specification).

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::findings::extra;
use crate::stats::{percentage, round};
use crate::table::{Column, Kind, Table};
use crate::text::Cell;

/// A table and its columns.
pub(super) struct Profile<'a> {
    pub(super) table: &'a Table,
    pub(super) columns: Vec<ColumnProfile<'a>>,
    /// Bytes held, in megabytes.
    pub(super) memory: f64,
}

impl<'a> Profile<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        let columns: Vec<ColumnProfile<'_>> =
            RAYON.install(|| table.columns().par_iter().with_max_len(1).map(ColumnProfile::of).collect());
        let bytes: usize = columns.iter().map(|profile| bytes_held(profile.column)).sum();
        Self { table, columns, memory: bytes as f64 / 1_048_576.0 }
    }

    pub(super) fn to_json(&self, distributions: bool) -> Value {
        let columns: Map<String, Value> = self
            .columns
            .iter()
            .map(|profile| (profile.column.name().to_owned(), profile.to_json(distributions)))
            .collect();
        json!({
            "row_count": self.table.height(),
            "column_count": self.columns.len(),
            "memory_usage_mb": self.memory,
            "columns": columns,
        })
    }
}

/// One column; its mean, median and so on are among the column's own facts.
pub(super) struct ColumnProfile<'a> {
    pub(super) column: &'a Column,
    pub(super) nulls: usize,
    /// Share of nulls in percent, with two decimals.
    pub(super) null_share: f64,
    /// Number of distinct values; null counts as one.
    pub(super) unique: usize,
}

impl<'a> ColumnProfile<'a> {
    fn of(column: &'a Column) -> Self {
        let nulls = column.null_count();
        // Found here, on as many threads as there are, what is shown later.
        column.moments();
        column.text_facts();
        Self {
            column,
            nulls,
            null_share: round(percentage(nulls, column.len()), 2),
            unique: column.distinct().count_with_null(),
        }
    }

    /// Mean of a numeric column with values.
    pub(super) fn mean(&self) -> Option<f64> {
        self.column.moments().map(|moments| moments.mean)
    }

    /// Median of a numeric column with values.
    pub(super) fn median(&self) -> Option<f64> {
        self.column.ranking().and_then(|ranking| ranking.median())
    }

    fn to_json(&self, distributions: bool) -> Value {
        let mut profile = extra([
            ("dtype", json!(self.column.kind().engine_name())),
            ("null_count", json!(self.nulls)),
            ("null_percentage", json!(self.null_share)),
            ("unique_count", json!(self.unique)),
            ("unique_percentage", json!(round(percentage(self.unique, self.column.len()), 2))),
        ]);
        match self.column.kind() {
            Kind::Integer | Kind::Float => {
                profile.insert("statistics".to_owned(), self.statistics());
                if let Some(moments) = self.column.moments().filter(|_| distributions) {
                    let shape = json!({"skewness": moments.skewness, "kurtosis": moments.kurtosis});
                    profile.insert("distribution".to_owned(), shape);
                }
            }
            Kind::Text => {
                profile.insert("statistics".to_owned(), self.text_statistics());
            }
            Kind::Boolean | Kind::BigInteger => {}
        }
        Value::Object(profile)
    }

    fn statistics(&self) -> Value {
        let ranking = self.column.ranking();
        let quantile = |share| ranking.and_then(|ranking| ranking.quantile(share));
        json!({
            "mean": self.mean(),
            "median": self.median(),
            "std": self.column.moments().and_then(|moments| moments.std()),
            "min": ranking.and_then(|ranking| ranking.min()),
            "max": ranking.and_then(|ranking| ranking.max()),
            "q25": quantile(0.25),
            "q75": quantile(0.75),
        })
    }

    /// The first of the most frequent texts, unless there are more nulls than any text has rows.
    fn text_statistics(&self) -> Value {
        let most = self.column.distinct().mode().filter(|most| most.count as usize >= self.nulls);
        let average = self
            .column
            .text_facts()
            .map(|facts| facts.total_length as f64 / self.column.value_count() as f64);
        json!({
            "most_common": most.map_or(Cell::Null, |most| self.column.cell(most.first_row as usize)).display(),
            "most_common_count": most.map_or(0, |most| most.count),
            "avg_length": average,
        })
    }
}

/// What the cells of a column take in memory, without the validity of each.
fn bytes_held(column: &Column) -> usize {
    match column.kind() {
        Kind::Integer | Kind::Float => column.len() * 8,
        Kind::BigInteger => column.len() * 16,
        Kind::Boolean => column.len().div_ceil(8),
        Kind::Text => column.len() * 16 + column.text_facts().map_or(0, |facts| facts.total_length),
    }
}
