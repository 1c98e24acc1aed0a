//! A decoded message about one task.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::content::{AcceptContent, Decoded};
use super::envelope::Envelope;
use super::typed::{self, Typed};
use super::{Malformed, iso8601, json as python_json, protocol1, repr};

/// What a message asks for: protocol 2 (celery-wire.md 1.2 and 1.4). Messages of protocol 1 and hybrids become it.
#[derive(Debug, Clone)]
pub struct Request {
    /// The task id.
    pub id: String,
    /// The task's name.
    pub task: String,
    /// Positional arguments; typed values in them are plain (see [`typed`]).
    pub args: Vec<Value>,
    /// Keyword arguments; typed values in them are plain.
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
    /// The message itself, with every header and property. One of protocol 1 has been turned into one of protocol 2.
    pub envelope: Envelope,
    /// The arguments in kombu's form, when there are typed values in them.
    sent: Option<Box<SentArguments>>,
}

#[derive(Debug, Clone)]
struct SentArguments {
    args: Vec<Value>,
    kwargs: Map<String, Value>,
}

/// `embed` of the body: signatures to apply after the task. Kept as they came, typed values in kombu's form.
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
    /// Decodes an envelope whose body is of a kind that the reader accepts.
    ///
    /// # Errors
    /// [`Malformed`], with the treatment of celery-wire.md 1.9.
    pub fn decode(mut envelope: Envelope, accept: &AcceptContent) -> Result<Self, Malformed> {
        let Decoded { value, typed, json } = Decoded::read(&envelope, accept)?;
        let [args, kwargs, embed] = match value {
            Value::Object(body) if protocol1::is_body(&envelope, &body) => {
                let json = json.map(Cow::into_owned);
                protocol1::upgrade(&mut envelope, body, json.as_deref())
            }
            body => protocol2(&envelope, body)?,
        };
        let headers = envelope.headers();
        let id = match headers.get("id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Null) | None => return Err(Malformed::dead_letter("the task id is missing", None)),
            Some(_) => return Err(Malformed::dead_letter("the task id is not a non-empty text", None)),
        };
        let wrong = |reason: String| Malformed::dead_letter(reason, Some(&id));
        let Some(task) = envelope.header_text("task").map(str::to_owned) else {
            return Err(wrong("header `task` is not a text".into()));
        };
        let (eta, expires) =
            (instant(headers, "eta").map_err(wrong)?, instant(headers, "expires").map_err(wrong)?);
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
        let (args, kwargs, sent) = if typed {
            let plain_args = args.iter().map(typed::plain).collect();
            let plain_kwargs = typed::plain_object(&kwargs);
            (plain_args, plain_kwargs, Some(Box::new(SentArguments { args, kwargs })))
        } else {
            (args, kwargs, None)
        };
        Ok(Self {
            eta,
            expires,
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
            sent,
        })
    }

    /// The positional arguments as they were sent, typed values in kombu's form: for whatever Python reads.
    pub fn sent_args(&self) -> &[Value] {
        self.sent.as_ref().map_or(&self.args, |sent| &sent.args)
    }

    /// The keyword arguments as they were sent, typed values in kombu's form: for whatever Python reads.
    pub fn sent_kwargs(&self) -> &Map<String, Value> {
        self.sent.as_ref().map_or(&self.kwargs, |sent| &sent.kwargs)
    }

    /// The same message with other arguments. Its body becomes JSON, uncompressed; a message whose arguments stay is
    /// published again as it came ([`Self::envelope`]), to the last digit.
    pub fn with_arguments(&self, args: &[Value], kwargs: &Map<String, Value>) -> Envelope {
        let plain_args: Vec<Value> = args.iter().map(typed::plain).collect();
        let mut envelope = self.envelope.clone();
        envelope.set_header("argsrepr", repr::args(&plain_args));
        envelope.set_header("kwargsrepr", repr::kwargs(&typed::plain_object(kwargs)));
        // JSON values always serialize.
        envelope.set_json(&python_json::to_vec(&json!([args, kwargs, self.embed.0])).unwrap_or_default());
        envelope
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

/// The three parts of a body of protocol 2.
fn protocol2(envelope: &Envelope, body: Value) -> Result<[Value; 3], Malformed> {
    let wrong = |reason| Malformed::dead_letter(reason, envelope.task_id());
    if !envelope.headers().contains_key("task") {
        return Err(wrong("header `task` is missing, and the body names no task either"));
    }
    let Value::Array(parts) = body else {
        return Err(wrong("the body is not the array [args, kwargs, embed]"));
    };
    parts.try_into().map_err(|_| wrong("the body is an array, but not [args, kwargs, embed]"))
}

/// `[hard, soft]`; anything of another shape counts as no limits.
fn time_limits(value: Option<&Value>) -> TimeLimits {
    let Some([hard, soft]) = value.and_then(Value::as_array).map(Vec::as_slice) else {
        return TimeLimits::default();
    };
    let seconds = |value: &Value| value.as_f64().filter(|seconds| *seconds > 0.0);
    TimeLimits { soft: seconds(soft), hard: seconds(hard) }
}

/// A time in ISO 8601, as a text or as a typed value. Without an offset it is in UTC.
fn instant(headers: &Map<String, Value>, name: &str) -> Result<Option<DateTime<Utc>>, String> {
    let text = match headers.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(value) => match Typed::read(value) {
            Ok(Some(Typed::DateTime(text))) => Cow::Owned(text),
            _ => return Err(format!("`{name}` is not a text")),
        },
    };
    iso8601::instant(&text).map(Some).ok_or_else(|| format!("`{name}` is not an ISO 8601 time"))
}
