//! The remover where the golden cases do not reach: boundaries, quirks, any input.

use super::*;
use crate::agents::testing::{column, file, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn texts(list: &Value, key: &str) -> Vec<String> {
    column(list, key).into_iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A column `a` of 0 and 1 in turn with `outliers` times 1000 at its end.
fn with_outliers(outliers: usize, rows: usize) -> String {
    let line =
        |row: usize| if row < rows - outliers { format!("{},x\n", row % 2) } else { "1000,x\n".into() };
    format!("a,b\n{}", (0..rows).map(line).collect::<String>())
}

#[test]
fn fifty_outliers_are_handled_and_all_are_counted() {
    let csv = with_outliers(60, 1000);
    let answer = run(ID, csv.clone(), Value::Null);
    assert_eq!(answer["summary_metrics"]["original_outliers"], 60);
    assert_eq!(answer["summary_metrics"]["total_rows_processed"], 950);
    assert_eq!(answer["summary_metrics"]["total_issues"], 50);
    assert_eq!(
        (&answer["data"]["outliers_listed"], &answer["data"]["outliers_left"]),
        (&json!(50), &json!(10))
    );
    assert_eq!(answer["data"]["removal_log"].as_array().unwrap().len(), 50);
    let rows_kept: String = csv
        .lines()
        .enumerate()
        .filter(|(line, _)| !(941..991).contains(line))
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    assert_eq!(file(&answer), rows_kept);
    let reported = run(ID, csv.clone(), json!({"removal_strategy": "report"}));
    assert_eq!(reported["data"]["outliers_left"], 60);
    assert_eq!(reported["data"]["removal_log"], json!([]));
    assert_eq!(reported["data"]["row_level_issues"][0].get("action_taken"), None);
    assert_eq!(file(&reported), csv);
}

#[test]
fn shares_are_judged_at_their_bounds() {
    for (outliers, action, priority) in [
        (50, "safe_to_remove", "low"),
        (51, "consider_removal", "medium"),
        (200, "consider_removal", "medium"),
        (201, "review_data_quality", "high"),
    ] {
        let answer = run(ID, with_outliers(outliers, 1000), Value::Null);
        let recommendation = &answer["data"]["outlier_analysis"]["recommendations"][0];
        assert_eq!(
            (&recommendation["action"], &recommendation["priority"]),
            (&json!(action), &json!(priority))
        );
    }
    for (outliers, volume) in [
        (100, None),
        (101, Some("alert_outliers_medium_volume")),
        (200, Some("alert_outliers_medium_volume")),
        (201, Some("alert_outliers_high_volume")),
    ] {
        let answer = run(ID, with_outliers(outliers, 1000), Value::Null);
        let ids = texts(&answer["alerts"], "alert_id");
        assert_eq!(ids.iter().find(|id| id.ends_with("volume")).map(String::as_str), volume, "{outliers}");
    }
}

#[test]
fn the_share_for_the_thresholds_is_that_of_the_last_high_column() {
    // 16 % in one of two columns: 8 % of all cells, but 16 for this recommendation.
    let lines: String =
        (0..100).map(|row| format!("{},{}\n", if row < 84 { row % 2 } else { 1000 }, row % 2)).collect();
    let answer = run(ID, format!("a,b\n{lines}"), Value::Null);
    let tuning =
        find(&answer["recommendations"], "recommendation_id", "rec_outliers_threshold_tuning").unwrap();
    assert_eq!(tuning["priority"], "high");
    let none = run(ID, "a\n1\n2\n", Value::Null);
    let tuning =
        find(&none["recommendations"], "recommendation_id", "rec_outliers_threshold_tuning").unwrap();
    assert_eq!(tuning["priority"], "medium");
}

#[test]
fn rows_lost_are_accounted_for() {
    let findings = |outliers| {
        let answer = run(ID, with_outliers(outliers, 100), Value::Null);
        let mut ids = texts(&answer["alerts"], "alert_id");
        ids.extend(texts(&answer["issues"], "issue_id").into_iter().filter(|id| id.ends_with("data_loss")));
        ids.extend(texts(&answer["recommendations"], "recommendation_id"));
        [
            "alert_outliers_data_loss",
            "alert_outliers_excessive_removal",
            "issue_outliers_data_loss",
            "rec_outliers_imputation",
        ]
        .map(|id| ids.iter().any(|found| found == id))
    };
    assert_eq!(findings(10), [false; 4]);
    assert_eq!(findings(11), [true, false, true, true]);
    assert_eq!(findings(15), [true, false, true, true]);
    assert_eq!(findings(16), [true; 4]);
}

#[test]
fn replaced_cells_make_a_float_column_of_their_column_only() {
    let csv = "a,b,c\n1,1,007\n2,,TRUE\n3,1,x\n4,1,\n1000,1,\n";
    for (strategy, value) in [("impute_median", "3.0"), ("impute_mean", "202.0")] {
        let answer = run(ID, csv, json!({"removal_strategy": strategy}));
        let expected = format!("a,b,c\n1.0,1,007\n2.0,,TRUE\n3.0,1,x\n4.0,1,\n{value},1,\n");
        assert_eq!(file(&answer), expected);
    }
}

#[test]
fn removing_every_row_leaves_the_header() {
    let answer = run(ID, "a,row_index\n1,1\n2,2\nNaN,3\n1.5,4\n", json!({"detection_method": "z_score"}));
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["summary_metrics"]["total_rows_processed"], 0);
    assert_eq!(answer["data"]["outlier_score"]["metrics"]["original_columns"], 3);
    assert_eq!(answer["row_level_issues"][0]["z_score"], Value::Null);
    assert_eq!(answer["row_level_issues"][0]["issue_type"], "outlier");
    assert_eq!(file(&answer), "a,row_index\n");
}

#[test]
fn percentiles_must_be_percentages() {
    let run = |lower: Value| {
        run(ID, "a\n1\n2\n", json!({"detection_method": "percentile", "lower_percentile": lower}))
    };
    for lower in [json!(-1), json!(100.1), json!("many")] {
        let answer = run(lower);
        assert_eq!((&answer["status"], &answer["agent_name"]), (&json!("error"), &json!("Outlier Remover")));
    }
    for lower in [json!(0), json!(100), json!("50"), Value::Null] {
        assert_eq!(run(lower)["status"], "success");
    }
}

#[test]
fn tables_without_numbers_have_nothing_to_remove() {
    let names: Vec<String> = (0..5_000).map(|column| format!("c{column}")).collect();
    let wide = format!("{}\n{}\n", names.join(","), names.join(","));
    for csv in ["a\nx\n".to_owned(), "é,😀,é\n,,\n".to_owned(), "a\n1\n".to_owned(), wide] {
        let answer = run(ID, csv, Value::Null);
        assert_eq!(answer["data"]["outlier_score"]["overall_score"], 100.0);
        assert_eq!(answer["issues"], json!([]));
        assert_eq!(answer["alerts"], json!([]));
    }
}

#[test]
fn lost_values_are_told() {
    let mut csv = String::from("a,b\n");
    (0..100).for_each(|row| csv += &format!("{},x\n", row % 7));
    let answer = run(ID, csv + "word,x\n1.5,x\n,x\n", Value::Null);
    assert_eq!(answer["data"]["values_lost"], json!({"a": 2}));
}

#[test]
fn errors_carry_the_names_that_the_specification_gives() {
    for (name, csv, signed) in [("a.txt", "a\n1\n", false), ("a.csv", "", false), ("a.csv", "a\n", true)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), signed, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1,\"\n\r-.eNaN".to_vec()), 1 => any::<u8>()], 0..200)) {
        for method in ["iqr", "z_score", "percentile"] {
            let answer = run(ID, Bytes::from(bytes.clone()), json!({"detection_method": method, "removal_strategy": "impute_mean"}));
            prop_assert!(answer["status"] == "success" || answer["error"].is_string());
        }
    }

    /// Rows out = rows in - rows with a listed outlier, and the others stay in their order.
    #[test]
    fn only_listed_rows_go(cells in prop::collection::vec(prop_oneof![9 => prop::option::of(0_i64..5), 1 => Just(Some(1000))], 1..80)) {
        let csv: String = cells.iter().enumerate().map(|(row, cell)| format!("{},r{row}\n", cell.map_or_else(String::new, |cell| cell.to_string()))).collect();
        let answer = run(ID, format!("a,b\n{csv}"), Value::Null);
        let listed: Vec<u64> = column(&answer["row_level_issues"], "row_index").iter().map(|row| row.as_u64().unwrap()).collect();
        let file = file(&answer);
        let left: Vec<&str> = file.lines().skip(1).collect();
        let kept: Vec<&str> = csv.lines().enumerate().filter(|(row, _)| !listed.contains(&(*row as u64))).map(|(_, line)| line).collect();
        prop_assert_eq!(left, kept);
        prop_assert_eq!(&answer["summary_metrics"]["total_rows_processed"], &json!(cells.len() - listed.len()));
    }
}
