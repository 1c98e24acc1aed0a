//! What to do about the rules (section 6 of the specification).

use serde_json::{Value, json};

use super::{ID, Summary};
use crate::findings::{Recommendation, Severity, first_names};
use crate::text::{counted, fixed};

/// Advice that becomes recommendations.
const ADVICE: usize = 7;

/// One piece of advice (section 6.2).
pub(super) struct Advice {
    priority: Severity,
    action: &'static str,
    reason: String,
    rules: Vec<Value>,
}

impl Advice {
    pub(super) fn to_json(&self) -> Value {
        let mut advice = json!({"priority": self.priority, "action": self.action, "reason": self.reason});
        if let Some(advice) = advice.as_object_mut().filter(|_| !self.rules.is_empty()) {
            advice.insert("affected_rules".to_owned(), json!(self.rules));
        }
        advice
    }

    fn timeline(&self) -> &'static str {
        match self.priority {
            Severity::Critical => "immediate",
            Severity::High => "1 week",
            _ => "2 weeks",
        }
    }

    fn to_recommendation(&self) -> Recommendation {
        let rules: Vec<String> =
            self.rules.iter().map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)).collect();
        Recommendation::new(
            ID,
            format!("rec_preview_{}", self.action),
            first_names(&rules, 3, "multiple"),
            self.priority.clone(),
            self.timeline(),
            format!("{}: {}", self.action.replace('_', " "), self.reason),
        )
    }
}

pub(super) fn advice(summary: &Summary<'_>) -> Vec<Advice> {
    let mut list = Vec::new();
    let mut add = |priority, action, reason, rules| list.push(Advice { priority, action, reason, rules });
    if !summary.is_safe() {
        let high = summary.previews.iter().filter(|preview| preview.is_high());
        add(
            Severity::Critical,
            "review_high_risk_rules",
            format!("{} much and for good.", counted(summary.warnings.len(), "rule changes", "rules change")),
            high.map(|preview| preview.rule.id.clone()).collect(),
        );
    }
    if summary.high > 0 {
        let rules = counted(summary.high, "rule changes", "rules change");
        add(Severity::High, "backup_data", format!("{rules} much: keep a copy of the file."), Vec::new());
    }
    let score = fixed(summary.score, 1);
    let (priority, action, reason) = match summary.score {
        score if score >= 90.0 => (Severity::Low, "proceed_with_confidence", "the rules may run"),
        score if score >= 75.0 => (Severity::Medium, "review_before_execution", "look at the rules first"),
        _ => (Severity::High, "reconsider_strategy", "rules or thresholds do not fit this file"),
    };
    add(priority, action, format!("The score is {score}: {reason}."), Vec::new());
    for preview in summary.previews {
        if let Err(error) = &preview.outcome {
            let reason = format!("{}: {error}.", preview.rule.description_text());
            add(Severity::High, "fix_rule_error", reason, vec![preview.rule.id.clone()]);
        }
    }
    list
}

pub(super) fn recommendations(summary: &Summary<'_>) -> Vec<Recommendation> {
    let mut list: Vec<Recommendation> =
        advice(summary).iter().take(ADVICE).map(Advice::to_recommendation).collect();
    let mut add = |id: &'static str, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    if !summary.is_safe() {
        let rules = counted(summary.warnings.len(), "rule that is", "rules that are");
        let text = format!("Do not run the {rules} not safe before somebody has looked at what would go.");
        add("rec_preview_safety", "all rules", Severity::Critical, "immediate", text);
    }
    if summary.is_memory_spike() {
        let text = format!("Memory changes by {} MB: run in parts.", fixed(summary.memory_change, 1));
        add("rec_preview_memory_optimization", "global", Severity::Medium, "before_execution", text);
    }
    if summary.score < 60.0 {
        let text = format!("A score of {} needs other rules.", fixed(summary.score, 1));
        add("rec_preview_improve_rules", "configuration", Severity::High, "immediate", text);
    }
    list
}
