//! Dead letters: messages that nobody could run, kept for a person to look at and to send again (platform.md 3.7).
//!
//! Here: how a message becomes a dead letter, what can be read from one, and how it becomes a message again. Where dead
//! letters lie and how they are moved is the broker's business.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::message::Envelope;

const REASON: &str = "x-dead-letter-reason";
const EXCEPTION: &str = "x-dead-letter-exception";
const QUEUE: &str = "x-dead-letter-queue";
const WORKER: &str = "x-dead-letter-worker";
const TIME: &str = "x-dead-letter-time";
/// The body holds bytes that are no message.
const RAW: &str = "x-raw";
/// The headers that make a message a dead letter. What a sender wrote under these names does not count.
const HEADERS: [&str; 6] = [REASON, EXCEPTION, QUEUE, WORKER, TIME, RAW];

/// Why and where a message became a dead letter.
pub(crate) struct Cause<'a> {
    /// The queue it came from; empty when nobody knows.
    pub(crate) queue: &'a str,
    pub(crate) reason: &'a str,
    /// The failure that led to it, in Python's words.
    pub(crate) exception: Option<&'a str>,
    /// The node's name.
    pub(crate) worker: &'a str,
}

/// The dead letter of an element: the message with its body unchanged and headers that say why. Bytes that are no message
/// become the body of one, for the queue `dead_letter_queue`.
pub(crate) fn make(
    element: &[u8],
    cause: &Cause<'_>,
    dead_letter_queue: &str,
    now: DateTime<Utc>,
) -> Vec<u8> {
    let mut letter = match Envelope::parse(element) {
        Ok(mut letter) => {
            HEADERS.iter().for_each(|name| letter.remove_header(name));
            letter
        }
        Err(_) => {
            let properties = Map::from_iter([("priority".into(), 0.into())]);
            let mut letter = Envelope::raw(element, properties);
            letter.set_header(RAW, true);
            letter.complete(dead_letter_queue);
            letter
        }
    };
    letter.set_header(REASON, cause.reason);
    if let Some(exception) = cause.exception {
        letter.set_header(EXCEPTION, exception);
    }
    letter.set_header(QUEUE, cause.queue);
    letter.set_header(WORKER, cause.worker);
    letter.set_header(TIME, now.to_rfc3339_opts(SecondsFormat::Micros, false));
    letter.to_bytes()
}

/// An element of the dead-letter queue.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    element: Bytes,
    id: String,
    task: Option<String>,
    /// `None` when the element is no message, which no worker of ours leaves there.
    envelope: Option<Envelope>,
}

/// What a dead letter says, in the form that shows most of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A JSON body, decompressed and decoded.
    Json(Value),
    /// Anything else that is UTF-8.
    Text(String),
    /// Any other bytes.
    Base64(String),
}

impl DeadLetter {
    /// Reads an element of the dead-letter queue, whatever it is.
    pub fn read(element: impl Into<Bytes>) -> Self {
        let element = element.into();
        let envelope = Envelope::parse(&element).ok();
        let [task, id] = envelope.as_ref().map(task_and_id).unwrap_or_default();
        let id = id.filter(|id| !id.is_empty());
        Self { id: id.unwrap_or_else(|| format!("letter-{:016x}", fnv1a(&element))), task, element, envelope }
    }

    /// The task's id. A letter without one is called `letter-` and 16 hexadecimal digits that follow from its bytes.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The task's name, when the message tells it.
    pub fn task(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// The queue it came from, when that is known.
    pub fn queue(&self) -> Option<&str> {
        let destination = || self.envelope.as_ref().and_then(Envelope::destination).map(|(_, key)| key);
        self.header(QUEUE).or_else(|| destination().filter(|_| !self.is_raw()))
    }

    /// Why it is here.
    pub fn reason(&self) -> Option<&str> {
        self.header(REASON)
    }

    /// The failure that led to it, in Python's words.
    pub fn exception(&self) -> Option<&str> {
        self.header(EXCEPTION)
    }

    /// The node that put it here.
    pub fn worker(&self) -> Option<&str> {
        self.header(WORKER)
    }

    /// Since when it is here.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        Some(DateTime::parse_from_rfc3339(self.header(TIME)?).ok()?.to_utc())
    }

    /// Deliveries before the last that ended without an outcome.
    pub fn deliveries(&self) -> u64 {
        self.envelope.as_ref().map_or(0, Envelope::earlier_deliveries)
    }

