//! The values of one compared column: each distinct normal form once, with what bounds its similarity to others.

use std::borrow::Cow;
use std::ops::Range;

use hashbrown::HashMap;

use super::super::field::{FieldKind, FieldValue, PreparedValue, name_similarity};
use crate::table::Column;
use crate::text::Cell;

/// Added to bounds, so that rounding never makes one too low.
const SLACK: f64 = 1e-6;
/// The most that a common beginning adds to a Jaro similarity, as a share of what is missing to 1.
const PREFIX_SHARE: f64 = 0.4;

/// A column that rows are matched on.
#[derive(Debug, Clone)]
pub struct MatchField {
    kind: FieldKind,
    weight: f64,
    /// Number of each row's value; none for an empty one.
    rows: Vec<Option<u32>>,
    /// The distinct values, shorter ones first.
    values: Vec<FieldValue>,
    bounds: Vec<Bounds>,
    /// How many rows hold each value.
    counts: Vec<u32>,
}

/// What a value's similarity to another one cannot exceed follows from this.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bounds {
    /// Which classes of characters occur.
    classes: u64,
    length: u32,
    /// The number of a name's sound; 0 for none.
    sound: u32,
    first: char,
    /// The value's own number plus 1; 0 for an empty value.
    id: u32,
}

impl Bounds {
    /// The value's number.
    pub(super) fn value(self) -> Option<u32> {
        self.id.checked_sub(1)
    }

    /// What the similarity of two values of a kind cannot exceed, 0 to 100.
    pub(super) fn most(self, other: Self, kind: FieldKind) -> f64 {
        if self.id == 0 || other.id == 0 {
            return 0.0;
        }
        if self.id == other.id {
            return 100.0;
        }
        // A class of characters that the other text lacks costs at least one character.
        let common =
            |own: Self, other: Self| own.length.saturating_sub((own.classes & !other.classes).count_ones());
        let common = f64::from(common(self, other).min(common(other, self)));
        let (own, others) = (f64::from(self.length), f64::from(other.length));
        match kind {
            FieldKind::Zip => 0.0,
            FieldKind::Name => {
                let jaro = if common == 0.0 { 0.0 } else { (common / own + common / others + 1.0) / 3.0 };
                let prefix = if self.first == other.first { PREFIX_SHARE * (1.0 - jaro) } else { 0.0 };
                name_similarity(jaro + prefix, self.sound == other.sound && self.sound != 0) + SLACK
            }
            _ => 200.0 * common / (own + others) + SLACK,
        }
    }
}

impl MatchField {
    /// A column of a table, by the display text of its cells. `weight` is not negative.
    pub fn of_column(column: &Column, kind: FieldKind, weight: f64) -> Self {
        let texts = (0..column.len()).map(|row| match column.cell(row) {
            Cell::Null => None,
            cell => Some(cell.display()),
        });
        Self::of_texts(kind, weight, texts)
    }

