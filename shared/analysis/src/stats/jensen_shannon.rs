//! Jensen-Shannon distance.

/// Added to the sums of counts before dividing by them, as the reference does.
const TINY: f64 = 1e-10;

/// `sqrt((KL(P, M) + KL(Q, M)) / 2)` with `M = (P + Q) / 2`, natural logarithm, of two histograms over the same bins.
/// Shares are counts divided by their sum + 1e-10; terms with a share of 0 add nothing (drift-detector.md 4, step 7).
pub fn jensen_shannon(left: &[usize], right: &[usize]) -> f64 {
    let total = |counts: &[usize]| counts.iter().sum::<usize>() as f64 + TINY;
    let (left_total, right_total) = (total(left), total(right));
    let mut sum = 0.0;
    for (p, q) in left.iter().zip(right) {
        let (p, q) = (*p as f64 / left_total, *q as f64 / right_total);
        let middle = (p + q) / 2.0;
        for share in [p, q] {
            if share > 0.0 {
                sum += share * (share / middle).ln();
            }
        }
    }
    (0.5 * sum).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert_eq!(jensen_shannon(&[3, 5], &[3, 5]), 0.0);
        assert!((jensen_shannon(&[7, 0], &[0, 9]) - 2_f64.ln().sqrt()).abs() < 1e-9);
        assert_eq!(jensen_shannon(&[], &[]), 0.0);
        assert_eq!(jensen_shannon(&[0], &[0]), 0.0);
    }

    proptest! {
        /// By entropies: the divergence is H(M) - (H(P) + H(Q)) / 2.
        #[test]
        fn equals_the_difference_of_entropies(counts in prop::collection::vec((0_usize..50, 0_usize..50), 1..12)) {
            let (left, right): (Vec<usize>, Vec<usize>) = counts.into_iter().unzip();
            prop_assume!(left.iter().sum::<usize>() > 0 && right.iter().sum::<usize>() > 0);
            let shares = |counts: &[usize]| {
                let total: usize = counts.iter().sum();
                counts.iter().map(|count| *count as f64 / total as f64).collect::<Vec<f64>>()
            };
            let entropy = |shares: &[f64]| -> f64 {
                shares.iter().filter(|share| **share > 0.0).map(|share| -share * share.ln()).sum()
            };
            let (p, q) = (shares(&left), shares(&right));
            let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (p + q) / 2.0).collect();
            let slow = entropy(&middle) - (entropy(&p) + entropy(&q)) / 2.0;
            prop_assert!((jensen_shannon(&left, &right).powi(2) - slow).abs() < 1e-9);
        }
    }
}
