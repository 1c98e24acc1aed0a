//! Dates and times in ISO 8601, in every form that Python's `datetime.fromisoformat` and `dateutil.isoparse` read.
//! Celery writes only the extended form; other producers may write any (celery-wire.md section 5).

use std::str::FromStr;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, Utc, Weekday};

/// Python's `datetime.isoformat()` of a UTC time: microseconds only when there are any.
pub(crate) fn isoformat(instant: DateTime<Utc>) -> String {
    let precision =
        if instant.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    instant.to_rfc3339_opts(precision, false)
}

/// An instant: a date and time with an offset or `Z`, or with neither (then it is in UTC).
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let (datetime, offset) = datetime(text)?;
    Some(datetime.checked_sub_signed(offset.unwrap_or_default())?.and_utc())
}

/// A date, alone or with a time after any one character, and the time's offset.
pub(super) fn datetime(text: &str) -> Option<(NaiveDateTime, Option<TimeDelta>)> {
    let mut rest = Cursor(text);
    let date = rest.date()?;
    if rest.0.is_empty() {
        return Some((date.into(), None));
    }
    rest.skip_character()?;
    let (time, days) = rest.time()?;
    let offset = rest.offset()?;
    rest.0.is_empty().then_some(())?;
    Some((NaiveDateTime::from(date).checked_add_signed(days)? + time, offset))
}

/// Whether the text is a time of day, with or without an offset.
pub(super) fn is_time(text: &str) -> bool {
    let mut rest = Cursor(text.strip_prefix('T').unwrap_or(text));
    let time = rest.time().is_some_and(|(_, days)| days.is_zero());
    time && rest.offset().is_some() && rest.0.is_empty()
}

/// What is left to read.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// The next `count` digits as a number.
    fn number<T: FromStr>(&mut self, count: usize) -> Option<T> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
        self.0 = rest;
        digits.parse().ok()
    }

    fn eat(&mut self, character: char) -> bool {
        let rest = self.0.strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_character(&mut self) -> Option<()> {
        let mut characters = self.0.chars();
        characters.next()?;
        self.0 = characters.as_str();
        Some(())
    }

    /// How many digits come next.
    fn digits(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// `YYYY-MM-DD`, `YYYYMMDD`, `YYYY-MM`, `YYYY`, and with weeks (`YYYY-Www-D`) or days of the year (`YYYY-DDD`).
    fn date(&mut self) -> Option<NaiveDate> {
        let year = self.number(4)?;
        let dashed = self.eat('-');
        if self.eat('W') {
            let week = self.number(2)?;
            let has_day = if dashed { self.eat('-') } else { self.digits() > 0 };
            let day: u8 = if has_day { self.number(1)? } else { 1 };
            let day = day.checked_sub(1).and_then(|day| Weekday::try_from(day).ok())?;
            return NaiveDate::from_isoywd_opt(year, week, day);
        }
        match (dashed, self.digits()) {
            (false, 4..) => NaiveDate::from_ymd_opt(year, self.number(2)?, self.number(2)?),
            (_, 3) => NaiveDate::from_yo_opt(year, self.number(3)?),
            (true, _) => {
                let month = self.number(2)?;
                let day = if self.eat('-') { self.number(2)? } else { 1 };
                NaiveDate::from_ymd_opt(year, month, day)
            }
            (false, _) => NaiveDate::from_ymd_opt(year, 1, 1),
        }
    }

    /// `HH`, `HH:MM`, `HH:MM:SS`, `HH:MM:SS.ffffff`, or the same without colons. `24:00` is the next day's midnight.
    fn time(&mut self) -> Option<(TimeDelta, TimeDelta)> {
        let (hour, minute, second, nanosecond) = self.clock()?;
        let midnight = hour == 24 && minute == 0 && second == 0 && nanosecond == 0;
        let (hour, days) = if midnight { (0, 1) } else { (hour, 0) };
        let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond)?;
        Some((time.signed_duration_since(NaiveTime::MIN), TimeDelta::days(days)))
    }

    /// Hours, minutes, seconds and nanoseconds, as far as they are there.
    fn clock(&mut self) -> Option<(u32, u32, u32, u32)> {
        let hour = self.number(2)?;
        let colons = self.eat(':');
        if !colons && self.digits() == 0 {
            return Some((hour, 0, 0, 0));
        }
        let minute = self.number(2)?;
        if !(if colons { self.eat(':') } else { self.digits() > 0 }) {
            return Some((hour, minute, 0, 0));
        }
        let second = self.number(2)?;
        if !self.eat('.') && !self.eat(',') {
            return Some((hour, minute, second, 0));
        }
        let (fraction, rest) =
            self.0.split_at_checked(self.digits()).filter(|(digits, _)| !digits.is_empty())?;
        self.0 = rest;
        let nanosecond = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        Some((hour, minute, second, nanosecond.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))))
    }

    /// Nothing, `Z`, or a sign and a time.
    fn offset(&mut self) -> Option<Option<TimeDelta>> {
        if self.0.is_empty() {
            return Some(None);
        }
        if self.eat('Z') || self.eat('z') {
            return Some(Some(TimeDelta::zero()));
        }
        let west = self.eat('-');
        if !west && !self.eat('+') {
            return None;
        }
        let (offset, days) = self.time()?;
        days.is_zero().then_some(Some(if west { -offset } else { offset }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_that_python_reads() {
        // Recorded from Python 3.11's datetime.fromisoformat and dateutil 2.9's isoparse.
        for (text, expected) in [
            ("2026-11-22T02:53:20.973590+00:00", "2026-11-22T02:53:20.973590Z"),
            ("2026-11-22T02:53:20.973590+05:30", "2026-11-21T21:23:20.973590Z"),
            ("2026-11-22T02:53:20Z", "2026-11-22T02:53:20Z"),
            ("2026-11-22 02:53", "2026-11-22T02:53:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
            ("20240102T030405Z", "2024-01-02T03:04:05Z"),
            ("2024-W01-1", "2024-01-01T00:00:00Z"),
            ("2024W011T05", "2024-01-01T05:00:00Z"),
            ("2024-W01", "2024-01-01T00:00:00Z"),
            ("2024-366", "2024-12-31T00:00:00Z"),
            ("2024-02", "2024-02-01T00:00:00Z"),
            ("2024", "2024-01-01T00:00:00Z"),
            ("2024-01-02T03:04:05,5-0230", "2024-01-02T05:34:05.500Z"),
            ("2024-01-02T03:04:05.1234567-02", "2024-01-02T05:04:05.123456700Z"),
            ("2024-01-02T24:00", "2024-01-03T00:00:00Z"),
            ("2024-01-02é0304", "2024-01-02T03:04:00Z"),
        ] {
            assert_eq!(instant(text), Some(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "soon",
            "5",
            "2024-13-01",
            "2024-01-02T",
            "2024-01-02T25:00",
            "2024-01-02T24:01",
            "2024-01-02T03:04:05.",
            "2024-01-02T03:04:05+",
            "2024-01-02T03:04 ",
            "2024-W54-1",
            "2024-W01-8",
            "2024-01-02T03:04:05+24:00",
            "٢٠٢٤",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
        for text in ["03", "03:04", "T0304", "03:04:05.5+01:00"] {
            assert!(is_time(text), "{text}");
        }
        for text in ["", "3", "24:00", "25:00", "03:04:05.", "2024-01-02"] {
            assert!(!is_time(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9TWZ:.,+ é]{0,30}|.*") {
            let _ = (instant(&text), is_time(&text));
        }
    }
}