    /// Texts, one a row; `None` for an empty cell.
    pub fn of_texts<'a>(
        kind: FieldKind,
        weight: f64,
        texts: impl IntoIterator<Item = Option<Cow<'a, str>>>,
    ) -> Self {
        let mut number_of_text: HashMap<Cow<'a, str>, Option<u32>> = HashMap::new();
        let mut number_of_form: HashMap<String, u32> = HashMap::new();
        let mut values: Vec<FieldValue> = Vec::new();
        let mut number = |text: &str| {
            let form = kind.normal_form(text);
            (!form.is_empty()).then(|| {
                *number_of_form.entry(form).or_insert_with_key(|form| {
                    values.push(FieldValue::of_normal_form(kind, form.clone()));
                    u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
                })
            })
        };
        let texts = texts.into_iter();
        let rows = texts.map(|text| {
            text.and_then(|text| *number_of_text.entry(text).or_insert_with_key(|text| number(text)))
        });
        let rows: Vec<Option<u32>> = rows.collect();
        let (rows, values) = sorted_by_length(&rows, values);
        let bounds = bounds(&values);
        let mut counts = vec![0; values.len()];
        for value in rows.iter().flatten() {
            if let Some(count) = counts.get_mut(*value as usize) {
                *count += 1;
            }
        }
        Self { kind, weight, rows, values, bounds, counts }
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.rows.len()
    }

    /// The weight in the similarity of records.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// How alike two rows are in this column, 0 to 100.
    pub fn similarity(&self, left: usize, right: usize) -> f64 {
        let value = |row| self.value_of(row).and_then(|number| self.value(number));
        value(left).zip(value(right)).map_or(0.0, |(left, right)| left.similarity(right))
    }

    pub(super) fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Number of a row's value.
    pub(super) fn value_of(&self, row: usize) -> Option<u32> {
        self.rows.get(row).copied().flatten()
    }

    /// A value by its number.
    pub(super) fn value(&self, number: u32) -> Option<&FieldValue> {
        self.values.get(number as usize)
    }

    /// Number of distinct values.
    pub(super) fn value_count(&self) -> usize {
        self.values.len()
    }

    /// How many rows hold each value.
    pub(super) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The bounds of a row's value.
    pub(super) fn bounds_of(&self, row: usize) -> Bounds {
        let bounds = self.value_of(row).and_then(|value| self.bounds.get(value as usize));
        bounds.copied().unwrap_or_default()
    }

    /// Numbers of all values, itself among them, that are at least so much (above 0) like a value; ascending.
    pub(super) fn values_like(&self, number: u32, degree: f64) -> Vec<u32> {
        let (Some(value), Some(bounds)) = (self.value(number), self.bounds.get(number as usize)) else {
            return Vec::new();
        };
        let value = PreparedValue::new(value);
        let range = self.lengths_for(bounds.length, degree);
        let near = self.bounds.get(range).unwrap_or_default();
        let likely = near.iter().filter(|other| bounds.most(**other, self.kind) >= degree);
        let numbers = likely.filter_map(|other| other.value());
        numbers
            .filter(|other| self.value(*other).is_some_and(|other| value.similarity(other) >= degree))
            .collect()
    }

    /// Values of a length with which a ratio can reach a degree.
    fn lengths_for(&self, length: u32, degree: f64) -> Range<usize> {
        if self.kind == FieldKind::Name {
            return 0..self.values.len();
        }
        let (length, degree) = (f64::from(length), degree - SLACK);
        let (least, most) = (length * degree / (200.0 - degree), length * (200.0 - degree) / degree);
        let start = self.bounds.partition_point(|other| f64::from(other.length) < least - SLACK);
        let end = self.bounds.partition_point(|other| f64::from(other.length) <= most + SLACK);
        start..end.max(start)
    }
}

/// Values with shorter ones first, and the rows with the new numbers.
fn sorted_by_length(rows: &[Option<u32>], values: Vec<FieldValue>) -> (Vec<Option<u32>>, Vec<FieldValue>) {
    let mut numbered: Vec<(usize, FieldValue)> = values.into_iter().enumerate().collect();
    numbered.sort_by_key(|(number, value)| (value.characters().len(), *number));
    let mut new_numbers = vec![0_u32; numbered.len()];
    for (new, (old, _)) in (0_u32..).zip(&numbered) {
        if let Some(place) = new_numbers.get_mut(*old) {
            *place = new;
        }
    }
    let rows = rows.iter().map(|row| row.and_then(|old| new_numbers.get(old as usize).copied()));
    (rows.collect(), numbered.into_iter().map(|(_, value)| value).collect())
}

fn bounds(values: &[FieldValue]) -> Vec<Bounds> {
    let mut sounds: HashMap<&str, u32> = HashMap::new();
    let numbered = (1_u32..).zip(values);
    numbered
        .map(|(id, value)| {
            let characters = value.characters();
            let next = u32::try_from(sounds.len() + 1).unwrap_or(u32::MAX);
            let sound = match value.code() {
                "" => 0,
                code => *sounds.entry(code).or_insert(next),
            };
            Bounds {
                classes: characters.iter().fold(0, |classes, character| classes | 1 << class(*character)),
                length: u32::try_from(characters.len()).unwrap_or(u32::MAX),
                sound,
                first: characters.first().copied().unwrap_or_default(),
                id,
            }
        })
        .collect()
}

/// One of 64 classes: letters and digits of English by themselves, the others share what is left.
fn class(character: char) -> u32 {
    match character {
        'a'..='z' => character as u32 - 'a' as u32,
        '0'..='9' => 26 + (character as u32 - '0' as u32),
        ' ' => 36,
        other => 37 + other as u32 % 27,
    }
}
