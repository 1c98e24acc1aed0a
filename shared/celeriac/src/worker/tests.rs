//! The worker's loop on the memory broker: what a task's end does to message and result.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::*;
use crate::broker::{MemoryBroker, MemoryServer};
use crate::client::{AsyncResult, Client, GetError, TaskCall};
use crate::exception::Exception;
use crate::task::{TaskContext, TaskError, TypedTask};

/// How long a test waits for what must come.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(60));

/// A worker in this process, and a client that sends to it.
struct Engine {
    server: MemoryServer,
    broker: MemoryBroker,
    client: Client,
    shutdown: Shutdown,
    running: JoinHandle<Result<(), BrokerError>>,
}

impl Engine {
    fn start(registry: Registry) -> Self {
        Self::start_on(MemoryServer::new(), registry)
    }

    fn start_on(server: MemoryServer, registry: Registry) -> Self {
        let broker = server.node("worker@test");
        let results: Arc<dyn ResultBackend> = Arc::new(server.results());
        let mut parts =
            WorkerParts::new("worker@test", Arc::new(broker.clone()), Some(results.clone()), registry);
        parts.pool = Arc::new(ThreadPool::new(2));
        parts.prefetch_multiplier = 1;
        let shutdown = parts.shutdown.clone();
        let worker = Worker::new(parts);
        let running = tokio::spawn(async move { worker.run(&["celery".to_owned()]).await });
        let client = Client::new(Arc::new(server.node("client@test")), Some(results), "test");
        Self { server, broker, client, shutdown, running }
    }

    async fn call(&self, task: &str) -> AsyncResult {
        self.client.apply_async(TaskCall::new(task)).await.unwrap()
    }

    async fn stop(self) -> MemoryServer {
        self.shutdown.warm();
        self.running.await.unwrap().unwrap();
        self.server
    }
}

fn failing(class: &'static str) -> impl Fn() -> std::future::Ready<Result<Value, TaskError>> {
    move || std::future::ready(Err(Exception::builtin(class, "x").into()))
}

/// Says when a task has begun, and lets it go on.
#[derive(Clone)]
struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.unwrap().forget();
    }

    async fn reached(&self) {
        self.0.0.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.0.1.add_permits(1);
    }
}

