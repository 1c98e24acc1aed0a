//! The statistics of the specifications, each with its definition (`_common-profile-my-data.md` 3) and a slow,
//! obvious twin in its tests. Plain numbers in, plain numbers out; no tables, no reports.

mod bins;
mod entropy;
mod fences;
mod jensen_shannon;
mod kolmogorov;
mod moments;
mod order;
mod pooled;
mod psi;
mod ranking;
mod rounding;
mod sampling;
mod wasserstein;

pub use bins::{equal_bins, histogram};
pub use entropy::entropy;
pub use fences::Fences;
pub use jensen_shannon::jensen_shannon;
pub use kolmogorov::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use moments::Moments;
pub use order::{greater, less, outside, total_order};
pub use psi::population_stability;
pub use ranking::Ranking;
pub use rounding::{percentage, round, round_scaled};
pub use sampling::sample_positions;
pub use wasserstein::wasserstein_distance;
