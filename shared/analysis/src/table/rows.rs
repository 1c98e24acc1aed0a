//! Facts about whole rows: how many cells are empty, and which rows occur more than once.

use std::hash::{BuildHasher, Hash};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::Table;
use super::column::{Cells, Column};
use super::distinct::bits;
use crate::text::Cell;

impl Table {
    /// Number of empty cells of each row. Found once.
    pub fn row_null_counts(&self) -> &[u32] {
        self.row_nulls.get_or_init(|| {
            let mut counts = vec![0; self.height()];
            for column in self.columns() {
                for row in column.null_rows() {
                    if let Some(count) = counts.get_mut(row) {
                        *count += 1;
                    }
                }
            }
            counts
        })
    }

    /// Rows that equal another row in all columns, ascending: every member of a group of equal rows. Nulls are
    /// equal, all NaN are equal, both zeros are equal. Found once.
    pub fn repeated_rows(&self) -> &[u32] {
        self.repeated_rows.get_or_init(|| {
            let is_key = |column: &Column| {
                column.known_distinct().is_some_and(|distinct| distinct.count_with_null() == self.height())
            };
            if self.columns().iter().any(is_key) {
                return Vec::new();
            }
            let columns: Vec<&Column> = self.columns().iter().collect();
            repeated(&columns, &row_hashes(&columns))
        })
    }
}

/// Row by row, whether it is the first with its values in these columns: nulls are equal, all NaN are equal, both
/// zeros are equal. No row is without columns.
pub(crate) fn first_occurrences(columns: &[&Column]) -> Vec<bool> {
    let hashes = row_hashes(columns);
    let mut firsts: HashTable<(u64, u32)> = HashTable::with_capacity(hashes.len());
    let is_first = |(row, hash): (usize, &u64)| {
        let same = |first: &(u64, u32)| first.0 == *hash && same_rows(columns, first.1 as usize, row);
        match firsts.entry(*hash, same, |first| first.0) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert((*hash, u32::try_from(row).unwrap_or(u32::MAX)));
                true
            }
        }
    };
    hashes.iter().enumerate().map(is_first).collect()
}

/// A hash of each row. The sum does not depend on how the columns are spread over threads.
fn row_hashes(columns: &[&Column]) -> Vec<u64> {
    let hasher = DefaultHashBuilder::default();
    let height = columns.first().map_or(0, |column| column.len());
    let none = || vec![0_u64; height];
    RAYON.install(|| {
        let columns = columns.par_iter().enumerate();
        columns
            .fold(none, |mut hashes, (position, column)| {
                add_hashes(&mut hashes, position, column, &hasher);
                hashes
            })
            .reduce(none, |mut left, right| {
                left.iter_mut().zip(right).for_each(|(left, right)| *left = left.wrapping_add(right));
                left
            })
    })
}

fn add_hashes(hashes: &mut [u64], position: usize, column: &Column, hasher: &DefaultHashBuilder) {
    fn add<T: Hash>(
        hashes: &mut [u64],
        position: usize,
        cells: impl Iterator<Item = Option<T>>,
        hasher: &DefaultHashBuilder,
    ) {
        for (hash, cell) in hashes.iter_mut().zip(cells) {
            *hash = hash.wrapping_add(hasher.hash_one((position, cell)));
        }
    }
    match column.cells() {
        Cells::Integer(cells) => add(hashes, position, cells.iter(), hasher),
        Cells::Float(cells) => add(hashes, position, cells.iter().map(|cell| cell.map(bits)), hasher),
        Cells::Boolean(cells) => add(hashes, position, cells.iter(), hasher),
        Cells::Text(cells) => add(hashes, position, cells.iter(), hasher),
        Cells::BigInteger(cells) => add(hashes, position, cells.iter(), hasher),
    }
}

fn repeated(columns: &[&Column], hashes: &[u64]) -> Vec<u32> {
    let mut is_repeated = vec![false; hashes.len()];
    let mut firsts: HashTable<(u64, u32)> = HashTable::new();
    for (row, hash) in hashes.iter().enumerate() {
        // Equal hashes are almost always equal rows; the cells have the last word.
        let same = |first: &(u64, u32)| first.0 == *hash && same_rows(columns, first.1 as usize, row);
        match firsts.entry(*hash, same, |first| first.0) {
            Entry::Occupied(first) => {
                for member in [first.get().1 as usize, row] {
                    if let Some(mark) = is_repeated.get_mut(member) {
                        *mark = true;
                    }
                }
            }
            Entry::Vacant(entry) => {
                entry.insert((*hash, u32::try_from(row).unwrap_or(u32::MAX)));
            }
        }
    }
    (0_u32..).zip(is_repeated).filter(|(_, repeated)| *repeated).map(|(row, _)| row).collect()
}

fn same_rows(columns: &[&Column], left: usize, right: usize) -> bool {
    columns.iter().all(|column| same_cell(column.cell(left), column.cell(right)))
}

/// Whether two cells of a column hold the same: nulls are equal, all NaN are equal, both zeros are equal.
pub(super) fn same_cell(left: Cell<'_>, right: Cell<'_>) -> bool {
    match (left, right) {
        (Cell::Float(left), Cell::Float(right)) => bits(left) == bits(right),
        (left, right) => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::ReadOptions;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn table(csv: &str) -> Table {
        Table::read_csv("x.csv", &Bytes::from(csv.to_owned()), ReadOptions::inferring(10_000)).unwrap()
    }

    #[test]
    fn every_member_of_a_group_is_listed() {
        let table = table("a,b,c\n1,x,\n2,x,NaN\n1,x,\n2,x,-NaN\n3,,0.0\n3,,-0.0\n3,y,0\n");
        assert_eq!(table.repeated_rows(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(table.row_null_counts(), [1, 0, 1, 0, 1, 1, 0]);
    }

    #[test]
    fn the_same_values_in_other_columns_are_other_rows() {
        assert_eq!(table("a,b\n1,2\n2,1\n").repeated_rows(), [0_u32; 0]);
        assert_eq!(table("a,b\n").repeated_rows(), [0_u32; 0]);
    }

    #[test]
    fn a_known_key_column_settles_it() {
        let table = table("a,b\n1,x\n2,x\n");
        assert_eq!(table.columns()[0].distinct().count_with_null(), 2);
        assert_eq!(table.repeated_rows(), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn equals_comparing_all_pairs(rows in prop::collection::vec((0_u8..4, prop::option::of("[ab]{0,2}"), prop::option::of(0_u8..3)), 0..40)) {
            let cell = |cell: &Option<u8>| cell.map(|cell| cell.to_string()).unwrap_or_default();
            let text = |text: &Option<String>| text.as_ref().map(|text| format!("\"{text}\"")).unwrap_or_default();
            let lines: String = rows.iter().map(|(a, b, c)| format!("{a},{},{}\n", text(b), cell(c))).collect();
            let table = table(&format!("a,b,c\n{lines}"));
            let slow: Vec<u32> = (0..rows.len()).filter(|row| rows.iter().filter(|other| **other == rows[*row]).count() > 1).map(|row| row as u32).collect();
            prop_assert_eq!(table.repeated_rows(), slow);
            let columns: Vec<&Column> = table.columns().iter().collect();
            let firsts: Vec<bool> = (0..rows.len()).map(|row| !rows[..row].contains(&rows[row])).collect();
            prop_assert_eq!(first_occurrences(&columns), firsts);
            let nulls: Vec<u32> = rows.iter().map(|(_, b, c)| u32::from(b.is_none()) + u32::from(c.is_none())).collect();
            prop_assert_eq!(table.row_null_counts(), nulls);
        }
    }
}
