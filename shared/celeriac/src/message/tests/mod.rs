//! Tests of the whole way from bytes to a request.

mod fuzz;
mod malformed;
mod recorded;

use serde_json::{Value, json};

use super::{AcceptContent, Envelope, Malformed, Request};

fn decode(element: Vec<u8>) -> Result<Request, Malformed> {
    Request::decode(Envelope::parse(&element)?, &AcceptContent::default())
}

/// A list element with that text as its body.
fn element(body: &str, headers: Value) -> Vec<u8> {
    let element = json!({
        "body": body, "content-type": "application/json", "content-encoding": "utf-8", "headers": headers,
        "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "d"},
    });
    element.to_string().into_bytes()
}

fn json_element(body: &Value, headers: Value) -> Vec<u8> {
    element(&body.to_string(), headers)
}
