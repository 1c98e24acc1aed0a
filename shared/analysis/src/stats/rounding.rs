//! Percentages and rounding.

/// `count / total * 100`, in this order, in 64-bit floats; 0 without a total.
pub fn percentage(count: usize, total: usize) -> f64 {
    if total == 0 { 0.0 } else { count as f64 / total as f64 * 100.0 }
}

/// Rounds the exact binary value to `digits` decimals, ties to even: 2.675 (which is a little less) gives 2.67,
/// 0.125 gives 0.12. NaN and infinities stay as they are.
pub fn round(value: f64, digits: usize) -> f64 {
    // Formatting is exact; scaling by a power of ten would round twice.
    format!("{value:.digits$}").parse().unwrap_or(value)
}

/// Scales by 10^`digits`, rounds half to even, scales back: 99.245 gives 99.24. For the few figures whose
/// reference rounds this way.
pub fn round_scaled(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round_ties_even() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_of_the_binary_value_go_to_even() {
        assert_eq!(round(2.675, 2), 2.67);
        assert_eq!(round(0.125, 2), 0.12);
        assert_eq!(round(0.375, 2), 0.38);
        assert_eq!(round(2.5, 0), 2.0);
        assert_eq!(round(-0.125, 2), -0.12);
        assert_eq!(round(1e300, 2), 1e300);
        assert!(round(f64::NAN, 2).is_nan());
        assert_eq!(round(f64::NEG_INFINITY, 2), f64::NEG_INFINITY);
    }

    #[test]
    fn scaled_rounding_differs_from_exact_rounding() {
        assert_eq!(round_scaled(99.245, 2), 99.24);
        assert_eq!(round_scaled(2.5, 0), 2.0);
    }

    #[test]
    fn percentages_without_a_total_are_zero() {
        assert_eq!(percentage(0, 0), 0.0);
        assert_eq!(percentage(1, 3), 1.0 / 3.0 * 100.0);
    }

    proptest! {
        /// An integer of cents is its own rounding, and rounding moves a value by half a unit at most.
        #[test]
        fn rounding_is_the_nearest_decimal(cents in -1_000_000_000_i64..1_000_000_000, value in -1e6_f64..1e6) {
            let exact = cents as f64 / 100.0;
            prop_assert_eq!(round(exact, 2), exact);
            prop_assert!((round(value, 2) - value).abs() <= 0.005 + 1e-9);
        }
    }
}
