//! `config`: the effective settings, where they come from, secrets masked.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::cli::ConfigArgs;
use crate::config::{Effective, Loaded, SECTIONS};
use crate::output;

/// Shows the configuration. That it was loaded means that it is valid.
pub(crate) fn run(args: &ConfigArgs, loaded: &Loaded) -> anyhow::Result<ExitCode> {
    if args.check {
        output::text("the configuration is valid\n")?;
    } else if args.json {
        output::json(&as_json(&loaded.effective))?;
    } else {
        output::text(&as_table(&loaded.effective))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `{"broker.url": {"value": ..., "origin": "environment", "from": "REDIS_URL"}}`.
fn as_json(effective: &[Effective]) -> Map<String, Value> {
    let entry = |one: &Effective| json!({"value": one.shown(), "origin": one.origin.kind(), "from": one.origin.to_string()});
    effective.iter().map(|one| (one.setting.key.to_owned(), entry(one))).collect()
}

/// One line per setting, in sections; columns as wide as they need to be.
fn as_table(effective: &[Effective]) -> String {
    let rows: Vec<[String; 3]> = effective
        .iter()
        .map(|one| [one.setting.key.to_owned(), one_line(&one.shown()), one.origin.to_string()])
        .collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|text| text.chars().count())
            .max()
            .unwrap_or_default()
    };
    let (keys, values) = (width(0), width(1));
    let mut table = format!("{:keys$}  {:values$}  FROM\n", "SETTING", "VALUE");
    for (section, _, _) in SECTIONS {
        table.push('\n');
        for (_, [key, value, origin]) in
            effective.iter().zip(&rows).filter(|(one, _)| one.setting.section() == *section)
        {
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{key:keys$}  {value:values$}  {origin}");
        }
    }
    table
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(one_line).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
