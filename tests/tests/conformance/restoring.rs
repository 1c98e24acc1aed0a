//! C. At-least-once: overdue messages, and Python workers on the same queues.

use redis::Commands;
use serde_json::{Value, json};
use system_tests::program::Program;
use system_tests::servers::RedisServer;

use crate::lab::{
    Lab, Monitor, connect, envelope, meta, position, push, start_python_worker, start_worker, wait_until,
    waiting,
};

const NOOP: &str = "celeriac.test.noop";
const SLEEP: &str = "celeriac.test.sleep";

/// Makes a worker believe that somebody took this message long ago and was not heard of since.
fn plant(redis: &RedisServer, tag: &str, message: &Value) -> anyhow::Result<()> {
    let entry = json!([message, "", message["properties"]["delivery_info"]["routing_key"]]).to_string();
    redis::pipe()
        .atomic()
        .hset("unacked", tag, entry)
        .zadd("unacked_index", tag, 1)
        .query::<()>(&mut connect(redis)?)?;
    Ok(())
}

/// A message for a queue that no worker here serves, so that it stays where it is restored to.
fn for_nobody(id: &str) -> Value {
    let mut message = envelope(NOOP, id, &json!([]));
    message["properties"]["delivery_info"]["routing_key"] = json!("nobody");
    message
}

/// A Python worker that sweeps with that visibility timeout and takes nothing itself.
fn sweeper(redis: &RedisServer) -> anyhow::Result<Program> {
    start_python_worker(redis, &["--visibility-timeout", "3", "--queue", "nobody"])
}

fn starts(lab: &Lab, id: &str) -> usize {
    lab.worker.lines().iter().filter(|line| line.contains(&format!("[{id}] succeeded"))).count()
}

#[test]
fn c037_python_restores_what_a_killed_worker_held() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope(SLEEP, "orphan", &json!([1])))?;
    lab.worker.wait_for_line("[orphan] received")?;
    lab.worker.kill()?;
    let _python = start_python_worker(&lab.redis, &["--visibility-timeout", "3"])?;
    let stored = lab.outcome("orphan")?;
    assert_eq!(stored["status"], "SUCCESS");
    assert!(stored["worker"].as_str().is_some_and(|name| name.starts_with("python@")), "{stored}");
    wait_until("nothing is held", || Ok(lab.held()? == 0))?;
    Ok(())
}

#[test]
fn c038_runs_what_python_restored() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let mut python = start_python_worker(&redis, &[])?;
    push(&redis, "default", &envelope(SLEEP, "orphan", &json!([2])))?;
    wait_until("Python holds it", || Ok(connect(&redis)?.hlen::<_, usize>("unacked")? == 1))?;
    python.kill()?;
    let restore = "with app.connection_for_read() as connection:
    connection.default_channel.qos.restore_visible(start=0, num=None, interval=1)";
    let options = json!({"broker_transport_options": {"visibility_timeout": 0}});
    crate::lab::python(&redis, &options, restore, &Value::Null)?;
    let restored = waiting(&redis, "default")?;
    assert_eq!(restored[0]["headers"]["redelivered"], true);
    assert_eq!(restored[0]["properties"]["delivery_info"]["redelivered"], true);
    let lab = Lab::start_on(redis, &["-c", "1"])?;
    let stored = lab.outcome("orphan")?;
    assert_eq!(stored["status"], "SUCCESS");
    assert!(!stored["worker"].as_str().is_some_and(|name| name.starts_with("python@")), "{stored}");
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c039_restores_overdue_messages() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    plant(&redis, "old", &for_nobody("old"))?;
    let lab = Lab::start_on(redis, &["-c", "1"])?;
    wait_until("it is restored", || Ok(!lab.waiting("nobody")?.is_empty()))?;
    let restored = &lab.waiting("nobody")?[0];
    assert_eq!(restored["headers"]["redelivered"], true);
    assert_eq!(restored["properties"]["delivery_info"]["redelivered"], true);
    assert_eq!(restored["properties"]["delivery_tag"], "tag of old");
    assert_eq!(restored["body"], for_nobody("old")["body"]);
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c040_sweeps_only_under_the_mutex() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    plant(&redis, "old", &for_nobody("old"))?;
    let () = connect(&redis)?.set("unacked_mutex", "somebody else")?;
    let mut monitor = Monitor::start(&redis)?;
    let mut lab = Lab::start_on(redis, &["-c", "1"])?;
    monitor.until(|command| {
        *command != ["GET", "unacked_mutex"]
            && position(std::slice::from_ref(command), &["SET", "unacked_mutex"]).is_some()
    })?;
    lab.run(NOOP, "one", &json!([]))?;
    assert_eq!(lab.waiting("nobody")?.len(), 0);
    assert_eq!(lab.held()?, 1);
    lab.terminate()?;
    assert_eq!(lab.connection()?.get::<_, String>("unacked_mutex")?, "somebody else", "not ours to release");

    let () = lab.connection()?.del("unacked_mutex")?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.worker = start_worker(&lab.redis, &["-c", "1"])?;
    let commands = monitor.until(|command| *command == ["DEL", "unacked_mutex"])?;
    assert_eq!(commands[commands.len() - 2], ["GET", "unacked_mutex"], "compared before it is released");
    let taken = &commands[position(&commands, &["SET", "unacked_mutex"]).expect("taken")];
    let options: Vec<String> = taken[3..].iter().map(|option| option.to_uppercase()).collect();
    assert!(options.contains(&"NX".into()) && options.contains(&"PX".into()), "{taken:?}");
    Ok(())
}

