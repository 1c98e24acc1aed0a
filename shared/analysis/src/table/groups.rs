//! Rows that are equal in some columns, group by group.
//!
//! A group is split column by column, and rows that are alone fall out at once: with the column that tells most apart
//! first, the others look at few rows only.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::hash::Hash;

use hashbrown::{HashMap, HashSet};

use super::column::{Cells, Column};
use super::distinct::bits;
use super::rows::same_cell;

/// As what cells are compared. Null equals null, all NaN are equal, both zeros are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Raw,
    /// Text in lower case and trimmed, anything else as it is.
    Normal,
}

/// The groups of two or more equal rows, in the order of their first rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowGroups {
    groups: Vec<Vec<u32>>,
}

/// Rows by which the order of the columns is chosen.
const SAMPLE: usize = 256;

impl RowGroups {
    /// Groups rows that are equal in all of `keys`, columns of one height. Without keys there are no groups.
    pub fn of(keys: &[(&Column, Form)]) -> Self {
        let height = keys.first().map_or(0, |(column, _)| column.len());
        Self::split((0..u32::try_from(height).unwrap_or(u32::MAX)).map(|row| (row, 0)).collect(), keys)
    }

    /// Groups within these groups: rows that are equal in all of `keys`, too.
    #[must_use]
    pub fn within(&self, keys: &[(&Column, Form)]) -> Self {
        let numbered = (0_u32..).zip(&self.groups);
        let mut rows: Vec<(u32, u32)> =
            numbered.flat_map(|(number, group)| group.iter().map(move |row| (*row, number))).collect();
        rows.sort_unstable();
        Self::split(rows, keys)
    }

    /// Splits rows, which ascend, with a number that rows of one group share.
    fn split(mut rows: Vec<(u32, u32)>, keys: &[(&Column, Form)]) -> Self {
        let mut keys = keys.to_vec();
        keys.sort_by_key(|(column, _)| Reverse(sampled_values(column)));
        for (column, form) in keys {
            rows = split(&rows, column, form);
        }
        let mut numbers: HashMap<u32, usize> = HashMap::new();
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for (row, code) in rows {
            let number = *numbers.entry(code).or_insert(groups.len());
            match groups.get_mut(number) {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        Self { groups }
    }

    /// The groups; rows ascend in each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.groups.iter().map(Vec::as_slice)
    }

    /// Only the groups that are meant.
    #[must_use]
    pub fn filtered(&self, is_meant: impl Fn(&[u32]) -> bool) -> Self {
        Self { groups: self.groups.iter().filter(|group| is_meant(group)).cloned().collect() }
    }

    /// All rows of the groups, ascending.
    pub fn rows(&self) -> Vec<u32> {
        let mut rows = self.groups.concat();
        rows.sort_unstable();
        rows
    }

    /// Row by row, whether no row before it equals it.
    pub fn is_first(&self, height: usize) -> Vec<bool> {
        let mut is_first = vec![true; height];
        for row in self.groups.iter().flat_map(|group| group.iter().skip(1)) {
            if let Some(place) = is_first.get_mut(*row as usize) {
                *place = false;
            }
        }
        is_first
    }
}

impl Column {
    /// Whether some of these rows hold another value than the first of them.
    pub fn differs_among(&self, rows: &[u32]) -> bool {
        let Some((first, others)) = rows.split_first() else { return false };
        let first = self.cell(*first as usize);
        others.iter().any(|row| !same_cell(first, self.cell(*row as usize)))
    }
}

/// How many values some rows hold, spread over the column.
fn sampled_values(column: &Column) -> usize {
    let step = column.len().div_ceil(SAMPLE).max(1);
    let values: HashSet<_> = (0..column.len()).step_by(step).map(|row| column.cell(row).display()).collect();
    values.len()
}

/// Splits groups by a column; rows that are alone then are left out.
fn split(rows: &[(u32, u32)], column: &Column, form: Form) -> Vec<(u32, u32)> {
    match column.cells() {
        Cells::Integer(cells) => split_by(rows, cells.iter()),
        Cells::Float(cells) => split_by(rows, cells.iter().map(|cell| cell.map(bits))),
        Cells::Boolean(cells) => split_by(rows, cells.iter()),
        Cells::BigInteger(cells) => split_by(rows, cells.iter()),
        Cells::Text(cells) => match form {
            Form::Raw => split_by(rows, cells.iter()),
            Form::Normal => split_by(rows, cells.iter().map(|cell| cell.map(normal_form))),
        },
    }
}

fn split_by<T: Hash + Eq>(rows: &[(u32, u32)], cells: impl Iterator<Item = T>) -> Vec<(u32, u32)> {
    let mut numbers: HashMap<(u32, T), u32> = HashMap::with_capacity(rows.len());
    let mut sizes: Vec<u32> = Vec::new();
    let mut wanted = rows.iter().peekable();
    let mut split = Vec::with_capacity(rows.len());
    for (row, cell) in (0_u32..).zip(cells) {
        let Some((_, code)) = wanted.next_if(|(wanted, _)| *wanted == row) else { continue };
        let next = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        let number = *numbers.entry((*code, cell)).or_insert(next);
        match sizes.get_mut(number as usize) {
            Some(size) => *size += 1,
            None => sizes.push(1),
        }
        split.push((row, number));
    }
    split.retain(|(_, number)| sizes.get(*number as usize).is_some_and(|size| *size > 1));
    split
}

/// A text in lower case and trimmed; most are so already.
fn normal_form(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text.trim().into();
    }
    text.to_lowercase().trim().to_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{ReadOptions, Table};
    use proptest::prelude::*;

