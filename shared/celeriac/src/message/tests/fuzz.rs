//! Arbitrary bytes, and messages that are nearly right: whatever comes, it is a request or malformed.
//!
//! The coverage-guided targets of the crate's `fuzz` folder look longer; these run with every test.

use base64::Engine;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::message::compression::Compression;
use crate::message::envelope::BASE64;
use crate::message::{AcceptContent, Envelope, Request, compression};

fn any_content() -> AcceptContent {
    AcceptContent::new(["json", "yaml", "msgpack"]).unwrap().max_decompressed(1 << 20)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "datetime|date|uuid|decimal|2026-11-22T02:53:20|base64".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = "__type__|__value__|hex|task|id|args|kwargs|\\PC{0,5}";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An element of the right shape with anything in it.
fn nearly_an_element(
    body: &[u8],
    headers: &[(String, Value)],
    content_type: &str,
    compression: Option<&str>,
) -> Vec<u8> {
    let mut element = json!({
        "body": BASE64.encode(body), "content-type": content_type, "content-encoding": "utf-8",
        "headers": {"task": "t", "id": "i"}, "properties": {"body_encoding": "base64"},
    });
    for (name, value) in headers {
        element["headers"][name] = value.clone();
    }
    if let Some(name) = compression {
        element["headers"]["compression"] = name.into();
    }
    element.to_string().into_bytes()
}

/// Reads an element; what is a request must be the same request when it is published again.
fn check(element: &[u8]) -> Result<(), TestCaseError> {
    let Ok(mut envelope) = Envelope::parse(element) else { return Ok(()) };
    envelope.complete("queue");
    if let Ok(request) = Request::decode(envelope, &any_content()) {
        let again = Envelope::parse(&request.envelope.to_bytes()).unwrap();
        let second = Request::decode(again, &any_content()).unwrap();
        prop_assert_eq!(
            (&second.id, &second.task, &second.args),
            (&request.id, &request.task, &request.args)
        );
        prop_assert_eq!((&second.kwargs, &second.embed), (&request.kwargs, &request.embed));
        prop_assert_eq!(second.sent_args(), request.sent_args());
        prop_assert_eq!((second.eta, second.expires), (request.eta, request.expires));
        let _ = request.with_arguments(request.sent_args(), request.sent_kwargs());
    }
    Ok(())
}

const TYPES: &str = "application/json|application/x-yaml|application/x-msgpack|application/data";
const COMPRESSIONS: [&str; 5] = ["zlib", "bzip2", "xz", "zstd", "brotli"];

proptest! {
    #[test]
    fn any_element(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes)?;
    }

    #[test]
    fn any_element_of_json(element in any_json()) {
        check(element.to_string().as_bytes())?;
    }

    #[test]
    fn any_headers(
        headers in proptest::collection::vec(
            ("eta|expires|retries|timelimit|task|id|compression|ignore_result|redelivered|\\PC{0,8}", any_json()), 0..5),
    ) {
        check(&nearly_an_element(b"[[1], {}, null]", &headers, "application/json", None))?;
        check(&nearly_an_element(b"{\"args\": [1]}", &headers, "application/json", None))?;
    }

    #[test]
    fn any_body(bytes in proptest::collection::vec(any::<u8>(), 0..200), content_type in TYPES) {
        check(&nearly_an_element(&bytes, &[], &content_type, None))?;
    }

    #[test]
    fn any_body_of_json(body in any_json(), args in any_json(), kwargs in any_json()) {
        for body in [body.clone(), json!([[args], {"k": kwargs}, body]), json!([args, kwargs, body])] {
            check(&nearly_an_element(body.to_string().as_bytes(), &[], "application/json", None))?;
            check(&nearly_an_element(body.to_string().as_bytes(), &[], "application/x-yaml", None))?;
        }
    }

    #[test]
    fn any_compressed_body(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for name in COMPRESSIONS {
            check(&nearly_an_element(&bytes, &[], "application/json", Some(name)))?;
            let _ = name.parse::<Compression>().unwrap().decompress(&bytes, 1 << 16);
        }
        let _ = compression::decompress_result(&bytes, 1 << 16);
    }

    #[test]
    fn a_compressed_body_with_wrong_bytes(
        wrong in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let body = json!([["8a6e-uuid", 7], {"text": "x".repeat(500)}, null]).to_string();
        for name in COMPRESSIONS {
            let method: Compression = name.parse().unwrap();
            let mut bytes = method.compress(body.as_bytes()).unwrap_or_else(|_| BROTLI.to_vec());
            for (at, byte) in &wrong {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            check(&nearly_an_element(&bytes, &[], "application/json", Some(name)))?;
        }
    }
}

/// `[[1], {}, null]`, compressed by Python's brotli.
const BROTLI: &[u8] = b"\x0b\x07\x80\x5b\x5b\x31\x5d\x2c\x20\x7b\x7d\x2c\x20\x6e\x75\x6c\x6c\x5d\x03";
