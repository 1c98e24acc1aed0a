//! What the agents of the analytics tools share (`_common-analyze-my-data.md`): how they sign, the words that scores
//! earn, findings that concern no row.

use serde_json::{Map, Value};

use crate::agent::{AgentError, Signature};
use crate::findings::{RowIssue, Severity, SummaryItem};
use crate::parameters::Parameters;

/// Error answers carry both names, whatever went wrong (section 5).
pub(super) fn signature(_: &AgentError) -> Signature {
    Signature::IdAndName
}

/// The two thresholds of a score.
pub(super) struct Grading {
    excellent: i64,
    good: i64,
}

impl Grading {
    /// Takes `excellent_threshold` and `good_threshold`.
    pub(super) fn new(parameters: &mut Parameters<'_>) -> Self {
        Self {
            excellent: parameters.bounded_integer("excellent_threshold", 90, 0..=100),
            good: parameters.bounded_integer("good_threshold", 75, 0..=100),
        }
    }

    /// The word for a score.
    pub(super) fn grade(&self, score: f64) -> &'static str {
        if score >= self.excellent as f64 {
            "excellent"
        } else if score >= self.good as f64 {
            "good"
        } else {
            "needs_improvement"
        }
    }
}

/// A row-level issue of the whole input.
pub(super) fn issue_without_row(
    column: Option<&str>,
    kind: &'static str,
    severity: Severity,
    message: String,
    value: Value,
) -> RowIssue {
    let extra = Map::from_iter([("value".to_owned(), value)]);
    RowIssue {
        row_index: None,
        column: column.map(str::to_owned),
        issue_type: kind.into(),
        severity,
        message,
        extra,
    }
}

/// A line of the executive summary.
pub(super) fn summary_item(
    id: &'static str,
    title: &'static str,
    value: String,
    status: &'static str,
    description: String,
) -> SummaryItem {
    SummaryItem { summary_id: id.into(), title: title.into(), value, status: status.into(), description }
}
