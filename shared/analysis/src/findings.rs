//! What agents find: alerts, issues, recommendations, summary items and row-level issues, with the element
//! shapes of report.md 4. Texts are written by the agents; nothing here decides what is worth reporting.

mod new;

use std::borrow::Cow;

use hashbrown::HashSet;
use indexmap::{IndexMap, IndexSet};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use new::{first_names, number, shortened_names, three_names};

/// Most row-level issues that an agent or a report lists.
pub const ROW_ISSUE_CAP: usize = 1000;

/// How bad a finding is. Which of them a list uses is said by the agent's specification.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Severity {
    /// `critical`
    Critical,
    /// `high`
    High,
    /// `medium`
    Medium,
    /// `low`
    Low,
    /// `warning`, row-level issues
    Warning,
    /// `info`, row-level issues
    Info,
    /// A word that a client chose, e.g. in a business rule.
    Other(String),
}

impl Severity {
    /// The word in reports.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Other(word) => word,
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something about the whole input that a person should know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Stable id of the kind of alert.
    pub alert_id: Cow<'static, str>,
    /// `critical` to `low`.
    pub severity: Severity,
    /// Group of alerts, e.g. `missing_data`.
    pub category: Cow<'static, str>,
    /// What was seen, with its figures.
    pub message: String,
    /// How many columns (or records) are concerned; for one alert of cleanse-writeback a difference, which may be
    /// negative.
    pub affected_fields_count: i64,
    /// What to do.
    pub recommendation: String,
}

/// Something wrong with one column (or part) of the input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Issue {
    /// Id, mostly with the column's name in it.
    pub issue_id: String,
    /// The agent that found it.
    pub agent_id: Cow<'static, str>,
    /// The column, or a word for the part.
    pub field_name: String,
    /// Kind of issue.
    pub issue_type: Cow<'static, str>,
    /// `critical` to `low`, for a few agents also `warning`.
    pub severity: Severity,
    /// What was seen, with its figures.
    pub message: String,
    /// Further keys of this agent, written after the others.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recommendation {
    /// Stable id of the kind of recommendation.
    pub recommendation_id: Cow<'static, str>,
    /// The agent that gives it.
    pub agent_id: Cow<'static, str>,
    /// Columns, or words for the part, joined by `, `.
    pub field_name: String,
    /// `critical` to `low`.
    pub priority: Severity,
    /// What to do.
    pub recommendation: String,
    /// By when, e.g. `1-2 weeks`.
    pub timeline: Cow<'static, str>,
    /// Further keys of this agent, written after the others.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One line of the executive summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryItem {
    /// Stable id.
    pub summary_id: Cow<'static, str>,
    /// Heading.
    pub title: Cow<'static, str>,
    /// The figure, as text.
    pub value: String,
    /// A word such as `good` or `critical`.
    pub status: Cow<'static, str>,
    /// One sentence.
    pub description: String,
}

/// Something wrong with one row, or with the file as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowIssue {
    /// 0-based data row; `None` where the issue belongs to no row.
    pub row_index: Option<u64>,
    /// Column; `global` or `multiple` where several are meant, `None` where there is none.
    pub column: Option<String>,
    /// Kind of issue.
    pub issue_type: Cow<'static, str>,
    /// `critical`, `warning`, `info` and, for some agents, other words.
    pub severity: Severity,
    /// What was seen, with its figures.
    pub message: String,
    /// Further keys of this agent, written after the others.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Counts over row-level issues. Agents differ in what they count, so the maps are filled by the functions below.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct IssueSummary {
    /// Number of issues.
    pub total_issues: u64,
    /// Kind of issue -> count, in order of first appearance.
    pub by_type: IndexMap<String, u64>,
    /// Severity -> count.
    pub by_severity: IndexMap<String, u64>,
    /// Number of distinct rows.
    pub affected_rows: u64,
    /// Distinct columns.
    pub affected_columns: Vec<String>,
}

impl IssueSummary {
    /// Counts what occurs: severities and kinds in order of first appearance, columns ascending by code point
    /// (`_common-profile-my-data.md` 4).
    pub fn of_what_occurs(issues: &[RowIssue]) -> Self {
        let mut summary = Self::counted(issues.iter(), IndexMap::new(), true);
        summary.affected_columns.sort_unstable();
        summary
    }

    /// As readiness-rater counts: always exactly the severities `critical`, `warning` and `info`, other severities
    /// left out; columns ascending.
    pub fn of_three_severities(issues: &[RowIssue]) -> Self {
        let mut summary = Self::counted(issues.iter(), three_severities(), false);
        summary.affected_columns.sort_unstable();
        summary
    }

    /// As the agents of the clean tool count that look at the file as a whole (`_common-clean-my-data.md` 4, variant
    /// A): as [`Self::of_three_severities`], and the first row does not count among the rows.
    pub fn of_later_rows(issues: &[RowIssue]) -> Self {
        let mut summary = Self::of_three_severities(issues);
        let first = issues.iter().any(|issue| issue.row_index == Some(0));
        summary.affected_rows -= u64::from(first);
        summary
    }

    /// The same counts, with a word that is no column's name taken out of the columns.
    pub fn without_column(mut self, name: &str) -> Self {
        self.affected_columns.retain(|column| column != name);
        self
    }

