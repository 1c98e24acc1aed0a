//! The segmentation where the golden cases do not reach: bounds, quirks, any input.

use super::*;
use crate::agents::testing::{column, find, run, run_named};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Map;

/// The parameters that every run needs, and others.
fn with(others: &Value) -> Value {
    let mut parameters: Map<String, Value> = COLUMNS
        .iter()
        .zip(["id", "date", "value"])
        .map(|(key, name)| ((*key).to_owned(), json!(name)))
        .collect();
    parameters.extend(others.as_object().cloned().unwrap_or_default());
    Value::Object(parameters)
}

fn segment(csv: impl Into<Bytes>, others: &Value) -> Value {
    run(ID, csv, with(others))
}

fn error(answer: &Value) -> &str {
    assert_eq!(
        (answer["status"].as_str(), answer["agent_name"].as_str()),
        (Some("error"), Some("Customer Segmentation Agent"))
    );
    answer["error"].as_str().unwrap()
}

#[test]
fn scores_are_bins_between_distinct_quantiles() {
    assert_eq!(segments::scores(&[1.0, 2.0, 3.0, 4.0, 5.0], 5), [1, 2, 3, 4, 5]);
    assert_eq!(segments::scores(&[7.0; 4], 5), [1, 1, 1, 1]);
    assert_eq!(segments::scores(&[5.0], 3), [1]);
    // Edges 1, 1, 2.2: the two equal ones count once.
    assert_eq!(segments::scores(&[1.0, 1.0, 1.0, 1.0, 5.0], 4), [1, 1, 1, 1, 2]);
    // A value on an edge stays below it: the median of 1, 2, 3 is 2.
    assert_eq!(segments::scores(&[1.0, 2.0, 3.0], 2), [1, 1, 2]);
}

#[test]
fn errors_come_in_the_order_of_the_checks() {
    let csv = "id,date,value\na,2024-01-31,5\n";
    let named = |name: &str, csv: &'static str, parameters: Value| run_named(ID, name, csv, &parameters);
    assert!(error(&named("a.txt", "", json!({"mode": 5}))).contains("a.txt"));
    assert!(
        error(&named("a.csv", "", json!({"mode": 5, "value_column": "value"})))
            .contains("customer_id_column`, `transaction_date_column")
    );
    assert!(error(&segment("", &json!({"mode": 5}))).contains("mode"));
    assert!(error(&segment("", &json!({"timeframe": "custom", "custom_start_date": "2024-01-01", "custom_end_date": "31.12.2024"}))).contains("two dates"));
    assert!(error(&segment("", &json!({"timeframe": "custom", "custom_start_date": "2024-01-02", "custom_end_date": "2024-01-01"}))).contains("after its end"));
    assert!(error(&segment("", &json!({}))).contains("empty"));
    assert!(error(&segment("id,date,value\n", &json!({}))).contains("no data rows"));
    assert!(
        error(&segment("id,day,sum\na,b,c\n", &json!({})))
            .contains("transaction_date_column`, `value_column")
    );
    assert!(error(&segment("id,date,value\na,01/31/2024,5\n", &json!({}))).contains("01/31/2024"));
    assert!(
        error(&segment("id,date,value\n,2024-01-31,5\na,,5\na,2024-01-31,x\n", &json!({})))
            .contains("none of 3 rows")
    );
    let outside =
        json!({"timeframe": "custom", "custom_start_date": "2020-01-01", "custom_end_date": "2020-12-31"});
    assert!(error(&segment(csv, &outside)).contains("2020-12-31"));
    assert_eq!(run_named(ID, "A.CSV", csv, &with(&json!({})))["status"], "success");
}

#[test]
fn the_window_follows_the_latest_date() {
    let csv = "id,date,value\na,2023-02-28,1\na,2024-01-01,2\nb,2024-02-28 23:59:60,4\nc,2024-02-28,\n";
    let window = |others: Value| {
        let answer = segment(csv, &others);
        let window = &answer["data"]["segmentation"]["analysis_window"];
        let text = |key: &str| window[key].as_str().unwrap().to_owned();
        (
            text("start_date"),
            text("end_date"),
            answer["summary_metrics"]["total_rows_processed"].as_u64().unwrap(),
        )
    };
    // The second 60 is midnight of the 29th.
    assert_eq!(window(json!({})), ("2023-03-01".to_owned(), "2024-02-29".to_owned(), 2));
    assert_eq!(window(json!({"timeframe": " YTD "})), ("2024-01-01".to_owned(), "2024-02-29".to_owned(), 2));
    let custom =
        json!({"timeframe": "custom", "custom_start_date": "2023-W09-2", "custom_end_date": "20240101"});
    assert_eq!(window(custom), ("2023-02-28".to_owned(), "2024-01-01".to_owned(), 2));
}

