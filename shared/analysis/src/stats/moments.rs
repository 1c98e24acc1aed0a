//! Mean, spread and shape of numbers.

use super::ranking::Ranking;

/// The moments of a set of numbers. NaN or an infinity among them makes most figures NaN, as in the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Number of values, at least 1.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Variance with n - 1 in the denominator; `None` for one value.
    pub variance: Option<f64>,
    /// Biased skewness, m3 / m2^1.5; NaN when all values are equal.
    pub skewness: f64,
    /// Biased excess kurtosis, m4 / m2^2 - 3; NaN when all values are equal.
    pub kurtosis: f64,
}

impl Moments {
    /// Square root of the variance; `None` for one value.
    pub fn std(&self) -> Option<f64> {
        self.variance.map(f64::sqrt)
    }

    /// The moments of ranked values; `None` without values. Two passes, so that values far from 0 lose no digits,
    /// and in ascending order, so that the order of the rows changes no bit.
    pub(super) fn of(ranking: &Ranking) -> Option<Self> {
        let count = ranking.count();
        if count == 0 {
            return None;
        }
        let n = count as f64;
        // Deviations from a middle value: equal values then give exactly zero.
        let pivot = ranking.at(count / 2).filter(|pivot| pivot.is_finite()).unwrap_or(0.0);
        let weighted = || ranking.counted().map(|(value, times)| (value - pivot, f64::from(times)));
        let shift = weighted().map(|(deviation, times)| deviation * times).sum::<f64>() / n;
        let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
        for (deviation, times) in weighted() {
            let centred = deviation - shift;
            let square = centred * centred;
            second += square * times;
            third += square * centred * times;
            fourth += square * square * times;
        }
        let m2 = second / n;
        Some(Self {
            count,
            mean: pivot + shift,
            variance: (count > 1).then(|| second / (n - 1.0)),
            skewness: (third / n) / m2.powf(1.5),
            kurtosis: (fourth / n) / (m2 * m2) - 3.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moments(values: &[f64]) -> Moments {
        values.iter().copied().collect::<Ranking>().moments().unwrap()
    }

    #[test]
    fn known_values() {
        let moments = moments(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 30.0]);
        assert_eq!(moments.mean, 7.5);
        assert!((moments.std().unwrap() - 8.316_649_967).abs() < 1e-9);
        assert!((moments.skewness - 2.198_946_797).abs() < 1e-9);
        assert!((moments.kurtosis - 3.699_211_303).abs() < 1e-9);
    }

    #[test]
    fn one_value_and_equal_values_have_no_shape() {
        let one = moments(&[0.1]);
        assert_eq!((one.mean, one.variance, one.std()), (0.1, None, None));
        assert!(one.skewness.is_nan() && one.kurtosis.is_nan());
        let equal = moments(&[0.1; 10]);
        assert_eq!((equal.mean, equal.variance), (0.1, Some(0.0)));
        assert!(equal.skewness.is_nan() && equal.kurtosis.is_nan());
    }

    #[test]
    fn nan_and_infinities_spread() {
        let with_nan = moments(&[1.0, f64::NAN]);
        assert!(with_nan.mean.is_nan() && with_nan.variance.is_some_and(f64::is_nan));
        let infinite = moments(&[1.0, 2.0, f64::INFINITY]);
        assert_eq!(infinite.mean, f64::INFINITY);
        assert!(infinite.variance.is_some_and(f64::is_nan) && infinite.skewness.is_nan());
        assert!(Ranking::default().moments().is_none());
    }

    #[test]
    fn values_far_from_zero_lose_no_digits() {
        let moments = moments(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]);
        assert_eq!((moments.mean, moments.variance), (1e9 + 2.0, Some(1.0)));
    }

    proptest! {
        #[test]
        fn equals_the_definitions(values in prop::collection::vec(-1e3_f64..1e3, 2..80)) {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let central = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
            let fast = moments(&values);
            let near = |left: f64, right: f64| (left - right).abs() <= 1e-7 * (1.0 + right.abs());
            prop_assert!(near(fast.mean, mean));
            prop_assert!(near(fast.variance.unwrap(), central(2) * n / (n - 1.0)));
            prop_assume!(central(2) > 1e-3);
            prop_assert!(near(fast.skewness, central(3) / central(2).powf(1.5)));
            prop_assert!(near(fast.kurtosis, central(4) / central(2).powi(2) - 3.0));
        }

        #[test]
        fn the_order_of_rows_changes_no_bit(values in prop::collection::vec(-1e3_f64..1e3, 2..80)) {
            let mut reversed = values.clone();
            reversed.reverse();
            prop_assert_eq!(moments(&values), moments(&reversed));
        }
    }
}
