//! Which texts are dates and which instants they stand for, as the data engine decides it when no format is given (readiness-rater.md 4.1, measured).
//!
//! The first text that fits one of three families fixes the family for the whole column; a text of another family
//! is no date. Within a family the format that fitted last is tried first, and it is more lenient than the gate in
//! front of the other formats (it skips white space, for instance). So whether a text is a date may depend on the
//! texts before it: they must come in the order of the rows.

mod formats;

use chrono::format::{ParseErrorKind, Parsed, parse};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

use formats::{FAMILIES, Family, Format};

/// Reads the dates of one column.
#[derive(Debug)]
pub struct Dates {
    family: &'static Family,
    /// The format that fitted last; the first one in the beginning.
    latest: Option<&'static Format>,
}

impl Dates {
    /// Looks for the family of a column; `None` when no text fits one. Repeated texts may be left out.
    pub fn recognise<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let family = texts.find_map(family_of)?;
        Some(Self { family, latest: family.formats.first() })
    }

    /// Whether the next text of the column is a date of its family.
    pub fn accepts(&mut self, text: &str) -> bool {
        if self
            .latest
            .is_some_and(|format| format.fits_plainly(text) || read(self.family, format, text).is_some())
        {
            return true;
        }
        self.read_anew(text).is_some()
    }

    /// The instant that the next text of the column stands for, UTC where it has an offset; `None` when
    /// [`Self::accepts`] would say that it is no date of its family.
    pub fn read(&mut self, text: &str) -> Option<NaiveDateTime> {
        let latest = self.latest.and_then(|format| read(self.family, format, text));
        latest.or_else(|| self.read_anew(text))
    }

    /// Tries all formats, and remembers the one that fits.
    fn read_anew(&mut self, text: &str) -> Option<NaiveDateTime> {
        if !self.family.may_fit(text) {
            return None;
        }
        let mut formats = self.family.formats.iter();
        let (format, instant) =
            formats.find_map(|format| Some((format, read(self.family, format, text)?)))?;
        self.latest = Some(format);
        Some(instant)
    }
}

fn family_of(text: &str) -> Option<&'static Family> {
    // Every format begins with a number, before which white space is skipped.
    if !text.trim_start().starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-')) {
        return None;
    }
    FAMILIES.iter().find(|family| {
        family.formats.iter().any(|format| {
            parsed(format, text).is_some_and(|parsed| {
                parsed.to_naive_datetime_with_offset(0).is_ok()
                    || !family.zoned && parsed.to_naive_date().is_ok()
            })
        })
    })
}

fn read(family: &Family, format: &Format, text: &str) -> Option<NaiveDateTime> {
    let parsed = parsed(format, text)?;
    if family.zoned {
        return parsed.to_datetime().ok().map(|instant| instant.naive_utc());
    }
    match parsed.to_naive_datetime_with_offset(0) {
        Ok(instant) => Some(instant),
        Err(error) if error.kind() == ParseErrorKind::NotEnough => {
            parsed.to_naive_date().ok().map(|day| day.and_time(NaiveTime::MIN))
        }
        Err(_) => None,
    }
}

fn parsed(format: &Format, text: &str) -> Option<Parsed> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, text, format.items.iter()).ok().map(|()| parsed)
}

impl Format {
    /// Whether a text fits this format to the letter: `2024-01-31`, `31/01/2024`, with `10:00:00` behind it where
    /// the format has that. Almost all dates do, and this is many times faster than reading them; what it does not
    /// accept may be a date all the same.
    fn fits_plainly(&self, text: &str) -> bool {
        let Some(plain) = self.plain else {
            return false;
        };
        let bytes = text.as_bytes();
        let (date, time) = bytes.split_at(bytes.len().min(10));
        let time_fits = match (plain.before_time, time) {
            (None, []) => true,
            (Some(mark), [first, h1, h2, b':', m1, m2, b':', s1, s2]) => {
                *first == mark
                    && number(&[*h1, *h2]).is_some_and(|hour| hour < 24)
                    && number(&[*m1, *m2]).is_some_and(|minute| minute < 60)
                    && number(&[*s1, *s2]).is_some_and(|second| second < 60)
            }
            _ => false,
        };
        let &[a, b, c, d, e, f, g, h, i, j] = date else {
            return false;
        };
        let (separators, year, month, day) = if plain.day_first {
            ([c, f], [g, h, i, j], [d, e], [a, b])
        } else {
            ([e, h], [a, b, c, d], [f, g], [i, j])
        };
        let on_calendar = || {
            let year = i32::try_from(number(&year)?).ok()?;
            NaiveDate::from_ymd_opt(year, number(&month)?, number(&day)?)
        };
        time_fits && separators == [plain.separator; 2] && on_calendar().is_some()
    }
}

/// The value of ASCII digits; `None` when something else is among them.
fn number(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests;
