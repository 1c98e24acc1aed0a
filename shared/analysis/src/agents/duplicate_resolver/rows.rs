//! Row-level issues: each listed row once, with the types that list it (section 6).

use indexmap::IndexMap;
use serde_json::json;

use super::detection::Detected;
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};

pub(super) fn collect(detected: &Detected) -> Vec<RowIssue> {
    let mut types_of: IndexMap<u32, Vec<&str>> = IndexMap::new();
    for found in detected.types() {
        for row in found.listed() {
            types_of.entry(*row).or_default().push(&found.name);
        }
    }
    types_of.into_iter().take(ROW_ISSUE_CAP).map(|(row, types)| issue(row, &types)).collect()
}

fn issue(row: u32, types: &[&str]) -> RowIssue {
    let (kind, severity, message) = if types.contains(&"conflicting") {
        ("key_conflict", Severity::Critical, "Another row has the same key and other values.")
    } else if types.contains(&"exact") {
        ("duplicate_row", Severity::Warning, "Another row is the same in all columns.")
    } else {
        ("partial_duplicate", Severity::Info, "Another row differs in case or outer blanks only.")
    };
    let methods = extra([("detection_methods", json!(types))]);
    RowIssue::new(row as usize, "all", kind, severity, message.to_owned(), methods)
}
