//! What the other agents reported, if the client passed it on (section 3 of the specification).

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::agent::AgentError;

/// Agents whose steps are listed: the list in their `data`, and the word for one of its entries.
const LOGS: [(&str, &str, &str); 6] = [
    ("null-handler", "imputation_log", "null_imputation"),
    ("outlier-remover", "removal_log", "outlier_removal"),
    ("type-fixer", "fix_log", "type_conversion"),
    ("duplicate-resolver", "resolution_log", "duplicate_resolution"),
    ("field-standardization", "standardization_log", "field_standardization"),
    ("quarantine-agent", "quarantine_log", "record_quarantine"),
];

/// The answers of the other agents.
pub(super) struct Manifests {
    given: Map<String, Value>,
    entries: Vec<Entry>,
}

/// What is kept of one answer.
struct Entry {
    agent_id: String,
    name: Value,
    executed_at: Value,
    execution_time_ms: Value,
    status: Value,
    /// Word for each step, and the steps.
    action: &'static str,
    steps: Vec<Value>,
}

/// An agent whose answer was an error.
pub(super) struct FailedAgent<'a> {
    pub(super) agent_id: &'a str,
    pub(super) error: String,
}

impl Manifests {
    pub(super) fn read(given: Map<String, Value>) -> Result<Self, AgentError> {
        let entries =
            given.iter().map(|(agent_id, answer)| Entry::of(agent_id, answer)).collect::<Result<_, _>>()?;
        Ok(Self { given, entries })
    }

    /// Number of agents.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// Number of steps of all agents.
    pub(super) fn transformations(&self) -> usize {
        self.entries.iter().map(|entry| entry.steps.len()).sum()
    }

    /// Agents whose status is `error`.
    pub(super) fn failed(&self) -> impl Iterator<Item = FailedAgent<'_>> {
        let failed = self.entries.iter().filter(|entry| entry.status == "error");
        failed.map(|entry| {
            let error = self.given.get(&entry.agent_id).and_then(|answer| answer.get("error"));
            let error = match error {
                Some(Value::String(text)) if !text.is_empty() => text.clone(),
                Some(Value::Null | Value::String(_)) | None => "The agent gave no reason.".to_owned(),
                Some(other) => other.to_string(),
            };
            FailedAgent { agent_id: &entry.agent_id, error }
        })
    }

    pub(super) fn as_given(&self) -> Value {
        Value::Object(self.given.clone())
    }

    pub(super) fn pipeline_json(&self) -> Value {
        self.entries.iter().map(Entry::to_json).collect()
    }

    pub(super) fn summary_json(&self) -> Value {
        let mut by_type: IndexMap<&str, usize> = IndexMap::new();
        for entry in self.entries.iter().filter(|entry| !entry.steps.is_empty()) {
            *by_type.entry(entry.action).or_default() += entry.steps.len();
        }
        let timeline: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| {
                json!({
                    "agent_id": entry.agent_id,
                    "agent_name": entry.name,
                    "executed_at": entry.executed_at,
                    "actions_count": entry.steps.len(),
                })
            })
            .collect();
        json!({
            "total_agents": self.count(),
            "total_actions": self.transformations(),
            "actions_by_type": by_type,
            "timeline": timeline,
        })
    }
}

impl Entry {
    fn of(agent_id: &str, answer: &Value) -> Result<Self, AgentError> {
        let refused = |needed: &str, got: &Value| AgentError::Parameter {
            key: "agent_manifests".to_owned(),
            reason: format!("agent {agent_id}: {needed}, got {got}"),
        };
        let answer = answer.as_object().ok_or_else(|| refused("an object is needed", answer))?;
        let key = |key: &str, default: Value| answer.get(key).cloned().unwrap_or(default);
        let log = LOGS.iter().find(|(agent, ..)| *agent == agent_id);
        let (mut steps, mut word) = (Vec::new(), "");
        if let Some((_, list, action)) = log {
            word = action;
            if let Some(data) = answer.get("data") {
                let data = data.as_object().ok_or_else(|| refused("`data` must be an object", data))?;
                if let Some(found) = data.get(*list) {
                    let found = found.as_array();
                    let needed = || {
                        refused(&format!("`{list}` must be a list"), data.get(*list).unwrap_or(&Value::Null))
                    };
                    steps = found.ok_or_else(needed)?.clone();
                }
            }
        }
        Ok(Self {
            agent_id: agent_id.to_owned(),
            name: key("agent_name", json!(agent_id)),
            executed_at: key("timestamp", json!("unknown")),
            execution_time_ms: key("execution_time_ms", json!(0)),
            status: key("status", json!("unknown")),
            action: word,
            steps,
        })
    }

    fn to_json(&self) -> Value {
        let steps: Vec<Value> =
            self.steps.iter().map(|step| json!({"action": self.action, "details": step})).collect();
        json!({
            "agent_id": self.agent_id,
            "agent_name": self.name,
            "executed_at": self.executed_at,
            "execution_time_ms": self.execution_time_ms,
            "status": self.status,
            "transformations_applied": steps,
        })
    }
}
