//! Workers that are killed or frozen at any instant: every message that was accepted has an outcome, and what another worker
//! has taken over is not touched any more.
//!
//! `DRILL_KILLS` and `DRILL_FREEZES` set how many rounds there are, `DRILL_ORPHANS` how many workers die without a successor,
//! `DRILL_LONG` the seconds of the task that outlives the visibility timeout.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, its helpers too; the figures of a drill are to be seen"
)]

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use redis::Commands;
use serde_json::{Value, json};
use system_tests::drill::{
    QUEUE, connect, envelope, meta, push, size, start_python_worker, start_worker, states,
    wait_all_succeeded, wait_until,
};
use system_tests::process::Signal;
use system_tests::program::{PATIENCE, Program};
use system_tests::servers::RedisServer;

const ECHO: &str = "celeriac.test.echo";
const SLEEP: &str = "celeriac.test.sleep";
const FAIL: &str = "celeriac.test.fail";

/// A number below `limit` that is another in every run.
fn random(limit: u128) -> u128 {
    uuid::Uuid::new_v4().as_u128() % limit.max(1)
}

fn random_pause(most: Duration) -> Duration {
    Duration::from_nanos(u64::try_from(random(most.as_nanos())).unwrap_or_default())
}

/// When each task's first outcome was published, as it is published.
fn watch_outcomes(redis: &RedisServer) -> anyhow::Result<Receiver<(String, Instant)>> {
    let mut connection = connect(redis)?;
    let (told, outcomes) = channel();
    let (begun, has_begun) = channel();
    std::thread::spawn(move || watch(&mut connection, &told, &begun));
    has_begun.recv()?;
    Ok(outcomes)
}

fn watch(connection: &mut redis::Connection, told: &Sender<(String, Instant)>, begun: &Sender<()>) {
    let mut channel = connection.as_pubsub();
    channel.psubscribe("celery-task-meta-*").expect("the server is there");
    begun.send(()).expect("somebody waits");
    // Ends with the server, or when nobody listens any more.
    while let Ok(message) = channel.get_message() {
        let id = message.get_channel_name().trim_start_matches("celery-task-meta-").to_owned();
        if told.send((id, Instant::now())).is_err() {
            return;
        }
    }
}

/// The ids of the messages that lie in the lease of a worker that is gone.
fn orphans(connection: &mut redis::Connection, pid: u32) -> anyhow::Result<Vec<String>> {
    let leases: Vec<String> = connection.keys(format!("celeriac.lease.*.{pid}.*"))?;
    let mut ids = Vec::new();
    for lease in leases {
        let tags: Vec<String> = connection.smembers(lease)?;
        for tag in tags {
            let entry: Option<String> = connection.hget("unacked", tag)?;
            let entry: Value = serde_json::from_str(&entry.unwrap_or_default()).unwrap_or_default();
            ids.extend(entry[0]["headers"]["id"].as_str().map(str::to_owned));
        }
    }
    Ok(ids)
}

fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort();
    match (times.get(times.len() / 2), times.last()) {
        (Some(median), Some(longest)) => println!(
            "{what}: {} orphans; until they ran elsewhere: median {:.3} s, longest {:.3} s",
            times.len(),
            median.as_secs_f64(),
            longest.as_secs_f64()
        ),
        _ => println!("{what}: no orphans"),
    }
}

