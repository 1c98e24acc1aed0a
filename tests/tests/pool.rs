//! The pools: one suite over prefork, threads and solo, each outcome as the real Celery reads it; then what only
//! processes can do: bad tasks that hurt nobody else, executors that are killed, workers that are replaced.
//!
//! `POOL_KILLS` and `POOL_RESTARTS` make the drills longer, `POOL_PRINT_MB` the print.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "conformance/lab.rs"]
#[expect(dead_code, unused_imports, reason = "the conformance tests use the rest")]
mod lab;

use std::collections::BTreeSet;
use std::path::Path;

use lab::{Lab, envelope, meta, start_worker, wait_until, with_headers};
use redis::Commands;
use serde_json::{Value, json};
use system_tests::process::Signal;
use system_tests::program::PATIENCE;
use system_tests::servers::RedisServer;

const SLEEP: &str = "celeriac.test.sleep";
const PID: &str = "celeriac.test.pid";

/// Python: sends `input`, a list of name, arguments and options, and answers state, value or exception, and traceback.
const SEND_ALL: &str = "
sent = [app.send_task('celeriac.test.' + name, args=args, **options) for name, args, options in input]
answer = []
for result in sent:
    try:
        value = result.get(timeout=100)
    except Exception as error:
        value = [type(error).__module__, type(error).__name__, *error.args]
    answer.append([result.state, value, result.traceback])
";

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The processes that a process has started and not waited for.
fn children(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let lists = threads.map(|thread| {
        std::fs::read_to_string(thread.expect("a thread").path().join("children")).unwrap_or_default()
    });
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn is_zombie(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

fn open_files(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count()
}

fn kill(process: u32) {
    let pid = rustix::process::Pid::from_raw(process.try_into().expect("a process id")).expect("not 0");
    // It may be gone already.
    let _ = rustix::process::kill_process(pid, Signal::KILL);
}

fn suite(pool: &str) -> anyhow::Result<()> {
    let lab = Lab::start(&["-P", pool, "-c", "2"])?;
    let calls = json!([
        ["echo", [1, {"two": 2}], {}],
        ["fail", ["value_error"], {}],
        ["fail", ["panic"], {}],
        ["fail", ["retry", 0], {}],
        ["sleep", [600], {"soft_time_limit": 1}],
        ["sleep", [600], {"time_limit": 1}],
        ["sleep", [600], {"time_limit": 1.5, "soft_time_limit": 1}],
        ["sleep_kept", [0], {"time_limit": 60}],
    ]);
    let answers = lab.python(SEND_ALL, &calls)?;
    let is = |number: usize| (&answers[number][0], &answers[number][1]);
    assert_eq!(is(0), (&json!("SUCCESS"), &json!({"args": [1, {"two": 2}], "kwargs": {}})));
    assert_eq!(is(1), (&json!("FAILURE"), &json!(["builtins", "ValueError", "asked to fail"])));
    let panicked = json!(["builtins", "RuntimeError", "the task panicked: asked to panic"]);
    assert_eq!(is(2), (&json!("FAILURE"), &panicked));
    let traceback = answers[2][2].as_str().unwrap_or_default();
    assert!(traceback.contains("try_out.rs") && traceback.contains("celeriac::pool"), "{traceback}");
    assert_eq!(is(3), (&json!("FAILURE"), &json!(["builtins", "ConnectionError", "asked to retry"])));
    let soft = json!(["billiard.exceptions", "SoftTimeLimitExceeded"]);
    assert_eq!(is(4), (&json!("FAILURE"), &soft));
    assert_eq!(is(5), (&json!("FAILURE"), &json!(["billiard.exceptions", "TimeLimitExceeded", 1])));
    assert_eq!(is(6), (&json!("FAILURE"), &soft), "it stops by itself before the hard limit");
    assert_eq!(is(7), (&json!("SUCCESS"), &Value::Null));
    assert_eq!(lab.held()?, 0);
    assert_eq!(lab.waiting("dlq")?.len(), 1, "what the hard limit ended");
    Ok(())
}

#[test]
fn suite_over_prefork() -> anyhow::Result<()> {
    suite("prefork")
}

#[test]
fn suite_over_threads() -> anyhow::Result<()> {
    suite("threads")
}

#[test]
fn suite_over_solo() -> anyhow::Result<()> {
    suite("solo")
}

/// What runs when the drain timeout is over goes back, uncounted.
fn handed_back(pool: &str) -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-P", pool, "-c", "1", "--drain-timeout", "1"])?;
    lab.push(&envelope(SLEEP, "long", &json!([600])))?;
    lab.worker.wait_for_line("[long] received")?;
    assert_eq!(lab.terminate()?, Some(0));
    let back = lab.waiting("default")?;
    assert_eq!((back.len(), &back[0]["headers"]["redelivered"]), (1, &json!(true)));
    assert_eq!(back[0]["headers"].get("x-deliveries"), None);
    assert_eq!((meta(&lab.redis, "long")?, lab.held()?), (None, 0));
    Ok(())
}

#[test]
fn what_does_not_end_in_time_goes_back_uncounted() -> anyhow::Result<()> {
    ["prefork", "threads", "solo"].into_iter().try_for_each(handed_back)
}

#[test]
fn a_deaf_task_goes_back_too() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1", "--drain-timeout", "0"])?;
    lab.push(&envelope("celeriac.test.spin", "deaf", &json!([600])))?;
    lab.worker.wait_for_line("[deaf] received")?;
    assert_eq!(lab.terminate()?, Some(0));
    assert_eq!((lab.waiting("default")?.len(), meta(&lab.redis, "deaf")?, lab.held()?), (1, None, 0));
    Ok(())
}

