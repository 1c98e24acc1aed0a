//! Which records mean the same: similarity of texts, sound codes, candidate pairs, clusters. Each operation once.
//!
//! | module | one idea |
//! |---|---|
//! | [`pattern`] | two texts compared bit by bit: common subsequence, ratio, edits, Jaro-Winkler |
//! | [`metaphone`] | how an English name sounds |
//! | [`field`] | what kind of value a column holds, its normal form, and how alike two values are |
//! | [`blocking`] | pairs of rows that agree on a key |
//! | [`union_find`] | clusters of all that is connected |
//! | [`leaders`] | clusters around the first row of each, without comparing every row with every cluster |
//!
//! Which columns are compared, with which weights, and what becomes of a cluster is the agents' business.

pub mod blocking;
pub mod field;
pub mod leaders;
pub mod metaphone;
pub mod pattern;
pub mod union_find;

pub use blocking::{BlockingRule, candidate_pairs};
pub use field::{FieldKind, FieldValue, PreparedValue};
pub use leaders::{Leaders, MatchField};
pub use metaphone::metaphone;
pub use pattern::{Pattern, jaro_winkler, levenshtein, ratio, token_sort_ratio};
pub use union_find::UnionFind;
