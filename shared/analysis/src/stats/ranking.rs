//! Numbers in ascending order, kept as distinct values with running counts: quantiles, extremes, counts beyond a
//! bound and moments without touching the rows again.

use super::moments::Moments;
use super::order::{greater, key_of, less, outside, value_of};

/// The distinct values of a column in ascending order (NaN last), each with the number of values up to and
/// including it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranking {
    values: Vec<f64>,
    ends: Vec<u32>,
}

impl Ranking {
    /// Ranks values that come with the number of their occurrences. Equal values may come more than once.
    pub fn new(counted: impl IntoIterator<Item = (f64, u32)>) -> Self {
        let counted = counted.into_iter().filter(|(_, count)| *count > 0);
        let mut keyed: Vec<(u64, u32)> = counted.map(|(value, count)| (key_of(value), count)).collect();
        keyed.sort_unstable_by_key(|(key, _)| *key);
        let mut ranking =
            Self { values: Vec::with_capacity(keyed.len()), ends: Vec::with_capacity(keyed.len()) };
        let mut last_key = None;
        for (key, count) in keyed {
            let end = ranking.ends.last().copied().unwrap_or(0).saturating_add(count);
            match ranking.ends.last_mut() {
                Some(last) if last_key == Some(key) => *last = end,
                _ => {
                    ranking.values.push(value_of(key));
                    ranking.ends.push(end);
                }
            }
            last_key = Some(key);
        }
        ranking
    }

    /// Number of values.
    pub fn count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0) as usize
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether NaN is among the values.
    pub fn has_nan(&self) -> bool {
        self.values.last().is_some_and(|last| last.is_nan())
    }

    /// How often a value occurs. All NaN are one value.
    pub fn occurrences(&self, value: f64) -> usize {
        let first = self.values.partition_point(|other| less(*other, value));
        let behind = self.values.partition_point(|other| !greater(*other, value));
        self.count_of_first(behind) - self.count_of_first(first)
    }

    /// Distinct values, ascending, NaN last.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Distinct values, ascending, with the number of values that are not greater.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u32)> + Clone {
        self.values.iter().copied().zip(self.ends.iter().copied())
    }

    /// Distinct values, ascending, with the number of their occurrences.
    pub fn counted(&self) -> impl Iterator<Item = (f64, u32)> + Clone {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.values.iter().zip(&self.ends).zip(starts).map(|((value, end), start)| (*value, end - start))
    }

    /// The value at a 0-based position of the ascending values.
    pub fn at(&self, position: usize) -> Option<f64> {
        let run = self.ends.partition_point(|end| *end as usize <= position);
        self.values.get(run).copied()
    }

    /// Quantile `nearest`: the element at position `floor((n - 1) * q + 0.5)` of the ascending values. `None`
    /// without values and for `q` outside of 0..=1.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        (0.0..=1.0)
            .contains(&q)
            .then(|| (last as f64 * q + 0.5).floor() as usize)
            .and_then(|position| self.at(position))
    }

    /// The middle value; the mean of the two middle values for even counts. NaN counts as the greatest value.
    pub fn median(&self) -> Option<f64> {
        let count = self.count();
        let upper = self.at(count / 2)?;
        if count % 2 == 1 {
            return Some(upper);
        }
        let lower = self.at(count / 2 - 1)?;
        // The halves are added so that two huge values do not overflow; equal values stay exact.
        Some(if lower == upper { upper } else { lower / 2.0 + upper / 2.0 })
    }

    /// The least value that is not NaN.
    pub fn min(&self) -> Option<f64> {
        self.numbers().first().copied()
    }

    /// The greatest value that is not NaN.
    pub fn max(&self) -> Option<f64> {
        self.numbers().last().copied()
    }

    /// Number of values less than `bound`; NaN is greater than every number.
    pub fn count_below(&self, bound: f64) -> usize {
        self.count_of_first(self.values.partition_point(|value| less(*value, bound)))
    }

    /// Number of values greater than `bound`; NaN is greater than every number.
    pub fn count_above(&self, bound: f64) -> usize {
        self.count() - self.count_of_first(self.values.partition_point(|value| !greater(*value, bound)))
    }

    /// Number of values that [`outside`] holds for.
    pub fn count_outside(&self, lower: f64, upper: f64) -> usize {
        if greater(lower, upper) {
            // Bounds the wrong way round (a negative factor): a value may be beyond both, and counts once.
            return self
                .counted()
                .filter(|(value, _)| outside(*value, lower, upper))
                .map(|(_, count)| count as usize)
                .sum();
        }
        self.count_below(lower) + self.count_above(upper)
    }

    /// Mean, spread and shape; `None` without values.
    pub fn moments(&self) -> Option<Moments> {
        Moments::of(self)
    }

    /// The distinct values without NaN.
    fn numbers(&self) -> &[f64] {
        let count = self.values.partition_point(|value| !value.is_nan());
        self.values.get(..count).unwrap_or_default()
    }

    fn count_of_first(&self, distinct: usize) -> usize {
        distinct.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0) as usize
    }
}

