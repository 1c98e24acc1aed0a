//! Operations of the agents that change data, each once: null words, imputation, outlier rules, typing, and
//! what is done to single texts: spacing, case, synonyms, units, dates. They take columns and texts and give columns,
//! rows and texts; what an agent reports about them is not decided here.

mod calendar;
mod convert;
mod date_form;
mod impute;
mod knn;
mod normalise;
mod null_words;
mod outliers;
mod synonyms;
mod typing;
mod units;

pub use calendar::{begins_like_a_date, parse_date};
pub use convert::{to_floats, to_instants, to_texts};
pub use date_form::DateForm;
pub(crate) use impute::fill_with_cell;
pub use impute::{
    Direction, ImputeError, fill_floats, fill_from_neighbour, fill_with_constant, mode, replace_numbers,
};
pub use knn::{TERM_LIMIT, impute_by_neighbours};
pub use normalise::{Case, has_stray_spaces, lower, single_spaced};
pub use null_words::without_null_words;
pub use outliers::{Measure, NoPercentile, Outlier, Outliers, Rule, outliers};
pub use synonyms::Synonyms;
pub use typing::{holds_whole_numbers, to_integers};
pub use units::{Unit, UnitTooLong};