#[test]
fn executors_are_replaced_after_enough_tasks() -> anyhow::Result<()> {
    for (pool, expected) in [("prefork", 3), ("threads", 1), ("solo", 1)] {
        let lab = Lab::start(&["-P", pool, "-c", "1", "--max-tasks-per-child", "2"])?;
        let mut processes = BTreeSet::new();
        for number in 0..6 {
            processes.insert(lab.run(PID, &format!("id-{number}"), &json!([]))?["result"].as_u64());
        }
        assert_eq!(processes.len(), expected, "{pool}");
    }
    Ok(())
}

#[test]
fn executors_that_have_grown_are_replaced() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--max-memory-per-child", "1"])?;
    let first = lab.run(PID, "first", &json!([]))?["result"].take();
    assert_ne!(lab.run(PID, "second", &json!([]))?["result"], first);
    Ok(())
}

#[test]
fn freed_memory_returns_to_the_system() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let process = lab.run(PID, "which", &json!([]))?["result"].take();
    lab.run("celeriac.test.allocate", "large", &json!([300]))?;
    assert_eq!(lab.run(PID, "again", &json!([]))?["result"], process, "it was not replaced");
    let statm = std::fs::read_to_string(format!("/proc/{process}/statm"))?;
    let resident: usize = statm.split(' ').nth(1).expect("resident pages").parse()?;
    assert!(resident * 4096 < 64 << 20, "{resident} pages are resident");
    Ok(())
}

#[test]
fn autoscale_starts_what_is_needed() -> anyhow::Result<()> {
    let lab = Lab::start(&["--autoscale", "3,0", "--prefetch-multiplier", "2"])?;
    assert_eq!(children(lab.worker.id()).len(), 0);
    for number in 0..6 {
        lab.push(&envelope(SLEEP, &format!("id-{number}"), &json!([1])))?;
    }
    wait_until("three executors", || Ok(children(lab.worker.id()).len() == 3))?;
    for number in 0..6 {
        assert_eq!(lab.outcome(&format!("id-{number}"))?["status"], "SUCCESS");
    }
    assert_eq!(children(lab.worker.id()).len(), 3, "they wait for more");
    Ok(())
}

