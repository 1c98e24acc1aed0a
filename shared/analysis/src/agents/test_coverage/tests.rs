//! The agent where the golden cases do not reach: boundaries, forms of parameters, quirks, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn test_with(csv: impl Into<Bytes>, parameters: Value) -> Value {
    run(ID, csv, parameters)
}

fn scores(answer: &Value) -> [f64; 3] {
    ["uniqueness", "range", "format"]
        .map(|kind| answer["data"]["test_coverage_scores"][kind].as_f64().unwrap())
}

#[test]
fn penalties_of_uniqueness() {
    let csv = format!(
        "a,b\n{}",
        "1,\n1,\n2,x\n".to_owned() + &(3..10).map(|row| format!("{row},\n")).collect::<String>()
    );
    let score = |columns: Value| scores(&test_with(csv.clone(), json!({"unique_columns": columns})))[0];
    assert_eq!(score(json!([])), 100.0);
    assert_eq!(score(json!(["a"])), 80.0);
    // Nine of ten are null, and nulls are equal: at most 25 points.
    assert_eq!(score(json!(["b"])), 75.0);
    assert_eq!(score(json!(["missing"])), 80.0);
    assert_eq!(score(json!(["b", "b", "b", "b", "b"])), 0.0);
}

#[test]
fn penalties_of_ranges() {
    let csv = "a,t,n\n1,x,\n2,y,NaN\n3,z,1.5\n4,w,2.5\n";
    let score = |tests: Value| scores(&test_with(csv, json!({"range_tests": tests})))[1];
    assert_eq!(score(json!({"a": {"min": 1, "max": 4}})), 100.0);
    assert_eq!(score(json!({"a": {"min": 1.5}})), 80.0);
    assert_eq!(score(json!({"n": {"max": 100}})), 80.0);
    assert_eq!(score(json!({"n": {"min": 1.5, "max": null}})), 100.0);
    assert_eq!(score(json!({"missing": {}})), 85.0);
    let answer = test_with(csv, json!({"range_tests": {"t": {"min": 1}}}));
    assert_eq!((scores(&answer)[1], &answer["data"]["test_coverage_issues"]), (90.0, &json!([])));
    // A value beyond both limits counts once.
    let answer = test_with(csv, json!({"range_tests": {"a": {"min": 3, "max": 2}}}));
    assert_eq!(answer["data"]["test_coverage_issues"][0]["violations"], 4);
}

#[test]
fn penalties_of_formats() {
    let csv = "a,t,e\n1.0,ab,\n2.5,xb,\n,cc,\n";
    let issues = |tests: Value| {
        let answer = test_with(csv, json!({"format_tests": tests}));
        let types =
            column(&answer["data"]["test_coverage_issues"], "type").into_iter().cloned().collect::<Vec<_>>();
        (scores(&answer)[2], types)
    };
    assert_eq!(issues(json!({"t": "a|b"})), (85.0, vec![json!("format_violation")]));
    // Floats are matched by their cast text.
    assert_eq!(issues(json!({"a": r"^\d\.\d$"})), (100.0, vec![]));
    assert_eq!(issues(json!({"missing": "x"})), (85.0, vec![json!("missing_format_column")]));
    for bad in [json!("(?=x)"), json!(5), json!(null), json!({}), json!({"pattern": ["a"]})] {
        assert_eq!(issues(json!({"t": bad})), (95.0, vec![json!("invalid_regex_pattern")]), "{bad}");
        // Nothing to match, nothing noticed.
        assert_eq!(issues(json!({"e": bad})), (100.0, vec![]), "{bad}");
    }
    let answer = test_with(csv, json!({"format_tests": {"t": "(?=x)"}}));
    assert_eq!(answer["issues"][0]["issue_id"], "issue_test_other_t_0");
    assert_eq!(answer["row_level_issues"][0]["validation_type"], "edge_case");
}

