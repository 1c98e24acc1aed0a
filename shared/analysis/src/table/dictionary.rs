//! A column of text as its distinct values and, row by row, which of them is there: what is done to texts is done
//! once to each value.

use polars::prelude::*;

use super::column::{Cells, Column};
use super::distinct::Distinct;

/// The distinct values of a column of text, in order of first appearance.
#[derive(Debug)]
pub struct Dictionary<'a> {
    values: Vec<&'a str>,
    counts: Vec<u32>,
    /// Row by row the position of the value, [`NULL`] without one.
    codes: Vec<u32>,
}

/// The code of an empty cell.
const NULL: u32 = u32::MAX;

impl<'a> Dictionary<'a> {
    /// `None` unless it is a column of text.
    pub fn of(column: &'a Column) -> Option<Self> {
        let Cells::Text(cells) = column.cells() else { return None };
        let mut codes = Vec::with_capacity(cells.len());
        let distinct =
            Distinct::grouped_telling(cells.iter(), cells.len(), |code| codes.push(code.unwrap_or(NULL)));
        // The first rows ascend, so that one walk over the rows meets them all.
        let mut groups = distinct.groups().peekable();
        let firsts = cells.iter().enumerate();
        let values = firsts
            .filter_map(|(row, cell)| groups.next_if(|group| group.first_row as usize == row).and(cell));
        Some(Self {
            values: values.collect(),
            counts: distinct.groups().map(|group| group.count).collect(),
            codes,
        })
    }

    /// The values.
    pub fn values(&self) -> &[&'a str] {
        &self.values
    }

    /// In how many rows each value is.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Rows with the position of their value, ascending; without rows that have no value.
    pub fn rows(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.codes
            .iter()
            .enumerate()
            .filter(|(_, code)| **code != NULL)
            .map(|(row, code)| (row, *code as usize))
    }

    /// A column of the same rows with `values`, one for each of the dictionary's, in their place.
    ///
    /// # Errors
    /// When there is not one for each, or the data engine refuses; a defect of ours.
    pub fn with_values(&self, name: &str, values: &StringChunked) -> PolarsResult<Column> {
        let rows: IdxCa = self.codes.iter().map(|code| (*code != NULL).then_some(*code)).collect();
        Ok(Column::of_text(name, values.take(&rows)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_text_has_one() {
        let numbers = Column::new(Series::new("a".into(), [1_i64]).into_column());
        assert!(Dictionary::of(&numbers).is_none());
        let nulls = StringChunked::full_null("a".into(), 2);
        let column = Column::of_text("a", nulls.clone());
        let dictionary = Dictionary::of(&column).unwrap();
        assert!(dictionary.values().is_empty() && dictionary.rows().next().is_none());
        let none = nulls.clear();
        assert_eq!(dictionary.with_values("a", &none).unwrap().null_count(), 2);
        let one = Column::of_text("a", ["x"].iter().map(Some).collect());
        assert!(Dictionary::of(&one).unwrap().with_values("a", &none).is_err());
    }

    proptest! {
        #[test]
        fn gives_the_column_again(cells in prop::collection::vec(prop::option::of("[ab]{0,14}"), 0..40)) {
            let column = Column::of_text("a", cells.iter().map(Option::as_deref).collect());
            let dictionary = Dictionary::of(&column).unwrap();
            let total: u32 = dictionary.counts().iter().sum();
            prop_assert_eq!(total as usize, cells.iter().flatten().count());
            let rows: Vec<_> = dictionary.rows().map(|(row, code)| (row, dictionary.values()[code])).collect();
            let slow: Vec<_> = cells.iter().enumerate().filter_map(|(row, cell)| Some((row, cell.as_deref()?))).collect();
            prop_assert_eq!(rows, slow);
            let again = dictionary.with_values("b", &dictionary.values().iter().map(Some).collect()).unwrap();
            let Cells::Text(again) = again.cells() else { panic!("no text") };
            prop_assert_eq!(again.iter().map(|cell| cell.map(str::to_owned)).collect::<Vec<_>>(), cells);
        }
    }
}
