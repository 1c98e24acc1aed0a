//! The scorer where the golden cases do not reach: patterns, quirks, switches, rows.

use super::*;
use crate::agent::{self, InputFile};
use bytes::Bytes;
use std::collections::BTreeMap;

fn scored(csv: &str, parameters: Value) -> Value {
    let file = InputFile { name: "data.csv".to_owned(), bytes: Bytes::from(csv.to_owned()) };
    serde_json::to_value(agent::run(ID, &BTreeMap::from([("primary".to_owned(), file)]), &parameters))
        .unwrap()
}

fn field<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["data"]["fields"].as_array().unwrap().iter().find(|field| field["field_name"] == name).unwrap()
}

/// Type and confidence of the personal data in a column of these cells.
fn recognised(name: &str, cells: &str) -> Option<(String, f64)> {
    let answer = scored(&format!("{name}\n{cells}\n"), Value::Null);
    let factor = &field(&answer, name)["risk_factors"][0];
    let kind = factor["pii_type"].as_str()?.to_owned();
    Some((kind, factor["confidence"].as_f64().unwrap()))
}

#[test]
fn types_of_personal_data() {
    let kind = |cells: &str| recognised("x", cells).map(|(kind, _)| kind);
    for (cells, expected) in [
        ("a.b+c@example.org", Some("email_address")),
        ("a@b", None),
        ("ä@example.org", None),
        ("+49 (30) 123-456", Some("phone_number")),
        ("123456789", None),
        // Tried before the types that it fits as well (Q1).
        ("123-45-6789", Some("phone_number")),
        ("1234 5678 9012 3456", Some("phone_number")),
        ("2024-01-31", Some("phone_number")),
        ("5551234567", Some("phone_number")),
        ("٠١٢٣٤٥٦٧٨٩", Some("phone_number")),
        ("12345", Some("zipcode")),
        ("12345-678", None),
        ("\"12345\n\"", Some("zipcode")),
        ("\"12345\n\n\"", None),
        ("true", None),
    ] {
        assert_eq!(kind(cells).as_deref(), expected, "{cells}");
    }
}

#[test]
fn more_than_half_of_the_sample_must_match() {
    assert_eq!(recognised("x", "12345\nabc"), None);
    assert_eq!(recognised("x", "12345\n12346\nabc"), Some(("zipcode".to_owned(), 0.67)));
    assert_eq!(recognised("x", "12345"), Some(("zipcode".to_owned(), 0.99)));
    // By the name and an `@`, if no pattern matches.
    assert_eq!(recognised("Email", "a@b\nc@d\ne@f\nnone"), Some(("email_address".to_owned(), 0.85)));
    assert_eq!(recognised("Email", "a@b\nc@d\nnone"), None);
    let answer = scored("Email\na@b\n", Value::Null);
    assert_eq!(field(&answer, "Email")["risk_score"], 75);
}

#[test]
fn a_sample_of_nothing_recognises_nothing() {
    let answer = scored("email\na@b.org\n", json!({"pii_sample_size": 0}));
    assert_eq!(field(&answer, "email")["risk_score"], 60);
    assert_eq!(scored("email\na@b.org\n", json!({"pii_sample_size": -1}))["status"], "error");
}

#[test]
fn switches_stop_points_but_neither_counts_nor_laws() {
    let answer = scored(
        "patient_name\nx\n",
        json!({"pii_detection_enabled": "false", "sensitive_field_detection_enabled": false}),
    );
    assert_eq!(answer["summary_metrics"]["sensitive_fields_detected"], 1);
    assert_eq!(
        answer["data"]["risk_summary"]["compliance_frameworks_impacted"],
        json!(["CCPA", "GDPR", "HIPAA"])
    );
    let field = field(&answer, "patient_name");
    assert_eq!((&field["risk_score"], &field["remediation_effort"]), (&json!(0), &json!("medium")));
    assert_eq!(field["compliance_issues"].as_array().unwrap().len(), 3);
    assert_eq!(answer["row_level_issues"][0]["issue_type"], "compliance_violation");
}

#[test]
fn protected_names_have_no_gap() {
    let answer = scored("encrypted_email,email\na@b.org,a@b.org\n", Value::Null);
    assert_eq!(answer["summary_metrics"]["governance_gaps"], 1);
    assert_eq!(field(&answer, "encrypted_email")["compliance_issues"].as_array().unwrap().len(), 3);
}

#[test]
fn rows_tell_what_is_present_in_them() {
    let csv = "row_index,zip,secret,dob\n1,12345,,\n2,,,1990-01-31\n3,,s,\n4,\"\",,\n5,12346,,\n6,12347,,\n";
    let answer = scored(csv, json!({"governance_check_enabled": false}));
    let rows: Vec<_> = answer["row_level_issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["row_index"].as_u64().unwrap(),
                row["issue_type"].as_str().unwrap(),
                row["column"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (0, "risk_high", "zip, dob"),
            (1, "risk_high", "zip, dob"),
            (1, "compliance_violation", "dob"),
            (2, "remediation_needed", "secret"),
            (4, "risk_high", "zip, dob"),
            (5, "risk_high", "zip, dob"),
        ]
    );
    assert_eq!(answer["row_level_issues"][1]["pii_types"], json!(["phone_number"]));
    assert_eq!(answer["row_level_issues"][2]["frameworks"], json!(["GDPR"]));
    assert_eq!(answer["row_level_issues"][3]["affected_fields"], json!(["secret"]));
    assert_eq!(answer["issue_summary"]["affected_columns"], json!(["dob", "secret", "zip"]));
}

#[test]
fn the_list_stops_at_a_thousand_and_data_shows_a_hundred() {
    let rows: String = (0..800).map(|row| format!("p{row}@example.org\n")).collect();
    let answer = scored(&format!("email\n{rows}"), Value::Null);
    assert_eq!(answer["row_level_issues"].as_array().unwrap().len(), 1000);
    assert_eq!(answer["data"]["row_level_issues"].as_array().unwrap().len(), 100);
    assert_eq!(answer["data"]["issue_summary"], answer["issue_summary"]);
    assert_eq!(answer["issue_summary"]["affected_rows"], 500);
}

#[test]
fn the_status_of_the_summary_ignores_the_thresholds() {
    let answer =
        scored("email\na@b.org\n", json!({"high_risk_threshold": 95, "medium_risk_threshold": "90"}));
    assert_eq!(answer["data"]["risk_summary"]["overall_risk_level"], "low");
    assert_eq!(answer["executive_summary"][0]["status"], "high");
    assert_eq!(answer["executive_summary"][0]["value"], "80.0");
}
