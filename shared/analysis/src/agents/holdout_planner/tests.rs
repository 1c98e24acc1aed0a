use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::ID;
use crate::agent;
use crate::agents::testing::{column, find};

fn run(parameters: &Value) -> Value {
    let mut answer = serde_json::to_value(agent::run(ID, &BTreeMap::new(), parameters)).unwrap();
    answer.as_object_mut().unwrap().remove("execution_time_ms");
    answer
}

#[test]
fn the_defaults() {
    let answer = run(&Value::Null);
    assert_eq!(answer["data"]["parameters"].as_object().unwrap().len(), 56);
    let segment = &answer["data"]["segments"][0];
    assert_eq!(segment["constants"]["imbalance_factor"], 2.7777777777777777);
    assert_eq!(segment["segment_name"], "Segment 1");
    assert_eq!(answer["data"]["quality"], json!({"plan_quality_score": 90.0, "quality_status": "excellent"}));
}

#[test]
fn the_nearest_level_decides_and_of_equals_the_first() {
    for (level, z) in [(0.0, 1.645), (0.92, 1.645), (0.93, 1.96), (0.96, 1.96), (0.98, 2.57), (95.0, 2.57)] {
        assert_eq!(run(&json!({"confidence_level": level}))["data"]["constants"]["z_alpha"], z, "{level}");
    }
    for (power, z) in [(0.8, 0.841), (0.84, 0.841), (0.86, 1.28), (90.0, 1.28)] {
        assert_eq!(run(&json!({"statistical_power": power}))["data"]["constants"]["z_beta"], z, "{power}");
    }
}

#[test]
fn segments_without_a_plan_say_why_and_the_others_are_planned() {
    let answer = run(
        &json!({"segment_count": 3, "segment_1_lift": 0, "segment_2_baseline": 99.9999, "holdout_ratio": 50}),
    );
    assert_eq!(column(&answer["data"]["segments"], "status"), ["error", "error", "success"]);
    assert_eq!(column(&answer["issues"], "issue_id"), ["issue_no_effect_seg_1", "issue_sample_calc_seg_2"]);
    // At an even split the holdout is as large as a group.
    assert_eq!(answer["summary_metrics"]["underpowered_segments"], 0);
    assert_eq!(answer["data"]["quality"]["plan_quality_score"], 100.0);
    assert_eq!(
        find(&answer["executive_summary"], "summary_id", "exec_underpowered_segments").unwrap()["status"],
        "success"
    );
    let none = run(&json!({"segment_1_baseline": 0}));
    assert_eq!((&none["status"], none["agent_name"].is_string()), (&json!("error"), true));
    assert!(none["error"].as_str().unwrap().contains("Segment 1"));
}

#[test]
fn names_are_shown_as_texts() {
    for (name, shown) in [
        (json!(2024), "2024"),
        (json!(1.0), "1.0"),
        (json!(true), "True"),
        (json!(null), "Segment 1"),
        (json!([1, "a"]), "[1, 'a']"),
        (json!("👍"), "👍"),
    ] {
        let answer = run(&json!({"segment_1_name": name}));
        assert_eq!(answer["data"]["segments"][0]["segment_name"], shown);
        assert_eq!(answer["data"]["parameters"]["segment_1_name"], name);
    }
}

#[test]
fn files_and_what_is_no_number_are_ignored() {
    let answer = run(&json!({"segment_1_value": "abc", "segment_1_lift": [8], "holdout_ratio": "10"}));
    assert_eq!(answer["data"]["ignored_parameters"], json!(["segment_1_lift", "segment_1_value"]));
    assert_eq!(answer["summary_metrics"], run(&Value::Null)["summary_metrics"]);
    assert_eq!(run(&json!([1]))["agent_id"], Value::Null);
}

proptest! {
    /// Any figures get an answer without a number that JSON has not; the sums are those of the segments.
    #[test]
    fn any_figures_get_an_answer(ratio in any::<i8>(), baseline in -1.0_f64..120.0, lift in prop_oneof![-1.0_f64..600.0, 0.0_f64..1e-9], value in any::<f64>(), traffic in any::<i64>()) {
        let answer = run(&json!({"holdout_ratio": ratio, "segment_count": 2, "segment_1_baseline": baseline, "segment_1_lift": lift, "segment_1_value": value, "segment_1_daily_traffic": traffic}));
        prop_assert_eq!(&answer["status"], "success");
        let users: f64 = column(&answer["data"]["segments"], "calculations").iter().filter_map(|part| part["total_users_required"].as_f64()).sum();
        prop_assert_eq!(answer["data"]["aggregate"]["total_users_required"].as_f64(), Some(users));
    }
}
