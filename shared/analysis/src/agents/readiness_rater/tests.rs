//! The rater where the golden cases do not reach: boundaries, quirks, order, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn rate_with(csv: impl Into<Bytes>, parameters: Value) -> Value {
    run(ID, csv, parameters)
}

fn rate_of(csv: impl Into<Bytes>) -> Value {
    rate_with(csv, Value::Null)
}

fn component<'a>(answer: &'a Value, name: &str) -> &'a Value {
    find(&answer["data"]["component_scores"], "component", name).unwrap()
}

/// A column `a` with so many nulls among `rows`, beside a column that is always filled.
fn with_nulls(nulls: usize, rows: usize) -> String {
    let lines: String = (0..rows).map(|row| if row < nulls { ",x\n" } else { "y,x\n" }).collect();
    format!("a,b\n{lines}")
}

fn deductions(answer: &Value) -> Vec<(&str, f64, &str)> {
    let list = answer["data"]["deductions"].as_array().unwrap();
    list.iter()
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap();
            (text("deduction_reason"), one["deduction_amount"].as_f64().unwrap(), text("severity"))
        })
        .collect()
}

#[test]
fn missing_values_begin_above_ten_percent() {
    let missing = |nulls, rows| {
        let answer = rate_of(with_nulls(nulls, rows));
        let found = deductions(&answer).into_iter().find(|one| one.0 == "missing_values");
        found.map(|(_, amount, severity)| (amount, severity.to_owned()))
    };
    assert_eq!(missing(10, 100), None);
    for (nulls, amount, severity) in [
        (11, 2.2, "low"),
        (25, 5.0, "low"),
        (26, 5.2, "medium"),
        (50, 10.0, "medium"),
        (51, 10.2, "high"),
        (80, 16.0, "high"),
        (81, 16.2, "critical"),
        (100, 20.0, "critical"),
    ] {
        assert_eq!(missing(nulls, 100), Some((amount, severity.to_owned())), "{nulls}");
    }
}

#[test]
fn the_status_begins_at_its_threshold() {
    // Nothing is wrong here: 100 in each component, times weights that are used as given.
    let csv = with_nulls(0, 100);
    for (weight, status) in
        [(0.8, "ready"), (0.79, "needs_review"), (0.5, "needs_review"), (0.49, "not_ready")]
    {
        let parameters =
            json!({"completeness_weight": weight, "consistency_weight": 0, "schema_health_weight": "0"});
        let answer = rate_with(csv.clone(), parameters);
        assert_eq!(answer["data"]["readiness_assessment"]["overall_status"], status, "{weight}");
        assert_eq!(answer["executive_summary"][0]["status"], status);
        let (ids, timeline) = match status {
            "ready" => ("rec_readiness_003_production_ready", "1 month"),
            "needs_review" => ("rec_readiness_002_review_required", "1-2 weeks"),
            _ => ("rec_readiness_001_overall_critical", "immediate"),
        };
        assert_eq!(answer["recommendations"][0]["recommendation_id"], ids);
        assert_eq!(answer["recommendations"][0]["timeline"], timeline);
    }
}

