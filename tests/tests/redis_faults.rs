//! A Redis that cannot do what it is asked to, is away, or cannot be reached: nothing is lost, and the worker consumes again
//! when it is back. The times are printed; a test judges them only generously, for the machine may be busy.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too; the figures of a drill are to be seen"
)]

use std::time::{Duration, Instant};

use celeriac::broker::{Broker, RedisBroker, RedisBrokerOptions, Window};
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use redis::Commands;
use serde_json::json;
use system_tests::drill::{
    QUEUE, connect, envelope, executions, meta, push, size, start_worker, states, wait_all_succeeded,
    wait_until, worker_on,
};
use system_tests::program::Program;
use system_tests::proxy::Proxy;
use system_tests::servers::RedisServer;
use tokio_util::sync::CancellationToken;

const ECHO: &str = "celeriac.test.echo";
const SLEEP: &str = "celeriac.test.sleep";
/// Far above the 5 s that are promised, for a loaded machine.
const GENEROUS: Duration = Duration::from_secs(30);

fn command(redis: &RedisServer, words: &[&str]) -> anyhow::Result<redis::Value> {
    Ok(redis::cmd(words[0]).arg(&words[1..]).query(&mut connect(redis)?)?)
}

fn push_many(redis: &RedisServer, name: &str, count: usize) -> anyhow::Result<Vec<String>> {
    let ids: Vec<String> = (0..count).map(|number| format!("{name}-{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        push(redis, QUEUE, &envelope(ECHO, id, &json!([number])))?;
    }
    Ok(ids)
}

/// The time from now until a message that is pushed now has its outcome.
fn time_until_it_consumes(what: &str, redis: &RedisServer) -> anyhow::Result<Duration> {
    let back = Instant::now();
    let id = format!("probe after {what}");
    push(redis, QUEUE, &envelope(ECHO, &id, &json!([1])))?;
    let mut connection = connect(redis)?;
    wait_until(what, || Ok(meta(&mut connection, &id)?.is_some()))?;
    println!("{what}: consumes again after {:.3} s", back.elapsed().as_secs_f64());
    Ok(back.elapsed())
}

fn run_once(worker: &Program, ids: &[String]) {
    let executions = executions(&[worker]);
    for id in ids {
        assert_eq!(executions.get(id), Some(&1), "{id}");
    }
}

#[test]
fn a_read_only_redis_is_waited_for() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2"])?;
    push(&redis, QUEUE, &envelope(SLEEP, "across", &json!([1])))?;
    worker.wait_for_line("[across] received")?;
    // The replica of a server that is not there: it serves what it has and takes no writes.
    command(&redis, &["REPLICAOF", "127.0.0.1", "1"])?;
    worker.wait_for_line("cannot settle")?;
    command(&redis, &["REPLICAOF", "NO", "ONE"])?;
    assert!(time_until_it_consumes("read-only", &redis)? < GENEROUS);
    wait_all_succeeded(&redis, &["across".to_owned()])?;
    run_once(&worker, &["across".to_owned()]);
    Ok(())
}

#[test]
fn a_full_redis_is_waited_for() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2"])?;
    let before = push_many(&redis, "before", 20)?;
    wait_all_succeeded(&redis, &before)?;
    push(&redis, QUEUE, &envelope(SLEEP, "across", &json!([1])))?;
    worker.wait_for_line("[across] received")?;
    let waiting = push_many(&redis, "waiting", 50)?;
    command(&redis, &["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    command(&redis, &["CONFIG", "SET", "maxmemory", "1"])?;
    worker.wait_for_line("OOM")?;
    // A message is in one place, or it is done.
    let mut connection = connect(&redis)?;
    wait_until("all messages are somewhere", || {
        // No transaction: that is refused, too.
        let (waits, held, inflight): (usize, usize, Vec<String>) =
            redis::pipe().llen(QUEUE).hlen("unacked").keys("celeriac.inflight.*").query(&mut connection)?;
        let parked: usize =
            inflight.iter().map(|list| connection.llen::<_, usize>(list)).sum::<Result<_, _>>()?;
        let mut all = waiting.clone();
        all.push("across".to_owned());
        let done = states(&mut connection, &all)?.iter().filter(|state| *state == "SUCCESS").count();
        Ok(waits + held + parked + done == all.len())
    })?;
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"])?;
    assert!(time_until_it_consumes("full", &redis)? < GENEROUS);
    let mut all = waiting;
    all.push("across".to_owned());
    wait_all_succeeded(&redis, &all)?;
    run_once(&worker, &all);
    Ok(())
}

#[test]
fn a_restarted_redis_is_served_again() -> anyhow::Result<()> {
    let mut redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2"])?;
    let before = push_many(&redis, "before", 100)?;
    // Killed at once: what it has confirmed is in its file.
    redis.kill()?;
    worker.wait_for_line("cannot ")?;
    // Away for so long that the pauses between attempts have grown to their longest.
    std::thread::sleep(Duration::from_secs(size("DRILL_AWAY", 5) as u64));
    redis.restart()?;
    assert!(time_until_it_consumes("restarted", &redis)? < GENEROUS);
    wait_all_succeeded(&redis, &before)?;
    Ok(())
}

#[test]
fn a_redis_that_is_loading_is_waited_for() -> anyhow::Result<()> {
    // So slow that clients are told LOADING for some seconds: microseconds per key, bytes between two looks at clients.
    let slow = ["--key-load-delay", "150", "--loading-process-events-interval-bytes", "1024"];
    let mut redis = RedisServer::start_with(&[&["--enable-debug-command", "yes"], &slow[..]].concat())?;
    let worker = start_worker(&redis, &["-c", "2"])?;
    let mut connection = connect(&redis)?;
    redis::cmd("DEBUG").arg(&["POPULATE", "20000", "filler", "20"]).query::<()>(&mut connection)?;
    redis::cmd("BGREWRITEAOF").query::<redis::Value>(&mut connection)?;
    wait_until("its file is written", || {
        let info: String = redis::cmd("INFO").arg("persistence").query(&mut connection)?;
        Ok(info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0"))
    })?;
    redis.kill()?;
    // Answers when it has loaded everything.
    redis.restart()?;
    assert!(time_until_it_consumes("loaded", &redis)? < GENEROUS);
    worker.wait_for_line("is loading the dataset")?;
    Ok(())
}

#[test]
fn forgotten_scripts_are_told_again() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2", "--prefetch-multiplier", "4"])?;
    let mut connection = connect(&redis)?;
    let mut ids = Vec::new();
    for round in 0..size("DRILL_FLUSHES", 20) {
        ids.extend(push_many(&redis, &format!("round-{round}"), 20)?);
        redis::cmd("SCRIPT").arg("FLUSH").query::<()>(&mut connection)?;
    }
    wait_all_succeeded(&redis, &ids)?;
    run_once(&worker, &ids);
    Ok(())
}

#[test]
fn cut_and_paused_connections_lose_nothing() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2", "--prefetch-multiplier", "4"])?;
    let mut connection = connect(&redis)?;
    let mut ids = Vec::new();
    for round in 0..size("DRILL_CUTS", 20) {
        ids.extend(push_many(&redis, &format!("round-{round}"), 20)?);
        if round % 2 == 0 {
            let _: i64 = redis::cmd("CLIENT")
                .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
                .query(&mut connection)?;
        } else {
            redis::cmd("CLIENT").arg(&["PAUSE", "100", "ALL"]).query::<()>(&mut connection)?;
        }
    }
    wait_all_succeeded(&redis, &ids)?;
    run_once(&worker, &ids);
    Ok(())
}

