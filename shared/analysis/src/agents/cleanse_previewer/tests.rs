//! The previewer where the golden cases do not reach: quirks, edges, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

/// The answer to rules.
fn preview(csv: impl Into<Bytes>, rules: Value) -> Value {
    run(ID, csv, json!({"preview_rules": rules}))
}

fn results(answer: &Value) -> &Value {
    &answer["data"]["preview_analysis"]["simulated_results"]
}

fn first_change(answer: &Value) -> &Value {
    &results(answer)[0]["changes"]
}

/// Rows and cells of column `a` that are left, and its distinct values, as the answer tells them.
fn left(answer: &Value) -> (i64, i64, i64) {
    let profile = &answer["data"]["preview_analysis"]["original_profile"]["columns"]["a"];
    let change = &first_change(answer)["column_level_changes"]["a"];
    let after = |before: &str, change_key: &str| {
        profile[before].as_i64().unwrap() + change[change_key].as_i64().unwrap()
    };
    let rows = results(answer)[0]["preview_metrics"]["total_rows"].as_i64().unwrap();
    (rows, after("null_count", "null_count_change"), after("unique_count", "unique_count_change"))
}

#[test]
fn one_row_has_no_spread_and_an_answer() {
    let rules = json!([{"type": "remove_outliers", "target_columns": "a", "method": "z_score"}, {"type": "remove_outliers", "target_columns": "a"}]);
    let answer = preview("a,b\n7,x\n", rules);
    let profile = &answer["data"]["preview_analysis"]["original_profile"]["columns"]["a"];
    assert_eq!(profile["statistics"]["std"], Value::Null);
    assert_eq!(profile["distribution"], json!({"skewness": null, "kurtosis": null}));
    assert_eq!(column(results(&answer), "impact_level"), ["low", "low"]);
}

#[test]
fn a_rule_that_cannot_be_carried_out_fails_alone() {
    let rules = json!([
        7,
        {"type": "drop_nulls", "target_columns": {"a": 1}},
        {"type": "remove_outliers", "target_columns": ["a"], "iqr_multiplier": "wide"},
        {"type": "impute_nulls", "target_columns": ["n"], "strategy": "mode"},
        {"type": "impute_nulls", "target_columns": ["a"], "strategy": "constant", "fill_value": null},
        {"type": "drop_duplicates", "target_columns": ["ghost"]},
        {"type": "drop_nulls", "target_columns": []},
    ]);
    let answer = preview("a,n\n1,\n,\n2,x\n", rules);
    let failed = column(results(&answer), "status").into_iter().filter(|status| *status == "error").count();
    assert_eq!(
        (failed, answer["data"]["preview_score"]["metrics"]["successful_simulations"].as_u64()),
        (6, Some(1))
    );
    assert_eq!(results(&answer)[0]["rule_id"], "rule_1");
    assert!(results(&answer)[2]["error"].as_str().unwrap().contains("iqr_multiplier"));
    assert_eq!(results(&answer)[6]["simulation_log"], json!([]));
    assert_eq!(find(&answer["alerts"], "alert_id", "alert_preview_low_confidence"), None);
    let issue = find(&answer["issues"], "issue_id", "issue_preview_rule_1_simulation_error").unwrap();
    assert!(issue["message"].as_str().unwrap().contains("got 7"), "{issue}");
}

#[test]
fn a_text_is_one_name_in_every_rule() {
    for rule in
        ["drop_nulls", "impute_nulls", "remove_outliers", "drop_duplicates", "drop_columns", "convert_types"]
    {
        let answer = preview(
            "ab,a\n1,\n,2\n1,3\n",
            json!([{"type": rule, "target_columns": "ab", "target_type": "string"}]),
        );
        let result = &results(&answer)[0];
        assert_eq!(result["simulation_log"].as_array().map(Vec::len), Some(1), "{rule}: {result}");
        assert_eq!(result["target_columns"], "ab");
        assert!(result["changes"]["column_level_changes"]["a"]["status"].is_null(), "{rule}");
    }
}

#[test]
fn null_stands_for_the_default() {
    let rule = json!({"rule_id": null, "type": "remove_outliers", "target_columns": ["a"], "method": null, "iqr_multiplier": null, "description": null});
    let answer = preview("a\n1\n2\n3\n4\n99\n", json!([rule]));
    let result = &results(&answer)[0];
    assert_eq!(
        (&result["rule_id"], &result["rule_description"]),
        (&json!("rule_1"), &json!("Cleaning rule"))
    );
    assert_eq!(left(&answer), (4, 0, 4));
    let wide = preview(
        "a\n1\n2\n3\n4\n99\n",
        json!([{"type": "remove_outliers", "target_columns": ["a"], "iqr_multiplier": "60"}]),
    );
    assert_eq!(left(&wide), (5, 0, 5));
    let whole_rows =
        preview("a,b\n1,2\n1,2\n1,3\n", json!([{"type": "drop_duplicates", "target_columns": null}]));
    assert_eq!(left(&whole_rows), (2, 0, 1));
}

