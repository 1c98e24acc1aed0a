//! The client beside the real Celery: the same calls make the same messages, field for field and in the same order.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::client::GetError;
use celeriac::message::compression::Compression;
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::{Client, TaskCall};
use chrono::{DateTime, Utc};
use redis::Commands;
use serde_json::{Value, json};
use system_tests::program::PATIENCE;
use system_tests::python::Venv;
use system_tests::servers::RedisServer;

/// Sends the same calls as `calls`, in the same order, with the same ids.
const PYTHON: &str = r#"
import sys
from datetime import datetime, timezone
from celery import Celery

app = Celery("x", broker=sys.argv[1], backend=sys.argv[1])

def send(id, args=(), kwargs=None, **options):
    app.send_task("shop.invoice", args, kwargs or {}, task_id=id, **options)

send("plain")
send("arguments", (1, "a b", None, [1.5, {"k": True}]), {"größe": "\n'"})
send("times", countdown=100, expires=3600)
send("given times", eta=datetime(2030, 1, 2, 3, 4, 5, 60, timezone.utc), expires=datetime(2031, 1, 1, tzinfo=timezone.utc))
send("options", priority=5, queue="invoices", retries=2, time_limit=5, soft_time_limit=3.5, ignore_result=True,
     shadow="invoice of 42")
send("workflow", group_id="g", group_index=3, parent_id="p", root_id="r", headers={"tenant": "acme", "lang": "xx"})
send("links",
     link=[app.signature("shop.mail", ("a",), {"b": 1}, queue="mails", countdown=3), app.signature("shop.log", immutable=True)],
     link_error=app.signature("shop.alert", task_id="alert", priority=1))
for method in ["zlib", "bzip2", "lzma"]:
    send(method, ("x" * 1000,), compression=method)
"#;

fn calls() -> anyhow::Result<Vec<TaskCall>> {
    let call = |id: &str| TaskCall::new("shop.invoice").task_id(id);
    let mut calls = vec![
        call("plain"),
        call("arguments")
            .arg(1)
            .arg("a b")
            .arg(Value::Null)
            .arg(json!([1.5, {"k": true}]))
            .kwarg("größe", "\n'"),
        call("times").countdown(Duration::from_secs(100)).expires_in(Duration::from_secs(3600)),
        call("given times")
            .eta("2030-01-02T03:04:05.000060Z".parse()?)
            .expires_at("2031-01-01T00:00:00Z".parse()?),
        call("options")
            .priority(5)
            .queue("invoices")
            .retries(2)
            .time_limit(Duration::from_secs(5))
            .soft_time_limit(Duration::from_millis(3500))
            .ignore_result(true)
            .shadow("invoice of 42"),
        call("workflow")
            .parent_id("p")
            .root_id("r")
            .group("g", 3)
            .header("tenant", "acme")
            .header("lang", "xx"),
        call("links")
            .link(
                TaskCall::new("shop.mail")
                    .arg("a")
                    .kwarg("b", 1)
                    .queue("mails")
                    .countdown(Duration::from_secs(3)),
            )
            .link(TaskCall::new("shop.log").immutable())
            .link_error(TaskCall::new("shop.alert").priority(1).task_id("alert")),
    ];
    for method in ["zlib", "bzip2", "lzma"] {
        calls.push(call(method).arg("x".repeat(1000)).compression(method.parse()?));
    }
    Ok(calls)
}

fn client(redis: &RedisServer) -> anyhow::Result<Client> {
    let address = Address::new(&redis.url(), &TlsOptions::default())?;
    let broker =
        RedisBroker::new(address.clone(), &NodeId::new("client@test"), RedisBrokerOptions::default());
    let results = RedisResults::new(address, RedisResultsOptions::default());
    Ok(Client::new(Arc::new(broker), Some(Arc::new(results)), "host"))
}

/// All messages that wait, oldest first, each with its list.
fn take_all(redis: &RedisServer) -> anyhow::Result<Vec<(String, Value)>> {
    let mut connection = redis::Client::open(redis.url())?.get_connection()?;
    let mut messages = Vec::new();
    for list in ["celery", "invoices\x06\x163", "invoices"] {
        let elements: Vec<String> = connection.lrange(list, 0, -1)?;
        for element in elements.iter().rev() {
            messages.push((list.to_owned(), serde_json::from_str(element)?));
        }
        let () = connection.del(list)?;
    }
    Ok(messages)
}

