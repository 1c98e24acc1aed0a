//! Every row of celery-wire.md 1.9 and the treatment that it asks for (its last column).

use base64::Engine;
use serde_json::{Value, json};

use super::{decode, element, json_element};
use crate::message::envelope::BASE64;
use crate::message::{AcceptContent, Envelope, Request, Treatment};

/// A good element, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut element = json!({
        "body": "W1tdLCB7fSwgbnVsbF0=", "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": "t", "id": "i"},
        "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "d", "body_encoding": "base64"},
    });
    change(&mut element);
    element.to_string().into_bytes()
}

fn body(text: &[u8]) -> Vec<u8> {
    changed(|element| element["body"] = BASE64.encode(text).into())
}

fn dead_letter(element: &[u8], id: Option<&str>, reason: &str) {
    let shown = String::from_utf8_lossy(element);
    match decode(element.to_vec()) {
        Ok(request) => panic!("{shown} became {request:?}"),
        Err(error) => {
            assert_eq!(
                (error.treatment, error.task_id.as_deref()),
                (Treatment::DeadLetter, id),
                "{shown}: {error}"
            );
            assert!(error.reason.contains(reason), "{shown}: {error}");
        }
    }
}

#[test]
fn an_element_that_is_no_json_object() {
    for element in [&b""[..], b"not json", b"\xff\xfe", b"7", b"null", b"\"text\"", b"[1]", b"{\"body\": "] {
        dead_letter(element, None, "the element is not a JSON object");
    }
}

#[test]
fn properties_missing() {
    dead_letter(
        &changed(|element| drop(element.as_object_mut().unwrap().remove("properties"))),
        Some("i"),
        "`properties`",
    );
    dead_letter(&changed(|element| element["properties"] = json!([1])), Some("i"), "`properties`");
}

#[test]
fn delivery_tag_or_delivery_info_missing_is_made_good() {
    for properties in [
        json!({}),
        json!({"delivery_info": {"exchange": "x"}}),
        json!({"delivery_info": null, "delivery_tag": ""}),
    ] {
        let element = changed(|element| {
            element["properties"] = properties;
            element["body"] = "[[], {}, null]".into();
        });
        let mut envelope = Envelope::parse(&element).unwrap();
        envelope.complete("its queue");
        assert_eq!(envelope.property_text("delivery_tag").map(str::len), Some(36));
        let request = Request::decode(envelope, &AcceptContent::default()).unwrap();
        assert_eq!(request.envelope.destination(), Some(("", "its queue")));
    }
    let whole = changed(|_| ());
    let mut envelope = Envelope::parse(&whole).unwrap();
    envelope.complete("another queue");
    assert_eq!(envelope, Envelope::parse(&whole).unwrap());
}

#[test]
fn headers_missing_or_without_a_task() {
    for headers in [Value::Null, json!({}), json!({"id": "i"})] {
        let id = headers["id"].as_str().map(str::to_owned);
        let element = changed(|element| element["headers"] = headers);
        dead_letter(&element, id.as_deref(), "header `task` is missing");
    }
    dead_letter(
        &changed(|element| drop(element.as_object_mut().unwrap().remove("headers"))),
        None,
        "`task` is missing",
    );
    dead_letter(&changed(|element| element["headers"] = json!("text")), None, "`headers` is not an object");
    dead_letter(&json_element(&json!({"id": "i", "args": []}), json!({})), None, "`task` is missing");
    dead_letter(&changed(|element| element["headers"]["task"] = json!(7)), Some("i"), "`task` is not a text");
    // Protocol 1 needs no headers.
    assert!(decode(json_element(&json!({"id": "i", "task": "t"}), Value::Null)).is_ok());
}

#[test]
fn id_missing_or_no_text() {
    dead_letter(&changed(|element| element["headers"] = json!({"task": "t"})), None, "id is missing");
    dead_letter(&json_element(&json!({"task": "t", "args": []}), json!({})), None, "id is missing");
    for id in
        [json!(7), json!(""), json!(["i"]), json!({"__type__": "uuid", "__value__": {"hex": "0".repeat(32)}})]
    {
        dead_letter(&changed(|element| element["headers"]["id"] = id), None, "id is not a non-empty text");
    }
}