#[test]
fn c041_restores_to_the_front() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    push(&redis, "nobody", &for_nobody("waiting"))?;
    plant(&redis, "old", &for_nobody("restored"))?;
    let lab = Lab::start_on(redis, &["-c", "1"])?;
    wait_until("it is restored", || Ok(lab.waiting("nobody")?.len() == 2))?;
    assert_eq!(lab.waiting("nobody")?[0]["headers"]["id"], "restored");
    Ok(())
}

#[test]
fn c044_is_not_swept_while_it_works() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let _python = sweeper(&redis)?;
    let lab = Lab::start_on(redis, &["-c", "2", "--visibility-timeout", "3"])?;
    lab.push(&envelope(SLEEP, "long", &json!([15])))?;
    lab.outcome("long")?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!((starts(&lab, "long"), lab.held()?, lab.waiting("default")?.len()), (1, 0, 0));
    assert_eq!(lab.worker.lines().iter().filter(|line| line.contains("[long] received")).count(), 1);
    Ok(())
}

#[test]
fn c059_works_beside_python() -> anyhow::Result<()> {
    const MESSAGES: usize = 1000;
    let redis = RedisServer::start()?;
    let code = "for number in range(input):
    app.send_task('celeriac.test.noop', task_id=f'id-{number}')";
    let _python = start_python_worker(&redis, &[])?;
    let lab = Lab::start_on(redis, &["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.python(code, &json!(MESSAGES))?;
    let mut connection = lab.connection()?;
    wait_until("all have an outcome", || {
        Ok(connection.keys::<_, Vec<String>>("celery-task-meta-id-*")?.len() == MESSAGES)
    })?;
    wait_until("nothing is held", || Ok(lab.held()? == 0))?;
    let mut workers = std::collections::BTreeMap::<String, usize>::new();
    for number in 0..MESSAGES {
        let stored = meta(&lab.redis, &format!("id-{number}"))?.unwrap_or_default();
        assert_eq!(stored["status"], "SUCCESS");
        *workers.entry(stored["worker"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert_eq!(workers.len(), 2, "both took part: {workers:?}");
    let stored = monitor.commands(&lab.redis)?.into_iter().filter(|command| command[0] == "SETEX").count();
    assert_eq!(stored, MESSAGES, "each result is stored once");
    assert!(lab.waiting("default")?.is_empty());
    Ok(())
}

#[test]
fn c084_runs_a_delayed_task_once_although_python_sweeps() -> anyhow::Result<()> {
    let redis = RedisServer::start()?;
    let _python = sweeper(&redis)?;
    let lab = Lab::start_on(redis, &["-c", "1", "--visibility-timeout", "3"])?;
    lab.python("app.send_task('celeriac.test.noop', task_id='later', countdown=8)", &Value::Null)?;
    lab.outcome("later")?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!((starts(&lab, "later"), lab.held()?, lab.waiting("default")?.len()), (1, 0, 0));
    Ok(())
}
