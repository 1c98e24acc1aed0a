//! B. Queues.

use redis::Commands;
use serde_json::{Value, json};
use system_tests::process::Signal;
use system_tests::program::PATIENCE;
use system_tests::servers::RedisServer;

use crate::lab::{Lab, Monitor, connect, envelope, order_of_ends, push, python, start_worker, wait_until};

const NOOP: &str = "celeriac.test.noop";
const SEPARATOR: &str = "\x06\x16";

/// A message for a queue, pushed to one of its lists.
fn push_to(redis: &RedisServer, queue: &str, step: u8, id: &str) -> anyhow::Result<()> {
    let mut message = envelope(NOOP, id, &json!([]));
    message["properties"]["delivery_info"]["routing_key"] = json!(queue);
    message["properties"]["priority"] = json!(step);
    let list = if step == 0 { queue.to_owned() } else { format!("{queue}{SEPARATOR}{step}") };
    push(redis, &list, &message)
}

/// The order in which a worker with one slot ends what waits already.
fn order(redis: &RedisServer, count: usize, flags: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut worker = None;
    order_of_ends(redis, count, || {
        worker = Some(start_worker(redis, flags)?);
        Ok(())
    })
}

#[test]
fn c021_pops_fifo() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    python(
        &redis,
        &json!({}),
        "for number in range(10): app.send_task('celeriac.test.noop', task_id=str(number))",
        &Value::Null,
    )?;
    let ids: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(order(&redis, 10, &["-c", "1"])?, ids);
    Ok(())
}

#[test]
fn c022_takes_priority_0_first() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let code = "for priority in range(9, -1, -1):
    app.send_task('celeriac.test.noop', task_id=str(priority), priority=priority)";
    python(&redis, &json!({}), code, &Value::Null)?;
    // By step, and within a step in the order of sending.
    assert_eq!(order(&redis, 10, &["-c", "1"])?, ["2", "1", "0", "5", "4", "3", "8", "7", "6", "9"]);
    Ok(())
}

#[test]
fn c023_serves_a_step_of_all_queues_before_the_next() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    for (queue, step, id) in [("a", 3, "a3"), ("a", 6, "a6"), ("b", 0, "b0"), ("b", 3, "b3"), ("a", 0, "a0")]
    {
        push_to(&redis, queue, step, id)?;
    }
    let order = order(&redis, 5, &["-c", "1", "-Q", "a,b"])?;
    assert_eq!(order[..2].iter().filter(|id| id.ends_with('0')).count(), 2, "{order:?}");
    assert_eq!(order[4], "a6", "{order:?}");
    Ok(())
}

#[test]
fn c024_takes_turns_between_queues() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    for number in 0..4 {
        push_to(&redis, "a", 0, &format!("a{number}"))?;
        push_to(&redis, "b", 0, &format!("b{number}"))?;
    }
    let order = order(&redis, 8, &["-c", "1", "-Q", "a,b"])?;
    assert_eq!(order, ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]);
    Ok(())
}

#[test]
fn c026_registers_its_bindings() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "-Q", "default,other"])?;
    lab.push(&envelope(NOOP, "one", &json!([])))?;
    lab.outcome("one")?;
    let mut connection = lab.connection()?;
    // A queue that is only named has an exchange of its own name, as with Celery's `-Q`.
    for queue in ["default", "other"] {
        for sets in ["binding", "binding_permanent"] {
            let members: Vec<String> = connection.smembers(format!("_kombu.{sets}.{queue}"))?;
            assert_eq!(members, [format!("{queue}{SEPARATOR}{SEPARATOR}{queue}")], "{sets}");
        }
    }
    Ok(())
}

#[test]
fn c027_touches_no_other_keys() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let foreign = ["default.other", "default-2", "_kombu.binding.celery.pidbox", "somebody"];
    for key in foreign {
        let () = connect(&redis)?.sadd(key, "member")?;
    }
    let mut lab = Lab::start_on(redis, &["-c", "1", "-Q", "default"])?;
    lab.run(NOOP, "one", &json!([]))?;
    lab.terminate()?;
    let mut connection = lab.connection()?;
    for key in foreign {
        assert_eq!(connection.smembers::<_, Vec<String>>(key)?, ["member"], "{key}");
    }
    let ours = ["_kombu.binding.default", "_kombu.binding_permanent.default", "celery-task-meta-one"];
    let mut others: Vec<String> = connection.keys("*")?;
    others.retain(|key| !foreign.contains(&key.as_str()) && !ours.contains(&key.as_str()));
    assert_eq!(others, Vec::<String>::new());
    Ok(())
}