#[test]
fn lists_and_objects_may_be_texts() {
    let csv = "a,b\n1,x\n1,y\n";
    for columns in [json!(["a"]), json!("[\"a\"]"), json!("['a']"), json!("a")] {
        assert_eq!(scores(&test_with(csv, json!({"unique_columns": columns})))[0], 75.0, "{columns}");
    }
    let texts = json!({"range_tests": "{'a': {'min': 2}}", "format_tests": "{\"b\": \"z\"}"});
    assert_eq!(scores(&test_with(csv, texts)), [100.0, 80.0, 85.0]);
    let nulls = json!({"unique_columns": null, "range_tests": null, "format_tests": null});
    assert_eq!(scores(&test_with(csv, nulls)), [100.0; 3]);
    for refused in [
        json!({"range_tests": ["a"]}),
        json!({"range_tests": {"a": 5}}),
        json!({"range_tests": {"a": {"min": "5"}}}),
        json!({"format_tests": "not an object"}),
        json!({"unique_columns": 5}),
        json!({"good_threshold": null}),
    ] {
        let answer = test_with(csv, refused.clone());
        assert_eq!(
            (&answer["status"], &answer["agent_name"]),
            (&json!("error"), &json!("Test Coverage Agent")),
            "{refused}"
        );
    }
}

#[test]
fn only_five_parameters_are_echoed() {
    let answer = test_with("a\n1\n", json!({"unique_columns": ["a"], "good_threshold": "70"}));
    for echo in ["defaults", "overrides", "parameters"] {
        let keys: Vec<_> = answer["data"][echo].as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["uniqueness_weight", "range_weight", "format_weight", "excellent_threshold", "good_threshold"]
        );
    }
    assert_eq!(answer["data"]["parameters"]["good_threshold"], 70);
}

#[test]
fn the_status_begins_at_its_threshold() {
    for (weight, status, alert, severity) in [
        (0.9, "excellent", None, None),
        (0.89, "good", Some("alert_test_coverage_001_overall"), Some("medium")),
        (0.75, "good", Some("alert_test_coverage_001_overall"), Some("medium")),
        (0.74, "needs_improvement", Some("alert_test_coverage_001_overall"), Some("high")),
        (0.6, "needs_improvement", Some("alert_test_coverage_001_overall"), Some("high")),
        (0.59, "needs_improvement", Some("alert_test_coverage_001_overall"), Some("critical")),
    ] {
        let parameters = json!({"uniqueness_weight": weight, "range_weight": 0, "format_weight": 0});
        let answer = test_with("a\n1\n", parameters);
        assert_eq!(answer["data"]["coverage_status"], status, "{weight}");
        let found = find(&answer["alerts"], "alert_id", "alert_test_coverage_001_overall");
        assert_eq!(found.map(|found| found["alert_id"].as_str().unwrap()), alert);
        assert_eq!(found.map(|found| found["severity"].as_str().unwrap()), severity);
        let ids: Vec<_> = column(&answer["recommendations"], "recommendation_id");
        assert_eq!(ids.contains(&&json!("rec_test_coverage_strategy")), status == "needs_improvement");
        assert_eq!(ids.contains(&&json!("rec_test_cross_field")), weight < 0.8);
        let gap = find(&answer["alerts"], "alert_id", "alert_test_edge_case_gaps").is_some();
        assert_eq!(gap, weight < 0.75, "{weight}");
        assert_eq!(find(&answer["alerts"], "alert_id", "alert_test_coverage_good").is_some(), weight >= 0.85);
    }
}

#[test]
fn scores_of_a_kind_have_their_bounds() {
    // Each missing column takes 15 points.
    for (missing, priority, alert, gap) in [
        (0, None, Some(("alert_test_format_excellent", "low")), false),
        (1, None, None, false),
        (2, Some("medium"), Some(("alert_test_format_coverage", "medium")), false),
        (3, Some("high"), Some(("alert_test_format_coverage", "high")), true),
    ] {
        let tests: Map<String, Value> =
            (0..missing).map(|number| (format!("m{number}"), json!("x"))).collect();
        let answer = test_with("a\n1\n", json!({"format_tests": tests}));
        let advice = find(&answer["recommendations"], "recommendation_id", "rec_test_format_priority");
        assert_eq!(advice.map(|advice| advice["priority"].as_str().unwrap()), priority, "{missing}");
        assert!(advice.is_none_or(|advice| advice["field_name"] == "text_fields"));
        let alerts = answer["alerts"].as_array().unwrap();
        let found = alerts.iter().find(|alert| alert["category"] == "format_tests");
        assert_eq!(
            found.map(|alert| (alert["alert_id"].as_str().unwrap(), alert["severity"].as_str().unwrap())),
            alert,
            "{missing}"
        );
        assert_eq!(find(&answer["issues"], "issue_id", "issue_test_format_coverage_gap").is_some(), gap);
        let imbalance = find(&answer["alerts"], "alert_id", "alert_test_dimension_imbalance").is_some();
        assert_eq!(imbalance, missing >= 2);
    }
}

