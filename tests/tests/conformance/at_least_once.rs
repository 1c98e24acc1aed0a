//! C. At-least-once: what is held, acknowledged, and given back at a shutdown.

use redis::Commands;
use serde_json::{Value, json};
use system_tests::process::Signal;
use system_tests::program::PATIENCE;
use system_tests::servers::RedisServer;

use crate::lab::{
    Lab, Monitor, connect, envelope, meta, meta_key, position, push, start_worker, wait_until, with_headers,
};

const NOOP: &str = "celeriac.test.noop";
const SLEEP: &str = "celeriac.test.sleep";
const FOR_EVER: u32 = 600;

/// A worker in the middle of a long task with the id `long`.
fn in_a_long_task(flags: &[&str]) -> anyhow::Result<Lab> {
    let lab = Lab::start(flags)?;
    lab.push(&envelope(SLEEP, "long", &json!([FOR_EVER])))?;
    lab.worker.wait_for_line("[long] received")?;
    Ok(lab)
}

/// Closes every connection of the worker.
fn cut(lab: &Lab) -> anyhow::Result<()> {
    let mut connection = lab.connection()?;
    for kind in ["normal", "pubsub"] {
        let _: i64 =
            redis::cmd("CLIENT").arg(&["KILL", "TYPE", kind, "SKIPME", "yes"]).query(&mut connection)?;
    }
    Ok(())
}

#[test]
fn c033_holds_what_is_running() -> anyhow::Result<()> {
    let lab = in_a_long_task(&["-c", "1"])?;
    assert_eq!(lab.held()?, 1);
    Ok(())
}

#[test]
fn c034_stores_envelope_exchange_and_routing_key() -> anyhow::Result<()> {
    let lab = in_a_long_task(&["-c", "1"])?;
    let held: Vec<(String, String)> = redis::cmd("HGETALL").arg("unacked").query(&mut lab.connection()?)?;
    let (tag, entry) = &held[0];
    let entry: Value = serde_json::from_str(entry)?;
    assert_eq!(entry.as_array().map(Vec::len), Some(3));
    assert_eq!((&entry[1], &entry[2]), (&json!(""), &json!("default")));
    let sent = envelope(SLEEP, "long", &json!([FOR_EVER]));
    assert_eq!(entry[0], sent, "exactly as popped");
    assert!(!tag.is_empty());
    Ok(())
}

#[test]
fn c035_scores_are_the_time() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let now = |lab: &Lab| -> anyhow::Result<f64> {
        let (seconds, micros): (f64, f64) = redis::cmd("TIME").query(&mut lab.connection()?)?;
        Ok(seconds + micros / 1e6)
    };
    let before = now(&lab)?;
    lab.push(&envelope(SLEEP, "long", &json!([FOR_EVER])))?;
    lab.worker.wait_for_line("[long] received")?;
    let scores: Vec<(String, f64)> = lab.connection()?.zrange_withscores("unacked_index", 0, -1)?;
    let after = now(&lab)?;
    assert!(scores[0].1 >= before - 1.0 && scores[0].1 <= after + 1.0, "{before} {scores:?} {after}");
    Ok(())
}

#[test]
fn c036_acknowledges_after_the_result_is_stored() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.run(NOOP, "one", &json!([]))?;
    let commands = monitor.commands(&lab.redis)?;
    let stored = position(&commands, &["SETEX", &meta_key("one")]).expect("stored");
    let published = position(&commands, &["PUBLISH", &meta_key("one")]).expect("published");
    let settled = &commands[published..];
    let (index, hash) =
        (position(settled, &["ZREM", "unacked_index"]), position(settled, &["HDEL", "unacked"]));
    assert!(stored < published && index.is_some() && hash.is_some(), "{commands:?}");
    // One script from the store to the acknowledgement: nobody else's command came between.
    let last = published + index.max(hash).unwrap_or_default();
    let script =
        commands[..stored].iter().rposition(|command| command[0].starts_with("EVAL")).expect("a script");
    let between = &commands[script + 1..last];
    assert!(!between.iter().any(|command| command[0].starts_with("EVAL")), "{between:?}");
    Ok(())
}

