//! The checker where the golden cases do not reach: boundaries, forms of parameters, quirks, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn check_with(csv: impl Into<Bytes>, parameters: Value) -> Value {
    run(ID, csv, parameters)
}

fn score(answer: &Value, what: &str) -> f64 {
    answer["data"]["governance_scores"][what].as_f64().unwrap()
}

/// A column `a` with so many nulls among a hundred rows.
fn with_nulls(nulls: usize) -> String {
    let lines: String = (0..100).map(|row| if row < nulls { ",1\n" } else { "x,1\n" }).collect();
    format!("a,b\n{lines}")
}

#[test]
fn lineage_falls_by_missing_and_sparse_fields() {
    let lineage = |nulls, fields: Value| {
        score(&check_with(with_nulls(nulls), json!({"required_lineage_fields": fields})), "lineage")
    };
    assert_eq!(lineage(5, json!(["a"])), 100.0);
    assert_eq!(lineage(6, json!(["a"])), 99.4);
    assert_eq!(lineage(6, json!(["a", "x", "y"])), 59.4);
    assert_eq!(lineage(0, json!(["p", "q", "r", "s", "t", "u"])), 0.0);
    // Every null percentage is divided by ten, so the cap of 15 is never reached.
    assert_eq!(lineage(100, json!(["a"])), 90.0);
}

#[test]
fn consent_falls_by_missing_fields_and_once_by_unknown_statuses() {
    let consent = |csv: &str, parameters: Value| score(&check_with(csv.to_owned(), parameters), "consent");
    let csv = "consent_status,b\ngranted,1\n,1\npending,2\n";
    assert_eq!(consent(csv, Value::Null), 100.0);
    assert_eq!(consent(csv, json!({"required_consent_fields": ["x", "consent_status"]})), 75.0);
    assert_eq!(consent(csv, json!({"valid_consent_statuses": ["granted"]})), 85.0);
    assert_eq!(consent(csv, json!({"valid_consent_statuses": "['granted', 'pending']"})), 100.0);
    assert_eq!(consent("consent_status,b\nGranted,1\n", Value::Null), 85.0);
    // A column that is no text is compared by what is displayed.
    assert_eq!(consent("consent_status\n1\n0\n", json!({"valid_consent_statuses": ["0", "1"]})), 100.0);
    assert_eq!(consent("consent_status\ntrue\n", json!({"valid_consent_statuses": ["True"]})), 100.0);
}

#[test]
fn classification_falls_once_by_public_personal_data() {
    let classification =
        |csv: &str, parameters: Value| score(&check_with(csv.to_owned(), parameters), "classification");
    let mail = "mail,data_classification\na@b.de,public\n";
    assert_eq!(classification(mail, Value::Null), 80.0);
    assert_eq!(
        classification("mail,data_classification\na@b.de,internal\nnone,public\n", Value::Null),
        100.0
    );
    assert_eq!(classification("mail\na@b.de\n", Value::Null), 100.0);
    // The score knows `ssn` only where the client names it (quirk Q2).
    let ssn = "n,data_classification\n123-45-6789,public\n";
    assert_eq!(classification(ssn, Value::Null), 100.0);
    assert_eq!(classification(ssn, json!({"pii_patterns": {"ssn": r"\d{3}-\d{2}"}})), 80.0);
    assert_eq!(classification(ssn, json!({"pii_patterns": {}})), 100.0);
    assert_eq!(
        classification("data_classification\n5\n", json!({"required_classification_fields": ["x"]})),
        80.0
    );
}

#[test]
fn the_first_pattern_that_matches_anywhere_counts() {
    let csv = "a,n\n5551234567,5551234567\nx@y.org,1\n";
    let answer = check_with(csv, Value::Null);
    let issues = &answer["data"]["governance_issues"];
    // The number column is no text, so it is not searched.
    assert_eq!(column(issues, "field"), ["a"]);
    assert_eq!(issues[0]["pii_type"], "email");
    let answer = check_with(csv, json!({"pii_patterns": {"digits": r"\d", "email": "@"}}));
    assert_eq!(answer["data"]["governance_issues"][0]["pii_type"], "digits");
}

#[test]
fn rows_with_gaps_are_graded_by_the_list() {
    let csv = "l,c,k,x\n,,,\n1,,,\n1,1,,\n1,1,1,\n";
    let parameters = json!({
        "required_lineage_fields": ["l", "missing"], "required_consent_fields": "c", "required_classification_fields": "[\"k\", \"l\"]"
    });
    let answer = check_with(csv, parameters);
    let rows = &answer["row_level_issues"];
    assert_eq!(
        column(rows, "missing_fields"),
        [&json!(["l", "c", "k", "l"]), &json!(["c", "k"]), &json!(["k"])]
    );
    assert_eq!(column(rows, "issue_type"), ["policy_violation", "compliance_issue", "policy_violation"]);
    assert_eq!(column(rows, "severity"), ["warning", "critical", "warning"]);
    assert_eq!(answer["issue_summary"]["affected_columns"], json!([]));
    assert_eq!(answer["data"]["parameters"]["required_classification_fields"], json!(["k", "l"]));
    assert_eq!(answer["data"]["overrides"]["required_consent_fields"], "c");
}

#[test]
fn rows_are_exposed_when_public_or_not_classified() {
    let csv = "mail,data_classification\na@b.de,public\nb@b.de,\nc@b.de,internal\nnone,\nd@b.de,Public\n";
    let answer = check_with(csv, Value::Null);
    assert_eq!(column(&answer["row_level_issues"], "row_index"), [0, 1]);
    assert_eq!(answer["row_level_issues"][0]["pii_columns"], json!(["mail"]));
    let numbers = check_with("mail,data_classification\na@b.de,1\nb@b.de,\n", Value::Null);
    assert_eq!(column(&numbers["row_level_issues"], "row_index"), [1]);
    assert_eq!(check_with("mail\na@b.de\n", Value::Null)["row_level_issues"], json!([]));
}

