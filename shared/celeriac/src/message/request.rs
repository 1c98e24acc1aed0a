//! A decoded message about one task.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use super::envelope::{Envelope, JSON_CONTENT_TYPE};
use super::{Malformed, json};

/// What a message asks for: protocol 2 (celery-wire.md 1.2 and 1.4).
#[derive(Debug, Clone)]
pub struct Request {
    /// The task id.
    pub id: String,
    /// The task's name.
    pub task: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Map<String, Value>,
    /// What follows the task.
    pub embed: Embed,
    /// Not to be started before.
    pub eta: Option<DateTime<Utc>>,
    /// Not to be started after.
    pub expires: Option<DateTime<Utc>>,
    /// Retries already made.
    pub retries: u32,
    /// The limits that the sender set.
    pub time_limits: TimeLimits,
    /// Whether to store no result; `None` leaves it to the task.
    pub ignore_result: Option<bool>,
    /// The message itself, with every header and property.
    pub envelope: Envelope,
}

/// `embed` of the body: signatures to apply after the task. Kept as they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embed(Map<String, Value>);

impl Embed {
    /// Whether nothing follows the task.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        })
    }

    /// The entry `callbacks`, `errbacks`, `chain` or `chord`, if it is there and not null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// Time limits in seconds, counted from the start of the task. Zero counts as unset, as in Celery.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeLimits {
    /// The task is told to stop.
    pub soft: Option<f64>,
    /// The task is ended.
    pub hard: Option<f64>,
}

impl Request {
    /// Decodes an envelope.
    ///
    /// # Errors
    /// [`Malformed`], with the treatment of celery-wire.md 1.9.
    pub fn decode(envelope: Envelope) -> Result<Self, Malformed> {
        let id = match envelope.headers().get("id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(_) => return Err(Malformed::dead_letter("header `id` is not a non-empty text", None)),
            None => return Err(Malformed::dead_letter("header `id` is missing", None)),
        };
        let wrong = |reason: String| Malformed::dead_letter(reason, Some(&id));
        let Some(task) = envelope.header_text("task").map(str::to_owned) else {
            return Err(wrong("header `task` is missing or not a text".into()));
        };
        match envelope.content_type() {
            Some(JSON_CONTENT_TYPE) => {}
            other => {
                let named = other.unwrap_or("none");
                return Err(wrong(format!(
                    "content type {named} is not accepted (only {JSON_CONTENT_TYPE} is)"
                )));
            }
        }
        if let Some(compression) = envelope.headers().get("compression").filter(|value| !value.is_null()) {
            return Err(wrong(format!("bodies compressed as {compression} are not read")));
        }
        let body: Value = json::from_slice(&envelope.body_bytes()?)
            .map_err(|error| wrong(format!("the body is not JSON ({error})")))?;
        let Ok([args, kwargs, embed]) = <[Value; 3]>::try_from(match body {
            Value::Array(parts) => parts,
            _ => Vec::new(),
        }) else {
            return Err(wrong("the body is not the array [args, kwargs, embed]".into()));
        };
        let Value::Array(args) = args else {
            return Err(Malformed::refused("the arguments are not an array", &id));
        };
        let Value::Object(kwargs) = kwargs else {
            return Err(Malformed::refused("the keyword arguments are not an object", &id));
        };
        let embed = match embed {
            Value::Object(map) => Embed(map),
            _ => Embed::default(),
        };
        let headers = envelope.headers();
        Ok(Self {
            eta: instant(headers, "eta").map_err(&wrong)?,
            expires: instant(headers, "expires").map_err(&wrong)?,
            retries: headers
                .get("retries")
                .and_then(Value::as_u64)
                .unwrap_or(0)
                .try_into()
                .unwrap_or(u32::MAX),
            time_limits: time_limits(headers.get("timelimit")),
            ignore_result: headers.get("ignore_result").and_then(Value::as_bool),
            id,
            task,
            args,
            kwargs,
            embed,
            envelope,
        })
    }

    /// The header of that name, unless it is absent or null.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.envelope.headers().get(name).filter(|value| !value.is_null())
    }

    /// The id of the first task of the workflow: its own id when the message names none.
    pub fn root_id(&self) -> &str {
        self.header("root_id").and_then(Value::as_str).unwrap_or(&self.id)
    }

    /// The routing key that the message came by.
    pub fn routing_key(&self) -> Option<&str> {
        self.envelope.destination().map(|(_, routing_key)| routing_key)
    }
}