#[test]
fn rows_are_listed_test_by_test_and_stop_at_a_thousand() {
    let answer = test_with(
        "a,b\n1,\n1,\n,\n",
        json!({"unique_columns": ["a"], "range_tests": {"a": {"min": 2}}, "format_tests": {"a": "^2"}}),
    );
    let rows = &answer["row_level_issues"];
    assert_eq!(
        column(rows, "validation_type"),
        [
            "uniqueness",
            "uniqueness",
            "range",
            "range",
            "format",
            "format",
            "edge_case",
            "edge_case",
            "edge_case"
        ]
    );
    assert_eq!(rows[2]["bounds"], json!({"lower": 2.0, "upper": null}));
    assert_eq!((&rows[8]["column"], &rows[8]["null_count"]), (&json!("N/A"), &json!(2)));
    assert_eq!(answer["issue_summary"]["affected_columns"], json!(["a"]));
    let many = test_with(
        format!("a\n{}", "1\n".repeat(1500)),
        json!({"unique_columns": ["a"], "range_tests": {"a": {"max": 0}}}),
    );
    assert_eq!(many["issue_summary"]["by_type"], json!({"test_coverage_gap": 1000}));
    assert_eq!(many["data"]["row_level_issues"].as_array().unwrap().len(), 100);
}

#[test]
fn a_row_is_sparse_above_twenty_percent() {
    let answer = test_with("a,b,c,d,e\n,1,1,1,1\n,,1,1,1\n", Value::Null);
    assert_eq!(column(&answer["row_level_issues"], "row_index"), [1]);
}

#[test]
fn issues_of_tests_stop_at_a_hundred() {
    let columns: Vec<String> = (0..150).map(|number| format!("m{number}")).collect();
    let answer = test_with("a\n1\n", json!({"unique_columns": columns}));
    assert_eq!(answer["summary_metrics"]["issues_found"], 150);
    assert_eq!(answer["issues"][99]["issue_id"], "issue_test_uniqueness_m99_99");
    assert_eq!(answer["issues"][100]["issue_id"], "issue_test_uniqueness_coverage_gap");
}

#[test]
fn errors_are_signed() {
    for (name, csv, keys) in [
        ("a.txt", "a\n1\n", vec!["status", "agent_id", "error"]),
        ("a.csv", "a\n1,2\n", vec!["status", "agent_id", "error"]),
        ("a.csv", "a\n", vec!["status", "agent_id", "agent_name", "error"]),
    ] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{name}");
    }
    assert_eq!(run_named(ID, "A.Csv", "row_index\n1\n", &Value::Null)["status"], "success");
}

proptest! {
    #[test]
    fn any_bytes_and_patterns_get_an_answer(bytes in prop::collection::vec(prop_oneof![8 => prop::sample::select(b"a1,\"\n-.eN".to_vec()), 1 => any::<u8>()], 0..200), pattern in "\\PC{0,12}") {
        let csv = Bytes::from([b"a,b\n", bytes.as_slice()].concat());
        let parameters = json!({"unique_columns": ["a"], "range_tests": {"b": {"min": 1}}, "format_tests": {"a": pattern, "b": pattern}});
        let first = test_with(csv.clone(), parameters.clone());
        prop_assert!(!first.to_string().contains("broke off"), "{}", first);
        prop_assert_eq!(first, test_with(csv, parameters));
    }
}
