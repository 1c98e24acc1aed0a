//! The order of floats as the reference compares them: NaN above everything and equal to itself, both zeros equal.

use std::cmp::Ordering;

/// Total order with NaN greatest.
pub fn total_order(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// `left > right` in [`total_order`]: NaN is greater than any number.
pub fn greater(left: f64, right: f64) -> bool {
    total_order(left, right) == Ordering::Greater
}

/// `left < right` in [`total_order`]: any number is less than NaN.
pub fn less(left: f64, right: f64) -> bool {
    total_order(left, right) == Ordering::Less
}

/// Whether a value is less than `lower` or greater than `upper`.
pub fn outside(value: f64, lower: f64, upper: f64) -> bool {
    less(value, lower) || greater(value, upper)
}

const SIGN: u64 = 1 << 63;

/// Maps a float to an integer with the same order, so that sorting compares integers. Both zeros give one key, all
/// NaN give the greatest.
pub(super) fn key_of(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX;
    }
    // Adding zero turns -0.0 into 0.0.
    let bits = (value + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The float of a key.
pub(super) fn value_of(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nan_is_above_infinity_and_zeros_are_equal() {
        assert!(greater(f64::NAN, f64::INFINITY) && less(1.0, f64::NAN));
        assert!(!greater(f64::NAN, f64::NAN) && !less(f64::NAN, f64::NAN));
        assert_eq!(total_order(-0.0, 0.0), Ordering::Equal);
        assert_eq!(key_of(-0.0), key_of(0.0));
    }

    proptest! {
        #[test]
        fn keys_have_the_order_of_the_values(left in any::<f64>(), right in any::<f64>()) {
            prop_assert_eq!(key_of(left).cmp(&key_of(right)), total_order(left, right));
            prop_assert!(total_order(value_of(key_of(left)), left).is_eq());
        }
    }
}
