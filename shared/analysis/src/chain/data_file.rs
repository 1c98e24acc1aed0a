//! Which agent's file the client gets, and under which name (downloads.md 1.1).

use bytes::Bytes;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;

use crate::agent::AgentError;
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

/// The agent's file, if it competes, and how many marks its name carries: one for each agent of the chain so far,
/// because each puts its mark before the name.
fn marked<'a>(
    transformer: Transformer,
    agent_id: &str,
    answers: &'a IndexMap<String, Answer>,
) -> Option<(usize, &'a CleanedFile)> {
    let prefix = format!("{}_", transformer.file_mark()?);
    let answer = answers.get(agent_id).filter(|answer| answer.is_success())?;
    let file = answer.cleaned_file.as_ref().filter(|_| candidates(transformer).contains(&agent_id))?;
    Some((file.name.matches(prefix.as_str()).count(), file))
}

/// Gives up the files that cannot win any more, because the one of `agent_id` carries more marks.
pub(super) fn drop_outdone(transformer: Transformer, agent_id: &str, answers: &mut IndexMap<String, Answer>) {
    let marks = |id: &str, answers: &IndexMap<String, Answer>| {
        marked(transformer, id, answers).map(|(marks, _)| marks)
    };
    let Some(most) = marks(agent_id, answers) else { return };
    for id in candidates(transformer) {
        if marks(id, answers).is_some_and(|marks| marks < most)
            && let Some(answer) = answers.get_mut(*id)
        {
            answer.cleaned_file = None;
        }
    }
}

/// Writes the file that carries most marks, the last of the chain, and gives up all others. If it cannot be written
/// its agent has failed, and the next best is written.
pub(super) fn write(
    transformer: Transformer,
    answers: &mut IndexMap<String, Answer>,
    now: DateTime<Utc>,
) -> Option<DataFile> {
    let mark = transformer.file_mark()?;
    let written = loop {
        let files = candidates(transformer).iter().map(|id| (*id, marked(transformer, id, answers)));
        // `max_by_key` returns the last of several maxima.
        let winner = files.filter_map(|(id, found)| Some((id, found?))).max_by_key(|(_, (marks, _))| *marks);
        let Some((agent_id, (_, file))) = winner else { break None };
        match file.table.to_csv() {
            Ok(bytes) => {
                break Some((stamped(&file.name.replace(&format!("{mark}_"), ""), mark, now), bytes));
            }
            Err(error) => {
                tracing::error!(agent = agent_id, %error, "a cleaned file cannot be written");
                let error = AgentError::Computation { step: "writing the file", reason: error.to_string() };
                answers.insert(agent_id.to_owned(), Answer::error(error.to_string()));
            }
        }
    };
    answers.values_mut().for_each(|answer| answer.cleaned_file = None);
    let (name, bytes) = written?;
    let content_type = if name.ends_with(".xlsx") {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    } else if name.ends_with(".json") {
        "application/json"
    } else {
        "text/csv"
    };
    Some(DataFile { name, bytes, content_type })
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
    use crate::table::{ReadOptions, Table};
    use serde_json::Map;
    use std::sync::Arc;

    fn answer(name: &str, csv: &'static [u8]) -> Answer {
        let mut answer = Answer::success(Map::new(), Map::new(), Findings::default());
        let table = Table::read_csv(name, &Bytes::from_static(csv), ReadOptions::inferring(0)).unwrap();
        answer.cleaned_file = Some(CleanedFile { name: name.to_owned(), table: Arc::new(table) });
        answer
    }

    fn at() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_225_599, 0).unwrap()
    }

    fn chain(answers: &[(&str, &str, &'static [u8])]) -> IndexMap<String, Answer> {
        answers.iter().map(|(id, name, csv)| ((*id).to_owned(), answer(name, csv))).collect()
    }

    #[test]
    fn the_longest_chain_wins_and_every_mark_goes() {
        let mut answers = chain(&[
            ("type-fixer", "cleaned_cleaned_my.precleaned_x.csv", b"b\n2\n"),
            ("null-handler", "cleaned_my.precleaned_x.csv", b"a\n1\n"),
        ]);
        let file = write(Transformer::Clean, &mut answers, at()).unwrap();
        assert_eq!(file.name, "my.prex_cleaned_20251231_235959.csv");
        assert_eq!((file.bytes.as_ref(), file.content_type), (&b"b\n2\n"[..], "text/csv"));
        assert!(answers.values().all(|answer| answer.is_success() && answer.cleaned_file.is_none()));
    }

    #[test]
    fn among_equals_the_last_candidate_wins() {
        let mut answers =
            chain(&[("quarantine-agent", "cleaned_a", b"q\n"), ("null-handler", "cleaned_a", b"n\n")]);
        drop_outdone(Transformer::Clean, "null-handler", &mut answers);
        let file = write(Transformer::Clean, &mut answers, at()).unwrap();
        assert_eq!((file.name.as_str(), file.bytes.as_ref()), ("a_cleaned_20251231_235959", &b"q\n"[..]));
    }

    #[test]
    fn only_what_cannot_win_any_more_is_given_up() {
        let mut answers = chain(&[
            ("null-handler", "cleaned_a.csv", b"n\n"),
            ("type-fixer", "cleaned_cleaned_a.csv", b"t\n"),
            ("lineage-tracer", "cleaned_cleaned_cleaned_a.csv", b"l\n"),
        ]);
        let left = |answers: &IndexMap<String, Answer>| {
            answers.values().map(|answer| answer.cleaned_file.is_some()).collect::<Vec<_>>()
        };
        drop_outdone(Transformer::Clean, "null-handler", &mut answers);
        drop_outdone(Transformer::Clean, "lineage-tracer", &mut answers);
        assert_eq!(left(&answers), [true, true, true]);
        drop_outdone(Transformer::Clean, "type-fixer", &mut answers);
        assert_eq!(left(&answers), [false, true, true]);
    }

    #[test]
    fn no_candidate_gives_no_file() {
        let mut other = chain(&[("lineage-tracer", "mastered_a.csv", b"1\n")]);
        assert_eq!(write(Transformer::Master, &mut other, at()), None);
        assert_eq!(write(Transformer::Profile, &mut other, at()), None);
        assert_eq!(write(Transformer::Clean, &mut IndexMap::new(), at()), None);
    }
}
