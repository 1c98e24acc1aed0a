//! The main job, whole: real Celery sends, the real worker runs, the row, the ledger, the bucket and the result tell.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use anyhow::Context;
use platform::store::Status;
use serde_json::{Value, json};
use system_tests::backend::{Backend, CREDITS};
use system_tests::process::Signal;
use system_tests::program::{PATIENCE, Program};
use system_tests::python::Venv;
use system_tests::servers::RedisServer;
use system_tests::worker;

const CUSTOMERS: &[u8] = include_bytes!("../golden/data/profile_customers.csv");
const PROCESS_ANALYSIS: &str = "celery_queue.tasks.process_analysis";

/// A worker on a backend and a broker, ready to take tasks.
fn start_worker(backend: &Backend, redis: &RedisServer, extra: &[(&str, &str)]) -> anyhow::Result<Program> {
    let worker = worker::command(["worker", "-c", "2", "--rate-limit", "none"])?
        .env("REDIS_URL", redis.url())
        .envs(backend.environment().iter().map(|(name, value)| (*name, value.as_str())))
        .envs(extra.iter().copied())
        .start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

/// Sends with the real Celery and waits for the result: `{"id", "state", "result"}`.
fn send(
    venv: &Venv,
    redis: &RedisServer,
    task: &str,
    arguments: &Value,
    more: &[&str],
) -> anyhow::Result<Value> {
    let tls: &[&str] = if redis.ca_file().is_some() { &["--tls", "unverified"] } else { &[] };
    venv.script("send.py")
        .args([task, "--broker", &redis.url(), "--queue", "default", "--args", &arguments.to_string()])
        .args(tls.iter().copied())
        .args(more.iter().copied())
        .output()?
        .json()
}

fn profile_task(backend: &Backend) -> anyhow::Result<String> {
    backend.task("profile-my-data", &["unified-profiler"], &[("customers.csv", CUSTOMERS)])
}

/// Everything that a finished profile leaves: row, ledger, report, and nothing else.
fn check_completed(backend: &Backend, task_id: &str, answer: &Value) -> anyhow::Result<()> {
    assert_eq!(answer["state"], "SUCCESS", "{answer}");
    let result = answer["result"].as_object().context("the result is an object")?;
    assert_eq!(result.keys().collect::<Vec<_>>(), ["status", "task_id", "execution_time_ms"]);
    assert_eq!((&result["status"], &result["task_id"]), (&json!("success"), &json!(task_id)));

    let row = backend.row(task_id)?;
    assert_eq!((row.status, row.progress, row.current_agent), (Status::Completed, 100, None));
    assert!(row.completed_at.is_some() && row.failed_at.is_none() && row.error_code.is_none());

    let ledger = backend.ledger(task_id)?;
    let charged: Vec<_> = ledger.iter().map(|row| (row.agent_id.as_deref(), row.delta_credits)).collect();
    assert_eq!(charged, [(Some("unified-profiler"), -30)]);

    assert_eq!(backend.outputs(task_id)?, ["profile_my_data_analysis.json"]);
    let report = backend.output_json(task_id, "profile_my_data_analysis.json")?;
    assert_eq!(report["metadata"]["analysis_id"], task_id);
    assert_eq!(report["metadata"]["agents_name"], json!(["Unified Profiler"]));
    assert_eq!(report["agent_results"]["unified-profiler"]["status"], "success");
    assert_eq!(report["executive_summary"][0]["value"], "1/1");
    assert_eq!(report["analysis_summary"]["model_used"], "fallback");
    Ok(())
}

/// Each name, sent as the backend sends it, on the backend's own kind of servers.
fn every_name_runs(redis: &RedisServer, environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let backend = Backend::with_servers()?;
    let mut worker = start_worker(&backend, redis, environment)?;
    let venv = Venv::celery57()?;
    for name in [PROCESS_ANALYSIS, "queue.tasks.process_analysis", "process_analysis"] {
        let task_id = profile_task(&backend)?;
        let answer = send(&venv, redis, name, &json!([task_id, backend.user_id()]), &[])?;
        check_completed(&backend, &task_id, &answer)?;
    }
    assert_eq!(backend.balance()?, CREDITS - 3 * 30);

    for name in ["celery_queue.tasks.health_check", "queue.tasks.health_check"] {
        let answer = send(&venv, redis, name, &json!([]), &[])?;
        assert_eq!(answer["result"]["status"], "healthy");
        assert_eq!(answer["result"]["task_id"], answer["id"]);
        assert!(
            answer["result"]["worker_id"].as_str().is_some_and(|id| id.starts_with("celery@")),
            "{answer}"
        );
    }
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(0));
    Ok(())
}

