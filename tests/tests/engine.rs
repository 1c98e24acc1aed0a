//! The engine as a library: a worker in this process, with tasks of the test's own, on a real Redis.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::sync::Arc;
use std::time::Duration;

use celeriac::broker::{Broker, RedisBroker, RedisBrokerOptions, Window};
use celeriac::exception::Exception;
use celeriac::message::{AcceptContent, Envelope, TimeLimits};
use celeriac::node::NodeId;
use celeriac::pool::ThreadPool;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use celeriac::results::{Meta, RedisResults, RedisResultsOptions};
use celeriac::task::{Registry, TaskContext, TaskError, TaskOptions, TypedTask};
use celeriac::{Client, Shutdown, TaskCall, Worker, WorkerParts};
use redis::Commands;
use serde_json::{Value, json};
use system_tests::program::PATIENCE;
use system_tests::python::Venv;
use system_tests::servers::RedisServer;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A worker in this process, and a client that sends to it.
struct Engine {
    client: Client,
    shutdown: Shutdown,
    running: JoinHandle<()>,
    raw: redis::Connection,
}

impl Engine {
    fn start(redis: &RedisServer, registry: Registry, fallback_queue: Option<&str>) -> anyhow::Result<Self> {
        Self::start_with(redis, registry, fallback_queue, RedisBrokerOptions::default())
    }

    fn start_with(
        redis: &RedisServer,
        registry: Registry,
        fallback_queue: Option<&str>,
        options: RedisBrokerOptions,
    ) -> anyhow::Result<Self> {
        let address = Address::new(&redis.url(), &TlsOptions::default())?;
        let node = NodeId::new("engine@test");
        let broker = Arc::new(RedisBroker::new(address.clone(), &node, options));
        let results = Arc::new(RedisResults::new(address, RedisResultsOptions::default()));
        let shutdown = Shutdown::new();
        let worker = Worker::new(WorkerParts {
            broker: broker.clone(),
            results: Some(results.clone()),
            pool: Arc::new(ThreadPool::new(2)),
            registry,
            hostname: node.name().to_owned(),
            accept: AcceptContent::default(),
            max_deliveries: Some(3),
            fallback_queue: fallback_queue.map(str::to_owned),
            prefetch_multiplier: 1,
            time_limits: TimeLimits::default(),
            drain_timeout: None,
            shutdown: shutdown.clone(),
        });
        let running =
            tokio::spawn(async move { worker.run(&["q".to_owned()]).await.expect("the worker leaves") });
        let raw = redis::Client::open(redis.url())?.get_connection()?;
        Ok(Self { client: Client::new(broker, Some(results), "test"), shutdown, running, raw })
    }

    async fn send(&self, task: &str) -> anyhow::Result<String> {
        Ok(self.client.send("q", TaskCall::new(task)).await?)
    }

    async fn outcome(&self, id: &str) -> anyhow::Result<Meta> {
        Ok(self.client.wait(id, Some(PATIENCE)).await?.expect("an outcome in time"))
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.warm();
        Ok(self.running.await?)
    }
}

fn options(change: impl FnOnce(&mut TaskOptions)) -> TaskOptions {
    let mut options = TaskOptions::default();
    change(&mut options);
    options
}

