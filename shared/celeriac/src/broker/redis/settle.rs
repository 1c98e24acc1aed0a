//! Ending deliveries: message, result and what follows, in one script. The next message comes along in the same round trip,
//! into the place that the settled one leaves.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use redis::{RedisResult, Script, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::super::{BrokerError, Disposition, Receipt, Settled, Settlement};
use super::{Inner, unavailable};
use crate::results::redis::STORE_SCRIPT;
use crate::results::{Meta, ResultRecord};

/// A delayed message that none of our nodes has fetched is due for a Python worker's sweep this long after its time.
const DELAY_GRACE: Duration = Duration::from_secs(30);

static DELAY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("delay.lua")));
pub(super) static SETTLE: LazyLock<Script> =
    LazyLock::new(|| Script::new(&[STORE_SCRIPT, include_str!("settle.lua")].concat()));

/// A message to put into a list: the list, the end (`L`, behind all others, or `R`), the payload.
type Push = (String, &'static str, Vec<u8>);

/// What the script answered.
enum Answer {
    Settled(Settled),
    /// Nothing was done: a compressed result is stored, and only a reader can tell whether it may be replaced.
    Unread(Bytes),
}

/// Carries out a settlement. A message that comes along takes `place`.
pub(super) async fn settle(
    inner: &Arc<Inner>,
    receipt: &Receipt,
    settlement: Settlement,
    place: &mut Option<OwnedSemaphorePermit>,
) -> Result<Settled, BrokerError> {
    let Settlement { disposition, mut result, publish } = settlement;
    // The same steps serve all dispositions: remove, push, store.
    let mut pushes: Vec<Push> = Vec::new();
    match disposition {
        Disposition::Acknowledge => {}
        Disposition::Requeue(envelope) => {
            pushes.push((receipt.source.to_string(), "L", envelope.to_bytes()));
        }
        Disposition::Next(envelope) => pushes.push((receipt.source.to_string(), "R", envelope.to_bytes())),
        Disposition::Delay { queue, until } => return delay(inner, receipt, &queue, until).await,
        Disposition::DeadLetter { element, reason, exception } => {
            let queue = inner.keys.queue_of(&receipt.source);
            let letter = inner.dead_letter(&element, queue, &reason, exception.as_deref());
            pushes.extend(letter.map(|(list, letter)| (list, "L", letter)));
        }
    }
    for (queue, envelope) in &publish {
        pushes.push((inner.list_for(queue, envelope), "L", envelope.to_bytes()));
    }
    // In this order on one connection: the place is free on the server when the next message is asked for.
    let (mut answer, ()) = tokio::join!(
        run(inner, receipt, result.as_ref(), &[], &pushes),
        super::fetch::take_along(inner, place)
    );
    let settled = loop {
        match answer.map_err(unavailable("settle a message"))? {
            Answer::Settled(settled) => break settled,
            Answer::Unread(stored) => {
                result = result.filter(|_| !Meta::is_success(&stored));
                answer = run(inner, receipt, result.as_ref(), &stored, &pushes).await;
            }
        }
    };
    inner.let_go(&receipt.tag);
    Ok(settled)
}

async fn run(
    inner: &Inner,
    receipt: &Receipt,
    result: Option<&ResultRecord>,
    seen: &[u8],
    pushes: &[Push],
) -> RedisResult<Answer> {
    let keys = &inner.keys;
    let mut call = SETTLE.key(&keys.unacked);
    call.key(&keys.unacked_index).key(keys.lease()).key(keys.undecodable());
    call.key(result.map_or("", |record| &record.key));
    call.arg(receipt.tag.as_ref()).arg(result.map_or(&b""[..], |record| &record.meta));
    call.arg(result.map_or(0, |record| record.expires)).arg(seen);
    for (list, end, payload) in pushes {
        call.key(list).arg(*end).arg(payload.as_slice());
    }
    let answer: Value = call.invoke_async(&mut inner.connection.clone()).await?;
    Ok(match answer {
        Value::BulkString(stored) => Answer::Unread(stored.into()),
        Value::Int(1) => Answer::Settled(Settled::Done),
        _ => Answer::Settled(Settled::NotHeld),
    })
}

async fn delay(
    inner: &Inner,
    receipt: &Receipt,
    queue: &str,
    until: DateTime<Utc>,
) -> Result<Settled, BrokerError> {
    let time = until.timestamp_micros() as f64 / 1e6;
    let score = time + DELAY_GRACE.as_secs_f64() - inner.options.visibility_timeout.as_secs_f64();
    let keys = &inner.keys;
    let mut call = DELAY.key(&keys.unacked);
    call.key(&keys.unacked_index).key(keys.lease()).key(keys.delayed(queue));
    call.arg(receipt.tag.as_ref()).arg(time).arg(score);
    let held: bool =
        call.invoke_async(&mut inner.connection.clone()).await.map_err(unavailable("delay a message"))?;
    inner.let_go(&receipt.tag);
    Ok(if held { Settled::Done } else { Settled::NotHeld })
}
