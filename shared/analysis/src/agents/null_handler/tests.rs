//! The handler where the golden cases do not reach: boundaries, quirks, any input.

use super::*;
use crate::agents::testing::{column, file, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn ids(answer: &Value, list: &str, key: &str) -> Vec<String> {
    column(&answer[list], key).into_iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// A column `a` with so many nulls among `rows`, beside columns that are always filled.
fn with_nulls(nulls: usize, rows: usize) -> String {
    let lines: String = (0..rows).map(|row| if row < nulls { ",x,x,x\n" } else { "y,x,x,x\n" }).collect();
    format!("a,b,c,d\n{lines}")
}

#[test]
fn strategies_are_suggested_at_their_bounds() {
    for (nulls, strategy, action, priority) in [
        (30, "mode", "simple_imputation", "low"),
        (31, "mode", "advanced_imputation", "medium"),
        (50, "mode", "advanced_imputation", "medium"),
        (51, "knn_imputation", "advanced_imputation", "medium"),
        (70, "knn_imputation", "advanced_imputation", "medium"),
        (71, "drop_column", "consider_dropping", "high"),
    ] {
        let analysis = &run(ID, with_nulls(nulls, 100), Value::Null)["data"]["null_analysis"];
        assert_eq!(analysis["null_summary"]["a"]["suggested_strategy"], strategy, "{nulls}");
        assert_eq!(analysis["recommendations"][0]["action"], action, "{nulls}");
        assert_eq!(analysis["recommendations"][0]["priority"], priority, "{nulls}");
    }
    // Mean and median exactly half a standard deviation apart (a: 1.75 of 3.5), and no deviation at all (c).
    let numbers = run(ID, "a,b,c\n1,1,7\n1,1,7\n1,1,7\n8,90,7\n,,\n", Value::Null);
    let summary = &numbers["data"]["null_analysis"]["null_summary"];
    for (name, strategy) in [("a", "mean"), ("b", "mean"), ("c", "mean")] {
        assert_eq!(summary[name]["suggested_strategy"], strategy, "{name}");
    }
    let skewed = run(ID, "a\n0\n0\n0\n10\n10\n10\n10\n", Value::Null);
    assert_eq!(skewed["data"]["null_analysis"]["null_summary"], json!({}));
    let apart = run(ID, "a,b\n0,x\n0,x\n9,x\n9,x\n9,x\n,x\n", Value::Null);
    assert_eq!(apart["data"]["null_analysis"]["null_summary"]["a"]["suggested_strategy"], "median");
}

#[test]
fn null_words_are_nulls_but_no_row_level_issues() {
    let answer = run(ID, "a,b\nx,1\n N/A ,2\n?,3\n\"\",4\nNull,5\n,6\n", Value::Null);
    assert_eq!(answer["summary_metrics"]["original_nulls"], 4);
    assert_eq!(file(&answer), "a,b\nx,1\n,2\n,3\n,4\nNull,5\n,6\n");
    assert_eq!(column(&answer["row_level_issues"], "row_index"), [&json!(5), &json!(5)]);
    assert_eq!(answer["issue_summary"]["affected_columns"], json!(["a"]));
}

#[test]
fn rows_are_dropped_once_and_accounted_for() {
    let answer = run(ID, with_nulls(31, 100), json!({"global_strategy": "drop_rows"}));
    assert_eq!(answer["summary_metrics"]["total_rows_processed"], 69);
    assert_eq!(answer["data"]["cleaning_score"]["metrics"]["cleaned_rows"], 69);
    assert_eq!(find(&answer["alerts"], "alert_id", "alert_nulls_data_loss").unwrap()["severity"], "critical");
    assert!(ids(&answer, "issues", "issue_id").contains(&"issue_nulls_significant_data_loss".to_owned()));
    let ten = run(ID, with_nulls(10, 100), json!({"global_strategy": "drop_rows"}));
    assert!(find(&ten["alerts"], "alert_id", "alert_nulls_data_loss").is_none());
    assert!(!ids(&ten, "issues", "issue_id").contains(&"issue_nulls_significant_data_loss".to_owned()));
}

#[test]
fn strategies_change_their_column_only() {
    let csv = "i,t,keep\n1,a,007\n,,\n3,a,TRUE\n";
    let filled = |strategy: &str| {
        file(&run(ID, csv, json!({"column_strategies": {"i": strategy}, "fill_values": {"i": "x"}})))
    };
    for (strategy, cells) in [
        ("mean", ["1.0", "2.0", "3.0"]),
        ("median", ["1.0", "2.0", "3.0"]),
        ("mode", ["1", "1", "3"]),
        ("forward_fill", ["1", "1", "3"]),
        ("backward_fill", ["1", "3", "3"]),
        ("constant", ["1", "x", "3"]),
        ("interpolate", ["1", "", "3"]),
    ] {
        let [a, b, c] = cells;
        assert_eq!(filled(strategy), format!("i,t,keep\n{a},a,007\n{b},,\n{c},a,TRUE\n"), "{strategy}");
    }
    assert_eq!(filled("drop_column"), "t,keep\na,007\n,\na,TRUE\n");
}

#[test]
fn only_real_failures_are_issues() {
    let parameters = json!({
        "column_strategies": {"error_rate": "constant", "empty": "mode", "t": "constant", "n": "mean"},
        "fill_values": {"error_rate": "failed", "t": null}
    });
    let answer = run(ID, "error_rate,empty,t,n\n,,,x\n1,,a,\n", parameters);
    let log = answer["data"]["imputation_log"].as_array().unwrap();
    assert_eq!(log.len(), 3);
    let failures = ids(&answer, "issues", "issue_id");
    let failures: Vec<_> = failures.iter().filter(|id| id.contains("imputation_failure")).collect();
    assert_eq!(failures, ["issue_nulls_imputation_failure_0", "issue_nulls_imputation_failure_1"]);
}

#[test]
fn dropping_the_only_column_leaves_an_empty_table() {
    let answer = run(ID, "a\nx\n?\n", json!({"column_strategies": {"a": "drop_column"}}));
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["summary_metrics"]["remaining_nulls"], 0);
    assert_eq!(answer["data"]["cleaning_score"]["metrics"]["cleaned_columns"], 0);
    assert_eq!(file(&answer), "\n");
}

#[test]
fn rows_are_graded_by_their_share_of_nulls() {
    let kinds = |nulls: usize| {
        let header: Vec<String> = (0..20).map(|column| format!("c{column}")).collect();
        let line: Vec<&str> = (0..20).map(|column| if column < nulls { "" } else { "x" }).collect();
        let answer = run(ID, format!("{}\n{}\n", header.join(","), line.join(",")), Value::Null);
        find(&answer["row_level_issues"], "column", "multiple").map(|issue| issue["issue_type"].clone())
    };
    assert_eq!(kinds(3), None);
    assert_eq!(kinds(4), Some(json!("missing_data_anomaly")));
    assert_eq!(kinds(6), Some(json!("missing_data_anomaly")));
    assert_eq!(kinds(7), Some(json!("null_pattern")));
}

#[test]
fn quality_begins_at_its_thresholds() {
    for (weight, quality, shown) in [
        (0.9, "excellent", "excellent"),
        (0.899, "good", "good"),
        (0.75, "good", "good"),
        (0.749, "needs_improvement", "fair"),
    ] {
        let parameters = json!({"null_reduction_weight": weight, "data_retention_weight": 0, "column_retention_weight": "0"});
        let answer = run(ID, "a\n1\n", parameters);
        assert_eq!(answer["data"]["quality_status"], quality, "{weight}");
        assert_eq!(answer["executive_summary"][0]["status"], shown);
        let alert = find(&answer["alerts"], "alert_id", "alert_nulls_quality").is_some();
        assert_eq!(alert, quality == "needs_improvement");
    }
}

#[test]
fn lost_values_are_told() {
    let mut csv = String::from("a,b\n");
    for row in 0..10_000 {
        csv += &format!("{row},x\n");
    }
    // The quoted field that goes on is no text either, but in a column of numbers it is one more lost value.
    let answer = run(ID, csv + "word,x\n,x\n\"1\"2,x\n\"\",x\n", Value::Null);
    assert_eq!(answer["data"]["values_lost"], json!({"a": 2}), "{}", answer["error"]);
}

#[test]
fn errors_carry_the_names_that_the_specification_gives() {
    for (name, csv, signed) in [("a.txt", "a\n1\n", false), ("a.csv", "", false), ("a.csv", "a\n", true)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), signed, "{name}");
    }
    assert_eq!(run_named(ID, "A.CSV", "a\n1\n", &Value::Null)["status"], "success");
    assert_eq!(run(ID, "row_index,a\n1,\n", Value::Null)["status"], "success");
}

