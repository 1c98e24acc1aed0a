use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ID;
use crate::agents::testing::{column, file, find, run, run_named};

fn flaws<'a>(answer: &'a Value, key: &str) -> Vec<&'a Value> {
    column(&answer["data"]["quarantine_analysis"]["quarantine_issues"], key)
}

#[test]
fn missing_values_are_empty_cells_and_empty_texts() {
    let csv = "a,b\n,1\n\"\",2\n \t,3\nx,4\n";
    let answer = run(ID, csv, json!({"required_fields": ["a", "none", 7]}));
    assert_eq!(flaws(&answer, "row_index"), [0, 1]);
    assert_eq!(file(&answer), "a,b\n \t,3\nx,4\n");
    assert_eq!(answer["data"]["quarantine_log"].as_array().unwrap().len(), 1);
}

#[test]
fn rows_stay_as_they_were_read() {
    let csv = "n,t,u\n007,TRUE,1.50\n,x,\"\"\n";
    assert_eq!(file(&run(ID, csv, Value::Null)), csv);
}

#[test]
fn types_are_checked_in_the_order_of_the_table() {
    let csv =
        "f,b,o\n1.,YES,x\n.5,No,\n+1e5,1,\ninf,tRue,\n-NaN,0,\n 1,2,\n1_0,ja,\n0x1,x,\n,,\n\"\",\"\",\n";
    let schema = json!({"expected_schema": {"b": "boolean", "f": "integer", "o": "date"}, "detect_broken_records": false});
    let answer = run(ID, csv, schema);
    let expected: Vec<(&str, i64)> = vec![("f", 5), ("f", 6), ("f", 7), ("b", 5), ("b", 6), ("b", 7)];
    let found: Vec<(&str, i64)> = flaws(&answer, "column")
        .into_iter()
        .zip(flaws(&answer, "row_index"))
        .map(|(column, row)| (column.as_str().unwrap(), row.as_i64().unwrap()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(answer["summary_metrics"]["quarantined_records"], 3);
}

#[test]
fn bounds_belong_to_the_range_and_nan_is_above() {
    let csv = "a\n1\n10\n0.9\n10.1\nNaN\nword\n-inf\n";
    let rows = |range: Value| {
        let answer = run(ID, csv, json!({"range_constraints": {"a": range, "none": {"min": 1}}}));
        flaws(&answer, "row_index").into_iter().cloned().collect::<Vec<_>>()
    };
    assert_eq!(rows(json!({"min": 1, "max": 10})), [2, 3, 4, 6]);
    assert_eq!(rows(json!({"max": "10"})), [3, 4]);
    assert_eq!(rows(json!({"min": 1.0, "max": null})), [2, 6]);
    assert_eq!(rows(json!({})), [0_i64; 0]);
}

#[test]
fn what_cannot_be_checked_is_told_and_the_others_run() {
    let parameters = json!({
        "range_constraints": {"a": {"min": "few"}, "b": 7, "c": {"min": 2}},
        "format_constraints": {"a": "(?=x)", "b": "^\\d$", "c": 1}
    });
    let answer = run(ID, "a,b,c\nx,y,1\nx,2,3\n", parameters);
    assert_eq!(answer["status"], "success");
    assert_eq!(
        flaws(&answer, "issue_type"),
        [
            "invalid_configuration",
            "invalid_configuration",
            "out_of_range",
            "invalid_configuration",
            "invalid_format",
            "invalid_configuration"
        ]
    );
    assert_eq!(answer["summary_metrics"]["quarantined_records"], 1);
    assert_eq!(answer["data"]["quarantine_log"].as_array().unwrap().len(), 6);
    // Row 0 has two flaws of its own.
    assert_eq!(find(&answer["row_level_issues"], "issue_type", "suspicious_row").unwrap()["issue_count"], 2);
}

#[test]
fn formats_are_searched_for() {
    let answer = run(
        ID,
        "a\nx1y\nx\n\"\"\n\n1\n",
        json!({"format_constraints": "{'a': '\\d'}", "detect_broken_records": false}),
    );
    assert_eq!(flaws(&answer, "row_index"), [1]);
    assert_eq!(flaws(&answer, "severity"), ["medium"]);
}

#[test]
fn empty_records_and_suspicious_texts_have_one_flag_and_another() {
    let csv = "a,b\n,\n\"\",\n,please update it\n<script>javascript:x</script>,OR 1=1\nx,y\n";
    let answer = run(ID, csv, Value::Null);
    assert_eq!(flaws(&answer, "row_index"), [0, 1, 3, 3, 2, 3]);
    assert_eq!(flaws(&answer, "column"), ["record", "record", "a", "a", "b", "b"]);
    assert_eq!(file(&answer), "a,b\nx,y\n");
    let reason = |row: i64| {
        let last = answer["row_level_issues"]
            .as_array()
            .unwrap()
            .iter()
            .rev()
            .find(|issue| issue["row_index"] == row)
            .unwrap();
        last["message"].as_str().unwrap().to_owned()
    };
    assert!(reason(0).contains("No column") && reason(3).contains("3 flaws"), "{}", reason(3));
    assert_eq!(
        run(ID, csv, json!({"detect_suspicious_text": false}))["summary_metrics"]["quarantined_records"],
        2
    );
    assert_eq!(
        run(ID, csv, json!({"detect_broken_records": ""}))["summary_metrics"]["quarantined_records"],
        0
    );
}

#[test]
fn half_of_a_schema_condemns_the_file() {
    let schema = |names: &[&str]| {
        let names: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), json!("string"))).collect();
        run(ID, "a,b\nx,y\nx,z\n", json!({"expected_schema": names}))
    };
    let most = schema(&["a", "b", "c"]);
    assert_eq!(
        (&most["summary_metrics"]["quarantined_records"], flaws(&most, "row_index").len()),
        (&json!(0), 0)
    );
    assert_eq!(most["data"]["quarantine_log"].as_array().unwrap().len(), 1);
    let half = schema(&["a", "c"]);
    assert_eq!(half["summary_metrics"]["quarantined_records"], 2);
    assert_eq!(flaws(&half, "column"), ["schema"]);
    assert_eq!(file(&half), "a,b\n");
    assert!(find(&half["recommendations"], "recommendation_id", "rec_quarantine_schema").is_some());
    // The second row is out although no listed flaw says why.
    assert_eq!(half["row_level_issues"].as_array().unwrap().len(), 1 + 1 + 2);
}

