//! The comparison of one column (steps 2 to 10 of the specification).

use serde_json::{Value, json};

use super::categories::Categories;
use super::{Settings, Test};
use crate::findings::Severity;
use crate::stats::{
    Ranking, equal_bins, histogram, jensen_shannon, kolmogorov_smirnov, population_stability, round,
    round_scaled, wasserstein_distance,
};
use crate::table::Column;
use crate::text::fixed;

/// PSI above which the distribution counts as shifted.
pub(super) const SHIFTED_PSI: f64 = 0.1;
/// PSI above which the shift is severe.
pub(super) const SEVERE_PSI: f64 = 0.25;
/// Bins of a numeric PSI.
const PSI_BINS: u32 = 10;
/// Wasserstein distance above which that test sees a difference, on the column's own scale (Q7).
const WASSERSTEIN_BOUND: f64 = 0.3;

/// A column of both files.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) current: &'a Column,
    /// Not rounded.
    pub(super) psi: f64,
    pub(super) drifted: bool,
    pub(super) severity: Severity,
    pub(super) form: Form<'a>,
}

/// What a column is compared as.
pub(super) enum Form<'a> {
    Numeric(Numeric<'a>),
    Categorical(Categories),
}

/// Figures of a numeric column. Changes, distances and the p-value are rounded: later comparisons use them so.
pub(super) struct Numeric<'a> {
    pub(super) baseline: Statistics<'a>,
    pub(super) current: Statistics<'a>,
    pub(super) p_value: f64,
    js_divergence: f64,
    pub(super) wasserstein_distance: f64,
    pub(super) change_in_mean: f64,
    /// Difference of the standard deviations.
    pub(super) change_in_variance: f64,
    change_in_median: f64,
}

/// One side of a numeric column.
pub(super) struct Statistics<'a> {
    pub(super) ranking: &'a Ranking,
    pub(super) mean: f64,
    pub(super) std: f64,
    median: f64,
}

impl<'a> Statistics<'a> {
    /// `None` for columns that are not numeric or have less than two values (Q6).
    fn of(column: &'a Column) -> Option<Self> {
        let ranking = column.ranking()?;
        let moments = column.moments()?;
        Some(Self { ranking, mean: moments.mean, std: moments.std()?, median: ranking.median()? })
    }

    fn to_json(&self) -> Value {
        json!({
            "mean": self.mean,
            "median": self.median,
            "stddev": self.std,
            "min": self.ranking.min(),
            "max": self.ranking.max(),
            "distribution": "normal",
        })
    }

    fn is_finite(&self) -> bool {
        let extremes = [self.ranking.min(), self.ranking.max()];
        !self.ranking.has_nan() && extremes.into_iter().flatten().all(f64::is_finite)
    }
}

impl<'a> Field<'a> {
    /// `None` for a column with too few values on a side.
    pub(super) fn compare(baseline: &'a Column, current: &'a Column, settings: &Settings) -> Option<Self> {
        if (baseline.value_count().min(current.value_count()) as f64) < settings.min_sample_size {
            return None;
        }
        let (form, psi, significant) = if baseline.kind().is_numeric() && current.kind().is_numeric() {
            let (baseline, current) = (Statistics::of(baseline)?, Statistics::of(current)?);
            let psi = numeric_psi(&baseline, current.ranking);
            let (numeric, p_value) = Numeric::compare(baseline, current, settings.test());
            (Form::Numeric(numeric), psi, p_value < settings.significance_level)
        } else {
            let categories = Categories::compare(baseline, current);
            let psi = categories.psi;
            (Form::Categorical(categories), psi, false)
        };
        Some(Self {
            name: current.name(),
            current,
            psi,
            drifted: significant || psi > SHIFTED_PSI,
            severity: match psi {
                psi if psi > SEVERE_PSI => Severity::High,
                psi if psi > SHIFTED_PSI => Severity::Medium,
                _ => Severity::Low,
            },
            form,
        })
    }

