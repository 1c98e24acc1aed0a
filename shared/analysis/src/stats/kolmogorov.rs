//! Two-sample Kolmogorov-Smirnov test, two-sided.

mod one_sample;

use super::pooled::pooled;
use super::ranking::Ranking;

/// Samples up to this size are tested exactly, larger ones by the one-sample distribution.
const EXACT_UP_TO: usize = 10_000;

/// Exact probabilities that are certainly less than this are not computed and count as 0.
const NEGLIGIBLE: f64 = 1e-30;

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// `D`: the greatest distance of the two empirical distribution functions.
    pub statistic: f64,
    /// Probability of a distance of at least `D` if both samples come from one distribution.
    pub p_value: f64,
}

/// The test (drift-detector.md 4, step 9). Exact up to 10,000 values a side; beyond, the distribution of the
/// one-sample statistic for `round(m n / (m + n))` values at `D`. Both figures are NaN without values on a side and
/// with NaN among the values.
pub fn kolmogorov_smirnov(left: &Ranking, right: &Ranking) -> KolmogorovSmirnov {
    if left.is_empty() || right.is_empty() || left.has_nan() || right.has_nan() {
        return KolmogorovSmirnov { statistic: f64::NAN, p_value: f64::NAN };
    }
    let (m, n) = (left.count() as u64, right.count() as u64);
    // In units of 1 / (m n): whole numbers, so that ties are ties.
    let distances = pooled(left, right)
        .map(|step| (u128::from(step.left) * u128::from(n)).abs_diff(u128::from(step.right) * u128::from(m)));
    let distance = distances.max().unwrap_or(0);
    let statistic = distance as f64 / (m as f64 * n as f64);
    let effective_size = m as f64 * n as f64 / (m as f64 + n as f64);
    let p_value = if left.count().max(right.count()) > EXACT_UP_TO {
        one_sample::survival(effective_size.round_ties_even() as u64, statistic)
    // An upper bound of the probability that holds for samples of any sizes.
    } else if std::f64::consts::E * (-2.0 * effective_size * statistic * statistic).exp() < NEGLIGIBLE {
        0.0
    } else {
        touching(m, n, distance)
    };
    KolmogorovSmirnov { statistic, p_value: p_value.clamp(0.0, 1.0) }
}

