//! Against the definition: every row with every leader.

use super::*;
use crate::matching::FieldKind;
use proptest::prelude::*;
use std::borrow::Cow;

/// Clusters and similarities as the definition has them.
fn by_definition(fields: &[MatchField], threshold: f64) -> Leaders {
    let whole: f64 = fields.iter().map(MatchField::weight).sum();
    let mut slow = Leaders::default();
    for row in 0..fields[0].height() {
        let mut best: Option<(u32, f64)> = None;
        for (cluster, leader) in (0_u32..).zip(&slow.leaders) {
            let leader = *leader as usize;
            let sum: f64 =
                fields.iter().fold(0.0, |sum, field| sum + field.similarity(row, leader) * field.weight());
            let similarity = sum / whole;
            if similarity >= threshold && best.is_none_or(|best| similarity > best.1) {
                best = Some((cluster, similarity));
            }
        }
        let (cluster, similarity) = best.unwrap_or_else(|| {
            slow.leaders.push(row as u32);
            (slow.leaders.len() as u32 - 1, 100.0)
        });
        slow.cluster_of.push(cluster);
        slow.similarities.push(similarity);
    }
    slow
}

fn fields(kinds: &[(FieldKind, f64)], rows: &[Vec<Option<String>>]) -> Vec<MatchField> {
    let of = |position: usize, kind, weight| {
        MatchField::of_texts(kind, weight, rows.iter().map(|row| row[position].as_deref().map(Cow::Borrowed)))
    };
    kinds.iter().enumerate().map(|(position, (kind, weight))| of(position, *kind, *weight)).collect()
}

/// People of few names with slips of the pen, from a fixed sequence of numbers.
fn people(count: usize, mut state: u64) -> Vec<Vec<Option<String>>> {
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let words = [
        "jonathan",
        "maria",
        "elizabeth",
        "kim",
        "søren",
        "o'brien",
        "smith-jones",
        "müller",
        "anna lena",
        "x",
    ];
    (0..count)
        .map(|_| {
            (0..5)
                .map(|field| {
                    let mut text = match field {
                        0 | 1 => format!("{}{}", words[random(10)], words[random(4)]),
                        2 => format!("{} {} street", random(300), words[random(10)]),
                        3 => format!("0{}", random(100_000)),
                        _ => words[random(10)].to_owned(),
                    };
                    if random(4) == 0 {
                        let at =
                            text.char_indices().map(|(at, _)| at).nth(random(text.chars().count())).unwrap();
                        text.insert(at, 'e');
                    }
                    (random(12) != 0).then_some(text)
                })
                .collect()
        })
        .collect()
}

const KINDS: [FieldKind; 5] =
    [FieldKind::Name, FieldKind::Name, FieldKind::Address, FieldKind::Phone, FieldKind::Text];

#[test]
fn many_people_in_several_batches() {
    let rows = people(600, 7);
    for (weights, thresholds) in
        [([1.0; 5], vec![40.0, 61.0, 80.0, 95.0, 100.0]), ([0.4, 0.35, 0.1, 0.05, 0.1], vec![55.0, 80.0])]
    {
        let kinds: Vec<_> = KINDS.into_iter().zip(weights).collect();
        let fields = fields(&kinds, &rows);
        for threshold in thresholds {
            assert!(
                Leaders::of(&fields, threshold) == by_definition(&fields, threshold),
                "{weights:?} {threshold}"
            );
        }
    }
}

#[test]
fn nothing_and_nobody() {
    assert_eq!(Leaders::of(&[], 80.0), Leaders::default());
    let none = fields(&[(FieldKind::Text, 1.0)], &[]);
    assert_eq!(Leaders::of(&none, 80.0), Leaders::default());
    let empty = fields(&[(FieldKind::Text, 1.0)], &[vec![None], vec![Some("-".to_owned())], vec![None]]);
    assert_eq!(Leaders::of(&empty, 80.0).cluster_of, [0, 1, 2]);
    // A threshold that everything reaches: the oldest cluster wins.
    assert_eq!(Leaders::of(&empty, 0.0).cluster_of, [0, 0, 0]);
    assert_eq!(Leaders::of(&empty, 0.0).similarities, [100.0, 0.0, 0.0]);
    assert_eq!(Leaders::of(&empty, 101.0).cluster_of, [0, 1, 2]);
}

#[test]
fn the_most_alike_leader_wins_and_of_equals_the_oldest() {
    let rows: Vec<_> =
        ["abcdefgh", "abcdxxxx", "abcdefxx", "abcdefgx"].map(|text| vec![Some(text.to_owned())]).into();
    let clusters = Leaders::of(&fields(&[(FieldKind::Text, 1.0)], &rows), 70.0);
    // The third is as much like the first as like the second; the fourth is more like the first.
    assert_eq!(clusters.cluster_of, [0, 1, 0, 0]);
    assert_eq!(clusters.leaders, [0, 1]);
    assert_eq!(clusters.similarities, [100.0, 100.0, 75.0, 87.5]);
}

proptest! {
    #[test]
    fn equals_the_definition(
        rows in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.9, "[abcé]{0,3}[ a]?[ab1]{0,4}"), 4), 0..60),
        kinds in prop::collection::vec((prop::sample::select(vec![FieldKind::Name, FieldKind::Address, FieldKind::Phone, FieldKind::Zip, FieldKind::Text]), prop::sample::select(vec![0.0, 0.1, 0.25, 0.3, 1.0, 7.0])), 1..5),
        threshold in prop_oneof![0.0_f64..100.0, Just(80.0), Just(100.0), Just(50.0)],
    ) {
        prop_assume!(kinds.iter().any(|(_, weight)| *weight > 0.0));
        let fields = fields(&kinds, &rows);
        prop_assert_eq!(Leaders::of(&fields, threshold), by_definition(&fields, threshold));
    }
}
