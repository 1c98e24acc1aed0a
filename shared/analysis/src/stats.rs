//! The statistics of the specifications, each with its definition (`_common-profile-my-data.md` 3) and a slow,
//! obvious twin in its tests. Plain numbers in, plain numbers out; no tables, no reports.

mod entropy;
mod fences;
mod moments;
mod order;
mod ranking;
mod rounding;

pub use entropy::entropy;
pub use fences::Fences;
pub use moments::Moments;
pub use order::{greater, less, outside, total_order};
pub use ranking::Ranking;
pub use rounding::{percentage, round, round_scaled};
