//! What an agent returns, and its JSON form (envelopes of the `_common-*.md` specifications, section 4).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::findings::Findings;
use crate::table::Table;

/// How an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has results.
    Success,
    /// It has none; `error` says why.
    Error,
    /// It stopped on purpose and says why (contract-enforcer in strict mode).
    Failed,
}

/// The answer of one agent.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub status: Status,
    /// Agent id; error answers of some agents leave it out.
    pub agent_id: Option<String>,
    /// Name that the agent gives itself; left out like the id.
    pub agent_name: Option<String>,
    /// Why there is no result; `None` on success.
    pub error: Option<String>,
    /// Time that the agent took, whole milliseconds in JSON.
    pub execution_time: Duration,
    /// Headline figures; empty on errors.
    pub summary_metrics: Map<String, Value>,
    /// The agent's own result; empty on errors.
    pub data: Map<String, Value>,
    /// What it found; `None` on errors.
    pub findings: Option<Findings>,
    /// The file that it hands on.
    pub cleaned_file: Option<CleanedFile>,
    /// Further top-level keys of this agent, e.g. `lineage`.
    pub extra: Map<String, Value>,
}

impl Answer {
    /// An answer with results. The runner fills in ids and time.
    pub fn success(
        summary_metrics: Map<String, Value>,
        data: Map<String, Value>,
        findings: Findings,
    ) -> Self {
        Self { summary_metrics, data, findings: Some(findings), ..Self::bare(Status::Success) }
    }

    /// An answer without results, without ids and of no duration: the platform's own form (platform.md 6.2).
    pub fn error(text: String) -> Self {
        Self { error: Some(text), ..Self::bare(Status::Error) }
    }

    fn bare(status: Status) -> Self {
        Self {
            status,
            agent_id: None,
            agent_name: None,
            error: None,
            execution_time: Duration::ZERO,
            summary_metrics: Map::new(),
            data: Map::new(),
            findings: None,
            cleaned_file: None,
            extra: Map::new(),
        }
    }

    /// Whether the agent ended with `success`: only such answers reach the report.
    pub fn is_success(&self) -> bool {
        self.status == Status::Success
    }

    /// The agent's time as reports write it.
    pub fn execution_time_ms(&self) -> u64 {
        u64::try_from(self.execution_time.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &self.status)?;
        optional(&mut map, "agent_id", self.agent_id.as_ref())?;
        optional(&mut map, "agent_name", self.agent_name.as_ref())?;
        optional(&mut map, "error", self.error.as_ref())?;
        map.serialize_entry("execution_time_ms", &self.execution_time_ms())?;
        if let Some(findings) = &self.findings {
            map.serialize_entry("summary_metrics", &self.summary_metrics)?;
            map.serialize_entry("data", &self.data)?;
            map.serialize_entry("alerts", &findings.alerts)?;
            map.serialize_entry("issues", &findings.issues)?;
            map.serialize_entry("recommendations", &findings.recommendations)?;
            map.serialize_entry("executive_summary", &findings.executive_summary)?;
            map.serialize_entry("ai_analysis_text", &findings.ai_analysis_text)?;
            map.serialize_entry("row_level_issues", &findings.row_level_issues)?;
            map.serialize_entry("issue_summary", &findings.issue_summary)?;
        }
        optional(&mut map, "cleaned_file", self.cleaned_file.as_ref())?;
        for (key, value) in &self.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn optional<M: SerializeMap, T: Serialize>(
    map: &mut M,
    key: &'static str,
    value: Option<&T>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, value),
        None => Ok(()),
    }
}

/// A file that an agent made, as the table that it is written from when somebody wants the file. In JSON it is
/// `{filename, content (base64), size_bytes, format}`.
#[derive(Debug, Clone)]
pub struct CleanedFile {
    /// Name, prefix included.
    pub name: String,
    /// Its content; [`Table::to_csv`] are its bytes.
    pub table: Arc<Table>,
}

impl CleanedFile {
    /// The name's extension in lower case, without its dot; the whole name where there is none.
    pub fn format(&self) -> String {
        self.name.rsplit('.').next().unwrap_or_default().to_lowercase()
    }
}

impl Serialize for CleanedFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.table.to_csv().map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("filename", &self.name)?;
        map.serialize_entry("content", &STANDARD.encode(&bytes))?;
        map.serialize_entry("size_bytes", &bytes.len())?;
        map.serialize_entry("format", &self.format())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ReadOptions;

    #[test]
    fn an_error_answer_has_three_keys() {
        let text = serde_json::to_string(&Answer::error("no file".to_owned())).unwrap();
        assert_eq!(text, r#"{"status":"error","error":"no file","execution_time_ms":0}"#);
    }

    #[test]
    fn a_success_has_every_list_and_its_file_last() {
        let mut answer = Answer::success(Map::new(), Map::new(), Findings::default());
        answer.agent_id = Some("null-handler".to_owned());
        let table = Table::read_csv("a.CSV", &"a\n1\n".into(), ReadOptions::inferring(100)).unwrap();
        answer.cleaned_file = Some(CleanedFile { name: "cleaned_a.CSV".to_owned(), table: Arc::new(table) });
        let value = serde_json::to_value(&answer).unwrap();
        let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "status",
                "agent_id",
                "execution_time_ms",
                "summary_metrics",
                "data",
                "alerts",
                "issues",
                "recommendations",
                "executive_summary",
                "ai_analysis_text",
                "row_level_issues",
                "issue_summary",
                "cleaned_file"
            ]
        );
        assert_eq!(
            value["cleaned_file"],
            serde_json::json!({"filename": "cleaned_a.CSV", "content": "YQoxCg==", "size_bytes": 4, "format": "csv"})
        );
    }
}
