//! The kombu envelope: what one element of a Redis list holds.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::compression::{Compression, CompressionError};
use super::content::{JSON_CONTENT_TYPE, RAW_CONTENT_TYPE};
use super::{Malformed, json as python_json, shown, typed};

/// A message as it lies in the broker. Every header, property and other field is kept, known or not, in its order, so that a
/// message published again is the message that came (celery-wire.md 1.1 to 1.3). Typed values stay in the form that they
/// came in (see [`typed`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    body: Value,
    content_encoding: Value,
    content_type: Value,
    headers: Map<String, Value>,
    properties: Map<String, Value>,
    /// Fields that are not kombu's.
    others: Map<String, Value>,
}

impl Envelope {
    /// Reads a list element.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON object, has no properties, or holds a typed value of an unknown type.
    pub fn parse(element: &[u8]) -> Result<Self, Malformed> {
        let Element { body, content_encoding, content_type, headers, properties, others } =
            python_json::from_slice(element).map_err(|error| {
                Malformed::dead_letter(format!("the element is not a JSON object ({error})"), None)
            })?;
        let headers = match headers {
            Value::Object(headers) => headers,
            Value::Null => Map::new(),
            _ => return Err(Malformed::dead_letter("`headers` is not an object", None)),
        };
        let id = headers.get("id").and_then(Value::as_str);
        let Value::Object(properties) = properties else {
            return Err(Malformed::dead_letter("`properties` is missing or not an object", id));
        };
        if typed::may_be_in(element) {
            for value in others.values().chain(headers.values()).chain(properties.values()) {
                typed::check(value)
                    .map_err(|error| Malformed::dead_letter(format!("the element: {error}"), id))?;
            }
        }
        Ok(Self { body, content_encoding, content_type, headers, properties, others })
    }

    /// A new JSON message for the queue of that name, through the anonymous exchange.
    pub(crate) fn new(body: &[u8], headers: Map<String, Value>, properties: Map<String, Value>) -> Self {
        let mut envelope = Self {
            body: Value::Null,
            content_encoding: Value::Null,
            content_type: Value::Null,
            headers,
            properties,
            others: Map::new(),
        };
        envelope.set_json(body);
        envelope
    }

    /// A message around bytes that are none.
    pub(crate) fn raw(bytes: &[u8], properties: Map<String, Value>) -> Self {
        let mut envelope = Self::new(bytes, Map::new(), properties);
        envelope.content_encoding = "binary".into();
        envelope.content_type = RAW_CONTENT_TYPE.into();
        envelope
    }

