//! The arithmetic of one segment (section 4 of the specification).

use serde_json::{Value, json};

use crate::parameters::Parameters;
use crate::text::display_value;

/// Confidence levels and powers with the quantiles of the normal distribution that the specification gives them.
const ALPHAS: [(f64, f64); 3] = [(0.9, 1.645), (0.95, 1.96), (0.99, 2.57)];
const BETAS: [(f64, f64); 2] = [(0.8, 0.841), (0.9, 1.28)];
/// The treated rate stays below 1.
const HIGHEST_RATE: f64 = 0.999_999;
/// Rates that are nearer to each other are the same.
const NO_EFFECT: f64 = 1e-12;
/// People in a group at least.
const SMALLEST_GROUP: f64 = 30.0;

/// What all segments have in common.
pub(super) struct Design {
    /// Percent of the users who are held out.
    pub(super) ratio: i64,
    pub(super) confidence: f64,
    pub(super) power: f64,
    pub(super) z_alpha: f64,
    pub(super) z_beta: f64,
    /// Share of the users who are held out, and of the others.
    pub(super) holdout: f64,
    treated: f64,
    /// How many more users an uneven split needs.
    pub(super) imbalance: f64,
}

impl Design {
    pub(super) fn new(ratio: i64, confidence: f64, power: f64) -> Self {
        let holdout = ratio as f64 / 100.0;
        let treated = 1.0 - holdout;
        Self {
            ratio,
            confidence,
            power,
            z_alpha: nearest(&ALPHAS, confidence),
            z_beta: nearest(&BETAS, power),
            holdout,
            treated,
            imbalance: (1.0 / holdout + 1.0 / treated) / 4.0,
        }
    }
}

/// The quantile of the nearest level; of two equally near ones the first.
fn nearest(table: &[(f64, f64)], level: f64) -> f64 {
    let distance = |entry: &(f64, f64)| (entry.0 - level).abs();
    let best = table.iter().reduce(|best, entry| if distance(entry) < distance(best) { entry } else { best });
    best.map_or(f64::NAN, |(_, quantile)| *quantile)
}

/// A segment and its plan.
pub(super) struct Segment {
    /// From 1.
    pub(super) number: i64,
    pub(super) name: String,
    traffic: i64,
    /// Percent.
    baseline: f64,
    /// Percent of the baseline.
    lift: f64,
    value: f64,
    pub(super) sizes: Result<Sizes, NoPlan>,
}

/// What a segment needs.
pub(super) struct Sizes {
    control_rate: f64,
    treated_rate: f64,
    /// People per group if both were equal.
    pub(super) per_group: f64,
    pub(super) users: f64,
    pub(super) days: f64,
    pub(super) held_out: f64,
    pub(super) cost: f64,
}

impl Sizes {
    /// Whether the holdout is smaller than a group of an even split.
    pub(super) fn is_underpowered(&self) -> bool {
        self.held_out < self.per_group
    }
}

/// Why a segment has no plan, in words.
pub(super) enum NoPlan {
    /// Baseline or lift are nothing.
    NoEffect(String),
    /// The rates are too near to each other.
    NoSize(String),
}

impl NoPlan {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::NoEffect(text) | Self::NoSize(text) => text,
        }
    }
}

impl Segment {
    /// Takes a segment's parameters and plans it.
    pub(super) fn take(parameters: &mut Parameters<'_>, number: i64, design: &Design) -> Self {
        let key = |part: &str| format!("segment_{number}_{part}");
        let usual = format!("Segment {number}");
        let name = match parameters.any(&key("name"), usual.as_str().into()) {
            Value::Null => usual,
            name => display_value(&name).into_owned(),
        };
        let traffic = parameters.bounded_integer(&key("daily_traffic"), 10_000, 1..=1_000_000_000_000);
        let baseline = parameters.bounded_number(&key("baseline"), 4.5, 0.0..=100.0);
        let lift = parameters.bounded_number(&key("lift"), 8.0, 0.0..=500.0);
        let value = parameters.bounded_number(&key("value"), 120.0, 0.0..=1e12);
        let mut segment = Self {
            number,
            name,
            traffic,
            baseline,
            lift,
            value,
            sizes: Err(NoPlan::NoEffect(String::new())),
        };
        segment.sizes = segment.plan(design);
        segment
    }

    fn plan(&self, design: &Design) -> Result<Sizes, NoPlan> {
        let (control_rate, lift) = (self.baseline / 100.0, self.lift / 100.0);
        if control_rate <= 0.0 || lift <= 0.0 {
            return Err(NoPlan::NoEffect(format!(
                "{} has no effect to find: its baseline is {} % and its lift {} %.",
                self.name, self.baseline, self.lift
            )));
        }
        let treated_rate = (control_rate * (1.0 + lift)).clamp(0.0, HIGHEST_RATE);
        let difference = control_rate - treated_rate;
        let variance = control_rate * (1.0 - control_rate) + treated_rate * (1.0 - treated_rate);
        let per_group = (design.z_alpha + design.z_beta).powi(2) * variance / difference.powi(2);
        if difference.abs() < NO_EFFECT || !per_group.is_finite() || per_group <= 0.0 {
            return Err(NoPlan::NoSize(format!(
                "{} has no sample size: a baseline of {} % and a lift of {} % give the same rate twice.",
                self.name, self.baseline, self.lift
            )));
        }
        let per_group = per_group.max(SMALLEST_GROUP);
        let users = per_group * 2.0 * design.imbalance;
        let held_out = users * design.holdout;
        Ok(Sizes {
            control_rate,
            treated_rate,
            per_group,
            users,
            days: users / self.traffic as f64,
            held_out,
            // The lift as it was given, even where the treated rate was cut.
            cost: held_out * (control_rate * lift) * self.value,
        })
    }

    pub(super) fn to_json(&self, design: &Design) -> Value {
        let (calculations, warnings) = match &self.sizes {
            Err(_) => (json!({}), Vec::new()),
            Ok(sizes) => {
                let calculations = json!({
                    "p1": sizes.control_rate,
                    "p2": sizes.treated_rate,
                    "n_per_group_50_50": sizes.per_group,
                    "total_users_required": sizes.users,
                    "duration_days": sizes.days,
                    "holdout_users": sizes.held_out,
                    "holdout_cost": sizes.cost,
                });
                (calculations, self.warning(design).into_iter().collect())
            }
        };
        let mut segment = json!({
            "segment_index": self.number,
            "segment_name": self.name,
            "inputs": {
                "daily_traffic": self.traffic,
                "baseline_pct": self.baseline,
                "lift_pct": self.lift,
                "value": self.value,
            },
            "constants": {
                "z_alpha": design.z_alpha,
                "z_beta": design.z_beta,
                "holdout_ratio_pct": design.ratio,
                "p_holdout": design.holdout,
                "q_treatment": design.treated,
                "imbalance_factor": design.imbalance,
            },
            "calculations": calculations,
            "warnings": warnings,
            "status": if self.sizes.is_ok() { "success" } else { "error" },
        });
        if let (Err(error), Value::Object(segment)) = (&self.sizes, &mut segment) {
            segment.insert("error".to_owned(), error.text().into());
        }
        segment
    }
}
