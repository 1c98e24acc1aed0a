//! D and E. The life of a request: expiry, limits of the rate, retries, and times to wait for.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use redis::Commands;
use rustix::process::{Pid, kill_process};
use serde_json::{Value, json};
use system_tests::process::Signal;
use system_tests::program::PATIENCE;

use crate::lab::{
    Lab, Monitor, connect, envelope, meta, meta_key, order_of_ends, position, wait_until, with_headers,
};

const NOOP: &str = "celeriac.test.noop";
const FAIL: &str = "celeriac.test.fail";

fn time(text: &Value) -> anyhow::Result<DateTime<Utc>> {
    Ok(DateTime::parse_from_rfc3339(text.as_str().unwrap_or_default())?.to_utc())
}

#[test]
fn c069_checks_expiry_again_before_it_starts() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "result = app.send_task('celeriac.test.noop', countdown=3, expires=1)
result.get(timeout=60, propagate=False)
answer = [result.state, result.id]",
        &Value::Null,
    )?;
    assert_eq!(answer[0], "REVOKED");
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c070_expired_messages_are_revoked() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "from celery.exceptions import TaskRevokedError
try:
    app.send_task('celeriac.test.noop', expires=-1).get(timeout=60)
except TaskRevokedError as error:
    answer = error.args",
        &Value::Null,
    )?;
    assert_eq!(answer, json!(["expired"]));
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c071_limits_the_rate_of_starts() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "3", "--rate-limit", "10/m"])?;
    for id in ["a", "b", "c"] {
        lab.push(&envelope("celery_queue.tasks.process_analysis", id, &json!(["none", 1])))?;
    }
    let mut ends = vec![time(&lab.outcome("a")?["date_done"])?];
    assert_eq!(lab.held()?, 2, "what waits stays unacknowledged");
    for id in ["b", "c"] {
        ends.push(time(&lab.outcome(id)?["date_done"])?);
    }
    // The ends of tasks that take no time; a loaded machine makes single ones late.
    let seconds = |index: usize| (ends[index] - ends[0]).as_seconds_f64();
    assert!(seconds(1) >= 5.0 && seconds(2) >= 11.0, "{ends:?}");
    Ok(())
}

/// The message of the first retry of a message with everything in it.
fn retried(priority: u8) -> anyhow::Result<(Value, Value, String)> {
    let mut lab = Lab::start(&["-c", "1"])?;
    let expires = (Utc::now() + Duration::hours(1)).to_rfc3339_opts(SecondsFormat::Micros, false);
    let mut sent = with_headers(
        envelope(FAIL, "again", &json!(["retry"])),
        &json!({"retries": 1, "eta": null, "root_id": "the root", "parent_id": "the parent", "expires": expires,
                "timelimit": [1800, 1500], "x-custom": {"a": [1]}, "shadow": null, "group": null, "origin": "gen1@h"}),
    );
    sent["properties"]["priority"] = json!(priority);
    sent["properties"]["reply_to"] = json!("somebody");
    let list =
        if priority < 3 { "default".to_owned() } else { format!("default\x06\x16{}", priority / 3 * 3) };
    crate::lab::push(&lab.redis, &list, &sent)?;
    lab.stored("again", &["RETRY"])?;
    lab.terminate()?;
    let message = lab.waiting(&list)?.pop().unwrap_or_default();
    Ok((sent, message, list))
}

#[test]
fn c072_publishes_retries_as_celery_does() -> anyhow::Result<()> {
    let before = Utc::now();
    let (sent, message, _) = retried(5)?;
    let headers = &message["headers"];
    for kept in ["task", "id", "root_id", "expires", "timelimit", "x-custom", "shadow", "group", "origin"] {
        assert_eq!(headers[kept], sent["headers"][kept], "{kept}");
    }
    assert_eq!((&headers["retries"], &headers["parent_id"]), (&json!(2), &json!("again")));
    assert!(time(&headers["eta"])? > before);
    for kept in ["correlation_id", "reply_to", "priority"] {
        assert_eq!(message["properties"][kept], sent["properties"][kept], "{kept}");
    }
    assert_ne!(message["properties"]["delivery_tag"], sent["properties"]["delivery_tag"]);
    assert_eq!(message["body"], sent["body"]);
    Ok(())
}

#[test]
fn c073_publishes_then_stores_then_acknowledges() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.push(&envelope(FAIL, "again", &json!(["retry"])))?;
    lab.stored("again", &["RETRY"])?;
    let commands = monitor.commands(&lab.redis)?;
    let stored = position(&commands, &["SETEX", &meta_key("again")]).expect("stored");
    let script =
        commands[..stored].iter().rposition(|command| command[0].starts_with("EVAL")).expect("a script");
    let end = commands[script + 1..].iter().position(|command| command[0].starts_with("EVAL"));
    let step = &commands[script + 1..end.map_or(commands.len(), |end| script + 1 + end)];
    // All in one script: nobody sees one without the other. The removal comes last, should the server be full.
    let published = position(step, &["LPUSH", "default"]).expect("published in the same step");
    let removed = position(step, &["HDEL", "unacked"]).expect("acknowledged in the same step");
    assert!(
        published < removed && position(step, &["SETEX"]).is_some_and(|stored| stored < removed),
        "{step:?}"
    );
    Ok(())
}

