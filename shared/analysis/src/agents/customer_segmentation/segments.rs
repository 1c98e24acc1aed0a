//! Scores by quantiles, and the segments that they make (section 4 of the specification, steps 6 to 9).

use serde_json::{Value, json};

use super::Report;
use super::customers::Customer;

/// What customers are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What they bought.
    Value,
    /// How recently, how often, and what.
    Rfm,
}

impl Mode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Rfm => "rfm",
        }
    }
}

/// How much recency, frequency and value count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) recency: i64,
    pub(super) frequency: i64,
    pub(super) monetary: i64,
}

impl Weights {
    /// The weights that count: the defaults when none is above 0. Only one mode has weights.
    pub(super) fn in_force(self, mode: Mode) -> Self {
        if mode == Mode::Rfm && self.positive_sum() == 0 {
            return Self { recency: 33, frequency: 33, monetary: 34 };
        }
        self
    }

    /// Sum of those above 0.
    pub(super) fn positive_sum(self) -> i128 {
        self.all().into_iter().map(|weight| i128::from(weight.max(0))).sum()
    }

    /// Sum of all three, negative ones included.
    pub(super) fn plain_sum(self) -> i128 {
        self.all().into_iter().map(i128::from).sum()
    }

    fn all(self) -> [i64; 3] {
        [self.recency, self.frequency, self.monetary]
    }

    /// With their parameters and defaults.
    pub(super) fn keyed(self) -> [(&'static str, i64, i64); 3] {
        [
            ("rfm_recency_weight", 33, self.recency),
            ("rfm_frequency_weight", 33, self.frequency),
            ("rfm_monetary_weight", 34, self.monetary),
        ]
    }
}

/// Customers with the segments that they are in.
pub(super) struct Segmentation {
    /// By id.
    pub(super) customers: Vec<Customer>,
    /// The segment of each, 1 is best.
    pub(super) ids: Vec<usize>,
    /// Never more than there are customers, but at least 2.
    pub(super) segment_count: usize,
    mode: Mode,
}

impl Segmentation {
    pub(super) fn of(
        customers: Vec<Customer>,
        mode: Mode,
        segment_count: usize,
        bins: usize,
        weights: Weights,
    ) -> Self {
        let segment_count = segment_count.min(customers.len()).max(2);
        let monetary: Vec<f64> = customers.iter().map(|customer| customer.monetary).collect();
        let composite = match mode {
            Mode::Value => monetary,
            Mode::Rfm => rfm_scores(&customers, &monetary, bins, weights.in_force(mode)),
        };
        let buckets = scores(&composite, segment_count);
        let ids = buckets.into_iter().map(|bucket| segment_count + 1 - bucket).collect();
        Self { customers, ids, segment_count, mode }
    }

    /// Segments that have customers, best first.
    pub(super) fn segments(&self) -> Vec<Segment<'_>> {
        let of = |id: usize| {
            let customers = self.ids.iter().zip(&self.customers).filter(|(other, _)| **other == id);
            Segment { id, segmentation: self, customers: customers.map(|(_, customer)| customer).collect() }
        };
        (1..=self.segment_count).map(of).filter(|segment| !segment.customers.is_empty()).collect()
    }
}

/// From 0 to 100, in exactly the order of operations that the specification gives.
fn rfm_scores(customers: &[Customer], monetary: &[f64], bins: usize, weights: Weights) -> Vec<f64> {
    let recency: Vec<f64> = customers.iter().map(|customer| customer.recency_days as f64).collect();
    let frequency: Vec<f64> = customers.iter().map(|customer| customer.frequency as f64).collect();
    // The fewer days, the better.
    let recency = scores(&recency, bins).into_iter().map(|score| bins + 1 - score);
    let scored = recency.zip(scores(&frequency, bins)).zip(scores(monetary, bins));
    let weighted = |score: usize, weight: i64| score as i128 * i128::from(weight.max(0));
    scored
        .map(|((r, f), m)| {
            let sum =
                weighted(r, weights.recency) + weighted(f, weights.frequency) + weighted(m, weights.monetary);
            let score = ((sum as f64 / weights.positive_sum() as f64) - 1.0) / (bins - 1) as f64 * 100.0;
            score.clamp(0.0, 100.0)
        })
        .collect()
}

