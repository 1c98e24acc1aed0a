//! `cleanse-writeback` of clean-my-data: checks the table that the other agents leave, and puts together what they are
//! said to have done. It writes no file.
//!
//! The checks are in [`checks`], what the other agents reported in [`manifest`], texts in [`findings`] and
//! [`recommendations`], row-level issues in [`rows`].

mod checks;
mod findings;
mod manifest;
mod recommendations;
mod rows;

use std::sync::Arc;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::cleaned::{self, Grading, r1};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::percentage;
use crate::table::{Column, Table};
use checks::{Check, Detail, Enabled, Original};
use manifest::Manifests;

/// The agent.
#[derive(Debug)]
pub(super) struct CleanseWriteback;

const ID: &str = "cleanse-writeback";

impl Agent for CleanseWriteback {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Cleanse Writeback"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 100)?;
        let settings = Settings::new(&mut parameters)?;
        let given = |key: &str| parameters.raw(key).cloned().unwrap_or(Value::Null);
        let as_given =
            json!({"row_count": given("original_row_count"), "column_count": given("original_column_count")});
        let writeback = Writeback::new(table, settings)?;
        let findings = findings::collect(&writeback);
        let summary_metrics = extra([
            ("total_rows_verified", json!(writeback.table.height())),
            ("total_columns_verified", json!(writeback.table.columns().len())),
            ("integrity_checks_passed", json!(writeback.passed())),
            ("integrity_checks_failed", json!(writeback.failed().count())),
            ("agents_in_manifest", json!(writeback.manifests.count())),
            ("data_ready_for_pipeline", json!(writeback.is_ready())),
            ("total_transformations_logged", json!(writeback.manifests.transformations())),
        ]);
        let mut data = extra([
            ("writeback_score", writeback.score_json()),
            ("quality_status", json!(writeback.quality)),
            ("writeback_analysis", writeback.analysis_json(&as_given)),
            ("summary", json!(findings::summary(&writeback))),
            ("integrity_issues", writeback.integrity_issues().iter().map(|issue| issue.to_json()).collect()),
            ("values_lost", cleaned::values_lost(&writeback.table)),
        ]);
        parameters.hide_default("agent_manifests");
        parameters.write_echoes(&mut data);
        Ok(Answer::success(summary_metrics, data, findings))
    }
}

struct Settings {
    manifests: Map<String, Value>,
    enabled: Enabled,
    embeds_manifest: bool,
    summarises: bool,
    original: Original,
    grading: Grading,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let manifests = parameters.lenient_object("agent_manifests");
        let enabled = Enabled {
            numeric_types: parameters.truth("verify_numeric_types", true),
            datetime_types: parameters.truth("verify_datetime_types", true),
            nulls: parameters.truth("verify_no_new_nulls", true),
            duplicates: parameters.truth("verify_no_duplicates", true),
            retention: parameters.truth("verify_data_retention", true),
        };
        let embeds_manifest = parameters.truth("generate_comprehensive_manifest", true);
        let summarises = parameters.truth("include_transformation_summary", true);
        let original = Original {
            rows: parameters.number_if_given("original_row_count")?,
            columns: parameters.number_if_given("original_column_count")?,
        };
        let weights = [("integrity_weight", 0.4), ("completeness_weight", 0.3), ("auditability_weight", 0.3)];
        let grading = Grading::with(parameters, weights, [95, 85], "needs_review")?;
        Ok(Self { manifests, enabled, embeds_manifest, summarises, original, grading })
    }
}

/// The verified table, and everything that findings speak of. Scores are rounded to one decimal.
struct Writeback {
    table: Arc<Table>,
    checks: Vec<Check>,
    manifests: Manifests,
    original: Original,
    embeds_manifest: bool,
    summarises: bool,
    integrity: f64,
    completeness: f64,
    auditability: f64,
    score: f64,
    quality: &'static str,
    grading: Grading,
}

/// One thing that a failed check found (section 6.1).
struct IntegrityIssue<'a> {
    check: &'a Check,
    detail: Option<&'a Detail>,
}

impl Writeback {
    fn new(table: Arc<Table>, settings: Settings) -> Result<Self, AgentError> {
        let manifests = Manifests::read(settings.manifests)?;
        let checks = checks::run(&table, &settings.enabled, settings.original);
        let passed = checks.iter().filter(|check| check.passed).count();
        let transformations = manifests.transformations() as f64;
        let integrity = percentage(passed, checks.len());
        let completeness = (10.0 * manifests.count() as f64 + (transformations / 2.0).min(50.0)).min(100.0);
        let auditability = if manifests.count() > 0 { 100.0 } else { 60.0 };
        let score = r1(settings.grading.score([integrity, completeness, auditability]));
        Ok(Self {
            table,
            checks,
            manifests,
            original: settings.original,
            embeds_manifest: settings.embeds_manifest,
            summarises: settings.summarises,
            integrity: r1(integrity),
            completeness: r1(completeness),
            auditability,
            score,
            quality: settings.grading.quality(score),
            grading: settings.grading,
        })
    }

    fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }

    fn failed_keys(&self) -> Vec<&'static str> {
        self.failed().map(|check| check.key).collect()
    }

    fn passed(&self) -> usize {
        self.checks.len() - self.failed().count()
    }

    /// Whether no check failed.
    fn is_ready(&self) -> bool {
        self.failed().next().is_none()
    }

    fn has_failed(&self, key: &str) -> bool {
        self.failed().any(|check| check.key == key)
    }

    fn integrity_issues(&self) -> Vec<IntegrityIssue<'_>> {
        let mut issues = Vec::new();
        for check in self.failed() {
            if check.details.is_empty() {
                issues.push(IntegrityIssue { check, detail: None });
            }
            issues.extend(check.details.iter().map(|detail| IntegrityIssue { check, detail: Some(detail) }));
        }
        issues
    }

    fn score_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "integrity_score": self.integrity,
                "completeness_score": self.completeness,
                "auditability_score": self.auditability,
                "checks_passed": self.passed(),
                "checks_total": self.checks.len(),
                "total_transformations": self.manifests.transformations(),
                "agents_executed": self.manifests.count(),
                "data_ready_for_pipeline": self.is_ready(),
            },
        })
    }

    /// `original_state` are the counts as they were given.
    fn analysis_json(&self, original_state: &Value) -> Value {
        let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
        let (rows, width) = (self.table.height(), self.table.columns().len());
        let names: Vec<&str> = self.table.columns().iter().map(Column::name).collect();
        let types: Map<String, Value> = self
            .table
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), json!(column.kind().engine_name())))
            .collect();
        let (passed, failed) = (self.passed(), self.failed().count());
        let (agents, transformations) = (self.manifests.count(), self.manifests.transformations());
        let checks: Map<String, Value> =
            self.checks.iter().map(|check| (check.key.to_owned(), check.to_json())).collect();
        let mut manifest = extra([
            ("manifest_version", json!("1.0.0")),
            ("manifest_type", json!("cleansing_manifest")),
            ("created_at", json!(now)),
            ("source_file", json!(self.table.name())),
            ("original_state", original_state.clone()),
            (
                "final_state",
                json!({"row_count": rows, "column_count": width, "columns": names, "dtypes": types}),
            ),
            (
                "integrity_verification",
                json!({
                    "all_checks_passed": self.is_ready(),
                    "checks_passed": passed,
                    "checks_failed": failed,
                    "verification_timestamp": now,
                }),
            ),
            ("transformation_pipeline", self.manifests.pipeline_json()),
            ("total_transformations", json!(transformations)),
            ("agent_manifests", self.manifests.as_given()),
        ]);
        if self.summarises {
            manifest.insert("transformation_summary".to_owned(), self.manifests.summary_json());
        }
        json!({
            "integrity_verification": {
                "checks_passed": passed,
                "checks_failed": failed,
                "all_checks_passed": self.is_ready(),
                "checks": checks,
            },
            "comprehensive_manifest": manifest,
            "data_packaging": {
                "format": "csv",
                "original_filename": self.table.name(),
                "final_filename": format!("cleaned_{}", self.table.name()),
                "row_count": rows,
                "column_count": width,
                "columns": names,
                "data_types": types,
                "manifest_embedded": self.embeds_manifest,
                "manifest_summary": {
                    "total_transformations": transformations,
                    "agents_executed": agents,
                    "integrity_verified": self.is_ready(),
                },
                "ready_for_pipeline": self.is_ready(),
                "packaging_timestamp": now,
            },
            "total_agents_processed": agents,
            "final_row_count": rows,
            "final_column_count": width,
            "data_ready_for_next_tool": self.is_ready(),
            "recommendations": recommendations::advice(self),
        })
    }
}

impl IntegrityIssue<'_> {
    fn message(&self) -> &str {
        self.detail.map_or(&self.check.message, |detail| &detail.message)
    }

    fn to_json(&self) -> Value {
        let mut issue = extra([
            ("issue_type", json!(findings::INTEGRITY)),
            ("check_name", json!(self.check.key)),
            ("severity", json!("high")),
        ]);
        if let Some(detail) = self.detail {
            issue.insert("details".to_owned(), detail.json.clone());
        }
        issue.insert("message".to_owned(), json!(self.message()));
        Value::Object(issue)
    }
}

#[cfg(test)]
mod tests;
