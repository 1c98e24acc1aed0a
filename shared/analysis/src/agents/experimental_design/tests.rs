use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ID;
use crate::agent;
use crate::agents::testing::{column, run, run_named};

fn without_file(parameters: &Value) -> Value {
    serde_json::to_value(agent::run(ID, &BTreeMap::new(), parameters)).unwrap()
}

#[test]
fn the_sizes_of_the_defaults() {
    let answer = without_file(&Value::Null);
    assert_eq!(answer["summary_metrics"]["control_group_size"], 315_266);
    assert_eq!(answer["summary_metrics"]["total_sample_size"], 630_532);
    assert_eq!(column(&answer["alerts"], "alert_id"), ["alert_no_population"]);
    assert_eq!(answer["executive_summary"].as_array().unwrap().len(), 4);
    assert_eq!(answer["data"]["dataset_info"], Value::Null);
}

#[test]
fn the_population_is_the_one_given_or_the_rows_of_a_file() {
    let csv: String = (0..60).map(|row| format!("{row}\n")).collect();
    let csv = format!("a\n{csv}");
    // Both groups of the smallest size.
    let sizes =
        |size: Value| json!({"baseline_rate": 0.5, "min_detectable_lift": 90, "total_population_size": size});
    for (size, population, word) in [
        (json!(59), 59, "infeasible"),
        (json!(60), 60, "marginal"),
        (json!(74), 74, "marginal"),
        (json!(75), 75, "tight"),
        (json!(119), 119, "tight"),
        (json!(120), 120, "feasible"),
        (json!(0), 60, "marginal"),
        (json!("many"), 60, "marginal"),
    ] {
        let answer = run(ID, csv.clone(), sizes(size));
        assert_eq!(answer["summary_metrics"]["population_size"], population);
        assert_eq!(answer["data"]["feasibility"]["status"], word, "{population}");
        assert_eq!(answer["data"]["parameters"]["total_population_size"], population);
        assert!(!answer["data"]["overrides"]["total_population_size"].is_null());
    }
}

#[test]
fn files_that_cannot_be_read_are_a_word_and_others_none() {
    let unreadable = run_named(ID, "A.CSV", "a\n1,2\n", &Value::Null);
    assert_eq!(column(&unreadable["row_level_issues"], "value"), ["A.CSV"]);
    assert_eq!(
        unreadable["issue_summary"],
        json!({"total_issues": 1, "by_type": {"file_parse_warning": 1}, "by_severity": {"low": 1}, "affected_rows": 0, "affected_columns": []})
    );
    for (name, csv) in [("a.txt", "a\n1,2\n"), ("a.csv", "")] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!(
            (&answer["row_level_issues"], &answer["data"]["dataset_info"]),
            (&json!([]), &Value::Null)
        );
    }
    let no_rows = run(ID, "a,b\n", Value::Null);
    assert_eq!(no_rows["data"]["dataset_info"]["rows"], 0);
    assert_eq!(no_rows["summary_metrics"]["population_size"], Value::Null);
}

#[test]
fn rates_that_are_the_same_are_an_error() {
    let answer = without_file(&json!({"baseline_rate": 0.999}));
    assert_eq!(
        (&answer["status"], &answer["agent_name"]),
        (&json!("error"), &json!("Experimental Design Agent"))
    );
    // Above the highest rate the treated group comes out lower.
    assert_eq!(without_file(&json!({"baseline_rate": 0.9999}))["status"], "success");
}

#[test]
fn scores_lose_at_their_bounds() {
    for (parameters, score) in [
        (json!({"baseline_rate": 0.005}), 100.0),
        (json!({"baseline_rate": 0.0049}), 90.0),
        (json!({"min_detectable_lift": 1.9}), 90.0),
        (json!({"min_detectable_lift": 50}), 100.0),
        (json!({"min_detectable_lift": 50.1}), 95.0),
        (json!({"total_population_size": 10, "baseline_rate": 0.001, "min_detectable_lift": 1}), 30.0),
    ] {
        assert_eq!(
            without_file(&parameters)["data"]["quality"]["design_quality_score"],
            score,
            "{parameters}"
        );
    }
}

#[test]
fn utilization_is_shown_in_its_shortest_form() {
    let shown = |population: i64| {
        let answer = without_file(&json!({"total_population_size": population}));
        answer["executive_summary"][4]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(630_532), "100.0%");
    assert_eq!(shown(2), "31526600.0%");
    assert_eq!(shown(100_000_000), "0.63%");
}

proptest! {
    #[test]
    fn any_figures_and_bytes_get_an_answer(level in any::<f64>(), baseline in 0.0_f64..1.0, lift in -1.0_f64..200.0, size in any::<i64>(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let parameters = json!({"significance_level": level, "baseline_rate": baseline, "min_detectable_lift": lift, "total_population_size": size});
        let answer = run(ID, Bytes::from(bytes), parameters);
        prop_assert!(answer["status"] == "error" || answer["summary_metrics"]["control_group_size"].as_i64().is_some_and(|group| group >= 30));
    }
}
