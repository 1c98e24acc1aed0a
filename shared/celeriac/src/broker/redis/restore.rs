//! Giving messages back to their queues: what a node left behind, and what nobody has renewed for too long.
//!
//! Every move compares before it moves, so any number of nodes may try at once.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use crate::redis_server::Commands;
use redis::{AsyncTypedCommands, RedisResult, Script, ScriptInvocation};
use serde_json::value::RawValue;

use super::Inner;
use super::keys::Keys;
use crate::message::Envelope;

/// Messages read in one go.
const CHUNK: usize = 100;
/// Kombu's `unacked_mutex_expire`, in milliseconds.
const MUTEX_EXPIRE_MS: u64 = 300_000;

static RESTORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("restore.lua")));
static OVERDUE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("overdue.lua")));
static RELEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("release.lua")));

/// Whether a message that is handed back counts one more delivery that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Yes,
    No,
}

/// Gives everything that a node holds back to the queues, and forgets the node. Answers how many messages that were.
pub(super) async fn hand_back(inner: &Inner, node: &Keys, counted: Counted) -> RedisResult<usize> {
    let mut connection = inner.connection.clone();
    let tags: Vec<String> = connection.smembers(node.lease()).await?.into_iter().collect();
    let mut handed_back = restore_all(inner, node, &tags, counted).await?;
    // Bytes that are no message go where they belong, were they read by us or not.
    let undecodable: Vec<(String, Vec<u8>)> =
        redis::cmd("HGETALL").arg(node.undecodable()).query_async(&mut connection).await?;
    for (tag, element) in undecodable {
        let mut commands = redis::pipe();
        commands.atomic();
        if let Some((list, letter)) = inner.dead_letter(&element, "", "the element is not a message", None) {
            commands.lpush(list, letter).ignore();
        }
        commands.hdel(node.undecodable(), &tag).ignore();
        let () = commands.query_async(&mut connection).await?;
        inner.let_go(&tag);
    }
    for list in connection.smembers(node.waits()).await? {
        handed_back += empty_inflight(node, &list, &mut connection).await?;
    }
    let mut commands = redis::pipe();
    commands.atomic().zrem(&node.nodes, node.node()).ignore();
    commands.del(node.lease()).ignore().del(node.waits()).ignore();
    let () = commands.query_async(&mut connection).await?;
    Ok(handed_back)
}

/// Hands back what this node holds. The last node to leave also hands back the messages that are delayed: nobody of ours
/// would fetch them in time, and Python workers hold them in their own way.
pub(super) async fn leave(inner: &Inner, queues: &[String]) -> RedisResult<usize> {
    let keys = &inner.keys;
    let mut handed_back = hand_back(inner, keys, Counted::No).await?;
    let mut connection = inner.connection.clone();
    if connection.zcard(&keys.nodes).await? > 0 {
        return Ok(handed_back);
    }
    for queue in queues {
        let delayed: Vec<String> = connection.zrange(keys.delayed(queue), 0, -1).await?;
        handed_back += restore_all(inner, keys, &delayed, Counted::No).await?;
        if !delayed.is_empty() {
            connection.zrem(keys.delayed(queue), &delayed).await?;
        }
    }
    Ok(handed_back)
}

/// What a BLMOVE has moved and nothing has parked: the server stopped between the two.
async fn empty_inflight(node: &Keys, list: &str, connection: &mut Commands) -> RedisResult<usize> {
    let mut moved = 0;
    loop {
        let element: Option<Vec<u8>> = redis::cmd("LMOVE")
            .arg(node.inflight(list))
            .arg(list)
            .arg("RIGHT")
            .arg("RIGHT")
            .query_async(connection)
            .await?;
        if element.is_none() {
            return Ok(moved);
        }
        moved += 1;
    }
}

