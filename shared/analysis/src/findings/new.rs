//! Findings from their parts, without further keys.

use serde_json::{Map, Value};

use super::{Alert, Issue, Recommendation, RowIssue, Severity, SummaryItem};
use crate::text::Cell;

impl Alert {
    /// An alert; `affected` is the number of columns (or records) concerned.
    pub fn new(
        id: &'static str,
        severity: Severity,
        category: &'static str,
        affected: usize,
        message: String,
        recommendation: &str,
    ) -> Self {
        Self {
            alert_id: id.into(),
            severity,
            category: category.into(),
            message,
            affected_fields_count: i64::try_from(affected).unwrap_or(i64::MAX),
            recommendation: recommendation.to_owned(),
        }
    }
}

impl Issue {
    /// An issue of one column or part.
    pub fn new(
        agent_id: &'static str,
        id: String,
        field_name: &str,
        issue_type: &'static str,
        severity: Severity,
        message: String,
    ) -> Self {
        Self {
            issue_id: id,
            agent_id: agent_id.into(),
            field_name: field_name.to_owned(),
            issue_type: issue_type.into(),
            severity,
            message,
            extra: Map::new(),
        }
    }
}

impl Recommendation {
    /// A recommendation for columns or parts.
    pub fn new(
        agent_id: &'static str,
        id: impl Into<std::borrow::Cow<'static, str>>,
        field_name: String,
        priority: Severity,
        timeline: &'static str,
        text: String,
    ) -> Self {
        Self {
            recommendation_id: id.into(),
            agent_id: agent_id.into(),
            field_name,
            priority,
            recommendation: text,
            timeline: timeline.into(),
            extra: Map::new(),
        }
    }

    /// What the first recommendation says; empty without any.
    pub fn first_text(recommendations: &[Self]) -> &str {
        recommendations.first().map_or("", |first| first.recommendation.as_str())
    }
}

impl SummaryItem {
    /// A line of the executive summary.
    pub fn new(
        id: &'static str,
        title: &'static str,
        value: String,
        status: &'static str,
        description: String,
    ) -> Self {
        Self { summary_id: id.into(), title: title.into(), value, status: status.into(), description }
    }
}

impl RowIssue {
    /// An issue of one row.
    pub fn new(
        row: usize,
        column: &str,
        issue_type: &'static str,
        severity: Severity,
        message: String,
        extra: Map<String, Value>,
    ) -> Self {
        Self {
            row_index: Some(row as u64),
            column: Some(column.to_owned()),
            issue_type: issue_type.into(),
            severity,
            message,
            extra,
        }
    }
}

/// A cell as a JSON number; null for what JSON has no number for.
pub fn number(cell: Cell<'_>) -> Value {
    match cell {
        Cell::Integer(value) => Value::from(value),
        Cell::Float(value) => Value::from(value),
        _ => Value::Null,
    }
}

/// The first `n` names, joined as findings do it; `otherwise` without any.
pub fn first_names<S: AsRef<str>>(names: &[S], n: usize, otherwise: &str) -> String {
    if names.is_empty() {
        return otherwise.to_owned();
    }
    names.iter().take(n).map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

/// As [`first_names`], with `...` behind them if there are more.
pub fn shortened_names<S: AsRef<str>>(names: &[S], n: usize, otherwise: &str) -> String {
    let more = if names.len() > n { "..." } else { "" };
    first_names(names, n, otherwise) + more
}

/// The first three names, and `...` behind them if there are more.
pub fn three_names<S: AsRef<str>>(names: &[S]) -> String {
    shortened_names(names, 3, "")
}