/// `[hard, soft]`; anything of another shape counts as no limits.
fn time_limits(value: Option<&Value>) -> TimeLimits {
    let Some([hard, soft]) = value.and_then(Value::as_array).map(Vec::as_slice) else {
        return TimeLimits::default();
    };
    let seconds = |value: &Value| value.as_f64().filter(|seconds| *seconds > 0.0);
    TimeLimits { soft: seconds(soft), hard: seconds(hard) }
}

fn instant(headers: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, String> {
    match headers.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            parse_instant(text).map(Some).ok_or_else(|| format!("header `{name}` is not an ISO 8601 time"))
        }
        Some(_) => Err(format!("header `{name}` is not a text")),
    }
}

/// An ISO 8601 time with an offset, `Z`, or neither (then it is UTC; celery-wire.md section 5).
fn parse_instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|naive| naive.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use serde_json::json;

    use crate::message::Treatment;

    fn message(headers: Value, body: &Value) -> Envelope {
        let body = base64::engine::general_purpose::STANDARD.encode(body.to_string());
        let element = json!({
            "body": body, "content-type": "application/json", "content-encoding": "utf-8", "headers": headers,
            "properties": {"body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": "q"}},
        });
        Envelope::parse(element.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_least_that_is_a_request() {
        let request =
            Request::decode(message(json!({"task": "t", "id": "i"}), &json!([[1], {"k": 2}, null]))).unwrap();
        assert_eq!((request.id.as_str(), request.task.as_str(), request.root_id()), ("i", "t", "i"));
        assert_eq!(request.args, [json!(1)]);
        assert!(request.embed.is_empty());
        assert_eq!(request.time_limits, TimeLimits::default());
    }

    #[test]
    fn headers_become_values() {
        let headers = json!({"task": "t", "id": "i", "retries": 2, "timelimit": [1800, 1500.5], "ignore_result": true,
                             "eta": "2026-11-22T02:53:20.973590+05:30", "expires": "2026-11-22T02:53:20"});
        let request = Request::decode(message(headers, &json!([[], {}, {"chain": []}]))).unwrap();
        assert_eq!(request.retries, 2);
        assert_eq!(request.time_limits, TimeLimits { soft: Some(1500.5), hard: Some(1800.0) });
        assert_eq!(request.ignore_result, Some(true));
        assert_eq!(request.eta.unwrap().to_rfc3339(), "2026-11-21T21:23:20.973590+00:00");
        assert_eq!(request.expires.unwrap().to_rfc3339(), "2026-11-22T02:53:20+00:00");
    }

    #[test]
    fn each_defect_has_its_treatment() {
        let good = json!([[], {}, {}]);
        let cases = [
            (json!({"task": "t"}), &good, Treatment::DeadLetter, None),
            (json!({"task": "t", "id": 7}), &good, Treatment::DeadLetter, None),
            (json!({"id": "i"}), &good, Treatment::DeadLetter, Some("i")),
            (json!({"task": "t", "id": "i", "eta": 5}), &good, Treatment::DeadLetter, Some("i")),
            (json!({"task": "t", "id": "i", "expires": "soon"}), &good, Treatment::DeadLetter, Some("i")),
            (json!({"task": "t", "id": "i"}), &json!([[], {}]), Treatment::DeadLetter, Some("i")),
            (json!({"task": "t", "id": "i"}), &json!({"no": "args"}), Treatment::DeadLetter, Some("i")),
            (json!({"task": "t", "id": "i"}), &json!([[], 5, {}]), Treatment::Refuse, Some("i")),
            (json!({"task": "t", "id": "i"}), &json!(["x", {}, {}]), Treatment::Refuse, Some("i")),
        ];
        for (headers, body, treatment, id) in cases {
            let error = Request::decode(message(headers.clone(), body)).unwrap_err();
            assert_eq!((error.treatment, error.task_id.as_deref()), (treatment, id), "{headers} {body}");
        }
    }

    #[test]
    fn other_content_types_are_not_read() {
        let element = r#"{"body": "gAQu", "content-type": "application/x-python-serialize", "content-encoding": "binary",
                          "headers": {"task": "t", "id": "i"}, "properties": {"body_encoding": "base64"}}"#;
        let error = Request::decode(Envelope::parse(element.as_bytes()).unwrap()).unwrap_err();
        assert!(error.reason.contains("application/x-python-serialize"), "{error}");
    }
}
