//! The chain hands tables on in memory; each agent sees what it would have seen in the file.

use std::collections::BTreeMap;
use std::time::Instant;

use analysis::agent::InputFile;
use analysis::answer::Answer;
use analysis::chain::{self, Job};
use analysis::tools;
use indexmap::IndexMap;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use system_tests::tools::{served, without_times};

use crate::TOOL;
use crate::files::{answer, customers, file, made};

/// Agents whose files compete, in ascending order among equals (downloads.md 1.1).
const CANDIDATES: [&str; 6] = [
    "null-handler",
    "outlier-remover",
    "type-fixer",
    "duplicate-resolver",
    "field-standardization",
    "quarantine-agent",
];

/// The answers of the agents, each on the file of the one before, and the name and bytes of the file that wins.
fn slowly(
    agents: &[String],
    mut primary: InputFile,
    parameters: &Map<String, Value>,
) -> (IndexMap<String, Answer>, Option<(String, bytes::Bytes)>) {
    let mut answers = IndexMap::new();
    let mut files: BTreeMap<String, InputFile> = BTreeMap::new();
    for agent_id in agents {
        let answer = answer(agent_id, &primary, parameters.get(agent_id).unwrap_or(&Value::Null));
        files.remove(agent_id);
        if let Some(file) = made(&answer) {
            files.insert(agent_id.clone(), file.clone());
            primary = file;
        }
        answers.insert(agent_id.clone(), answer);
    }
    let marks = |id: &&&str| files.get(**id).map(|file| file.name.matches("cleaned_").count());
    let winner = CANDIDATES.iter().filter(|id| marks(id).is_some()).max_by_key(marks);
    let winner = winner.map(|id| (files[*id].name.replace("cleaned_", ""), files[*id].bytes.clone()));
    (answers, winner)
}

/// The answer without its file and without times.
fn seen(answer: &Answer) -> Value {
    let mut value = serde_json::to_value(Answer { cleaned_file: None, ..answer.clone() }).unwrap();
    without_times(&mut value);
    value
}

fn parameters() -> impl Strategy<Value = Value> {
    let strategy = || {
        prop::sample::select(vec!["mean", "median", "mode", "forward_fill", "constant", "drop_column", "x"])
    };
    let removal = prop::sample::select(vec!["remove", "impute_mean", "impute_median"]);
    let case = prop::sample::select(vec!["lowercase", "uppercase", "titlecase", "none"]);
    let fill =
        prop::sample::select(vec![json!("x"), json!(7), json!(2.5), json!(true), json!("007"), json!(1e300)]);
    (strategy(), strategy(), removal, case, fill, any::<bool>()).prop_map(|(n, t, removal, case, fill, flag)| {
        json!({
            "cleanse-previewer": {"preview_rules": [{"type": "impute_nulls", "target_columns": ["n", "t"], "strategy": n}, {"type": "drop_duplicates"}]},
            "quarantine-agent": {"required_fields": if flag { json!(["t"]) } else { json!([]) }},
            "null-handler": {
                "global_strategy": if flag { "drop_rows" } else { "column_specific" },
                "column_strategies": {"n": n, "t": t, "b": "mode", "a": t},
                "fill_values": {"n": fill, "t": fill, "a": fill},
            },
            "outlier-remover": {"removal_strategy": removal, "iqr_multiplier": 0.5},
            "field-standardization": {"case_strategy": case},
            "duplicate-resolver": {"merge_strategy": if flag { "merge_smart" } else { "remove_duplicates" }},
        })
    })
}

/// Files as people have them, and files that are no such thing.
fn csv() -> impl Strategy<Value = String> {
    let cell = prop_oneof![
        3 => "[0-9]{0,3}",
        1 => "-?[0-9]{1,2}\\.[0-9]?",
        1 => prop::sample::select(vec!["true", "FALSE", "NaN", "inf", "007", " 6", "+5", "N/A", "\"\"", "\"a\"\"b\"", "99999999999999999999", "\"1\"2", "2024-01-31"]).prop_map(str::to_owned),
        1 => "[a-zé ]{0,14}",
    ];
    let record = prop::collection::vec(cell, 1..4).prop_map(|cells| cells.join(","));
    let odd = prop::collection::vec(record, 0..12);
    prop_oneof![customers(), odd.prop_map(|records| format!("a,b,c\n{}\n", records.join("\n")))]
}

fn orders() -> impl Strategy<Value = Vec<String>> {
    let ids: Vec<String> = served(TOOL).map(str::to_owned).collect();
    prop::collection::vec(prop::sample::select(ids), 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any agents in any order, repeats included: the same answers and the same file as through files.
    #[test]
    fn the_chain_equals_the_way_through_files(csv in csv(), agents in orders(), parameters in parameters()) {
        let parameters = parameters.as_object().cloned().unwrap();
        let (slow, winner) = slowly(&agents, file(csv.clone()), &parameters);
        let job = Job {
            tool: tools::find(TOOL).unwrap(),
            agents,
            files: BTreeMap::from([("primary".to_owned(), file(csv))]),
            parameters,
            started: Instant::now(),
        };
        let chain = chain::run(job, &mut ()).unwrap();
        prop_assert!(chain.answers.keys().eq(slow.keys()));
        for (id, answer) in &chain.answers {
            prop_assert_eq!(seen(answer), seen(&slow[id]), "{}", id);
        }
        prop_assert_eq!(chain.data_file.as_ref().map(|file| &file.bytes), winner.as_ref().map(|winner| &winner.1));
        if let (Some(file), Some((name, _))) = (&chain.data_file, &winner) {
            prop_assert!(name == "data.csv" && file.name.starts_with("data_cleaned_"), "{} {}", name, file.name);
        }
    }
}
