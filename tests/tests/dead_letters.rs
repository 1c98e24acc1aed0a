//! The dead-letter queue and its command, against a real Redis and a real worker.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::{SecondsFormat, TimeDelta, Utc};
use redis::Commands;
use serde_json::{Value, json};
use system_tests::process::Signal;
use system_tests::program::{Output, PATIENCE, Program};
use system_tests::python::Venv;
use system_tests::servers::RedisServer;
use system_tests::worker;

/// The elements that no worker can read, all sorts of them.
const JUNK: [&[u8]; 4] = [b"junk", b"\xff\xfe\x00 \xf0", b"", b"{\"headers\": {}}"];

fn connect(server: &RedisServer) -> anyhow::Result<redis::Connection> {
    Ok(redis::Client::open(server.url())?.get_connection()?)
}

fn dlq(redis: &RedisServer, arguments: &[&str]) -> anyhow::Result<Output> {
    worker::command(["dlq"])?.args(arguments.iter().copied()).env("REDIS_URL", redis.url()).output()
}

/// What `dlq list --json` says with these filters.
fn listed(redis: &RedisServer, filters: &[&str]) -> anyhow::Result<Vec<Value>> {
    let output = dlq(redis, &[&["list", "--json"], filters].concat())?.success()?;
    Ok(output.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn ids(letters: &[Value]) -> Vec<&str> {
    letters.iter().map(|letter| letter["id"].as_str().expect("an id")).collect()
}

fn start_worker(redis: &RedisServer, flags: &[&str]) -> anyhow::Result<Program> {
    let worker = worker::command(["worker", "--with-test-tasks", "-c", "1"])?
        .args(flags.iter().copied())
        .env("REDIS_URL", redis.url())
        .start()?;
    worker.wait_for_line(" ready")?;
    Ok(worker)
}

/// A message of Python's Celery, as it lies in queue `default`; taken out of it.
fn celery_message(redis: &RedisServer, id: &str) -> anyhow::Result<Value> {
    Venv::celery57()?
        .script("send.py")
        .args(["celeriac.test.echo", "--broker", &redis.url(), "--queue", "default"])
        .args(["--args", "[1, \"ü\"]", "--no-wait", "--id", id])
        .output()?
        .success()?;
    let element: Vec<u8> = connect(redis)?.rpop("default", None)?;
    Ok(serde_json::from_slice(&element)?)
}

/// The message as a dead letter of that age.
fn letter(message: &Value, id: &str, headers: &Value, age: TimeDelta) -> String {
    let mut letter = message.clone();
    let time = (Utc::now() - age).to_rfc3339_opts(SecondsFormat::Micros, false);
    let all = letter["headers"].as_object_mut().expect("headers");
    all.insert("id".into(), id.into());
    all.insert("x-dead-letter-reason".into(), "the delivery limit of 3 is reached".into());
    all.insert("x-dead-letter-queue".into(), "default".into());
    all.insert("x-dead-letter-worker".into(), "w@h".into());
    all.insert("x-dead-letter-time".into(), time.into());
    all.insert("x-deliveries".into(), 3.into());
    all.insert("redelivered".into(), true.into());
    all.extend(headers.as_object().cloned().unwrap_or_default());
    letter["properties"]["delivery_info"]["redelivered"] = true.into();
    letter.to_string()
}

/// A message without Python, for tests that need many.
fn plain_message() -> Value {
    json!({"body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json",
           "headers": {"task": "celeriac.test.noop", "retries": 1},
           "properties": {"delivery_info": {"exchange": "", "routing_key": "default"}, "priority": 0,
                          "body_encoding": "base64", "delivery_tag": "old"}})
}

/// Waits until that many letters lie there.
fn wait_for_letters(connection: &mut redis::Connection, list: &str, number: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let letters: usize = connection.llen(list)?;
        if letters >= number {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{letters} of {number} letters in {list} after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_worker_cannot_read_is_listed_shown_and_sent_again_byte_for_byte() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let mut worker = start_worker(&redis, &["--dead-letter-queue", "morgue"])?;
    let mut no_id = plain_message();
    no_id["properties"]["priority"] = 6.into();
    let no_id = no_id.to_string();
    for element in JUNK {
        connection.lpush::<_, _, ()>("default", element)?;
    }
    connection.lpush::<_, _, ()>("default\u{6}\u{16}6", &no_id)?;
    wait_for_letters(&mut connection, "morgue", JUNK.len() + 1)?;
    worker.signal(Signal::TERM)?;
    worker.wait_exit(PATIENCE)?;
    assert_eq!(connection.llen::<_, usize>("dlq")?, 0);

    let letters = listed(&redis, &["--dead-letter-queue", "morgue"])?;
    assert_eq!(letters.len(), JUNK.len() + 1);
    for letter in &letters {
        assert_eq!(letter["queue"], "default", "{letter}");
        assert!(letter["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{letter}");
        assert!(letter["worker"].as_str().is_some_and(|worker| worker.contains('@')), "{letter}");
        assert!(letter["time"].is_string(), "{letter}");
    }
    let raw: Vec<&Value> = letters.iter().filter(|letter| letter["raw"] == true).collect();
    assert_eq!(raw.len(), JUNK.len());
    let mut shown = HashSet::new();
    for letter in raw {
        let id = letter["id"].as_str().expect("an id");
        let output = Command::new(worker::binary()?)
            .args(["dlq", "show", id, "--raw", "--dead-letter-queue", "morgue", "-b", &redis.url()])
            .stderr(Stdio::null())
            .output()?;
        assert!(output.status.success());
        shown.insert(output.stdout);
    }
    assert_eq!(shown, JUNK.iter().map(|element| element.to_vec()).collect());

    dlq(&redis, &["requeue", "--all", "--dead-letter-queue", "morgue"])?.success()?;
    let back: Vec<Vec<u8>> = connection.lrange("default", 0, -1)?;
    assert_eq!(back.len(), JUNK.len());
    assert_eq!(back.into_iter().collect::<HashSet<_>>(), shown);
    let readable: Vec<String> = connection.lrange("default\u{6}\u{16}6", 0, -1)?;
    let (mut readable, mut sent): (Value, Value) =
        (serde_json::from_str(&readable[0])?, serde_json::from_str(&no_id)?);
    for message in [&mut readable, &mut sent] {
        message["properties"]["delivery_tag"].take();
    }
    assert_eq!(readable, sent);
    assert_eq!(connection.llen::<_, usize>("morgue")?, 0);
    Ok(())
}

#[test]
fn without_a_dead_letter_queue_it_is_dropped_with_a_warning() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let mut worker = start_worker(&redis, &["--dead-letter-queue", "none"])?;
    for element in JUNK {
        connection.lpush::<_, _, ()>("default", element)?;
    }
    let mut last = plain_message();
    last["headers"]["id"] = "last".into();
    connection.lpush::<_, _, ()>("default", last.to_string())?;
    worker.wait_for_line("[last] succeeded")?;
    worker.signal(Signal::TERM)?;
    assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(0));
    let dropped = worker.lines().iter().filter(|line| line.contains("dropping a message")).count();
    assert_eq!(dropped, JUNK.len());
    let keys: Vec<String> = connection.keys("*")?;
    let left: Vec<&String> = keys.iter().filter(|key| !key.starts_with("_kombu.binding")).collect();
    assert_eq!(left, ["celery-task-meta-last"]);

    let output = dlq(&redis, &["list", "--dead-letter-queue", "none"])?;
    assert_eq!(output.code(), Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("there is no dead-letter queue"), "{}", output.stderr);
    Ok(())
}

#[test]
fn a_message_that_is_sent_again_runs() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let message = celery_message(&redis, "the-task")?;
    let exception = json!({"x-dead-letter-exception": "ConnectionError('gone')"});
    connection.lpush::<_, _, ()>("dlq", letter(&message, "the-task", &exception, TimeDelta::zero()))?;

    let shown: Value = serde_json::from_str(&dlq(&redis, &["show", "the-task"])?.success()?.stdout)?;
    assert_eq!(shown["body"][0], json!([1, "ü"]));
    assert_eq!((&shown["body_format"], &shown["deliveries"]), (&json!("json"), &json!(3)));
    assert_eq!(shown["exception"], "ConnectionError('gone')");
    assert_eq!(shown["headers"]["origin"], message["headers"]["origin"]);
    let as_it_lies = dlq(&redis, &["show", "the-task", "--raw"])?.success()?.stdout;
    assert_eq!(as_it_lies.trim_end(), connection.lindex::<_, String>("dlq", 0)?);

    let told = dlq(&redis, &["requeue", "the-task"])?.success()?.stdout;
    assert_eq!(told, "requeued the-task to default\n1 requeued\n");
    let mut back: Value = serde_json::from_str(&connection.lindex::<_, String>("default", 0)?)?;
    assert_ne!(back["properties"]["delivery_tag"], message["properties"]["delivery_tag"]);
    back["properties"]["delivery_tag"] = message["properties"]["delivery_tag"].clone();
    assert_eq!(back, message);

    let mut worker = start_worker(&redis, &[])?;
    worker.wait_for_line("celeriac.test.echo[the-task] succeeded")?;
    worker.signal(Signal::TERM)?;
    worker.wait_exit(PATIENCE)?;
    let stored: Value = serde_json::from_str(&connection.get::<_, String>("celery-task-meta-the-task")?)?;
    assert_eq!(stored["result"], json!({"args": [1, "ü"], "kwargs": {}}));

    let again = dlq(&redis, &["requeue", "the-task"])?;
    assert_eq!(again.code(), Some(1));
    assert!(again.stderr.contains("no dead letter has the id the-task"), "{}", again.stderr);
    assert_eq!(connection.llen::<_, usize>("default")?, 0);
    Ok(())
}

#[test]
fn filters_choose_the_letters_of_every_verb() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let (message, hours) = (plain_message(), TimeDelta::hours);
    for (id, headers, age) in [
        ("a", json!({}), hours(48)),
        ("b", json!({"task": "process_analysis"}), hours(5)),
        ("c", json!({"x-dead-letter-queue": "other"}), hours(2)),
        ("d", json!({"x-dead-letter-reason": "`kwargs` are wrong\u{1b}[2J"}), hours(0)),
        ("e", json!({"task": "process_analysis", "x-dead-letter-queue": "other"}), hours(0)),
    ] {
        connection.lpush::<_, _, ()>("dlq", letter(&message, id, &headers, age))?;
    }
    let all = ["a", "b", "c", "d", "e"];
    for (filters, expected) in [
        (&[][..], &all[..]),
        (&["--task", "process_analysis"], &["b", "e"]),
        (&["--queue", "other"], &["c", "e"]),
        (&["--reason", "KWARGS"], &["d"]),
        (&["--older-than", "90m"], &["a", "b", "c"]),
        (&["--older-than", "1d"], &["a"]),
        (&["--older-than", "3d"], &[]),
        (&["--limit", "2"], &["a", "b"]),
        (&["--queue", "other", "--limit", "1"], &["c"]),
        (&["--task", "process_analysis", "--queue", "other"], &["e"]),
    ] {
        assert_eq!(ids(&listed(&redis, filters)?), expected, "{filters:?}");
    }
    let table = dlq(&redis, &["list"])?.success()?.stdout;
    assert_eq!(table.lines().count(), 6, "{table}");
    assert!(table.starts_with("ID  TASK") && table.contains("delivery limit of 3"), "{table}");
    assert!(table.contains("wrong\\u{1b}[2J") && !table.contains('\u{1b}'), "{table}");

    // Nothing changes in a dry run, or when the letters are not named, or deleting is not confirmed.
    let dry = dlq(&redis, &["requeue", "--queue", "other", "--dry-run"])?.success()?.stdout;
    assert_eq!(dry, "would be requeued c to other\nwould be requeued e to other\n2 would be requeued\n");
    dlq(&redis, &["purge", "--all", "--dry-run"])?.success()?;
    for wrong in [
        &["purge", "--all"][..],
        &["purge", "--yes"],
        &["requeue"],
        &["requeue", "--limit", "2"],
        &["requeue", "a", "--all"],
        &["requeue", "--all", "--to", "dlq"],
        &["list", "--older-than", "soon"],
        &["list", "--limit", "0"],
        &[],
    ] {
        assert_eq!(dlq(&redis, wrong)?.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(ids(&listed(&redis, &[])?), all);

    dlq(&redis, &["requeue", "--reason", "kwargs", "--to", "elsewhere"])?.success()?;
    let moved: Value = serde_json::from_str(&connection.lindex::<_, String>("elsewhere", 0)?)?;
    assert_eq!(moved["properties"]["delivery_info"], json!({"exchange": "", "routing_key": "elsewhere"}));
    dlq(&redis, &["purge", "--task", "process_analysis", "--yes"])?.success()?;
    assert_eq!(ids(&listed(&redis, &[])?), ["a", "c"]);
    let partly = dlq(&redis, &["purge", "a", "missing", "--yes"])?;
    assert_eq!((partly.code(), partly.stdout.as_str()), (Some(1), "deleted a\n1 deleted\n"));
    assert_eq!(ids(&listed(&redis, &[])?), ["c"]);

    // What somebody else has left there is seen, and goes only where it is told to.
    connection.lpush::<_, _, ()>("dlq", &b"stran\xffger"[..])?;
    let stranger = listed(&redis, &[])?;
    let id = ids(&stranger)[1];
    assert_eq!((&stranger[1]["queue"], &stranger[1]["raw"]), (&Value::Null, &json!(true)));
    let lost = dlq(&redis, &["requeue", id])?;
    assert!(lost.code() == Some(1) && lost.stderr.contains("--to"), "{lost:?}");
    dlq(&redis, &["requeue", id, "--to", "elsewhere"])?.success()?;
    assert_eq!(connection.lindex::<_, Vec<u8>>("elsewhere", 0)?, b"stran\xffger");
    Ok(())
}

#[test]
fn thousands_of_letters_sent_again_by_many_at_once_arrive_once() -> anyhow::Result<()> {
    const LETTERS: usize = 3000;
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let mut commands = redis::pipe();
    for number in 0..LETTERS {
        let task = if number % 3 == 0 { "third" } else { "celeriac.test.noop" };
        let headers = json!({"task": task});
        commands.lpush("dlq", letter(&plain_message(), &format!("{number}"), &headers, TimeDelta::zero()));
    }
    commands.exec(&mut connection)?;
    let expected: Vec<String> = (0..LETTERS).map(|number| number.to_string()).collect();
    assert_eq!(ids(&listed(&redis, &[])?), expected);
    let thirds = dlq(&redis, &["purge", "--task", "third", "--yes"])?.success()?.stdout;
    assert!(thirds.ends_with("\n1000 deleted\n"));

    let requeue = worker::command(["dlq", "requeue", "--all"])?.env("REDIS_URL", redis.url());
    let moved = std::thread::scope(|scope| -> anyhow::Result<usize> {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(|| requeue.output())).collect();
        let mut moved = 0;
        for one in running {
            let stdout = one.join().expect("the thread ends")?.success()?.stdout;
            moved += stdout.lines().filter(|line| line.starts_with("requeued ")).count();
        }
        Ok(moved)
    })?;
    assert_eq!(moved, 2000);
    assert_eq!(connection.llen::<_, usize>("dlq")?, 0);
    let elements: Vec<String> = connection.lrange("default", 0, -1)?;
    let arrived = elements
        .iter()
        .map(|element| Ok(serde_json::from_str::<Value>(element)?["headers"]["id"].to_string()))
        .collect::<anyhow::Result<HashSet<_>>>()?;
    assert_eq!((elements.len(), arrived.len()), (2000, 2000));
    Ok(())
}

#[test]
fn letters_that_come_back_at_once_do_not_keep_the_command_going() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    for number in 0..250 {
        connection.lpush::<_, _, ()>("default", format!("junk {number}"))?;
    }
    let _worker = start_worker(&redis, &[])?;
    wait_for_letters(&mut connection, "dlq", 250)?;
    let told = dlq(&redis, &["requeue", "--all"])?.success()?.stdout;
    assert!(told.ends_with("\n250 requeued\n"), "{told}");
    wait_for_letters(&mut connection, "dlq", 250)?;
    assert_eq!(connection.llen::<_, usize>("default")?, 0);
    Ok(())
}

#[test]
fn a_full_server_loses_no_letter() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    for id in ["a", "b"] {
        let letter = letter(&plain_message(), id, &json!({}), TimeDelta::zero());
        connection.lpush::<_, _, ()>("dlq", letter)?;
    }
    let set_limit = |connection: &mut redis::Connection, limit: &str| -> redis::RedisResult<()> {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(limit).query(connection)
    };
    set_limit(&mut connection, "1")?;
    let refused = dlq(&redis, &["requeue", "--all"])?;
    assert!(refused.code() == Some(1) && refused.stderr.contains("send dead letters again"), "{refused:?}");
    assert_eq!(ids(&listed(&redis, &[])?), ["a", "b"]);
    set_limit(&mut connection, "0")?;
    dlq(&redis, &["requeue", "--all"])?.success()?;
    assert_eq!((connection.llen::<_, usize>("dlq")?, connection.llen::<_, usize>("default")?), (0, 2));
    Ok(())
}
