//! Staying the holder of what was taken, and giving back what a node left behind.
//!
//! A node tells the others that it lives; whoever finds one that has fallen silent hands its messages back to their
//! queues. Handing back compares before it moves, so any number of nodes may try at once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError};
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{AsyncTypedCommands, RedisResult, Script};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::keys::Keys;
use super::{Delivery, Inner};
use crate::message::Envelope;

/// A node that holds messages tells so this often within its lease time.
const RENEWALS_PER_LEASE: u32 = 3;
/// A node that holds none keeps quiet most of the time, and looks after the others only now and then.
const IDLE_INTERVAL: Duration = Duration::from_secs(12);
/// How much longer than its interval an idle node is believed alive.
const IDLE_GRACE: Duration = Duration::from_secs(6);

static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("renew.lua")));
static RESTORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("restore.lua")));

/// Whether a message that is handed back counts one more delivery that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    No,
}

/// Renews leases and rescues the messages of dead nodes, until fetching has stopped and nothing is held any more.
pub(super) async fn keep(
    inner: Arc<Inner>,
    queues: Vec<String>,
    stop: CancellationToken,
    fetching: mpsc::WeakSender<Delivery>,
) {
    let mut registered = false;
    loop {
        let held = inner.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if stop.is_cancelled() && held.is_empty() && fetching.upgrade().is_none() {
            return;
        }
        match tick(&inner, &queues, &held, &mut registered).await {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, held = held.len(), "cannot renew the lease on messages; trying again")
            }
        }
        let pause = if held.is_empty() && !stop.is_cancelled() {
            IDLE_INTERVAL
        } else {
            inner.options.lease_time / RENEWALS_PER_LEASE
        };
        tokio::select! {
            () = sleep(pause) => {}
            // A node that takes its first message after a quiet time renews in time from then on.
            () = inner.holding.notified(), if held.is_empty() => sleep(inner.options.lease_time / RENEWALS_PER_LEASE).await,
        }
    }
}

async fn tick(
    inner: &Inner,
    queues: &[String],
    held: &HashMap<Arc<str>, CancellationToken>,
    registered: &mut bool,
) -> RedisResult<()> {
    let keys = &inner.keys;
    let mut connection = inner.connection.clone();
    if !*registered {
        register(keys, queues, &mut connection).await?;
        *registered = true;
    }
    let believed = if held.is_empty() { IDLE_INTERVAL + IDLE_GRACE } else { inner.options.lease_time };
    let mut call = RENEW.key(&keys.nodes);
    call.key(&keys.unacked_index).arg(keys.node()).arg(believed.as_secs_f64());
    for tag in held.keys() {
        call.arg(tag.as_ref());
    }
    let (unknown, lost, dead): (bool, Vec<String>, Vec<String>) = call.invoke_async(&mut connection).await?;
    if unknown {
        // The others have forgotten us, and with us where we wait.
        register(keys, queues, &mut connection).await?;
    }
    for tag in lost {
        // A message that was settled meanwhile is not lost.
        let still_held = inner.held.lock().unwrap_or_else(PoisonError::into_inner).remove(tag.as_str());
        if let Some(lost) = still_held {
            tracing::warn!(
                tag,
                "lost the lease on a message: another worker has it; its outcome here will not count"
            );
            lost.cancel();
        }
    }
    for node in dead {
        let rescued = hand_back(inner, &keys.of(&node), Counted::Yes).await?;
        tracing::warn!(node, rescued, "a worker fell silent; its messages are back in their queues");
    }
    Ok(())
}

/// Announces the queues as kombu does (celery-wire.md 2.4), and where this node waits.
async fn register(keys: &Keys, queues: &[String], connection: &mut ConnectionManager) -> RedisResult<()> {
    let mut commands = redis::pipe();
    for queue in queues {
        for set in keys.bindings(queue) {
            commands.sadd(set, keys.binding_member(queue)).ignore();
        }
    }
    commands.sadd(keys.waits(), keys.lists(queues)).ignore();
    commands.query_async(connection).await
}

