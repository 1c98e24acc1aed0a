//! How tests run an agent on a CSV and look into its answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::agent::{self, InputFile};

/// The answer to a file `data.csv` in slot `primary`, without its time.
pub(super) fn run(agent_id: &str, csv: impl Into<Bytes>, parameters: Value) -> Value {
    run_named(agent_id, "data.csv", csv, &parameters)
}

/// The answer to a file of any name, without its time.
pub(super) fn run_named(agent_id: &str, name: &str, csv: impl Into<Bytes>, parameters: &Value) -> Value {
    let file = InputFile { name: name.to_owned(), bytes: csv.into() };
    let answer = agent::run(agent_id, &BTreeMap::from([("primary".to_owned(), file)]), parameters);
    let mut answer = serde_json::to_value(answer).unwrap();
    answer.as_object_mut().unwrap().remove("execution_time_ms");
    answer
}

/// The cleaned file of an answer.
pub(super) fn file(answer: &Value) -> String {
    let bytes = STANDARD.decode(answer["cleaned_file"]["content"].as_str().unwrap()).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// One key of each element of a list.
pub(super) fn column<'a>(list: &'a Value, key: &str) -> Vec<&'a Value> {
    list.as_array().unwrap().iter().map(|element| &element[key]).collect()
}

/// The element of a list whose `key` is `value`.
pub(super) fn find<'a>(list: &'a Value, key: &str, value: &str) -> Option<&'a Value> {
    list.as_array().unwrap().iter().find(|element| element[key] == value)
}
