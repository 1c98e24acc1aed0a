//! The agent where the golden cases do not reach: boundaries, quirks, any input.

use super::*;
use crate::agents::testing::{column, file, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;

/// The only column's cells afterwards.
fn cells(csv: &str, parameters: Value) -> Vec<String> {
    let written = file(&run(ID, csv.to_owned(), parameters));
    written.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn only_text_is_changed() {
    let csv = "t,i,b,f\n A  b ,007,TRUE,1.50\n,8,false,\n";
    let answer = run(ID, csv, Value::Null);
    assert_eq!(file(&answer), "t,i,b,f\na b,7,true,1.5\n,8,false,\n");
    assert_eq!(answer["summary_metrics"]["columns_standardized"], 1);
    let again = run(ID, file(&answer), Value::Null);
    assert_eq!(file(&again), file(&answer));
    assert_eq!(again["data"]["standardization_log"], json!([]));
}

#[test]
fn targets_come_before_preserved_columns_and_may_be_repeated() {
    let csv = "a,b,c\nX ,Y ,Z \n";
    let parameters = json!({"target_columns": ["b", "ghost", 7, "a", "b"], "preserve_columns": ["a"]});
    let answer = run(ID, csv, parameters);
    assert_eq!(file(&answer), "a,b,c\nx,y,Z \n");
    let analysis = &answer["data"]["standardization_analysis"];
    assert_eq!(analysis["columns_standardized"], 3);
    let before = &analysis["pre_standardization"];
    assert_eq!(
        (&before["total_variations"], &before["columns_needing_standardization"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(before["column_analysis"].as_object().unwrap().keys().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(answer["summary_metrics"]["values_changed"], 2);
    assert_eq!(file(&run(ID, csv, json!({"preserve_columns": "['a', 'c']"}))), "a,b,c\nX ,y,Z \n");
}

#[test]
fn a_column_that_is_processed_twice_goes_through_its_steps_twice() {
    let parameters = json!({"target_columns": ["a", "a"], "synonym_mappings": {"a": {"x": "y", "y": "z"}}});
    let answer = run(ID, "a\nx\n", parameters);
    assert_eq!(file(&answer), "a\nz\n");
    assert_eq!(column(&answer["row_level_issues"], "standardized_value"), [&json!("y"), &json!("z")]);
}

#[test]
fn steps_follow_one_another() {
    let parameters = json!({
        "case_strategy": "uppercase",
        "synonym_mappings": {"a": {"u s a": "United  States", "USA": 5, "true": true}},
        "unit_standardization": "yes",
        "unit_mappings": {"a": {"ft": {"factor": "12", "target_unit": "in"}, "FT IN": {}, "m": {"factor": 2}}}
    });
    let found = cells("a\n u \t s  a\nusa\nUSA!\n5 feet\nabout -5ft\n3 m\ntrue\n\n\"\"\n", parameters);
    assert_eq!(found, ["United  States", "5", "USA!", "5 FEET", "60.0 in", "6.0 m", "True", "", "\"\""]);
}

#[test]
fn steps_may_be_off() {
    let off = json!({"case_strategy": "none", "trim_whitespace": null, "normalize_internal_spacing": 0, "apply_synonyms": "", "synonym_mappings": {"a": {"x": "y"}}});
    assert_eq!(cells("a\n X  y \nx\n", off.clone()), [" X  y ", "x"]);
    let answer = run(ID, "a\n X  y \nx\n", off);
    assert_eq!(
        answer["data"]["standardization_analysis"]["standardization_operations"]["synonyms_applied"],
        false
    );
    assert_eq!(answer["data"]["standardization_score"]["metrics"]["standardization_effectiveness"], 0.0);
    assert!(find(&answer["alerts"], "alert_id", "alert_standardization_low_transformation").is_some());
    assert!(find(&answer["issues"], "issue_id", "issue_standardization_low_impact").is_some());
}

#[test]
fn dates_are_standardized_where_most_values_begin_like_dates() {
    let dates =
        "a\n1-2-2024\n 31-DEC-99 \n\"\"\n12/13/2024\nsoon\n2024-01-02 10:00:00\n01-13-2024\n1 feb 2024\n,\n";
    let found = cells(&dates.replace(",\n", "\n"), Value::Null);
    let expected = [
        "2024-02-01",
        "1999-12-31",
        "",
        "2024-12-13",
        "soon",
        "2024-01-02 10:00:00",
        "01-13-2024",
        "2024-02-01",
        "",
    ];
    assert_eq!(found, expected);
    // Half is not more than half.
    assert_eq!(cells("a\n1-2-2024\nx\n", Value::Null), ["1-2-2024", "x"]);
    assert_eq!(
        cells("a\n1-2-2024\nx\n\n2-1-2024\n", json!({"target_date_format": "%d %B %Y"})),
        ["01 February 2024", "x", "", "02 January 2024"]
    );
    assert_eq!(cells("a\n1-2-2024\n", json!({"date_standardization": false})), ["1-2-2024"]);
    // Only the first 50 values decide.
    let late =
        |words: usize| format!("a\n{}{}1-2-2024\n", "1-2-2024\n".repeat(50 - words), "x\n".repeat(words));
    assert_eq!(cells(&late(25), Value::Null).last().unwrap(), "1-2-2024");
    assert_eq!(cells(&late(24), Value::Null).last().unwrap(), "2024-02-01");
}

#[test]
fn emptied_cells_of_a_date_column_are_no_changes() {
    let answer = run(ID, "a,b\n1-2-2024,x\n 2-2-2024 ,x\n\"  \",x\n", Value::Null);
    assert_eq!(
        column(&answer["row_level_issues"], "row_index"),
        [&json!(0), &json!(1), &json!(1), &json!(2)]
    );
    assert_eq!(answer["summary_metrics"]["total_issues"], 2);
    let after = &answer["data"]["standardization_analysis"]["post_standardization"]["column_analysis"]["a"];
    assert_eq!((&after["total_non_null_values"], &after["total_unique_values"]), (&json!(2), &json!(2)));
}

#[test]
fn changes_are_listed_up_to_their_caps() {
    let rows: String = (0..150).map(|row| format!("A{row},B\n")).collect();
    let answer = run(ID, format!("a,b\n{rows}"), json!({"target_columns": ["b", "a"]}));
    assert_eq!(answer["summary_metrics"]["total_issues"], 100);
    assert!(column(&answer["row_level_issues"], "column").iter().all(|name| **name == "b"));
    let log = answer["data"]["standardization_log"].as_array().unwrap();
    assert_eq!(log.len(), 2);
    assert!(log[1].as_str().unwrap().contains("150") && log[1].as_str().unwrap().contains("100.0"));
    let stray: String = (0..1200).map(|row| format!(" A{row}\n")).collect();
    let answer = run(ID, format!("a\n{stray}"), Value::Null);
    assert_eq!(answer["row_level_issues"].as_array().unwrap().len(), 1000);
    assert_eq!(answer["data"]["row_level_issues"].as_array().unwrap().len(), 100);
}

#[test]
fn a_change_has_the_kind_of_its_smallest_cause() {
    let answer = run(ID, "a\n\" x\"\nX\n\" X\"\nx  y\n", Value::Null);
    let kinds = column(&answer["row_level_issues"], "issue_type");
    let expected = [
        "format_violation",
        "inconsistent_format",
        "standardization_needed",
        "standardization_needed",
        "format_violation",
        "format_violation",
        "format_violation",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn effectiveness_may_be_negative() {
    // Synonyms are not re-cased, so they may bring in variations.
    let parameters = json!({"case_strategy": "none", "synonym_mappings": {"a": {"p": "x", "q": "X", "r": "y ", "s": "z  z"}}});
    let answer = run(ID, "a\n\" m\"\np\nq\nr\ns\n", parameters.clone());
    let metrics = &answer["data"]["standardization_score"]["metrics"];
    assert_eq!(metrics["standardization_effectiveness"], -200.0);
    assert_eq!((&metrics["variations_before"], &metrics["variations_reduced"]), (&json!(1), &json!(-2)));
    assert_eq!(answer["summary_metrics"]["values_changed"], -2);
    let advice = &answer["data"]["standardization_analysis"]["recommendations"];
    assert_eq!(column(advice, "priority"), ["medium", "medium", "high"]);
    let named = column(&answer["recommendations"], "recommendation_id");
    assert_eq!(named.iter().filter(|id| **id == "rec_standardization_a").count(), 3);
}

#[test]
fn malformed_mappings_are_skipped_and_told() {
    let parameters = json!({
        "synonym_mappings": {"a": {"x": null, "y": ["z"], "z": 1.0}, "b": "x", "ghost": 7},
        "unit_standardization": true,
        "unit_mappings": {"a": {"m": 5, "ft": {"factor": "many"}, "in": {"target_unit": {}}, "kg": {"target_unit": 7}}}
    });
    let answer = run(ID, "a,b\nx,y\nz,y\n3 kg,y\n5 m,y\n", parameters);
    assert_eq!(file(&answer), "a,b\nx,y\n1.0,y\n3.0 7,y\n5 m,y\n");
    let invalid: Vec<_> = answer["issues"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|issue| issue["issue_type"] == "invalid_configuration")
        .collect();
    let ids: Vec<_> = invalid
        .iter()
        .map(|issue| issue["issue_id"].as_str().unwrap().trim_start_matches("issue_standardization_"))
        .collect();
    assert_eq!(
        ids,
        [
            "synonym_mappings_a_x",
            "synonym_mappings_a_y",
            "unit_mappings_a_m",
            "unit_mappings_a_ft",
            "unit_mappings_a_in",
            "synonym_mappings_b"
        ]
    );
    assert!(invalid.iter().all(|issue| issue["severity"] == "medium"));
    // What is switched off is not looked at.
    let off = run(
        ID,
        "a\nx\n",
        json!({"apply_synonyms": false, "synonym_mappings": {"a": 7}, "unit_mappings": {"a": 7}}),
    );
    assert!(find(&off["issues"], "issue_type", "invalid_configuration").is_none());
}

#[test]
fn bounds_of_the_findings_about_variations() {
    // Eleven variations in one column, ten in the other file.
    let varied = |count: usize| {
        let rows: String = (0..count).map(|row| format!("x{row},y\nX{row},y\n")).collect();
        let answer = run(ID, format!("a,b\n{rows}"), json!({"target_columns": "a"}));
        let alert = find(&answer["alerts"], "alert_id", "alert_standardization_high_variations").is_some();
        let synonyms =
            find(&answer["recommendations"], "recommendation_id", "rec_standardization_synonym_dev");
        (alert, synonyms.is_some())
    };
    assert_eq!(
        [varied(5), varied(6), varied(10), varied(11)],
        [(false, false), (false, true), (false, true), (true, true)]
    );
}

#[test]
fn tables_without_text_are_in_order() {
    for csv in ["a\n1\n", "a,row_index\n1.5,true\n", "é,😀\n,\n"] {
        let answer = run(ID, csv, Value::Null);
        assert_eq!(answer["data"]["standardization_score"]["overall_score"], 100.0, "{csv}");
        assert_eq!(answer["alerts"], json!([]));
        let advice = &answer["data"]["standardization_analysis"]["recommendations"];
        assert_eq!(
            (&advice[0]["column"], &advice[0]["action"]),
            (&json!("all"), &json!("maintain_standards"))
        );
        assert!(find(&answer["recommendations"], "recommendation_id", "rec_standardization_all").is_some());
    }
}

#[test]
fn many_columns_and_long_texts() {
    let names: Vec<String> = (0..5_000).map(|column| format!("C{column}")).collect();
    let answer =
        run(ID, format!("{}\n{}\n", names.join(","), names.join(",")), json!({"target_columns": names}));
    assert_eq!(answer["summary_metrics"]["columns_standardized"], 5_000);
    assert_eq!(answer["summary_metrics"]["total_issues"], 100);
    let long = "Ä ".repeat(200_000);
    assert_eq!(cells(&format!("a\n{long}\n"), Value::Null), [long.trim().to_lowercase()]);
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
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"aA1-2024,\"\n\r /".to_vec()), 1 => any::<u8>()], 0..200), case in prop::sample::select(vec!["lowercase", "titlecase", "none"])) {
        let parameters = json!({"case_strategy": case, "unit_standardization": true, "unit_mappings": {"a": {"a": {"factor": 2}}}});
        let answer = run(ID, Bytes::from(bytes), parameters);
        prop_assert!(answer["status"] == "success" || answer["error"].is_string());
    }

    /// Without synonyms and units, a second run changes nothing and finds no variations.
    #[test]
    fn standardizing_twice_changes_nothing_more(rows in prop::collection::vec("[ab A\u{a0}é0-9/-]{0,10}", 1..30), case in prop::sample::select(vec!["lowercase", "uppercase"])) {
        let csv: String = rows.iter().map(|row| format!("\"{row}\",x\n")).collect();
        let parameters = json!({"case_strategy": case, "date_standardization": false});
        let once = run(ID, format!("a,b\n{csv}"), parameters.clone());
        let twice = run(ID, file(&once), parameters);
        prop_assert_eq!(file(&twice), file(&once));
        if once["data"]["standardization_analysis"]["total_columns"] == 2 {
            prop_assert_eq!(&twice["data"]["standardization_score"]["metrics"]["variations_before"], &json!(0));
        }
    }
}