/// A task that says when it has begun, and ends when it may.
struct Gate {
    begun: Semaphore,
    may_end: Semaphore,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self { begun: Semaphore::new(0), may_end: Semaphore::new(0) })
    }

    fn register(self: &Arc<Self>, registry: &mut Registry, name: &str, options: TaskOptions) {
        let gate = self.clone();
        registry.register_fn(name, options, move |_, _| {
            let gate = gate.clone();
            async move {
                gate.begun.add_permits(1);
                gate.may_end.acquire().await.expect("open").forget();
                Ok(json!("done"))
            }
        });
    }

    async fn wait_begun(&self) {
        self.begun.acquire().await.expect("open").forget();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_acknowledged_after_its_task_or_before_it() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let gate = Gate::new();
    let mut registry = Registry::new();
    gate.register(&mut registry, "late", TaskOptions::default());
    gate.register(&mut registry, "early", options(|options| options.acks_late = false));
    let mut engine = Engine::start(&redis, registry, None)?;

    for (task, held) in [("late", 1), ("early", 0)] {
        let id = engine.send(task).await?;
        gate.wait_begun().await;
        assert_eq!(engine.raw.hlen::<_, usize>("unacked")?, held, "{task}");
        assert_eq!(engine.raw.zcard::<_, usize>("unacked_index")?, held, "{task}");
        gate.may_end.add_permits(1);
        assert_eq!(engine.outcome(&id).await?.result, json!("done"));
    }
    engine.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_told_when_asked_for() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let gate = Gate::new();
    let mut registry = Registry::new();
    gate.register(&mut registry, "tracked", options(|options| options.track_started = true));
    let mut engine = Engine::start(&redis, registry, None)?;

    let id = engine.send("tracked").await?;
    gate.wait_begun().await;
    let stored: String = engine.raw.get(format!("celery-task-meta-{id}"))?;
    let started: Value = serde_json::from_str(&stored)?;
    assert_eq!(started["status"], "STARTED");
    assert_eq!(started["result"], json!({"pid": std::process::id(), "hostname": "engine@test"}));
    gate.may_end.add_permits(1);
    assert_eq!(engine.outcome(&id).await?.status, "SUCCESS");
    engine.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_stored_only_where_they_are_wanted() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut registry = Registry::new();
    let quiet = options(|options| options.ignore_result = true);
    let errors = options(|options| {
        options.ignore_result = true;
        options.store_errors_even_if_ignored = true;
    });
    registry.register_fn("quiet", quiet.clone(), |_, _| async { Ok(Value::Null) });
    registry
        .register_fn("quiet.fail", quiet, |_, _| async { Err(Exception::builtin("ValueError", "x").into()) });
    registry.register_fn("errors.fail", errors, |_, _| async {
        Err(Exception::builtin("ValueError", "x").into())
    });
    registry.register_fn("last", TaskOptions::default(), |_, _| async { Ok(Value::Null) });
    let mut engine = Engine::start(&redis, registry, None)?;

    // Our client's header leaves it to nobody: it wants results. A header of null leaves it to the task.
    let ids = ["quiet", "quiet.fail", "errors.fail"];
    for id in ids {
        let element = json!({
            "body": "[[], {}, {}]", "content-type": "application/json", "content-encoding": "utf-8",
            "headers": {"task": id, "id": id, "ignore_result": null},
            "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}},
        });
        engine.raw.lpush::<_, _, ()>("q", element.to_string())?;
    }
    assert_eq!(engine.outcome("errors.fail").await?.status, "FAILURE");
    let last = engine.send("last").await?;
    engine.outcome(&last).await?;
    for id in ["quiet", "quiet.fail"] {
        assert!(!engine.raw.exists::<_, bool>(format!("celery-task-meta-{id}"))?, "{id}");
    }
    engine.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_served_here_goes_on_unchanged() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut registry = Registry::new();
    registry.register_fn("known", TaskOptions::default(), |_, _| async { Ok(Value::Null) });
    let mut engine = Engine::start(&redis, registry, Some("elsewhere"))?;

    let element = json!({
        "body": "W1sxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTBdLCB7fSwge31d", "content-type": "application/json",
        "content-encoding": "utf-8", "headers": {"task": "unknown", "id": "u", "custom": [1, {"a": null}]},
        "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "priority": 5,
                       "body_encoding": "base64", "delivery_tag": "t"},
    });
    engine.raw.lpush::<_, _, ()>("q", element.to_string())?;
    let known = engine.send("known").await?;
    engine.outcome(&known).await?;
    let (_, forwarded): (String, String) = engine.raw.brpop("elsewhere\x06\x163", 10.0)?;
    assert_eq!(serde_json::from_str::<Value>(&forwarded)?, element);
    assert!(!engine.raw.exists::<_, bool>("celery-task-meta-u")?);
    engine.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_cut_off_is_run_all_the_same() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let gate = Gate::new();
    let mut registry = Registry::new();
    gate.register(&mut registry, "held", TaskOptions::default());
    registry.register_fn("cut.off", TaskOptions::default(), |_, _| async { Ok(json!("run")) });
    let options =
        RedisBrokerOptions { lease_time: Duration::from_millis(300), ..RedisBrokerOptions::default() };
    let mut engine = Engine::start_with(&redis, registry, None, options)?;
    let held = engine.send("held").await?;
    gate.wait_begun().await;

    // As if the server had leased a message to this node and the answer had never arrived.
    let node: Vec<String> = engine.raw.zrange("celeriac.nodes", 0, -1)?;
    let element = json!({
        "body": "[[], {}, {}]", "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": "cut.off", "id": "c"},
        "properties": {"delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "t"},
    });
    redis::pipe()
        .atomic()
        .hset("unacked", "t", json!([element, "", "q"]).to_string())
        .zadd("unacked_index", "t", 9e9)
        .sadd(format!("celeriac.lease.{}", node[0]), "t")
        .exec(&mut engine.raw)?;
    assert_eq!(engine.outcome("c").await?.result, json!("run"));
    gate.may_end.add_permits(1);
    engine.outcome(&held).await?;
    assert_eq!(engine.raw.hlen::<_, usize>("unacked")?, 0);
    engine.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_lost_changes_nothing() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let gate = Gate::new();
    let mut registry = Registry::new();
    gate.register(&mut registry, "held", TaskOptions::default());
    registry.register_fn("last", TaskOptions::default(), |_, _| async { Ok(Value::Null) });
    let mut engine = Engine::start(&redis, registry, None)?;
    let id = engine.send("held").await?;
    gate.wait_begun().await;

    // Somebody else has put the message back and taken it, as after a long freeze of this process.
    let tags: Vec<String> = engine.raw.hkeys("unacked")?;
    redis::pipe().atomic().hdel("unacked", &tags[0]).zrem("unacked_index", &tags[0]).exec(&mut engine.raw)?;
    gate.may_end.add_permits(1);
    let last = engine.send("last").await?;
    engine.outcome(&last).await?;
    engine.stop().await?;
    let stored: bool =
        redis::Client::open(redis.url())?.get_connection()?.exists(format!("celery-task-meta-{id}"))?;
    assert!(!stored, "the outcome of a lost lease does not count");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_settled_goes_back() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let address = Address::new(&redis.url(), &TlsOptions::default())?;
    let options =
        RedisBrokerOptions { lease_time: Duration::from_millis(300), ..RedisBrokerOptions::default() };
    let broker = Arc::new(RedisBroker::new(address, &NodeId::new("engine@test"), options));
    let client = Client::new(broker.clone(), None, "test");
    let mut deliveries = broker.consume(&["q".to_owned()], Window::new(2), CancellationToken::new()).await;
    client.send("q", TaskCall::new("kept")).await?;
    let _kept = deliveries.recv().await.expect("a delivery");
    client.send("q", TaskCall::new("abandoned")).await?;
    let abandoned = deliveries.recv().await.expect("a delivery");

    broker.abandon(&abandoned.receipt);
    drop(abandoned);
    let again = tokio::time::timeout(PATIENCE, deliveries.recv()).await?.expect("a delivery");
    let envelope = Envelope::parse(&again.element)?;
    assert_eq!(envelope.header_text("task"), Some("abandoned"));
    assert!(envelope.is_redelivered());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_not_acknowledged_is_a_dead_letter_with_its_result_stored() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut registry = Registry::new();
    let fail = || std::future::ready(Err::<(), TaskError>(Exception::builtin("ValueError", "boom").into()));
    // Too late at first; when it is delivered again, it ends in time.
    let gate = Gate::new();
    let again = gate.clone();
    let timeout = move |context: TaskContext| {
        let gate = again.clone();
        async move {
            if !context.is_redelivered() {
                std::future::pending::<()>().await;
            }
            gate.begun.add_permits(1);
            gate.may_end.acquire().await?.forget();
            Ok::<_, TaskError>("in time")
        }
    };
    let reject = |options: &mut TaskOptions| options.acks_on_failure_or_timeout(false);
    registry.serve("fail", TypedTask::new([], fail).options(reject));
    let late = |options: &mut TaskOptions| {
        reject(options);
        options.time_limits.hard = Some(2.0);
    };
    registry.serve("timeout", TypedTask::new([], timeout).options(late));
    let mut engine = Engine::start(&redis, registry, None)?;

    let id = engine.send("fail").await?;
    assert_eq!(engine.outcome(&id).await?.status, "FAILURE");
    let letter: String = engine.raw.lindex("dlq", 0)?;
    let letter = celeriac::dead_letters::DeadLetter::read(letter);
    assert_eq!((letter.id(), letter.exception()), (id.as_str(), Some("ValueError('boom')")));

    // Back in its queue, where the next delivery finds it.
    let id = engine.send("timeout").await?;
    assert_eq!(engine.outcome(&id).await?.status, "FAILURE");
    tokio::time::timeout(PATIENCE, gate.wait_begun()).await?;
    gate.may_end.add_permits(1);
    engine.stop().await?;
    let mut raw = redis::Client::open(redis.url())?.get_connection()?;
    let stored: String = raw.get(format!("celery-task-meta-{id}"))?;
    assert_eq!(serde_json::from_str::<Value>(&stored)?["status"], "SUCCESS");
    assert_eq!(raw.hlen::<_, usize>("unacked")?, 0);
    assert_eq!(raw.llen::<_, usize>("dlq")?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn python_sees_progress_and_raises_the_classes_of_typed_tasks() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let (begun, may_end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let mut registry = Registry::new();
    let gates = (begun.clone(), may_end.clone());
    let body = move |context: TaskContext, path: String, encoding: Option<String>| {
        let (begun, may_end) = gates.clone();
        async move {
            context.update_state("PROGRESS", json!({"done": 1, "of": 2})).await?;
            begun.add_permits(1);
            may_end.acquire().await?.forget();
            std::fs::read_to_string(path)?;
            Ok::<_, TaskError>(encoding)
        }
    };
    registry.serve("files.read", TypedTask::new(["path", "encoding"], body));
    let engine = Engine::start(&redis, registry, None)?;
    let snippet = r#"
import sys
from celery import Celery
from celery.result import AsyncResult
app = Celery("x", broker=sys.argv[1], backend=sys.argv[1])
for id in sys.argv[2:]:
    result = AsyncResult(id, app=app)
    try:
        print(result.state, result.info if result.state == "PROGRESS" else result.get(timeout=60))
    except Exception as error:
        print(type(error).__name__, error)
"#;
    let python = |id: &str| -> anyhow::Result<String> {
        Ok(Venv::celery57()?.snippet(snippet).args([redis.url(), id.to_owned()]).output()?.stdout)
    };
    let call = TaskCall::new("files.read").queue("q").kwarg("path", "/no/such/file");
    let result = engine.client.apply_async(call).await?;
    begun.acquire().await?.forget();
    assert_eq!(python(result.id())?.trim(), "PROGRESS {'done': 1, 'of': 2}");
    may_end.add_permits(1);
    engine.outcome(result.id()).await?;
    assert_eq!(python(result.id())?.trim(), "FileNotFoundError No such file or directory (os error 2)");

    let id = engine.send("files.read").await?;
    engine.outcome(&id).await?;
    assert_eq!(python(&id)?.trim(), "TypeError read() missing 1 required positional argument: 'path'");
    engine.stop().await
}