    /// The element as kombu would write it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // The fields are plain JSON values, which always serialize.
        python_json::to_vec(self).unwrap_or_default()
    }

    /// The message's headers; empty when it has none.
    pub fn headers(&self) -> &Map<String, Value> {
        &self.headers
    }

    /// The value of a header as text, if it is a text.
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.as_str()
    }

    /// `headers.id`, when it is a text.
    pub fn task_id(&self) -> Option<&str> {
        self.header_text("id")
    }

    /// The message's properties.
    pub fn properties(&self) -> &Map<String, Value> {
        &self.properties
    }

    /// A text property.
    pub fn property_text(&self, name: &str) -> Option<&str> {
        self.properties().get(name)?.as_str()
    }

    /// `delivery_info.exchange` and `.routing_key`, if the message carries them.
    pub fn destination(&self) -> Option<(&str, &str)> {
        let info = self.properties().get("delivery_info")?;
        Some((info.get("exchange")?.as_str()?, info.get("routing_key")?.as_str()?))
    }

    /// The priority 0 to 9; out-of-range numbers are clamped, numeric texts accepted, anything else is 0.
    pub fn priority(&self) -> u8 {
        let number = match self.properties().get("priority") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        // The clamp makes the conversion exact.
        number.map_or(0, |n| n.clamp(0.0, 9.0) as u8)
    }

    /// Whether a broker or worker has handed this message out before.
    pub fn is_redelivered(&self) -> bool {
        let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
        flag(self.headers().get("redelivered"))
            || flag(self.properties().get("delivery_info").and_then(|info| info.get("redelivered")))
    }

    /// How often nodes of ours have handed this message back after they held it (header `x-deliveries`).
    pub fn earlier_deliveries(&self) -> u64 {
        self.headers().get(DELIVERIES_HEADER).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Adds what a message that came from `queue` must have and may lack: where it was sent to, which is there, and a
    /// delivery tag (celery-wire.md 1.9). Python consumers stop at a message without them, should it ever be handed back.
    pub fn complete(&mut self, queue: &str) {
        if self.destination().is_none() {
            self.direct_to(queue);
        }
        if self.property_text("delivery_tag").is_none_or(str::is_empty) {
            self.properties.insert("delivery_tag".into(), fresh_tag());
        }
    }

    /// Marks the message as handed out before, as kombu marks a message that it restores (celery-wire.md 3.2).
    /// `counted` also counts the delivery: a message that keeps losing its executor must end some day.
    pub fn mark_redelivered(&mut self, counted: bool) {
        let deliveries = self.earlier_deliveries().saturating_add(u64::from(counted));
        self.set_header("redelivered", true);
        if deliveries > 0 {
            self.set_header(DELIVERIES_HEADER, deliveries);
        }
        self.set_delivery_info("redelivered", true);
    }

    /// Makes it a new message: its own delivery tag, and nothing left of earlier deliveries (quirk Q16).
    pub(crate) fn renew(&mut self) {
        self.headers.shift_remove("redelivered");
        self.headers.shift_remove(DELIVERIES_HEADER);
        self.properties.insert("delivery_tag".into(), fresh_tag());
        if let Some(Value::Object(info)) = self.properties.get_mut("delivery_info") {
            info.shift_remove("redelivered");
        }
    }

    /// Sets a header.
    pub fn set_header(&mut self, name: &str, value: impl Into<Value>) {
        self.headers.insert(name.to_owned(), value.into());
    }

    /// Takes a header off, if it is there.
    pub(crate) fn remove_header(&mut self, name: &str) {
        self.headers.shift_remove(name);
    }

    /// Addresses the message to a queue by its name.
    pub(crate) fn direct_to(&mut self, queue: &str) {
        self.set_delivery_info("exchange", "");
        self.set_delivery_info("routing_key", queue);
    }

    pub(super) fn set_headers(&mut self, headers: Map<String, Value>) {
        self.headers = headers;
    }

    /// Makes this JSON text the body, uncompressed.
    pub(super) fn set_json(&mut self, text: &[u8]) {
        self.body = BASE64.encode(text).into();
        self.content_encoding = "utf-8".into();
        self.content_type = JSON_CONTENT_TYPE.into();
        self.headers.shift_remove("compression");
        self.properties.insert("body_encoding".into(), "base64".into());
    }

    /// Compresses the body of a message that was made here.
    ///
    /// # Errors
    /// [`CompressionError`] when the method is only read here.
    pub(crate) fn compress(&mut self, method: Compression) -> Result<(), CompressionError> {
        let body = self.body_bytes().map(Cow::into_owned).unwrap_or_default();
        self.body = BASE64.encode(method.compress(&body)?).into();
        self.set_header("compression", method.mime());
        Ok(())
    }

    /// Sets an entry of `delivery_info`; what else may stand there gives way to an object.
    fn set_delivery_info(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.properties.get_mut("delivery_info") {
            Some(Value::Object(info)) => drop(info.insert(name.into(), value)),
            _ => drop(self.properties.insert("delivery_info".into(), json!({name: value}))),
        }
    }

    /// `content-type`. `None` when it is missing, null or empty: kombu calls that `application/data`.
    pub(super) fn content_type(&self) -> Result<Option<&str>, Malformed> {
        match &self.content_type {
            Value::Null => Ok(None),
            Value::String(name) => Ok(Some(name.as_str()).filter(|name| !name.is_empty())),
            _ => Err(Malformed::dead_letter("`content-type` is not a text", self.task_id())),
        }
    }

    /// The body's bytes as they were serialized and compressed.
    pub(crate) fn body_bytes(&self) -> Result<Cow<'_, [u8]>, Malformed> {
        let wrong = |reason: String| Malformed::dead_letter(reason, self.task_id());
        let Value::String(body) = &self.body else {
            return Err(wrong("`body` is missing or not a text".into()));
        };
        match self.properties.get("body_encoding") {
            None | Some(Value::Null) => Ok(Cow::Borrowed(body.as_bytes())),
            Some(Value::String(name)) if name == "base64" => match BASE64.decode(body) {
                Ok(bytes) => Ok(bytes.into()),
                // Some producers break the lines; Python reads them.
                Err(error) => {
                    let unbroken: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                    let decoded = BASE64.decode(unbroken).map(Cow::Owned);
                    decoded.map_err(|_| wrong(format!("the body is not base64 ({error})")))
                }
            },
            Some(Value::String(name)) if name.is_empty() || name.eq_ignore_ascii_case("utf-8") => {
                Ok(Cow::Borrowed(body.as_bytes()))
            }
            Some(Value::String(name)) => {
                Err(wrong(format!("the body's encoding {} is unknown", shown(name))))
            }
            Some(_) => Err(wrong("property `body_encoding` is not a text".into())),
        }
    }
}

