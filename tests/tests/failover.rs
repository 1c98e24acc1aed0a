//! Several servers: the one to talk to is found, and found again when it changes.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::{Duration, Instant};

use anyhow::ensure;
use redis::Commands;
use serde_json::{Value, json};
use system_tests::program::{PATIENCE, Program};
use system_tests::python::Venv;
use system_tests::servers::{RedisServer, SentinelServer};
use system_tests::worker;

fn connect(server: &RedisServer) -> anyhow::Result<redis::Connection> {
    Ok(redis::Client::open(server.url())?.get_connection()?)
}

fn start_worker(url: &str, flags: &[&str]) -> anyhow::Result<Program> {
    let worker = worker::command(["worker", "--with-test-tasks", "-c", "1", "--broker", url])?
        .args(flags.iter().copied())
        .start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

/// Sends with real Celery, and waits for the result there.
fn run(broker: &str, more: &[&str]) -> anyhow::Result<Value> {
    Venv::celery57()?
        .script("send.py")
        .args(["celeriac.test.echo", "--broker", broker, "--queue", "default", "--args", "[7]"])
        .args(more.iter().copied())
        .output()?
        .json()
}

fn wait_until(what: &str, mut so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !so()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn the_next_url_is_tried_when_a_server_is_not_there() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut gone = RedisServer::start()?;
    gone.stop()?;
    let worker = start_worker(&format!("{};{}", gone.url(), redis.url()), &[])?;
    assert_eq!(run(&redis.url(), &[])?["result"]["args"], json!([7]));
    worker.wait_for_line("trying the next one")?;
    Ok(())
}

#[test]
fn sentinels_name_the_server_also_after_a_failover() -> anyhow::Result<()> {
    let mut first = RedisServer::start()?;
    let port = first.port().to_string();
    let second = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port])?;
    wait_until("the replica is in step", || {
        let info: String = redis::cmd("INFO").arg("replication").query(&mut connect(&second)?)?;
        Ok(info.contains("master_link_status:up"))
    })?;
    let sentinel = SentinelServer::start(&first)?;
    wait_until("the Sentinel knows the replica", || {
        let mut asked =
            redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.port()))?.get_connection()?;
        let replicas: Vec<redis::Value> =
            redis::cmd("SENTINEL").arg("REPLICAS").arg(SentinelServer::MASTER).query(&mut asked)?;
        Ok(!replicas.is_empty())
    })?;

    let worker = start_worker(&sentinel.url(), &["--sentinel-master", SentinelServer::MASTER])?;
    // A Python client that goes through the same Sentinel.
    let master = json!({"master_name": SentinelServer::MASTER});
    let settings = json!({"broker_transport_options": master, "result_backend_transport_options": master});
    let through_sentinel = run(&sentinel.url(), &["--settings", &settings.to_string()])?;
    assert_eq!(through_sentinel["result"]["args"], json!([7]));
    assert_eq!(run(&first.url(), &[])?["result"]["args"], json!([7]));

    first.kill()?;
    wait_until("the replica takes over", || {
        let info: String = redis::cmd("INFO").arg("replication").query(&mut connect(&second)?)?;
        Ok(info.contains("role:master"))
    })?;
    assert_eq!(run(&second.url(), &[])?["result"]["args"], json!([7]));
    let unacknowledged: usize = connect(&second)?.hlen("unacked")?;
    assert_eq!(unacknowledged, 0);
    drop(worker);
    Ok(())
}
