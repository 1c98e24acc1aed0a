//! How much the texts of a column vary (section 4 of the specification, "Analysis of a column").

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use serde_json::{Value, json};

use crate::cleaning::{has_stray_spaces, lower};
use crate::findings::Severity;
use crate::stats::{percentage, round};
use crate::text::fixed;

/// Figures over the distinct values of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Variation {
    pub(super) uniques: usize,
    values: usize,
    /// Distinct values in percent of all, two decimals.
    pub(super) score: f64,
    /// Texts in lower case that several distinct values become.
    pub(super) cases: usize,
    /// Distinct values with white space at an end or two blanks in a row.
    pub(super) spaces: usize,
}

impl Variation {
    /// Of the distinct values, and the number of all that are not null.
    pub(super) fn of(distinct: &[&str], values: usize) -> Self {
        let uniques = distinct.len();
        let spaces = distinct.iter().filter(|value| has_stray_spaces(value)).count();
        let score = round(percentage(uniques, values), 2);
        Self { uniques, values, score, cases: cases(distinct), spaces }
    }

    /// Variations of both kinds.
    pub(super) fn total(&self) -> usize {
        self.cases + self.spaces
    }

    pub(super) fn to_json(self) -> Value {
        json!({
            "total_unique_values": self.uniques,
            "total_non_null_values": self.values,
            "variation_score": self.score,
            "case_variations": self.cases,
            "whitespace_issues": self.spaces,
            "needs_standardization": self.total() > 0,
        })
    }

    /// What a column that varies so after standardization needs.
    pub(super) fn advice<'a>(&self, column: &'a str) -> Vec<Advice<'a>> {
        let advice = |action, priority, reason| Advice { column, action, priority, reason };
        let mut list = Vec::new();
        if self.cases > 0 {
            let reason = format!("{} values still differ in case only.", self.cases);
            list.push(advice("apply_stricter_case_normalization", Severity::Medium, reason));
        }
        if self.spaces > 0 {
            let reason = format!("{} values still have stray white space.", self.spaces);
            list.push(advice("review_whitespace_handling", Severity::Medium, reason));
        }
        if self.score > 50.0 {
            let reason = format!(
                "{} % of the values are distinct: some may be synonyms of one another.",
                fixed(self.score, 1)
            );
            list.push(advice("consider_synonym_mapping", Severity::High, reason));
        }
        list
    }
}

/// Texts in lower case that several of the distinct values become. The texts are not kept: a column may have as many
/// as it has rows.
fn cases(distinct: &[&str]) -> usize {
    let hasher = DefaultHashBuilder::default();
    let mut firsts: HashTable<(u64, u32)> = HashTable::with_capacity(distinct.len());
    let mut is_counted = vec![false; distinct.len()];
    let mut cases = 0;
    for (position, value) in (0..).zip(distinct) {
        let lowered = lower(value);
        let hash = hasher.hash_one(lowered.as_ref());
        let is_same = |first: &(u64, u32)| {
            first.0 == hash && distinct.get(first.1 as usize).is_some_and(|first| lower(first) == lowered)
        };
        match firsts.entry(hash, is_same, |first| first.0) {
            Entry::Occupied(first) => {
                if let Some(is_counted) = is_counted.get_mut(first.get().1 as usize) {
                    cases += usize::from(!std::mem::replace(is_counted, true));
                }
            }
            Entry::Vacant(entry) => {
                entry.insert((hash, position));
            }
        }
    }
    cases
}

/// An entry of `standardization_analysis.recommendations`.
pub(super) struct Advice<'a> {
    pub(super) column: &'a str,
    action: &'static str,
    pub(super) priority: Severity,
    pub(super) reason: String,
}

impl Advice<'_> {
    /// For a table whose columns need nothing.
    pub(super) fn nothing() -> Self {
        let reason = "All columns that were looked at are in one form.".to_owned();
        Self { column: "all", action: "maintain_standards", priority: Severity::Low, reason }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"column": self.column, "action": self.action, "reason": self.reason, "priority": self.priority})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cases_are_those_of_all_pairs(values in prop::collection::hash_set("[aAéÉßΣσς ]{0,3}", 0..30)) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let mut lowered: Vec<String> = values.iter().map(|value| value.to_lowercase()).collect();
            lowered.sort_unstable();
            let repeated = lowered.chunk_by(|left, right| left == right).filter(|group| group.len() > 1);
            prop_assert_eq!(cases(&values), repeated.count());
        }
    }

    #[test]
    fn a_group_of_cases_counts_once() {
        let values = ["a", "A", " a", "é", "É", "b  b", "b b", "SS", "ß"];
        let variation = Variation::of(&values, 18);
        assert_eq!((variation.cases, variation.spaces, variation.score), (2, 2, 50.0));
        let three = Variation::of(&["ab", "aB", "AB"], 3);
        assert_eq!((three.cases, three.total()), (1, 1));
        assert_eq!(Variation::of(&[], 0).score, 0.0);
    }
}