/// Field by field in kombu's order.
impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut element = serializer.serialize_map(None)?;
        element.serialize_entry("body", &self.body)?;
        element.serialize_entry("content-encoding", &self.content_encoding)?;
        element.serialize_entry("content-type", &self.content_type)?;
        element.serialize_entry("headers", &self.headers)?;
        element.serialize_entry("properties", &self.properties)?;
        for (name, value) in &self.others {
            element.serialize_entry(name, value)?;
        }
        element.end()
    }
}

/// An element's fields, whatever is in them. As in Python, the last of several of one name counts.
#[derive(Default)]
struct Element {
    body: Value,
    content_encoding: Value,
    content_type: Value,
    headers: Value,
    properties: Value,
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "kebab-case")]
enum Field {
    Body,
    ContentEncoding,
    ContentType,
    Headers,
    Properties,
    Other(String),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Element {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Self, A::Error> {
        while let Some(field) = fields.next_key()? {
            let value = fields.next_value()?;
            match field {
                Field::Body => self.body = value,
                Field::ContentEncoding => self.content_encoding = value,
                Field::ContentType => self.content_type = value,
                Field::Headers => self.headers = value,
                Field::Properties => self.properties = value,
                Field::Other(name) => drop(self.others.insert(name, value)),
            }
        }
        Ok(self)
    }
}

/// Our header that counts deliveries which ended without an outcome (celery-wire.md 3.8).
pub(crate) const DELIVERIES_HEADER: &str = "x-deliveries";

/// Writes padded base64 of the standard alphabet; reads it, padded or not.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn fresh_tag() -> Value {
    uuid::Uuid::new_v4().to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An element as Celery 5.7 wrote it (celery-wire.md 1.1).
    pub(crate) const RECORDED: &str = r#"{"body": "W1siOGE2ZS11dWlkIiwgN10sIHt9LCB7ImNhbGxiYWNrcyI6IG51bGwsICJlcnJiYWNrcyI6IG51bGwsICJjaGFpbiI6IG51bGwsICJjaG9yZCI6IG51bGx9XQ==", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "celery_queue.tasks.process_analysis", "id": "11111111-1111-4111-8111-111111111111", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [1800, 1500], "root_id": "11111111-1111-4111-8111-111111111111", "parent_id": null, "argsrepr": "('8a6e-uuid', 7)", "kwargsrepr": "{}", "origin": "gen1437@host", "ignore_result": false, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": "11111111-1111-4111-8111-111111111111", "reply_to": "d2266bef-e704-3cd3-8e34-9e64415b8379", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "1096d45e-df5e-44f4-a541-b9090ce3a222"}}"#;

    #[test]
    fn a_recorded_element_survives_to_the_byte() {
        let envelope = Envelope::parse(RECORDED.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(envelope.to_bytes()).unwrap(), RECORDED);
        assert_eq!(envelope.destination(), Some(("", "default")));
        assert_eq!(envelope.priority(), 0);
        assert!(!envelope.is_redelivered());
    }

    #[test]
    fn handing_back_sets_both_flags_and_counts() {
        let mut envelope = Envelope::parse(RECORDED.as_bytes()).unwrap();
        envelope.mark_redelivered(false);
        assert_eq!(envelope.earlier_deliveries(), 0);
        envelope.mark_redelivered(true);
        envelope.mark_redelivered(true);
        assert_eq!(envelope.earlier_deliveries(), 2);
        assert_eq!(envelope.headers().get("redelivered"), Some(&Value::Bool(true)));
        assert_eq!(envelope.properties()["delivery_info"]["redelivered"], Value::Bool(true));
        assert_eq!(envelope.property_text("delivery_tag"), Some("1096d45e-df5e-44f4-a541-b9090ce3a222"));
    }

    #[test]
    fn priorities_are_clamped() {
        for (given, expected) in [("-1", 0), ("3", 3), ("\"6\"", 6), ("12", 9), ("null", 0), ("2.9", 2)] {
            let text = format!(r#"{{"properties": {{"priority": {given}}}}}"#);
            assert_eq!(Envelope::parse(text.as_bytes()).unwrap().priority(), expected, "{given}");
        }
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for text in [
            "",
            "7",
            "[]",
            "null",
            "{}",
            r#"{"properties": 1}"#,
            r#"{"properties": {}, "headers": []}"#,
            "\u{1}",
        ] {
            assert!(Envelope::parse(text.as_bytes()).is_err(), "{text}");
        }
        let error = Envelope::parse(br#"{"headers": {"id": "i"}}"#).unwrap_err();
        assert_eq!(error.task_id.as_deref(), Some("i"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_envelope_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(envelope) = Envelope::parse(&bytes) {
                let _ = envelope.body_bytes();
            }
        }
    }
}
