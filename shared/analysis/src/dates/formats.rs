//! The three families of date formats, in the order in which the data engine tries them.

use std::sync::LazyLock;

use chrono::format::{Item, StrftimeItems};
use regex::Regex;

/// Formats that may stand together in one column.
#[derive(Debug)]
pub(super) struct Family {
    /// Whether every text ends in an offset from UTC.
    pub(super) zoned: bool,
    pub(super) formats: Vec<Format>,
    /// What a text must look like before the formats other than the latest are tried.
    gate: Regex,
}

/// One format.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) items: Vec<Item<'static>>,
    pub(super) plain: Option<Plain>,
}

/// A format that a text can be held against byte by byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    pub(super) day_first: bool,
    pub(super) separator: u8,
    /// What stands between the date and `10:00:00`; `None` for dates without time.
    pub(super) before_time: Option<u8>,
}

impl Family {
    /// Whether a text passes the gate: the shape of a date with a month of 1 to 12.
    pub(super) fn may_fit(&self, text: &str) -> bool {
        let month = self.gate.captures(text).and_then(|found| found.name("month"));
        month.and_then(|month| month.as_str().parse().ok()).is_some_and(|month: u8| (1..=12).contains(&month))
    }
}

/// Day first, year first, and year first with an offset.
pub(super) static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let clock = r"\d{1,2}:?\d{1,2}(?::?\d{1,2}(?:\.\d{1,9})?)?";
    let strict_clock = r"\d{2}:?\d{2}(?::?\d{2}(?:\.\d{1,9})?)?";
    let day_first = format!(r"\d{{1,2}}[-/.](?P<month>[01]?\d)[-/.]\d{{4,}}(?:[T ]{clock})?");
    let year_first = r"\d{4,}[-/.]?(?P<month>[01]?\d)[-/.]?\d{1,2}";
    let unzoned = format!("{year_first}(?:[T ]{clock})?");
    let zoned = format!(r"{year_first}[T ]{strict_clock}(?:[+-]\d{{2}}(?::?\d{{2}})?|Z)");
    [
        (false, combined(true, "", &[]), day_first),
        (false, combined(false, "", &["%Y%m%dT%H%M%S%.f"]), unzoned),
        (true, combined(false, "%#z", &["%Y%m%dT%H%M%S%.f%#z", "%Y%m%dT%H%M%S%.fZ", "%+"]), zoned),
    ]
    .into_iter()
    // Our own patterns compile; a family that did not would be missing, and a test would say so.
    .filter_map(|(zoned, formats, gate)| {
        let gate = Regex::new(&format!(r#"^['"]?{gate}['"]?$"#)).ok()?;
        Some(Family { zoned, formats, gate })
    })
    .collect()
});

/// Each separator with each form of the time, then the `extra` ones. Without a `zone`, dates without time count, too.
fn combined(day_first: bool, zone: &str, extra: &[&str]) -> Vec<Format> {
    let mut formats = Vec::new();
    for separator in ['-', '/', '.'] {
        let date = if day_first {
            format!("%d{separator}%m{separator}%Y")
        } else {
            format!("%Y{separator}%m{separator}%d")
        };
        let plain = |before_time| Plain { day_first, separator: separator as u8, before_time };
        for mark in ['T', ' '] {
            for time in ["%H:%M:%S%.f", "%H%M%S%.f", "%H:%M", "%H%M"] {
                let is_plain = zone.is_empty() && time == "%H:%M:%S%.f";
                formats.push(Format {
                    items: items(&format!("{date}{mark}{time}{zone}")),
                    plain: is_plain.then(|| plain(Some(mark as u8))),
                });
            }
        }
        if zone.is_empty() {
            formats.push(Format { items: items(&date), plain: Some(plain(None)) });
        }
    }
    formats.extend(extra.iter().map(|format| Format { items: items(format), plain: None }));
    formats
}

fn items(format: &str) -> Vec<Item<'static>> {
    StrftimeItems::new(format).map(Item::to_owned).collect()
}