#[test]
fn c075_fails_with_the_original_exception() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "result = app.send_task('celeriac.test.fail', args=['retry'], retries=2)
try:
    result.get(timeout=60)
except ConnectionError as error:
    answer = [list(error.args), result.retries]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!([["asked to retry"], 3]));
    Ok(())
}

#[test]
fn c076_publishes_no_time_when_there_is_no_countdown() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    let planned = json!({"eta": "2020-01-01T00:00:00+00:00"});
    lab.push(&with_headers(envelope(FAIL, "at once", &json!(["retry", 0])), &planned))?;
    assert_eq!(lab.outcome("at once")?["status"], "FAILURE", "after the last retry");
    let commands = monitor.commands(&lab.redis)?;
    let pushed = commands.iter().filter(|command| command.starts_with(&["LPUSH".into(), "default".into()]));
    let retries: Vec<Value> =
        pushed.map(|command| serde_json::from_str(&command[2])).collect::<Result<Vec<_>, _>>()?;
    let (etas, counts): (Vec<_>, Vec<_>) =
        retries.iter().map(|message| (&message["headers"]["eta"], &message["headers"]["retries"])).unzip();
    // The first is ours.
    assert_eq!(etas[1..], [&Value::Null; 3], "{retries:?}");
    assert_eq!(counts[1..], [&json!(1), &json!(2), &json!(3)]);
    Ok(())
}

#[test]
fn c077_stores_nothing_for_ignore() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope(FAIL, "ignored", &json!(["ignore"])))?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!((meta(&lab.redis, "ignored")?, lab.held()?), (None, 0));
    Ok(())
}

#[test]
fn c078_stores_reject() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "from celery.exceptions import Reject
try:
    app.send_task('celeriac.test.fail', args=['reject'], task_id='rejected').get(timeout=60)
except Reject as error:
    answer = [error.reason, error.requeue]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!(["asked to reject", false]));
    let stored = meta(&lab.redis, "rejected")?.unwrap_or_default();
    assert_eq!((&stored["status"], &stored["traceback"]), (&json!("FAILURE"), &Value::Null));
    assert_eq!((lab.held()?, lab.waiting("default")?.len()), (0, 0));
    Ok(())
}

#[test]
#[ignore = "cleanup_stale_tasks is not built"]
fn c080_serves_the_three_task_names() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "def end(name, *args):
    return app.send_task('celery_queue.tasks.' + name, args=args).get(timeout=20, propagate=False)
answer = [type(end(*call)).__name__ for call in
          [('health_check',), ('process_analysis', 'none', 1), ('cleanup_stale_tasks',)]]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!(["dict", "dict", "dict"]));
    Ok(())
}

#[test]
fn c081_starts_at_its_eta() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "import datetime
eta = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
result = app.send_task('celeriac.test.noop', eta=eta)
result.get(timeout=60)
answer = (result.date_done - eta).total_seconds()",
        &Value::Null,
    )?;
    let late = answer.as_f64().unwrap_or(f64::NAN);
    assert!((0.0..=1.0).contains(&late), "it ended {late} s after its time");
    Ok(())
}

#[test]
fn c082_reads_every_spelling_of_eta() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "4"])?;
    // Whole seconds, so that the spelling without fractions means the same.
    let eta = DateTime::from_timestamp(Utc::now().timestamp() + 2, 0).expect("a time");
    let east = chrono::FixedOffset::east_opt(5 * 3600 + 1800).expect("an offset");
    let spellings = [
        ("offset", eta.with_timezone(&east).format("%Y-%m-%dT%H:%M:%S.000001%:z").to_string()),
        ("z", eta.format("%Y-%m-%dT%H:%M:%S.000001Z").to_string()),
        ("naive", eta.format("%Y-%m-%dT%H:%M:%S.000001").to_string()),
        ("whole", eta.format("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
    ];
    for (id, spelling) in &spellings {
        lab.push(&with_headers(envelope(NOOP, id, &json!([])), &json!({"eta": spelling})))?;
    }
    for (id, spelling) in &spellings {
        let stored = lab.outcome(id)?;
        assert_eq!(stored["status"], "SUCCESS", "{spelling}");
        let late = (time(&stored["date_done"])? - eta).as_seconds_f64();
        assert!((0.0..=1.0).contains(&late), "{spelling}: {late} s late");
    }
    Ok(())
}

#[test]
fn c083_waiting_messages_take_no_place() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "1"])?;
    let order = order_of_ends(&lab.redis, 6, || {
        lab.python(
            "for number in range(5): app.send_task('celeriac.test.noop', task_id=f'later-{number}', countdown=4)",
            &Value::Null,
        )?;
        wait_until("all five are held", || Ok(connect(&lab.redis)?.hlen::<_, usize>("unacked")? == 5))?;
        lab.push(&envelope(NOOP, "at-once", &json!([])))
    })?;
    assert_eq!(order[0], "at-once");
    Ok(())
}