#[test]
fn c028_stops_when_the_window_is_full() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "1"])?;
    for id in ["a", "b", "c"] {
        lab.push(&envelope("celeriac.test.sleep", id, &json!([600])))?;
    }
    lab.worker.wait_for_line("[a] received")?;
    let mut connection = lab.connection()?;
    assert_eq!((connection.llen::<_, usize>("default")?, lab.held()?), (2, 1));
    Ok(())
}

#[test]
fn c029_loses_nothing_when_it_stops() -> anyhow::Result<()> {
    const ROUNDS: usize = 8;
    const MESSAGES: usize = 250;
    let redis = RedisServer::start()?;
    let mut connection = connect(&redis)?;
    for round in 0..ROUNDS {
        let mut worker = start_worker(&redis, &["-c", "2"])?;
        let elements: Vec<String> = (0..MESSAGES)
            .map(|number| envelope(NOOP, &format!("{round}-{number}"), &json!([])).to_string())
            .collect();
        for (number, element) in elements.iter().enumerate() {
            let () = connection.lpush("default", element)?;
            // Each round stops at another point.
            if number == round * MESSAGES / ROUNDS {
                worker.signal(Signal::TERM)?;
            }
        }
        assert_eq!(worker.wait_exit(PATIENCE)?.code(), Some(0));
        let left: usize = connection.llen("default")?;
        let done: Vec<String> = connection.keys(format!("celery-task-meta-{round}-*"))?;
        assert_eq!(left + done.len(), MESSAGES, "round {round}");
        assert_eq!(connection.hlen::<_, usize>("unacked")?, 0);
        let () = connection.del("default")?;
    }
    Ok(())
}

#[test]
fn c030_is_quiet_when_idle() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.run(NOOP, "one", &json!([]))?;
    let mut monitor = Monitor::start(&lab.redis)?;
    // Only time shows what an idle worker does.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let commands = monitor.commands(&lab.redis)?;
    let pops = commands.iter().filter(|command| command[0].starts_with('B')).count();
    assert!(pops <= 3 + 8, "a pop per second, and one per list when it begins to wait: {commands:?}");
    assert!(commands.len() <= 30, "{commands:?}");
    Ok(())
}

#[test]
fn c031_leaves_other_queues_alone() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "-Q", "default"])?;
    lab.python("app.send_task('celeriac.test.noop', queue='x')", &Value::Null)?;
    lab.run(NOOP, "one", &json!([]))?;
    assert_eq!(lab.waiting("x")?.len(), 1);
    Ok(())
}

#[test]
fn c032_goes_on_after_a_purge() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let code = "import time
for _ in range(3): app.send_task('celeriac.test.sleep', args=[3])
while not app.backend.client.hlen('unacked'): time.sleep(0.01)
answer = app.control.purge()";
    let purged = lab.python(code, &Value::Null)?;
    assert_eq!(purged, json!(2));
    assert_eq!(lab.run(NOOP, "after", &json!([]))?["status"], "SUCCESS");
    wait_until("all is acknowledged", || Ok(lab.held()? == 0))?;
    assert!(!lab.worker.lines().iter().any(|line| line.contains("ERROR")));
    Ok(())
}

#[test]
fn c025_uses_the_names_that_the_options_make() -> anyhow::Result<()> {
    let mut lab = Lab::start(&[
        "-c",
        "1",
        "-Q",
        "default",
        "--global-keyprefix",
        "tenant1",
        "--queue-separator",
        ":",
        "--priority-steps",
        "0,5",
    ])?;
    let options = json!({"global_keyprefix": "tenant1", "sep": ":", "priority_steps": [0, 5]});
    let settings = json!({"broker_transport_options": options});
    let send = "results = [app.send_task('celeriac.test.echo', args=[p], priority=p) for p in (0, 5, 9)]";
    let code = format!("{send}\nanswer = [result.get(timeout=60)['args'][0] for result in results]");
    assert_eq!(python(&lab.redis, &settings, &code, &Value::Null)?, json!([0, 5, 9]));
    let mut connection = lab.connection()?;
    let bound: Vec<String> = connection.smembers("tenant1_kombu.binding.default")?;
    assert_eq!(bound, ["default::default"]);
    let bare: Vec<String> = connection.keys("[^t]*")?;
    assert!(bare.iter().all(|key| key.starts_with("celery-task-meta-")), "{bare:?}");
    lab.terminate()?;
    python(&lab.redis, &settings, send, &Value::Null)?;
    assert_eq!((lab.waiting("tenant1default")?.len(), lab.waiting("tenant1default:5")?.len()), (1, 2));
    Ok(())
}