#[test]
fn every_name_runs_on_plain_redis() -> anyhow::Result<()> {
    every_name_runs(&RedisServer::start()?, &[])
}

#[test]
fn every_name_runs_on_tls_redis_with_a_verified_certificate() -> anyhow::Result<()> {
    let redis = RedisServer::start_tls()?;
    let ca_file = redis.ca_file().context("a TLS server has an authority")?.to_string_lossy().into_owned();
    every_name_runs(&redis, &[("REDIS_CA_FILE", ca_file.as_str())])
}

#[test]
fn an_unknown_certificate_is_refused_unless_told_otherwise() -> anyhow::Result<()> {
    let redis = RedisServer::start_tls()?;
    let backend = Backend::embedded()?;
    let refusing = start_worker(&backend, &redis, &[])?;
    refusing.wait_for_line("ertificate")?;
    drop(refusing);

    let trusting = start_worker(&backend, &redis, &[("REDIS_TLS_VERIFY", "false")])?;
    trusting.wait_for_line("without verification")?;
    let answer = send(&Venv::celery57()?, &redis, "celery_queue.tasks.health_check", &json!([]), &[])?;
    assert_eq!(answer["result"]["status"], "healthy");
    Ok(())
}

#[test]
fn every_producer_is_treated_alike() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let backend = Backend::embedded()?;
    let _worker = start_worker(&backend, &redis, &[])?;
    let (new, old) = (Venv::celery57()?, Venv::celery53()?);

    for venv in [&new, &old] {
        let task_id = profile_task(&backend)?;
        let answer = send(venv, &redis, PROCESS_ANALYSIS, &json!([task_id, backend.user_id()]), &[])?;
        check_completed(&backend, &task_id, &answer)?;
    }

    // `celery call` goes to the queue of an app without settings.
    let task_id = profile_task(&backend)?;
    let arguments = json!([task_id, backend.user_id()]).to_string();
    let called = new
        .command(["-m", "celery", "-b", &redis.url(), "call", PROCESS_ANALYSIS, "--args", &arguments])
        .output()?
        .success()?;
    let id = called.stdout.trim();
    let read = "import sys\nfrom celery import Celery\nfrom celery.result import AsyncResult\nimport json\n\
                app = Celery(broker=sys.argv[1], backend=sys.argv[1])\nr = AsyncResult(sys.argv[2], app=app)\n\
                print(json.dumps({'result': r.get(timeout=60), 'state': r.state}))";
    let answer = new.snippet(read).args([redis.url().as_str(), id]).output()?.json()?;
    check_completed(&backend, &task_id, &answer)?;

    let task_id = profile_task(&backend)?;
    let arguments = json!([task_id, backend.user_id()]).to_string();
    let sent =
        worker::command(["send", PROCESS_ANALYSIS, "--args", &arguments, "--queue", "default", "--wait"])?
            .env("REDIS_URL", redis.url())
            .output()?
            .success()?;
    let sent: Value = serde_json::from_str(&sent.stdout)?;
    check_completed(&backend, &task_id, &json!({"state": sent["status"], "result": sent["result"]}))?;
    Ok(())
}