    /// Retries that the task had made.
    pub fn retries(&self) -> u64 {
        let header = self.envelope.as_ref().and_then(|envelope| envelope.headers().get("retries"));
        header.and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether it holds bytes that are no message.
    pub fn is_raw(&self) -> bool {
        self.envelope.as_ref().is_none_or(|envelope| envelope.headers().get(RAW) == Some(&Value::Bool(true)))
    }

    /// The message with its headers and properties; `None` for what is no message at all.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// The bytes that matter when nothing is to be interpreted: those that were no message, or the element as it lies in
    /// the dead-letter queue.
    pub fn bytes(&self) -> Bytes {
        match &self.envelope {
            Some(envelope) if self.is_raw() => {
                envelope.body_bytes().map_or_else(|_| self.element.clone(), |body| body.into_owned().into())
            }
            _ => self.element.clone(),
        }
    }

    /// The body, or the bytes that are no message.
    pub fn content(&self) -> Content {
        let bytes = match &self.envelope {
            Some(envelope) if !self.is_raw() => match envelope.decoded_body() {
                Ok(value) => return Content::Json(value),
                Err(_) => envelope.body_bytes().map(|body| body.into_owned().into()).unwrap_or_default(),
            },
            _ => self.bytes(),
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Content::Text(text.to_owned()),
            Err(_) => Content::Base64(STANDARD.encode(&bytes)),
        }
    }

    /// The element as it lies in the dead-letter queue.
    pub(crate) fn element(&self) -> &[u8] {
        &self.element
    }

    /// The message that it was, for `queue`: without the headers of a dead letter and the marks of earlier deliveries.
    /// Bytes that are no message are what they were. The second is its priority.
    pub(crate) fn revived(&self, queue: &str) -> (Bytes, u8) {
        let Some(envelope) = self.envelope.as_ref().filter(|_| !self.is_raw()) else {
            return (self.bytes(), 0);
        };
        let mut message = envelope.clone();
        HEADERS.iter().for_each(|name| message.remove_header(name));
        message.renew();
        // Elsewhere, a retry or a restore must not take it back to where it came from.
        if self.queue() != Some(queue) {
            message.direct_to(queue);
        }
        message.complete(queue);
        let priority = message.priority();
        (message.to_bytes().into(), priority)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.envelope.as_ref()?.header_text(name).filter(|text| !text.is_empty())
    }
}

/// From the headers, or from the body as in protocol 1 (celery-wire.md 1.8).
fn task_and_id(envelope: &Envelope) -> [Option<String>; 2] {
    let body = match envelope.header_text("task") {
        None if envelope.headers().get(RAW).is_none() => envelope.decoded_body().unwrap_or_default(),
        _ => json!(null),
    };
    ["task", "id"].map(|name| {
        let text = envelope.header_text(name).or_else(|| body.get(name)?.as_str());
        text.map(str::to_owned)
    })
}

/// The 64-bit FNV-1a hash: the same on every machine and in every version.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSE: Cause<'_> = Cause { queue: "q", reason: "it was so", exception: None, worker: "w@h" };

    fn letter(element: &[u8]) -> DeadLetter {
        DeadLetter::read(make(element, &CAUSE, "dlq", "2026-11-24T15:00:00.25Z".parse().unwrap()))
    }

    fn message(headers: Value) -> Vec<u8> {
        json!({"body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json",
               "headers": headers,
               "properties": {"delivery_info": {"exchange": "", "routing_key": "q", "redelivered": true},
                              "priority": 3, "body_encoding": "base64", "delivery_tag": "old"}, "other": 1})
        .to_string()
        .into_bytes()
    }

    #[test]
    fn a_letter_tells_what_happened_and_becomes_the_message_again() {
        let element = message(json!({"task": "t", "id": "i", "retries": 2, "redelivered": true,
                                     "x-deliveries": 3, "x-raw": true, "x-dead-letter-exception": "forged"}));
        let letter = letter(&element);
        assert_eq!((letter.id(), letter.task(), letter.queue()), ("i", Some("t"), Some("q")));
        assert_eq!((letter.reason(), letter.worker()), (Some("it was so"), Some("w@h")));
        assert_eq!((letter.deliveries(), letter.retries(), letter.exception()), (3, 2, None));
        assert_eq!(letter.time(), Some("2026-11-24T15:00:00.25Z".parse().unwrap()));
        assert_eq!(letter.content(), Content::Json(json!([[], {}, {}])));

        let (bytes, priority) = letter.revived("q");
        let revived: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(revived["headers"], json!({"task": "t", "id": "i", "retries": 2}));
        assert_eq!(revived["properties"]["delivery_info"], json!({"exchange": "", "routing_key": "q"}));
        assert_ne!(revived["properties"]["delivery_tag"], "old");
        assert_eq!(
            (&revived["body"], &revived["other"], priority),
            (&json!("W1tdLCB7fSwge31d"), &json!(1), 3)
        );
    }

    #[test]
    fn a_letter_for_another_queue_is_addressed_to_it() {
        let (bytes, _) = letter(&message(json!({"task": "t", "id": "i"}))).revived("elsewhere");
        assert_eq!(Envelope::parse(&bytes).unwrap().destination(), Some(("", "elsewhere")));
    }

    #[test]
    fn bytes_that_are_no_message_are_kept_as_they_are() {
        for (element, content) in [
            (&b"\xff\x00\x01"[..], Content::Base64("/wAB".into())),
            (b"junk", Content::Text("junk".into())),
            (b"", Content::Text(String::new())),
            (b"{\"headers\": {}}", Content::Text("{\"headers\": {}}".into())),
        ] {
            let letter = letter(element);
            assert!(letter.is_raw() && letter.id().starts_with("letter-"));
            assert_eq!((letter.queue(), letter.task(), letter.content()), (Some("q"), None, content));
            assert_eq!(letter.bytes(), element);
            assert_eq!(letter.revived("q"), (Bytes::copy_from_slice(element), 0));
        }
    }

    #[test]
    fn what_is_no_letter_is_shown_all_the_same() {
        let stranger = DeadLetter::read(&b"stranger"[..]);
        assert_eq!((stranger.queue(), stranger.reason(), stranger.time()), (None, None, None));
        assert_eq!(stranger.content(), Content::Text("stranger".into()));
        assert_eq!(stranger.id(), DeadLetter::read(&b"stranger"[..]).id());
        assert_ne!(stranger.id(), DeadLetter::read(&b"strangers"[..]).id());
    }

    #[test]
    fn an_exception_is_kept_and_protocol_1_is_read() {
        let element = json!({"body": r#"{"task": "t1", "id": "i1"}"#, "content-type": "application/json",
                             "headers": {}, "properties": {}});
        let cause = Cause { exception: Some("ValueError('x')"), ..CAUSE };
        let letter = DeadLetter::read(make(element.to_string().as_bytes(), &cause, "dlq", Utc::now()));
        assert_eq!((letter.task(), letter.id()), (Some("t1"), "i1"));
        assert_eq!(letter.exception(), Some("ValueError('x')"));
    }
}
