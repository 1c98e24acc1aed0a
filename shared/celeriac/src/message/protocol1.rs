//! Messages of protocol 1, and the hybrid between 1 and 2, turned into protocol 2 (celery-wire.md 1.5).
//!
//! It happens at the door: what the message then says is said by its headers, and nothing further in knows of the old
//! protocol. A message that is published again or put back is one of protocol 2, which every worker since Celery 4 reads.
//! `utc` is not looked at: a time without an offset is in UTC, the time zone of every app that sets none.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Envelope, json as python_json, repr, typed};

/// Body entries that do not become headers.
const OF_THE_BODY: [&str; 8] =
    ["args", "kwargs", "callbacks", "errbacks", "chord", "utc", "taskset", "headers"];

/// Whether a body is one of protocol 1: it names its task. A hybrid's names its arguments, and the headers name the task.
pub(super) fn is_body(envelope: &Envelope, body: &Map<String, Value>) -> bool {
    body.contains_key(if is_hybrid(envelope) { "args" } else { "task" })
}

fn is_hybrid(envelope: &Envelope) -> bool {
    envelope.headers().contains_key("task")
}

/// Makes it a message of protocol 2 and answers the parts of its body. `text` is the body's JSON, if it was JSON: then
/// the arguments are taken over as they are written there, however long their numbers are.
pub(super) fn upgrade(
    envelope: &mut Envelope,
    mut body: Map<String, Value>,
    text: Option<&[u8]>,
) -> [Value; 3] {
    let args = body.shift_remove("args").unwrap_or_else(|| json!([]));
    let kwargs = body.shift_remove("kwargs").unwrap_or_else(|| json!({}));
    let mut follower = |name: &str| body.shift_remove(name).unwrap_or_default();
    let embed = json!({
        "callbacks": follower("callbacks"), "errbacks": follower("errbacks"), "chain": null, "chord": follower("chord"),
    });
    let body_text = text.and_then(respelled);
    envelope.set_headers(headers(envelope, body, &args, &kwargs));
    let parts = [args, kwargs, embed];
    // JSON values always serialize.
    envelope.set_json(&body_text.map_or_else(|| python_json::to_vec(&parts), Ok).unwrap_or_default());
    parts
}

/// The headers of protocol 2, in Celery's order.
fn headers(
    envelope: &Envelope,
    mut body: Map<String, Value>,
    args: &Value,
    kwargs: &Value,
) -> Map<String, Value> {
    let given = envelope.headers();
    let hybrid = is_hybrid(envelope);
    if let Some(taskset) = body.get("taskset").filter(|_| !hybrid) {
        body.insert("group".into(), taskset.clone());
    }
    let display = |value: &Value| match typed::plain(value) {
        Value::Array(args) => repr::args(&args).into(),
        Value::Object(kwargs) => repr::kwargs(&kwargs).into(),
        _ => Value::Null,
    };
    let mut headers = Map::new();
    for (name, default) in [
        ("lang", "py".into()),
        ("task", Value::Null),
        ("id", Value::Null),
        ("shadow", Value::Null),
        ("eta", Value::Null),
        ("expires", Value::Null),
        ("group", Value::Null),
        ("group_index", Value::Null),
        ("retries", 0.into()),
        ("timelimit", json!([null, null])),
        ("root_id", Value::Null),
        ("parent_id", Value::Null),
        ("argsrepr", display(args)),
        ("kwargsrepr", display(kwargs)),
        ("origin", Value::Null),
        ("ignore_result", Value::Null),
    ] {
        headers.insert(name.into(), default);
    }
    headers.extend(body.into_iter().filter(|(name, _)| !OF_THE_BODY.contains(&name.as_str())));
    for (name, value) in given {
        // A hybrid's headers win, even with nothing in them; beside a body of protocol 1 they are but additions.
        if hybrid || headers.get(name).is_none_or(Value::is_null) {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers
}

/// The body of protocol 2, put together from the texts of its parts. `None` when the text is more than standard JSON.
fn respelled(text: &[u8]) -> Option<Vec<u8>> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        args: Option<&'a RawValue>,
        kwargs: Option<&'a RawValue>,
        callbacks: Option<&'a RawValue>,
        errbacks: Option<&'a RawValue>,
        chord: Option<&'a RawValue>,
    }
    let parts: Parts<'_> = serde_json::from_slice(text).ok()?;
    let or = |part: Option<&RawValue>, default| part.map_or(default, |raw| raw.get()).to_owned();
    Some(
        [
            "[",
            &or(parts.args, "[]"),
            ", ",
            &or(parts.kwargs, "{}"),
            ", {\"callbacks\": ",
            &or(parts.callbacks, "null"),
            ", \"errbacks\": ",
            &or(parts.errbacks, "null"),
            ", \"chain\": null, \"chord\": ",
            &or(parts.chord, "null"),
            "}]",
        ]
        .concat()
        .into_bytes(),
    )
}