    /// As the report counts (report.md 3): always exactly the severities `critical`, `warning` and `info`, other
    /// severities left out; columns in order of first appearance, without empty names and `global`.
    pub fn of_report<'a>(issues: impl Iterator<Item = &'a RowIssue>) -> Self {
        let mut summary = Self::counted(issues, three_severities(), false);
        summary.affected_columns.retain(|column| !column.is_empty() && column != "global");
        summary
    }

    fn counted<'a>(
        issues: impl Iterator<Item = &'a RowIssue>,
        severities: IndexMap<String, u64>,
        any_severity: bool,
    ) -> Self {
        let mut summary = Self { by_severity: severities, ..Self::default() };
        let mut rows = HashSet::new();
        let mut columns = IndexSet::new();
        for issue in issues {
            summary.total_issues += 1;
            count(&mut summary.by_type, &issue.issue_type, true);
            count(&mut summary.by_severity, issue.severity.as_str(), any_severity);
            rows.extend(issue.row_index);
            columns.extend(issue.column.as_deref());
        }
        summary.affected_rows = rows.len() as u64;
        summary.affected_columns = columns.into_iter().map(str::to_owned).collect();
        summary
    }
}

fn three_severities() -> IndexMap<String, u64> {
    ["critical", "warning", "info"].into_iter().map(|severity| (severity.to_owned(), 0)).collect()
}

fn count(counts: &mut IndexMap<String, u64>, key: &str, may_add: bool) {
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else if may_add {
        counts.insert(key.to_owned(), 1);
    }
}

/// Everything that one agent found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Findings {
    /// Alerts, in the order of the agent's specification.
    pub alerts: Vec<Alert>,
    /// Issues, likewise.
    pub issues: Vec<Issue>,
    /// Recommendations, likewise.
    pub recommendations: Vec<Recommendation>,
    /// Lines for the executive summary.
    pub executive_summary: Vec<SummaryItem>,
    /// Lines for the summary that a language model writes.
    pub ai_analysis_text: String,
    /// Row-level issues, at most [`ROW_ISSUE_CAP`].
    pub row_level_issues: Vec<RowIssue>,
    /// Counts over the row-level issues.
    pub issue_summary: IssueSummary,
}

/// The keys and values of `extra` in the order given.
///
/// ```
/// let extra = analysis::findings::extra([("value", 1.5.into()), ("owner", "Data Quality Team".into())]);
/// assert_eq!(extra.len(), 2);
/// ```
pub fn extra<const N: usize>(entries: [(&str, Value); N]) -> Map<String, Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(row: Option<u64>, column: &str, kind: &'static str, severity: Severity) -> RowIssue {
        RowIssue {
            row_index: row,
            column: Some(column.to_owned()),
            issue_type: kind.into(),
            severity,
            message: "found".to_owned(),
            extra: Map::new(),
        }
    }

    #[test]
    fn an_agent_counts_what_occurs() {
        let issues = [
            issue(Some(3), "b", "null", Severity::Warning),
            issue(Some(3), "a", "outlier", Severity::High),
            issue(None, "b", "null", Severity::Warning),
        ];
        let summary = IssueSummary::of_what_occurs(&issues);
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"total_issues":3,"by_type":{"null":2,"outlier":1},"by_severity":{"warning":2,"high":1},"affected_rows":1,"affected_columns":["a","b"]}"#
        );
    }

    #[test]
    fn one_agent_counts_three_severities_and_another_hides_a_column() {
        let issues =
            [issue(Some(1), "b", "null", Severity::High), issue(Some(1), "N/A", "null", Severity::Warning)];
        let summary = serde_json::to_value(IssueSummary::of_three_severities(&issues)).unwrap();
        assert_eq!(summary["by_severity"], serde_json::json!({"critical": 0, "warning": 1, "info": 0}));
        assert_eq!(summary["affected_columns"], serde_json::json!(["N/A", "b"]));
        let first = issue(Some(0), "b", "null", Severity::Warning);
        let [second, third] = issues.clone();
        assert_eq!(IssueSummary::of_later_rows(&[first, second, third]).affected_rows, 1);
        let summary = IssueSummary::of_what_occurs(&issues).without_column("N/A");
        assert_eq!(summary.affected_columns, ["b"]);
        assert_eq!(summary.total_issues, 2);
    }

    #[test]
    fn a_report_counts_three_severities_only() {
        let issues = [
            issue(Some(1), "b", "null", Severity::Info),
            issue(Some(2), "global", "null", Severity::High),
            issue(Some(2), "a", "null", Severity::Other("odd".to_owned())),
            issue(Some(2), "", "null", Severity::Critical),
        ];
        let summary = IssueSummary::of_report(issues.iter());
        assert_eq!(
            serde_json::to_string(&summary).unwrap(),
            r#"{"total_issues":4,"by_type":{"null":4},"by_severity":{"critical":1,"warning":0,"info":1},"affected_rows":2,"affected_columns":["b","a"]}"#
        );
    }

    #[test]
    fn extra_keys_come_last() {
        let mut row = issue(Some(0), "a", "null", Severity::Warning);
        row.extra = extra([("value", Value::Null)]);
        let text = serde_json::to_string(&row).unwrap();
        assert!(text.ends_with(r#""message":"found","value":null}"#), "{text}");
    }
}
