//! Equally wide bins and how many values fall into each.

use super::ranking::Ranking;

/// The `count + 1` edges of equally wide bins from `min` to `max`, the last exactly `max`; from `min - 0.5` to
/// `min + 0.5` where both are equal. `None` where there are no such bins: no bins wanted, a bound that is not finite,
/// or bins too narrow (or wide) for floats to tell their edges apart.
pub fn equal_bins(min: f64, max: f64, count: u32) -> Option<Vec<f64>> {
    if count == 0 || !min.is_finite() || !max.is_finite() || min > max {
        return None;
    }
    let (min, max) = if min == max { (min - 0.5, max + 0.5) } else { (min, max) };
    let width = (max - min) / f64::from(count);
    let mut edges: Vec<f64> = (0..count).map(|edge| min + f64::from(edge) * width).collect();
    edges.push(max);
    let ascending = edges.windows(2).all(|pair| matches!(pair, [left, right] if left < right));
    ascending.then_some(edges)
}

/// Number of values in each bin: from its lower edge up to but not including its upper one; the last bin holds its
/// upper edge, too. Values beyond the edges, and NaN, are in no bin.
pub fn histogram(ranking: &Ranking, edges: &[f64]) -> Vec<usize> {
    let Some(last) = edges.last() else { return Vec::new() };
    let below = edges.iter().take(edges.len() - 1).map(|edge| ranking.count_below(*edge));
    let ends: Vec<usize> = below.chain([ranking.count() - ranking.count_above(*last)]).collect();
    ends.windows(2)
        .map(|pair| match pair {
            [start, end] => end - start,
            _ => 0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_of_a_single_value_surround_it() {
        assert_eq!(equal_bins(3.0, 3.0, 2), Some(vec![2.5, 3.0, 3.5]));
        assert_eq!(equal_bins(0.0, 1.0, 4), Some(vec![0.0, 0.25, 0.5, 0.75, 1.0]));
    }

    #[test]
    fn bins_that_floats_cannot_tell_apart_are_none() {
        for (min, max) in
            [(1e16, 1e16 + 2.0), (1e16, 1e16), (-1.5e308, 1e308), (f64::NAN, 1.0), (0.0, f64::INFINITY)]
        {
            assert_eq!(equal_bins(min, max, 10), None, "{min} {max}");
        }
        assert_eq!(equal_bins(0.0, 1.0, 0), None);
    }

    #[test]
    fn only_the_last_bin_is_closed_above() {
        let values = [0.0, 1.0, 1.0, 2.0, 2.1, -0.1, f64::NAN].into_iter().collect();
        assert_eq!(histogram(&values, &[0.0, 1.0, 2.0]), [1, 3]);
        assert_eq!(histogram(&Ranking::default(), &[0.0, 1.0]), [0]);
        assert!(histogram(&values, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn equals_counting_by_hand(
            values in prop::collection::vec((-40_i32..40).prop_map(|value| f64::from(value) / 4.0), 0..80),
            min in -8_i32..8, width in 0_i32..8, count in 1_u32..12,
        ) {
            let edges = equal_bins(f64::from(min), f64::from(min + width), count).unwrap();
            let slow: Vec<usize> = (0..count as usize).map(|bin| values.iter().filter(|value| {
                let closed = bin + 1 == count as usize && **value == edges[bin + 1];
                (edges[bin] <= **value && **value < edges[bin + 1]) || closed
            }).count()).collect();
            prop_assert_eq!(histogram(&values.into_iter().collect(), &edges), slow);
        }
    }
}