#[test]
fn useless_weights_give_way_and_odd_sums_are_told() {
    let csv = "id,date,value\na,2024-01-01,1\nb,2024-01-02,2\n";
    let none = segment(
        csv,
        &json!({"rfm_recency_weight": 0, "rfm_frequency_weight": -3, "rfm_monetary_weight": "x"}),
    );
    assert_eq!(none["data"]["parameters"]["rfm_monetary_weight"], 34);
    assert_eq!(
        none["data"]["segmentation"]["scoring"]["weights"],
        json!({"recency": 0, "frequency": -3, "monetary": 34, "sum": 34.0})
    );
    assert_eq!(none["data"]["ignored_parameters"], json!(["rfm_monetary_weight"]));
    let zero =
        segment(csv, &json!({"rfm_recency_weight": 0, "rfm_frequency_weight": -3, "rfm_monetary_weight": 0}));
    assert_eq!(zero["data"]["parameters"]["rfm_frequency_weight"], 33);
    assert!(find(&zero["issues"], "issue_id", "issue_segmentation_weights_sum").is_none());
    assert!(find(&none["issues"], "issue_id", "issue_segmentation_weights_sum").is_some());
    assert_eq!(zero["data"].get("ignored_parameters"), None);
    let value = segment(csv, &json!({"mode": "value", "rfm_recency_weight": 90}));
    assert!(find(&value["issues"], "issue_id", "issue_segmentation_weights_sum").is_none());
}

#[test]
fn columns_are_found_in_any_case_and_the_last_of_several_wins() {
    let csv = " ID ,Date,VALUE,value \na,2024-01-01,1,2\n";
    let answer = segment(csv, &json!({"mode": "value"}));
    let used = &answer["data"]["segmentation"]["columns_used"];
    assert_eq!(
        used,
        &json!({"customer_id_column": " ID ", "transaction_date_column": "Date", "value_column": "value "})
    );
    assert_eq!(answer["data"]["segment_summary"][0]["total_value"], 2.0);
}

#[test]
fn every_kind_of_id_and_value_counts() {
    let csv = "id,date,value\n1.0,2024-01-01,true\n2.5,2024-01-01,false\n1.0,2024-01-02,true\n";
    let answer = segment(csv, &json!({"mode": "value"}));
    let sample = &answer["data"]["customer_segments_sample"];
    assert_eq!(column(sample, "customer_id"), ["1.0", "2.5"]);
    assert_eq!(column(sample, "monetary"), [&json!(2.0), &json!(0.0)]);
    let odd = segment(
        "id,date,value\n  ,2024-01-01,+5\n\"\",2024-01-01,1\n,2024-01-01,1e400\nx,1.2.2024,inf\n",
        &json!({"mode": "value"}),
    );
    assert_eq!(column(&odd["data"]["customer_segments_sample"], "customer_id"), ["  "]);
    let kinds = column(&odd["row_level_issues"], "issue_type");
    assert_eq!(
        kinds,
        ["missing_customer_id", "missing_customer_id", "invalid_date", "invalid_numeric", "invalid_numeric"]
    );
    assert_eq!(
        column(&odd["row_level_issues"], "value"),
        [&json!(""), &json!(null), &json!("1.2.2024"), &json!("1e400"), &json!("inf")]
    );
}

#[test]
fn not_finite_numbers_are_named() {
    let csv = "id,date,value\na,2024-01-01,NaN\na,2024-01-01,-inf\na,2024-01-01,1.5\n";
    let answer = segment(csv, &json!({}));
    assert_eq!(column(&answer["row_level_issues"], "value"), ["nan", "-inf"]);
    assert_eq!(answer["alerts"][0]["severity"], "critical");
}

#[test]
fn row_level_issues_are_capped_by_kind_and_counted_before_the_cut() {
    let bad = ",x,y\n".repeat(500);
    let answer = segment(format!("id,date,value\na,2024-01-01,1\n{bad}"), &json!({}));
    assert_eq!(answer["row_level_issues"].as_array().map(Vec::len), Some(1000));
    assert_eq!(answer["issue_summary"]["total_issues"], 1200);
    assert_eq!(answer["issue_summary"]["by_severity"], json!({"critical": 400, "high": 800}));
    assert_eq!(answer["issue_summary"]["affected_rows"], 400);
}