#[test]
fn a_worker_killed_at_any_instant_loses_nothing() -> anyhow::Result<()> {
    const MESSAGES: usize = 40;
    let rounds = size("DRILL_KILLS", 8);
    let redis = RedisServer::start()?;
    let _python = start_python_worker(&redis, &[])?;
    let outcomes = watch_outcomes(&redis)?;
    let mut connection = connect(&redis)?;
    let (mut sent, mut orphaned) = (Vec::new(), HashMap::new());
    for round in 0..rounds {
        let mut worker = start_worker(&redis, &["-c", "2", "--prefetch-multiplier", "4"])?;
        let doomed = Instant::now() + random_pause(Duration::from_millis(150));
        for number in 0..MESSAGES {
            let id = format!("{round}-{number}");
            let (task, args) = if number % 4 == 0 { (SLEEP, json!([0.02])) } else { (ECHO, json!([number])) };
            push(&redis, QUEUE, &envelope(task, &id, &args))?;
            sent.push(id);
            if Instant::now() >= doomed {
                break;
            }
        }
        std::thread::sleep(doomed.saturating_duration_since(Instant::now()));
        let pid = worker.id();
        worker.kill()?;
        let killed = Instant::now();
        for id in orphans(&mut connection, pid)? {
            orphaned.insert(id, killed);
        }
    }
    let _last = start_worker(&redis, &["-c", "2"])?;
    wait_until("every task has an outcome", || {
        let states = states(&mut connection, &sent)?;
        Ok(states.iter().all(|state| state == "SUCCESS" || state == "FAILURE"))
    })?;
    wait_until("nothing is held", || Ok(connection.hlen::<_, usize>("unacked")? == 0))?;
    // Only what was orphaned again and again may have been given up.
    for (id, state) in sent.iter().zip(states(&mut connection, &sent)?) {
        if state == "FAILURE" {
            let meta = meta(&mut connection, id)?.unwrap_or_default();
            assert_eq!(meta["result"]["exc_type"], "WorkerLostError", "{meta}");
        }
    }
    let given_up: usize = connection.llen("dlq")?;
    let mut times = HashMap::new();
    for (id, when) in outcomes.try_iter() {
        if let Some(killed) = orphaned.get(&id).filter(|killed| **killed < when) {
            times.entry(id).or_insert(when - *killed);
        }
    }
    println!("killed {rounds} times under {} tasks, {given_up} given up after 3 lost workers", sent.len());
    print_times("with a successor on the same machine", times.into_values().collect());
    Ok(())
}

#[test]
fn orphans_without_a_successor_run_elsewhere() -> anyhow::Result<()> {
    let count = size("DRILL_ORPHANS", 3);
    orphans_are_found(count, true)?;
    // One that holds nothing looks after the others less often.
    if std::env::var_os("DRILL_ORPHANS").is_some() {
        orphans_are_found(count, false)?;
    }
    Ok(())
}

/// `count` workers die; another one that holds a message, or does not, runs what they held.
fn orphans_are_found(count: usize, busy: bool) -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut doomed = Vec::new();
    for number in 0..count {
        let worker = start_worker(&redis, &["-c", "1"])?;
        push(&redis, QUEUE, &envelope(SLEEP, &format!("orphan-{number}"), &json!([600])))?;
        worker.wait_for_line(&format!("[orphan-{number}] received"))?;
        doomed.push(worker);
    }
    let slots = (count + 1).to_string();
    let survivor = start_worker(&redis, &["-c", &slots, "-n", "survivor@%h"])?;
    if busy {
        push(&redis, QUEUE, &envelope(SLEEP, "busy", &json!([600])))?;
        survivor.wait_for_line("[busy] received")?;
    }
    let (mut killed, mut connection) = (HashMap::new(), connect(&redis)?);
    for mut worker in doomed {
        std::thread::sleep(random_pause(Duration::from_millis(50)));
        let pid = worker.id();
        worker.kill()?;
        let now = Instant::now();
        killed.extend(orphans(&mut connection, pid)?.into_iter().map(|id| (id, now)));
    }
    assert_eq!(killed.len(), count, "{killed:?}");
    let mut times = HashMap::new();
    wait_until("the survivor runs them all", || {
        for line in survivor.lines() {
            if let Some((id, killed)) =
                killed.iter().find(|(id, _)| line.contains(&format!("[{id}] received")))
            {
                times.entry(id.clone()).or_insert_with(|| killed.elapsed());
            }
        }
        Ok(times.len() == count)
    })?;
    print_times(
        if busy { "found by a busy worker" } else { "found by an idle worker" },
        times.into_values().collect(),
    );
    Ok(())
}

