//! The verification where the golden cases do not reach: quirks, edges, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

fn check<'a>(answer: &'a Value, key: &str) -> &'a Value {
    &answer["data"]["writeback_analysis"]["integrity_verification"]["checks"][key]
}

#[test]
fn without_checks_there_is_nothing_to_divide_by() {
    let off = json!({"verify_numeric_types": false, "verify_datetime_types": null, "verify_no_new_nulls": 0, "verify_no_duplicates": "", "verify_data_retention": false});
    let answer = run(ID, "a\n1\n", off);
    assert_eq!(answer["status"], "success", "{answer}");
    assert_eq!(answer["data"]["writeback_score"]["metrics"]["integrity_score"], 0.0);
    assert_eq!(answer["data"]["writeback_analysis"]["integrity_verification"]["checks"], json!({}));
    assert_eq!(answer["summary_metrics"]["data_ready_for_pipeline"], true);
}

#[test]
fn checks_pass_up_to_their_bounds() {
    let nulls = |csv: &'static str| check(&run(ID, csv, Value::Null), checks::NULLS)["passed"].clone();
    // Half of the cells, and four of five in one column, are not and are just allowed.
    assert_eq!((nulls("a,b\n1,\n,2\n"), nulls("a,b\n1,\n1,2\n")), (json!(false), json!(true)));
    assert_eq!(nulls("a,b,c\n1,,x\n2,x,x\n3,,x\n4,,x\n5,,x\n6,,x\n"), false);
    assert_eq!(nulls("a,b,c\n1,,x\n2,x,x\n3,,x\n4,,x\n5,,x\n"), true);
    let rows = |repeated: usize| {
        let lines: String =
            (0..40).map(|row| format!("{}\n", if row < repeated { 0 } else { row })).collect();
        check(&run(ID, format!("a\n{lines}"), Value::Null), "no_new_duplicates")["passed"].clone()
    };
    assert_eq!((rows(1), rows(2)), (json!(true), json!(false)));
    let kept = |original: Value| {
        check(
            &run(ID, "a\n1\n2\n3\n4\n5\n6\n7\n", json!({"original_row_count": original})),
            checks::RETENTION,
        )["passed"]
            .clone()
    };
    assert_eq!(
        (kept(json!(10)), kept(json!(10.1)), kept(json!(" 10 "))),
        (json!(true), json!(false), json!(true))
    );
}

#[test]
fn counts_may_be_odd() {
    let answer = run(ID, "a,b\n1,2\n3,4\n", json!({"original_row_count": 0, "original_column_count": "3"}));
    let retention = check(&answer, checks::RETENTION);
    assert_eq!(retention["row_retention_percentage"], 0.0);
    assert_eq!(column(&retention["issues"], "loss_count"), [&json!(-2), &json!(1)]);
    let alert = find(&answer["alerts"], "alert_id", "alert_writeback_data_loss").unwrap();
    assert_eq!(alert["affected_fields_count"], -2);
    assert_eq!(
        find(&answer["alerts"], "alert_id", "alert_writeback_schema_drift").unwrap()["affected_fields_count"],
        1
    );
    let state = &answer["data"]["writeback_analysis"]["comprehensive_manifest"]["original_state"];
    assert_eq!(state, &json!({"row_count": 0, "column_count": "3"}));
    assert_eq!(column(&answer["row_level_issues"], "severity"), ["critical", "high"]);
    assert_eq!(answer["issue_summary"]["by_severity"], json!({"critical": 1, "warning": 0, "info": 0}));
    assert_eq!(answer["issue_summary"]["affected_rows"], 0);
    let only_columns = run(ID, "a\n1\n", json!({"original_column_count": 2}));
    let alert = find(&only_columns["alerts"], "alert_id", "alert_writeback_data_loss").unwrap();
    assert_eq!(alert["affected_fields_count"], 0);
    let refused = run(ID, "a\n1\n", json!({"original_row_count": "many"}));
    assert!(refused["error"].as_str().unwrap().contains("original_row_count"));
}

#[test]
fn manifests_that_are_none_are_refused_by_name() {
    for (agent, answer) in [
        ("null-handler", json!(null)),
        ("x", json!([])),
        ("null-handler", json!({"data": null})),
        ("type-fixer", json!({"data": {"fix_log": null}})),
        ("type-fixer", json!({"data": {"fix_log": "x"}})),
    ] {
        let refused = run(ID, "a\n1\n", json!({"agent_manifests": {agent: answer}}));
        let error = refused["error"].as_str().unwrap_or_default();
        assert!(error.contains("agent_manifests") && error.contains(agent), "{refused}");
        assert_eq!(refused["agent_name"], "Cleanse Writeback");
    }
    // Of other agents nobody looks at the data.
    assert_eq!(run(ID, "a\n1\n", json!({"agent_manifests": {"x": {"data": null}}}))["status"], "success");
}

