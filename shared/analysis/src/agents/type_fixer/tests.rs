//! The fixer where the golden cases do not reach: boundaries, quirks, any input.

use super::*;
use crate::agents::testing::{column, file, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

#[test]
fn only_whole_floats_become_integers() {
    let csv = "w,f,i,t,b,e\n1.0,1.5,7,1.0,true,\n,2.0,8,x,false,\n-0.0,3.0,9,2,true,\n";
    let answer = run(ID, csv, Value::Null);
    assert_eq!(file(&answer), "w,f,i,t,b,e\n1,1.5,7,1.0,true,\n,2.0,8,x,false,\n0,3.0,9,2,true,\n");
    assert_eq!(answer["data"]["type_analysis"]["columns_with_issues"], json!(["w"]));
    let sample = &answer["data"]["type_analysis"]["type_summary"]["w"]["sample_values"];
    assert_eq!(sample, &json!(["1.0", "None", "-0.0"]));
    assert_eq!(answer["data"]["values_lost"], json!({}));
    let again = run(ID, file(&answer), Value::Null);
    assert_eq!((file(&again), &again["summary_metrics"]["type_issues_fixed"]), (file(&answer), &json!(0)));
}

#[test]
fn what_is_beyond_64_bits_is_told_with_what_was_lost_before() {
    let mut csv = String::from("a,b,c\n1e30,x,1.0\n");
    (0..10_000).for_each(|row| csv += &format!("{row}.0,x,1.0\n"));
    let answer = run(ID, csv + "word,x,1.0\n", Value::Null);
    assert_eq!(answer["data"]["values_lost"], json!({"a": 2}));
    assert_eq!(answer["status"], "success");
}

#[test]
fn shares_of_columns_are_judged_at_their_bounds() {
    let judged = |whole: usize| {
        let names: Vec<String> = (0..10).map(|column| format!("c{column}")).collect();
        let cells: Vec<&str> = (0..10).map(|column| if column < whole { "1.0" } else { "x" }).collect();
        let answer = run(ID, format!("{}\n{}\n", names.join(","), cells.join(",")), Value::Null);
        let alert = find(&answer["alerts"], "alert_id", "alert_types_high_mismatches").is_some();
        let validation = find(&answer["recommendations"], "recommendation_id", "rec_types_schema_validation");
        let validation = validation.map(|found| format!("{} {}", found["priority"], found["timeline"]));
        (alert, validation)
    };
    assert_eq!(judged(0), (false, None));
    assert_eq!(judged(3), (false, Some("\"high\" \"1 week\"".to_owned())));
    assert_eq!(judged(4), (true, Some("\"high\" \"1 week\"".to_owned())));
    assert_eq!(judged(5), (true, Some("\"high\" \"1 week\"".to_owned())));
    assert_eq!(judged(6), (true, Some("\"critical\" \"immediate\"".to_owned())));
}

#[test]
fn a_column_named_like_an_error_is_no_failure() {
    let answer = run(ID, "error_code\n1.0\n", Value::Null);
    let kinds = column(&answer["issues"], "issue_type");
    assert_eq!(kinds, [&json!("type_mismatch"), &json!("incorrect_datatype")]);
}

#[test]
fn both_words_for_quality_come_from_their_own_score() {
    // 99.96 is below the bound, and 100.0 when rounded.
    let parameters =
        json!({"type_reduction_weight": 0.4996, "excellent_threshold": 100, "good_threshold": "75"});
    let answer = run(ID, "a\n1\n", parameters);
    let score = &answer["data"]["fixing_score"];
    assert_eq!((&score["quality"], &score["quality_color"]), (&json!("good"), &json!("yellow")));
    assert_eq!(
        (&answer["data"]["quality_status"], &score["overall_score"]),
        (&json!("excellent"), &json!(100.0))
    );
}

#[test]
fn many_columns_and_odd_names() {
    let names: Vec<String> = (0..5_000).map(|column| format!("c{column}")).collect();
    let csv = format!("{}\n{}\n", names.join(","), vec!["1.0"; 5_000].join(","));
    let answer = run(ID, csv, Value::Null);
    assert_eq!(answer["issues"].as_array().unwrap().len(), 5_100);
    assert_eq!(answer["summary_metrics"]["type_issues_fixed"], 5_000);
    let odd = run(ID, "😀,😀,row_index\n1.0,2.0,x\n", Value::Null);
    assert_eq!(file(&odd), "😀,😀_duplicated_0,row_index\n1,2,x\n");
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
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1.0,\"\n\r-e".to_vec()), 1 => any::<u8>()], 0..200)) {
        let answer = run(ID, Bytes::from(bytes), Value::Null);
        prop_assert!(answer["status"] == "success" || answer["error"].is_string());
    }
}