/// A worker that reaches its Redis through a proxy.
fn behind_a_proxy(redis: &RedisServer) -> anyhow::Result<(Proxy, Program)> {
    let proxy = Proxy::to(redis.port())?;
    let worker =
        worker_on(&format!("redis://127.0.0.1:{}/0", proxy.port()), &["-c", "2", "-Q", QUEUE])?.start()?;
    worker.wait_for_line(" ready")?;
    let ids = push_many(redis, "before", 5)?;
    wait_all_succeeded(redis, &ids)?;
    let mut connection = connect(redis)?;
    wait_until("it waits for messages", || {
        let info: String = redis::cmd("INFO").arg("clients").query(&mut connection)?;
        Ok(!info.contains("blocked_clients:0"))
    })?;
    Ok((proxy, worker))
}

#[test]
fn what_was_taken_over_a_connection_that_is_stuck_comes_back() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let (proxy, worker) = behind_a_proxy(&redis)?;
    push(&redis, QUEUE, &envelope(SLEEP, "across", &json!([1])))?;
    worker.wait_for_line("[across] received")?;
    proxy.freeze_present();
    wait_all_succeeded(&redis, &["across".to_owned()])?;
    assert_eq!(connect(&redis)?.hlen::<_, usize>("unacked")?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_takes_nothing_is_noticed() -> anyhow::Result<()> {
    const INTERVAL: Duration = Duration::from_millis(300);
    let redis = RedisServer::start()?;
    let address = Address::new(&redis.url(), &TlsOptions::default())?;
    let broker = RedisBroker::new(address, &NodeId::new("engine@test"), RedisBrokerOptions::default());
    let window = Window::new(1);
    // The only place is lost: nothing can be taken any more, and nothing is held.
    let lost = window.acquire().await;
    let stop = CancellationToken::new();
    let mut deliveries = broker.consume(&[QUEUE.to_owned()], window, stop.clone()).await;
    let watched = {
        let broker = broker.clone();
        tokio::spawn(async move { broker.watch(INTERVAL).await })
    };
    // Nothing waits, or nothing can be taken: nobody is to blame.
    tokio::time::sleep(4 * INTERVAL).await;
    push(&redis, QUEUE, &envelope(ECHO, "waits", &json!([1])))?;
    command(&redis, &["CONFIG", "SET", "maxmemory", "1"])?;
    let watching = tokio::time::timeout(4 * INTERVAL, broker.watch(INTERVAL));
    assert!(watching.await.is_err() && !watched.is_finished(), "no stall");
    command(&redis, &["CONFIG", "SET", "maxmemory", "0"])?;
    let stalled = watched.await?;
    assert_eq!(stalled.list, QUEUE);
    // A message that is held makes others wait with good reason.
    drop(lost);
    let delivery = deliveries.recv().await.expect("one message");
    push(&redis, QUEUE, &envelope(ECHO, "waits for a place", &json!([1])))?;
    let watching = tokio::time::timeout(4 * INTERVAL, broker.watch(INTERVAL));
    assert!(watching.await.is_err(), "no stall");
    drop(delivery);
    stop.cancel();
    Ok(())
}
