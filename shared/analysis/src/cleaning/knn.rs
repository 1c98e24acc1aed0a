//! Imputation by the nearest rows (null-handler, section 4, KNN).

use polars::prelude::Float64Chunked;
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::impute::{ImputeError, named};
use crate::table::Column;

/// Distance terms (rows to fill x rows to take from x columns) beyond which the work is refused.
pub const TERM_LIMIT: u128 = 2_000_000_000;

/// Fills the empty and NaN cells of `columns[target]` with the mean over its `k` nearest rows that have a value.
///
/// Coordinates are all numeric columns, unscaled; empty and NaN are missing. The distance of two rows is
/// `sqrt(columns / shared * sum of squared differences)` over the coordinates that both have. Rows without a shared
/// coordinate are no neighbours; a row that has none at all takes the mean of the column. Ties: lowest row.
///
/// # Errors
/// For an infinite coordinate, for `k` below 1, for a column without values, and beyond [`TERM_LIMIT`].
pub fn impute_by_neighbours(columns: &[&Column], target: &Column, k: i64) -> Result<Column, ImputeError> {
    let k = usize::try_from(k).ok().filter(|k| *k > 0).ok_or(ImputeError::Neighbours { given: k })?;
    let values: Vec<Option<f64>> = present(target);
    let (receivers, donors): (Vec<usize>, Vec<usize>) =
        (0..values.len()).partition(|row| values.get(*row).copied().flatten().is_none());
    let terms = receivers.len() as u128 * donors.len() as u128 * columns.len() as u128;
    if terms > TERM_LIMIT {
        return Err(ImputeError::TooLarge { terms, limit: TERM_LIMIT });
    }
    let value = |row: usize| values.get(row).copied().flatten().unwrap_or(f64::NAN);
    if donors.is_empty() {
        return Err(ImputeError::NoValue);
    }
    let mean = donors.iter().map(|row| value(*row)).sum::<f64>() / donors.len() as f64;
    let matrix = Matrix::of(columns, values.len())?;
    let filled: Vec<f64> = RAYON.install(|| {
        let near = |receiver: &usize| matrix.nearest(*receiver, &donors, k);
        let mean_of = |rows: Vec<usize>| rows.iter().map(|row| value(*row)).sum::<f64>() / rows.len() as f64;
        receivers
            .par_iter()
            .map(|receiver| Some(near(receiver)).filter(|rows| !rows.is_empty()).map_or(mean, mean_of))
            .collect()
    });
    let mut filled = filled.into_iter();
    let cells = values.iter().map(|cell| cell.or_else(|| filled.next()));
    Ok(named(target, cells.collect::<Float64Chunked>()))
}

/// The values of a column, `None` for empty and NaN.
fn present(column: &Column) -> Vec<Option<f64>> {
    let mut values = vec![None; column.len()];
    for (row, value) in column.numbers().into_iter().flatten() {
        if let Some(cell) = values.get_mut(row) {
            *cell = Some(value).filter(|value| !value.is_nan());
        }
    }
    values
}

/// The coordinates row by row; NaN is missing.
struct Matrix {
    coordinates: Vec<f64>,
    width: usize,
}

impl Matrix {
    fn of(columns: &[&Column], height: usize) -> Result<Self, ImputeError> {
        let width = columns.len();
        let mut coordinates = vec![f64::NAN; width * height];
        for (position, column) in columns.iter().enumerate() {
            for (row, value) in column.numbers().into_iter().flatten() {
                if value.is_infinite() {
                    return Err(ImputeError::Infinite { column: column.name().to_owned() });
                }
                if let Some(coordinate) = coordinates.get_mut(row * width + position) {
                    *coordinate = value;
                }
            }
        }
        Ok(Self { coordinates, width })
    }

    fn row(&self, row: usize) -> &[f64] {
        self.coordinates.get(row * self.width..(row + 1) * self.width).unwrap_or_default()
    }

    /// Square of the distance; `None` without a shared coordinate.
    fn distance(&self, left: usize, right: usize) -> Option<f64> {
        let (mut sum, mut shared) = (0.0, 0_u32);
        for (left, right) in self.row(left).iter().zip(self.row(right)) {
            let difference = left - right;
            if !difference.is_nan() {
                sum += difference * difference;
                shared += 1;
            }
        }
        (shared > 0).then(|| sum * self.width as f64 / f64::from(shared))
    }

    /// The `k` nearest of `donors`, nearest first.
    fn nearest(&self, receiver: usize, donors: &[usize], k: usize) -> Vec<usize> {
        let near = donors.iter().filter_map(|donor| Some((self.distance(receiver, *donor)?, *donor)));
        let mut near: Vec<(f64, usize)> = near.collect();
        let order =
            |left: &(f64, usize), right: &(f64, usize)| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1));
        if near.len() > k {
            near.select_nth_unstable_by(k - 1, order);
            near.truncate(k);
        }
        near.sort_unstable_by(order);
        near.into_iter().map(|(_, row)| row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};
    use bytes::Bytes;

    fn filled(csv: &'static str, k: i64) -> Result<Vec<f64>, ImputeError> {
        let bytes = Bytes::from_static(csv.as_bytes());
        let table = Table::read_csv("x.csv", &bytes, ReadOptions::inferring(100)).unwrap();
        let columns: Vec<&Column> =
            table.columns().iter().filter(|column| column.kind().is_numeric()).collect();
        let column = impute_by_neighbours(&columns, table.column("t").unwrap(), k)?;
        Ok(column.numbers().unwrap().map(|(_, value)| value).collect())
    }

    #[test]
    fn the_nearest_rows_give_their_mean_and_ties_go_to_the_lowest_row() {
        let csv = "t,x,y\n10,0,0\n20,1,0\n30,5,0\n,0,0\n40,-1,0\n";
        assert_eq!(filled(csv, 1).unwrap()[3], 10.0);
        assert_eq!(filled(csv, 2).unwrap()[3], 15.0);
        assert_eq!(filled(csv, 99).unwrap()[3], 25.0);
    }

    #[test]
    fn missing_coordinates_scale_the_distance() {
        // Donor 0 shares x only (difference 3, times 3 of 1 columns: 27), donor 1 both (9 + 4, times 3 of 2: 19.5).
        assert_eq!(filled("t,x,y\n10,3,\n20,3,2\n,0,0\n", 1).unwrap()[2], 20.0);
    }

    #[test]
    fn without_a_shared_coordinate_the_mean_is_taken() {
        assert_eq!(filled("t,x\n10,1\n20,2\n,\nNaN,1\n", 1).unwrap(), [10.0, 20.0, 15.0, 10.0]);
    }

    #[test]
    fn what_has_no_neighbours_is_refused() {
        assert!(matches!(filled("t,x\n1,inf\n,1\n", 1), Err(ImputeError::Infinite { .. })));
        assert!(matches!(filled("t,x\n1,1\n,1\n", 0), Err(ImputeError::Neighbours { given: 0 })));
        assert!(matches!(filled("t,x\nNaN,1\n,1\n", 1), Err(ImputeError::NoValue)));
    }
}
