//! The detector where the golden cases do not reach: quirks, errors, thresholds, values that are not finite.

use super::*;
use crate::agent::{self, InputFile};
use bytes::Bytes;
use std::collections::BTreeMap;

fn answer_of(names: [&str; 2], baseline: &str, current: &str, parameters: Value) -> Value {
    let file =
        |name: &str, csv: &str| InputFile { name: name.to_owned(), bytes: Bytes::from(csv.to_owned()) };
    let files = BTreeMap::from([
        ("baseline".to_owned(), file(names[0], baseline)),
        ("primary".to_owned(), file(names[1], current)),
    ]);
    serde_json::to_value(agent::run(ID, &files, &parameters)).unwrap()
}

fn compared(baseline: &str, current: &str, parameters: Value) -> Value {
    answer_of(["b.csv", "c.CSV"], baseline, current, parameters)
}

fn column(name: &str, values: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    values.into_iter().fold(format!("{name}\n"), |csv, value| format!("{csv}{value}\n"))
}

/// The analysis of the only field.
fn analysis(answer: &Value) -> &Value {
    let fields = answer["data"]["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{answer}");
    &fields[0]["drift_analysis"]
}

#[test]
fn files_that_cannot_be_read_are_signed_and_parameters_are_not() {
    for (names, baseline) in
        [(["b.txt", "c.csv"], "a\n1\n"), (["b.csv", "c.xlsx"], "a\n1\n"), (["b.csv", "c.csv"], "")]
    {
        let answer = answer_of(names, baseline, "a\n1\n", Value::Null);
        assert_eq!((&answer["status"], &answer["agent_id"]), (&json!("error"), &json!(ID)), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(['b', 'c']) && answer.get("agent_name").is_none());
    }
    let answer = compared("a\n1\n", "a\n1\n", json!({"significance_level": "low"}));
    assert_eq!(answer["status"], "error");
    assert!(
        answer.get("agent_id").is_none() && answer["error"].as_str().unwrap().contains("significance_level")
    );
}

#[test]
fn numbers_against_texts_are_compared_as_they_are_displayed() {
    let numbers = column("a", (0..100).map(|value| value % 4));
    // The same digits as text: the sample of the current file has a word in it.
    let texts =
        column("a", (0..100).map(|value| if value == 0 { "x".to_owned() } else { (value % 4).to_string() }));
    let answer = compared(&numbers, &texts, Value::Null);
    let found = analysis(&answer);
    assert!(found["psi_score"].as_f64().unwrap() < 0.1 && found.get("p_value").is_none(), "{found}");
    // The other way round a text never equals a number.
    let answer = compared(&texts, &numbers, Value::Null);
    assert_eq!(analysis(&answer)["severity"], "high");
    assert_eq!(answer["row_level_issues"].as_array().unwrap().len(), 4 * 25);
}

#[test]
fn new_categories_are_listed_fifty_rows_each_counted_from_zero() {
    let baseline = column("count", std::iter::repeat_n("old", 200));
    let values = (0..200).map(|row| if row % 4 == 3 { "rare" } else { "new" });
    let answer = compared(&baseline, &column("count", values), Value::Null);
    let rows = answer["row_level_issues"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    assert_eq!((&rows[49]["row_index"], &rows[49]["value"]), (&json!(49), &json!("new")));
    assert_eq!((&rows[50]["row_index"], &rows[50]["value"]), (&json!(0), &json!("rare")));
    assert_eq!(answer["issue_summary"]["affected_rows"], 50);
}

#[test]
fn a_single_value_has_no_spread_and_is_skipped() {
    let answer = compared("a,b\n1,x\n", "a,b\n2,x\n", json!({"min_sample_size": 1}));
    assert_eq!(answer["summary_metrics"]["fields_analyzed"], 2);
    let fields = answer["data"]["fields"].as_array().unwrap();
    assert_eq!(fields.iter().map(|field| &field["field_id"]).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn values_that_are_not_finite_give_no_numbers_and_no_drift_by_p() {
    let baseline =
        column("a", (0..99).map(|value| f64::from(value).to_string() + ".5").chain(["NaN".to_owned()]));
    let current = column("a", (500..600).map(|value| f64::from(value).to_string() + ".5"));
    let answer = compared(&baseline, &current, Value::Null);
    let found = analysis(&answer);
    assert_eq!(found["p_value"], Value::Null);
    assert_eq!((&found["psi_score"], &found["js_divergence"]), (&json!(0.0), &json!(0.0)));
    assert_eq!(found["drift_detected"], false);
    // On the current side only: the others are counted, NaN is an outlier of the rows.
    let answer = compared(&current, &baseline, Value::Null);
    let found = analysis(&answer);
    assert_eq!((&found["p_value"], &found["drift_detected"]), (&Value::Null, &json!(true)));
    assert_eq!(answer["row_level_issues"][0]["value"], 0.5);
}

#[test]
fn bounds_and_scores_of_rows_are_those_of_the_baseline() {
    let baseline = column("a", 0..=100);
    let answer = compared(&baseline, &column("a", (0..=100).map(|value| value + 200)), Value::Null);
    let rows = answer["row_level_issues"].as_array().unwrap();
    assert_eq!(rows.len(), 100);
    assert_eq!(rows[0]["bounds"], json!({"lower": 5.0, "upper": 95.0}));
    // Mean 50, standard deviation of 0 to 100.
    assert!((rows[0]["z_score"].as_f64().unwrap() - 150.0 / 29.300_170_648).abs() < 1e-6);
    assert_eq!(
        (&rows[50]["issue_type"], &rows[50]["baseline_mean"]),
        (&json!("value_range_change"), &json!(50.0))
    );
}

#[test]
fn any_change_of_a_negative_mean_is_a_shift() {
    let values = |shift: f64| column("a", (0..200).map(|value| f64::from(value) - 1000.5 + shift));
    let answer = compared(&values(0.0), &values(0.4), Value::Null);
    let alerts: Vec<_> =
        answer["alerts"].as_array().unwrap().iter().map(|alert| &alert["alert_id"]).collect();
    assert_eq!(alerts, ["alert_drift_mean_shift", "alert_drift_stable"]);
}
