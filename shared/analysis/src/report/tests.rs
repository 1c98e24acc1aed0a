//! The report against report.md, on answers made by hand.

use super::*;
use crate::findings::{Alert, Issue, Recommendation, RowIssue, extra};
use crate::tools;
use indexmap::IndexMap;
use serde_json::{Map, json};
use std::time::Duration;

fn finding(severity: Severity, rows: u64) -> Findings {
    let row = |row: u64| RowIssue {
        row_index: Some(row),
        column: Some("größe".to_owned()),
        issue_type: "null".into(),
        severity: Severity::Warning,
        message: "empty".to_owned(),
        extra: extra([("value", Value::Null)]),
    };
    Findings {
        alerts: vec![Alert {
            alert_id: "alert_x".into(),
            severity,
            category: "data_quality".into(),
            message: "seen".to_owned(),
            affected_fields_count: 1,
            recommendation: "look".to_owned(),
        }],
        issues: vec![Issue {
            issue_id: "issue_x".to_owned(),
            agent_id: "score-risk".into(),
            field_name: "a".to_owned(),
            issue_type: "odd".into(),
            severity: Severity::Low,
            message: "seen".to_owned(),
            extra: Map::new(),
        }],
        recommendations: vec![Recommendation {
            recommendation_id: "rec_x".into(),
            agent_id: "score-risk".into(),
            field_name: "a".to_owned(),
            priority: Severity::High,
            recommendation: "mend".to_owned(),
            timeline: "1 week".into(),
            extra: Map::new(),
        }],
        executive_summary: vec![SummaryItem {
            summary_id: "exec_x".into(),
            title: "X".into(),
            value: "1".to_owned(),
            status: "good".into(),
            description: "one".to_owned(),
        }],
        row_level_issues: (0..rows).map(row).collect(),
        ..Findings::default()
    }
}

fn answer(name: &str, findings: Findings) -> Answer {
    let data = json!({"score": 1.0, "odd": f64::INFINITY});
    let mut answer = Answer::success(Map::new(), data.as_object().cloned().unwrap(), findings);
    answer.agent_name = Some(name.to_owned());
    answer.execution_time = Duration::from_micros(2700);
    answer
}

fn chain() -> Chain {
    let failed = Answer::error("nothing to read".to_owned());
    Chain {
        answers: IndexMap::from([
            ("score-risk".to_owned(), answer("RiskScorer", finding(Severity::Critical, 700))),
            ("drift-detector".to_owned(), failed),
            ("governance-checker".to_owned(), answer("GovernanceChecker", finding(Severity::Low, 0))),
            ("unified-profiler".to_owned(), answer("UnifiedProfiler", finding(Severity::High, 600))),
        ]),
        execution_time: Duration::from_millis(31_250),
        data_file: None,
    }
}

fn written(chain: &Chain, timestamp: DateTime<Utc>) -> (String, Value) {
    let tool = tools::find("profile-my-data").unwrap();
    let heading = Heading { analysis_id: "task-1", tool, timestamp };
    let summary = AnalysisSummary::fallback(tool.transformer.data_set_name(), 0, timestamp);
    let mut out = Vec::new();
    Report::new(heading, chain, summary, Vec::new()).write(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    (text, value)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_key_tree_is_that_of_report_md() {
    let (text, report) = written(&chain(), DateTime::from_timestamp_micros(1_767_225_599_012_000).unwrap());
    assert_eq!(
        keys(&report),
        [
            "metadata",
            "executive_summary",
            "analysis_summary",
            "summary",
            "alerts",
            "issues",
            "recommendations",
            "row_level_issues",
            "issue_summary",
            "routing_decisions",
            "agent_results"
        ]
    );
    assert_eq!(
        report["metadata"],
        json!({
            "analysis_id": "task-1",
            "tool": "profile-my-data",
            "timestamp": "2025-12-31T23:59:59.012000Z",
            "execution_time_ms": 31250,
            "report_version": "1.0",
            // The tool's order, not the execution order; governance-checker is not on offer.
            "agents_name": ["Unified Profiler", "Risk Scorer"],
            "lineage": ["Unified Profiler", "Risk Scorer"],
        })
    );
    assert_eq!(
        report["summary"],
        json!({"total_alerts": 3, "total_issues": 3, "total_recommendations": 3, "critical_alerts": 1,
               "high_severity_alerts": 1, "medium_severity_alerts": 0})
    );
    assert_eq!(keys(&report["agent_results"]), ["score-risk", "governance-checker", "unified-profiler"]);
    assert_eq!(
        report["agent_results"]["score-risk"],
        json!({"status": "success", "execution_time_ms": 2, "summary_metrics": {}, "data": {"score": 1.0, "odd": null},
               "timestamp": ""})
    );
    assert!(text.is_ascii() && text.starts_with("{\n  \"metadata\": {"));
    assert!(text.contains("\"score\": 1.0,") && text.contains("gr\\u00f6\\u00dfe"));
}

#[test]
fn rows_are_listed_to_the_cap_and_counted_before_it() {
    let (_, report) = written(&chain(), DateTime::UNIX_EPOCH);
    assert_eq!(report["row_level_issues"].as_array().unwrap().len(), 1000);
    assert_eq!(
        report["issue_summary"],
        json!({"total_issues": 1300, "by_type": {"null": 1300},
               "by_severity": {"critical": 0, "warning": 1300, "info": 0}, "affected_rows": 700,
               "affected_columns": ["größe"]})
    );
    assert_eq!(report["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
}

#[test]
fn the_executive_summary_counts_failed_agents() {
    let (_, report) = written(&chain(), DateTime::UNIX_EPOCH);
    let lines: Vec<_> = report["executive_summary"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            (text("summary_id"), text("title"), text("value"), text("status"))
        })
        .collect();
    let expected = [
        ("exec_agents_used", "Agents Executed", "3/4", "success"),
        ("exec_execution_time", "Total Execution Time", "31.25s", "good"),
        ("exec_total_alerts", "Total Alerts", "3", "warning"),
        ("exec_total_issues", "Total Issues", "3", "warning"),
        ("exec_total_recommendations", "Total Recommendations", "3", "info"),
        ("exec_x", "X", "1", "good"),
        ("exec_x", "X", "1", "good"),
        ("exec_x", "X", "1", "good"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(a, b, c, d)| (a.to_string(), b.to_string(), c.to_string(), d.to_string()))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn all_agents_failing_still_gives_a_complete_report() {
    let chain = Chain {
        answers: IndexMap::from([("drift-detector".to_owned(), Answer::error("no baseline".to_owned()))]),
        execution_time: Duration::from_secs(60),
        data_file: None,
    };
    let (_, report) = written(&chain, DateTime::UNIX_EPOCH);
    for list in ["alerts", "issues", "recommendations", "row_level_issues", "routing_decisions"] {
        assert_eq!(report[list], json!([]), "{list}");
    }
    assert_eq!(report["agent_results"], json!({}));
    assert_eq!(report["metadata"]["agents_name"], json!([]));
    let values: Vec<_> =
        report["executive_summary"].as_array().unwrap().iter().map(|item| item["status"].clone()).collect();
    assert_eq!(values, ["warning", "fair", "success", "success", "info"]);
    assert_eq!(report["executive_summary"][0]["value"], "0/1");
}

#[test]
fn file_names_are_those_of_downloads_md() {
    assert_eq!(file_name("profile-my-data"), "profile_my_data_analysis.json");
    assert_eq!(file_name("control-group-holdout-planner"), "control_group_holdout_planner_analysis.json");
}
