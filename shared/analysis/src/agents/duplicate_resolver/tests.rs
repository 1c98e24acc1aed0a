use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ID;
use crate::agents::testing::{column, file, find, run, run_named};

fn rows_of<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    &answer["data"]["duplicate_analysis"]["duplicate_summary"][kind]["affected_rows"]
}

#[test]
fn each_definition_has_its_rows() {
    let csv = "k,mail,v\n1,A@b.c,x\n1,a@b.c ,x\n2,q@b.c,y\n2,q@b.c,y\n2,q@b.c,Y\n3,,z\n";
    let all = run(ID, csv, Value::Null);
    assert_eq!(*rows_of(&all, "exact"), json!([2, 3]));
    assert_eq!(*rows_of(&all, "case_variations"), json!([0, 1, 2, 3, 4]));
    assert_eq!(*rows_of(&all, "email_case"), json!([0, 1, 2, 3]));
    assert_eq!(*rows_of(&all, "conflicting"), json!([]));
    assert_eq!(all["summary_metrics"]["duplicates_detected"], 5);
    assert_eq!(file(&all), "k,mail,v\n1,A@b.c,x\n2,q@b.c,y\n3,,z\n");
    let keyed = run(ID, csv, json!({"key_columns": "k"}));
    assert_eq!(*rows_of(&keyed, "exact"), json!([2, 3]));
    assert_eq!(*rows_of(&keyed, "conflicting"), json!([0, 1, 2, 3, 4]));
    assert_eq!(column(&keyed["row_level_issues"], "row_index"), [2, 3, 0, 1, 4]);
    assert_eq!(
        find(&keyed["row_level_issues"], "issue_type", "key_conflict").unwrap()["detection_methods"],
        json!(["exact", "case_variations", "email_case", "conflicting"])
    );
}

#[test]
fn the_first_type_that_holds_names_the_issue() {
    let answer = run(ID, "a\nx\nx\nX\n", Value::Null);
    assert_eq!(
        column(&answer["row_level_issues"], "issue_type"),
        ["duplicate_row", "duplicate_row", "partial_duplicate"]
    );
    assert_eq!(answer["issue_summary"]["affected_columns"], json!([]));
    assert_eq!(answer["issue_summary"]["by_severity"], json!({"warning": 2, "info": 1}));
}

#[test]
fn removal_and_merging() {
    let csv = "k,a,b\nx,,1\nX ,p,\ny,,\nx,q,2\n,r,\n,,3\n";
    let removed = run(ID, csv, json!({"key_columns": ["k"], "detection_types": ["case_variations"]}));
    assert_eq!(file(&removed), "k,a,b\nx,,1\ny,,\n,r,\n");
    assert!(removed["data"]["resolution_log"][0].as_str().unwrap().contains("2 rows have an empty key"));
    let merged = run(ID, csv, json!({"key_columns": ["k"], "merge_strategy": "merge_smart"}));
    assert_eq!(file(&merged), "k,a,b\nx,p,1\ny,,\n,r,3\n");
    let other = run(ID, csv, json!({"key_columns": ["k"], "merge_strategy": "keep"}));
    assert_eq!(file(&other), csv);
    assert_eq!(other["data"]["resolution_log"], json!([]));
    assert_eq!(other["data"]["dedup_score"]["metrics"]["dedup_reduction_rate"], 0.0);
    // Without keys only equal rows are merged, though others were counted.
    let equal = run(ID, "a\nx\nX\nx\n", json!({"merge_strategy": "merge_smart"}));
    assert_eq!(file(&equal), "a\nx\nX\n");
}

#[test]
fn nothing_is_removed_unless_something_was_asked_for_and_found() {
    let answer =
        run(ID, "a\nx\nX\n", json!({"detection_types": ["exact", "missing_values", "odd", "odd", 7]}));
    assert_eq!(file(&answer), "a\nx\nX\n");
    assert_eq!(answer["summary_metrics"]["duplicates_detected"], 0);
    let summary = answer["data"]["duplicate_analysis"]["duplicate_summary"].as_object().unwrap();
    assert_eq!(summary.keys().collect::<Vec<_>>(), ["exact", "missing_values", "odd", "7"]);
    assert_eq!(column(&answer["alerts"], "alert_id"), ["alert_duplicates_none_detected"]);
    // What was asked for says whether anything is done, not what.
    assert_eq!(file(&run(ID, "a\nx\nx\nX\n", json!({"detection_types": ["exact"]}))), "a\nx\n");
    let none = run(ID, "a\nx\n", json!({"detection_types": []}));
    assert_eq!(none["alerts"], json!([]));
}

#[test]
fn a_key_that_does_not_exist_is_an_error_that_names_it() {
    for parameters in
        [json!({"key_columns": ["a", "b"]}), json!({"key_columns": "b", "detection_types": ["exact"]})]
    {
        let answer = run(ID, "a\n1\n2\n", parameters);
        assert_eq!(
            (&answer["status"], &answer["agent_name"]),
            (&json!("error"), &json!("Duplicate Resolver"))
        );
        assert!(answer["error"].as_str().unwrap().contains("`b`"), "{answer}");
    }
    // The same key twice is one key.
    assert_eq!(
        run(ID, "a,b\n1,2\n1,3\n", json!({"key_columns": ["a", "a"]}))["summary_metrics"]["rows_removed"],
        1
    );
}