#[test]
fn each_refusal_has_its_code_and_shape() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let backend = Backend::embedded()?;
    let _worker = start_worker(&backend, &redis, &[])?;
    let venv = Venv::celery57()?;
    let owner = backend.user_id();
    let run =
        |task_id: &str, user_id: i32| send(&venv, &redis, PROCESS_ANALYSIS, &json!([task_id, user_id]), &[]);
    let refused = ["status", "error", "error_code"];
    let in_transformer = ["status", "task_id", "error", "error_code", "execution_time_ms"];

    let check = |answer: &Value, keys: &[&str], code: &str| {
        assert_eq!(answer["state"], "SUCCESS", "a business failure is no failure for Celery: {answer}");
        let result = answer["result"].as_object().expect("the result is an object");
        assert_eq!(result.keys().collect::<Vec<_>>(), keys, "{answer}");
        assert_eq!((&result["status"], &result["error_code"]), (&json!("error"), &json!(code)));
    };
    let check_row = |task_id: &str, code: &str| {
        let row = backend.row(task_id).expect("the row is there");
        assert_eq!((row.status, row.error_code.as_deref()), (Status::Failed, Some(code)));
        assert!(row.failed_at.is_some() && row.error_message.is_some_and(|message| !message.is_empty()));
        assert!(backend.ledger(task_id).expect("the ledger can be read").is_empty());
        assert!(backend.outputs(task_id).expect("the outputs can be listed").is_empty());
    };

    check(&run("no-such-task", owner)?, &refused, "TASK_NOT_FOUND");

    let done = profile_task(&backend)?;
    run(&done, owner)?;
    check(&run(&done, owner)?, &refused, "INVALID_TASK_STATE");
    assert_eq!(backend.status(&done)?, Status::Completed);
    assert_eq!(backend.ledger(&done)?.len(), 1);

    let strangers = profile_task(&backend)?;
    check(&run(&strangers, owner + 1)?, &refused, "USER_NOT_FOUND");
    check_row(&strangers, "USER_NOT_FOUND");

    for tool in ["analyze-my-data", "churn-sental"] {
        let task_id = backend.task(tool, &["unified-profiler"], &[("customers.csv", CUSTOMERS)])?;
        check(&run(&task_id, owner)?, &refused, "UNKNOWN_TOOL");
        check_row(&task_id, "UNKNOWN_TOOL");
    }

    let empty = backend.task("profile-my-data", &["unified-profiler"], &[])?;
    check(&run(&empty, owner)?, &in_transformer, "NO_INPUT_FILES");
    check_row(&empty, "NO_INPUT_FILES");

    for parameters in [&b"[1]"[..], b"{", b"\xef\xbb\xbf{}"] {
        let inputs = [("customers.csv", CUSTOMERS), ("parameters.json", parameters)];
        let task_id = backend.task("profile-my-data", &["unified-profiler"], &inputs)?;
        check(&run(&task_id, owner)?, &in_transformer, "PROCESSING_ERROR");
        check_row(&task_id, "PROCESSING_ERROR");
    }

    let unpriced =
        backend.task("profile-my-data", &["unified-profiler", "no-such-agent"], &[("c.csv", CUSTOMERS)])?;
    check(&run(&unpriced, owner)?, &in_transformer, "BILLING_INSUFFICIENT_CREDITS");
    check_row(&unpriced, "BILLING_INSUFFICIENT_CREDITS");

    backend.wait(backend.store().set_wallet(owner, 29))?;
    let poor = profile_task(&backend)?;
    let answer = run(&poor, owner)?;
    check(&answer, &in_transformer, "BILLING_INSUFFICIENT_CREDITS");
    let message = answer["result"]["error"].as_str().unwrap_or_default();
    assert!(message.contains("30") && message.contains("29"), "{message}");
    check_row(&poor, "BILLING_INSUFFICIENT_CREDITS");
    Ok(())
}

