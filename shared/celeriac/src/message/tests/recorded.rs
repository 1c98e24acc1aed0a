//! Messages as Celery 5.7 sends them, read to the last field and published again.

use serde_json::{Value, json};

use super::{decode, element, json_element};
use crate::message::{AcceptContent, Envelope, Request, TimeLimits};

/// `task_protocol = 1`, with an ETA, an expiry, a group, limits and a header of its own.
const PROTOCOL_1: &str = r#"{"body": "eyJ0YXNrIjogImNlbGVyeV9xdWV1ZS50YXNrcy5wcm9jZXNzX2FuYWx5c2lzIiwgImlkIjogIjExMTExMTExLTExMTEtNDExMS04MTExLTExMTExMTExMTExMSIsICJhcmdzIjogWyI4YTZlLXV1aWQiLCA3XSwgImt3YXJncyI6IHt9LCAiZ3JvdXAiOiAiZzEiLCAiZ3JvdXBfaW5kZXgiOiBudWxsLCAicmV0cmllcyI6IDAsICJldGEiOiAiMjAyNi0xMS0yMlQwMjo1MzoyMC45NzM1OTArMDA6MDAiLCAiZXhwaXJlcyI6ICIyMDI3LTAxLTAxVDAwOjAwOjAwKzAwOjAwIiwgInV0YyI6IHRydWUsICJjYWxsYmFja3MiOiBudWxsLCAiZXJyYmFja3MiOiBudWxsLCAidGltZWxpbWl0IjogWzE4MDAsIDE1MDBdLCAidGFza3NldCI6ICJnMSIsICJjaG9yZCI6IG51bGx9", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"custom": "kept"}, "properties": {"correlation_id": "11111111-1111-4111-8111-111111111111", "reply_to": "d3ba8835-bcb6-3b89-abea-54c7077adc13", "delivery_mode": 2, "expiration": "3230298138", "delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "a111f834-830b-4708-bb1d-20cec0c03392"}}"#;

/// `serializer="yaml"`.
const YAML: &str = r#"{"body": "LSAtIDhhNmUtdXVpZAogIC0gNwotIHt9Ci0gY2FsbGJhY2tzOiBudWxsCiAgY2hhaW46IG51bGwKICBjaG9yZDogbnVsbAogIGVycmJhY2tzOiBudWxsCg==", "content-encoding": "utf-8", "content-type": "application/x-yaml", "headers": {"lang": "py", "task": "celery_queue.tasks.process_analysis", "id": "11111111-1111-4111-8111-111111111111", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "11111111-1111-4111-8111-111111111111", "parent_id": null, "argsrepr": "('8a6e-uuid', 7)", "kwargsrepr": "{}", "origin": "gen1437@host", "ignore_result": null, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}}, "properties": {"correlation_id": "11111111-1111-4111-8111-111111111111", "reply_to": "d36ab859-ba7b-3342-9a6f-25e82d0842b8", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "54bed716-f207-473a-9a76-166544581787"}}"#;

/// `serializer="msgpack", compression="gzip"`.
const MSGPACK_IN_GZIP: &str = r#"{"body": "eJybPGmlRaJZqm5paWYKe0PLyuTEnJykxOTs4gMrUouKIKylyRmJmXkgKr8o5QAAJqoWjQ==", "content-encoding": "binary", "content-type": "application/x-msgpack", "headers": {"lang": "py", "task": "celery_queue.tasks.process_analysis", "id": "11111111-1111-4111-8111-111111111111", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "11111111-1111-4111-8111-111111111111", "parent_id": null, "argsrepr": "('8a6e-uuid', 7)", "kwargsrepr": "{}", "origin": "gen1437@host", "ignore_result": null, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}, "compression": "application/x-gzip"}, "properties": {"correlation_id": "11111111-1111-4111-8111-111111111111", "reply_to": "ce7e86cf-2bd9-3eb7-b0a3-7d53294988ec", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "f65e5413-90f7-4a19-bd04-76b101bf6cb6"}}"#;