#[test]
fn c042_flags_what_it_gives_back() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "2"])?;
    // Only what has begun is finished, what has not goes back: the executor must be there before the task comes.
    lab.push(&envelope(NOOP, "first", &json!([])))?;
    wait_until("the executor is there", || Ok(meta(&lab.redis, "first")?.is_some()))?;
    lab.push(&envelope(SLEEP, "running", &json!([2])))?;
    lab.worker.wait_for_line("[running] received")?;
    for id in ["held", "waiting"] {
        lab.push(&envelope(NOOP, id, &json!([])))?;
    }
    wait_until("two are held", || Ok(lab.held()? == 2))?;
    lab.terminate()?;
    let messages = lab.waiting("default")?;
    let flags: Vec<_> = messages
        .iter()
        .map(|message| {
            let flag = |value: &Value| value["redelivered"] == true;
            let id = message["headers"]["id"].as_str().unwrap_or_default();
            (id, flag(&message["headers"]), flag(&message["properties"]["delivery_info"]))
        })
        .collect();
    assert_eq!(flags, [("held", true, true), ("waiting", false, false)]);
    Ok(())
}

#[test]
fn c043_keeps_the_priority_on_give_back() -> anyhow::Result<()> {
    let mut lab = in_a_long_task(&["-c", "1", "--prefetch-multiplier", "2"])?;
    let mut message = envelope(NOOP, "important", &json!([]));
    message["properties"]["priority"] = json!(5);
    push(&lab.redis, "default\x06\x163", &message)?;
    wait_until("two are held", || Ok(lab.held()? == 2))?;
    lab.worker.signal(Signal::QUIT)?;
    lab.worker.wait_exit(PATIENCE)?;
    let back = lab.waiting("default\x06\x163")?;
    assert_eq!(back.len(), 1);
    assert_eq!(
        (&back[0]["headers"]["id"], &back[0]["properties"]["priority"]),
        (&json!("important"), &json!(5))
    );
    Ok(())
}

#[test]
fn c045_refreshes_only_what_is_there() -> anyhow::Result<()> {
    let lab = in_a_long_task(&["-c", "1"])?;
    let mut connection = lab.connection()?;
    let tags: Vec<String> = connection.hkeys("unacked")?;
    let mut monitor = Monitor::start(&lab.redis)?;
    let _: (usize, usize) = redis::pipe()
        .atomic()
        .hdel("unacked", &tags[0])
        .zrem("unacked_index", &tags[0])
        .query(&mut connection)?;
    // The next refresh of what it believes to hold.
    monitor.until(|command| command.starts_with(&["ZSCORE".into()]) || is_renewal(command, &tags[0]))?;
    wait_until("the worker notices", || Ok(!connection.exists::<_, bool>("unacked_index")?))?;
    assert_eq!(lab.held()?, 0);
    Ok(())
}

/// Whether a command is the renewal of a node that believes to hold that tag.
fn is_renewal(command: &[String], tag: &str) -> bool {
    command[0].starts_with("EVAL")
        && command.iter().any(|argument| argument == "celeriac.nodes")
        && command.iter().any(|argument| argument == tag)
}

#[test]
fn c046_refreshes_without_the_hash() -> anyhow::Result<()> {
    let lab = in_a_long_task(&["-c", "1"])?;
    let tags: Vec<String> = lab.connection()?.hkeys("unacked")?;
    let mut monitor = Monitor::start(&lab.redis)?;
    monitor.until(|command| is_renewal(command, &tags[0]))?;
    let commands = monitor.until(|command| command[0] == "ZADD" && command[1] == "unacked_index")?;
    let writes = ["HSET", "HDEL", "HSETNX", "HMSET"];
    let touched =
        commands.iter().any(|command| writes.contains(&command[0].as_str()) && command[1] == "unacked");
    assert!(!touched, "{commands:?}");
    assert!(commands.last().is_some_and(|refresh| refresh.iter().any(|word| word == "XX")), "{commands:?}");
    Ok(())
}