#[test]
fn what_an_agent_cannot_read_does_not_fail_the_task() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let backend = Backend::embedded()?;
    let _worker = start_worker(&backend, &redis, &[])?;
    let venv = Venv::celery57()?;
    let broken: [&[u8]; 4] = [b"", b"a,b\n1,2,3\n", b"a\n\xff\n", b"a,b\n\"x,1\n"];
    for bytes in broken {
        let task_id = backend.task("profile-my-data", &["unified-profiler"], &[("broken.csv", bytes)])?;
        let answer = send(&venv, &redis, PROCESS_ANALYSIS, &json!([task_id, backend.user_id()]), &[])?;
        assert_eq!(answer["result"]["status"], "success", "{answer}");
        assert_eq!(backend.status(&task_id)?, Status::Completed);
        let report = backend.output_json(&task_id, "profile_my_data_analysis.json")?;
        assert_eq!(report["executive_summary"][0]["value"], "0/1");
        assert_eq!(report["agent_results"], json!({}));
    }
    Ok(())
}

#[test]
fn keyword_arguments_and_wrong_arguments() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let backend = Backend::embedded()?;
    let _worker = start_worker(&backend, &redis, &[])?;
    let venv = Venv::celery57()?;

    let task_id = profile_task(&backend)?;
    let kwargs = json!({"task_id": task_id, "user_id": backend.user_id(), "tool_id": "ignored"}).to_string();
    let answer = send(&venv, &redis, PROCESS_ANALYSIS, &json!([]), &["--kwargs", &kwargs])?;
    check_completed(&backend, &task_id, &answer)?;

    for arguments in [json!([]), json!(["only-one"]), json!(["id", "not a number"])] {
        let answer = send(&venv, &redis, PROCESS_ANALYSIS, &arguments, &[])?;
        assert_eq!(
            (&answer["state"], &answer["result"]["exc_type"]),
            (&json!("FAILURE"), &json!("TypeError"))
        );
    }
    Ok(())
}

#[test]
fn servers_that_are_missing_at_the_start_are_waited_for() -> anyhow::Result<()> {
    let mut redis = RedisServer::start()?;
    let mut backend = Backend::with_servers()?;
    let task_id = profile_task(&backend)?;
    redis.stop()?;
    let (database, s3) = backend.servers()?;
    database.stop()?;
    s3.pause()?;

    let worker = worker::command(["worker", "-c", "2", "--rate-limit", "none"])?
        .env("REDIS_URL", redis.url())
        .envs(backend.environment().iter().map(|(name, value)| (*name, value.as_str())))
        .start()?;
    worker.wait_for_line("the database is not reachable")?;
    let (database, s3) = backend.servers()?;
    database.restart()?;
    s3.resume()?;
    worker.wait_for_line(" ready")?;
    worker.wait_for_line("cannot fetch messages from Redis")?;
    redis.restart()?;

    let answer =
        send(&Venv::celery57()?, &redis, PROCESS_ANALYSIS, &json!([task_id, backend.user_id()]), &[])?;
    check_completed(&backend, &task_id, &answer)
}

#[test]
fn a_database_that_goes_away_costs_a_retry() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut backend = Backend::with_servers()?;
    let worker = start_worker(&backend, &redis, &[])?;
    let task_id = profile_task(&backend)?;
    backend.servers()?.0.stop()?;

    let venv = Venv::celery57()?;
    let arguments = json!([task_id, backend.user_id()]);
    let sent = send(&venv, &redis, PROCESS_ANALYSIS, &arguments, &["--no-wait"])?;
    worker.wait_for_line("retry in")?;
    backend.servers()?.0.restart()?;

    let wait = "import sys, json\nfrom celery import Celery\nfrom celery.result import AsyncResult\n\
                app = Celery(broker=sys.argv[1], backend=sys.argv[1])\nr = AsyncResult(sys.argv[2], app=app)\n\
                print(json.dumps({'result': r.get(timeout=60), 'state': r.state}))";
    let id = sent["id"].as_str().context("an id")?;
    let answer = venv.snippet(wait).args([redis.url().as_str(), id]).output()?.json()?;
    check_completed(&backend, &task_id, &answer)
}

