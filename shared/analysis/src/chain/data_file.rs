//! Which agent's file the client gets, and under which name (downloads.md 1.1).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::answer::{Answer, CleanedFile};
use crate::tools::Transformer;

/// The data file of a task, ready for `outputs/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Name with the time stamp, e.g. `customers_cleaned_20260131_235959.csv`.
    pub name: String,
    /// The file itself.
    pub bytes: Bytes,
    /// Content type.
    pub content_type: &'static str,
}

/// Agents whose files compete. Among files with equally many marks the later agent of this list wins.
fn candidates(transformer: Transformer) -> &'static [&'static str] {
    match transformer {
        Transformer::Clean => &[
            "null-handler",
            "outlier-remover",
            "type-fixer",
            "duplicate-resolver",
            "field-standardization",
            "quarantine-agent",
        ],
        Transformer::Master => &[
            "key-identifier",
            "contract-enforcer",
            "semantic-mapper",
            "survivorship-resolver",
            "golden-record-builder",
            "stewardship-flagger",
        ],
        Transformer::Profile | Transformer::Analytics => &[],
    }
}

/// The file that carries most marks: the last of the chain, because each agent puts its mark before the name.
pub(super) fn choose(
    transformer: Transformer,
    answers: &IndexMap<String, Answer>,
    now: DateTime<Utc>,
) -> Option<DataFile> {
    let mark = transformer.file_mark()?;
    let prefix = format!("{mark}_");
    let files =
        candidates(transformer).iter().filter_map(|id| answers.get(*id).filter(|answer| answer.is_success()));
    // `max_by_key` returns the last of several maxima.
    let winner: &CleanedFile = files
        .filter_map(|answer| answer.cleaned_file.as_ref())
        .max_by_key(|file| file.name.matches(prefix.as_str()).count())?;
    if winner.bytes.is_empty() {
        return None;
    }
    let name = stamped(&winner.name.replace(&prefix, ""), mark, now);
    let content_type = if name.ends_with(".xlsx") {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    } else if name.ends_with(".json") {
        "application/json"
    } else {
        "text/csv"
    };
    Some(DataFile { name, bytes: winner.bytes.clone(), content_type })
}

fn stamped(name: &str, mark: &str, now: DateTime<Utc>) -> String {
    let stamp = now.format("%Y%m%d_%H%M%S");
    match name.rsplit_once('.') {
        Some((base, extension)) => format!("{base}_{mark}_{stamp}.{extension}"),
        None => format!("{name}_{mark}_{stamp}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Findings;
    use serde_json::Map;

    fn answer(name: &str, bytes: &'static [u8]) -> Answer {
        let mut answer = Answer::success(Map::new(), Map::new(), Findings::default());
        answer.cleaned_file = Some(CleanedFile { name: name.to_owned(), bytes: Bytes::from_static(bytes) });
        answer
    }

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_599, 0).unwrap()
    }

    #[test]
    fn the_longest_chain_wins_and_every_mark_goes() {
        let answers = IndexMap::from([
            ("type-fixer".to_owned(), answer("cleaned_cleaned_my.precleaned_x.csv", b"2")),
            ("null-handler".to_owned(), answer("cleaned_my.precleaned_x.csv", b"1")),
        ]);
        let file = choose(Transformer::Clean, &answers, at()).unwrap();
        assert_eq!(file.name, "my.prex_cleaned_20251231_235959.csv");
        assert_eq!((file.bytes.as_ref(), file.content_type), (&b"2"[..], "text/csv"));
    }

    #[test]
    fn among_equals_the_last_candidate_wins() {
        let answers = IndexMap::from([
            ("quarantine-agent".to_owned(), answer("cleaned_a", b"q")),
            ("null-handler".to_owned(), answer("cleaned_a", b"n")),
        ]);
        let file = choose(Transformer::Clean, &answers, at()).unwrap();
        assert_eq!((file.name.as_str(), file.bytes.as_ref()), ("a_cleaned_20251231_235959", &b"q"[..]));
    }

    #[test]
    fn no_candidate_and_empty_content_give_no_file() {
        let empty = IndexMap::from([("null-handler".to_owned(), answer("cleaned_a.csv", b""))]);
        assert_eq!(choose(Transformer::Clean, &empty, at()), None);
        let other = IndexMap::from([("lineage-tracer".to_owned(), answer("mastered_a.csv", b"1"))]);
        assert_eq!(choose(Transformer::Master, &other, at()), None);
        assert_eq!(choose(Transformer::Profile, &other, at()), None);
    }
}
