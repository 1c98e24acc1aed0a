//! Sizes of the groups and whether there are enough people (sections 4 and 5 of the specification).

use super::POWER;
use crate::agent::AgentError;
use crate::agents::analytics::Grades;
use crate::stats::round;

/// The treated rate is not above this.
const HIGHEST_RATE: f64 = 0.999;
/// Rates that are nearer to each other are the same.
const NO_EFFECT: f64 = 1e-10;
/// People in a group at least.
const SMALLEST_GROUP: i64 = 30;
/// Baseline below which a test is hard.
pub(super) const LOW_BASELINE: f64 = 0.005;

/// What the client wants to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Confidence level.
    pub(super) level: f64,
    /// Rate of the control group.
    pub(super) baseline: f64,
    /// Percent of the baseline.
    pub(super) lift: f64,
}

/// The design of the test.
pub(super) struct Design {
    pub(super) asked: Asked,
    pub(super) treated_rate: f64,
    pub(super) effect: f64,
    pub(super) z_alpha: f64,
    pub(super) z_beta: f64,
    /// People in each of the two groups.
    pub(super) group: i64,
    pub(super) population: Option<i64>,
    /// Percent of the population, with two decimals.
    pub(super) utilization: Option<f64>,
    pub(super) feasibility: Feasibility,
    pub(super) score: f64,
    pub(super) grade: &'static str,
}

/// Whether there are enough people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feasibility {
    Feasible,
    Tight,
    Marginal,
    Infeasible,
}

impl Feasibility {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Feasible => "feasible",
            Self::Tight => "tight",
            Self::Marginal => "marginal",
            Self::Infeasible => "infeasible",
        }
    }

    fn of(total: i64, population: Option<i64>, utilization: Option<f64>) -> Self {
        match utilization {
            _ if population.is_some_and(|population| total > population) => Self::Infeasible,
            Some(share) if share > 80.0 => Self::Marginal,
            Some(share) if share > 50.0 => Self::Tight,
            _ => Self::Feasible,
        }
    }
}

impl Design {
    /// # Errors
    /// When both rates are the same.
    pub(super) fn new(asked: Asked, population: Option<i64>, grading: Grades) -> Result<Self, AgentError> {
        let control_rate = asked.baseline;
        let treated_rate = (control_rate * (1.0 + asked.lift / 100.0)).min(HIGHEST_RATE);
        let effect = (treated_rate - control_rate).abs();
        if effect < NO_EFFECT {
            return Err(AgentError::Parameter {
                key: "min_detectable_lift".to_owned(),
                reason: format!(
                    "a lift of {} % on a baseline of {control_rate} is an effect of {effect}, too small for a test",
                    asked.lift
                ),
            });
        }
        let z_alpha = mirrored_quantile(1.0 - (1.0 - asked.level) / 2.0);
        let z_beta = mirrored_quantile(1.0 - (1.0 - POWER));
        let mean = (control_rate + treated_rate) / 2.0;
        let apart = control_rate * (1.0 - control_rate) + treated_rate * (1.0 - treated_rate);
        let root = z_alpha * (2.0 * mean * (1.0 - mean)).sqrt() + z_beta * apart.sqrt();
        // Effects that are left are large enough for 64 bits.
        let group = ((root.powi(2) / effect.powi(2)).ceil() as i64).max(SMALLEST_GROUP);
        let total = group.saturating_mul(2);
        let utilization = population.map(|population| round(total as f64 / population as f64 * 100.0, 2));
        let feasibility = Feasibility::of(total, population, utilization);
        let lost = [
            match feasibility {
                Feasibility::Feasible => 0.0,
                Feasibility::Tight => 10.0,
                Feasibility::Marginal => 25.0,
                Feasibility::Infeasible => 50.0,
            },
            if control_rate < LOW_BASELINE { 10.0 } else { 0.0 },
            if asked.lift < 2.0 { 10.0 } else { 0.0 },
            if asked.lift > 50.0 { 5.0 } else { 0.0 },
        ];
        let score = round((100.0 - lost.iter().sum::<f64>()).clamp(0.0, 100.0), 1);
        let grade = grading.of(score);
        Ok(Self {
            asked,
            treated_rate,
            effect,
            z_alpha,
            z_beta,
            group,
            population,
            utilization,
            feasibility,
            score,
            grade,
        })
    }

    /// People in both groups.
    pub(super) fn total(&self) -> i64 {
        self.group.saturating_mul(2)
    }
}

/// Quantile of the normal distribution by the rational approximation 26.2.23 of Abramowitz and Stegun (good to
/// 4.5e-4), with the sign turned round as in the reference.
fn mirrored_quantile(p: f64) -> f64 {
    let tail = if p < 0.5 { p } else { 1.0 - p };
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + 0.802_853 * t + 0.010_328 * t * t;
    let below = 1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t;
    let quantile = t - above / below;
    if p > 0.5 {
        -quantile
    } else if p < 0.5 {
        quantile
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near_the_exact_ones_and_mirrored() {
        for (p, exact) in
            [(0.975, 1.959_964), (0.95, 1.644_854), (0.8, 0.841_621), (0.9995, 3.290_527), (0.1, -1.281_552)]
        {
            assert!((mirrored_quantile(p) + exact).abs() < 4.5e-4, "{p}");
        }
        assert_eq!(mirrored_quantile(0.5), 0.0);
        assert_eq!(round(mirrored_quantile(0.975), 4), -1.9604);
    }
}
