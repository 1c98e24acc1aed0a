//! The profiler where the golden cases do not reach: quirks, thresholds, order, any input.

use super::*;
use crate::agent::{self, Input, InputFile};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn answer_of(name: &str, csv: impl Into<Bytes>, parameters: &Value) -> Answer {
    let file = InputFile { name: name.to_owned(), bytes: csv.into() };
    agent::run(ID, &BTreeMap::from([("primary".to_owned(), file)]), parameters)
}

/// The answer as JSON, without its time.
fn profile_with(csv: impl Into<Bytes>, parameters: Value) -> Value {
    let mut answer = serde_json::to_value(answer_of("data.csv", csv, &parameters)).unwrap();
    answer.as_object_mut().unwrap().remove("execution_time_ms");
    answer
}

fn profile_of(csv: impl Into<Bytes>) -> Value {
    profile_with(csv, Value::Null)
}

fn field<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let fields = answer["data"]["fields"].as_array().unwrap();
    fields.iter().find(|field| field["field_name"] == name).unwrap()
}

fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|element| element[key].as_str().unwrap()).collect()
}

#[test]
fn columns_named_like_internals_are_columns_like_others() {
    let answer = profile_of("row_index,count,\n1,x,2\n2,y,3\n");
    assert_eq!(answer["status"], "success");
    assert_eq!(texts(&answer["data"]["fields"], "field_id"), ["row_index", "count", ""]);
    assert_eq!(answer["issues"][2]["issue_id"], "issue_profile_high_cardinality_");
}

#[test]
fn numeric_text_is_a_parameter_and_other_text_is_an_error() {
    let csv = "a\n1\n2\n3\n4\n100\n";
    let answer = profile_with(csv, json!({"outlier_iqr_multiplier": "1.5", "top_n_values": "2"}));
    assert_eq!(answer["data"]["parameters"]["top_n_values"], 2);
    assert_eq!(answer["data"]["overrides"]["top_n_values"], "2");
    assert_eq!(field(&answer, "a")["distribution"]["top_values"].as_array().unwrap().len(), 2);
    for parameters in [
        json!({"null_alert_threshold": "high"}),
        json!({"top_n_values": 2.5}),
        json!({"outlier_iqr_multiplier": null}),
    ] {
        let answer = profile_with(csv, parameters.clone());
        let key = parameters.as_object().unwrap().keys().next().unwrap();
        assert_eq!(answer["status"], "error");
        assert!(answer["error"].as_str().unwrap().contains(key.as_str()), "{answer}");
    }
}

#[test]
fn the_extension_may_be_in_any_case_and_must_be_there() {
    assert!(answer_of("DATA.CSV", "a\n1\n", &Value::Null).is_success());
    for name in ["data.xlsx", "data", "csv"] {
        let answer = answer_of(name, "a\n1\n", &Value::Null);
        assert!(answer.error.as_deref().unwrap().contains(name));
        assert_eq!(answer.agent_id, None);
    }
}

#[test]
fn bad_files_are_error_answers_with_the_reason() {
    for (csv, reason) in [
        (&b""[..], "empty"),
        (b"\n", "empty"),
        (b"a,b\n1,2,3\n", "more fields"),
        (b"a\n\xff\n", "UTF-8"),
        (b"a,b\n\"1,2\n", "not closed"),
    ] {
        let answer = profile_of(Bytes::from(csv));
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains("data.csv") && error.contains(reason), "{error}");
    }
}

#[test]
fn a_negative_list_length_leaves_out_the_rarest() {
    let lengths = |top_n_values: i64| {
        let answer = profile_with("a\nx\nx\ny\nz\n", json!({"top_n_values": top_n_values}));
        field(&answer, "a")["distribution"]["top_values"].as_array().unwrap().len()
    };
    assert_eq!([lengths(2), lengths(0), lengths(-1), lengths(-9), lengths(i64::MAX)], [2, 0, 2, 0, 3]);
}

#[test]
fn ties_are_listed_by_first_appearance() {
    let answer = profile_of("a\nb\nc\na\nc\n\n\nd\n");
    let values = &field(&answer, "a")["distribution"]["top_values"];
    assert_eq!(texts(values, "value"), ["c", "None", "b", "a", "d"]);
}

#[test]
fn the_outlier_bounds_follow_the_multiplier() {
    let csv = "a\n1\n2\n3\n4\n5\n6\n7\n8\n20\n";
    let count = |multiplier: f64| {
        let answer = profile_with(csv, json!({"outlier_iqr_multiplier": multiplier}));
        field(&answer, "a")["statistics"]["outlier_count"].as_u64().unwrap()
    };
    assert_eq!([count(1.5), count(10.0), count(0.0), count(-1.0)], [1, 0, 4, 9]);
}

#[test]
fn row_level_issues_stop_at_a_thousand_over_all_columns() {
    let rows: String = (0..700).map(|row| format!(",{row}x,{row}\n")).collect();
    let answer = profile_of(format!("a,b,c\n{rows},5,9000000\n"));
    // 701 nulls; the text column has one number in it, the last column one value far away (outlier and anomaly).
    assert_eq!(
        answer["issue_summary"]["by_type"],
        json!({"null": 701, "type_mismatch": 1, "outlier": 1, "distribution_anomaly": 1})
    );
    let many: String = (0..1500).map(|row| format!(",{row}\n")).collect();
    let answer = profile_of(format!("a,b\n{many}x,\n"));
    assert_eq!(answer["row_level_issues"].as_array().unwrap().len(), 1000);
    assert_eq!(
        answer["issue_summary"],
        json!({
            "total_issues": 1000, "by_type": {"null": 1000}, "by_severity": {"warning": 1000}, "affected_rows": 1000,
            "affected_columns": ["a"]
        })
    );
}