#[tokio::test]
async fn progress_is_told_and_never_comes_after_the_outcome() {
    let (gate, late) = (Gate::new(), Gate::new());
    let mut registry = Registry::new();
    let gates = (gate.clone(), late.clone());
    let body = move |context: TaskContext| {
        let (gate, late) = gates.clone();
        async move {
            for done in 1..=3 {
                context.update_state("PROGRESS", json!({"done": done})).await?;
            }
            gate.pass().await;
            tokio::spawn(async move {
                late.pass().await;
                context.update_state("PROGRESS", json!("late")).await.unwrap();
                late.pass().await;
            });
            Err::<(), _>(TaskError::of("it fails"))
        }
    };
    registry.serve("tell", TypedTask::new([], body));
    let engine = Engine::start(registry);

    let result = engine.call("tell").await;
    gate.reached().await;
    let meta = result.meta().await.unwrap().unwrap();
    assert_eq!((meta.status.as_str(), meta.result), ("PROGRESS", json!({"done": 3})));
    gate.open();
    let failure = result.get::<Value>(PATIENCE).await.unwrap_err();
    assert!(matches!(failure, GetError::Failed { .. }), "{failure}");
    late.open();
    late.reached().await;
    late.reached().await;
    assert_eq!(result.state().await.unwrap(), "FAILURE");

    // Nobody wants results: the same body tells nobody.
    let quiet = engine.client.apply_async(TaskCall::new("tell").ignore_result(true)).await.unwrap();
    gate.reached().await;
    assert_eq!(quiet.state().await.unwrap(), "PENDING");
    gate.open();
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocking_function_tells_its_progress() {
    let mut registry = Registry::new();
    let body = |context: TaskContext| {
        context.update_state_blocking("PROGRESS", json!(1))?;
        Ok::<_, TaskError>("done")
    };
    registry.serve("tell", TypedTask::blocking([], body));
    let engine = Engine::start(registry);
    assert_eq!(engine.call("tell").await.get::<String>(PATIENCE).await.unwrap(), "done");
    engine.stop().await;
}

#[tokio::test]
async fn what_may_be_tried_again_is_until_it_may_not() {
    let attempts = Arc::new(AtomicU32::new(0));
    let mut registry = Registry::new();
    let counted = attempts.clone();
    let body = move |context: TaskContext| {
        assert_eq!(context.retries(), counted.fetch_add(1, Ordering::Relaxed));
        std::future::ready(Err::<(), TaskError>(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    };
    let at_once = |options: &mut TaskOptions| {
        options.autoretry_for = vec!["OSError".into()];
        options.max_retries = Some(2);
        options.default_retry_delay = Duration::ZERO;
    };
    registry.serve("connect", TypedTask::new([], body).options(at_once));
    registry.serve("other", TypedTask::new([], failing("ValueError")).options(at_once));
    let engine = Engine::start(registry);

    let result = engine.call("connect").await;
    let meta = result.wait(PATIENCE).await.unwrap();
    assert_eq!(meta.exception().unwrap().class, "TimeoutError");
    assert_eq!(meta.fields["retries"], 2);
    assert_eq!(attempts.load(Ordering::Relaxed), 3);

    let other = engine.call("other").await.wait(PATIENCE).await.unwrap();
    assert_eq!(
        (other.exception().unwrap().class.as_str(), &other.fields["retries"]),
        ("ValueError", &json!(0))
    );
    assert_eq!(engine.stop().await.held(), 0);
}

#[tokio::test]
async fn a_task_asks_for_another_try() {
    let mut registry = Registry::new();
    let body = async |context: TaskContext| match context.retries() {
        0 => Err(context.retry_in(Duration::ZERO, Exception::builtin("KeyError", "k"))),
        retries => Ok(retries),
    };
    registry.serve("again", TypedTask::new([], body));
    let body = async |context: TaskContext| Err::<(), _>(context.retry(std::fmt::Error));
    let later =
        TypedTask::new([], body).options(|options| options.default_retry_delay = Duration::from_secs(3600));
    registry.serve("later", later);
    let engine = Engine::start(registry);
    assert_eq!(engine.call("again").await.get::<u32>(PATIENCE).await.unwrap(), 1);

    // Far off, the next attempt waits with the broker, not here.
    let later = engine.call("later").await;
    while later.state().await.unwrap() != "RETRY" {
        tokio::task::yield_now().await;
    }
    let server = engine.stop().await;
    assert_eq!((server.delayed() + server.waiting("celery").len(), server.held()), (1, 0));
}

#[tokio::test]
async fn failures_that_are_not_acknowledged_are_dead_letters() {
    let mut registry = Registry::new();
    let rejecting =
        TypedTask::new([], failing("ValueError")).options(|options| options.acks_on_failure = false);
    registry.serve("rejecting", rejecting);
    let engine = Engine::start(registry);
    let result = engine.call("rejecting").await;
    assert_eq!(result.wait(PATIENCE).await.unwrap().status, "FAILURE");
    // In one step with the result: no need to wait for it.
    let letters = engine.server.dead_letters();
    assert_eq!((letters[0].id(), letters[0].exception()), (result.id(), Some("ValueError('x')")));
    assert_eq!(engine.stop().await.held(), 0);
}

#[tokio::test]
async fn what_a_crashed_worker_ran_runs_elsewhere_and_its_outcome_does_not_count() {
    let gate = Gate::new();
    let body = |who: &'static str| {
        let gate = gate.clone();
        move |context: TaskContext| {
            let gate = gate.clone();
            async move {
                if who == "first" {
                    gate.pass().await;
                }
                Ok::<_, TaskError>(json!([who, context.is_redelivered()]))
            }
        }
    };
    let serving = |who| {
        let mut registry = Registry::new();
        registry.serve("who", TypedTask::new([], body(who)));
        registry
    };
    let first = Engine::start(serving("first"));
    let result = first.call("who").await;
    gate.reached().await;
    first.broker.crash();
    let second = Engine::start_on(first.server.clone(), serving("second"));
    assert_eq!(result.get::<Value>(PATIENCE).await.unwrap(), json!(["second", true]));
    result.forget().await.unwrap();
    gate.open();
    first.stop().await;
    assert_eq!(result.state().await.unwrap(), "PENDING");
    assert_eq!(second.stop().await.held(), 0);
}

#[tokio::test]
async fn what_has_not_begun_goes_back_when_the_worker_stops() {
    let gate = Gate::new();
    let mut registry = Registry::new();
    let passing = gate.clone();
    let body = move || {
        let gate = passing.clone();
        async move {
            gate.pass().await;
            Ok::<_, TaskError>(())
        }
    };
    registry.serve("held", TypedTask::new([], body));
    let engine = Engine::start(registry);
    for _ in 0..5 {
        engine.call("held").await;
    }
    gate.reached().await;
    gate.reached().await;
    // Two run, and no more than two are held: a window of two.
    assert_eq!((engine.server.held(), engine.server.waiting("celery").len()), (2, 3));
    engine.shutdown.warm();
    gate.open();
    gate.open();
    let server = engine.stop().await;
    assert_eq!((server.held(), server.waiting("celery").len()), (0, 3));
}
