//! Global rate limits: two workers in this process, as two nodes on one Redis. Times are the server's, and only bounds that
//! hold on a machine of any speed are asserted.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::ensure;
use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::node::NodeId;
use celeriac::pool::ThreadPool;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::task::{Registry, TaskError, TaskOptions};
use celeriac::{Client, Shutdown, TaskCall, Worker, WorkerParts};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use system_tests::process::Signal;
use system_tests::program::PATIENCE;
use system_tests::servers::RedisServer;
use system_tests::worker;
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinHandle;

const TASK: &str = "limited";
const LAST_START: &str = "celeriac.rate.limited";
const SECOND: u64 = 1_000_000;
const HOUR: u64 = 3600 * SECOND;
/// Between two looks at something that tells nobody when it changes.
const LOOK: Duration = Duration::from_millis(20);

/// Nodes of one Redis that serve one task, and what they tell of its starts.
struct Fleet {
    redis: MultiplexedConnection,
    client: Client,
    shutdown: Shutdown,
    nodes: Vec<JoinHandle<()>>,
    /// When the task has started, by the server's clock in microseconds.
    starts: mpsc::UnboundedReceiver<u64>,
    _server: RedisServer,
}

impl Fleet {
    /// Two nodes that run `slots` tasks each. With `together`, the first start on each waits for that on the other.
    async fn start(limit: &str, slots: usize, together: bool) -> anyhow::Result<Self> {
        let server = RedisServer::start()?;
        let address = Address::new(&server.url(), &TlsOptions::default())?;
        let redis = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
        let results = Arc::new(RedisResults::new(address.clone(), RedisResultsOptions::default()));
        let broker = |name: &str| {
            let options = RedisBrokerOptions::default();
            Arc::new(RedisBroker::new(address.clone(), &NodeId::new(name), options))
        };
        let mut options = TaskOptions::default();
        options.global_rate_limit = Some(limit.parse()?);
        let (told, starts) = mpsc::unbounded_channel();
        let shutdown = Shutdown::new();
        let both = Arc::new(Barrier::new(2));
        let nodes = ["one@test", "two@test"].into_iter().map(|name| {
            let mut registry = Registry::new();
            let (redis, told, both) = (redis.clone(), told.clone(), both.clone());
            let first = Arc::new(AtomicBool::new(together));
            registry.register_fn(TASK, options.clone(), move |_, _| {
                let (redis, told, both, first) = (redis.clone(), told.clone(), both.clone(), first.clone());
                async move {
                    told.send(time(&redis).await.map_err(TaskError::of)?).map_err(TaskError::of)?;
                    if first.swap(false, Ordering::Relaxed) {
                        both.wait().await;
                    }
                    Ok(json!(null))
                }
            });
            let mut parts = WorkerParts::new(name, broker(name), Some(results.clone()), registry);
            parts.pool = Arc::new(ThreadPool::new(slots));
            parts.prefetch_multiplier = 1;
            parts.shutdown = shutdown.clone();
            let worker = Worker::new(parts);
            tokio::spawn(async move { worker.run(&["q".to_owned()]).await.expect("the worker leaves") })
        });
        let nodes = nodes.collect();
        let client = Client::new(broker("client@test"), Some(results.clone()), "test");
        Ok(Self { redis, client, shutdown, nodes, starts, _server: server })
    }

    async fn send(&self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.client.send("q", TaskCall::new(TASK)).await?;
        }
        Ok(())
    }

    async fn next_start(&mut self) -> anyhow::Result<u64> {
        Ok(tokio::time::timeout(PATIENCE, self.starts.recv()).await?.expect("the nodes are there"))
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        self.shutdown.warm();
        for node in self.nodes.drain(..) {
            node.await?;
        }
        Ok(())
    }
}

/// The server's clock in microseconds.
async fn time(redis: &MultiplexedConnection) -> anyhow::Result<u64> {
    let (seconds, micros): (u64, u64) = redis::cmd("TIME").query_async(&mut redis.clone()).await?;
    Ok(seconds * SECOND + micros)
}