#[test]
fn starts_are_as_far_apart_as_the_backend_says() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let backend = Backend::embedded()?;
    let worker = worker::command(["worker", "-c", "4"])?
        .env("REDIS_URL", redis.url())
        .envs(backend.environment().iter().map(|(name, value)| (*name, value.as_str())))
        .start()?;
    worker.wait_for_line(" ready")?;
    let venv = Venv::celery57()?;
    let mut completed = Vec::new();
    for _ in 0..2 {
        let task_id = profile_task(&backend)?;
        let answer = send(&venv, &redis, PROCESS_ANALYSIS, &json!([task_id, backend.user_id()]), &[])?;
        check_completed(&backend, &task_id, &answer)?;
        completed.push(backend.row(&task_id)?.processing_started_at.context("it was started")?);
    }
    // 10/m: one start in 6 s; the row tells whole seconds.
    let apart = (completed[1] - completed[0]).num_seconds();
    assert!((5..=30).contains(&apart), "{apart} s apart");
    Ok(())
}

/// Runs a task that cannot succeed under the worker's limits, whose code the row then has. Answers Celery's answer, the row's
/// message, and how often it was started.
fn ended_by(limit: (&str, &str), error_code: &str) -> anyhow::Result<(Value, String, usize)> {
    let (backend, redis) = (Backend::embedded()?, RedisServer::start()?);
    let worker = start_worker(&backend, &redis, &[limit])?;
    let task_id = profile_task(&backend)?;
    let arguments = json!([task_id, backend.user_id()]);
    let answer = send(&Venv::celery57()?, &redis, PROCESS_ANALYSIS, &arguments, &[])?;
    let row = backend.row(&task_id)?;
    assert_eq!((row.status, row.error_code.as_deref()), (Status::Failed, Some(error_code)), "{answer}");
    assert!(row.failed_at.is_some() && backend.ledger(&task_id)?.len() <= 1, "never charged twice");
    assert_eq!(backend.outputs(&task_id)?, Vec::<String>::new());
    let lines = worker.lines();
    let is_start = |line: &&String| line.contains("process_analysis[") && line.contains("] received");
    let starts = lines.iter().filter(is_start).count();
    Ok((answer, row.error_message.unwrap_or_default(), starts))
}

#[test]
fn the_soft_time_limit_is_retried_then_a_timeout() -> anyhow::Result<()> {
    let (answer, message, starts) = ended_by(("CELERY_WORKER_SOFT_TIME_LIMIT", "0.001"), "TIMEOUT")?;
    assert_eq!((&answer["state"], &answer["result"]["error_code"]), (&json!("SUCCESS"), &json!("TIMEOUT")));
    assert!(message.contains("4 attempts"), "{message}");
    assert_eq!(starts, 4);
    Ok(())
}

#[test]
fn the_hard_time_limit_is_told_by_the_row() -> anyhow::Result<()> {
    let (answer, message, starts) = ended_by(("CELERY_WORKER_TIME_LIMIT", "0.001"), "CELERY_TASK_FAILURE")?;
    assert_eq!((&answer["state"], starts), (&json!("FAILURE"), 1));
    assert_eq!(message, "TimeLimitExceeded(0.001,)");
    Ok(())
}

#[test]
fn a_task_that_costs_three_executors_is_given_up() -> anyhow::Result<()> {
    let limit = ("CELERY_WORKER_MAX_MEMORY_PER_TASK", "1");
    let (answer, message, starts) = ended_by(limit, "CELERY_TASK_FAILURE")?;
    assert_eq!((&answer["state"], starts), (&json!("FAILURE"), 3));
    // Refused by the system, or seen by the worker: whichever comes first says it in its words.
    assert!(message.contains("1 KiB") && message.contains("allowed"), "{message}");
    Ok(())
}
