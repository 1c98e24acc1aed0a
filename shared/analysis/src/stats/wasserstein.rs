//! First Wasserstein (earth mover's) distance.

use super::pooled::pooled;
use super::ranking::Ranking;

/// Integral of `abs(F - G)` over the pooled values, `F` and `G` being the empirical distribution functions
/// (drift-detector.md 4, step 8). NaN without values on a side, with NaN among the values, and with two equal
/// infinities; infinite with one infinity.
pub fn wasserstein_distance(left: &Ranking, right: &Ranking) -> f64 {
    if left.is_empty() || right.is_empty() || left.has_nan() || right.has_nan() {
        return f64::NAN;
    }
    let infinite = |bound: f64| left.occurrences(bound) + right.occurrences(bound);
    if infinite(f64::INFINITY) > 1 || infinite(f64::NEG_INFINITY) > 1 {
        return f64::NAN;
    }
    let (left_size, right_size) = (left.count() as f64, right.count() as f64);
    let mut distance = 0.0;
    // Value and height of the step before.
    let mut before: Option<(f64, f64)> = None;
    for step in pooled(left, right) {
        if let Some((value, height)) = before {
            distance += height * (step.value - value);
        }
        let height = (f64::from(step.left) / left_size - f64::from(step.right) / right_size).abs();
        before = Some((step.value, height));
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn distance(left: &[f64], right: &[f64]) -> f64 {
        wasserstein_distance(&left.iter().copied().collect(), &right.iter().copied().collect())
    }

    #[test]
    fn known_values() {
        assert_eq!(distance(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0]), 5.0);
        assert_eq!(distance(&[1.0, 1.0], &[1.0]), 0.0);
        assert_eq!(distance(&[0.0, 2.0], &[1.0]), 1.0);
    }

    #[test]
    fn what_is_not_finite() {
        let infinity = f64::INFINITY;
        assert!(distance(&[1.0, f64::NAN], &[1.0]).is_nan());
        assert!(distance(&[], &[1.0]).is_nan());
        assert_eq!(distance(&[1.0, 2.0, infinity], &[1.0, 2.0, 3.0]), infinity);
        assert_eq!(distance(&[1.0, infinity, -infinity], &[1.0, 2.0, 3.0]), infinity);
        assert!(distance(&[1.0, 2.0, infinity], &[1.0, 2.0, infinity]).is_nan());
    }

    proptest! {
        /// Samples of equal sizes: the mean distance of the values in ascending order.
        #[test]
        fn equals_the_mean_distance_of_sorted_pairs(pairs in prop::collection::vec((-50_i32..50, -50_i32..50), 1..40)) {
            let (mut left, mut right): (Vec<f64>, Vec<f64>) =
                pairs.iter().map(|(left, right)| (f64::from(*left), f64::from(*right))).unzip();
            let fast = distance(&left, &right);
            left.sort_by(f64::total_cmp);
            right.sort_by(f64::total_cmp);
            let slow = left.iter().zip(&right).map(|(left, right)| (left - right).abs()).sum::<f64>();
            prop_assert!((fast - slow / pairs.len() as f64).abs() < 1e-9);
        }
    }
}