#[test]
fn c047_does_not_acknowledge_what_it_has_lost() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope(SLEEP, "lost", &json!([6])))?;
    lab.worker.wait_for_line("[lost] received")?;
    let mut connection = lab.connection()?;
    let tags: Vec<String> = connection.hkeys("unacked")?;
    let mut monitor = Monitor::start(&lab.redis)?;
    let _: (usize, usize) = redis::pipe()
        .atomic()
        .hdel("unacked", &tags[0])
        .zrem("unacked_index", &tags[0])
        .query(&mut connection)?;
    monitor.until(|command| is_renewal(command, &tags[0]))?;
    // Somebody else has restored and taken the message; with Python the tag stays the same.
    let element = envelope(SLEEP, "lost", &json!([6]));
    let _: (usize, usize) = redis::pipe()
        .atomic()
        .hset("unacked", &tags[0], json!([element, "", "default"]).to_string())
        .zadd("unacked_index", &tags[0], 4_102_444_800_u64)
        .query(&mut connection)?;
    assert_eq!(lab.run(NOOP, "after", &json!([]))?["status"], "SUCCESS");
    assert_eq!(connection.hkeys::<_, Vec<String>>("unacked")?, tags, "the other's entry is still there");
    assert_eq!(meta(&lab.redis, "lost")?, None, "what was lost stores nothing");
    Ok(())
}

#[test]
fn c048_has_a_tag_per_delivery() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "2"])?;
    let message = envelope(SLEEP, "twin", &json!([FOR_EVER]));
    lab.push(&message)?;
    lab.push(&message)?;
    wait_until("both are held", || Ok(lab.held()? == 2))?;
    Ok(())
}

#[test]
fn c049_runs_once_over_a_cut_connection() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "2"])?;
    lab.push(&envelope(SLEEP, "across", &json!([2])))?;
    lab.worker.wait_for_line("[across] received")?;
    cut(&lab)?;
    assert_eq!(lab.held()?, 1, "still owned");
    assert_eq!(lab.outcome("across")?["status"], "SUCCESS");
    lab.run(NOOP, "after", &json!([]))?;
    let starts = lab.worker.lines().iter().filter(|line| line.contains("[across] received")).count();
    assert_eq!((starts, lab.held()?), (1, 0));
    Ok(())
}

#[test]
fn c050_acknowledges_after_it_is_back() -> anyhow::Result<()> {
    let mut redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "1"])?;
    push(&redis, "default", &envelope(SLEEP, "across", &json!([1])))?;
    worker.wait_for_line("[across] received")?;
    redis.stop()?;
    worker.wait_for_line("cannot settle")?;
    redis.restart()?;
    let lab = Lab { worker, redis };
    assert_eq!(lab.outcome("across")?["status"], "SUCCESS");
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c051_keeps_a_stored_success() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let planted = r#"{"status": "SUCCESS", "result": "the first", "traceback": null, "children": [], "task_id": "twice"}"#;
    let mut connection = lab.connection()?;
    let () = connection.set(meta_key("twice"), planted)?;
    let flag = json!({"redelivered": true});
    lab.push(&with_headers(envelope("celeriac.test.echo", "twice", &json!([2])), &flag))?;
    lab.push(&with_headers(envelope("celeriac.test.fail", "twice", &json!(["value_error"])), &flag))?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!(connection.get::<_, String>(meta_key("twice"))?, planted);
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c052_stops_after_too_many_deliveries() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let stored = lab.run("celeriac.test.abort", "poison", &json!([]))?;
    assert_eq!(
        (&stored["status"], &stored["result"]["exc_type"]),
        (&json!("FAILURE"), &json!("WorkerLostError"))
    );
    let starts = lab.worker.lines().iter().filter(|line| line.contains("[poison] received")).count();
    assert_eq!((starts, lab.held()?, lab.waiting("dlq")?.len()), (3, 0, 1));
    // Workers that were lost with it count as well.
    let counted = json!({"x-deliveries": 3});
    lab.push(&with_headers(envelope(NOOP, "unlucky", &json!([])), &counted))?;
    assert_eq!(lab.outcome("unlucky")?["result"]["exc_type"], "WorkerLostError");
    Ok(())
}