/// However its first renewal and its first message cross each other.
#[test]
fn who_holds_a_message_is_believed_alive_for_the_lease_time_only() -> anyhow::Result<()> {
    const LEASE: f64 = 12.0;
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    push(&redis, QUEUE, &envelope(SLEEP, "first", &json!([600])))?;
    let worker = start_worker(&redis, &["-c", "1"])?;
    worker.wait_for_line("[first] received")?;
    let taken: Vec<(String, f64)> = connection.zrange_withscores("unacked_index", 0, -1)?;
    let mut longest = f64::MIN;
    wait_until("the lease is renewed", || {
        let ((seconds, micros), nodes): ((f64, f64), Vec<(String, f64)>) = redis::pipe()
            .atomic()
            .cmd("TIME")
            .zrange_withscores("celeriac.nodes", 0, -1)
            .query(&mut connection)?;
        for (_, until) in nodes {
            longest = longest.max(until - seconds - micros / 1e6);
        }
        Ok(connection.zrange_withscores::<_, Vec<(String, f64)>>("unacked_index", 0, -1)? != taken)
    })?;
    assert!(longest <= LEASE, "believed alive for {longest} s");
    Ok(())
}

/// Where the messages of these ids are: waiting, or held. Nowhere else, and each in one place.
fn whereabouts(connection: &mut redis::Connection) -> anyhow::Result<Vec<String>> {
    let (waiting, held, inflight): (Vec<String>, Vec<String>, Vec<String>) = redis::pipe()
        .atomic()
        .lrange(QUEUE, 0, -1)
        .cmd("HVALS")
        .arg("unacked")
        .keys("celeriac.inflight.*")
        .query(connection)?;
    assert!(inflight.is_empty(), "nothing lies between taking and parking: {inflight:?}");
    let waiting = waiting.iter().map(|element| serde_json::from_str::<Value>(element));
    let held = held.iter().map(|entry| serde_json::from_str::<Value>(entry).map(|mut entry| entry[0].take()));
    let mut ids = Vec::new();
    for message in waiting.chain(held) {
        ids.push(message?["headers"]["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(ids)
}

#[test]
fn a_worker_frozen_while_it_takes_and_then_killed_loses_nothing() -> anyhow::Result<()> {
    let rounds = size("DRILL_FREEZES", 8);
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let mut sent: Vec<String> = Vec::new();
    for round in 0..rounds {
        let mut worker = start_worker(&redis, &["-c", "2"])?;
        // All that earlier rounds have left.
        wait_all_succeeded(&redis, &sent)?;
        let ids: Vec<String> = (0..3).map(|number| format!("{round}-{number}")).collect();
        let messages: Vec<Value> = ids.iter().map(|id| envelope(ECHO, id, &json!([round]))).collect();
        if round % 2 == 0 {
            // Frozen first: the server takes for a process that does not even know.
            worker.signal(Signal::STOP)?;
            for message in &messages {
                push(&redis, QUEUE, message)?;
            }
        } else {
            for message in &messages {
                push(&redis, QUEUE, message)?;
            }
            std::thread::sleep(random_pause(Duration::from_millis(3)));
            worker.signal(Signal::STOP)?;
        }
        worker.kill()?;
        let states = states(&mut connection, &ids)?;
        let done = ids.iter().zip(&states).filter(|(_, state)| *state == "SUCCESS").map(|(id, _)| id.clone());
        let mut found = whereabouts(&mut connection)?;
        found.extend(done);
        found.sort();
        assert_eq!(found, ids, "each is in one place or done");
        sent.extend(ids);
    }
    let _last = start_worker(&redis, &["-c", "2"])?;
    wait_all_succeeded(&redis, &sent)?;
    println!("frozen and killed {rounds} times: all {} tasks have their outcome", sent.len());
    Ok(())
}

#[test]
fn a_frozen_worker_that_wakes_touches_nothing() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    let frozen = start_worker(&redis, &["-c", "4", "-n", "frozen@%h", "-Q", QUEUE])?;
    push(&redis, QUEUE, &envelope(SLEEP, "running", &json!([2])))?;
    frozen.wait_for_line("[running] received")?;
    wait_until("it waits on all lists", || {
        let info: String = redis::cmd("INFO").arg("clients").query(&mut connection)?;
        Ok(info.contains("blocked_clients:4"))
    })?;
    frozen.signal(Signal::STOP)?;
    // One message for each of the lists it waits on: a success, a failure, and one that publishes another message.
    let lists =
        [("default\x06\x163", "value_error"), ("default\x06\x166", "retry"), ("default\x06\x169", "reject")];
    for (list, kind) in lists {
        push(&redis, list, &envelope(FAIL, kind, &json!([kind])))?;
    }
    push(&redis, QUEUE, &envelope(ECHO, "echo", &json!([1])))?;
    wait_until("the server has leased all to the frozen one", || {
        Ok(connection.hlen::<_, usize>("unacked")? + connection.llen::<_, usize>(QUEUE)? == 5)
    })?;

    let mut other = start_worker(&redis, &["-c", "2", "-n", "other@%h"])?;
    // Holding something, it looks after the others every few seconds.
    push(&redis, QUEUE, &envelope(SLEEP, "busy", &json!([600])))?;
    let ids = ["running", "echo", "value_error", "retry", "reject"].map(str::to_owned);
    wait_until("the other has run all of them", || {
        let states = states(&mut connection, &ids)?;
        Ok(states.iter().all(|state| state == "SUCCESS" || state == "FAILURE"))
    })?;
    other.kill()?;
    let key = |id: &String| format!("celery-task-meta-{id}");
    let stored: Vec<String> = ids.iter().map(|id| connection.get(key(id))).collect::<Result<_, _>>()?;
    let outcomes = watch_outcomes(&redis)?;
    let letters: usize = connection.llen("dlq")?;

    frozen.signal(Signal::CONT)?;
    push(&redis, QUEUE, &envelope(ECHO, "probe", &json!([1])))?;
    wait_until("it works again", || Ok(meta(&mut connection, "probe")?.is_some()))?;
    // It says of each that it is not its own any more.
    let not_held =
        |line: &&String| line.contains("not held here any more") || line.contains("lost the lease");
    wait_until("it notices", || Ok(frozen.lines().iter().filter(not_held).count() >= 2))?;
    frozen.signal(Signal::TERM)?;
    let mut frozen = frozen;
    frozen.wait_exit(PATIENCE)?;

    let now: Vec<String> = ids.iter().map(|id| connection.get(key(id))).collect::<Result<_, _>>()?;
    assert_eq!(now, stored);
    let published: HashSet<String> = outcomes.try_iter().map(|(id, _)| id).collect();
    assert_eq!(published, HashSet::from(["probe".to_owned()]), "nothing was announced");
    assert_eq!(connection.llen::<_, usize>("dlq")?, letters);
    let waiting: Vec<String> =
        lists.iter().map(|(list, _)| (*list).to_owned()).chain([QUEUE.to_owned()]).collect();
    for list in waiting {
        let left: Vec<String> = connection.lrange(&list, 0, -1)?;
        assert!(left.iter().all(|message| message.contains("\"busy\"")), "{list:?}: {left:?}");
    }
    Ok(())
}

#[test]
fn a_task_longer_than_the_visibility_timeout_runs_once() -> anyhow::Result<()> {
    let seconds = size("DRILL_LONG", 10);
    let timeout = if seconds >= 20 { "5" } else { "3" };
    let redis = RedisServer::start()?;
    let ours = start_worker(&redis, &["-c", "1", "--visibility-timeout", timeout])?;
    push(&redis, QUEUE, &envelope(SLEEP, "long", &json!([seconds])))?;
    ours.wait_for_line("[long] received")?;
    let python = start_python_worker(&redis, &["--visibility-timeout", timeout])?;
    let second = start_worker(&redis, &["-c", "1", "--visibility-timeout", timeout])?;
    wait_all_succeeded(&redis, &["long".to_owned()])?;
    let received =
        |program: &Program| program.lines().iter().filter(|line| line.contains("[long] received")).count();
    assert_eq!([received(&ours), received(&second), received(&python)], [1, 0, 0]);
    Ok(())
}
