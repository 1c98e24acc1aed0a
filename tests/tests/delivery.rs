//! What becomes of a message: it survives the worker, and nothing that arrives can disturb the worker.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use redis::Commands;
use serde_json::{Value, json};
use system_tests::backend::Backend;
use system_tests::process::Signal;
use system_tests::program::{PATIENCE, Program};
use system_tests::python::Venv;
use system_tests::servers::RedisServer;
use system_tests::worker;

fn connect(server: &RedisServer) -> anyhow::Result<redis::Connection> {
    Ok(redis::Client::open(server.url())?.get_connection()?)
}

/// A worker that serves the try-out tasks, with embedded defaults.
fn start_worker(redis: &RedisServer, flags: &[&str]) -> anyhow::Result<Program> {
    let worker = worker::command(["worker", "--with-test-tasks"])?
        .args(flags.iter().copied())
        .env("REDIS_URL", redis.url())
        .start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

fn send(redis: &RedisServer, task: &str, arguments: &Value, more: &[&str]) -> anyhow::Result<Value> {
    Venv::celery57()?
        .script("send.py")
        .args([task, "--broker", &redis.url(), "--queue", "default", "--args", &arguments.to_string()])
        .args(more.iter().copied())
        .output()?
        .json()
}

#[test]
fn a_killed_worker_leaves_the_message_as_python_would() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut worker = start_worker(&redis, &["-c", "1"])?;
    send(&redis, "celeriac.test.sleep", &json!([600]), &["--no-wait", "--id", "the-task"])?;
    worker.wait_for_line("celeriac.test.sleep[the-task] received")?;
    let held: Vec<String> = connect(&redis)?.hkeys("unacked")?;
    assert_eq!(held.len(), 1);
    let indexed: Vec<String> = connect(&redis)?.zrange("unacked_index", 0, -1)?;
    assert_eq!(indexed, held);
    worker.kill()?;

    // The real kombu finds and restores it.
    let restored = Venv::celery57()?
        .script("restore.py")
        .args(["--broker", &redis.url(), "--queue", "default"])
        .output()?
        .json()?;
    assert_eq!((&restored["unacked_before"], &restored["unacked_after"]), (&json!(1), &json!(0)));
    let message = &restored["restored"][0][1];
    assert_eq!(message["headers"]["id"], "the-task");
    assert_eq!(message["headers"]["redelivered"], true);
    assert_eq!(message["properties"]["delivery_info"]["redelivered"], true);
    Ok(())
}

#[test]
fn another_worker_takes_over_from_a_killed_one() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut first = start_worker(&redis, &["-c", "1", "-n", "first@%h"])?;
    send(&redis, "celeriac.test.sleep", &json!([3]), &["--no-wait", "--id", "the-task"])?;
    first.wait_for_line("[the-task] received")?;
    let mut second = start_worker(&redis, &["-c", "1", "-n", "second@%h"])?;
    first.kill()?;
    second.wait_for_line("its messages are back in their queues")?;
    second.wait_for_line("[the-task] succeeded")?;
    second.signal(Signal::TERM)?;
    second.wait_exit(PATIENCE)?;
    let left: usize = connect(&redis)?.hlen("unacked")?;
    assert_eq!(left, 0);
    Ok(())
}

#[test]
fn a_warm_shutdown_finishes_what_runs_and_hands_the_rest_back() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut worker = start_worker(&redis, &["-c", "1", "--prefetch-multiplier", "4"])?;
    for id in ["a", "b", "c", "d", "e", "f"] {
        send(&redis, "celeriac.test.sleep", &json!([3]), &["--no-wait", "--id", id])?;
    }
    worker.wait_for_line("[d] received")?;
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(0));

    let mut connection = connect(&redis)?;
    let waiting: Vec<String> = connection.lrange("default", 0, -1)?;
    let finished = worker.lines().iter().filter(|line| line.contains(" succeeded in ")).count();
    assert_eq!(waiting.len() + finished, 6);
    assert!(finished >= 1, "what ran was finished");
    let redelivered = waiting.iter().filter(|element| element.contains(r#""redelivered": true"#)).count();
    assert!(redelivered >= 1, "what was held goes back with its flag");
    assert_eq!(connection.hlen::<_, usize>("unacked")?, 0);
    let ours: Vec<String> = connection.keys("celeriac.*")?;
    assert!(ours.is_empty() || ours == ["celeriac.nodes"], "{ours:?}");
    Ok(())
}

#[test]
fn a_second_signal_hands_back_what_runs() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut worker = start_worker(&redis, &["-c", "1"])?;
    send(&redis, "celeriac.test.sleep", &json!([600]), &["--no-wait", "--id", "long"])?;
    worker.wait_for_line("[long] received")?;
    worker.signal(Signal::TERM)?;
    worker.wait_for_line("warm shutdown")?;
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(1));
    let mut connection = connect(&redis)?;
    assert_eq!(connection.llen::<_, usize>("default")?, 1);
    assert_eq!(connection.hlen::<_, usize>("unacked")?, 0);
    assert!(!connection.exists::<_, bool>("celery-task-meta-long")?, "no outcome was stored");
    Ok(())
}