/// Every typed value but bytes of text, an integer of 71 bits, `compression="bzip2"`.
const TYPED_IN_BZIP2: &str = r#"{"body": "QlpoOTFBWSZTWRlao9EAAGgbgFAH//IECr5v3+owANVrDFKbUG0nqYjTNTaQZAZqCRIp5U8JpqZMg9QPSMTNIJSiYR6AhgBoE0w0YokhsaYxNtN3fORlRHodWlnyb1RLRFBNApBV8q4XVEPMiMKhaW7rC4K6Nooa8bZ6WnU6MWVme8gkeDh2A5wUvROTyqEV9sQlKwLIanagFeZmQ/VzlQhIIKEGxDEz10Yg5gcL9ArU/uuJ2u/dA0Q7tlaxs3zij1XwPAJqG0RrKPDMLe6MZNkJyywhxFH4DfMRJmukh4giJoIYJy/i7kinChIDK1R6IA==", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"lang": "py", "task": "celery_queue.tasks.process_analysis", "id": "11111111-1111-4111-8111-111111111111", "shadow": null, "eta": null, "expires": null, "group": null, "group_index": null, "retries": 0, "timelimit": [null, null], "root_id": "11111111-1111-4111-8111-111111111111", "parent_id": null, "argsrepr": "(datetime.datetime(2024, 1, 2, 3, 4, 5), Decimal('1.50'), UUID('12345678-1234-5678-1234-567812345678'), b'ff')", "kwargsrepr": "{'when': datetime.date(2024, 1, 2), 'n': 1180591620717411303424}", "origin": "gen1437@host", "ignore_result": null, "replaced_task_nesting": 0, "stamped_headers": null, "stamps": {}, "compression": "application/x-bz2"}, "properties": {"correlation_id": "11111111-1111-4111-8111-111111111111", "reply_to": "299f66b7-5fd9-34a7-949c-96027d42292b", "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "9f83a34a-dcbd-48da-9c79-75f65320c9f3"}}"#;

const TASK: &str = "celery_queue.tasks.process_analysis";
const ID: &str = "11111111-1111-4111-8111-111111111111";

fn all_formats() -> AcceptContent {
    AcceptContent::new(["json", "yaml", "application/x-msgpack"]).unwrap()
}

fn read(recorded: &str) -> Request {
    Request::decode(Envelope::parse(recorded.as_bytes()).unwrap(), &all_formats()).unwrap()
}

#[test]
fn protocol_1_becomes_protocol_2() {
    let request = read(PROTOCOL_1);
    assert_eq!((request.task.as_str(), request.id.as_str(), request.root_id()), (TASK, ID, ID));
    assert_eq!(request.args, [json!("8a6e-uuid"), json!(7)]);
    assert_eq!(request.eta.unwrap().to_rfc3339(), "2026-11-22T02:53:20.973590+00:00");
    assert_eq!(request.expires.unwrap().to_rfc3339(), "2027-01-01T00:00:00+00:00");
    assert_eq!(request.time_limits, TimeLimits { soft: Some(1500.0), hard: Some(1800.0) });
    assert!(request.embed.is_empty() && request.embed.get("callbacks").is_none());
    for (header, value) in [
        ("task", json!(TASK)),
        ("id", json!(ID)),
        ("group", json!("g1")),
        ("retries", json!(0)),
        ("argsrepr", json!("('8a6e-uuid', 7)")),
        ("kwargsrepr", json!("{}")),
        ("custom", json!("kept")),
    ] {
        assert_eq!(request.header(header), Some(&value), "{header}");
    }
    // Published again it is read the same, now as protocol 2.
    let again = String::from_utf8(request.envelope.to_bytes()).unwrap();
    let second = read(&again);
    assert_eq!(second.envelope, request.envelope);
    assert_eq!(
        (&second.args, &second.kwargs, &second.embed),
        (&request.args, &request.kwargs, &request.embed)
    );
    assert_eq!(second.envelope.property_text("correlation_id"), Some(ID));
}

