//! `duplicate-resolver` of clean-my-data: counts duplicate rows by several definitions, keeps one row per key.
//!
//! Who is a duplicate is found in [`detection`], what happens to them in [`resolution`], rows are listed in [`rows`],
//! texts are in [`findings`] and [`recommendations`].

mod detection;
mod findings;
mod recommendations;
mod resolution;
mod rows;

use serde_json::{Map, Value, json};

use super::cleaned::{self, Grading, r1, rate};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::{Severity, extra};
use crate::stats::{percentage, round};
use crate::text::counted;
use detection::{Detected, Keys};
use resolution::{Resolution, Strategy};

/// The agent.
#[derive(Debug)]
pub(super) struct DuplicateResolver;

const ID: &str = "duplicate-resolver";

impl Agent for DuplicateResolver {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Duplicate Resolver"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        match error {
            AgentError::MissingFile { .. } => Signature::Nothing,
            AgentError::NoRows { .. } => Signature::Id,
            _ => Signature::IdAndName,
        }
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 100)?;
        let types =
            texts(parameters.lenient_list("detection_types", detection::TYPES.map(Value::from).into()));
        let given_emails = texts(parameters.lenient_list("email_columns", Vec::new()));
        let emails = if given_emails.is_empty() { detection::email_columns(&table) } else { given_emails };
        parameters.note("email_columns", json!([]), json!(emails));
        let key_names = texts(parameters.lenient_list("key_columns", Vec::new()));
        let strategy = Strategy::of(&parameters.choice("merge_strategy", "remove_duplicates"));
        parameters.any("null_handling", "ignore_nulls".into());
        parameters.any("conflict_resolution", "keep_first".into());
        let grading = Grading::new(&mut parameters, "dedup_reduction_weight")?;

        let keys = Keys::new(&table, &key_names, &emails)?;
        let detected = Detected::by(&keys, &types);
        let resolution = Resolution::by(&keys, strategy, detected.total() > 0)?;
        let duplicates = Duplicates::new(&keys, detected, resolution, strategy, grading);
        let findings = findings::collect(&duplicates);
        let summary_metrics = extra([
            ("total_rows_processed", json!(duplicates.rows)),
            ("duplicates_detected", json!(duplicates.total())),
            ("duplicates_resolved", json!(duplicates.removed)),
            ("remaining_rows", json!(duplicates.rows - duplicates.removed)),
            ("rows_removed", json!(duplicates.removed)),
            ("total_issues", json!(duplicates.detected.listed().len())),
        ]);
        let mut data = extra([
            ("dedup_score", duplicates.score_to_json()),
            ("quality_status", json!(duplicates.quality)),
            ("duplicate_analysis", duplicates.analysis_to_json()),
            ("resolution_log", json!(duplicates.resolution.log)),
            ("summary", json!(findings::summary(&duplicates))),
            (
                "row_level_issues",
                findings.row_level_issues.iter().take(100).map(|issue| json!(issue)).collect(),
            ),
            ("issue_summary", json!(findings.issue_summary)),
            ("values_lost", cleaned::values_lost(&table)),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(table.name(), duplicates.resolution.table));
        Ok(answer)
    }
}

/// Names as texts; what is no text is shown as JSON.
fn texts(list: Vec<Value>) -> Vec<String> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    list.into_iter().map(text).collect()
}

/// The figures of the whole file (sections 3 and 5 of the specification). Rates are rounded to one decimal.
struct Duplicates<'a> {
    keys: &'a Keys<'a>,
    detected: Detected,
    resolution: Resolution,
    strategy: Strategy,
    rows: usize,
    width: usize,
    removed: usize,
    reduction: f64,
    retention: f64,
    column_retention: f64,
    score: f64,
    quality: &'static str,
    grading: Grading,
}

impl<'a> Duplicates<'a> {
    fn new(
        keys: &'a Keys<'a>,
        detected: Detected,
        resolution: Resolution,
        strategy: Strategy,
        grading: Grading,
    ) -> Self {
        let (rows, rows_after) = (keys.table.height(), resolution.table.height());
        let removed = rows - rows_after;
        let total = detected.total();
        let rates = [rate(total.min(removed), total, 100.0), rate(rows_after, rows, 100.0), 100.0];
        let score = r1(grading.score(rates));
        let [reduction, retention, column_retention] = rates.map(r1);
        Self {
            keys,
            detected,
            resolution,
            strategy,
            rows,
            width: keys.table.columns().len(),
            removed,
            reduction,
            retention,
            column_retention,
            score,
            quality: grading.quality(score),
            grading,
        }
    }

    /// Rows that are duplicates of some type.
    fn total(&self) -> usize {
        self.detected.total()
    }

    /// They in percent of all rows.
    fn share(&self) -> f64 {
        percentage(self.total(), self.rows)
    }

    /// Whether a number of rows is more than this share of all.
    fn exceeds(&self, count: usize, share: f64) -> bool {
        count as f64 > share * self.rows as f64
    }

    fn score_to_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "dedup_reduction_rate": self.reduction,
                "data_retention_rate": self.retention,
                "column_retention_rate": self.column_retention,
            },
        })
    }

    fn analysis_to_json(&self) -> Value {
        let summary: Map<String, Value> = self
            .detected
            .types()
            .map(|found| {
                let figures = json!({
                    "method": found.name,
                    "duplicate_count": found.rows.len(),
                    "duplicate_percentage": round(percentage(found.rows.len(), self.rows), 2),
                    "description": found.name,
                    "affected_rows": found.listed(),
                });
                (found.name.clone(), figures)
            })
            .collect();
        json!({
            "total_rows": self.rows,
            "total_columns": self.width,
            "duplicate_summary": summary,
            "total_duplicates": self.total(),
            "detection_methods": self.detected.asked,
            "recommendations": self.actions(),
        })
    }

    fn actions(&self) -> Vec<Value> {
        let mut actions = Vec::new();
        let rows = counted(self.total(), "row is", "rows are");
        if self.exceeds(self.total(), 0.5) {
            actions.push(json!({
                "action": "investigate_data_source",
                "reason": format!("{rows} duplicates, more than half of {}: the source repeats itself.", self.rows),
                "priority": Severity::High,
            }));
        }
        if self.total() > 0 {
            actions.push(json!({
                "action": "apply_deduplication",
                "reason": format!("{rows} duplicates of others."),
                "priority": Severity::High,
            }));
        }
        actions
    }
}

#[cfg(test)]
mod tests;