/// The bin of each value, from 1: one more than the edges strictly below it. Edges are the distinct quantiles, linear
/// between neighbours; of equal values some bins stay empty.
pub(super) fn scores(values: &[f64], bins: usize) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let at =
        |position: usize| sorted.get(position.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0);
    let mut edges: Vec<f64> = (1..bins)
        .map(|i| {
            let q = ((100 * i) as f64 / bins as f64) / 100.0;
            let h = sorted.len().saturating_sub(1) as f64 * q;
            let k = h.floor();
            let t = h - k;
            let (a, b) = (at(k as usize), at(k as usize + 1));
            if t < 0.5 { a + (b - a) * t } else { b - (b - a) * (1.0 - t) }
        })
        .collect();
    edges.dedup();
    values.iter().map(|value| 1 + edges.iter().filter(|edge| *edge < value).count()).collect()
}

/// The name of a segment.
pub(super) fn label(id: usize, segment_count: usize, mode: Mode) -> String {
    let names = match mode {
        Mode::Rfm => ["Champions", "Loyal", "Potential", "At Risk", "Lost"],
        Mode::Value => ["Top Value", "High Value", "Mid Value", "Low Value", "Lowest Value"],
    };
    let named = names.get(id.wrapping_sub(1)).filter(|_| segment_count == names.len());
    named.map_or_else(|| format!("Segment {id}"), |name| (*name).to_owned())
}

/// What customers of a segment are like.
fn description(id: usize, segment_count: usize, mode: Mode) -> &'static str {
    if segment_count == 5 {
        return match (mode, id) {
            (Mode::Rfm, 1) => "Bought lately, often and for much.",
            (Mode::Rfm, 2) => "Buy regularly and for good sums.",
            (Mode::Rfm, 3) => "Buy now and then, and may come to buy more.",
            (Mode::Rfm, 4) => "Have not bought for a while; they may be leaving.",
            (Mode::Rfm, _) => "Bought long ago, rarely or for little.",
            (Mode::Value, 1) => "Bring in the most.",
            (Mode::Value, 2) => "Bring in more than most others.",
            (Mode::Value, 3) => "Bring in about as much as the middle.",
            (Mode::Value, 4) => "Bring in less than most others.",
            (Mode::Value, _) => "Bring in the least.",
        };
    }
    let level = match id {
        id if id <= (segment_count / 3).max(1) => 0,
        id if id <= (2 * segment_count / 3).max(2) => 1,
        _ => 2,
    };
    match (mode, level) {
        (Mode::Rfm, 0) => "A higher composite score than the others.",
        (Mode::Rfm, 1) => "A middling composite score.",
        (Mode::Rfm, _) => "A lower composite score than the others.",
        (Mode::Value, 0) => "A higher total value than the others.",
        (Mode::Value, 1) => "A middling total value.",
        (Mode::Value, _) => "A lower total value than the others.",
    }
}

/// One segment that has customers.
pub(super) struct Segment<'a> {
    pub(super) id: usize,
    segmentation: &'a Segmentation,
    pub(super) customers: Vec<&'a Customer>,
}

impl Segment<'_> {
    fn total(&self) -> f64 {
        self.customers.iter().map(|customer| customer.monetary).sum()
    }

    pub(super) fn label(&self) -> String {
        label(self.id, self.segmentation.segment_count, self.segmentation.mode)
    }

    /// Of what all customers bought, in percent.
    pub(super) fn share(&self, total: f64) -> f64 {
        self.total() / total.max(1e-9) * 100.0
    }

    pub(super) fn to_json(&self, report: &Report<'_>) -> Value {
        let count = self.customers.len() as f64;
        let mean = |figure: fn(&Customer) -> f64| {
            self.customers.iter().map(|customer| figure(customer)).sum::<f64>() / count
        };
        json!({
            "segment_id": self.id,
            "segment_label": self.label(),
            "segment_description": description(self.id, self.segmentation.segment_count, self.segmentation.mode),
            "customer_count": self.customers.len(),
            "total_value": self.total(),
            "avg_value": self.total() / count,
            "avg_frequency": mean(|customer| customer.frequency as f64),
            "avg_recency_days": mean(|customer| customer.recency_days as f64),
            "value_share_pct": self.share(report.total),
        })
    }
}