#[test]
fn the_sample_is_cut_and_ordered() {
    let rows: String = (0..700).map(|row| format!("c{row:03},2024-01-01,{}\n", row % 7)).collect();
    let answer = segment(format!("id,date,value\n{rows}"), &json!({"mode": "value"}));
    let sample = answer["data"]["customer_segments_sample"].as_array().unwrap();
    let key = |customer: &Value| {
        let value = customer["monetary"].as_f64().unwrap();
        (
            customer["segment_id"].as_u64().unwrap(),
            -value as i64,
            customer["customer_id"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(sample.len(), 500);
    assert!(sample.is_sorted_by_key(key));
    assert_eq!(answer["executive_summary"][0]["status"], "good");
}

#[test]
fn totals_that_are_nothing_or_too_much() {
    let returns = segment("id,date,value\na,2024-01-01,5\nb,2024-01-01,-5\n", &json!({"mode": "value"}));
    assert_eq!(returns["data"]["segment_summary"][0]["value_share_pct"], 5.0 / 1e-9 * 100.0);
    let huge =
        segment("id,date,value\na,2024-01-01,1e308\na,2024-01-01,1e308\nb,2024-01-01,1.5\n", &json!({}));
    assert_eq!(huge["status"], "success");
    assert_eq!(huge["data"]["segment_summary"][0]["total_value"], Value::Null);
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(prop_oneof![3 => prop::sample::select(b"id,date,value\n2024-01-1.\"".to_vec()), 1 => any::<u8>()], 0..200)) {
        let answer = segment(Bytes::from([&b"id,date,value\n"[..], &bytes].concat()), &json!({}));
        prop_assert!(answer["status"] == "success" || answer["error"].is_string());
    }

    /// Customers against a slow reading: each valid row in the window counts once, for its customer. The order of the
    /// rows does not matter.
    #[test]
    fn rows_are_accounted_for(rows in prop::collection::vec((prop::option::of(0_u8..6), prop::option::of(1_u32..29), prop::option::of(-50_i32..50)), 1..40), mode in prop::sample::select(vec!["rfm", "value"]), count in 2_usize..8, bins in 2_usize..7) {
        let csv = |rows: &[(Option<u8>, Option<u32>, Option<i32>)]| {
            let text = |cell: Option<String>| cell.unwrap_or_default();
            let line = |(id, day, value): &(Option<u8>, Option<u32>, Option<i32>)| {
                let day = day.map(|day| format!("{day}.2.2024"));
                format!("{},{},{}\n", text(id.map(|id| format!("c{id}"))), text(day), text(value.map(|value| value.to_string())))
            };
            format!("id,date,value\n{}", rows.iter().map(line).collect::<String>())
        };
        let parameters = json!({"mode": mode, "segment_count": count, "rfm_bins": bins});
        let answer = segment(csv(&rows), &parameters);
        let valid: Vec<(u8, u32, i32)> = rows.iter().filter_map(|row| Some((row.0?, row.1?, row.2?))).collect();
        if valid.is_empty() {
            prop_assert_eq!(&answer["status"], "error");
            return Ok(());
        }
        prop_assert_eq!(&answer["summary_metrics"]["invalid_rows"], &json!(rows.len() - valid.len()));
        let end = rows.iter().filter_map(|row| row.1).max().unwrap();
        let sample = answer["data"]["customer_segments_sample"].as_array().unwrap();
        for customer in sample {
            let id: u8 = customer["customer_id"].as_str().unwrap()[1..].parse().unwrap();
            let of: Vec<_> = valid.iter().filter(|row| row.0 == id).collect();
            prop_assert_eq!(&customer["frequency"], &json!(of.len()));
            prop_assert_eq!(&customer["monetary"], &json!(of.iter().map(|row| f64::from(row.2)).sum::<f64>()));
            prop_assert_eq!(&customer["recency_days"], &json!(end - of.iter().map(|row| row.1).max().unwrap()));
        }
        let in_segments: u64 = column(&answer["data"]["segment_summary"], "customer_count").into_iter().filter_map(Value::as_u64).sum();
        prop_assert_eq!(in_segments as usize, sample.len());
        // One customer is always in the worst segment.
        let produced = answer["summary_metrics"]["segments_produced"].as_u64();
        prop_assert_eq!(answer["data"]["segment_summary"].as_array().unwrap().last().unwrap()["segment_id"].as_u64(), produced);
        let mut backwards = rows;
        backwards.reverse();
        prop_assert_eq!(&segment(csv(&backwards), &parameters)["data"]["segment_summary"], &answer["data"]["segment_summary"]);
    }
}
