//! Which fields lead to the leaders that a row can be alike to, and how alike their values must be.
//!
//! Every field that is less than its degree alike loses weight times what the degree is short of 100. When these
//! losses together exceed what the threshold allows, a leader that reaches the threshold must reach the degree in at
//! least one of the fields. Of all such choices the one is taken that promises the least work, by how alike the
//! values of some random pairs of rows are.

use super::values::MatchField;

/// Where a row's candidates come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// Too much of the row is empty: nothing can reach the threshold.
    Nobody,
    /// All leaders.
    Everybody,
    /// Leaders that are at least so much alike in one of these fields.
    AnyOf(Vec<Way>),
}

/// A field, and how alike a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Way {
    /// Position of the field.
    pub(super) field: usize,
    /// The degree as a number of [`STEP`]s.
    pub(super) level: u8,
}

impl Way {
    /// How alike a value must be, 0 to 100.
    pub(super) fn degree(self) -> f64 {
        f64::from(self.level) * STEP
    }
}

/// Degrees that are considered are multiples of this.
const STEP: f64 = 4.0;
const LEVELS: u8 = 25;
/// Losses are counted in this many parts of the whole weight.
const PARTS: usize = 400;
/// Random pairs that degrees of similarity are estimated from.
const PAIRS: usize = 4000;
/// What steps cost, about, in nanoseconds: looking at a candidate, at the next leader in a row, at the bounds of a
/// value, comparing two values.
const CANDIDATE: f64 = 40.0;
const LEADER: f64 = 15.0;
const BOUND: f64 = 4.0;
const VALUE: f64 = 80.0;

/// What plans are made from.
#[derive(Debug)]
pub(super) struct Plans {
    weights: Vec<f64>,
    threshold: f64,
    height: f64,
    /// For each field and level: which share of pairs is so much alike.
    shares: Vec<Vec<f64>>,
    /// For each field: the share of a row in finding which values are alike, for each value looked at.
    scans: Vec<f64>,
}

impl Plans {
    pub(super) fn new(fields: &[MatchField], threshold: f64) -> Self {
        let height = fields.first().map_or(0, MatchField::height);
        Self {
            weights: fields.iter().map(MatchField::weight).collect(),
            threshold,
            height: height as f64,
            shares: fields.iter().map(shares).collect(),
            scans: fields
                .iter()
                .map(|field| {
                    let values = field.value_count() as f64;
                    values * values / height.max(1) as f64
                })
                .collect(),
        }
    }

    /// The plan for rows that are empty in these fields.
    pub(super) fn cheapest(&self, empty: &[bool]) -> Plan {
        let whole: f64 = self.weights.iter().sum();
        if !(whole > 0.0 && self.threshold > 0.0) {
            return Plan::Everybody;
        }
        let filled: f64 =
            self.weights.iter().zip(empty).filter(|(_, empty)| !**empty).map(|(weight, _)| weight).sum();
        // What may be lost in the filled fields, in parts of the whole weight.
        let allowed = (filled / whole - self.threshold / 100.0) * PARTS as f64;
        if allowed < -1e-6 {
            return Plan::Nobody;
        }
        // One part more, so that rounding never makes a choice incomplete.
        let needed = allowed.max(0.0) as usize + 2;
        match self.ways(empty, whole, needed) {
            Some((ways, cost)) if cost < self.height / 2.0 * LEADER => Plan::AnyOf(ways),
            _ => Plan::Everybody,
        }
    }

    /// The cheapest choice whose losses are at least so many parts, with its cost.
    fn ways(&self, empty: &[bool], whole: f64, needed: usize) -> Option<(Vec<Way>, f64)> {
        // Least cost for each sum of losses, capped at what is needed; and field by field, which way was taken last
        // and from which sum.
        let mut costs = vec![f64::INFINITY; needed + 1];
        *costs.first_mut()? = 0.0;
        let mut steps: Vec<Vec<Option<(Way, usize)>>> = Vec::new();
        for (field, weight) in self.weights.iter().enumerate() {
            let (mut next, mut taken) = (costs.clone(), vec![None; needed + 1]);
            for level in (1..LEVELS).filter(|_| empty.get(field) == Some(&false)) {
                let way = Way { field, level };
                let loss = (weight * (100.0 - way.degree()) / (100.0 * whole) * PARTS as f64) as usize;
                let cost = self.cost(way);
                for (before, spent) in costs.iter().enumerate() {
                    let lost = (before + loss).min(needed);
                    if let (Some(least), Some(step)) = (next.get_mut(lost), taken.get_mut(lost))
                        && spent + cost < *least
                    {
                        *least = spent + cost;
                        *step = Some((way, before));
                    }
                }
            }
            costs = next;
            steps.push(taken);
        }
        let cost = costs.last().copied().filter(|cost| cost.is_finite())?;
        let (mut ways, mut lost) = (Vec::new(), needed);
        for taken in steps.iter().rev() {
            if let Some(Some((way, before))) = taken.get(lost) {
                ways.push(*way);
                lost = *before;
            }
        }
        Some((ways, cost))
    }

    /// What a way costs a row on average.
    fn cost(&self, way: Way) -> f64 {
        let share = self.shares.get(way.field).and_then(|shares| shares.get(usize::from(way.level)));
        let share = share.copied().unwrap_or(1.0);
        let scan = self.scans.get(way.field).copied().unwrap_or_default();
        // Three times the values that are alike in the end pass their bounds.
        share * self.height / 2.0 * CANDIDATE + scan * (BOUND + (3.0 * share).min(1.0) * VALUE)
    }
}

/// For each level, which share of random pairs of rows is at least so much alike; never quite none.
fn shares(field: &MatchField) -> Vec<f64> {
    let mut at_least = vec![1.0; usize::from(LEVELS) + 1];
    let height = field.height();
    if height < 2 {
        return at_least.iter().map(|count| count / PAIRS as f64).collect();
    }
    // Any sequence does: what it finds decides on the cost only.
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % height
    };
    for _ in 0..PAIRS {
        let similarity = field.similarity(random(), random());
        for (level, count) in at_least.iter_mut().enumerate() {
            if level == 0 || similarity >= level as f64 * STEP {
                *count += 1.0;
            }
        }
    }
    at_least.iter().map(|count| count / PAIRS as f64).collect()
}