#[test]
fn row_level_issues_come_column_by_column_and_kind_by_kind() {
    let values: String = (0..40).map(|row| format!("{}\n", row % 3)).collect();
    let answer = profile_of(format!("a\n{values}\n500\n"));
    let rows: Vec<_> = answer["row_level_issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| (issue["issue_type"].as_str().unwrap(), issue["row_index"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("null", 40), ("outlier", 41), ("distribution_anomaly", 41)]);
    let outlier = &answer["row_level_issues"][1];
    assert_eq!(outlier["value"], 500);
    assert_eq!(outlier["bounds"], json!({"lower": -3.0, "upper": 5.0}));
    assert!(answer["row_level_issues"][2]["z_score"].as_f64().unwrap() > 3.0);
}

#[test]
fn not_a_number_is_an_outlier_above_and_null_in_json() {
    let answer = profile_of("a\n1.5\n1.5\n1.5\n1.5\n1.5\n1.5\nNaN\ninf\n");
    assert_eq!(field(&answer, "a")["statistics"]["outlier_count"], 2);
    assert_eq!(field(&answer, "a")["statistics"]["mean"], 0.0);
    assert_eq!(answer["row_level_issues"][0]["value"], Value::Null);
    assert_eq!(answer["row_level_issues"][1]["value"], Value::Null);
}

#[test]
fn the_worst_file_raises_every_alert_about_missing_values() {
    let rows = ",,,1\n".repeat(30);
    let answer = profile_of(format!("a,b,c,d\n{rows}"));
    assert_eq!(
        texts(&answer["alerts"], "alert_id"),
        [
            "alert_profile_quality_overall",
            "alert_profile_high_nulls",
            "alert_profile_low_cardinality",
            "alert_profile_completeness_gap"
        ]
    );
    assert_eq!(texts(&answer["alerts"], "severity"), ["high", "critical", "medium", "high"]);
    assert_eq!(
        texts(&answer["recommendations"], "recommendation_id"),
        [
            "rec_profile_critical_nulls",
            "rec_profile_quality_improvement",
            "rec_profile_missing_data_strategy",
            "rec_profile_cardinality_review"
        ]
    );
    assert_eq!(
        texts(&answer["recommendations"], "field_name"),
        ["a, b, c", "3 fields", "all (3 fields with nulls)", "4 field(s)"]
    );
    assert_eq!(answer["data"]["quality_summary"]["critical_issues"], 3);
}

#[test]
fn ten_thousand_columns_have_issues_for_the_first_hundred() {
    let line = |cell: &dyn Fn(usize) -> String| (0..10_000).map(cell).collect::<Vec<_>>().join(",");
    let csv = format!(
        "{}\n{}\n{}\n",
        line(&|column| format!("c{column}")),
        line(&|column| column.to_string()),
        line(&|_| "0".to_owned())
    );
    let answer = profile_of(csv);
    assert_eq!(answer["summary_metrics"]["total_columns"], 10_000);
    let last = answer["issues"].as_array().unwrap().last().unwrap();
    assert_eq!(last["field_name"], "c99");
}

/// The figures must not depend on how many threads there are.
#[test]
fn one_thread_and_many_give_the_same_answer() {
    let rows: String = (0..20_000_u64)
        .map(|row| format!("{row},{},{},name {}\n", row * 7919 % 1013, (row % 977) as f64 / 7.0, row % 31))
        .collect();
    let csv = Bytes::from(format!("id,score,ratio,name\n{rows}"));
    let profile_in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let file = InputFile { name: "data.csv".to_owned(), bytes: csv.clone() };
            let table = Input::new(file).table(ReadOptions::inferring(10_000)).unwrap();
            let fields: Vec<Value> =
                table.columns().par_iter().map(|column| Field::measure(column, 10, 1.5).to_json()).collect();
            Value::from(fields)
        })
    };
    assert_eq!(profile_in_pool(1), profile_in_pool(8));
}

proptest! {
    /// Any bytes get an answer, the same each time, and one that JSON can hold.
    #[test]
    fn any_bytes_get_the_same_answer_twice(bytes in prop::collection::vec(prop_oneof![6 => prop::sample::select(b"a1,\"\n\r-.eN ".to_vec()), 1 => any::<u8>()], 0..300), top in any::<i16>(), multiplier in -2.0_f64..3.0) {
        let parameters = json!({"top_n_values": top, "outlier_iqr_multiplier": multiplier});
        let csv = Bytes::from(bytes);
        let first = profile_with(csv.clone(), parameters.clone());
        prop_assert!(first["status"] == "success" || first["error"].is_string());
        prop_assert!(!first.to_string().contains("broke off"), "{}", first);
        prop_assert_eq!(first, profile_with(csv, parameters));
    }

    /// Any column name works.
    #[test]
    fn any_column_name_works(name in any::<String>()) {
        let csv = format!("\"{}\",b\n1,2\n", name.replace('"', "\"\""));
        let answer = profile_of(csv);
        prop_assert_eq!(&answer["data"]["fields"][0]["field_name"], &Value::from(name));
    }
}
