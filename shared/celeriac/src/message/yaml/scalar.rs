//! What a YAML scalar is, by the rules of YAML 1.1 as PyYAML applies them: `yes` is true, `012` is ten, `1:30` is ninety.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use chrono::{NaiveDate, NaiveDateTime};
use regex::{Captures, Regex};
use serde_json::{Number, Value};

use crate::message::envelope::BASE64;
use crate::message::typed::Typed;

const TRUE: [&str; 3] = ["yes", "true", "on"];
const FALSE: [&str; 3] = ["no", "false", "off"];

/// Which plain scalars are of which type, in the order in which they are tried. From the type definitions of YAML 1.1
/// (yaml.org/type), with PyYAML's narrower floats.
pub(super) const TYPES: [(&str, &str); 6] = [
    ("bool", "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"),
    (
        "float",
        r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    ),
    (
        "int",
        r"[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
    ),
    ("merge", "<<"),
    ("null", "~|null|Null|NULL|"),
    ("timestamp", TIMESTAMP),
];

const TIMESTAMP: &str = concat!(
    r"(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})|",
    r"(?<year>[0-9]{4})-(?<month>[0-9][0-9]?)-(?<day>[0-9][0-9]?)(?:[Tt]|[ \t]+)",
    r"(?<hour>[0-9][0-9]?):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(?:\.(?<fraction>[0-9]*))?",
    r"(?:[ \t]*(?<zone>Z|(?<sign>[-+])(?<hours>[0-9][0-9]?)(?::(?<minutes>[0-9]{2}))?))?",
);

pub(super) static PLAIN: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let whole = |pattern: &str| Regex::new(&format!("^(?:{pattern})$"));
    // The patterns are constants; a test compiles them all.
    TYPES.iter().filter_map(|(name, pattern)| Some((*name, whole(pattern).ok()?))).collect()
});

/// The name of a plain scalar's type.
pub(super) fn resolve(text: &str) -> &'static str {
    PLAIN.iter().find(|(_, pattern)| pattern.is_match(text)).map_or("str", |(name, _)| name)
}

/// The value of a scalar of that type, and whether it is a typed value.
pub(super) fn construct(kind: &str, text: &str) -> Result<(Value, bool), String> {
    let value = match kind {
        "str" | "value" => Some(text.into()),
        "null" => Some(Value::Null),
        "bool" => boolean(text),
        "int" => int(text),
        "float" => float(text),
        "binary" => {
            let data: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(data).ok().map(|bytes| Typed::Bytes(bytes).to_json())
        }
        "timestamp" => timestamp(text).map(|timestamp| timestamp.to_json()),
        _ => return Err("a scalar has a tag that is none of a scalar".into()),
    };
    let typed = matches!(kind, "binary" | "timestamp");
    value.map(|value| (value, typed)).ok_or_else(|| format!("a scalar is no !!{kind}"))
}

fn boolean(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    let is_true = TRUE.contains(&lower.as_str());
    (is_true || FALSE.contains(&lower.as_str())).then_some(is_true.into())
}

/// Sign and digits, without the underscores between them.
fn unsigned(text: &str) -> (bool, String) {
    let text = text.replace('_', "");
    match text.strip_prefix('-') {
        Some(digits) => (true, digits.to_owned()),
        None => (false, text.strip_prefix('+').unwrap_or(&text).to_owned()),
    }
}

fn int(text: &str) -> Option<Value> {
    let (negative, digits) = unsigned(text);
    if digits.contains(':') {
        let parts = digits.split(':');
        let value = parts
            .map(str::parse::<i64>)
            .try_fold(0_i64, |sum, part| sum.checked_mul(60)?.checked_add(part.ok()?))?;
        return Some(if negative { -value } else { value }.into());
    }
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'b', ..] => (digits.get(2..)?, 2),
        [b'0', b'x', ..] => (digits.get(2..)?, 16),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        _ => (digits.as_str(), 10),
    };
    digits.chars().all(|digit| digit.is_digit(radix)).then_some(())?;
    match i128::from_str_radix(digits, radix) {
        Ok(value) => {
            let value = if negative { -value } else { value };
            // Beyond 64 bits it becomes a float, as it does in JSON.
            Number::from_i128(value)
                .map(Value::Number)
                .or_else(|| Number::from_f64(value as f64).map(Value::Number))
        }
        Err(_) if digits.is_empty() => None,
        Err(_) => {
            let value = digits.chars().filter_map(|digit| digit.to_digit(radix));
            let value = value.fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit));
            Some(if negative { -value } else { value }.into())
        }
    }
}

fn float(text: &str) -> Option<Value> {
    let (negative, digits) = unsigned(text);
    let digits = digits.to_ascii_lowercase();
    if matches!(digits.as_str(), ".inf" | ".nan") {
        // JSON has no words for them.
        return Some(Value::Null);
    }
    let is_decimal =
        |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
    // To the base of sixty: `1:30.5` is 90.5.
    let value = digits.split(':').try_fold(0.0, |sum, part| {
        let part = Some(part).filter(|part| is_decimal(part))?;
        Some(sum * 60.0 + part.parse::<f64>().ok()?)
    })?;
    Some(if negative { -value } else { value }.into())
}

fn timestamp(text: &str) -> Option<Typed> {
    let (_, pattern) = PLAIN.iter().find(|(name, _)| *name == "timestamp")?;
    let parts = pattern.captures(text)?;
    if let Some(date) = parts.name("date") {
        return date.as_str().parse().ok().map(Typed::Date);
    }
    let date = NaiveDate::from_ymd_opt(part(&parts, "year")?, part(&parts, "month")?, part(&parts, "day")?)?;
    let fraction = format!("{:0<6.6}", parts.name("fraction").map_or("", |fraction| fraction.as_str()));
    let micros: u32 = fraction.parse().ok()?;
    let datetime = date.and_hms_micro_opt(
        part(&parts, "hour")?,
        part(&parts, "minute")?,
        part(&parts, "second")?,
        micros,
    )?;
    Some(Typed::DateTime(isoformat(datetime, &parts)?))
}

fn part<T: std::str::FromStr>(parts: &Captures<'_>, name: &str) -> Option<T> {
    parts.name(name)?.as_str().parse().ok()
}

/// Python's `isoformat`.
fn isoformat(datetime: NaiveDateTime, parts: &Captures<'_>) -> Option<String> {
    let mut text = datetime.format("%Y-%m-%dT%H:%M:%S%.f").to_string();
    if let Some((second, fraction)) = text.split_once('.') {
        text = format!("{second}.{fraction:0<6}");
    }
    if parts.name("zone").is_some() {
        let sign = parts.name("sign").map_or("+", |sign| sign.as_str());
        let hours: u32 = if parts.name("hours").is_some() { part(parts, "hours")? } else { 0 };
        let minutes: u32 = if parts.name("minutes").is_some() { part(parts, "minutes")? } else { 0 };
        let minutes = hours * 60 + minutes;
        (minutes < 24 * 60).then_some(())?;
        let sign = if minutes == 0 { "+" } else { sign };
        // Writing to a String cannot fail.
        let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
    Some(text)
}