/// Puts back what nobody has renewed within the visibility timeout, as kombu's sweep does and under its mutex. What this
/// node holds it leaves alone: a renewal that is late is not a holder that is gone.
pub(super) async fn sweep(inner: &Inner) -> RedisResult<usize> {
    let keys = &inner.keys;
    let token = uuid::Uuid::new_v4().simple().to_string();
    let mut connection = inner.connection.clone();
    let overdue: Vec<String> = OVERDUE
        .key(&keys.unacked_mutex)
        .key(&keys.unacked_index)
        .arg(&token)
        .arg(inner.options.visibility_timeout.as_secs_f64())
        .arg(MUTEX_EXPIRE_MS)
        .invoke_async(&mut connection)
        .await?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let held: HashSet<Arc<str>> = inner.held().keys().cloned().collect();
    let abandoned: Vec<String> = overdue.into_iter().filter(|tag| !held.contains(tag.as_str())).collect();
    let restored = restore_all(inner, keys, &abandoned, Counted::Yes).await;
    let _: i64 = RELEASE.key(&keys.unacked_mutex).arg(&token).invoke_async(&mut connection).await?;
    restored
}

/// Puts the messages of these tags back. `node` is whose lease may name them.
pub(super) async fn restore_all(
    inner: &Inner,
    node: &Keys,
    tags: &[String],
    counted: Counted,
) -> RedisResult<usize> {
    let mut connection = inner.connection.clone();
    let mut restored = 0;
    for chunk in tags.chunks(CHUNK) {
        let entries: Vec<Option<Vec<u8>>> =
            redis::cmd("HMGET").arg(&node.unacked).arg(chunk).query_async(&mut connection).await?;
        for (tag, entry) in chunk.iter().zip(entries) {
            restored += usize::from(restore(inner, node, &mut connection, tag, entry, counted).await?);
            inner.let_go(tag);
        }
    }
    Ok(restored)
}

/// Puts one message back where kombu would put it, at the end from which it is taken next.
async fn restore(
    inner: &Inner,
    node: &Keys,
    connection: &mut Commands,
    tag: &str,
    entry: Option<Vec<u8>>,
    counted: Counted,
) -> RedisResult<bool> {
    let entry = entry.unwrap_or_default();
    let bury = |call: &mut ScriptInvocation<'_>, element: &[u8], queue: &str, reason: &str| {
        if let Some((list, letter)) = inner.dead_letter(element, queue, reason, None) {
            call.key(list).arg(letter);
        }
    };
    let mut call = RESTORE.key(&node.unacked);
    call.key(&node.unacked_index).key(node.lease()).arg(tag).arg(entry.as_slice());
    match parse_entry(&entry) {
        Some(Entry { element, exchange, routing_key }) => match Envelope::parse(element.as_bytes()) {
            Ok(mut envelope) => {
                envelope.mark_redelivered(counted == Counted::Yes);
                for queue in destinations(inner, connection, &exchange, routing_key).await? {
                    call.key(inner.list_for(&queue, &envelope));
                }
                call.arg(envelope.to_bytes());
            }
            Err(malformed) => bury(&mut call, element.as_bytes(), &routing_key, &malformed.reason),
        },
        // Gone: the script compares, pushes nothing and only forgets the lease.
        None if entry.is_empty() => {}
        None => bury(&mut call, &entry, "", "the entry of `unacked` is not readable"),
    }
    call.invoke_async(connection).await
}

/// An entry of `unacked`: `[envelope, exchange, routing key]`.
pub(super) struct Entry {
    /// The envelope as it lay in its queue.
    pub(super) element: String,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

pub(super) fn parse_entry(entry: &[u8]) -> Option<Entry> {
    let (element, exchange, routing_key): (&RawValue, String, String) = serde_json::from_slice(entry).ok()?;
    Some(Entry { element: element.get().to_owned(), exchange, routing_key })
}

/// The queues a message was for. A named exchange whose bindings are gone falls back to the queue named like the routing
/// key, where kombu would drop the message (quirk Q7).
async fn destinations(
    inner: &Inner,
    connection: &mut Commands,
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
        .filter_map(|member| inner.keys.parse_binding(member))
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
        let Entry { element, exchange, routing_key } = parse_entry(entry).unwrap();
        assert_eq!((exchange.as_str(), routing_key.as_str()), ("", "default"));
        assert!(Envelope::parse(element.as_bytes()).unwrap().headers().is_empty());
        for broken in [&b""[..], b"{}", b"[1, 2, \"q\"]", b"[{}, \"\"]"] {
            assert!(parse_entry(broken).is_none());
        }
    }
}
