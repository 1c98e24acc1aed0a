//! Finding the leader that a row is most like.

use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::plan::{Plan, Way};
use super::values::{Bounds, MatchField};
use crate::matching::field::PreparedValue;

/// Bounds may be so much off by rounding.
const SLACK: f64 = 1e-6;
/// Rows that a thread takes at once.
const SHARE: usize = 16;

/// The best leader so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Best {
    pub(super) cluster: u32,
    pub(super) similarity: f64,
}

/// The leaders so far, by the values that they hold.
#[derive(Debug)]
pub(super) struct LeaderIndex<'a> {
    fields: &'a [MatchField],
    whole: f64,
    threshold: f64,
    /// The bounds of each leader's values, field by field.
    bounds: Vec<Bounds>,
    /// For each field and value: the clusters whose leaders hold it.
    holders: Vec<Vec<Vec<u32>>>,
    count: u32,
}

impl<'a> LeaderIndex<'a> {
    pub(super) fn new(fields: &'a [MatchField], threshold: f64) -> Self {
        Self {
            fields,
            whole: fields.iter().map(MatchField::weight).sum(),
            threshold,
            bounds: Vec::new(),
            holders: fields.iter().map(|field| vec![Vec::new(); field.value_count()]).collect(),
            count: 0,
        }
    }

    /// Number of leaders.
    pub(super) fn len(&self) -> u32 {
        self.count
    }

    /// Makes a row the leader of a new cluster and gives its number.
    pub(super) fn add(&mut self, row: usize) -> u32 {
        let cluster = self.count;
        self.count += 1;
        for (field, holders) in self.fields.iter().zip(&mut self.holders) {
            let bounds = field.bounds_of(row);
            self.bounds.push(bounds);
            if let Some(holders) = bounds.value().and_then(|value| holders.get_mut(value as usize)) {
                holders.push(cluster);
            }
        }
        cluster
    }

    /// The best leader of each row of a batch.
    pub(super) fn look_up(
        &self,
        batch: &[(usize, Plan)],
        neighbours: &Neighbours<'_>,
        scratches: &Scratches,
    ) -> Vec<Option<Best>> {
        let look_up = |rows: &[(usize, Plan)]| {
            scratches.with(|scratch| {
                let best = rows.iter().map(|(row, plan)| self.best_of(*row, plan, neighbours, scratch));
                best.collect::<Vec<_>>()
            })
        };
        RAYON.install(|| batch.par_chunks(SHARE).flat_map_iter(look_up).collect())
    }

    fn best_of(
        &self,
        row: usize,
        plan: &Plan,
        neighbours: &Neighbours<'_>,
        scratch: &mut Scratch,
    ) -> Option<Best> {
        let mut best = None;
        match plan {
            Plan::Nobody => {}
            Plan::Everybody => self.compare_from(0, row, scratch, &mut best),
            Plan::AnyOf(ways) => {
                let mut query = Query::new(self, row, scratch);
                query.scratch.seen.resize(self.count as usize, 0);
                for way in ways {
                    let holders = self.holders.get(way.field).map(Vec::as_slice).unwrap_or_default();
                    for value in neighbours.of(row, *way) {
                        for cluster in holders.get(*value as usize).into_iter().flatten() {
                            if query.scratch.is_new(*cluster) {
                                query.compare(*cluster, &mut best);
                            }
                        }
                    }
                }
            }
        }
        best
    }

    /// Compares a row with all leaders from one on.
    pub(super) fn compare_from(
        &self,
        first: u32,
        row: usize,
        scratch: &mut Scratch,
        best: &mut Option<Best>,
    ) {
        if first < self.count {
            let mut query = Query::new(self, row, scratch);
            for cluster in first..self.count {
                query.compare(cluster, best);
            }
        }
    }
}

/// One row that is compared with leaders.
struct Query<'a, 's> {
    index: &'a LeaderIndex<'a>,
    bounds: Vec<Bounds>,
    prepared: Vec<Option<PreparedValue<'a>>>,
    scratch: &'s mut Scratch,
}

impl<'a, 's> Query<'a, 's> {
    fn new(index: &'a LeaderIndex<'a>, row: usize, scratch: &'s mut Scratch) -> Self {
        scratch.turn += 1;
        scratch.mosts.resize(index.fields.len(), 0.0);
        let bounds = index.fields.iter().map(|field| field.bounds_of(row)).collect();
        Self { index, bounds, prepared: index.fields.iter().map(|_| None).collect(), scratch }
    }

    /// Takes a leader if it is alike enough and better than the best so far; of equals the older one.
    fn compare(&mut self, cluster: u32, best: &mut Option<Best>) {
        let index = self.index;
        let width = index.fields.len();
        let start = cluster as usize * width;
        let leader = index.bounds.get(start..start + width).unwrap_or_default();
        let needed = best.map_or(index.threshold, |best| best.similarity.max(index.threshold));
        let needed = (needed - SLACK) * index.whole;
        let mut most = 0.0;
        let fields = index.fields.iter().zip(&self.bounds).zip(leader);
        for (((field, own), other), place) in fields.zip(&mut self.scratch.mosts) {
            *place = own.most(*other, field.kind());
            most += *place * field.weight();
        }
        if most < needed {
            return;
        }
        for (position, (field, other)) in index.fields.iter().zip(leader).enumerate() {
            let similarity = self.similarity(position, field, *other);
            if let Some(place) = self.scratch.mosts.get_mut(position) {
                most += (similarity - *place) * field.weight();
                *place = similarity;
            }
            if most < needed {
                return;
            }
        }
        let weighted = index.fields.iter().zip(&self.scratch.mosts);
        let sum = weighted.fold(0.0, |sum, (field, similarity)| sum + similarity * field.weight());
        let similarity = sum / index.whole;
        let is_better = best.is_none_or(|best| {
            similarity > best.similarity || similarity == best.similarity && cluster < best.cluster
        });
        if similarity >= index.threshold && is_better {
            *best = Some(Best { cluster, similarity });
        }
    }