#[test]
fn failed_agents_are_named_with_their_reason() {
    let agents = json!({"a": {"status": "error", "error": "boom"}, "b": {"status": "error"}, "c": {"status": "failed"}});
    let answer = run(ID, "a\n1\n", json!({"agent_manifests": agents}));
    let messages = column(&answer["issues"], "message");
    assert_eq!(messages, ["boom", "The agent gave no reason."]);
    assert_eq!(column(&answer["row_level_issues"], "agent_id"), ["a", "b"]);
    let ids = column(&answer["recommendations"], "recommendation_id");
    assert_eq!(
        ids,
        [
            "rec_writeback_fix_agents",
            "rec_writeback_manifest",
            "rec_writeback_proceed",
            "rec_writeback_audit"
        ]
    );
}

#[test]
fn lists_are_cut_where_the_specification_says() {
    let header: Vec<String> = (0..5000).map(|column| format!("c{column}")).collect();
    let cells = vec!["NaN"; 5000].join(",");
    let answer =
        run(ID, format!("{}\n{cells}\n{}\n", header.join(","), cells.replace("NaN", "inf")), Value::Null);
    assert_eq!(check(&answer, checks::NUMERIC)["issues_found"], 10_000);
    assert_eq!(answer["issues"].as_array().map(Vec::len), Some(100));
    assert_eq!(answer["row_level_issues"].as_array().map(Vec::len), Some(50));
    assert_eq!(answer["data"]["integrity_issues"].as_array().map(Vec::len), Some(10_000));
    let first = &check(&answer, checks::NUMERIC)["issues"];
    assert_eq!((&first[0]["issue"], &first[1]["issue"]), (&json!("infinite_values"), &json!("nan_values")));
}

#[test]
fn a_whole_pipeline_may_be_excellent() {
    let agents = [
        "null-handler",
        "outlier-remover",
        "type-fixer",
        "duplicate-resolver",
        "field-standardization",
        "quarantine-agent",
    ];
    let lists = [
        "imputation_log",
        "removal_log",
        "fix_log",
        "resolution_log",
        "standardization_log",
        "quarantine_log",
    ];
    let manifests: Map<String, Value> = agents
        .iter()
        .zip(lists)
        .map(|(agent, list)| {
            ((*agent).to_owned(), json!({"status": "success", "data": {list: vec!["x"; 20]}}))
        })
        .collect();
    let answer = run(ID, "a\n1\n", json!({"agent_manifests": manifests}));
    assert_eq!(answer["data"]["writeback_score"]["overall_score"], 100.0);
    assert_eq!(column(&answer["alerts"], "alert_id"), ["alert_writeback_success"]);
    let summary = &answer["data"]["writeback_analysis"]["comprehensive_manifest"]["transformation_summary"];
    assert_eq!(summary["actions_by_type"].as_object().map(Map::len), Some(6));
}

#[test]
fn odd_files_get_an_answer() {
    for csv in ["a\n1\n", "🙂,🙂,\n,,\n,,\n", "a\n1\n1\n1\n", "a,b\n1960-01-01,x\ntrue,1\n"] {
        assert_eq!(run(ID, csv, Value::Null)["status"], "success", "{csv:?}");
    }
    let late = format!("a\n{}word\n", "1\n".repeat(100));
    assert_eq!(run(ID, late, Value::Null)["data"]["values_lost"], json!({"a": 1}));
    for (name, csv, signed) in [("a.txt", "a\n1\n", false), ("a.csv", "", false), ("a.csv", "a\n", true)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), signed, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"a1,\"\n\r-.?e".to_vec()), 1 => any::<u8>()], 0..200)) {
        let answer = run(ID, Bytes::from(bytes), json!({"original_row_count": 3, "original_column_count": 2}));
        prop_assert!(answer["status"] == "success" || answer["error"].is_string());
    }

    /// Every check that ran is counted once, and readiness is that none failed.
    #[test]
    fn checks_are_accounted_for(csv in "[a-c](,[a-c]){0,2}\n((|1|2|NaN|x)\n){1,12}", flags in prop::array::uniform5(any::<bool>())) {
        let [a, b, c, d, e] = flags;
        let parameters = json!({"verify_numeric_types": a, "verify_datetime_types": b, "verify_no_new_nulls": c, "verify_no_duplicates": d, "verify_data_retention": e});
        let answer = run(ID, csv, parameters);
        let count = |key: &str| answer["summary_metrics"][key].as_u64().unwrap();
        let wanted = flags.iter().filter(|flag| **flag).count() as u64;
        prop_assert_eq!(count("integrity_checks_passed") + count("integrity_checks_failed"), wanted);
        prop_assert_eq!(&answer["summary_metrics"]["data_ready_for_pipeline"], &json!(count("integrity_checks_failed") == 0));
    }
}
