//! Inputs and parameters at the edge of what is meant.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use system_tests::tools::{check_success, edges, served};

use crate::TOOL;
use crate::files::{answer, file, made};

#[test]
fn every_agent_answers_every_edge() -> Result<()> {
    for agent_id in served(TOOL) {
        for edge in edges() {
            let case = || format!("{agent_id} on {}", edge.name);
            let answer = answer(agent_id, &file(edge.csv.clone()), &Value::Null);
            let value = serde_json::to_value(&answer)?;
            if edge.rows == 0 {
                ensure!(value["status"] == "error" && value["error"].is_string(), "{}: {value}", case());
                continue;
            }
            check_success(&value).with_context(case)?;
            if let Some(made) = made(&answer) {
                ensure!(made.name == "cleaned_data.csv", "{}: the file is called {}", case(), made.name);
                ensure!(value["cleaned_file"]["size_bytes"] == made.bytes.len(), "{}", case());
            }
        }
    }
    Ok(())
}

/// Whatever a client sends as parameters, there is an answer: never a panic, which would say "broke off".
#[test]
fn every_agent_answers_odd_parameters() -> Result<()> {
    let odd = [
        json!(null),
        json!("x"),
        json!(-1),
        json!(1e300),
        json!([]),
        json!([{}, 1, "a"]),
        json!({"a": null}),
        json!({"a": {"a": []}}),
        json!(true),
        json!("50"),
    ];
    let file = file("a,email\n1,a@b.org\n2,c@d.org\n2,c@d.org\n,\n");
    for agent_id in served(TOOL) {
        let defaults = serde_json::to_value(answer(agent_id, &file, &Value::Null))?;
        let keys = defaults["data"]["parameters"].as_object().context("no parameters")?.keys();
        for key in keys {
            for value in &odd {
                let answer = serde_json::to_value(answer(agent_id, &file, &json!({key: value})))?;
                let error = answer["error"].as_str().unwrap_or_default();
                ensure!(!error.contains("broke off"), "{agent_id} with {key} = {value}: {error}");
                ensure!(
                    (answer["status"] == "success") != (answer["status"] == "error" && !error.is_empty()),
                    "{agent_id} with {key} = {value}: {answer}"
                );
            }
        }
    }
    Ok(())
}
