//! Values that JSON has no word for, as kombu writes them (celery-wire.md 1.8): an object of `__type__` and `__value__`.
//!
//! They stay in that form wherever a value is published again or stored, because Python turns them into its own types when
//! it reads them. A Rust task gets [`plain`] values instead:
//!
//! | kombu's type | plain |
//! |---|---|
//! | `datetime`, `date`, `time` | its ISO 8601 text |
//! | `decimal` | its text, with every digit |
//! | `uuid` | its text with dashes |
//! | `bytes` | the text |
//! | `base64` | the base64 text |

use base64::Engine;
use chrono::NaiveDate;
use memchr::memmem;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::envelope::BASE64;
use super::{iso8601, shown};

const TYPE: &str = "__type__";
const VALUE: &str = "__value__";

/// A value of one of the types that kombu spells in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Typed {
    /// A date and time in ISO 8601; without an offset it is in nobody's time zone.
    DateTime(String),
    /// A date.
    Date(NaiveDate),
    /// A time of day in ISO 8601.
    Time(String),
    /// A decimal number's text; also `NaN` and `Infinity`.
    Decimal(String),
    /// A UUID.
    Uuid(Uuid),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A value in kombu's form that Python could not read either: the whole document counts as undecodable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypedError {
    /// A type that kombu does not know.
    #[error(
        "a value has the unknown `__type__` {0}; known are datetime, date, time, decimal, uuid, bytes and base64"
    )]
    UnknownType(String),
    /// Not a value of its type.
    #[error("a value of `__type__` {0} cannot be read as one")]
    BadValue(&'static str),
}

impl Typed {
    /// Reads a value in kombu's form; `None` for any other.
    ///
    /// # Errors
    /// [`TypedError`] when it has the form and is none of kombu's values.
    pub fn read(value: &Value) -> Result<Option<Self>, TypedError> {
        let Value::Object(object) = value else { return Ok(None) };
        match (object.get(TYPE), object.get(VALUE)) {
            (Some(name), Some(value)) if object.len() == 2 => Self::decode(name, value).map(Some),
            _ => Ok(None),
        }
    }

    fn decode(name: &Value, value: &Value) -> Result<Self, TypedError> {
        let text = value.as_str();
        let (name, typed) = match name.as_str() {
            Some("datetime") => (
                "datetime",
                text.filter(|text| iso8601::datetime(text).is_some())
                    .map(|text| Self::DateTime(text.to_owned())),
            ),
            Some("date") => {
                ("date", text.and_then(iso8601::datetime).map(|(datetime, _)| Self::Date(datetime.date())))
            }
            Some("time") => {
                ("time", text.filter(|text| iso8601::is_time(text)).map(|text| Self::Time(text.to_owned())))
            }
            Some("decimal") => ("decimal", decimal(value).map(Self::Decimal)),
            Some("uuid") => ("uuid", value.get("hex").and_then(Value::as_str).and_then(uuid).map(Self::Uuid)),
            Some("bytes") => ("bytes", text.map(|text| Self::Bytes(text.as_bytes().to_vec()))),
            Some("base64") => ("base64", text.and_then(|text| BASE64.decode(text).ok()).map(Self::Bytes)),
            Some(other) => return Err(TypedError::UnknownType(shown(other))),
            None => return Err(TypedError::UnknownType("that is no text".into())),
        };
        typed.ok_or(TypedError::BadValue(name))
    }

    /// The value in kombu's form.
    pub fn to_json(&self) -> Value {
        let (name, value) = match self {
            Self::DateTime(text) => ("datetime", text.as_str().into()),
            Self::Date(date) => ("date", date.to_string().into()),
            Self::Time(text) => ("time", text.as_str().into()),
            Self::Decimal(text) => ("decimal", text.as_str().into()),
            Self::Uuid(uuid) => ("uuid", json!({"hex": uuid.simple().to_string()})),
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => ("bytes", text.into()),
                Err(_) => ("base64", BASE64.encode(bytes).into()),
            },
        };
        json!({TYPE: name, VALUE: value})
    }

    /// The value as JSON that needs no knowledge of kombu: a text (see the module's table).
    pub fn into_plain(self) -> String {
        match self {
            Self::DateTime(text) | Self::Time(text) | Self::Decimal(text) => text,
            Self::Date(date) => date.to_string(),
            Self::Uuid(uuid) => uuid.hyphenated().to_string(),
            Self::Bytes(bytes) => {
                String::from_utf8(bytes).unwrap_or_else(|error| BASE64.encode(error.as_bytes()))
            }
        }
    }
}