#[test]
fn nothing_that_arrives_disturbs_the_worker() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let _worker = start_worker(&redis, &["-c", "1"])?;
    let mut connection = connect(&redis)?;
    let body = |text: &str| {
        json!({"body": text, "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": "celeriac.test.noop", "id": "x"}, "properties": {"delivery_info": {"exchange": "", "routing_key": "default"}}})
    };
    let mut no_id = body("[[], {}, {}]");
    no_id["headers"] = json!({"task": "celeriac.test.noop"});
    let elements = [
        "junk".to_owned(),
        String::new(),
        "\u{0}\u{1}".to_owned(),
        "17".to_owned(),
        "{\"headers\": {}}".to_owned(),
        no_id.to_string(),
        body("[[], {}]").to_string(),
        body("no json").to_string(),
        body("").to_string(),
    ];
    for element in &elements {
        connection.lpush::<_, _, ()>("default", element)?;
        let answer = send(&redis, "celeriac.test.echo", &json!([1]), &["--kwargs", r#"{"k": "ü"}"#])?;
        assert_eq!(answer["result"], json!({"args": [1], "kwargs": {"k": "ü"}}), "after {element:?}");
    }
    let letters: Vec<String> = connection.lrange("dlq", 0, -1)?;
    assert_eq!(letters.len(), elements.len());
    for letter in &letters {
        let letter: Value = serde_json::from_str(letter)?;
        assert!(letter["headers"]["x-dead-letter-reason"].as_str().is_some_and(|reason| !reason.is_empty()));
        assert_eq!(letter["headers"]["x-dead-letter-queue"], "default");
    }
    assert_eq!(connection.hlen::<_, usize>("unacked")?, 0);
    assert_eq!(connection.zcard::<_, usize>("unacked_index")?, 0);

    let answer = send(&redis, "no.such.task", &json!([1]), &[])?;
    assert_eq!(answer["result"], json!({"exc_type": "NotRegistered", "exc_message": ["no.such.task"]}));
    let mut wrong_kwargs = body("[[], 5, {}]");
    wrong_kwargs["headers"]["id"] = json!("wrong-kwargs");
    connection.lpush::<_, _, ()>("default", wrong_kwargs.to_string())?;
    send(&redis, "celeriac.test.noop", &json!([]), &[])?;
    let stored: String = connection.get("celery-task-meta-wrong-kwargs")?;
    assert!(stored.contains("InvalidTaskError"), "{stored}");
    Ok(())
}

#[test]
fn each_way_to_end_is_what_celery_reads() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let _worker = start_worker(&redis, &["-c", "1"])?;
    let fail = |kind: &str| send(&redis, "celeriac.test.fail", &json!([kind]), &[]);
    let failure = |exc_type: &str, message: &str| json!({"exc_type": exc_type, "exc_message": [message]});
    assert_eq!(fail("value_error")?["result"], failure("ValueError", "asked to fail"));
    assert_eq!(fail("panic")?["result"], failure("RuntimeError", "the task panicked: asked to panic"));
    assert_eq!(
        fail("reject")?["result"],
        json!({"exc_type": "Reject", "exc_message": ["asked to reject", "False"]})
    );
    assert_eq!(fail("retry")?["result"], failure("ConnectionError", "asked to retry"));

    let expired = send(&redis, "celeriac.test.noop", &json!([]), &["--options", r#"{"expires": -1}"#])?;
    assert_eq!(expired["state"], "REVOKED");
    let later = send(&redis, "celeriac.test.noop", &json!([]), &["--options", r#"{"countdown": 1}"#])?;
    assert_eq!(later["state"], "SUCCESS");
    Ok(())
}

#[test]
fn a_redis_that_was_away_is_served_again() -> anyhow::Result<()> {
    let mut redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2"])?;
    send(&redis, "celeriac.test.noop", &json!([]), &[])?;
    send(&redis, "celeriac.test.sleep", &json!([2]), &["--no-wait", "--id", "across"])?;
    worker.wait_for_line("[across] received")?;
    redis.stop()?;
    worker.wait_for_line("cannot settle")?;
    redis.restart()?;
    // What finished meanwhile is settled, what comes now is run.
    let answer = send(&redis, "celeriac.test.echo", &json!(["back"]), &[])?;
    assert_eq!(answer["result"]["args"], json!(["back"]));
    let stored: Option<String> = connect(&redis)?.get("celery-task-meta-across")?;
    assert!(stored.is_some_and(|meta| meta.contains("SUCCESS")));
    Ok(())
}

#[test]
fn the_window_is_exact() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "1"])?;
    for id in ["a", "b", "c"] {
        send(&redis, "celeriac.test.sleep", &json!([600]), &["--no-wait", "--id", id])?;
    }
    worker.wait_for_line("[a] received")?;
    let mut connection = connect(&redis)?;
    assert_eq!((connection.llen::<_, usize>("default")?, connection.hlen::<_, usize>("unacked")?), (2, 1));
    Ok(())
}

#[test]
fn the_embedded_defaults_are_enough() -> anyhow::Result<()> {
    // No database, no bucket, no queue is set: only where Redis is.
    let redis = RedisServer::start()?;
    let _worker = start_worker(&redis, &[])?;
    let backend = Backend::embedded()?;
    let answer = send(&redis, "process_analysis", &json!(["none", backend.user_id()]), &[])?;
    assert_eq!(answer["result"]["error_code"], "TASK_NOT_FOUND");
    Ok(())
}