#[test]
fn c053_stops_warm() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "4"])?;
    for id in ["a", "b", "c", "d", "e", "f"] {
        lab.push(&envelope(SLEEP, id, &json!([2])))?;
    }
    // By the time the last one is received, the first one runs.
    lab.worker.wait_for_line("[d] received")?;
    assert_eq!(lab.held()?, 4);
    assert_eq!(lab.terminate()?, Some(0));
    assert_eq!(meta(&lab.redis, "a")?.unwrap_or_default()["status"], "SUCCESS");
    assert_eq!(lab.waiting("default")?.len(), 5);
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c054_stops_cold() -> anyhow::Result<()> {
    let mut lab = in_a_long_task(&["-c", "1"])?;
    lab.worker.signal(Signal::QUIT)?;
    assert_eq!(lab.worker.wait_exit(PATIENCE)?.code(), Some(1));
    assert_eq!(meta(&lab.redis, "long")?, None);
    let back = lab.waiting("default")?;
    assert_eq!((back.len(), &back[0]["headers"]["redelivered"]), (1, &json!(true)));
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c055_honours_the_soft_shutdown_period() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "2", "--soft-shutdown-timeout", "3"])?;
    lab.push(&envelope(SLEEP, "long", &json!([FOR_EVER])))?;
    lab.push(&envelope(SLEEP, "short", &json!([2])))?;
    for id in ["long", "short"] {
        lab.worker.wait_for_line(&format!("[{id}] received"))?;
    }
    lab.worker.signal(Signal::QUIT)?;
    assert_eq!(lab.outcome("short")?["status"], "SUCCESS", "it has the time to end");
    assert_eq!(lab.worker.wait_exit(PATIENCE)?.code(), Some(1));
    assert_eq!((meta(&lab.redis, "long")?, lab.waiting("default")?.len(), lab.held()?), (None, 1, 0));
    Ok(())
}

#[test]
fn c056_gives_waiting_messages_back_with_their_time() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1", "--rate-limit", "1/h"])?;
    lab.python(
        "app.send_task('celeriac.test.noop', task_id='later', countdown=60)
app.send_task('celery_queue.tasks.process_analysis', args=['none', 1], task_id='first')
app.send_task('celery_queue.tasks.process_analysis', args=['none', 1], task_id='limited')",
        &Value::Null,
    )?;
    lab.outcome("first")?;
    wait_until("the others are held", || Ok(lab.held()? == 2))?;
    lab.terminate()?;
    let messages = lab.waiting("default")?;
    let eta = |id: &str| {
        let message = messages.iter().find(|message| message["headers"]["id"] == id);
        message.map(|message| message["headers"]["eta"].is_string())
    };
    assert_eq!((eta("later"), eta("limited")), (Some(true), Some(false)), "{messages:?}");
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c057_leaves_no_orphans() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    for id in 0..200 {
        push(&redis, "default", &envelope(NOOP, &id.to_string(), &json!([])))?;
    }
    push(&redis, "default", &envelope(SLEEP, "long", &json!([2])))?;
    let mut lab = Lab::start_on(redis, &["-c", "4", "--prefetch-multiplier", "4"])?;
    // `held` compares the hash and the index in one look, whatever happens meanwhile.
    for _ in 0..50 {
        lab.held()?;
    }
    lab.worker.kill()?;
    lab.held()?;
    lab.worker = start_worker(&lab.redis, &["-c", "4"])?;
    lab.outcome("long")?;
    wait_until("all is done", || Ok(lab.held()? == 0))?;
    lab.terminate()?;
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c058_survives_kill_at_any_time() -> anyhow::Result<()> {
    const ROUNDS: usize = 5;
    const MESSAGES: usize = 200;
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let mut sent = 0;
    for round in 0..ROUNDS {
        let mut worker = start_worker(&redis, &["-c", "2", "--prefetch-multiplier", "4"])?;
        for number in 0..MESSAGES {
            push(&redis, "default", &envelope(NOOP, &format!("id-{sent}"), &json!([])))?;
            sent += 1;
            if number == (round + 1) * MESSAGES / (ROUNDS + 1) {
                worker.kill()?;
            }
        }
    }
    let lab = Lab::start_on(redis, &["-c", "2"])?;
    wait_until("all have an outcome", || {
        Ok(connection.keys::<_, Vec<String>>("celery-task-meta-id-*")?.len() == sent)
    })?;
    wait_until("nothing is held", || Ok(lab.held()? == 0))?;
    Ok(())
}