/// The walk goes from (0, 0) to (`m`, `n`), each next step being one of the `m + n` steps that are left, all equally
/// likely. The probability that it touches a point with `abs(i n - j m) >= distance`.
fn touching(m: u64, n: u64, distance: u128) -> f64 {
    let (m, n, distance) = (i128::from(m), i128::from(n), i128::try_from(distance).unwrap_or(i128::MAX));
    if distance == 0 {
        return 1.0;
    }
    // `row[j]` is the probability that the walk to (i, j) has touched; backwards from its end, the walk comes from
    // the left with probability i / (i + j), else from below. Points outside of the band have touched.
    let mut row = vec![1.0; usize::try_from(n).unwrap_or(0) + 1];
    let inverse: Vec<f64> = (0..=m + n).map(|steps| 1.0 / steps as f64).collect();
    for i in 0..=m {
        // The j of the band in this row.
        let first = (i * n - distance).div_euclid(m) + 1;
        let end = -((-(i * n + distance)).div_euclid(m));
        let (first, end) = (first.max(0), end.min(n + 1));
        let (Ok(start), Ok(stop), Ok(steps)) =
            (usize::try_from(first), usize::try_from(end), usize::try_from(i + first))
        else {
            return 1.0;
        };
        let Some(band) = row.get_mut(start..stop) else { return 1.0 };
        let mut below = if first == 0 { 0.0 } else { 1.0 };
        let (from_left, mut from_below) = (i as f64, first as f64);
        for (touched, inverse) in band.iter_mut().zip(inverse.iter().skip(steps)) {
            if i == 0 {
                // From below only, and nothing there has touched.
                *touched = below;
            } else {
                *touched = (*touched * from_left + below * from_below) * inverse;
            }
            below = *touched;
            from_below += 1.0;
        }
    }
    row.last().copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn test(left: &[f64], right: &[f64]) -> KolmogorovSmirnov {
        kolmogorov_smirnov(&left.iter().copied().collect(), &right.iter().copied().collect())
    }

    /// `touching` by the distance itself.
    fn exact(m: u64, n: u64, d: f64) -> f64 {
        touching(m, n, (d * m as f64 * n as f64).round() as u128)
    }

    #[test]
    fn checks_of_the_specification() {
        for (m, n, d, p) in [
            (100, 120, 0.261_666_666_7, 0.000_898_425),
            (150, 97, 0.156_288_659_8, 0.098_020_212),
            (60, 60, 0.15, 0.513_012_313),
            (40, 25, 0.22, 0.388_161_031),
        ] {
            assert!((exact(m, n, d) - p).abs() < 1e-9, "{m} {n} {d}: {}", exact(m, n, d));
            assert!((exact(n, m, d) - p).abs() < 1e-9, "{n} {m} {d}: {}", exact(n, m, d));
        }
    }

    #[test]
    fn equal_and_disjoint_samples() {
        let equal = test(&[1.0, 2.0, 2.0], &[2.0, 1.0, 2.0]);
        assert_eq!((equal.statistic, equal.p_value), (0.0, 1.0));
        let disjoint = test(&[1.0, 2.0], &[3.0, 4.0]);
        assert_eq!(disjoint.statistic, 1.0);
        // Two of the six orders of two and two values keep them apart.
        assert!((disjoint.p_value - 1.0 / 3.0).abs() < 1e-12);
        let one = test(&[1.0], &[3.0]);
        assert_eq!((one.statistic, one.p_value), (1.0, 1.0));
    }

    #[test]
    fn what_is_no_sample() {
        assert!(test(&[], &[1.0]).p_value.is_nan());
        assert!(test(&[f64::NAN, 1.0], &[1.0]).p_value.is_nan());
        let infinite = test(&[1.0, 2.0, f64::INFINITY], &[1.0, 2.0, 3.0]);
        assert!((infinite.statistic - 1.0 / 3.0).abs() < 1e-12 && (infinite.p_value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn large_samples_that_differ_much_have_no_probability() {
        let left: Vec<f64> = (0..9000).map(f64::from).collect();
        let right: Vec<f64> = (3000..12_000).map(f64::from).collect();
        assert_eq!(test(&left, &right).p_value, 0.0);
        let more: Vec<f64> = (3000..15_000).map(f64::from).collect();
        assert_eq!(test(&left, &more).p_value, 0.0);
    }

    /// Every order of the pooled values, counted.
    fn by_all_orders(m: i64, n: i64, distance: i64) -> f64 {
        fn walk(i: i64, j: i64, m: i64, n: i64, distance: i64, touched: bool) -> (f64, f64) {
            let touched = touched || (i * n - j * m).abs() >= distance;
            if i == m && j == n {
                return (f64::from(u8::from(touched)), 1.0);
            }
            let mut sum = (0.0, 0.0);
            for (di, dj) in [(1, 0), (0, 1)] {
                if i + di <= m && j + dj <= n {
                    let (touching, all) = walk(i + di, j + dj, m, n, distance, touched);
                    sum = (sum.0 + touching, sum.1 + all);
                }
            }
            sum
        }
        let (touching, all) = walk(0, 0, m, n, distance, false);
        touching / all
    }

    proptest! {
        #[test]
        fn equals_counting_every_order(m in 1_i64..9, n in 1_i64..9, part in 0.0_f64..=1.0) {
            let distance = (part * (m * n) as f64).round() as i64;
            let fast = touching(m as u64, n as u64, distance as u128);
            prop_assert!((fast - by_all_orders(m, n, distance)).abs() < 1e-12, "{} {}", fast, by_all_orders(m, n, distance));
        }

        #[test]
        fn the_statistic_is_the_greatest_distance(
            left in prop::collection::vec(-9_i32..9, 1..40),
            right in prop::collection::vec(-9_i32..9, 1..40),
        ) {
            let share = |values: &[i32], bound: i32| values.iter().filter(|value| **value <= bound).count() as f64 / values.len() as f64;
            let slow = (-9..9).map(|bound| (share(&left, bound) - share(&right, bound)).abs()).fold(0.0, f64::max);
            let floats = |values: &[i32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
            prop_assert!((test(&floats(&left), &floats(&right)).statistic - slow).abs() < 1e-12);
        }
    }
}
