//! How a worker waits for messages: the ways there are, and that it takes the next one when the server refuses.

#![allow(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::json;
use system_tests::drill::{
    QUEUE, connect, envelope, executions, push, start_worker, wait_all_succeeded, wait_until,
};
use system_tests::program::Program;
use system_tests::servers::RedisServer;

const ECHO: &str = "celeriac.test.echo";

fn connections(redis: &RedisServer) -> anyhow::Result<Vec<String>> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query(&mut connect(redis)?)?;
    // Without the one that asks.
    let all = list.lines().filter(|line| !line.contains("cmd=client|list"));
    Ok(all.map(str::to_owned).collect())
}

/// Messages that come one at a time while the worker waits, in every list of a queue, and many at once: each runs once.
fn runs_everything(redis: &RedisServer, worker: &Program, name: &str) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for (number, list) in
        [QUEUE, "default\u{6}\u{16}3", "default\u{6}\u{16}6", "default\u{6}\u{16}9"].iter().enumerate()
    {
        let id = format!("{name} {number}");
        push(redis, list, &envelope(ECHO, &id, &json!([1])))?;
        ids.push(id);
        wait_all_succeeded(redis, &ids)?;
    }
    for number in 0..200 {
        ids.push(format!("{name} burst {number}"));
        push(redis, QUEUE, &envelope(ECHO, ids.last().expect("it was pushed"), &json!([number])))?;
    }
    wait_all_succeeded(redis, &ids)?;
    let executions = executions(&[worker]);
    for id in &ids {
        assert_eq!(executions.get(id), Some(&1), "{id}");
    }
    Ok(())
}

/// Way and number of connections, as the worker tells.
fn waits_by(worker: &Program, way: &str, connections: usize) -> anyhow::Result<()> {
    let line = worker.wait_for_line(&format!(r#""way":"{way}","connections""#))?;
    assert!(line.contains(&format!(r#""connections":{connections}"#)), "{line}");
    Ok(())
}

#[test]
fn a_queue_is_blocked_on() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2", "-Q", QUEUE])?;
    waits_by(&worker, "block", 4)?;
    runs_everything(&redis, &worker, "blocked")?;
    wait_until("it waits in four lists", || {
        Ok(connections(&redis)?.iter().filter(|line| line.contains("cmd=blmove")).count() == 4)
    })
}

#[test]
fn many_lists_are_tracked_on_one_connection() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let worker = start_worker(&redis, &["-c", "2", "-Q", "default,a,b,c,d"])?;
    waits_by(&worker, "track", 1)?;
    runs_everything(&redis, &worker, "tracked")?;
    // Flag `t`: tracking is on.
    let tracking =
        |line: &String| line.split(' ').any(|field| field.starts_with("flags=") && field.contains('t'));
    assert_eq!(connections(&redis)?.iter().filter(|line| tracking(line)).count(), 1);
    // Cut off, it tracks again.
    let _: i64 = redis::cmd("CLIENT")
        .arg(&["KILL", "TYPE", "normal", "SKIPME", "yes"])
        .query(&mut connect(&redis)?)?;
    runs_everything(&redis, &worker, "tracked again")
}

#[test]
fn without_blmove_it_tracks() -> anyhow::Result<()> {
    let redis = RedisServer::start_with(&["--rename-command", "BLMOVE", ""])?;
    let worker = start_worker(&redis, &["-c", "2", "-Q", QUEUE])?;
    worker.wait_for_line("refuses this way")?;
    waits_by(&worker, "track", 1)?;
    runs_everything(&redis, &worker, "without blmove")
}

#[test]
fn without_either_it_polls() -> anyhow::Result<()> {
    let redis =
        RedisServer::start_with(&["--rename-command", "BLMOVE", "", "--rename-command", "CLIENT", ""])?;
    let mut worker = start_worker(&redis, &["-c", "2", "-Q", QUEUE])?;
    waits_by(&worker, "poll", 0)?;
    runs_everything(&redis, &worker, "polled")?;
    worker.signal(system_tests::process::Signal::TERM)?;
    assert!(worker.wait_exit(system_tests::program::PATIENCE)?.success());
    Ok(())
}

#[test]
fn a_user_without_the_right_to_block_tracks() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let () = redis::cmd("ACL").arg(&["SETUSER", "default", "-blmove"]).query(&mut connect(&redis)?)?;
    let worker = start_worker(&redis, &["-c", "2", "-Q", QUEUE])?;
    waits_by(&worker, "track", 1)?;
    runs_everything(&redis, &worker, "without the right")
}