#[test]
fn impact_and_risk_begin_at_their_bounds() {
    let csv = |nulls: usize| {
        let lines: String = (0..100).map(|row| if row < nulls { ",x\n" } else { "1,x\n" }).collect();
        format!("a,b\n{lines}")
    };
    for (nulls, level, risky, actions) in [
        (4, "low", false, 1),
        (5, "medium", false, 0),
        (9, "medium", false, 0),
        (10, "high", false, 0),
        (11, "high", false, 1),
        (20, "high", false, 1),
        (21, "high", true, 2),
    ] {
        let answer = preview(csv(nulls), json!([{"type": "drop_nulls", "target_columns": ["a"]}]));
        let result = &results(&answer)[0];
        assert_eq!(result["impact_level"], level, "{nulls}");
        assert_eq!(result["risk_assessment"]["is_risky"], risky, "{nulls}");
        assert_eq!(result["recommendations"].as_array().map(Vec::len), Some(actions), "{nulls}");
        assert_eq!(answer["summary_metrics"]["safe_to_execute"], !risky, "{nulls}");
    }
}

#[test]
fn the_most_common_text_is_the_first_of_them_and_null_only_when_alone() {
    let common = |csv: &'static str| {
        let answer = preview(csv, json!([]));
        let statistics =
            &answer["data"]["preview_analysis"]["original_profile"]["columns"]["a"]["statistics"];
        (statistics["most_common"].clone(), statistics["most_common_count"].as_u64().unwrap())
    };
    assert_eq!(common("a,b\nx,1\ny,1\n,1\ny,1\nx,1\n,1\n"), (json!("x"), 2));
    assert_eq!(common("a,b\nx,1\n,1\n,1\n"), (json!("None"), 0));
    assert_eq!(common("a,b\n,1\n"), (json!("None"), 0));
}

#[test]
fn dates_are_told_apart_by_their_instant() {
    let csv = "a,b\n2024-01-31,1\n2024/01/31,1\n1969-12-31,1\nnone,1\n,1\n";
    let answer = preview(
        csv,
        json!([{"type": "convert_types", "target_columns": ["a", "b"], "target_type": "datetime"}]),
    );
    assert_eq!(left(&answer), (5, 2, 3));
    let log = results(&answer)[0]["simulation_log"].as_array().unwrap();
    assert!(log.len() == 2 && log[1].as_str().unwrap().contains("cannot"), "{log:?}");
}

#[test]
fn conversions_count_what_they_lose() {
    let csv = "a,b\n+3,true\n 4,false\nx,\n1.0,true\n";
    for (target, expected) in [("numeric", (4, 2, 3)), ("string", (4, 0, 4)), ("float", (4, 0, 4))] {
        let answer = preview(
            csv,
            json!([{"type": "convert_types", "target_columns": ["a", "ghost"], "target_type": target}]),
        );
        assert_eq!(left(&answer), expected, "{target}");
        assert_eq!(results(&answer)[0]["simulation_log"].as_array().map(Vec::len), Some(1));
    }
}

#[test]
fn dropping_every_column_leaves_nothing() {
    let answer = preview("a,b\n1,2\n3,4\n", json!([{"type": "drop_columns", "target_columns": ["a", "b"]}]));
    let result = &results(&answer)[0];
    assert_eq!(result["preview_metrics"], json!({"total_rows": 0, "total_columns": 0, "memory_mb": 0.0}));
    assert_eq!(result["changes"]["column_level_changes"]["a"], json!({"status": "removed"}));
    assert_eq!(answer["data"]["preview_analysis"]["execution_safety"], "CAUTION");
}

#[test]
fn columns_are_worked_through_on_what_is_left() {
    let rule = json!([{"type": "remove_outliers", "target_columns": ["a", "b"], "iqr_multiplier": 1}]);
    // The 100 goes with column a; then nothing in b is far out.
    let answer = preview("a,b\n1,1\n2,2\n3,3\n4,4\n500,100\n,5\n", rule);
    assert_eq!(left(&answer), (4, 0, 4));
    let gone = preview(
        "a,b\nNaN,1\n1.5,\n",
        json!([{"type": "remove_outliers", "target_columns": ["a", "b"], "method": "z_score"}]),
    );
    assert_eq!(left(&gone).0, 0);
    assert_eq!(results(&gone)[0]["simulation_log"].as_array().map(Vec::len), Some(2));
}