proptest! {
    /// Any bytes get an answer.
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1,\"\n\r-.?e".to_vec()), 1 => any::<u8>()], 0..200)) {
        let parameters = json!({"column_strategies": {"a": "knn_imputation", "1": "mode", "e": "mean"}});
        for parameters in [Value::Null, parameters] {
            let answer = run(ID, Bytes::from(bytes.clone()), parameters);
            prop_assert!(answer["status"] == "success" || answer["error"].is_string());
        }
    }

    /// Filled cells are accounted for, the other cells stay as they are.
    #[test]
    fn filling_changes_empty_cells_only(cells in prop::collection::vec(prop::option::of(-99_i64..99), 2..40), strategy in prop::sample::select(vec!["mean", "median", "mode", "forward_fill", "backward_fill", "knn_imputation"])) {
        prop_assume!(cells.iter().any(Option::is_some));
        let text = |cell: &Option<i64>| cell.map_or_else(String::new, |value| value.to_string());
        let csv: String = cells.iter().enumerate().map(|(row, cell)| format!("{},{row}\n", text(cell))).collect();
        let answer = run(ID, format!("a,b\n{csv}"), json!({"column_strategies": {"a": strategy}}));
        let file = file(&answer);
        let after: Vec<Option<f64>> = file.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().ok()).collect();
        prop_assert_eq!(after.len(), cells.len());
        for (before, after) in cells.iter().zip(&after) {
            prop_assert!(before.is_none_or(|before| *after == Some(before as f64)));
        }
        let left = after.iter().filter(|cell| cell.is_none()).count();
        prop_assert_eq!(&answer["summary_metrics"]["remaining_nulls"], &json!(left));
    }
}