    fn table(csv: &str) -> Table {
        Table::read_csv("x.csv", &csv.to_owned().into(), ReadOptions::inferring(10_000)).unwrap()
    }

    fn groups(table: &Table, form: Form) -> Vec<Vec<u32>> {
        let keys: Vec<_> = table.columns().iter().map(|column| (column, form)).collect();
        RowGroups::of(&keys).groups
    }

    #[test]
    fn texts_are_compared_as_told() {
        let table =
            table("a,b,c\nx,1,NaN\n X ,1,NaN\n\u{a0}x,1,-NaN\nÄ,,0.0\nä,,-0.0\nx,1,NaN\n,,\n\"\",,\n");
        assert_eq!(groups(&table, Form::Raw), [[0, 5]]);
        assert_eq!(groups(&table, Form::Normal), [vec![0, 1, 2, 5], vec![3, 4]]);
    }

    #[test]
    fn no_keys_and_no_rows() {
        assert_eq!(RowGroups::of(&[]).iter().len(), 0);
        assert_eq!(groups(&table("a\n"), Form::Raw), [[0_u32; 0]; 0]);
        assert_eq!(groups(&table("a\n1\n"), Form::Raw), [[0_u32; 0]; 0]);
    }

    proptest! {
        #[test]
        fn equals_comparing_all_pairs(rows in prop::collection::vec(("[aAB ]{0,2}", prop::option::of(0_u8..3), 0_u8..5), 0..40)) {
            let lines: String = rows.iter().map(|(a, b, c)| format!("\"{a}\",{},{c}\n", b.map(|b| b.to_string()).unwrap_or_default())).collect();
            let table = table(&format!("a,b,c\n{lines}"));
            for form in [Form::Raw, Form::Normal] {
                let key = |row: usize| {
                    let (a, b, c) = &rows[row];
                    (if form == Form::Raw { a.clone() } else { a.to_lowercase().trim().to_owned() }, *b, *c)
                };
                let equal = |row: usize| (0..rows.len()).filter(|other| key(*other) == key(row)).map(|row| row as u32).collect::<Vec<_>>();
                let slow: Vec<Vec<u32>> = (0..rows.len()).map(equal).enumerate().filter(|(row, group)| group.len() > 1 && group[0] as usize == *row).map(|(_, group)| group).collect();
                prop_assert_eq!(&groups(&table, form), &slow);
                let found = RowGroups { groups: slow };
                let keys: Vec<_> = table.columns().iter().map(|column| (column, Form::Raw)).collect();
                prop_assert_eq!(found.within(&keys), RowGroups::of(&keys));
                let firsts: Vec<bool> = (0..rows.len()).map(|row| equal(row)[0] as usize == row).collect();
                prop_assert_eq!(found.is_first(rows.len()), firsts);
                for group in found.iter() {
                    let differs = group.iter().any(|row| rows[*row as usize].2 != rows[group[0] as usize].2);
                    prop_assert_eq!(table.columns()[2].differs_among(group), differs);
                }
            }
        }
    }
}