#[test]
fn row_level_issues_stop_at_a_thousand() {
    let answer = check_with(
        format!("a,mail,data_classification\n{}", ",a@b.de,public\n".repeat(1200)),
        json!({"required_lineage_fields": ["a"]}),
    );
    assert_eq!(answer["issue_summary"]["by_type"], json!({"policy_violation": 1000}));
    assert_eq!(answer["data"]["row_level_issues"].as_array().unwrap().len(), 100);
    let answer = check_with(
        format!(
            "a,mail,data_classification\n{}{}",
            ",a@b.de,public\n".repeat(300),
            "x,a@b.de,public\n".repeat(1200)
        ),
        json!({"required_lineage_fields": ["a"]}),
    );
    assert_eq!(answer["issue_summary"]["by_type"], json!({"policy_violation": 300, "compliance_issue": 700}));
}

#[test]
fn the_status_begins_at_its_threshold() {
    for (weight, status, severity, advice) in [
        (0.8, "compliant", None, "rec_governance_continuous"),
        (0.79, "needs_review", Some("high"), "rec_governance_review"),
        (0.6, "needs_review", Some("high"), "rec_governance_review"),
        (0.59, "non_compliant", Some("critical"), "rec_governance_framework"),
    ] {
        let parameters = json!({"lineage_weight": weight, "consent_weight": 0, "classification_weight": "0"});
        let answer = check_with("a\n1\n", parameters);
        assert_eq!(answer["data"]["compliance_status"], status);
        let alert = find(&answer["alerts"], "alert_id", "alert_governance_001_overall");
        assert_eq!(alert.map(|alert| alert["severity"].as_str().unwrap()), severity, "{weight}");
        assert!(find(&answer["recommendations"], "recommendation_id", advice).is_some());
        let gaps = find(&answer["alerts"], "alert_id", "alert_governance_010_framework_gaps").is_some();
        assert_eq!(gaps, weight < 0.8, "{weight}");
    }
}

#[test]
fn low_scores_are_graded() {
    let fields: Vec<String> = (0..5).map(|number| format!("m{number}")).collect();
    let graded = |list: &str, missing: usize, alert: &str, gap: &str| {
        let answer = check_with("a,b,c,d\n1,1,1,1\n", json!({list: fields[..missing]}));
        let severity =
            |found: Option<&Value>| found.map(|found| found["severity"].as_str().unwrap().to_owned());
        let issues = answer["issues"].as_array().unwrap();
        let gaps: Vec<_> = issues.iter().filter(|issue| issue["issue_type"] == gap).collect();
        assert!(gaps.is_empty() || gaps.len() == 3);
        (severity(find(&answer["alerts"], "alert_id", alert)), severity(gaps.first().copied()))
    };
    let pair = |alert: &str, gap: &str| (Some(alert.to_owned()), Some(gap.to_owned()));
    let lineage =
        |missing| graded("required_lineage_fields", missing, "alert_governance_002_lineage", "lineage_gap");
    assert_eq!(lineage(1), (None, None));
    assert_eq!([lineage(2), lineage(3)], [pair("high", "medium"), pair("critical", "high")]);
    let consent =
        |missing| graded("required_consent_fields", missing, "alert_governance_003_consent", "consent_gap");
    assert_eq!(
        [consent(1), consent(2), consent(3)],
        [pair("medium", "high"), pair("high", "high"), pair("critical", "critical")]
    );
    let classification = |missing| {
        graded(
            "required_classification_fields",
            missing,
            "alert_governance_004_classification",
            "classification_gap",
        )
    };
    assert_eq!(classification(1), (None, None));
    assert_eq!([classification(2), classification(3)], [pair("medium", "high"), pair("high", "high")]);
}

#[test]
fn parameters_that_cannot_be_used_are_errors() {
    for parameters in [
        json!({"pii_patterns": {"x": "(?=a)"}}),
        json!({"pii_patterns": {"x": 5}}),
        json!({"pii_patterns": null}),
        json!({"pii_patterns": "x"}),
        json!({"required_lineage_fields": null}),
        json!({"consent_weight": null}),
    ] {
        let answer = check_with("a\n1\n", parameters.clone());
        assert_eq!((&answer["status"], &answer["agent_id"]), (&json!("error"), &json!(ID)), "{parameters}");
    }
    let answer = check_with("a\n1\n", json!({"pii_patterns": "{\"x\": \"y\"}"}));
    assert_eq!(answer["data"]["parameters"]["pii_patterns"], json!({"x": "y"}));
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
    let named = run_named(ID, "A.CSV", "row_index\n\n", &json!({"required_lineage_fields": ["row_index"]}));
    assert_eq!(named["row_level_issues"][0]["missing_fields"], json!(["row_index"]));
}

proptest! {
    #[test]
    fn any_bytes_get_the_same_answer_twice(bytes in prop::collection::vec(prop_oneof![8 => prop::sample::select(b"a1,\"\n-.@e".to_vec()), 1 => any::<u8>()], 0..200)) {
        let csv = Bytes::from([b"data_classification,consent_status\n", bytes.as_slice()].concat());
        let parameters = json!({"required_lineage_fields": ["consent_status"]});
        let first = check_with(csv.clone(), parameters.clone());
        prop_assert!(!first.to_string().contains("broke off"), "{}", first);
        prop_assert_eq!(first, check_with(csv, parameters));
    }
}