/// The same value with every typed value in it as plain JSON. What has the form and is no value of kombu's stays as it is.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(object) => match Typed::read(value) {
            Ok(Some(typed)) => typed.into_plain().into(),
            _ => Value::Object(plain_object(object)),
        },
        scalar => scalar.clone(),
    }
}

/// [`plain`] for the values of an object that is no typed value itself.
pub(super) fn plain_object(object: &Map<String, Value>) -> Map<String, Value> {
    object.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// Whether a JSON text may hold typed values: a quick look that spares most documents the walk through all values.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    // The second is how every character of the key would begin, were it escaped.
    memmem::find(text, TYPE.as_bytes()).is_some() || memmem::find(text, b"\\u00").is_some()
}

/// Whether there are typed values in a value.
///
/// # Errors
/// [`TypedError`] when one of them makes the document undecodable.
pub(super) fn check(value: &Value) -> Result<bool, TypedError> {
    match value {
        Value::Array(items) => check_all(items.iter()),
        Value::Object(object) => match Typed::read(value)? {
            Some(_) => Ok(true),
            None => check_all(object.values()),
        },
        _ => Ok(false),
    }
}

fn check_all<'a>(values: impl Iterator<Item = &'a Value>) -> Result<bool, TypedError> {
    let mut found = false;
    for value in values {
        found |= check(value)?;
    }
    Ok(found)
}

/// What Python's `Decimal` reads: a number's text, or a number.
fn decimal(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => return Some(number.to_string()),
        Value::String(text) => text.trim().replace('_', ""),
        _ => return None,
    };
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text).to_ascii_lowercase();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_nan = ["nan", "snan"]
        .iter()
        .filter_map(|word| unsigned.strip_prefix(word))
        .any(|payload| payload.is_empty() || digits(payload));
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number =
        digits(&[whole, fraction].concat()) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    (is_nan || is_number || matches!(unsigned.as_str(), "inf" | "infinity")).then_some(text)
}

