//! Any bytes as headers and body of an element whose shape is right. The first byte chooses content type and compression,
//! the next two how many bytes are headers; the rest is the body. What is a request is the same one when it is published
//! and read again.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use celeriac::message::{AcceptContent, Envelope, Request};
use libfuzzer_sys::fuzz_target;

const TYPES: [&str; 4] =
    ["application/json", "application/x-yaml", "application/x-msgpack", "application/data"];
const COMPRESSIONS: [&str; 8] = ["", "", "", "gzip", "bzip2", "xz", "zstd", "brotli"];

fuzz_target!(|data: &[u8]| {
    let [choice, high, low, rest @ ..] = data else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (headers, body) = rest.split_at(length);
    let Ok(headers) = std::str::from_utf8(headers) else { return };
    let content_type = TYPES[usize::from(choice % 4)];
    let compression = COMPRESSIONS[usize::from(choice / 4 % 8)];
    let protocol = if choice & 0x80 == 0 { r#""task": "t", "id": "i", "# } else { "" };
    let element = [
        r#"{"body": ""#,
        &STANDARD.encode(body),
        r#"", "content-type": ""#,
        content_type,
        r#"", "headers": {"#,
        protocol,
        headers,
        if headers.is_empty() { "" } else { ", " },
        r#""compression": ""#,
        compression,
        r#""}, "properties": {"body_encoding": "base64"}}"#,
    ]
    .concat();
    let accept =
        AcceptContent::new(["json", "yaml", "msgpack"]).expect("known names").max_decompressed(1 << 20);
    let Ok(envelope) = Envelope::parse(element.as_bytes()) else { return };
    let Ok(request) = Request::decode(envelope, &accept) else { return };
    let again = Envelope::parse(&request.envelope.to_bytes()).expect("what we write is an envelope");
    let second = Request::decode(again, &accept).expect("what we publish is a request");
    assert_eq!((&second.id, &second.task, &second.args), (&request.id, &request.task, &request.args));
    assert_eq!((&second.kwargs, &second.embed), (&request.kwargs, &request.embed));
    let other = request.with_arguments(request.sent_args(), request.sent_kwargs());
    Request::decode(other, &accept).expect("what we publish is a request");
});