#[test]
fn email_columns_are_known_by_name_or_by_half_of_their_values() {
    let emails =
        |csv: &str| run(ID, csv.to_owned(), Value::Null)["data"]["parameters"]["email_columns"].clone();
    assert_eq!(emails("MAILING_code,a\n1,x\n"), json!(["MAILING_code"]));
    assert_eq!(emails("a,b\nx@y.de,x@y.de\n,q\nz@y.de,\n"), json!(["a"]));
    assert_eq!(emails("a,b\nx@y.d,ä@y.de\n"), json!([]));
    let late: String = (0..20).map(|_| "x\n").chain((0..90).map(|_| "a@b.de\n")).collect();
    assert_eq!(emails(&format!("a\n{late}")), json!([]));
    // Given names count, whether they exist or not.
    let given = run(
        ID,
        "a,b\nX,1\nx,1\n",
        json!({"email_columns": ["a", "none"], "detection_types": ["email_case"]}),
    );
    assert_eq!(*rows_of(&given, "email_case"), json!([0, 1]));
}

#[test]
fn alerts_and_issues_begin_above_their_bounds() {
    let ids = |equal: usize, rows: usize| {
        let csv: String =
            (0..rows).map(|row| if row < equal { "x\n".to_owned() } else { format!("{row}\n") }).collect();
        let answer = run(ID, format!("a\n{csv}"), json!({"key_columns": ["a"]}));
        let severity = find(&answer["issues"], "issue_id", "issue_duplicates_method_exact")
            .map(|issue| issue["severity"].clone());
        let first = answer["alerts"][0]["alert_id"].as_str().unwrap_or_default().to_owned();
        let actions = answer["data"]["duplicate_analysis"]["recommendations"].as_array().unwrap().len();
        (first, severity, actions)
    };
    assert_eq!(ids(10, 100).1, Some(json!("medium")));
    assert_eq!(ids(11, 100), ("alert_duplicates_medium_volume".to_owned(), Some(json!("high")), 1));
    assert_eq!(ids(30, 100).0, "alert_duplicates_medium_volume");
    assert_eq!(ids(31, 100).0, "alert_duplicates_high_volume");
    assert_eq!((ids(50, 100).2, ids(51, 100).2), (1, 2));
}

#[test]
fn many_rows_are_counted_whole_and_listed_in_part() {
    let csv: String = (0..200).map(|row| format!("{}\n", row / 2)).collect();
    let answer = run(ID, format!("a\n{csv}"), Value::Null);
    assert_eq!(answer["summary_metrics"]["duplicates_detected"], 200);
    assert_eq!(answer["summary_metrics"]["total_issues"], 50);
    assert_eq!(rows_of(&answer, "exact").as_array().unwrap().len(), 50);
    assert_eq!(answer["data"]["dedup_score"]["metrics"]["dedup_reduction_rate"], 50.0);
}

#[test]
fn edge_inputs() {
    let wide: Vec<String> = (0..5000).map(|column| format!("c{column}")).collect();
    let wide = format!("{}\n{}\n{}\n", wide.join(","), vec!["1"; 5000].join(","), vec!["1"; 5000].join(","));
    let long = format!("a,b\n{0},1\n{1},1\n", "é".repeat(100_000), "É".repeat(100_000));
    for (csv, detected) in [
        ("a\n1\n".to_owned(), 0),
        ("a,b\n,\n,\n".to_owned(), 2),
        ("a\nNaN\n-NaN\n0.0\n-0.0\ninf\n".to_owned(), 4),
        ("😀,a,a\n👍,1,2\n👍,1,2\n".to_owned(), 2),
        ("row_index\n1\n1\n".to_owned(), 2),
        (wide, 2),
        (long, 2),
    ] {
        let answer = run(ID, csv.clone(), Value::Null);
        assert_eq!(answer["summary_metrics"]["duplicates_detected"], detected, "{:.60}", csv);
    }
}

#[test]
fn errors_are_signed_as_this_agent_does() {
    for (name, csv, has_name) in [("a.txt", "a\n1\n", true), ("a.csv", "", true), ("a.csv", "a\n", false)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), has_name, "{name}");
    }
    let late: String = (0..100).map(|row| format!("{row}\n")).collect();
    let answer = run(ID, format!("a\n{late}word\n"), Value::Null);
    assert_eq!(answer["data"]["values_lost"], json!({"a": 1}));
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"aA1,\"\n\r @.".to_vec()), 1 => any::<u8>()], 0..200)) {
        for parameters in [Value::Null, json!({"merge_strategy": "merge_smart", "key_columns": ["a"]})] {
            let answer = run(ID, Bytes::from(bytes.clone()), parameters);
            prop_assert!(answer["status"] == "success" || answer["error"].is_string());
        }
    }

    /// Rows in are rows out and rows removed; doing it again removes nothing more; what stays is as it was.
    #[test]
    fn rows_are_accounted_for(rows in prop::collection::vec(("[aA]?", "[bB ]{0,2}"), 1..40), keyed in any::<bool>()) {
        let lines: Vec<String> = rows.iter().map(|(a, b)| format!("{},{}", a, if b.is_empty() { String::new() } else { format!("\"{b}\"") })).collect();
        let parameters = if keyed { json!({"key_columns": ["k"]}) } else { Value::Null };
        let answer = run(ID, format!("k,b\n{}\n", lines.join("\n")), parameters.clone());
        let metrics = &answer["summary_metrics"];
        let out = file(&answer);
        prop_assert_eq!(metrics["rows_removed"].as_u64().unwrap() + metrics["remaining_rows"].as_u64().unwrap(), rows.len() as u64);
        prop_assert_eq!(out.lines().count() as u64 - 1, metrics["remaining_rows"].as_u64().unwrap());
        let again = run(ID, out.clone(), parameters);
        prop_assert_eq!(&again["summary_metrics"]["rows_removed"], &json!(0));
        prop_assert_eq!(file(&again), out);
    }
}