#[test]
fn lists_are_cut_but_rows_are_not() {
    let csv: String = (0..700).map(|_| ",x,9\n").collect();
    let parameters = json!({"required_fields": ["a"], "range_constraints": {"c": {"max": 1}}, "format_constraints": {"b": "y"}});
    let answer = run(ID, format!("a,b,c\n{csv}x,y,1\n"), parameters);
    assert_eq!(answer["summary_metrics"]["quarantined_records"], 700);
    assert_eq!(
        answer["data"]["quarantine_analysis"]["issue_types"],
        json!({"missing_required_field": 100, "out_of_range": 50, "invalid_format": 50})
    );
    assert_eq!(answer["data"]["row_level_issues"].as_array().unwrap().len(), 100);
    assert_eq!(answer["issues"].as_array().unwrap().len(), 100);
    assert_eq!(
        find(&answer["alerts"], "alert_id", "alert_quarantine_005_missing_fields").unwrap()["affected_fields_count"],
        100
    );
    // 200 flaws, 50 rows with several, one flag, 100 reasons.
    assert_eq!(answer["row_level_issues"].as_array().unwrap().len(), 351);
    let suspicious: Vec<_> = answer["row_level_issues"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|issue| issue["issue_type"] == "suspicious_row")
        .map(|issue| issue["severity"].clone())
        .collect();
    assert_eq!((suspicious.len(), &suspicious[0]), (50, &json!("critical")));
}