#[test]
fn body_not_base64() {
    for body in [json!("!!!!"), json!("W1tdLCB7fSwgbnVsbF0=="), json!("é")] {
        dead_letter(&changed(|element| element["body"] = body), Some("i"), "not base64");
    }
    for body in [Value::Null, json!(7), json!([[], {}, {}])] {
        dead_letter(&changed(|element| element["body"] = body), Some("i"), "`body` is missing or not a text");
    }
    for encoding in [json!("BASE64"), json!("rot13"), json!(64)] {
        dead_letter(
            &changed(|element| element["properties"]["body_encoding"] = encoding),
            Some("i"),
            "encoding",
        );
    }
}

#[test]
fn body_empty_or_not_three_parts_or_of_no_type() {
    dead_letter(&body(b""), Some("i"), "the body is not JSON");
    for text in ["[]", "[[], {}]", "[[], {}, {}, {}]"] {
        dead_letter(&body(text.as_bytes()), Some("i"), "not [args, kwargs, embed]");
    }
    for text in ["7", "null", "\"abc\"", "{\"no\": \"args\"}"] {
        dead_letter(&body(text.as_bytes()), Some("i"), "not the array [args, kwargs, embed]");
    }
    for none in [Value::Null, json!("")] {
        dead_letter(
            &changed(|element| element["content-type"] = none),
            Some("i"),
            "`content-type` is missing",
        );
    }
    dead_letter(
        &changed(|element| element["content-type"] = json!(1)),
        Some("i"),
        "`content-type` is not a text",
    );
}

