//! Which values of a numeric column are outliers (outlier-remover, section 4).

use crate::stats::{Fences, greater, outside};
use crate::table::Column;

/// The rules, with their parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// More than so many standard deviations from the mean.
    ZScore(f64),
    /// Below and above two quantiles (`nearest`), given as shares.
    Percentile {
        /// Share below the lower bound.
        lower: f64,
        /// Share below the upper bound.
        upper: f64,
    },
    /// Outside of the quartiles pushed outwards by so many times their distance.
    Iqr(f64),
}

impl Rule {
    /// The rule's name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZScore(_) => "z_score",
            Self::Percentile { .. } => "percentile",
            Self::Iqr(_) => "iqr",
        }
    }
}

/// What a value was held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// Standard deviations from the mean.
    ZScore(f64),
    /// Least and greatest usual value.
    Bounds(f64, f64),
}

/// One outlier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlier {
    /// 0-based row.
    pub row: usize,
    /// The value.
    pub value: f64,
    /// What it was held against.
    pub measure: Measure,
    /// Whether it is far out, by the measure of its rule.
    pub is_critical: bool,
}

/// The outliers of a column.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outliers {
    /// How many there are.
    pub count: usize,
    /// The first of them, in row order.
    pub first: Vec<Outlier>,
}

/// A percentile that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a percentile must lie between 0 and 100")]
pub struct NoPercentile;

/// Finds the outliers and lists the first `limit`. None in columns that are not numeric or have no values, nor by
/// [`Rule::ZScore`] where the standard deviation is 0 or there is one value. NaN is above every number; where it
/// makes mean or deviation NaN, every value is an outlier of that rule.
///
/// # Errors
/// For a share outside of 0 to 1.
pub fn outliers(column: &Column, rule: Rule, limit: usize) -> Result<Outliers, NoPercentile> {
    let Some(ranking) = column.ranking().filter(|ranking| ranking.count() > 0) else {
        return Ok(Outliers::default());
    };
    match rule {
        Rule::ZScore(threshold) => {
            let Some(moments) = column.moments() else { return Ok(Outliers::default()) };
            let Some(std) = moments.std().filter(|std| *std != 0.0) else { return Ok(Outliers::default()) };
            Ok(find(column, limit, |value| {
                let z = (value - moments.mean).abs() / std;
                greater(z, threshold).then_some((Measure::ZScore(z), z > 4.0))
            }))
        }
        Rule::Percentile { lower, upper } => {
            let at = |share| ranking.quantile(share).ok_or(NoPercentile);
            let (lower, upper, least, greatest) = (at(lower)?, at(upper)?, at(0.001)?, at(0.999)?);
            Ok(find(column, limit, |value| {
                outside(value, lower, upper)
                    .then_some((Measure::Bounds(lower, upper), value < least || value > greatest))
            }))
        }
        Rule::Iqr(factor) => {
            let Some(Fences { iqr, lower, upper }) = Fences::of(ranking, factor) else {
                return Ok(Outliers::default());
            };
            Ok(find(column, limit, |value| {
                let (below, above) = ((value - lower).abs(), (value - upper).abs());
                let farther = if above > below { above } else { below };
                outside(value, lower, upper).then_some((Measure::Bounds(lower, upper), farther > 3.0 * iqr))
            }))
        }
    }
}

fn find(column: &Column, limit: usize, measure: impl Fn(f64) -> Option<(Measure, bool)>) -> Outliers {
    let mut found = Outliers::default();
    for (row, value) in column.numbers().into_iter().flatten() {
        if let Some((measure, is_critical)) = measure(value) {
            found.count += 1;
            if found.first.len() < limit {
                found.first.push(Outlier { row, value, measure, is_critical });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};

    fn rows(values: &[&str], rule: Rule) -> Result<Vec<(usize, bool)>, NoPercentile> {
        let csv = format!("a,b\n{}", values.iter().map(|value| format!("{value},x\n")).collect::<String>());
        let table = Table::read_csv("x.csv", &csv.into(), ReadOptions::inferring(100)).unwrap();
        let found = outliers(table.column("a").unwrap(), rule, 3)?;
        Ok(found.first.into_iter().map(|outlier| (outlier.row, outlier.is_critical)).collect())
    }

    #[test]
    fn bounds_belong_to_the_usual_values() {
        // Quartiles 2 and 4: bounds -1 and 7.
        let values = ["1", "2", "3", "4", "7"];
        assert_eq!(rows(&values, Rule::Iqr(1.5)).unwrap(), []);
        assert_eq!(rows(&values, Rule::Iqr(0.5)).unwrap(), [(4, false)]);
        assert_eq!(rows(&["1", "2", "3", "4", "7.5"], Rule::Iqr(1.5)).unwrap(), [(4, true)]);
        assert_eq!(
            rows(&values, Rule::Percentile { lower: 0.25, upper: 0.75 }).unwrap(),
            [(0, false), (4, false)]
        );
        assert_eq!(rows(&["1", "2", "3"], Rule::ZScore(1.0)).unwrap(), []);
        assert_eq!(rows(&["1", "2", "3"], Rule::ZScore(0.9)).unwrap(), [(0, false), (2, false)]);
    }

    #[test]
    fn what_has_no_spread_and_what_is_no_number() {
        assert_eq!(rows(&["5", "5"], Rule::ZScore(1.0)).unwrap(), []);
        assert_eq!(rows(&["5"], Rule::ZScore(0.0)).unwrap(), []);
        assert_eq!(
            rows(&["1.5", "2", "NaN"], Rule::ZScore(3.0)).unwrap(),
            [(0, false), (1, false), (2, false)]
        );
        assert_eq!(
            rows(&["1.5", "2", "2", "2", "2", "NaN"], Rule::Iqr(1.5)).unwrap(),
            [(0, true), (5, false)]
        );
        assert_eq!(rows(&["x"], Rule::Iqr(1.5)).unwrap(), []);
        assert_eq!(rows(&["1"], Rule::Percentile { lower: 0.0, upper: 1.1 }), Err(NoPercentile));
    }
}