#[test]
fn scores_and_words() {
    let share = |bad: usize| {
        let csv: String = (0..100).map(|row| if row < bad { ",x\n" } else { "x,x\n" }).collect();
        run(ID, format!("a,b\n{csv}"), json!({"required_fields": "a"}))
    };
    let clean = share(0);
    assert_eq!(
        (&clean["data"]["quality_score"]["overall_score"], &clean["data"]["quality_status"]),
        (&json!(50.0), &json!("needs_improvement"))
    );
    assert_eq!(share(49)["data"]["quality_score"]["metrics"]["processing_efficiency_rate"], 100.0);
    assert_eq!(share(50)["data"]["quality_score"]["metrics"]["processing_efficiency_rate"], 50.0);
    for (bad, alert) in [
        (5, None),
        (6, Some("medium")),
        (15, Some("medium")),
        (16, Some("high")),
        (30, Some("high")),
        (31, Some("critical")),
    ] {
        let answer = share(bad);
        let first = &answer["alerts"][0];
        let volume = first["alert_id"].as_str().unwrap().strip_prefix("alert_quarantine_001_volume_");
        assert_eq!(volume, alert, "{bad}");
    }
}

#[test]
fn edge_inputs() {
    let header: Vec<String> = (0..5000).map(|column| format!("c{column}")).collect();
    let wide = format!("{}\n{}\n", header.join(","), vec![""; 5000].join(","));
    let long = format!("a\n{}\n", "select ".repeat(20_000));
    for (csv, bad) in [
        ("row_index,a\n1,x\n".to_owned(), 0),
        ("😀,a,a\n👍,1,\n".to_owned(), 0),
        ("a,b\n,\n,\n".to_owned(), 2),
        (wide, 1),
        (long, 0),
        ("a\n1\n".to_owned(), 0),
    ] {
        assert_eq!(
            run(ID, csv.clone(), Value::Null)["summary_metrics"]["quarantined_records"],
            bad,
            "{csv:.40}"
        );
    }
    for (name, csv, signed) in [("a.txt", "a\n1\n", false), ("a.csv", "", false), ("a.csv", "a\n", true)] {
        let answer = run_named(ID, name, csv, &Value::Null);
        assert_eq!((answer["status"].as_str(), answer["agent_id"].as_str()), (Some("error"), Some(ID)));
        assert_eq!(answer.get("agent_name").is_some(), signed, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"aA1,\"\n\r =<:".to_vec()), 1 => any::<u8>()], 0..200)) {
        let parameters = json!({"required_fields": ["a", "1"], "range_constraints": {"a": {"min": 1}}, "format_constraints": {"A": "a"}, "expected_schema": {"a": "numeric"}});
        for parameters in [Value::Null, parameters] {
            let answer = run(ID, Bytes::from(bytes.clone()), parameters);
            prop_assert!(answer["status"] == "success" || answer["error"].is_string());
        }
    }

    /// Rows that stay are the rows without a flaw, as they were, in their order; a second run removes nothing.
    #[test]
    fn rows_are_accounted_for(cells in prop::collection::vec(("[0-9]{0,2}", "(x|yes|update me|<script></script>)?"), 1..30)) {
        let parameters = json!({"required_fields": ["a"], "range_constraints": {"a": {"min": 5, "max": 60}}, "expected_schema": {"b": "boolean"}});
        let lines: Vec<String> = cells.iter().map(|(a, b)| format!("{a},{b}")).collect();
        let stays: Vec<&str> = cells.iter().zip(&lines).filter(|((a, b), _)| a.parse::<u8>().is_ok_and(|a| (5..=60).contains(&a)) && matches!(b.as_str(), "" | "yes")).map(|(_, line)| line.as_str()).collect();
        let answer = run(ID, format!("a,b\n{}\n", lines.join("\n")), parameters.clone());
        let out = file(&answer);
        prop_assert_eq!(out.lines().skip(1).collect::<Vec<_>>(), stays.clone());
        prop_assert_eq!(&answer["summary_metrics"]["quarantined_records"], &json!(cells.len() - stays.len()));
        if !stays.is_empty() {
            prop_assert_eq!(&run(ID, out, parameters)["summary_metrics"]["quarantined_records"], &json!(0));
        }
    }
}