#[test]
fn body_not_valid_for_its_type() {
    for text in [&b"{"[..], b"[[], {}, {}", b"\xff", b"[[], {}, {}] x", "\u{feff}[[], {}, {}]".as_bytes()] {
        dead_letter(&body(text), Some("i"), "the body is not JSON");
    }
    let typed = |value: &str| format!(r#"[[{{"__type__": {value}}}], {{}}, null]"#).into_bytes();
    dead_letter(&body(&typed(r#""set", "__value__": []"#)), Some("i"), "unknown `__type__` `set`");
    dead_letter(&body(&typed(r#""datetime", "__value__": "soon""#)), Some("i"), "`__type__` datetime");
    dead_letter(
        &body(br#"[[], {}, {"chain": [{"\u005f_type__": "x", "__value__": 1}]}]"#),
        Some("i"),
        "unknown `__type__`",
    );
    let in_a_header =
        changed(|element| element["headers"]["custom"] = json!({"__type__": "set", "__value__": []}));
    dead_letter(&in_a_header, Some("i"), "unknown `__type__` `set`");
    let beside = changed(|element| element["other"] = json!([{"__type__": "set", "__value__": []}]));
    dead_letter(&beside, Some("i"), "the element: a value has the unknown `__type__`");
}

#[test]
fn compression_unknown_or_corrupt_or_too_much() {
    let compressed = |name: Value| changed(|element| element["headers"]["compression"] = name);
    dead_letter(&compressed(json!("application/zip")), Some("i"), "compression `application/zip` is unknown");
    dead_letter(&compressed(json!("GZIP")), Some("i"), "is unknown");
    dead_letter(&compressed(json!(1)), Some("i"), "`compression` is not a text");
    for name in ["gzip", "application/x-bz2", "xz", "zstd", "brotli"] {
        dead_letter(&compressed(json!(name)), Some("i"), "cannot be decompressed");
    }
    for none in [json!(null), json!(""), json!(false)] {
        assert!(decode(compressed(none)).is_ok());
    }
    let all = || AcceptContent::new(["json", "yaml", "msgpack"]).unwrap();
    let refuse = |content_type: &str, body: &[u8], accept: AcceptContent, reason: &str| {
        let bomb = crate::message::compression::Compression::Zlib.compress(body).unwrap();
        let element = changed(|element| {
            element["headers"]["compression"] = "zlib".into();
            element["content-type"] = content_type.into();
            element["body"] = BASE64.encode(&bomb).into();
        });
        let error = Request::decode(Envelope::parse(&element).unwrap(), &accept).unwrap_err();
        assert!(error.reason.contains(reason), "{error}");
        assert_eq!((error.treatment, error.task_id.as_deref()), (Treatment::DeadLetter, Some("i")));
    };
    refuse("application/json", &[b' '; 4096], all().max_decompressed(4095), "larger than the 4095 bytes");
    // Two million values take 144 MB, whatever the two bytes of each compress to.
    let many = ["[[", &"0,".repeat(2 << 20), "0], {}, null]"].concat();
    refuse("application/json", many.as_bytes(), all(), "more values than a compressed body may");
    refuse("application/x-yaml", &many.as_bytes()[..40_000], all().max_decompressed(40_000), "more values");
    refuse(
        "application/x-msgpack",
        &[&[0xdd, 0, 0xff, 0xff, 0xff][..], &[0; 2 << 20]].concat(),
        all(),
        "more values",
    );
}

#[test]
fn content_type_not_accepted_or_unknown() {
    for name in [
        "application/x-python-serialize",
        "application/x-yaml",
        "application/x-msgpack",
        "application/json; charset=utf-8",
    ] {
        dead_letter(&changed(|element| element["content-type"] = name.into()), Some("i"), "is not accepted");
    }
    // Python trusts the first two, and finds no task in them.
    for name in ["application/data", "application/text", "text/plain"] {
        dead_letter(&changed(|element| element["content-type"] = name.into()), Some("i"), "raw data");
    }
    // A name as long as the message stays out of the reason.
    let long = "x".repeat(100_000);
    let error = decode(changed(|element| element["content-type"] = long.into())).unwrap_err();
    assert!(error.reason.len() < 200, "{error}");
}

#[test]
fn eta_or_expires_no_time() {
    for name in ["eta", "expires"] {
        for value in [json!("soon"), json!(""), json!(5), json!(1.5), json!(true), json!(["2026-11-22"])] {
            dead_letter(&changed(|element| element["headers"][name] = value.clone()), Some("i"), name);
            let protocol_1 = json!({"task": "t", "id": "i", name: value});
            dead_letter(&json_element(&protocol_1, json!({})), Some("i"), name);
        }
    }
}

#[test]
fn timelimit_of_another_shape_is_none() {
    for value in [
        json!([]),
        json!([1]),
        json!([1, 2, 3]),
        json!("x"),
        json!({"soft": 1}),
        Value::Null,
        json!(["a", {}]),
    ] {
        let request = decode(changed(|element| element["headers"]["timelimit"] = value)).unwrap();
        assert_eq!((request.time_limits.soft, request.time_limits.hard), (None, None));
    }
}

#[test]
fn arguments_that_no_task_takes_are_refused() {
    for parts in [
        json!([[], 5, {}]),
        json!([[], null, {}]),
        json!([[], [], {}]),
        json!(["x", {}, {}]),
        json!([null, {}, {}]),
    ] {
        let error = decode(body(parts.to_string().as_bytes())).unwrap_err();
        assert_eq!((error.treatment, error.task_id.as_deref()), (Treatment::Refuse, Some("i")), "{parts}");
    }
    for kwargs in [json!([]), json!("x"), Value::Null] {
        let error =
            decode(json_element(&json!({"task": "t", "id": "i", "kwargs": kwargs}), json!({}))).unwrap_err();
        assert_eq!(error.treatment, Treatment::Refuse, "{kwargs}");
    }
}

#[test]
fn what_may_be_missing() {
    for embed in [json!(null), json!({}), json!("x"), json!({"callbacks": null})] {
        let request =
            decode(element(&json!([[1], {}, embed]).to_string(), json!({"task": "t", "id": "i"}))).unwrap();
        assert!(request.embed.is_empty());
    }
    let headers = json!({"task": "t", "id": "i", "timelimit": null, "ignore_result": null, "retries": null, "eta": null});
    let request = decode(json_element(&json!([[], {}, null]), headers)).unwrap();
    assert_eq!((request.retries, request.ignore_result, request.eta), (0, None, None));
}

#[test]
fn pickle_is_never_accepted() {
    for names in [vec!["pickle"], vec!["json", "application/x-python-serialize"]] {
        assert!(AcceptContent::new(names).unwrap_err().to_string().contains("never read"));
    }
    assert!(AcceptContent::new(["json", "auth"]).unwrap_err().to_string().contains("`auth`"));
    assert_eq!(
        AcceptContent::new(["application/json", "application/data"]).unwrap(),
        AcceptContent::default()
    );
    let none = AcceptContent::new::<&str>([]).unwrap();
    let error = Request::decode(Envelope::parse(&changed(|_| ())).unwrap(), &none).unwrap_err();
    assert!(error.reason.contains("is not accepted"), "{error}");
}