    /// The similarity in one field, computed once for all leaders with the same value.
    fn similarity(&mut self, position: usize, field: &'a MatchField, other: Bounds) -> f64 {
        let Some(own) = self.bounds.get(position).and_then(|own| own.value()) else { return 0.0 };
        let Some(number) = other.value() else { return 0.0 };
        if own == number {
            return 100.0;
        }
        let known = self.scratch.known.get_mut(position).and_then(|known| known.get_mut(number as usize));
        let Some(known) = known else { return 0.0 };
        if known.0 != self.scratch.turn {
            let prepared = self.prepared.get_mut(position);
            let (Some(prepared), Some(own), Some(other)) = (prepared, field.value(own), field.value(number))
            else {
                return 0.0;
            };
            *known = (
                self.scratch.turn,
                prepared.get_or_insert_with(|| PreparedValue::new(own)).similarity(other),
            );
        }
        known.1
    }
}

/// What a thread remembers about the row that it is at.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Number of the row's turn; what was noted in another turn does not count.
    turn: u32,
    /// For each leader, the turn in which it was compared.
    seen: Vec<u32>,
    /// For each field and value, how alike it is, and in which turn that was found.
    known: Vec<Vec<(u32, f64)>>,
    /// For each field, what the similarity cannot exceed.
    mosts: Vec<f64>,
}

impl Scratch {
    fn is_new(&mut self, cluster: u32) -> bool {
        self.seen
            .get_mut(cluster as usize)
            .is_some_and(|seen| std::mem::replace(seen, self.turn) != self.turn)
    }
}

/// Scratch memory, handed from thread to thread.
#[derive(Debug)]
pub(super) struct Scratches {
    value_counts: Vec<usize>,
    free: Mutex<Vec<Scratch>>,
}

impl Scratches {
    pub(super) fn new(fields: &[MatchField]) -> Self {
        Self { value_counts: fields.iter().map(MatchField::value_count).collect(), free: Mutex::default() }
    }

    /// Lends memory for the time of a call.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = free.unwrap_or_else(|| Scratch {
            known: self.value_counts.iter().map(|count| vec![(0, 0.0); *count]).collect(),
            ..Scratch::default()
        });
        let result = work(&mut scratch);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
        result
    }
}

/// Which values are alike, found when a batch needs it and kept while later rows hold the same value.
#[derive(Debug)]
pub(super) struct Neighbours<'a> {
    fields: &'a [MatchField],
    /// For each field: rows to come that hold each value.
    to_come: Vec<Vec<u32>>,
    /// For each field and value: values alike, by level.
    found: Vec<HashMap<u32, ByLevel>>,
}

type ByLevel = Vec<(u8, Vec<u32>)>;

impl<'a> Neighbours<'a> {
    pub(super) fn new(fields: &'a [MatchField]) -> Self {
        Self {
            fields,
            to_come: fields.iter().map(|field| field.counts().to_vec()).collect(),
            found: fields.iter().map(|_| HashMap::new()).collect(),
        }
    }

    /// Finds what the rows of a batch need.
    pub(super) fn prepare(&mut self, batch: &[(usize, Plan)]) {
        let mut missing = Vec::new();
        for (row, plan) in batch {
            let Plan::AnyOf(ways) = plan else { continue };
            for way in ways {
                let value = self.fields.get(way.field).and_then(|field| field.value_of(*row));
                let (Some(value), Some(found)) = (value, self.found.get_mut(way.field)) else { continue };
                let lists = found.entry(value).or_default();
                if lists.iter().all(|(level, _)| *level != way.level) {
                    lists.push((way.level, Vec::new()));
                    missing.push((*way, value));
                }
            }
        }
        let fields = self.fields;
        let alike = |(way, value): &(Way, u32)| {
            fields.get(way.field).map(|field| field.values_like(*value, way.degree())).unwrap_or_default()
        };
        let lists: Vec<Vec<u32>> = RAYON.install(|| missing.par_iter().map(alike).collect());
        for ((way, value), list) in missing.into_iter().zip(lists) {
            let lists = self.found.get_mut(way.field).and_then(|found| found.get_mut(&value));
            let place = lists.into_iter().flatten().find(|(level, _)| *level == way.level);
            if let Some((_, place)) = place {
                *place = list;
            }
        }
    }

    /// Values that are alike to a row's, as a way wants it.
    fn of(&self, row: usize, way: Way) -> &[u32] {
        let value = self.fields.get(way.field).and_then(|field| field.value_of(row));
        let lists = value.zip(self.found.get(way.field)).and_then(|(value, found)| found.get(&value));
        let list = lists.into_iter().flatten().find(|(level, _)| *level == way.level);
        list.map(|(_, list)| list.as_slice()).unwrap_or_default()
    }

    /// Forgets what no later row holds.
    pub(super) fn release(&mut self, batch: &[(usize, Plan)]) {
        for ((field, to_come), found) in self.fields.iter().zip(&mut self.to_come).zip(&mut self.found) {
            for (row, _) in batch {
                let Some(value) = field.value_of(*row) else { continue };
                let Some(count) = to_come.get_mut(value as usize) else { continue };
                *count = count.saturating_sub(1);
                if *count == 0 {
                    found.remove(&value);
                }
            }
        }
    }
}
