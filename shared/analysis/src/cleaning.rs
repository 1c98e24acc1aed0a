//! Operations of the agents that change data, each once: null words, imputation, outlier rules, typing. They take
//! columns and give columns or rows; what an agent reports about them is not decided here.

mod impute;
mod knn;
mod null_words;
mod outliers;
mod typing;

pub(crate) use impute::fill_with_cell;
pub use impute::{
    Direction, ImputeError, fill_floats, fill_from_neighbour, fill_with_constant, mode, replace_numbers,
};
pub use knn::{TERM_LIMIT, impute_by_neighbours};
pub use null_words::without_null_words;
pub use outliers::{Measure, NoPercentile, Outlier, Outliers, Rule, outliers};
pub use typing::{holds_whole_numbers, to_integers};