/// Waits until a start at that time or later is reserved.
async fn wait_for_start(redis: &mut MultiplexedConnection, key: &str, time: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last: Option<u64> = redis.get(key).await?;
        if last.is_some_and(|last| last >= time) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no start is reserved for {time} or later: {last:?}");
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_start_on_any_node_comes_before_its_time() -> anyhow::Result<()> {
    const COUNT: u64 = 25;
    let mut fleet = Fleet::start("50/s", 1, true).await?;
    let begun = time(&fleet.redis).await?;
    fleet.send(COUNT as usize).await?;
    let mut starts = Vec::new();
    for _ in 0..COUNT {
        starts.push(fleet.next_start().await?);
    }
    starts.sort_unstable();
    for (number, start) in (0..).zip(&starts) {
        let earliest = begun + number * SECOND / 50;
        assert!(*start >= earliest, "start {number} came {} µs too early", earliest - start);
    }
    // Its last start keeps nobody waiting any more, or not for long.
    let left: i64 = fleet.redis.pttl(LAST_START).await?;
    assert!(left == -2 || (0..=20).contains(&left), "{left} ms");
    fleet.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_reserves_one_start_ahead_and_hands_back_what_waits() -> anyhow::Result<()> {
    let mut fleet = Fleet::start("1/h", 2, false).await?;
    let begun = time(&fleet.redis).await?;
    fleet.send(6).await?;
    let started = fleet.next_start().await?;
    let mut redis = fleet.redis.clone();
    // The first start, then one for each node.
    wait_for_start(&mut redis, LAST_START, begun + 2 * HOUR).await?;
    fleet.stop().await?;

    let last: u64 = redis.get(LAST_START).await?;
    let first = last - 2 * HOUR;
    assert!((begun..=started).contains(&first), "{first} is not between {begun} and {started}");
    let left: u64 = redis.pttl(LAST_START).await?;
    assert!(left <= 3 * HOUR / 1000 && left > 2 * HOUR / 1000, "{left} ms");
    assert!(fleet.starts.try_recv().is_err(), "a second start");
    assert_eq!((redis.llen("q").await?, redis.hlen("unacked").await?), (5, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_made_at_the_same_moment_are_an_interval_apart() -> anyhow::Result<()> {
    use celeriac::broker::Broker;
    let server = RedisServer::start()?;
    let address = Address::new(&server.url(), &TlsOptions::default())?;
    let waits = Arc::new(Mutex::new(Vec::new()));
    let mut asking = tokio::task::JoinSet::new();
    for node in ["one@test", "two@test", "three@test"] {
        let options = RedisBrokerOptions { global_keyprefix: "p:".into(), ..RedisBrokerOptions::default() };
        let broker = RedisBroker::new(address.clone(), &NodeId::new(node), options);
        for _ in 0..20 {
            let (broker, waits) = (broker.clone(), waits.clone());
            asking.spawn(async move {
                let wait = broker.reserve_start(TASK, Duration::from_secs(3600)).await.expect("an answer");
                waits.lock().expect("whole").push(wait);
            });
        }
    }
    asking.join_all().await;
    // Each is told the time from the moment of its asking: the whole hours are those since the first.
    let mut hours: Vec<u64> =
        waits.lock().expect("whole").iter().map(|wait| (wait.as_secs() + 1800) / 3600).collect();
    hours.sort_unstable();
    assert_eq!(hours, (0..60).collect::<Vec<_>>());
    let mut redis = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let keys: Vec<String> = redis.keys("*").await?;
    assert_eq!(keys, ["p:celeriac.rate.limited"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_limits_its_analyses() -> anyhow::Result<()> {
    let server = RedisServer::start()?;
    let limits = ["worker", "-c", "2", "--rate-limit", "none", "--global-rate-limit", "1/h"];
    let mut worker = worker::command(limits)?.env("REDIS_URL", server.url()).start()?;
    let address = Address::new(&server.url(), &TlsOptions::default())?;
    let options = RedisBrokerOptions::default();
    let broker = RedisBroker::new(address, &NodeId::new("client@test"), options);
    let client = Client::new(Arc::new(broker), None, "test");
    let mut redis = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let begun = time(&redis).await?;
    for task_id in ["a", "b"] {
        client.send("default", TaskCall::new("process_analysis").arg(task_id).arg(1)).await?;
    }
    worker.wait_for_line("succeeded")?;
    wait_for_start(&mut redis, "celeriac.rate.process_analysis", begun + HOUR).await?;
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(0));
    let succeeded = worker.lines().iter().filter(|line| line.contains("succeeded")).count();
    assert_eq!((succeeded, redis.llen("default").await?, redis.hlen("unacked").await?), (1, 1, 0));
    Ok(())
}