/// What Python's `UUID(hex=...)` reads: 32 hexadecimal digits, whatever braces, dashes and prefixes are about them.
fn uuid(text: &str) -> Option<Uuid> {
    let digits = text.replace("urn:", "").replace("uuid:", "");
    let digits = digits.trim_matches(['{', '}']).replace('-', "");
    (digits.len() == 32).then(|| Uuid::try_parse(&digits).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(name: &str, value: Value) -> Result<Option<Typed>, TypedError> {
        Typed::read(&json!({TYPE: name, VALUE: value}))
    }

    /// Spelled by kombu.utils.json 5.7.
    const RECORDED: &str = r#"[{"__type__": "datetime", "__value__": "2024-01-02T03:04:05.000678+00:00"}, {"__type__": "datetime", "__value__": "2024-01-02T03:04:05"}, {"__type__": "date", "__value__": "2024-01-02"}, {"__type__": "time", "__value__": "03:04:05.000006"}, {"__type__": "decimal", "__value__": "1.50"}, {"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}, {"__type__": "bytes", "__value__": "text \u00e9"}, {"__type__": "base64", "__value__": "/wA="}]"#;

    #[test]
    fn what_kombu_writes_is_read_and_written_again() {
        let values: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
        let expected = [
            Typed::DateTime("2024-01-02T03:04:05.000678+00:00".into()),
            Typed::DateTime("2024-01-02T03:04:05".into()),
            Typed::Date(NaiveDate::from_ymd_opt(2024, 1, 2).unwrap()),
            Typed::Time("03:04:05.000006".into()),
            Typed::Decimal("1.50".into()),
            Typed::Uuid("12345678-1234-5678-1234-567812345678".parse().unwrap()),
            Typed::Bytes("text é".into()),
            Typed::Bytes(vec![0xff, 0]),
        ];
        for (value, expected) in values.iter().zip(&expected) {
            assert_eq!(Typed::read(value).unwrap().as_ref(), Some(expected));
            assert_eq!(&expected.to_json(), value);
        }
        assert_eq!(
            plain(&json!({"deep": values, "not": {TYPE: "date", VALUE: "2024-01-02", "x": 1}})),
            json!({
                "deep": ["2024-01-02T03:04:05.000678+00:00", "2024-01-02T03:04:05", "2024-01-02", "03:04:05.000006", "1.50",
                         "12345678-1234-5678-1234-567812345678", "text é", "/wA="],
                "not": {TYPE: "date", VALUE: "2024-01-02", "x": 1},
            })
        );
    }

    #[test]
    fn values_are_read_as_python_reads_them() {
        // Accepted or refused by kombu.utils.json.loads on Python 3.11.
        let hex = "12345678123456781234567812345678";
        for (name, good, bad) in [
            (
                "datetime",
                json!(["2024-01-02", "20240102T030405Z", "2024-01-02 03:04"]),
                json!(["x", 5, null, ""]),
            ),
            ("date", json!(["2024-01-02", "2024-01-02T03:04"]), json!(["x", 5])),
            ("time", json!(["03:04", "03:04:05.5+01:00", "T03:04", "03"]), json!(["25:00", 5])),
            (
                "decimal",
                json!([
                    "1.5",
                    " 1_0 ",
                    "-NaN",
                    "sNaN123",
                    "inf",
                    "+Infinity",
                    "1e10",
                    ".5",
                    "5.",
                    "1E-7",
                    5,
                    1.5
                ]),
                json!(["x", "", ".", "1e", "e5", "--1", "1.5.2", "nanx", null]),
            ),
            (
                "uuid",
                json!([{"hex": hex}, {"hex": "urn:uuid:{12345678-1234-5678-1234-567812345678}"}]),
                json!(["1234", {}, {"hex": "12"}, {"hex": 5}, {"hex": "x".repeat(32)}, hex]),
            ),
            ("bytes", json!(["é", ""]), json!([5, null])),
            ("base64", json!(["/w==", ""]), json!([5])),
        ] {
            for value in good.as_array().unwrap() {
                assert!(matches!(typed(name, value.clone()), Ok(Some(_))), "{name} {value}");
            }
            for value in bad.as_array().unwrap() {
                assert_eq!(typed(name, value.clone()), Err(TypedError::BadValue(name)), "{name} {value}");
            }
        }
        for unknown in [json!("set"), json!(["date"]), json!(null), json!("")] {
            let value = json!([{"deep": [{TYPE: unknown, VALUE: 1}]}]);
            assert!(matches!(check(&value), Err(TypedError::UnknownType(_))), "{value}");
        }
    }

    #[test]
    fn the_quick_look_finds_every_spelling() {
        for text in [r#"{"__type__": 1}"#, r#"{"\u005f_type__": 1}"#, r#"{"__typ\u0065__": 1}"#] {
            assert!(may_be_in(text.as_bytes()), "{text}");
        }
        assert!(!may_be_in(r#"[{"type": "é\u1234"}]"#.as_bytes()));
    }

    proptest! {
        #[test]
        fn bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let typed = Typed::Bytes(bytes);
            prop_assert_eq!(Typed::read(&typed.to_json()).unwrap(), Some(typed));
        }

        #[test]
        fn any_value_is_read_or_refused(name in "datetime|date|time|decimal|uuid|bytes|base64", text in ".{0,40}") {
            for value in [json!(text), json!({"hex": text})] {
                if let Ok(Some(typed)) = typed(&name, value) {
                    prop_assert_eq!(plain(&typed.to_json()), typed.into_plain());
                }
            }
        }
    }
}
