//! The kombu envelope: what one element of a Redis list holds.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Malformed, json};

/// The content type of a body that is JSON.
pub(crate) const JSON_CONTENT_TYPE: &str = "application/json";

/// A message as it lies in the broker. Every header and property is kept, known or not, in its order, so that a
/// message published again is the message that came (celery-wire.md 1.1 to 1.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The serialized body, as `properties.body_encoding` says (base64 unless it says otherwise).
    #[serde(default)]
    body: Value,
    #[serde(rename = "content-encoding", default)]
    content_encoding: Value,
    #[serde(rename = "content-type", default)]
    content_type: Value,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
}

impl Envelope {
    /// Reads a list element.
    ///
    /// # Errors
    /// [`Malformed`] when it is no JSON object or has no properties.
    pub fn parse(element: &[u8]) -> Result<Self, Malformed> {
        let envelope: Self = json::from_slice(element).map_err(|error| {
            Malformed::dead_letter(format!("the element is not a JSON object ({error})"), None)
        })?;
        match envelope.properties {
            Some(_) => Ok(envelope),
            None => Err(Malformed::dead_letter("`properties` is missing", envelope.task_id())),
        }
    }

    /// A new JSON message for the queue of that name, through the anonymous exchange.
    pub(crate) fn new(body: &[u8], headers: Map<String, Value>, properties: Map<String, Value>) -> Self {
        Self {
            body: STANDARD.encode(body).into(),
            content_encoding: "utf-8".into(),
            content_type: JSON_CONTENT_TYPE.into(),
            headers: Some(headers),
            properties: Some(properties),
        }
    }

    /// The element as kombu would write it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // The fields are plain JSON values, which always serialize.
        json::to_vec(self).unwrap_or_default()
    }

    /// The message's headers; empty when it has none.
    pub fn headers(&self) -> &Map<String, Value> {
        self.headers.as_ref().unwrap_or(&EMPTY)
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
        self.properties.as_ref().unwrap_or(&EMPTY)
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

    /// Marks the message as handed out before, as kombu marks a message that it restores (celery-wire.md 3.2).
    /// `counted` also counts the delivery: a message that keeps losing its executor must end some day.
    pub fn mark_redelivered(&mut self, counted: bool) {
        let deliveries = self.earlier_deliveries() + u64::from(counted);
        let headers = self.headers.get_or_insert_default();
        headers.insert("redelivered".into(), true.into());
        if deliveries > 0 {
            headers.insert(DELIVERIES_HEADER.into(), deliveries.into());
        }
        let properties = self.properties.get_or_insert_default();
        match properties.get_mut("delivery_info") {
            Some(Value::Object(info)) => drop(info.insert("redelivered".into(), true.into())),
            _ => drop(properties.insert("delivery_info".into(), serde_json::json!({"redelivered": true}))),
        }
    }

    /// Makes it a new message: its own delivery tag, and nothing left of earlier deliveries (quirk Q16).
    pub(crate) fn renew(&mut self) {
        let headers = self.headers.get_or_insert_default();
        headers.shift_remove("redelivered");
        headers.shift_remove(DELIVERIES_HEADER);
        let properties = self.properties.get_or_insert_default();
        properties.insert("delivery_tag".into(), uuid::Uuid::new_v4().to_string().into());
        if let Some(Value::Object(info)) = properties.get_mut("delivery_info") {
            info.shift_remove("redelivered");
        }
    }

    /// Sets a header.
    pub fn set_header(&mut self, name: &str, value: impl Into<Value>) {
        self.headers.get_or_insert_default().insert(name.to_owned(), value.into());
    }

    pub(crate) fn content_type(&self) -> Option<&str> {
        self.content_type.as_str()
    }

    /// The body's bytes before deserialization.
    pub(crate) fn body_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let wrong = |reason: String| Malformed::dead_letter(reason, self.task_id());
        let Value::String(body) = &self.body else {
            return Err(wrong("`body` is missing or not a text".into()));
        };
        match self.property_text("body_encoding") {
            Some("base64") => {
                STANDARD.decode(body).map_err(|error| wrong(format!("the body is not base64 ({error})")))
            }
            None | Some("utf-8") => Ok(body.clone().into_bytes()),
            Some(other) => Err(wrong(format!("the body's encoding `{other}` is unknown"))),
        }
    }
}

/// Our header that counts deliveries which ended without an outcome (celery-wire.md 3.8).
pub(crate) const DELIVERIES_HEADER: &str = "x-deliveries";

static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

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
        for text in ["", "7", "[]", "null", "{}", r#"{"properties": 1}"#, "\u{1}"] {
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
