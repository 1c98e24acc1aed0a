//! Two columns as categories: how often each distinct value occurs on either side.

use std::borrow::Cow;
use std::hash::Hash;

use hashbrown::DefaultHashBuilder;
use indexmap::IndexMap;

use crate::stats::population_stability;
use crate::table::{Cells, Column};
use crate::text::Cell;

/// A value that stands for all equal ones. Numbers are equal by value whatever their columns' types, and `true` is 1,
/// as in the reference; a text never equals a number.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Category<'a> {
    Text(Cow<'a, str>),
    Whole(i128),
    /// Bits of a float that is no whole number.
    Float(u64),
}

impl<'a> Category<'a> {
    /// `None` for null.
    fn of(cell: Cell<'a>) -> Option<Self> {
        // Beyond, floats have no exact counterpart among the integers of a file.
        const LIMIT: f64 = 1e38;
        Some(match cell {
            Cell::Null => return None,
            Cell::Text(text) => Self::Text(text.into()),
            Cell::Boolean(value) => Self::Whole(i128::from(value)),
            Cell::Integer(value) => Self::Whole(i128::from(value)),
            Cell::BigInteger(value) => Self::Whole(value),
            Cell::Float(value) if value.trunc() == value && value.abs() < LIMIT => Self::Whole(value as i128),
            Cell::Float(value) => Self::Float(value.to_bits()),
        })
    }

    /// Everything as it is displayed.
    fn displayed(cell: Cell<'a>) -> Option<Self> {
        (cell != Cell::Null).then(|| Self::Text(cell.display()))
    }
}

/// A value of the current column that the baseline does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewCategory {
    /// Display text.
    pub(super) value: String,
    /// Rows that hold it.
    pub(super) count: usize,
}

/// What comparing two columns by their categories gives.
#[derive(Debug)]
pub(super) struct Categories {
    pub(super) psi: f64,
    pub(super) baseline_unique: usize,
    pub(super) current_unique: usize,
    /// In order of first appearance.
    pub(super) new: Vec<NewCategory>,
}

/// The distinct values with the number of their rows, in order of first appearance.
fn distinct_cells(column: &Column) -> Box<dyn Iterator<Item = (Cell<'_>, usize)> + '_> {
    let mut groups = column.distinct().groups();
    let Cells::Text(cells) = column.cells() else {
        return Box::new(groups.map(|group| (column.cell(group.first_row as usize), group.count as usize)));
    };
    // One walk over the rows meets all first rows; looking up each would search its chunk anew.
    let mut rows = cells.iter().enumerate();
    Box::new(std::iter::from_fn(move || {
        let group = groups.next()?;
        let (_, text) = rows.find(|(row, _)| *row == group.first_row as usize)?;
        Some((text.map_or(Cell::Null, Cell::Text), group.count as usize))
    }))
}

/// Categories whose rows are listed at most: a list of findings has no room for more.
const NEW_CATEGORIES: usize = crate::findings::ROW_ISSUE_CAP;

impl Categories {
    /// Step 6 of the specification. A numeric baseline is compared by display texts (Q5).
    pub(super) fn compare(baseline: &Column, current: &Column) -> Self {
        let category = if baseline.kind().is_numeric() { Category::displayed } else { Category::of };
        // Ordered, so that the same files give the same sum.
        let mut counts: IndexMap<Category<'_>, (usize, usize), DefaultHashBuilder> = IndexMap::default();
        for (cell, times) in distinct_cells(baseline) {
            if let Some(category) = category(cell) {
                counts.entry(category).or_default().0 += times;
            }
        }
        let mut new = Vec::new();
        for (cell, times) in distinct_cells(current) {
            let Some(category) = category(cell) else { continue };
            let count = counts.entry(category).or_default();
            count.1 += times;
            if count.0 == 0 && new.len() < NEW_CATEGORIES {
                new.push(NewCategory { value: cell.display().into_owned(), count: times });
            }
        }
        Self {
            psi: population_stability(counts.into_values(), baseline.value_count(), current.value_count()),
            baseline_unique: baseline.distinct().groups().len(),
            current_unique: current.distinct().groups().len(),
            new,
        }
    }
}
