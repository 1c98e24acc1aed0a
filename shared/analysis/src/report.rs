//! The report of a task (report.md): one JSON object, written as a stream.
//!
//! Merges the answers of the successful agents and counts them; figures of an answer are passed on as they are.

mod json;
mod summary;

use std::io;

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

pub use summary::AnalysisSummary;

use crate::answer::{Answer, Status};
use crate::chain::Chain;
use crate::findings::{Findings, IssueSummary, ROW_ISSUE_CAP, Severity, SummaryItem};
use crate::tools::Tool;

/// What a report says about its task.
#[derive(Debug, Clone, Copy)]
pub struct Heading<'a> {
    /// The task id.
    pub analysis_id: &'a str,
    /// The task's tool.
    pub tool: &'a Tool,
    /// When the report was made.
    pub timestamp: DateTime<Utc>,
}

/// The report of one task, ready to be written.
#[derive(Debug)]
pub struct Report<'a> {
    heading: Heading<'a>,
    chain: &'a Chain,
    analysis_summary: AnalysisSummary,
    routing: Vec<Value>,
    executive_summary: Vec<SummaryItem>,
    issue_summary: IssueSummary,
}

impl<'a> Report<'a> {
    /// Merges the answers of a chain. `routing` is the value of `routing_decisions`, empty without a language model.
    pub fn new(
        heading: Heading<'a>,
        chain: &'a Chain,
        analysis_summary: AnalysisSummary,
        routing: Vec<Value>,
    ) -> Self {
        let executive_summary = executive_summary(chain);
        let issue_summary =
            IssueSummary::of_report(findings(chain).flat_map(|found| &found.row_level_issues));
        Self { heading, chain, analysis_summary, routing, executive_summary, issue_summary }
    }

    /// The lines of the executive summary: five about the run, then those of the agents in execution order.
    pub fn executive_summary(&self) -> &[SummaryItem] {
        &self.executive_summary
    }

    /// Counts over all row-level issues, before the list is cut.
    pub fn issue_summary(&self) -> &IssueSummary {
        &self.issue_summary
    }

    /// Writes the report: indented by two spaces, pure ASCII, no byte order mark, NaN and infinities as null.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        json::write_ascii(self, out)
    }

    /// Display names of the successful agents in the tool's order; agents that the tool does not offer are left out.
    fn agent_names(&self) -> Vec<&str> {
        let offered = self.heading.tool.available_agents.iter();
        let successful = offered
            .filter_map(|id| Some((id, self.chain.answers.get(id)?)))
            .filter(|(_, answer)| answer.is_success());
        successful
            .map(|(id, answer)| {
                let registered = self.heading.tool.definition(id).and_then(|agent| agent.name.as_deref());
                registered.or(answer.agent_name.as_deref()).unwrap_or(id)
            })
            .collect()
    }

    fn timestamp(&self) -> String {
        // As Python's isoformat: microseconds, or nothing when they are 0.
        let precision = if self.heading.timestamp.nanosecond() / 1000 == 0 {
            SecondsFormat::Secs
        } else {
            SecondsFormat::Micros
        };
        self.heading.timestamp.to_rfc3339_opts(precision, true)
    }

    fn successful(&self) -> impl Iterator<Item = (&'a String, &'a Answer)> + Clone {
        self.chain.answers.iter().filter(|(_, answer)| answer.is_success())
    }
}

/// `profile-my-data` -> `profile_my_data_analysis.json` (downloads.md 1).
pub fn file_name(tool_id: &str) -> String {
    format!("{}_analysis.json", tool_id.replace('-', "_"))
}

fn findings(chain: &Chain) -> impl Iterator<Item = &Findings> + Clone {
    chain.answers.values().filter(|answer| answer.is_success()).filter_map(|answer| answer.findings.as_ref())
}