#[test]
fn yaml_and_msgpack_say_the_same() {
    for recorded in [YAML, MSGPACK_IN_GZIP] {
        let request = read(recorded);
        assert_eq!((request.task.as_str(), request.id.as_str()), (TASK, ID));
        assert_eq!((&request.args[..], request.kwargs.len()), (&[json!("8a6e-uuid"), json!(7)][..], 0));
        assert_eq!(String::from_utf8(request.envelope.to_bytes()).unwrap(), recorded);
        let refused = Request::decode(request.envelope, &AcceptContent::default()).unwrap_err();
        assert!(refused.reason.ends_with("is not accepted; accepted: application/json"), "{refused}");
        assert_eq!(refused.task_id.as_deref(), Some(ID));
    }
}

#[test]
fn typed_values_are_plain_for_the_task_and_typed_for_python() {
    let request = read(TYPED_IN_BZIP2);
    assert_eq!(
        request.args,
        [
            json!("2024-01-02T03:04:05"),
            json!("1.50"),
            json!("12345678-1234-5678-1234-567812345678"),
            json!("/w=="),
        ]
    );
    assert_eq!(request.kwargs["when"], json!("2024-01-02"));
    assert_eq!(
        Value::from(request.sent_args()),
        json!([
            {"__type__": "datetime", "__value__": "2024-01-02T03:04:05"}, {"__type__": "decimal", "__value__": "1.50"},
            {"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}},
            {"__type__": "base64", "__value__": "/w=="},
        ])
    );
    assert_eq!(request.sent_kwargs()["when"], json!({"__type__": "date", "__value__": "2024-01-02"}));
    // The integer of 71 bits is a float here, and itself in the message that is published again.
    assert_eq!(request.kwargs["n"], json!(1180591620717411303424.0));
    assert_eq!(String::from_utf8(request.envelope.to_bytes()).unwrap(), TYPED_IN_BZIP2);
}

#[test]
fn other_arguments_make_another_body_and_nothing_else() {
    let request = read(TYPED_IN_BZIP2);
    let mut kwargs = request.sent_kwargs().clone();
    kwargs.insert("n".into(), json!(3));
    let envelope = request.with_arguments(&request.sent_args()[..1], &kwargs);
    let again = Request::decode(envelope, &AcceptContent::default()).unwrap();
    assert_eq!(again.sent_args(), &request.sent_args()[..1]);
    assert_eq!((&again.kwargs["n"], &again.kwargs["when"]), (&json!(3), &json!("2024-01-02")));
    assert_eq!(again.header("argsrepr"), Some(&json!("('2024-01-02T03:04:05',)")));
    assert_eq!(again.header("compression"), None);
    assert_eq!(again.header("origin"), request.header("origin"));
    assert_eq!(again.envelope.properties(), request.envelope.properties());
}

#[test]
fn protocol_1_keeps_every_digit() {
    let body = r#"{"task": "t", "id": "i", "args": [1180591620717411303424], "kwargs": {"x": 1e400},
                   "taskset": "g", "group": "old", "retries": 2, "callbacks": [{"task": "c", "args": [18446744073709551616]}]}"#;
    let request = decode(element(body, json!({}))).unwrap();
    assert_eq!((request.id.as_str(), request.retries, request.header("group")), ("i", 2, Some(&json!("g"))));
    assert_eq!(request.embed.get("callbacks").unwrap()[0]["task"], "c");
    let body = request.envelope.body_bytes().unwrap();
    assert_eq!(
        std::str::from_utf8(&body).unwrap(),
        concat!(
            r#"[[1180591620717411303424], {"x": 1e400}, {"callbacks": [{"task": "c", "args": [18446744073709551616]}], "#,
            r#""errbacks": null, "chain": null, "chord": null}]"#
        )
    );
}

#[test]
fn protocol_1_with_what_only_python_reads() {
    let body = r#"{"task": "t", "id": "i", "args": [NaN, {"__type__": "date", "__value__": "2024-01-02"}]}"#;
    let request =
        decode(element(body, json!({"compression": null, "id": "not this one", "custom": 1}))).unwrap();
    assert_eq!(request.args, [Value::Null, json!("2024-01-02")]);
    assert_eq!((request.id.as_str(), request.header("custom")), ("i", Some(&json!(1))));
    let again = decode(request.envelope.to_bytes()).unwrap();
    assert_eq!(again.sent_args(), request.sent_args());
}

