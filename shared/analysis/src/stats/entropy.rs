//! Shannon entropy.

/// Entropy of a distribution given by the counts of its distinct values: `-sum(p ln p)`, natural logarithm.
/// No counts give 0; counts of 0 add nothing.
pub fn entropy(counts: impl IntoIterator<Item = u32>) -> f64 {
    // With n = sum(c): -sum(c/n ln(c/n)) = ln n - sum(c ln c) / n, and values that occur once add nothing.
    let (mut total, mut weighted) = (0_u64, 0.0);
    for count in counts {
        total += u64::from(count);
        if count > 1 {
            let count = f64::from(count);
            weighted += count * count.ln();
        }
    }
    let total = total as f64;
    if total == 0.0 { 0.0 } else { (total.ln() - weighted / total).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((entropy([2, 1]) - 0.636_514_168).abs() < 1e-9);
        assert_eq!(entropy([5]), 0.0);
        assert_eq!(entropy([]), 0.0);
        assert!((entropy([1; 60]) - 60_f64.ln()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn equals_the_definition(counts in proptest::collection::vec(0_u32..5000, 0..50)) {
            let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
            let slow: f64 = counts.iter().filter(|count| **count > 0).map(|count| {
                let share = f64::from(*count) / total;
                -share * share.ln()
            }).sum();
            prop_assert!((entropy(counts) - slow).abs() < 1e-9);
        }
    }
}
