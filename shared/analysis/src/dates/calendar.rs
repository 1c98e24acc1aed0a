//! Dates as the analytics agents read them (`_common-analyze-my-data.md` 3): the first date that can be read fixes for
//! the whole column whether the year or the day comes first; separators and times may differ from row to row. Never
//! month first.

use chrono::{Duration, NaiveDate, NaiveDateTime, NaiveTime};

/// What comes first in the dates of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// `2024-01-31`
    YearFirst,
    /// `31.01.2024`
    DayFirst,
}

impl DateOrder {
    /// The order of a column: that of its first date.
    pub fn of<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        texts.find_map(|text| {
            [Self::YearFirst, Self::DayFirst].into_iter().find(|order| order.read(text).is_some())
        })
    }

    /// The date and time as they are written: a time zone is dropped, a date alone is its midnight. White space around
    /// the text does not count.
    pub fn read(self, text: &str) -> Option<NaiveDateTime> {
        let text = text.trim().as_bytes();
        let (first, rest) = digits(text);
        let (separator, rest) = rest.split_first()?;
        let (middle, rest) = digits(rest);
        let (again, rest) = rest.split_first()?;
        let (last, rest) = digits(rest);
        if separator != again || !matches!(separator, b'-' | b'/' | b'.') {
            return None;
        }
        let (year, day) = match self {
            Self::YearFirst => (first, last),
            Self::DayFirst => (last, first),
        };
        let short = |digits: &[u8]| matches!(digits.len(), 1 | 2);
        if year.len() != 4 || !short(middle) || !short(day) {
            return None;
        }
        let date =
            NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, number(middle)?, number(day)?)?;
        match rest.split_first() {
            None => Some(date.and_time(NaiveTime::MIN)),
            Some((b'T' | b' ', time)) => {
                let (time, zone) = clock(time)?;
                let fits = zone.is_empty() || self == Self::YearFirst && is_zone(zone);
                fits.then(|| date.and_time(NaiveTime::MIN) + time)
            }
            Some(_) => None,
        }
    }
}

/// The digits at the beginning, and the rest.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The value of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let small = (1..=9).contains(&digits.len());
    small.then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// The time since midnight, to the microsecond, and what stands behind it. `H:M`, `H:M:S`, `H:M:S.f`, `HHMM`, `HHMMSS`
/// or `HHMMSS.f`; the second 60 is the next minute.
fn clock(bytes: &[u8]) -> Option<(Duration, &[u8])> {
    let (hour, rest) = digits(bytes);
    let (hour, minute, second, rest) = match (hour.len(), rest) {
        (1 | 2, [b':', rest @ ..]) => {
            let (minute, rest) = digits(rest);
            if !matches!(minute.len(), 1 | 2) {
                return None;
            }
            match rest {
                [b':', rest @ ..] => {
                    let (second, rest) = digits(rest);
                    if !matches!(second.len(), 1 | 2) {
                        return None;
                    }
                    (number(hour)?, number(minute)?, Some(number(second)?), rest)
                }
                rest => (number(hour)?, number(minute)?, None, rest),
            }
        }
        (4, rest) => (number(hour.get(..2)?)?, number(hour.get(2..)?)?, None, rest),
        (6, rest) => (number(hour.get(..2)?)?, number(hour.get(2..4)?)?, Some(number(hour.get(4..)?)?), rest),
        _ => return None,
    };
    let (fraction, rest) = match (second, rest) {
        (Some(_), [b'.', rest @ ..]) => {
            let (fraction, rest) = digits(rest);
            let places = u32::try_from(fraction.len()).ok()?;
            let nanoseconds =
                number(fraction)?.checked_mul(10_u32.checked_pow(9_u32.checked_sub(places)?)?)?;
            (nanoseconds / 1000, rest)
        }
        (_, rest) => (0, rest),
    };
    let second = second.unwrap_or(0);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second;
    let time = Duration::seconds(i64::from(seconds)) + Duration::microseconds(i64::from(fraction));
    Some((time, rest))
}

