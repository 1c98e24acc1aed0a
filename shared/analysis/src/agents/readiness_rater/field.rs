//! The facts of one column that readiness depends on (section 4 of the specification).

use std::sync::LazyLock;

use polars::prelude::StringChunked;
use regex::Regex;

use crate::dates::Dates;
use crate::stats::{Fences, percentage};
use crate::table::{Cells, Column};
use crate::text::to_float;

/// Factor of the fences beyond which a number is an outlier.
const OUTLIER_FACTOR: f64 = 1.5;

/// Parts of lower-case names that announce dates. `datetime` and `timestamp` contain `time`.
const DATE_NAMES: &[&str] = &["date", "time", "created", "updated"];

/// Parts of lower-case names that announce numbers.
const NUMBER_NAMES: &[&str] = &["price", "amount", "quantity", "count", "value", "rate", "score", "id"];

/// Characters other than decimal digits that Python counts as digits: raised, lowered, circled and the like.
const OTHER_DIGITS: &[(char, char)] = &[
    ('\u{b2}', '\u{b3}'),
    ('\u{b9}', '\u{b9}'),
    ('\u{1369}', '\u{1371}'),
    ('\u{19da}', '\u{19da}'),
    ('\u{2070}', '\u{2070}'),
    ('\u{2074}', '\u{2079}'),
    ('\u{2080}', '\u{2089}'),
    ('\u{2460}', '\u{2468}'),
    ('\u{2474}', '\u{247c}'),
    ('\u{2488}', '\u{2490}'),
    ('\u{24ea}', '\u{24ea}'),
    ('\u{24f5}', '\u{24fd}'),
    ('\u{24ff}', '\u{24ff}'),
    ('\u{2776}', '\u{277e}'),
    ('\u{2780}', '\u{2788}'),
    ('\u{278a}', '\u{2792}'),
    ('\u{10a40}', '\u{10a43}'),
    ('\u{10e60}', '\u{10e68}'),
    ('\u{11052}', '\u{1105a}'),
    ('\u{1f100}', '\u{1f10a}'),
];

/// A column with the facts about it.
pub(super) struct Field<'a> {
    pub(super) column: &'a Column,
    /// Percentage of nulls.
    pub(super) null_share: f64,
    /// Text whose first value has a digit, while some values are no numbers even when only digits, `.` and `-` of
    /// them are looked at.
    pub(super) has_mixed_numbers: bool,
    /// Text with some, but few plain numbers in it.
    pub(super) has_few_numbers: bool,
    /// For text columns named like dates.
    pub(super) dates: Option<DateCheck>,
    /// For numeric columns whose quartiles differ.
    pub(super) outliers: Option<Outliers>,
}

/// Values that are no dates.
pub(super) struct DateCheck {
    pub(super) unparsed: Vec<u32>,
    /// Percentage of the values.
    pub(super) share: f64,
}

/// Values beyond the fences.
pub(super) struct Outliers {
    pub(super) fences: Fences,
    pub(super) count: usize,
    /// Percentage of the values.
    pub(super) share: f64,
}

impl<'a> Field<'a> {
    pub(super) fn measure(column: &'a Column) -> Self {
        let mut field = Self {
            column,
            null_share: percentage(column.null_count(), column.len()),
            has_mixed_numbers: false,
            has_few_numbers: false,
            dates: None,
            outliers: outliers(column),
        };
        if let Cells::Text(cells) = column.cells() {
            field.has_mixed_numbers = has_mixed_numbers(cells);
            let numbers = cells.iter().flatten().filter(|text| is_plain_number(text)).count();
            field.has_few_numbers = numbers > 0 && (numbers as f64) < 0.3 * column.value_count() as f64;
            field.dates = field.is_named(DATE_NAMES).then(|| check_dates(column, cells));
        }
        field
    }