#[test]
fn bad_tasks_hurt_only_themselves() -> anyhow::Result<()> {
    const MEMORY: u32 = 300_000;
    let lab = Lab::start(&["-c", "3", "--max-memory-per-task", &MEMORY.to_string()])?;
    lab.push(&envelope(SLEEP, "neighbour", &json!([15])))?;
    let calls = json!([
        ["abort", [], {}],
        ["abort_once", [], {}],
        ["exit", [3], {}],
        ["overflow", [], {}],
        ["hoard", [], {}],
        ["allocate", [MEMORY], {}],
        ["spin", [600], {"time_limit": 1, "soft_time_limit": 0.5}],
        ["print", [number("POOL_PRINT_MB", 50)], {}],
        ["close_pipes", [], {}],
        ["echo", ["after"], {}],
    ]);
    let answers = lab.python(SEND_ALL, &calls)?;
    let lost = |number: usize, words: &[&str]| {
        let answer = &answers[number];
        assert_eq!((&answer[0], &answer[1][1]), (&json!("FAILURE"), &json!("WorkerLostError")), "{answer}");
        let text = answer[1][2].as_str().unwrap_or_default();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    lost(0, &["Worker exited prematurely: signal 6 (SIGABRT) Job: "]);
    lost(1, &["signal 6 (SIGABRT)"]);
    lost(2, &["exitcode 3"]);
    lost(3, &["signal 6 (SIGABRT)"]);
    lost(4, &["memory", "300000 KiB"]);
    lost(5, &["memory", "300000 KiB"]);
    assert_eq!(answers[6][1], json!(["billiard.exceptions", "TimeLimitExceeded", 1]));
    for number in 7..10 {
        assert_eq!(answers[number][0], "SUCCESS", "{}", answers[number]);
    }
    let neighbour = lab.outcome("neighbour")?;
    assert_eq!(neighbour["status"], "SUCCESS");
    assert_eq!(lab.held()?, 0);
    let starts = |name: &str| {
        lab.worker.lines().iter().filter(|line| line.contains(name) && line.contains("] received")).count()
    };
    assert_eq!((starts("test.abort["), starts("test.abort_once["), starts("test.sleep[")), (3, 1, 1));
    wait_until("the pool is whole", || Ok(children(lab.worker.id()).len() == 3))?;
    Ok(())
}

#[test]
fn killed_executors_lose_nothing() -> anyhow::Result<()> {
    let kills = number("POOL_KILLS", 20);
    let lab = Lab::start(&["-c", "3", "--prefetch-multiplier", "2", "--max-deliveries", "0"])?;
    let worker = lab.worker.id();
    wait_until("the pool is whole", || Ok(children(worker).len() == 3))?;
    lab.run(PID, "before", &json!([]))?;
    let files = open_files(worker);
    let tasks = kills * 5;
    for number in 0..tasks {
        lab.push(&envelope(SLEEP, &format!("id-{number}"), &json!([0.02])))?;
    }
    let mut killed = 0;
    let mut connection = lab.connection()?;
    while killed < kills {
        let running = children(worker);
        // Any of them, and at any time: neither is chosen.
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.subsec_micros();
        if let Some(victim) = running.get(time as usize % running.len().max(1)) {
            kill(*victim);
            killed += 1;
        }
        let waiting: usize = connection.llen("default")?;
        if waiting == 0 {
            for number in 0..50 {
                lab.push(&envelope(SLEEP, &format!("more-{killed}-{number}"), &json!([0.02])))?;
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(u64::from(time % 50)));
    }
    wait_until("all is done", || {
        let waiting: usize = connection.llen("default")?;
        Ok(waiting == 0 && lab.held()? == 0)
    })?;
    for number in 0..tasks {
        let stored = meta(&lab.redis, &format!("id-{number}"))?.expect("an outcome");
        assert_eq!(stored["status"], "SUCCESS");
    }
    assert_eq!(lab.waiting("dlq")?.len(), 0);
    wait_until("the pool is whole", || Ok(children(worker).len() == 3))?;
    assert!(!children(worker).into_iter().any(is_zombie));
    wait_until("no file more is open than before", || Ok(open_files(worker) <= files))?;
    Ok(())
}

#[test]
fn an_orphan_ends_itself_at_once() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "2"])?;
    let worker = lab.worker.id();
    lab.push(&envelope("celeriac.test.spin", "deaf", &json!([600])))?;
    lab.worker.wait_for_line("[deaf] received")?;
    wait_until("the pool is whole", || Ok(children(worker).len() == 2))?;
    let executors = children(worker);
    lab.worker.kill()?;
    wait_until("they are gone", || {
        // Whoever inherits them may be slow to wait for them.
        Ok(executors.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists() || is_zombie(*pid)))
    })
}

