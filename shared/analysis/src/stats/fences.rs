//! Fences around the middle half of a column: where its usual values end.

use super::ranking::Ranking;

/// Quartiles (`nearest`) pushed outwards by a multiple of their distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fences {
    /// Distance between the third and the first quartile; NaN when both are the same infinity or one is NaN.
    pub iqr: f64,
    /// First quartile minus `factor * iqr`.
    pub lower: f64,
    /// Third quartile plus `factor * iqr`.
    pub upper: f64,
}

impl Fences {
    /// The fences of ranked values; `None` without values. A negative factor may put `lower` above `upper`.
    pub fn of(ranking: &Ranking, factor: f64) -> Option<Self> {
        let (q1, q3) = (ranking.quantile(0.25)?, ranking.quantile(0.75)?);
        let iqr = q3 - q1;
        let reach = factor * iqr;
        Some(Self { iqr, lower: q1 - reach, upper: q3 + reach })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fences(values: &[f64], factor: f64) -> Option<Fences> {
        Fences::of(&values.iter().copied().collect(), factor)
    }

    #[test]
    fn edge_cases() {
        assert_eq!(fences(&[], 1.5), None);
        assert_eq!(fences(&[7.0], 1.5), Some(Fences { iqr: 0.0, lower: 7.0, upper: 7.0 }));
        assert!(
            fences(&[1.0, f64::INFINITY, f64::INFINITY, f64::INFINITY], 1.5).is_some_and(|f| f.iqr.is_nan())
        );
        assert!(fences(&[1.0, f64::NAN], 1.5).is_some_and(|f| f.iqr.is_nan()));
    }

    proptest! {
        #[test]
        fn equals_the_sorted_list(values in prop::collection::vec(-1e3_f64..1e3, 1..60), factor in -1.0_f64..3.0) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let at = |q: f64| sorted[((sorted.len() - 1) as f64 * q + 0.5).floor() as usize];
            let (q1, q3) = (at(0.25), at(0.75));
            let slow = Fences { iqr: q3 - q1, lower: q1 - factor * (q3 - q1), upper: q3 + factor * (q3 - q1) };
            prop_assert_eq!(fences(&values, factor), Some(slow));
        }
    }
}