#[test]
fn of_a_hybrid_the_headers_win() {
    let body = json!({"task": "of the body", "id": "of the body", "args": [1], "kwargs": {"k": 2}, "retries": 5, "eta": null,
                      "expires": "2027-01-01T00:00:00+00:00", "errbacks": [{"task": "e"}], "taskset": "not read", "root_id": "r"});
    let headers = json!({"task": "t", "id": "i", "retries": 1, "custom": "kept", "expires": null});
    let request = decode(json_element(&body, headers)).unwrap();
    assert_eq!((request.task.as_str(), request.id.as_str(), request.retries), ("t", "i", 1));
    assert_eq!((request.expires, request.root_id(), request.header("group")), (None, "r", None));
    assert_eq!((&request.args[..], &request.kwargs["k"]), (&[json!(1)][..], &json!(2)));
    assert_eq!(request.embed.get("errbacks"), Some(&json!([{"task": "e"}])));
    assert_eq!(request.header("custom"), Some(&json!("kept")));
    // What the headers leave open the body tells, the id too.
    let request = decode(json_element(&body, json!({"task": "t"}))).unwrap();
    assert_eq!((request.id.as_str(), request.retries), ("of the body", 5));
    assert!(request.expires.is_some());
}

#[test]
fn the_least_that_is_a_request() {
    let request =
        decode(json_element(&json!([[1], {"k": 2}, null]), json!({"task": "t", "id": "x y/ü"}))).unwrap();
    assert_eq!((request.id.as_str(), request.task.as_str(), request.root_id()), ("x y/ü", "t", "x y/ü"));
    assert_eq!(request.args, [json!(1)]);
    assert_eq!(request.sent_args(), request.args);
    assert!(request.embed.is_empty());
    assert_eq!(request.time_limits, TimeLimits::default());
}

#[test]
fn headers_become_values() {
    let headers = json!({"task": "t", "id": "i", "retries": 2, "timelimit": [1800, 1500.5], "ignore_result": true,
                         "eta": "2026-11-22T02:53:20.973590+05:30",
                         "expires": {"__type__": "datetime", "__value__": "2026-11-22T02:53:20"}});
    let request = decode(json_element(&json!([[], {}, {"chain": []}]), headers)).unwrap();
    assert_eq!(request.retries, 2);
    assert_eq!(request.time_limits, TimeLimits { soft: Some(1500.5), hard: Some(1800.0) });
    assert_eq!(request.ignore_result, Some(true));
    assert_eq!(request.eta.unwrap().to_rfc3339(), "2026-11-21T21:23:20.973590+00:00");
    assert_eq!(request.expires.unwrap().to_rfc3339(), "2026-11-22T02:53:20+00:00");
}

#[test]
fn unknown_fields_and_any_spelling_are_kept() {
    let text = r#"{"unknown":[1],"headers":{"task":"t","id":"i","id":"last","ü":"é\ud83d\ude00","nan":NaN},"body":"[[],{},{}]",
                   "content-type":"application/json","properties":{"odd":{"a":1},"delivery_tag":"d"}}"#;
    let request = decode(text.as_bytes().to_vec()).unwrap();
    assert_eq!(request.id, "last");
    let again: Value = serde_json::from_slice(&request.envelope.to_bytes()).unwrap();
    assert_eq!((&again["unknown"], &again["properties"]["odd"]), (&json!([1]), &json!({"a": 1})));
    assert_eq!(again["headers"]["ü"], "é😀");
}

#[test]
fn base64_in_lines_and_unpadded_is_read() {
    for body in ["W1tdLCB7\nfSwgbnVsbF0=\n", "W1tdLCB7fSwgbnVsbF0"] {
        let element = json!({"body": body, "content-type": "application/json", "headers": {"task": "t", "id": "i"},
                             "properties": {"body_encoding": "base64"}});
        assert!(decode(element.to_string().into_bytes()).is_ok(), "{body}");
    }
}
