//! Two samples side by side: their empirical distribution functions at every value that either has.

use super::order::total_order;
use super::ranking::Ranking;

/// A value of the pooled samples, with the number of values of each sample that are not greater.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) value: f64,
    pub(super) left: u32,
    pub(super) right: u32,
}

/// The distinct values of both samples in ascending order (NaN last).
pub(super) fn pooled<'a>(left: &'a Ranking, right: &'a Ranking) -> impl Iterator<Item = Step> + 'a {
    let (mut lefts, mut rights) = (left.cumulative().peekable(), right.cumulative().peekable());
    let (mut left_so_far, mut right_so_far) = (0, 0);
    std::iter::from_fn(move || {
        let value = match (lefts.peek(), rights.peek()) {
            (Some((left, _)), Some((right, _))) if total_order(*left, *right).is_le() => *left,
            (_, Some((right, _))) => *right,
            (Some((left, _)), None) => *left,
            (None, None) => return None,
        };
        let same = |step: &(f64, u32)| total_order(step.0, value).is_eq();
        if let Some((_, count)) = lefts.next_if(same) {
            left_so_far = count;
        }
        if let Some((_, count)) = rights.next_if(same) {
            right_so_far = count;
        }
        Some(Step { value, left: left_so_far, right: right_so_far })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_what_is_not_greater(
            left in prop::collection::vec(-5_i32..5, 0..30),
            right in prop::collection::vec(-5_i32..5, 0..30),
        ) {
            let ranking = |values: &[i32]| values.iter().map(|value| f64::from(*value)).collect::<Ranking>();
            let steps: Vec<Step> = pooled(&ranking(&left), &ranking(&right)).collect();
            let mut values: Vec<i32> = left.iter().chain(&right).copied().collect();
            values.sort_unstable();
            values.dedup();
            let slow: Vec<Step> = values.iter().map(|value| Step {
                value: f64::from(*value),
                left: left.iter().filter(|other| *other <= value).count() as u32,
                right: right.iter().filter(|other| *other <= value).count() as u32,
            }).collect();
            prop_assert_eq!(steps, slow);
        }
    }
}