    pub(super) fn name(&self) -> &'a str {
        self.column.name()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.column.value_count() == 0
    }

    pub(super) fn is_unnamed(&self) -> bool {
        self.name().starts_with("Unnamed")
    }

    pub(super) fn is_named_like_a_number(&self) -> bool {
        self.is_named(NUMBER_NAMES)
    }

    /// What this column takes from schema health.
    pub(super) fn schema_penalty(&self) -> f64 {
        [(self.is_empty(), 15.0), (self.is_unnamed(), 8.0), (self.has_few_numbers, 5.0)]
            .into_iter()
            .filter_map(|(applies, penalty)| applies.then_some(penalty))
            .sum()
    }

    fn is_named(&self, parts: &[&str]) -> bool {
        let name = self.name().to_lowercase();
        parts.iter().any(|part| name.contains(part))
    }
}

fn outliers(column: &Column) -> Option<Outliers> {
    let ranking = column.ranking()?;
    let fences = Fences::of(ranking, OUTLIER_FACTOR).filter(|fences| fences.iqr > 0.0)?;
    let count = ranking.count_outside(fences.lower, fences.upper);
    Some(Outliers { fences, count, share: percentage(count, ranking.count()) })
}

fn check_dates(column: &Column, cells: &StringChunked) -> DateCheck {
    let distinct = column.distinct().groups().filter_map(|group| cells.get(group.first_row as usize));
    let mut dates = Dates::recognise(distinct);
    let mut is_date = |text: &str| dates.as_mut().is_some_and(|dates| dates.accepts(text));
    let rows = (0_u32..).zip(cells.iter());
    let unparsed: Vec<u32> = rows.filter_map(|(row, cell)| (!is_date(cell?)).then_some(row)).collect();
    let share = percentage(unparsed.len(), column.value_count());
    DateCheck { unparsed, share }
}

fn has_mixed_numbers(cells: &StringChunked) -> bool {
    let mut values = cells.iter().flatten().peekable();
    if !values.peek().is_some_and(|first| first.chars().any(is_digit)) {
        return false;
    }
    let mut kept = String::new();
    values.any(|text| {
        kept.clear();
        kept.extend(
            text.chars().filter(|character| is_decimal(*character) || matches!(character, '.' | '-')),
        );
        to_float(&kept).is_none()
    })
}

/// A digit as Python sees it.
fn is_digit(character: char) -> bool {
    is_decimal(character) || OTHER_DIGITS.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// A decimal digit of any script.
fn is_decimal(character: char) -> bool {
    static DECIMAL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\d").ok());
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    let is_match = |pattern: &Regex| pattern.is_match(character.encode_utf8(&mut [0; 4]));
    character.is_numeric() && DECIMAL.as_ref().is_some_and(is_match)
}

/// Whether a text is an optional `-`, digits, optionally `.`, optionally digits, and nothing else.
fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let behind = unsigned.trim_start_matches(is_decimal);
    if behind.len() == unsigned.len() {
        return false;
    }
    behind.strip_prefix('.').unwrap_or(behind).chars().all(is_decimal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_of_all_kinds() {
        for character in ['0', '9', '²', '٣', '①'] {
            assert!(is_digit(character), "{character}");
        }
        for character in ['a', '½', '五', 'Ⅷ', '.'] {
            assert!(!is_digit(character), "{character}");
        }
        assert!(is_decimal('٣') && !is_decimal('²'));
    }

    #[test]
    fn numbers_are_mixed_when_a_value_is_none() {
        let mixed = |cells: &[Option<&str>]| has_mixed_numbers(&cells.iter().copied().collect());
        assert!(!mixed(&[Some("$1"), None, Some("EUR 2.5"), Some("-3")]));
        assert!(mixed(&[Some("$1"), Some("none")]));
        assert!(mixed(&[None, Some("2024-01-01")]));
        assert!(mixed(&[Some("1.2.3")]));
        assert!(mixed(&[Some("1"), Some("")]));
        assert!(!mixed(&[Some("none"), Some("1"), Some("x")]));
        assert!(mixed(&[Some("m²")]));
        assert!(!mixed(&[None]) && !mixed(&[]));
    }

    proptest! {
        #[test]
        fn plain_numbers_are_those_of_the_pattern(text in "-?[0-9٣]{0,3}\\.?[0-9a٣.]{0,2}") {
            let pattern = Regex::new(r"^-?\d+\.?\d*$").unwrap();
            prop_assert_eq!(is_plain_number(&text), pattern.is_match(&text), "{}", text);
        }
    }
}
