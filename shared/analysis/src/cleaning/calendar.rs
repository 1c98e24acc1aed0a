//! Which texts are dates without time, in ten forms (field-standardization, section 4). They are written by
//! [`super::DateForm`]. Which texts the data engine itself would take for dates is in [`crate::dates`].

use std::sync::LazyLock;

use chrono::NaiveDate;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cleaning::DateForm;
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

    proptest! {
        #[test]
        fn what_is_written_is_read_again(days in 1_i32..3_652_059, form in prop::sample::select(vec!["%d-%m-%Y", "%d-%b-%Y", "%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%-d %B %Y"])) {
            let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap();
            prop_assert_eq!(parse_date(&DateForm::new(form).write(date)), Some(date));
        }

        #[test]
        fn any_text_is_read(text in "[0-9/. a-eJnéT-]{0,14}") {
            parse_date(&text);
        }
    }
}