#[test]
fn components_are_graded_at_their_bounds() {
    // So many empty columns of twenty: 15 points of schema health each.
    let schema = |empty: usize| {
        let header: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
        let line: Vec<&str> = (0..20).map(|column| if column < empty { "" } else { "x" }).collect();
        let answer = rate_of(format!("{}\n{}\n", header.join(","), line.join(",")));
        let score = component(&answer, "schema_health");
        (score["score"].as_f64().unwrap(), score["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(schema(0), (100.0, "excellent".to_owned()));
    assert_eq!(schema(1), (85.0, "good".to_owned()));
    assert_eq!(schema(2), (70.0, "fair".to_owned()));
    assert_eq!(schema(3), (55.0, "poor".to_owned()));
    assert_eq!(schema(7), (0.0, "poor".to_owned()));
}

#[test]
fn few_numbers_in_a_text_column_are_less_than_thirty_percent() {
    let health = |numbers: usize| {
        let lines: String = (0..10).map(|row| if row < numbers { "1.\n" } else { "word\n" }).collect();
        component(&rate_of(format!("a\n{lines}")), "schema_health")["score"].as_f64().unwrap()
    };
    assert_eq!([health(0), health(1), health(2), health(3)], [100.0, 95.0, 95.0, 100.0]);
    let unnamed = rate_of("Unnamed: 0,unnamed\nx,x\n");
    assert_eq!(component(&unnamed, "schema_health")["score"], 92.0);
}

#[test]
fn consistency_falls_by_columns_that_mix_numbers_with_texts() {
    let answer = rate_of("a,b,c,d\n2024-01-01,$1,x,1\n2024-01-02,$2,5 or 6 or,2\n");
    assert_eq!(component(&answer, "consistency")["score"], 95.0);
}

#[test]
fn a_date_name_without_a_date_is_no_error() {
    let answer = rate_of("lifetime_tier,updated\ngold,\nsilver,\n,\n");
    assert_eq!(answer["status"], "success");
    // The second column is all null: nothing to parse.
    let formats = deductions(&answer).into_iter().filter(|one| one.0 == "format_inconsistency");
    assert_eq!(formats.collect::<Vec<_>>(), [("format_inconsistency", 10.0, "high")]);
    let rows = answer["row_level_issues"].as_array().unwrap();
    let warned: Vec<_> =
        rows.iter().filter(|issue| issue["column"] == "lifetime_tier").map(|issue| &issue["value"]).collect();
    assert_eq!(warned, ["gold", "silver"]);
    assert_eq!(rate_of("created\n\"\"\n")["data"]["deductions"][0]["deduction_amount"], 10.0);
}

#[test]
fn unparsed_dates_have_their_bounds() {
    let dates = |bad: usize| {
        let lines: String = (0..100).map(|row| if row < bad { "soon\n" } else { "2024-01-31\n" }).collect();
        let answer = rate_of(format!("Due_Date\n{lines}"));
        let found = deductions(&answer).into_iter().find(|one| one.0 == "format_inconsistency");
        let issue = find(&answer["issues"], "field_name", "Due_Date").map(|issue| issue["severity"].clone());
        (found.map(|(_, amount, severity)| (amount, severity.to_owned())), issue)
    };
    assert_eq!(dates(0), (None, None));
    for (bad, amount, severity) in
        [(1, 0.1, "low"), (10, 1.0, "low"), (11, 1.1, "medium"), (25, 2.5, "medium"), (26, 2.6, "high")]
    {
        assert_eq!(dates(bad), (Some((amount, severity.to_owned())), Some(json!(severity))), "{bad}");
    }
    let answer = rate_of(format!("date\n{}", "x\n".repeat(80) + &"2024-01-01\n".repeat(20)));
    assert_eq!(
        find(&answer["issues"], "issue_id", "issue_readiness_1_date_format").unwrap()["severity"],
        "high"
    );
}

#[test]
fn outliers_are_told_above_five_percent_of_the_values() {
    let outliers = |far: usize| {
        let lines: String =
            (0..100).map(|row| format!("{}\n", if row < far { 1000 + row } else { row % 10 })).collect();
        let answer = rate_of(format!("a\n{lines}"));
        let found = deductions(&answer).into_iter().find(|one| one.0 == "potential_outliers");
        found.map(|(_, amount, severity)| (amount, severity.to_owned()))
    };
    assert_eq!(outliers(5), None);
    for (far, amount, severity) in [(6, 0.3, "low"), (15, 0.75, "low"), (16, 0.8, "medium")] {
        assert_eq!(outliers(far), Some((amount, severity.to_owned())), "{far}");
    }
    // Quartiles that do not differ have no fences.
    let constant = rate_of(format!("a\n{}9\n", "1\n".repeat(99)));
    assert!(deductions(&constant).iter().all(|one| one.0 != "potential_outliers"));
    let not_a_number =
        rate_of(format!("a\n{}NaN\n", (0..19).map(|row| format!("{row}.5\n")).collect::<String>()));
    let rows = &not_a_number["row_level_issues"];
    assert_eq!((&rows[0]["row_index"], &rows[0]["value"]), (&json!(19), &Value::Null));
}

#[test]
fn duplicates_have_their_bounds() {
    let duplicates = |repeated: usize| {
        let lines: String =
            (0..100).map(|row| format!("{}\n", if row < repeated { 0 } else { row })).collect();
        let answer = rate_of(format!("a\n{lines}"));
        let alert = column(&answer["alerts"], "alert_id")
            .into_iter()
            .find(|id| id.as_str().unwrap().contains("duplicates"))
            .cloned();
        let priority = find(&answer["recommendations"], "recommendation_id", "rec_readiness_duplicates")
            .map(|one| one["priority"].clone());
        (
            deductions(&answer).into_iter().find(|one| one.0 == "duplicate_rows").map(|one| one.2.to_owned()),
            alert,
            priority,
        )
    };
    assert_eq!(duplicates(1), (None, None, None));
    for (repeated, severity, alert, priority) in [
        (5, "low", None, "medium"),
        (6, "medium", Some("alert_readiness_duplicates_high"), "high"),
        (10, "medium", Some("alert_readiness_duplicates_high"), "high"),
        (11, "high", Some("alert_readiness_duplicates_high"), "high"),
        (20, "high", Some("alert_readiness_duplicates_high"), "high"),
        (21, "high", Some("alert_readiness_duplicates_critical"), "critical"),
    ] {
        assert_eq!(
            duplicates(repeated),
            (Some(severity.to_owned()), alert.map(Value::from), Some(json!(priority))),
            "{repeated}"
        );
    }
}

#[test]
fn small_samples_are_below_a_hundred_rows() {
    let alert = |rows| {
        find(&rate_of(with_nulls(0, rows))["alerts"], "alert_id", "alert_readiness_sample_size").is_some()
    };
    assert!(alert(99) && !alert(100));
}

#[test]
fn rows_with_many_nulls() {
    let answer =
        rate_of("a,b,c,d,e,f,g,h,i,j\n,,,1,1,1,1,1,1,1\n,,,,1,1,1,1,1,1\n,,,,,1,1,1,1,1\n,,,,,,1,1,1,1\n");
    let rows = &answer["row_level_issues"];
    assert_eq!(column(rows, "row_index"), [1, 2, 3]);
    assert_eq!(column(rows, "severity"), ["warning", "warning", "critical"]);
    assert_eq!(column(rows, "null_percentage"), [40.0, 50.0, 60.0]);
    assert_eq!(answer["issue_summary"]["by_severity"], json!({"critical": 1, "warning": 2, "info": 0}));
}

#[test]
fn row_level_issues_stop_at_a_hundred_per_kind_and_a_thousand_in_all() {
    let header: Vec<String> = (0..12).map(|number| format!("rate_{number}")).collect();
    let line = ["x"; 12].join(",");
    let answer = rate_of(format!("{}\n{}", header.join(","), format!("{line}\n").repeat(150)));
    assert_eq!(
        answer["issue_summary"]["by_type"],
        json!({"quality_gate_failed": 100, "validation_failed": 900})
    );
    assert_eq!(answer["issue_summary"]["affected_columns"].as_array().unwrap().len(), 10);
    // None of the kinds has a severity that is counted.
    assert_eq!(answer["issue_summary"]["by_severity"], json!({"critical": 0, "warning": 0, "info": 0}));
    assert_eq!(answer["issues"].as_array().unwrap().len(), 10);
}

#[test]
fn issues_stop_at_a_hundred() {
    let header: Vec<String> = (0..150).map(|number| format!("c{number}")).collect();
    let answer = rate_of(format!("{}\n{}\n", header.join(","), ",".repeat(149)));
    let issues = answer["issues"].as_array().unwrap();
    assert_eq!((issues.len(), &issues[99]["issue_id"]), (100, &json!("issue_readiness_99_c99")));
}

#[test]
fn the_schema_recommendation_is_signed_twice() {
    let answer = rate_of("a,Unnamed: 1\nx,\n");
    let schema = find(&answer["recommendations"], "recommendation_id", "rec_readiness_schema").unwrap();
    assert_eq!((&schema["agent_id"], &schema["agent_name"]), (&json!(ID), &json!(ID)));
    assert_eq!(schema["field_name"], "1 unnamed column and 1 empty column");
}

#[test]
fn no_rows_and_bad_files_are_errors_without_ids() {
    for (name, csv) in [("a.csv", "a,b\n"), ("a.csv", ""), ("a.txt", "a\n1\n"), ("a.csv", "a\n1,2\n")] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "error"], "{csv}");
    }
    assert_eq!(run_named(ID, "A.CSV", "row_nr\n1\n", &Value::Null)["status"], "success");
}

#[test]
fn numeric_text_counts_and_null_is_refused() {
    let csv = with_nulls(0, 3);
    assert_eq!(
        rate_with(csv.clone(), json!({"ready_threshold": "100"}))["data"]["parameters"]["ready_threshold"],
        100
    );
    for parameters in [json!({"ready_threshold": null}), json!({"completeness_weight": "much"})] {
        assert_eq!(rate_with(csv.clone(), parameters)["status"], "error");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_the_same_answer_twice(bytes in prop::collection::vec(prop_oneof![8 => prop::sample::select(b"a1,\"\n-.eN/:date".to_vec()), 1 => any::<u8>()], 0..300)) {
        let csv = Bytes::from(bytes);
        let first = rate_of(csv.clone());
        prop_assert!(!first.to_string().contains("broke off"), "{}", first);
        prop_assert_eq!(first, rate_of(csv));
    }
}
