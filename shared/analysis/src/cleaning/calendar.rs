//! Dates without time in one form (field-standardization, section 4): ten forms are read, any `strftime` form is
//! written. Which texts the data engine itself would take for dates is in [`crate::dates`].

use std::fmt::Write;
use std::sync::LazyLock;

use chrono::format::{Item, StrftimeItems};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use regex::Regex;

/// Whether a text begins like a date: `1-2-2024`, `2024-1-2`, `1/2/2024` or `1-jan-24`.
pub fn begins_like_a_date(text: &str) -> bool {
    static BEGINNING: LazyLock<Option<Regex>> = LazyLock::new(|| {
        const FORMS: &str = "[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|\
             [0-9]{1,2}/[0-9]{1,2}/[0-9]{4}|[0-9]{1,2}-[A-Za-z]{3}-[0-9]{2,4}";
        // Our own pattern compiles.
        Regex::new(&format!("^(?:{FORMS})")).ok()
    });
    BEGINNING.as_ref().is_some_and(|beginning| beginning.is_match(text))
}

/// One part of a form.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// One or two digits.
    Day,
    /// One or two digits.
    Month,
    /// The first three letters of a month.
    ShortName,
    /// A month.
    Name,
    /// Four digits.
    Year,
    /// Two digits: 1969 to 2068.
    ShortYear,
    Mark(char),
    /// White space.
    Space,
}

/// The forms, in the order in which they are tried: month before day with `/`, day before month with `-`.
const FORMS: [[Part; 5]; 10] = {
    use Part::{Day, Mark, Month, Name, ShortName, ShortYear, Space, Year};
    [
        [Day, Mark('-'), Month, Mark('-'), Year],
        [Day, Mark('-'), ShortName, Mark('-'), ShortYear],
        [Day, Mark('-'), ShortName, Mark('-'), Year],
        [Year, Mark('-'), Month, Mark('-'), Day],
        [Month, Mark('/'), Day, Mark('/'), Year],
        [Day, Mark('/'), Month, Mark('/'), Year],
        [Year, Mark('/'), Month, Mark('/'), Day],
        [Day, Mark('.'), Month, Mark('.'), Year],
        [Day, Space, ShortName, Space, Year],
        [Day, Space, Name, Space, Year],
    ]
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The date that a text is, by the first form that takes in all of it.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    FORMS.iter().find_map(|form| parse(form, text))
}

fn parse(form: &[Part; 5], text: &str) -> Option<NaiveDate> {
    let (mut year, mut month, mut day) = (0, 0, 0);
    let mut rest = text;
    for part in form {
        rest = match part {
            Part::Day => digits(rest, 1, 2, &mut day)?,
            Part::Month => digits(rest, 1, 2, &mut month)?,
            Part::Year => digits(rest, 4, 4, &mut year)?,
            Part::ShortYear => {
                let rest = digits(rest, 2, 2, &mut year)?;
                year += if year < 69 { 2000 } else { 1900 };
                rest
            }
            Part::Mark(mark) => rest.strip_prefix(*mark)?,
            Part::Space => {
                let behind = rest.trim_start();
                if behind.len() == rest.len() {
                    return None;
                }
                behind
            }
            Part::ShortName => name(rest, |month| month.get(..3), &mut month)?,
            Part::Name => name(rest, Some, &mut month)?,
        };
    }
    // The calendar begins in year 1.
    (rest.is_empty() && year > 0)
        .then(|| NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?))?
}

/// Takes as many digits as there are, `most` at most; returns what is behind them.
fn digits<'t>(text: &'t str, least: usize, most: usize, value: &mut i32) -> Option<&'t str> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(count)?;
    *value = digits.parse().ok().filter(|_| count >= least)?;
    Some(rest)
}

/// Takes the name of a month in any case.
fn name<'t>(
    text: &'t str,
    form: impl Fn(&'static str) -> Option<&'static str>,
    month: &mut i32,
) -> Option<&'t str> {
    (1..).zip(MONTHS).find_map(|(number, full)| {
        let name = form(full)?;
        let (found, rest) = text.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name).then(|| {
            *month = number;
            rest
        })
    })
}

/// How dates are written: a `strftime` form, as Python's library understands it.
#[derive(Debug, Clone)]
pub struct DateForm {
    items: Vec<Item<'static>>,
}

impl DateForm {
    /// Reads a form. What is no directive stands for itself.
    pub fn new(form: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = form;
        while let Some(at) = rest.find('%') {
            let (before, directive) = rest.split_at(at);
            items.push(literal(before));
            let length = directive_length(directive);
            let (directive, behind) = directive.split_at_checked(length).unwrap_or((directive, ""));
            match directive {
                // Microseconds, and the zone of a time without one.
                "%f" => items.push(literal("000000")),
                "%z" | "%Z" | "%:z" => {}
                // Others of this library's own mean nothing to Python.
                "%v" | "%q" | "%+" => items.push(literal(directive)),
                _ => {
                    let mut parsed = StrftimeItems::new(directive).map(Item::to_owned).collect::<Vec<_>>();
                    if parsed.iter().any(|item| matches!(item, Item::Error)) {
                        parsed = vec![literal(directive)];
                    }
                    items.append(&mut parsed);
                }
            }
            rest = behind;
        }
        items.push(literal(rest));
        Self { items }
    }