impl FromIterator<f64> for Ranking {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self::new(values.into_iter().map(|value| (value, 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::total_order;
    use super::*;
    use proptest::prelude::*;

    fn ranking(values: &[f64]) -> Ranking {
        values.iter().copied().collect()
    }

    #[test]
    fn quantiles_take_the_nearest_element() {
        assert_eq!(ranking(&[10.0, 20.0, 30.0]).quantile(0.25), Some(20.0));
        assert_eq!(ranking(&[10.0, 20.0]).quantile(0.5), Some(20.0));
        let seven = ranking(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(seven.quantile(0.25), Some(2.0));
        assert_eq!(seven.quantile(1.0), Some(6.0));
        assert_eq!(seven.quantile(1.1), None);
        assert_eq!(ranking(&[]).quantile(0.5), None);
    }

    #[test]
    fn nan_is_the_greatest_value_but_no_extreme() {
        let values = ranking(&[f64::NAN, 1.0, f64::INFINITY, f64::NAN, -3.0]);
        assert_eq!((values.min(), values.max()), (Some(-3.0), Some(f64::INFINITY)));
        assert_eq!(values.count_above(f64::INFINITY), 2);
        assert_eq!(values.count_below(f64::NAN), 3);
        assert_eq!(values.median(), Some(f64::INFINITY));
        assert_eq!(ranking(&[f64::NAN]).min(), None);
        assert!(ranking(&[1.0, f64::NAN]).median().is_some_and(f64::is_nan));
    }

    #[test]
    fn both_zeros_are_one_value() {
        assert_eq!(ranking(&[-0.0, 0.0, 0.0]).counted().collect::<Vec<_>>(), [(0.0, 3)]);
    }

    #[test]
    fn the_median_of_huge_values_does_not_overflow() {
        let median = ranking(&[1.6e308, 1.7e308]).median().unwrap();
        assert!((1.64e308..1.66e308).contains(&median), "{median}");
    }

    /// Few distinct values and every special one, so that ties and edges are common.
    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-5_i32..5).prop_map(|value| f64::from(value) / 2.0),
            2 => -1e3_f64..1e3,
            1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX]),
        ]
    }

    proptest! {
        #[test]
        fn equals_the_sorted_list(values in prop::collection::vec(value(), 1..60), bound in value(), q in 0.0_f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_by(|left, right| total_order(*left, *right));
            let fast = ranking(&values);
            let same = |left: Option<f64>, right: Option<f64>| match (left, right) {
                (Some(left), Some(right)) => total_order(left, right).is_eq(),
                (left, right) => left == right,
            };
            prop_assert_eq!(fast.count(), values.len());
            for (position, value) in sorted.iter().enumerate() {
                prop_assert!(same(fast.at(position), Some(*value)));
            }
            let nearest = sorted[((values.len() - 1) as f64 * q + 0.5).floor() as usize];
            prop_assert!(same(fast.quantile(q), Some(nearest)));
            let numbers: Vec<f64> = sorted.iter().copied().filter(|value| !value.is_nan()).collect();
            prop_assert!(same(fast.min(), numbers.first().copied()));
            prop_assert!(same(fast.max(), numbers.last().copied()));
            prop_assert_eq!(fast.count_below(bound), values.iter().filter(|value| less(**value, bound)).count());
            prop_assert_eq!(fast.count_above(bound), values.iter().filter(|value| greater(**value, bound)).count());
            prop_assert_eq!(fast.occurrences(bound), values.iter().filter(|value| total_order(**value, bound).is_eq()).count());
            prop_assert_eq!(fast.has_nan(), values.iter().any(|value| value.is_nan()));
            prop_assert_eq!(fast.cumulative().last().map(|(_, end)| end as usize), Some(values.len()));
            let mut bounds = [bound, sorted[0]];
            for _ in 0..2 {
                let slow = values.iter().filter(|value| outside(**value, bounds[0], bounds[1])).count();
                prop_assert_eq!(fast.count_outside(bounds[0], bounds[1]), slow);
                bounds.reverse();
            }
            let counts: u32 = fast.counted().map(|(_, count)| count).sum();
            prop_assert_eq!(counts as usize, values.len());
        }
    }
}
