//! Drawing without replacement, reproducibly.

use rand_0_10::SeedableRng;
use rand_0_10::rngs::SmallRng;
use rand_0_10::seq::index;

/// `size` distinct positions of `0..count`, ascending; all of them when there are no more. The same arguments give
/// the same positions, those that the data engine's `sample` with this seed takes.
pub fn sample_positions(count: usize, size: usize, seed: u64) -> Vec<usize> {
    if size >= count {
        return (0..count).collect();
    }
    let mut positions = index::sample(&mut SmallRng::seed_from_u64(seed), count, size).into_vec();
    positions.sort_unstable();
    positions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `polars.Series(range(1000)).sample(10, seed=42)` of Python polars 1.44, sorted.
    #[test]
    fn takes_the_rows_that_the_reference_takes() {
        assert_eq!(sample_positions(1000, 10, 42), [124, 207, 316, 585, 603, 696, 789, 806, 933, 977]);
        let mut left_out: Vec<usize> = (0..31).collect();
        let taken = sample_positions(31, 30, 42);
        left_out.retain(|position| !taken.contains(position));
        assert_eq!(left_out, [26]);
    }

    proptest! {
        #[test]
        fn positions_are_distinct_and_ascending(count in 0_usize..500, size in 0_usize..500, seed in any::<u64>()) {
            let positions = sample_positions(count, size, seed);
            prop_assert_eq!(positions.len(), size.min(count));
            prop_assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(positions.iter().all(|position| *position < count));
            prop_assert_eq!(positions, sample_positions(count, size, seed));
        }
    }
}