    /// The date at midnight in this form; years have four digits.
    pub fn write(&self, date: NaiveDate) -> String {
        let mut written = String::new();
        let time = NaiveDateTime::new(date, NaiveTime::MIN);
        // Items that a date without zone cannot fill have been left out.
        // Writing to a text does not fail otherwise.
        let _ = write!(written, "{}", time.format_with_items(self.items.iter()));
        written
    }
}

fn literal(text: &str) -> Item<'static> {
    Item::OwnedLiteral(text.into())
}

/// `%`, flags, and one letter.
fn directive_length(directive: &str) -> usize {
    let mut length = 0;
    for (at, letter) in directive.char_indices() {
        length = at + letter.len_utf8();
        if at > 0 && !matches!(letter, '-' | '_' | '0' | ':') {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn iso(text: &str) -> Option<String> {
        parse_date(text).map(|date| date.to_string())
    }

    #[test]
    fn dates_in_ten_forms() {
        for (text, date) in [
            ("1-2-2024", "2024-02-01"),
            ("02-jan-68", "2068-01-02"),
            ("02-JAN-69", "1969-01-02"),
            ("02-Jan-2024", "2024-01-02"),
            ("2024-1-2", "2024-01-02"),
            ("12/13/2024", "2024-12-13"),
            ("13/12/2024", "2024-12-13"),
            ("1/2/2024", "2024-01-02"),
            ("2024/01/02", "2024-01-02"),
            ("2.1.2024", "2024-01-02"),
            ("2 jan 2024", "2024-01-02"),
            ("2 \u{3000} September  2024", "2024-09-02"),
            ("2 may 2024", "2024-05-02"),
            ("29-02-2024", "2024-02-29"),
            ("1-1-0001", "0001-01-01"),
        ] {
            assert_eq!(iso(text).as_deref(), Some(date), "{text}");
        }
    }

    #[test]
    fn what_is_no_date() {
        for text in [
            "",
            "01-13-2024",
            "2024-02-30",
            "2024-01-02 10:00:00",
            "31-12-99",
            "29-02-2023",
            "0-1-2024",
            "1-0-2024",
            "1-1-0000",
            "1-1-20240",
            "001-1-2024",
            "1-1-24",
            "2024-001-1",
            "1.1.24",
            "1/1/24",
            "2 sept 2024",
            "2jan2024",
            "2-january-2024",
            "+1-2-2024",
            " 1-2-2024",
            "1 - 2 - 2024",
            "٢-1-2024",
            "1-2-2024x",
            "1-é-2024",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }

    #[test]
    fn beginnings() {
        for text in ["1-2-2024", "01-13-2024x", "2024-1-99", "1/2/20245", "1-abc-24", "2024-01-02T10"] {
            assert!(begins_like_a_date(text), "{text}");
        }
        for text in [
            "",
            "1.2.2024",
            "2024/1/2",
            "1 jan 2024",
            " 1-2-2024",
            "1-2-24",
            "123-1-2024",
            "1-ab-24",
            "1-éab-24",
        ] {
            assert!(!begins_like_a_date(text), "{text}");
        }
    }

    #[test]
    fn forms_that_are_written() {
        let date = NaiveDate::from_ymd_opt(999, 3, 4).unwrap();
        for (form, written) in [
            ("%Y-%m-%d", "0999-03-04"),
            ("%d %b %Y", "04 Mar 0999"),
            ("%-d.%-m.%y", "4.3.99"),
            ("%A, %e %B", "Monday,  4 March"),
            ("%Y%m%dT%H%M%S.%f%z", "09990304T000000.000000"),
            ("%I %p %j %%", "12 AM 063 %"),
            ("%Q%", "%Q%"),
            ("é%", "é%"),
            ("%é", "%é"),
            ("%-", "%-"),
            ("%+%v", "%+%v"),
            ("", ""),
        ] {
            assert_eq!(DateForm::new(form).write(date), written, "{form}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(days in 1_i32..3_652_059, form in prop::sample::select(vec!["%d-%m-%Y", "%d-%b-%Y", "%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%-d %B %Y"])) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            prop_assert_eq!(parse_date(&DateForm::new(form).write(date)), Some(date));
        }

        #[test]
        fn any_form_is_written(form in "[%a-zA-Z0-9:é.#_^+-]{0,12}") {
            DateForm::new(&form).write(NaiveDate::from_ymd_opt(1, 1, 1).unwrap());
        }

        #[test]
        fn any_text_is_read(text in "[0-9/. a-eJnéT-]{0,14}") {
            parse_date(&text);
        }
    }
}