/// `Z`, `UTC`, `+01`, `+0100`, `+01:00`, with or without a space before.
fn is_zone(bytes: &[u8]) -> bool {
    let zone = bytes.strip_prefix(b" ").unwrap_or(bytes);
    match zone {
        b"Z" | b"UTC" => true,
        [b'+' | b'-', offset @ ..] => {
            let (hours, rest) = digits(offset);
            match (hours.len(), rest) {
                (2 | 4, []) => true,
                (2, [b':', minutes @ ..]) => minutes.len() == 2 && minutes.iter().all(u8::is_ascii_digit),
                _ => false,
            }
        }
        _ => false,
    }
}

/// A day in ISO form, as parameters give it: `2024-01-31`, `20240131`, `2024-W05-3`, `2024-W05`, the weeks without
/// dashes, too; each also with one character and a time behind it, which is dropped. White space around it does not
/// count.
pub fn iso_day(text: &str) -> Option<NaiveDate> {
    let bytes = text.trim().as_bytes();
    [10, 8, 7].into_iter().find_map(|length| {
        let day = iso_date(bytes.get(..length)?)?;
        let rest = std::str::from_utf8(bytes.get(length..)?).ok()?;
        let mut behind = rest.chars();
        let is_time = |time: &str| is_iso_time(time.as_bytes());
        (behind.next().is_none() || is_time(behind.as_str())).then_some(day)
    })
}

fn iso_date(bytes: &[u8]) -> Option<NaiveDate> {
    let (year, rest) = bytes.split_at_checked(4)?;
    let dashed = rest.first() == Some(&b'-');
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let all_digits = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    let value = |digits: &[u8]| all_digits(digits).then(|| number(digits)).flatten();
    let year = i32::try_from(value(year)?).ok()?;
    match (rest, dashed) {
        ([b'W', week @ ..], dashed) => {
            let (week, day) = week.split_at_checked(2)?;
            let day = match (day, dashed) {
                ([], _) => 1,
                ([b'-', day], true) | ([day], false) => u32::from(day.checked_sub(b'0')?),
                _ => return None,
            };
            let weekday =
                u8::try_from(day.checked_sub(1)?).ok().and_then(|day| chrono::Weekday::try_from(day).ok())?;
            NaiveDate::from_isoywd_opt(year, value(week)?, weekday)
        }
        ([m1, m2, b'-', d1, d2], true) | ([m1, m2, d1, d2], false) => {
            NaiveDate::from_ymd_opt(year, value(&[*m1, *m2])?, value(&[*d1, *d2])?)
        }
        _ => None,
    }
}

