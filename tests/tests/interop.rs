//! Everybody who speaks Celery on one queue: producers in Python and Rust, workers of both kinds at once. Every task is run
//! once, and real Celery reads every result.
//!
//! `DRILL_TASKS` sets how many tasks there are.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too; the figures of a drill are to be seen"
)]

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use celeriac::{Client, TaskCall};
use serde_json::{Value, json};
use system_tests::drill::{
    QUEUE, executions, printed_ids, size, start_python_worker, start_worker, wait_all_succeeded,
};
use system_tests::peers;
use system_tests::program::Program;
use system_tests::python::Venv;
use system_tests::scratch::Scratch;
use system_tests::servers::RedisServer;

/// Who sends.
#[derive(Debug, Clone, Copy)]
enum Producer {
    Celery53,
    Celery57,
    Ours,
    CeleryRs,
    RustyCelery,
}

impl Producer {
    /// Sends `echo(number=N)` for `count` numbers from `first` on; the ids in the order of the numbers.
    fn send(self, url: &str, first: usize, count: usize) -> anyhow::Result<Vec<String>> {
        let python = |venv: Venv| {
            let numbers = ["--first".to_owned(), first.to_string(), "--count".to_owned(), count.to_string()];
            printed_ids(&venv.script("produce.py").args(["--broker", url, "--queue", QUEUE]).args(numbers))
        };
        let rust = |peer: system_tests::program::Invocation| {
            printed_ids(&peer.args(["send", url, QUEUE, &first.to_string(), &count.to_string()]))
        };
        match self {
            Self::Celery53 => python(Venv::celery53()?),
            Self::Celery57 => python(Venv::celery57()?),
            Self::Ours => send_ours(url, first, count),
            Self::CeleryRs => rust(peers::celery_rs()?),
            Self::RustyCelery => rust(peers::rusty_celery()?),
        }
    }
}

#[tokio::main]
async fn send_ours(url: &str, first: usize, count: usize) -> anyhow::Result<Vec<String>> {
    let address = Address::new(url, &TlsOptions::default())?;
    let broker = RedisBroker::new(address, &NodeId::new("producer@test"), RedisBrokerOptions::default());
    let client = Client::new(Arc::new(broker), None, "test");
    let mut ids = Vec::with_capacity(count);
    for number in first..first + count {
        let kwargs = json!({"number": number}).as_object().cloned().unwrap_or_default();
        ids.push(client.send(QUEUE, TaskCall::new("celeriac.test.echo").kwargs(kwargs)).await?);
    }
    Ok(ids)
}

/// All producers at once, each with its share; the ids in the order of the numbers.
fn send_all(url: &str, producers: &[Producer], each: usize) -> anyhow::Result<Vec<String>> {
    std::thread::scope(|scope| {
        let sending: Vec<_> = producers
            .iter()
            .enumerate()
            .map(|(place, producer)| scope.spawn(move || producer.send(url, place * each, each)))
            .collect();
        let mut ids = Vec::new();
        for (sent, producer) in sending.into_iter().zip(producers) {
            let sent = sent.join().expect("a sender does not panic")?;
            assert_eq!(sent.len(), each, "{producer:?}");
            ids.extend(sent);
        }
        Ok(ids)
    })
}

/// What the real Celery reads for each id.
fn read_in_python(redis: &RedisServer, ids: &[String]) -> anyhow::Result<Value> {
    let scratch = Scratch::new("ids")?;
    let file = scratch.path().join("ids");
    std::fs::write(&file, ids.join("\n"))?;
    Venv::celery57()?.script("results.py").args(["--backend", &redis.url()]).arg(file).output()?.json()
}

fn check(redis: &RedisServer, ids: &[String], workers: &[&Program]) -> anyhow::Result<()> {
    wait_all_succeeded(redis, ids)?;
    let results = read_in_python(redis, ids)?;
    for (number, id) in ids.iter().enumerate() {
        let expected = json!(["SUCCESS", {"args": [], "kwargs": {"number": number}}]);
        assert_eq!(results[number], expected, "{id}");
    }
    let executions = executions(workers);
    assert_eq!(executions.len(), ids.len(), "each task was run");
    let twice: Vec<_> = executions.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "run more than once: {twice:?}");
    Ok(())
}

#[test]
fn all_producers_and_both_kinds_of_workers_on_one_queue() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let ours = start_worker(&redis, &["-c", "2", "-n", "ours@%h"])?;
    let python = start_python_worker(&redis, &[])?;
    let producers = [Producer::Celery53, Producer::Celery57, Producer::Ours, Producer::CeleryRs];
    let each = size("DRILL_TASKS", 400) / producers.len();
    let ids = send_all(&redis.url(), &producers, each)?;
    check(&redis, &ids, &[&ours, &python])?;
    let (by_us, by_python) = (executions(&[&ours]).len(), executions(&[&python]).len());
    println!("{} tasks of {producers:?}: {by_us} run by ours, {by_python} by Python", ids.len());
    assert!(by_us > 0 && by_python > 0, "both kinds worked: ours {by_us}, Python {by_python}");
    Ok(())
}

#[test]
fn a_worker_of_either_kind_alone_serves_all_producers() -> anyhow::Result<()> {
    let producers = [Producer::Celery53, Producer::Celery57, Producer::Ours, Producer::CeleryRs];
    let each = size("DRILL_TASKS", 80) / producers.len();
    for ours in [true, false] {
        let redis = RedisServer::start()?;
        let worker =
            if ours { start_worker(&redis, &["-c", "2"])? } else { start_python_worker(&redis, &[])? };
        let ids = send_all(&redis.url(), &producers, each)?;
        check(&redis, &ids, &[&worker])?;
    }
    Ok(())
}

/// Its messages lack `delivery_info`, over which a Python worker loses its connection and the message: ours runs them.
#[test]
#[ignore = "builds rusty-celery, which takes minutes: run it by hand with --ignored"]
fn rusty_celery_is_served_by_ours() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let ours = start_worker(&redis, &["-c", "2"])?;
    let ids = send_all(&redis.url(), &[Producer::RustyCelery], size("DRILL_TASKS", 80))?;
    check(&redis, &ids, &[&ours])
}