/// report.md 2
fn executive_summary(chain: &Chain) -> Vec<SummaryItem> {
    let answered = chain.answers.len();
    let successful = chain.answers.values().filter(|answer| answer.is_success()).count();
    let seconds = chain.execution_time.as_millis() as f64 / 1000.0;
    let alerts: usize = findings(chain).map(|found| found.alerts.len()).sum();
    let issues: usize = findings(chain).map(|found| found.issues.len()).sum();
    let recommendations: usize = findings(chain).map(|found| found.recommendations.len()).sum();
    let status_of = |count: usize, few: usize| match count {
        0 => "success",
        count if count < few => "warning",
        _ => "critical",
    };
    let mut items = vec![
        SummaryItem::new(
            "exec_agents_used",
            "Agents Executed",
            format!("{successful}/{answered}"),
            if successful > 0 { "success" } else { "warning" },
            format!("{successful} of {answered} agents finished with a result."),
        ),
        SummaryItem::new(
            "exec_execution_time",
            "Total Execution Time",
            format!("{seconds:.2}s"),
            match seconds {
                seconds if seconds < 30.0 => "excellent",
                seconds if seconds < 60.0 => "good",
                _ => "fair",
            },
            format!("The agents took {seconds:.2} seconds, reading the files included."),
        ),
        SummaryItem::new(
            "exec_total_alerts",
            "Total Alerts",
            alerts.to_string(),
            status_of(alerts, 5),
            format!("Alerts raised by all agents: {alerts}."),
        ),
        SummaryItem::new(
            "exec_total_issues",
            "Total Issues",
            issues.to_string(),
            status_of(issues, 10),
            format!("Issues found by all agents: {issues}."),
        ),
        SummaryItem::new(
            "exec_total_recommendations",
            "Total Recommendations",
            recommendations.to_string(),
            "info",
            format!("Recommendations given by all agents: {recommendations}."),
        ),
    ];
    items.extend(findings(chain).flat_map(|found| found.executive_summary.iter().cloned()));
    items
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = findings(self.chain);
        let mut report = serializer.serialize_map(Some(11))?;
        report.serialize_entry("metadata", &Metadata(self))?;
        report.serialize_entry("executive_summary", &self.executive_summary)?;
        report.serialize_entry("analysis_summary", &self.analysis_summary)?;
        report.serialize_entry("summary", &Counts(self.chain))?;
        report.serialize_entry("alerts", &List(found.clone().flat_map(|found| &found.alerts)))?;
        report.serialize_entry("issues", &List(found.clone().flat_map(|found| &found.issues)))?;
        report.serialize_entry(
            "recommendations",
            &List(found.clone().flat_map(|found| &found.recommendations)),
        )?;
        report.serialize_entry(
            "row_level_issues",
            &List(found.flat_map(|found| &found.row_level_issues).take(ROW_ISSUE_CAP)),
        )?;
        report.serialize_entry("issue_summary", &self.issue_summary)?;
        report.serialize_entry("routing_decisions", &self.routing)?;
        report.serialize_entry("agent_results", &Results(self))?;
        report.end()
    }
}

/// The elements of an iterator as a list, without collecting them.
struct List<I>(I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for element in self.0.clone() {
            list.serialize_element(&element)?;
        }
        list.end()
    }
}

struct Metadata<'a>(&'a Report<'a>);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let names = report.agent_names();
        let mut metadata = serializer.serialize_map(Some(7))?;
        metadata.serialize_entry("analysis_id", report.heading.analysis_id)?;
        metadata.serialize_entry("tool", &report.heading.tool.id)?;
        metadata.serialize_entry("timestamp", &report.timestamp())?;
        metadata.serialize_entry("execution_time_ms", &millis(report.chain.execution_time))?;
        metadata.serialize_entry("report_version", "1.0")?;
        metadata.serialize_entry("agents_name", &names)?;
        metadata.serialize_entry("lineage", &names)?;
        metadata.end()
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

struct Counts<'a>(&'a Chain);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = findings(self.0);
        let alerts = found.clone().flat_map(|found| &found.alerts);
        let of = |severity: Severity| alerts.clone().filter(|alert| alert.severity == severity).count();
        let mut counts = serializer.serialize_map(Some(6))?;
        counts.serialize_entry("total_alerts", &alerts.clone().count())?;
        counts
            .serialize_entry("total_issues", &found.clone().map(|found| found.issues.len()).sum::<usize>())?;
        counts.serialize_entry(
            "total_recommendations",
            &found.map(|found| found.recommendations.len()).sum::<usize>(),
        )?;
        counts.serialize_entry("critical_alerts", &of(Severity::Critical))?;
        counts.serialize_entry("high_severity_alerts", &of(Severity::High))?;
        counts.serialize_entry("medium_severity_alerts", &of(Severity::Medium))?;
        counts.end()
    }
}

struct Results<'a>(&'a Report<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut results = serializer.serialize_map(None)?;
        for (id, answer) in self.0.successful() {
            results.serialize_entry(id, &AgentResult(answer))?;
        }
        results.end()
    }
}

struct AgentResult<'a>(&'a Answer);

impl Serialize for AgentResult<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = self.0;
        let mut result = serializer.serialize_map(Some(5))?;
        result.serialize_entry("status", &Status::Success)?;
        result.serialize_entry("execution_time_ms", &answer.execution_time_ms())?;
        result.serialize_entry("summary_metrics", &answer.summary_metrics)?;
        result.serialize_entry("data", &answer.data)?;
        result.serialize_entry(
            "timestamp",
            answer.extra.get("timestamp").unwrap_or(&Value::String(String::new())),
        )?;
        result.end()
    }
}

#[cfg(test)]
mod tests;