/// `10`, `10:30`, `10:30:00.5`, `103000`, with an offset or `Z` behind.
fn is_iso_time(bytes: &[u8]) -> bool {
    let zone = bytes.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-')).unwrap_or(bytes.len());
    let (time, zone) = bytes.split_at(zone);
    let (hour, _) = digits(time);
    let hours_alone =
        hour.len() == 2 && hour.len() == time.len() && number(hour).is_some_and(|hour| hour < 24);
    let whole = clock(time).is_some_and(|(_, rest)| rest.is_empty()) && hour.len() % 2 == 0;
    (hours_alone || whole) && (zone.is_empty() || is_zone(zone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(order: DateOrder, text: &str) -> Option<String> {
        order.read(text).map(|instant| instant.to_string())
    }

    #[test]
    fn the_first_date_fixes_the_order() {
        let order = |texts: &[&str]| DateOrder::of(texts.iter().copied());
        assert_eq!(order(&["x", "01/31/2024", "31/01/2024", "2024-01-01"]), Some(DateOrder::DayFirst));
        assert_eq!(order(&["", "2024.1.5"]), Some(DateOrder::YearFirst));
        assert_eq!(order(&["01/31/2024", "Jan 5, 2024", "20240131", "24-01-01"]), None);
    }

    #[test]
    fn what_is_a_date() {
        for (text, instant) in [
            (" 2024-1-5 ", "2024-01-05 00:00:00"),
            ("2024/01/31T1:2", "2024-01-31 01:02:00"),
            ("2024.01.31 10:20:30.5", "2024-01-31 10:20:30.500"),
            ("2024-01-31 102030.123456789", "2024-01-31 10:20:30.123456"),
            ("2024-01-31 1020", "2024-01-31 10:20:00"),
            ("2024-01-31T23:59:60", "2024-02-01 00:00:00"),
            ("2024-01-31T10:00:00Z", "2024-01-31 10:00:00"),
            ("2024-01-31 10:00 +01:00", "2024-01-31 10:00:00"),
            ("2024-01-31 10:00:00UTC", "2024-01-31 10:00:00"),
            ("0001-01-01", "0001-01-01 00:00:00"),
        ] {
            assert_eq!(read(DateOrder::YearFirst, text).as_deref(), Some(instant), "{text}");
        }
        assert_eq!(read(DateOrder::DayFirst, "5.1.2024 7:00").as_deref(), Some("2024-01-05 07:00:00"));
    }

    #[test]
    fn what_is_none() {
        for text in [
            "2024-01/31",
            "2024-02-30",
            "2024-13-01",
            "24-01-01",
            "2024-001-01",
            "2024-01-31 ",
            "2024-01-31  10:00",
            "2024-01-31 10",
            "2024-01-31 24:00",
            "2024-01-31 10:60",
            "2024-01-31 10:00:61",
            "2024-01-31x",
            "2024-01-31 10:00:00.",
            "2024-01-31 10:00:00.1234567890",
            "20240131",
            "٢٠٢٤-01-01",
            "2024-01-31 10:00 +1",
            "",
        ] {
            let expected = text == "2024-01-31 ";
            assert_eq!(DateOrder::YearFirst.read(text).is_some(), expected, "{text}");
        }
        assert_eq!(DateOrder::DayFirst.read("31.01.2024 10:00Z"), None);
        assert_eq!(DateOrder::DayFirst.read("2024-01-31"), None);
    }

    #[test]
    fn days_of_parameters() {
        let day = NaiveDate::from_ymd_opt(2024, 1, 31);
        for text in [
            "2024-01-31",
            " 20240131 ",
            "2024-W05-3",
            "2024W053",
            "2024-01-31T10:20:30.5Z",
            "2024-01-31 10",
            "2024-01-31x102030+01:00",
        ] {
            assert_eq!(iso_day(text), day, "{text}");
        }
        assert_eq!(iso_day("2024-W05"), NaiveDate::from_ymd_opt(2024, 1, 29));
        assert_eq!(iso_day("2024W05"), NaiveDate::from_ymd_opt(2024, 1, 29));
        for text in [
            "",
            "2024",
            "2024-1-31",
            "31.01.2024",
            "2024-02-30",
            "2024-01-31T",
            "2024-01-31T25",
            "2024-W60",
            "2024-W05-0",
            "2024-W05-8",
            "2024-0131",
            "é024-01-31",
        ] {
            assert_eq!(iso_day(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(text in "[0-9TZW:./+ -]{0,24}|\\PC{0,12}") {
            DateOrder::YearFirst.read(&text);
            DateOrder::DayFirst.read(&text);
            iso_day(&text);
        }

        /// Every day and second of a few thousand years is read as written.
        #[test]
        fn dates_are_read_back(days in 0_i64..3_000_000, seconds in 0_u32..86_400) {
            let date = NaiveDate::from_ymd_opt(1, 1, 1).unwrap() + Duration::days(days);
            let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap();
            let instant = Some(date.and_time(time));
            prop_assert_eq!(DateOrder::YearFirst.read(&date.and_time(time).format("%Y/%m/%dT%H:%M:%S").to_string()), instant);
            prop_assert_eq!(DateOrder::DayFirst.read(&date.and_time(time).format("%-d.%-m.%Y %H%M%S").to_string()), instant);
            prop_assert_eq!(iso_day(&date.format("%G-W%V-%u").to_string()), Some(date));
        }
    }
}