#[test]
fn c060_applies_the_message_s_time_limit() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "2", "--time-limit", "60"])?;
    lab.python(
        "app.send_task('celeriac.test.sleep', args=[600], time_limit=2, task_id='limited')",
        &Value::Null,
    )?;
    let stored = lab.outcome("limited")?;
    assert_eq!(stored["result"]["exc_message"], json!([2]));
    Ok(())
}

#[test]
fn c061_python_raises_the_time_limits_exceptions() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "2"])?;
    let answer = lab.python(
        "
from billiard.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded
answer = []
for limits, expected in ({'soft_time_limit': 1}, SoftTimeLimitExceeded), ({'time_limit': 1}, TimeLimitExceeded):
    result = app.send_task('celeriac.test.sleep', args=[600], **limits)
    try:
        result.get(timeout=100)
    except expected as error:
        answer.append([result.state, list(error.args)])
",
        &Value::Null,
    )?;
    assert_eq!(answer, json!([["FAILURE", []], ["FAILURE", [1]]]));
    Ok(())
}

#[test]
fn c062_counts_limits_from_the_start() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "2"])?;
    let limit = json!({"timelimit": [2, null]});
    lab.push(&envelope("celeriac.test.sleep", "before", &json!([3])))?;
    lab.push(&with_headers(envelope("celeriac.test.sleep", "behind", &json!([0.5])), &limit))?;
    assert_eq!(lab.outcome("behind")?["status"], "SUCCESS");
    Ok(())
}

#[test]
fn c063_acknowledges_on_timeout_unless_told_otherwise() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1"])?;
    let limited = |task: &str, id: &str| {
        with_headers(envelope(task, id, &json!([600])), &json!({"timelimit": [1, null]}))
    };
    lab.push(&limited("celeriac.test.sleep", "gone"))?;
    assert_eq!(lab.outcome("gone")?["result"]["exc_type"], "TimeLimitExceeded");
    assert_eq!((lab.held()?, lab.waiting("default")?.len()), (0, 0));

    lab.push(&limited("celeriac.test.sleep_kept", "kept"))?;
    assert_eq!(lab.outcome("kept")?["result"]["exc_type"], "TimeLimitExceeded");
    lab.terminate()?;
    let back = lab.waiting("default")?;
    assert_eq!((back.len(), &back[0]["headers"]["redelivered"]), (1, &json!(true)));
    Ok(())
}

#[test]
fn c064_requeues_when_the_executing_process_dies() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope("celeriac.test.abort", "lost", &json!([])))?;
    lab.worker.wait_for_line("[lost] goes back to its queue")?;
    assert_eq!(lab.outcome("lost")?["status"], "FAILURE");
    let before = lab.worker.lines().len();
    lab.push(&with_headers(envelope("celeriac.test.sleep", "long", &json!([600])), &json!({"custom": 1})))?;
    lab.worker.wait_for_line_after(before, "[long] received")?;
    lab.push(&envelope("celeriac.test.sleep", "waiting", &json!([600])))?;
    // One that is killed before it begins has lost nothing.
    wait_until("the executor is lost with the task", || {
        if lab.worker.lines().iter().any(|line| line.contains("[long] goes back")) {
            return Ok(true);
        }
        if let Some(executor) = Pid::from_raw(lab.executor()?.unwrap_or_default()) {
            kill_process(executor, Signal::KILL)?;
        }
        Ok(false)
    })?;
    // It is behind what waits.
    lab.worker.wait_for_line_after(before, "[waiting] received")?;
    let back = lab.waiting("default")?;
    assert_eq!((back.len(), &back[0]["headers"]["id"]), (1, &json!("long")));
    assert_eq!((&back[0]["headers"]["x-deliveries"], &back[0]["headers"]["custom"]), (&json!(1), &json!(1)));
    assert_eq!(meta(&lab.redis, "long")?, None, "nothing is stored");
    Ok(())
}

#[test]
fn c065_stores_worker_lost_when_it_is_not_requeued() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let stored = lab.run("celeriac.test.abort_once", "lost", &json!([]))?;
    assert_eq!(
        (&stored["status"], &stored["result"]["exc_type"], &stored["result"]["exc_module"]),
        (&json!("FAILURE"), &json!("WorkerLostError"), &json!("billiard.exceptions"))
    );
    assert_eq!((&stored["traceback"], lab.held()?, lab.waiting("default")?.len()), (&Value::Null, 0, 0));
    Ok(())
}

#[test]
fn c066_acknowledges_early_at_the_start() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope("celeriac.test.sleep_acked", "early", &json!([600])))?;
    lab.worker.wait_for_line("[early] received")?;
    wait_until("it is acknowledged while it runs", || {
        Ok(lab.held()? == 0 && lab.waiting("default")?.is_empty())
    })?;
    assert_eq!(meta(&lab.redis, "early")?, None);
    // What cannot be handed back is a failure (quirk Q13).
    lab.worker.signal(Signal::QUIT)?;
    lab.worker.wait_exit(PATIENCE)?;
    assert_eq!(meta(&lab.redis, "early")?.unwrap_or_default()["result"]["exc_type"], "WorkerLostError");
    Ok(())
}
