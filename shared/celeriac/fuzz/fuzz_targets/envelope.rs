//! Any bytes as a list element. What is an envelope is the same one when it is read again.
#![no_main]

use celeriac::message::{AcceptContent, Envelope, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|element: &[u8]| {
    let Ok(mut envelope) = Envelope::parse(element) else { return };
    envelope.complete("queue");
    envelope.mark_redelivered(true);
    let again = Envelope::parse(&envelope.to_bytes()).expect("what we write is an envelope");
    assert_eq!(again, envelope);
    let _ = (envelope.priority(), envelope.earlier_deliveries(), envelope.destination());
    let _ = Request::decode(envelope, &AcceptContent::default());
});