#[test]
fn workers_are_replaced_while_tasks_run() -> anyhow::Result<()> {
    let restarts = number("POOL_RESTARTS", 3);
    let redis = RedisServer::start()?;
    let flags = ["-c", "3", "--drain-timeout", "2"];
    let mut workers = vec![start_worker(&redis, &flags)?, start_worker(&redis, &flags)?];
    let (mut sent, mut lines) = (0, Vec::new());
    for round in 0..restarts {
        for seconds in [0.1, 0.3, 0.5, 1.0, 3.0] {
            lab::push(&redis, "default", &envelope(SLEEP, &format!("id-{sent}"), &json!([seconds])))?;
            sent += 1;
        }
        if round % 10 == 0 {
            lab::push(
                &redis,
                "default",
                &envelope(SLEEP, &format!("id-{sent}"), &json!([number("POOL_LONGEST", 5)])),
            )?;
            sent += 1;
        }
        let mut old = workers.remove(0);
        old.signal(Signal::TERM)?;
        workers.push(start_worker(&redis, &flags)?);
        assert_eq!(old.wait_exit(PATIENCE)?.code(), Some(0));
        lines.extend(old.lines());
    }
    let lab = Lab { worker: workers.remove(0), redis };
    for number in 0..sent {
        assert_eq!(lab.outcome(&format!("id-{number}"))?["status"], "SUCCESS");
    }
    wait_until("nothing is held", || Ok(lab.held()? == 0))?;
    lines.extend(lab.worker.lines());
    lines.extend(workers.iter().flat_map(|worker| worker.lines()));
    for number in 0..sent {
        let ends = format!("[id-{number}] succeeded");
        assert_eq!(lines.iter().filter(|line| line.contains(&ends)).count(), 1, "{ends}");
    }
    assert_eq!(lab.waiting("default")?.len(), 0);
    Ok(())
}

#[test]
fn the_message_s_limit_comes_before_the_worker_s() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--time-limit", "1"])?;
    let longer = json!({"timelimit": [60, null]});
    lab.push(&with_headers(envelope(SLEEP, "longer", &json!([2])), &longer))?;
    assert_eq!(lab.outcome("longer")?["status"], "SUCCESS");
    let ended = lab.run(SLEEP, "ended", &json!([600]))?;
    assert_eq!(ended["result"]["exc_type"], "TimeLimitExceeded");
    Ok(())
}

#[test]
fn lines_of_executors_carry_the_task() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--logformat", "json"])?;
    lab.run("celeriac.test.print", "loud", &json!([1]))?;
    let line = lab.worker.wait_for_line("printed: xxxx")?;
    let line: Value = serde_json::from_str(&line)?;
    assert_eq!((&line["task_id"], &line["task_name"]), (&json!("loud"), &json!("celeriac.test.print")));
    lab.worker.wait_for_line("bytes more, which are not logged")?;
    Ok(())
}