#[test]
fn row_level_issues_are_counted_before_they_are_cut() {
    let lines: String = (0..110_000).map(|row| if row % 50 == 0 { ",x\n" } else { "1,x\n" }).collect();
    let rules = json!([{"type": "drop_nulls", "target_columns": ["a"]}, {"type": "drop_columns", "target_columns": ["b"]}]);
    let parameters = json!({"preview_rules": rules, "impact_threshold_high": 1});
    let answer = run(ID, format!("a,b\n{lines}"), parameters);
    assert_eq!(answer["row_level_issues"].as_array().map(Vec::len), Some(1000));
    assert_eq!(answer["issue_summary"]["total_issues"], 1100);
    assert_eq!(answer["issue_summary"]["affected_rows"], 1099);
    assert_eq!(answer["issue_summary"]["by_type"], json!({"unsafe_operation": 1100}));
}

#[test]
fn wide_odd_and_lossy_files_get_an_answer() {
    let header: Vec<String> = (0..5000).map(|column| format!("c{column}")).collect();
    let wide = format!("{}\n{}\n", header.join(","), vec!["1"; 5000].join(","));
    let rules = json!([{"type": "drop_duplicates"}, {"type": "impute_nulls", "target_columns": ["c7"]}]);
    assert_eq!(preview(wide, rules.clone())["summary_metrics"]["low_impact_rules"], 2);
    let odd = format!("🙂,🙂,\n{},inf,1960-01-01\n,NaN,\n,-inf,x\n", "x".repeat(100_000));
    assert_eq!(preview(odd, rules)["status"], "success");
    let late = format!("a\n{}word\n", "1\n".repeat(100));
    assert_eq!(preview(late, json!([]))["data"]["values_lost"], json!({"a": 1}));
    for (name, csv, signed) in [("a.txt", "a\n1\n", false), ("a.csv", "", false), ("a.csv", "a\n", true)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), signed, "{name}");
    }
}

fn any_rule() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "drop_nulls",
        "impute_nulls",
        "remove_outliers",
        "drop_duplicates",
        "drop_columns",
        "convert_types",
        "other",
    ]);
    let targets = prop::sample::select(vec![
        json!(["a"]),
        json!(["b", "a"]),
        json!("a"),
        json!([]),
        json!(null),
        json!([1]),
        json!(3),
    ]);
    let word = prop::sample::select(vec![
        "mean", "median", "mode", "constant", "z_score", "numeric", "datetime", "string", "x",
    ]);
    (kind, targets, word).prop_map(|(kind, targets, word)| {
        json!({"type": kind, "target_columns": targets, "strategy": word, "method": word, "target_type": word})
    })
}

proptest! {
    /// Any bytes and rules get an answer.
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1,\"\n\r-.?e".to_vec()), 1 => any::<u8>()], 0..200), rules in prop::collection::vec(any_rule(), 0..4)) {
        let answer = preview(Bytes::from(bytes), json!(rules));
        prop_assert!(answer["status"] == "success" || answer["error"].is_string());
    }

    /// Each rule against its slow reading.
    #[test]
    fn rules_do_what_they_say(cells in prop::collection::vec((prop::option::of(0_i64..9), 0_i64..4), 2..30), kind in 0..4) {
        prop_assume!(cells.iter().any(|cell| cell.0.is_some()));
        let csv: String = cells.iter().map(|(a, b)| format!("{},{b}\n", a.map_or(String::new(), |a| a.to_string()))).collect();
        let mut values: Vec<i64> = cells.iter().filter_map(|cell| cell.0).collect();
        values.sort_unstable();
        let quantile = |q: f64| values[(q * (values.len() - 1) as f64 + 0.5).floor() as usize] as f64;
        let (low, high) = (quantile(0.25), quantile(0.75));
        let (rule, expected): (Value, Vec<Option<i64>>) = match kind {
            0 => (json!({"type": "drop_nulls", "target_columns": ["a"]}), cells.iter().map(|cell| cell.0).filter(Option::is_some).collect()),
            1 => {
                let first = |row: &usize| !cells[..*row].contains(&cells[*row]);
                (json!({"type": "drop_duplicates"}), (0..cells.len()).filter(first).map(|row| cells[row].0).collect())
            }
            2 => {
                let first = |row: &usize| !cells[..*row].iter().any(|cell| cell.1 == cells[*row].1);
                (json!({"type": "drop_duplicates", "target_columns": ["b"]}), (0..cells.len()).filter(first).map(|row| cells[row].0).collect())
            }
            _ => {
                let reach = 0.5 * (high - low);
                let near = |cell: &Option<i64>| cell.is_some_and(|value| (low - reach..=high + reach).contains(&(value as f64)));
                (json!({"type": "remove_outliers", "target_columns": ["a"], "iqr_multiplier": 0.5}), cells.iter().map(|cell| cell.0).filter(near).collect())
            }
        };
        let answer = preview(format!("a,b\n{csv}"), json!([rule]));
        let mut distinct = expected.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let nulls = expected.iter().filter(|cell| cell.is_none()).count();
        prop_assert_eq!(left(&answer), (expected.len() as i64, nulls as i64, distinct.len() as i64));
        prop_assert_eq!(&first_change(&answer)["row_change"], &json!(expected.len() as i64 - cells.len() as i64));
    }
}