/// The message with what differs from one sending to the next checked, and then the same for all.
fn comparable(mut message: Value, sent: DateTime<Utc>) -> anyhow::Result<Value> {
    let body = STANDARD.decode(message["body"].as_str().unwrap_or_default())?;
    let body = match message["headers"]["compression"].as_str() {
        Some(method) => method.parse::<Compression>()?.decompress(&body, 1 << 20)?,
        None => body,
    };
    message["body"] = json!(String::from_utf8(body)?);
    for name in ["eta", "expires"] {
        if let Some(text) = message["headers"][name].as_str() {
            let time: DateTime<Utc> = text.parse()?;
            // Python writes microseconds, and so must we.
            assert!(text.ends_with("+00:00"), "{text}");
            let minutes = (time - sent).as_seconds_f64() / 60.0;
            message["headers"][name] = json!(format!("in {minutes:.0} minutes"));
        }
    }
    if let Some(expiration) = message["properties"]["expiration"].as_str() {
        let minutes = expiration.parse::<u64>()? as f64 / 60_000.0;
        message["properties"]["expiration"] = json!(format!("{minutes:.0} minutes"));
    }
    let origin = message["headers"]["origin"].as_str().unwrap_or_default();
    assert!(origin.starts_with("gen") && origin.contains('@'), "{origin}");
    message["headers"]["origin"] = json!("gen@");
    for name in ["reply_to", "delivery_tag"] {
        let id = message["properties"][name].as_str().unwrap_or_default();
        uuid::Uuid::parse_str(id)?;
        message["properties"][name] = json!("a uuid");
    }
    Ok(message)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_calls_make_the_same_messages() -> anyhow::Result<()> {
    same_messages(&Venv::celery57()?, &Value::Null).await?;
    // In old versions a call that says nothing about its result wants it.
    same_messages(&Venv::celery53()?, &json!(false)).await
}

/// `unset` is what stands for an `ignore_result` that nobody has set.
async fn same_messages(venv: &Venv, unset: &Value) -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let now = Utc::now();
    let sent = venv.snippet(PYTHON).args([redis.url()]).output()?;
    assert!(sent.status.success(), "{sent:?}");
    let python = take_all(&redis)?;
    let client = client(&redis)?;
    for call in calls()? {
        client.apply_async(call).await?;
    }
    let ours = take_all(&redis)?;
    assert_eq!(python.len(), calls()?.len());
    assert_eq!(ours.len(), python.len());
    for ((our_list, our), (their_list, their)) in ours.into_iter().zip(python) {
        assert_eq!(our_list, their_list);
        let (mut our, their) = (comparable(our, now)?, comparable(their, now)?);
        if our["headers"]["ignore_result"].is_null() {
            our["headers"]["ignore_result"] = unset.clone();
        }
        // As texts: in the same order, too.
        assert_eq!(serde_json::to_string_pretty(&our)?, serde_json::to_string_pretty(&their)?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_python_workers_are_read_and_forgotten() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = Venv::celery57()?
        .script("peer_worker.py")
        .args(["--broker", &redis.url(), "--queue", "q"])
        .start()?;
    worker.wait_for_line(" ready")?;
    let client = client(&redis)?;
    let echo = TaskCall::new("celeriac.test.echo").queue("q").arg(1).kwarg("k", "v");
    let result = client.apply_async(echo).await?;
    assert_eq!(result.get::<Value>(Some(PATIENCE)).await?, json!({"args": [1], "kwargs": {"k": "v"}}));
    assert_eq!(result.state().await?, "SUCCESS");
    result.forget().await?;
    assert_eq!(result.state().await?, "PENDING");

    let wrong = client.apply_async(TaskCall::new("celeriac.test.noop").queue("q").arg(1)).await?;
    let error = wrong.get::<Value>(Some(PATIENCE)).await.expect_err("a failure");
    let GetError::Failed { exception, .. } = error else { anyhow::bail!("{error}") };
    assert_eq!(exception.class, "TypeError");
    Ok(())
}
