//! Population stability index.

/// Share that stands for a bin (or category) without a value, so that its logarithm exists.
const EMPTY_SHARE: f64 = 0.0001;

/// `abs(sum (q - p) ln(q / p))` over bins or categories, given the counts of each in two samples and the sizes of the
/// samples. A share of 0 counts as 0.0001, and so do all shares of an empty sample. The sizes may be greater than the
/// sums of the counts: what fell into no bin still belongs to its sample (drift-detector.md 4, steps 5 and 6).
pub fn population_stability(
    counts: impl IntoIterator<Item = (usize, usize)>,
    left_size: usize,
    right_size: usize,
) -> f64 {
    let share = |count: usize, size: usize| {
        if count == 0 || size == 0 { EMPTY_SHARE } else { count as f64 / size as f64 }
    };
    let terms = counts.into_iter().map(|(left, right)| {
        let (p, q) = (share(left, left_size), share(right, right_size));
        (q - p) * (q / p).ln()
    });
    terms.sum::<f64>().abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(population_stability([(1, 2), (3, 6)], 4, 8), 0.0);
        let halves = population_stability([(50, 25), (50, 75)], 100, 100);
        assert!((halves - (0.25 * 2_f64.ln() + 0.25 * 1.5_f64.ln())).abs() < 1e-12);
        let gone = population_stability([(10, 0)], 10, 10);
        assert!((gone - (1.0 - 0.0001) * 10_000_f64.ln()).abs() < 1e-9);
        assert_eq!(population_stability([], 0, 0), 0.0);
    }

    proptest! {
        #[test]
        fn is_symmetrical_and_never_negative(counts in prop::collection::vec((0_usize..50, 0_usize..50), 0..12)) {
            let (left, right) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
            let there = population_stability(counts.iter().copied(), left, right);
            let back = population_stability(counts.iter().map(|count| (count.1, count.0)), right, left);
            prop_assert!((there - back).abs() < 1e-12);
            prop_assert!(there >= 0.0);
            // Every term is a product of two factors of the same sign.
            let slow: f64 = counts.iter().map(|(p, q)| {
                let p = if *p == 0 { 0.0001 } else { *p as f64 / left as f64 };
                let q = if *q == 0 { 0.0001 } else { *q as f64 / right as f64 };
                (q - p) * (q.ln() - p.ln())
            }).sum();
            prop_assert!((there - slow).abs() < 1e-9);
        }
    }
}