/// Gives everything that a node holds back to the queues, and forgets the node. Answers how many messages that were.
pub(super) async fn hand_back(inner: &Inner, node: &Keys, counted: Counted) -> RedisResult<usize> {
    let mut connection = inner.connection.clone();
    let mut handed_back = 0;
    let tags: Vec<String> = connection.smembers(node.lease()).await?.into_iter().collect();
    for chunk in tags.chunks(100) {
        let entries: Vec<Option<Vec<u8>>> =
            redis::cmd("HMGET").arg(&node.unacked).arg(chunk).query_async(&mut connection).await?;
        for (tag, entry) in chunk.iter().zip(entries) {
            handed_back += usize::from(restore(inner, node, &mut connection, tag, entry, counted).await?);
            inner.let_go(tag);
        }
    }
    // Bytes that are no message go where they belong, were they read by us or not.
    let undecodable: Vec<(String, Vec<u8>)> =
        redis::cmd("HGETALL").arg(node.undecodable()).query_async(&mut connection).await?;
    for (tag, element) in undecodable {
        let letter = inner.dead_letter(&element, "", "the element is not a message");
        let mut commands = redis::pipe();
        commands.atomic().hdel(node.undecodable(), &tag).ignore();
        commands.lpush(&inner.options.dead_letter_queue, letter).ignore();
        let () = commands.query_async(&mut connection).await?;
        inner.let_go(&tag);
    }
    for list in connection.smembers(node.waits()).await? {
        let mut moved = true;
        while moved {
            let element: Option<Vec<u8>> = redis::cmd("LMOVE")
                .arg(node.inflight(&list))
                .arg(&list)
                .arg("RIGHT")
                .arg("RIGHT")
                .query_async(&mut connection)
                .await?;
            moved = element.is_some();
            handed_back += usize::from(moved);
        }
    }
    let mut commands = redis::pipe();
    commands.atomic().zrem(&node.nodes, node.node()).ignore();
    commands.del(node.lease()).ignore().del(node.waits()).ignore();
    let () = commands.query_async(&mut connection).await?;
    Ok(handed_back)
}

/// Puts one message back where kombu would put it, at the end from which it is taken next.
async fn restore(
    inner: &Inner,
    node: &Keys,
    connection: &mut ConnectionManager,
    tag: &str,
    entry: Option<Vec<u8>>,
    counted: Counted,
) -> RedisResult<bool> {
    let entry = entry.unwrap_or_default();
    let mut call = RESTORE.key(&node.unacked);
    call.key(&node.unacked_index).key(node.lease()).arg(tag).arg(entry.as_slice());
    match parse_entry(&entry) {
        Some((mut envelope, exchange, routing_key)) => {
            envelope.mark_redelivered(counted == Counted::Yes);
            for queue in destinations(inner, connection, &exchange, routing_key).await? {
                call.key(inner.list_for(&queue, &envelope));
            }
            call.arg(envelope.to_bytes());
        }
        // Gone: the script compares, pushes nothing and only forgets the lease.
        None if entry.is_empty() => {}
        None => {
            call.key(&inner.options.dead_letter_queue);
            call.arg(inner.dead_letter(&entry, "", "the entry of `unacked` is not readable"));
        }
    }
    call.invoke_async(connection).await
}

/// An entry of `unacked`: `[envelope, exchange, routing key]`.
fn parse_entry(entry: &[u8]) -> Option<(Envelope, String, String)> {
    let (envelope, exchange, routing_key): (&RawValue, String, String) =
        serde_json::from_slice(entry).ok()?;
    Some((Envelope::parse(envelope.get().as_bytes()).ok()?, exchange, routing_key))
}

/// The queues a message was for. A named exchange whose bindings are gone falls back to the queue named like the routing
/// key, where kombu would drop the message (quirk Q7).
async fn destinations(
    inner: &Inner,
    connection: &mut ConnectionManager,
    exchange: &str,
    routing_key: String,
) -> RedisResult<Vec<String>> {
    if exchange.is_empty() {
        return Ok(vec![routing_key]);
    }
    let [bindings, _] = inner.keys.bindings(exchange);
    let bound: Vec<String> = connection
        .smembers(bindings)
        .await?
        .iter()
        .filter_map(|member| Keys::parse_binding(member))
        .filter(|(key, _)| *key == routing_key)
        .map(|(_, queue)| queue.to_owned())
        .collect();
    Ok(if bound.is_empty() { vec![routing_key] } else { bound })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_as_kombu_writes_them() {
        let entry = br#"[{"body": "x", "headers": {}, "properties": {"delivery_info": {}}}, "", "default"]"#;
        let (envelope, exchange, routing_key) = parse_entry(entry).unwrap();
        assert_eq!((exchange.as_str(), routing_key.as_str()), ("", "default"));
        assert!(envelope.headers().is_empty());
        for broken in [&b""[..], b"{}", b"[1, \"\", \"q\"]", b"[{}, \"\"]"] {
            assert!(parse_entry(broken).is_none());
        }
    }
}