    pub(super) fn numeric(&self) -> Option<&Numeric<'a>> {
        match &self.form {
            Form::Numeric(numeric) => Some(numeric),
            Form::Categorical(_) => None,
        }
    }

    pub(super) fn to_json(&self, statistical_test: &Value) -> Value {
        let (baseline, current) = match &self.form {
            Form::Numeric(numeric) => (numeric.baseline.to_json(), numeric.current.to_json()),
            Form::Categorical(categories) => {
                let statistics =
                    |unique: usize| json!({"unique_values": unique, "distribution": "categorical"});
                (statistics(categories.baseline_unique), statistics(categories.current_unique))
            }
        };
        let mut analysis = crate::findings::extra([
            ("drift_detected", json!(self.drifted)),
            ("drift_type", json!("distribution_shift")),
            ("severity", json!(self.severity)),
            ("statistical_test", statistical_test.clone()),
            ("psi_score", json!(round_scaled(self.psi, 4))),
        ]);
        if let Form::Numeric(numeric) = &self.form {
            analysis.extend(crate::findings::extra([
                ("p_value", json!(numeric.p_value)),
                ("js_divergence", json!(numeric.js_divergence)),
                ("wasserstein_distance", json!(numeric.wasserstein_distance)),
                ("change_in_mean", json!(numeric.change_in_mean)),
                ("change_in_variance", json!(numeric.change_in_variance)),
                ("change_in_median", json!(numeric.change_in_median)),
            ]));
        }
        let issue_severity = if self.drifted { &self.severity } else { &Severity::Low };
        json!({
            "field_id": self.name,
            "field_name": self.name,
            "baseline_statistics": baseline,
            "current_statistics": current,
            "drift_analysis": analysis,
            "drift_interpretation": self.interpretation(),
            "issue_severity": issue_severity,
        })
    }

    fn interpretation(&self) -> Value {
        let name = self.name;
        let explanation = match &self.form {
            Form::Numeric(numeric) => {
                let (before, now) = (numeric.baseline.mean, numeric.current.mean);
                let direction = match now - before {
                    change if change > 0.0 => "rose",
                    change if change < 0.0 => "fell",
                    _ => "moved",
                };
                format!(
                    "The mean {direction} by {}, from {} to {}.",
                    fixed((now - before).abs(), 2),
                    fixed(before, 2),
                    fixed(now, 2)
                )
            }
            Form::Categorical(categories) => format!(
                "The shares of the {} values of the baseline and the {} of now differ by a PSI of {}.",
                categories.baseline_unique,
                categories.current_unique,
                fixed(self.psi, 4)
            ),
        };
        let (message, impact) = if self.drifted {
            (
                format!("The values of \"{name}\" are spread differently than in the baseline."),
                "Models and rules that were made on the baseline may decide wrongly on this column.",
            )
        } else {
            (
                format!("The values of \"{name}\" are spread as in the baseline."),
                "Models and rules that were made on the baseline can go on using this column.",
            )
        };
        json!({"message": message, "explanation": explanation, "business_impact": impact})
    }
}

impl<'a> Numeric<'a> {
    /// The figures, and the p-value before it was rounded.
    fn compare(baseline: Statistics<'a>, current: Statistics<'a>, test: Test) -> (Self, f64) {
        let distance = wasserstein_distance(baseline.ranking, current.ranking);
        let p_value = match test {
            Test::KolmogorovSmirnov => kolmogorov_smirnov(baseline.ranking, current.ranking).p_value,
            Test::Wasserstein if distance > WASSERSTEIN_BOUND => 0.01,
            Test::Wasserstein => 0.99,
            Test::None => 1.0,
        };
        let change =
            |figure: fn(&Statistics<'a>) -> f64| round((figure(&current) - figure(&baseline)).abs(), 4);
        let numeric = Self {
            p_value: round_scaled(p_value, 6),
            js_divergence: round(js_distance(&baseline, &current), 6),
            wasserstein_distance: round(distance, 4),
            change_in_mean: change(|side| side.mean),
            change_in_variance: change(|side| side.std),
            change_in_median: change(|side| side.median),
            baseline,
            current,
        };
        (numeric, p_value)
    }

    /// Whether the mean moved by more than a quarter of itself. What the reference divides by is never less than
    /// 0.001, so that any change of a negative mean counts (Q8).
    pub(super) fn mean_shifted(&self) -> bool {
        self.change_in_mean > 0.0 && (self.change_in_mean / floored(self.baseline.mean)).abs() > 0.25
    }

    /// Whether the standard deviation moved by more than half of itself.
    pub(super) fn variance_shifted(&self) -> bool {
        self.change_in_variance > 0.0 && (self.change_in_variance / floored(self.baseline.std)).abs() > 0.5
    }
}

fn floored(figure: f64) -> f64 {
    figure.max(0.001)
}

/// Step 5: bins over the baseline's range; what lies outside of it is not counted (Q9).
fn numeric_psi(baseline: &Statistics<'_>, current: &Ranking) -> f64 {
    let ranking = baseline.ranking;
    let bins = ranking.min().zip(ranking.max()).filter(|_| baseline.is_finite());
    let Some(edges) = bins.and_then(|(min, max)| equal_bins(min, max, PSI_BINS)) else { return 0.0 };
    let counts = histogram(ranking, &edges).into_iter().zip(histogram(current, &edges));
    population_stability(counts, ranking.count(), current.count())
}

/// Step 7: bins over the range of both.
fn js_distance(baseline: &Statistics<'_>, current: &Statistics<'_>) -> f64 {
    let (left, right) = (baseline.ranking, current.ranking);
    let (Some(min), Some(max)) = (
        left.min().zip(right.min()).map(|(left, right)| left.min(right)),
        left.max().zip(right.max()).map(|(left, right)| left.max(right)),
    ) else {
        return 0.0;
    };
    if !baseline.is_finite() || !current.is_finite() {
        return 0.0;
    }
    let bins = ((left.count() + right.count()) as f64).sqrt().floor().clamp(2.0, 10.0);
    match equal_bins(min, max, bins as u32) {
        Some(edges) => jensen_shannon(&histogram(left, &edges), &histogram(right, &edges)),
        None => 0.0,
    }
}
