//! Measured on the reference's data engine, text by text.

use super::*;
use proptest::prelude::*;

/// Which of the texts are dates; `None` when no family fits any.
fn dates(texts: &[&str]) -> Option<Vec<bool>> {
    let mut dates = Dates::recognise(texts.iter().copied())?;
    Some(texts.iter().map(|text| dates.accepts(text)).collect())
}

/// Each text is marked `+` when it is a date.
fn check(marked: &[&str]) {
    let texts: Vec<&str> = marked.iter().map(|text| &text[1..]).collect();
    let expected: Vec<bool> = marked.iter().map(|text| text.starts_with('+')).collect();
    assert_eq!(dates(&texts), Some(expected), "{marked:?}");
}

#[test]
fn every_family_exists() {
    assert_eq!(FAMILIES.iter().map(|family| family.formats.len()).collect::<Vec<_>>(), [27, 28, 27]);
}

#[test]
fn the_vectors_of_the_specification() {
    check(&["+2024-01-01", "-2024-02-30", "+2024/03/01", "-01/02/2024"]);
    check(&[
        "+2024-01-01 10:00:00",
        "+2024-01-02T11:00:00",
        "+2024-01-03",
        "+2024-01-03 10:00",
        "+2024-01-01 10:00:00.123",
        "-2024-01-01T10:00:00Z",
    ]);
    check(&["-n/a", "+2024-01-01"]);
    check(&["+01/02/2024", "+13/02/2024", "-02/13/2024", "-2024-01-01"]);
    check(&["-02/13/2024", "+01/02/2024", "-2024-02-01"]);
    check(&["+2024-01-01T10:00:00Z", "+2024-01-01T10:00:00+02:00", "-2024-01-01"]);
    check(&["+2024-1-5", "+2024/1/7"]);
    check(&["- 2024-01-01", "-2024-01-01 ", "+2024-01-01"]);
    for alone in ["10:30", "gold", "20240101", "Jan 5, 2024", "05-Jan-2024", "2024", ""] {
        assert_eq!(dates(&[alone]), None, "{alone}");
    }
}

#[test]
fn the_latest_format_is_more_lenient_than_the_others() {
    check(&["+2024-01-01", "+ 2024-01-01", "-2024-01-01 "]);
    check(&["+2024-01-01", "+2024/01/01", "- 2024-01-01", "+ 2024/01/01"]);
}

#[test]
fn a_family_may_be_found_in_a_text_that_is_no_date_by_itself() {
    check(&["-20240101T101112"]);
    check(&["-1/2/24"]);
    check(&["-01/02/24 10:00"]);
}

#[test]
fn times_and_odd_calendars() {
    check(&[
        "+2024-01-01",
        "-2024-01-01 10",
        "+2024-01-01T10:00",
        "+2024-01-01 10:00:00.1",
        "-2024-01-01 10:00:00,5",
        "+2024/01/01T10:00",
        "+2024-1-5 1:2:3",
        "+0001-01-01",
        "-99999-01-01",
        "+2024.01.01",
        "-2024-01/02",
        "-24-01-01",
        "-2024-01-01 24:00:00",
        "-2024-01-01 10:60",
        "-2024-13-01",
        "-2024-00-10",
    ]);
    check(&[
        "+01/02/2024",
        "+1/2/2024",
        "+01-02-2024",
        "+01.02.2024",
        "-01/02/24",
        "+01/02/2024 10:00:00",
        "+01-02-2024T10:00:00",
        "+1-2-2024 1:2:3.5",
        "-01/02/2024 10:00:00 PM",
        "-01-02/2024",
        "+01/02/0024",
    ]);
}

#[test]
fn dates_have_instants() {
    let instants = |texts: &[&str]| {
        let mut dates = Dates::recognise(texts.iter().copied()).unwrap();
        let instant = |text: &&str| dates.read(text).map_or("none".to_owned(), |instant| instant.to_string());
        texts.iter().map(instant).collect::<Vec<_>>()
    };
    assert_eq!(
        instants(&["2024-01-31", "2024/01/31 10:00", "x"]),
        ["2024-01-31 00:00:00", "2024-01-31 10:00:00", "none"]
    );
    assert_eq!(instants(&["02/01/2024", "01/31/2024"]), ["2024-01-02 00:00:00", "none"]);
    assert_eq!(
        instants(&["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"]),
        ["2024-01-01 00:00:00", "2024-01-01 00:00:00"]
    );
}

proptest! {
    /// What is accepted byte by byte is accepted by reading, too.
    #[test]
    fn the_fast_way_accepts_nothing_else(text in "[0-9]{2,4}[-/.][01][0-9][-/.][0-9]{2,4}([T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9])?") {
        for family in FAMILIES.iter() {
            for format in family.formats.iter().filter(|format| format.fits_plainly(&text)) {
                prop_assert!(read(family, format, &text).is_some(), "{} {:?}", text, format.plain);
            }
        }
    }

    /// And almost everything that is to be accepted: whole dates in the latest format.
    #[test]
    fn the_fast_way_accepts_whole_dates(days in 0_i64..1_000_000, seconds in 0_u32..86_400) {
        let date = NaiveDate::from_ymd_opt(1000, 1, 1).unwrap() + chrono::TimeDelta::days(days);
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap();
        for (text, format) in [(date.format("%Y-%m-%d").to_string(), 8), (date.and_time(time).format("%Y-%m-%d %H:%M:%S").to_string(), 4)] {
            prop_assert!(FAMILIES[1].formats[format].fits_plainly(&text), "{}", text);
        }
    }

    /// Reading and accepting come to the same, text by text.
    #[test]
    fn what_is_accepted_has_an_instant(texts in prop::collection::vec("[0-9]{1,4}[-/.][01]?[0-9][-/.][0-9]{1,4}([T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?)?(Z|\\+02:00)?", 0..12)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let instants = Dates::recognise(texts.iter().copied()).map(|mut dates| {
            texts.iter().map(|text| dates.read(text).is_some()).collect::<Vec<_>>()
        });
        prop_assert_eq!(instants, dates(&texts));
    }

    #[test]
    fn any_text_can_be_held_against_any_family(texts in prop::collection::vec("[0-9TZ:./+ -]{0,20}|\\PC{0,10}", 0..8)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        dates(&texts);
    }
}
