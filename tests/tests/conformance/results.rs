//! F. Results.

use redis::Commands;
use serde_json::{Value, json};

use crate::lab::{Lab, Monitor, envelope, meta, meta_key, position, python, with_headers};

const ECHO: &str = "celeriac.test.echo";
const FAIL: &str = "celeriac.test.fail";
const NOOP: &str = "celeriac.test.noop";

#[test]
fn c085_writes_key_life_and_channel() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.run(NOOP, "one", &json!([]))?;
    let commands = monitor.commands(&lab.redis)?;
    let key = meta_key("one");
    let stored = &commands[position(&commands, &["SETEX", &key, "86400"]).expect("stored for a day")];
    let published = &commands[position(&commands, &["PUBLISH", &key]).expect("published")];
    assert_eq!(stored[3], published[2], "the same text");
    assert!((86_390..=86_400).contains(&lab.connection()?.ttl::<_, i64>(&key)?));
    Ok(())
}

#[test]
fn c086_writes_and_publishes_in_one_transaction() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut monitor = Monitor::start(&lab.redis)?;
    lab.run(NOOP, "one", &json!([]))?;
    let commands = monitor.commands(&lab.redis)?;
    let stored = position(&commands, &["SETEX", &meta_key("one")]).expect("stored");
    assert_eq!(commands[stored + 1][..2], ["PUBLISH".to_owned(), meta_key("one")], "nothing lies between");
    assert!(commands[..stored].iter().any(|command| command[0].starts_with("EVAL") || command[0] == "MULTI"));
    Ok(())
}

#[test]
fn c087_has_the_fields_of_every_result() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    for (id, task, args) in [("good", NOOP, json!([])), ("bad", FAIL, json!(["value_error"]))] {
        let stored = lab.run(task, id, &args)?;
        let names: Vec<&String> = stored.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
        assert_eq!(names[..5], ["status", "result", "traceback", "children", "date_done"]);
        assert_eq!(names.last().map(|name| name.as_str()), Some("task_id"));
        assert_eq!((&stored["task_id"], &stored["children"]), (&json!(id), &json!([])));
        assert!(stored["date_done"].is_string());
    }
    Ok(())
}

#[test]
fn c088_ends_waiting_clients_at_once() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "import datetime
result = app.send_task('celeriac.test.sleep', args=[1])
result.get(timeout=60)
answer = (datetime.datetime.now(datetime.timezone.utc) - result.date_done).total_seconds()",
        &Value::Null,
    )?;
    assert!(answer.as_f64().is_some_and(|seconds| seconds <= 1.0), "{answer} s");
    Ok(())
}

#[test]
fn c089_dates_are_utc() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "result = app.send_task('celeriac.test.noop', task_id='dated')
result.get(timeout=60)
answer = result.date_done.utcoffset().total_seconds()",
        &Value::Null,
    )?;
    assert_eq!(answer, json!(0.0));
    let stored = meta(&lab.redis, "dated")?.unwrap_or_default();
    assert!(stored["date_done"].as_str().is_some_and(|date| date.ends_with("+00:00")), "{stored}");
    Ok(())
}

#[test]
fn c090_has_the_extended_fields() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "-n", "node@here"])?;
    let answer = lab.python(
        "app.conf.result_extended = True
result = app.send_task('celeriac.test.echo', args=[1, 'a'], kwargs={'k': None})
result.get(timeout=60)
answer = [result.name, result.args, result.kwargs, result.worker, result.retries, result.queue]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!([ECHO, [1, "a"], {"k": null}, "node@here", 0, "default"]));
    Ok(())
}

#[test]
fn c091_has_group_and_parent() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let headers =
        json!({"group": "the group", "group_index": 0, "parent_id": "the parent", "root_id": "the root"});
    lab.push(&with_headers(envelope(NOOP, "member", &json!([])), &headers))?;
    let stored = lab.outcome("member")?;
    assert_eq!((&stored["group_id"], &stored["parent_id"]), (&json!("the group"), &json!("the parent")));
    let alone = lab.run(NOOP, "alone", &json!([]))?;
    assert!(alone.get("group_id").is_none() && alone.get("parent_id").is_none(), "{alone}");
    Ok(())
}

#[test]
fn c092_python_raises_the_intended_class() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "import celery.exceptions
def raised(task, *args, **options):
    try:
        app.send_task(task, args=args, **options).get(timeout=60)
    except Exception as error:
        return type(error).__module__ + '.' + type(error).__name__
answer = [
    raised('celeriac.test.fail', 'value_error'), raised('celeriac.test.fail', 'panic'),
    raised('celeriac.test.fail', 'retry', retries=3), raised('celeriac.test.fail', 'reject'),
    raised('no.such.task'), raised('celeriac.test.noop', expires=-1),
]",
        &Value::Null,
    )?;
    assert_eq!(
        answer,
        json!([
            "builtins.ValueError",
            "builtins.RuntimeError",
            "builtins.ConnectionError",
            "celery.exceptions.Reject",
            "celery.exceptions.NotRegistered",
            "celery.exceptions.TaskRevokedError",
        ])
    );
    Ok(())
}

#[test]
fn c093_failures_are_objects() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let past = json!({"expires": "2020-01-01T00:00:00+00:00"});
    let last = json!({"retries": 3});
    let messages = [
        envelope(FAIL, "raises", &json!(["value_error"])),
        envelope(FAIL, "panics", &json!(["panic"])),
        envelope(FAIL, "rejects", &json!(["reject"])),
        envelope(FAIL, "what", &json!([{"not": "a kind"}])),
        envelope(FAIL, "lacks", &json!([])),
        with_headers(envelope(FAIL, "exhausted", &json!(["retry"])), &last),
        with_headers(envelope(NOOP, "expired", &json!([])), &past),
        envelope("no.such.task", "unknown", &json!([])),
    ];
    let well_formed = |stored: &Value| {
        let result = &stored["result"];
        assert!(result["exc_type"].is_string() && result["exc_message"].is_array(), "{stored}");
        assert!(result["exc_module"].is_string(), "{stored}");
    };
    for message in &messages {
        lab.push(message)?;
        let stored = lab.outcome(message["headers"]["id"].as_str().unwrap_or_default())?;
        assert_ne!(stored["status"], "SUCCESS");
        well_formed(&stored);
    }
    lab.push(&envelope(FAIL, "again", &json!(["retry"])))?;
    well_formed(&lab.stored("again", &["RETRY"])?);
    Ok(())
}

#[test]
fn c094_keeps_a_stored_success() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let first = lab.run(ECHO, "twice", &json!([1]))?;
    lab.push(&envelope(FAIL, "twice", &json!(["value_error"])))?;
    lab.push(&envelope(ECHO, "twice", &json!([2])))?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!(meta(&lab.redis, "twice")?, Some(first));
    Ok(())
}

#[test]
fn c095_overwrites_everything_else() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut connection = lab.connection()?;
    let failure = r#"{"status": "FAILURE", "result": {"exc_type": "ValueError", "exc_message": ["says SUCCESS"], "exc_module": "builtins"}}"#;
    for (number, planted) in [failure, "junk", "", "SUCCESS", "[\"SUCCESS\"]", "null"].iter().enumerate() {
        let id = format!("planted-{number}");
        let () = connection.set(meta_key(&id), planted)?;
        lab.push(&envelope(ECHO, &id, &json!([number])))?;
        lab.run(NOOP, &format!("after-{number}"), &json!([]))?;
        let stored = meta(&lab.redis, &id)?.unwrap_or_default();
        assert_eq!(
            (&stored["status"], &stored["result"]["args"]),
            (&json!("SUCCESS"), &json!([number])),
            "{planted}"
        );
    }
    Ok(())
}

#[test]
fn c096_stores_nothing_when_results_are_ignored() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.python(
        "app.send_task('celeriac.test.echo', args=[1], ignore_result=True, task_id='good')
app.send_task('celeriac.test.fail', args=['value_error'], ignore_result=True, task_id='bad')",
        &Value::Null,
    )?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!((meta(&lab.redis, "good")?, meta(&lab.redis, "bad")?), (None, None));
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c097_keeps_results_for_ever_when_told_so() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1", "--result-expires", "0"])?;
    lab.run(NOOP, "one", &json!([]))?;
    assert_eq!(lab.connection()?.ttl::<_, i64>(meta_key("one"))?, -1);
    Ok(())
}

#[test]
fn c099_writes_no_nan() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut message = envelope(ECHO, "nan", &json!([]));
    message["body"] = json!("[[NaN, Infinity, -Infinity, 1], {}, {}]");
    lab.push(&message)?;
    let stored = lab.outcome("nan")?;
    assert_eq!(stored["result"]["args"], json!([null, null, null, 1]));
    let text: String = lab.connection()?.get(meta_key("nan"))?;
    assert!(!text.contains("NaN") && !text.contains("Infinity"), "{text}");
    Ok(())
}

#[test]
fn c100_waits_for_a_server_that_does_not_answer() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.push(&envelope("celeriac.test.sleep", "across", &json!([1])))?;
    lab.worker.wait_for_line("[across] received")?;
    redis::cmd("CLIENT").arg(&["PAUSE", "4000", "ALL"]).query::<()>(&mut lab.connection()?)?;
    assert_eq!(lab.outcome("across")?["status"], "SUCCESS");
    assert_eq!(lab.held()?, 0);
    assert_eq!(lab.worker.lines().iter().filter(|line| line.contains("[across] received")).count(), 1);
    Ok(())
}

#[test]
fn c101_reads_compressed_results() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let stored = lab.python(
        "import zlib, json, base64
meta = json.dumps({'status': 'SUCCESS', 'result': 'the first', 'traceback': None, 'children': [], 'task_id': 'twice'})
value = b'\\0celery-compressed\\0application/x-gzip\\0' + zlib.compress(meta.encode())
app.backend.client.set('celery-task-meta-twice', value)
answer = list(value)",
        &Value::Null,
    )?;
    lab.push(&envelope(ECHO, "twice", &json!([2])))?;
    lab.run(NOOP, "after", &json!([]))?;
    let now: Vec<u8> = lab.connection()?.get(meta_key("twice"))?;
    assert_eq!(json!(now), stored);
    Ok(())
}

#[test]
fn c098_puts_the_prefix_before_the_key() -> anyhow::Result<()> {
    for (prefix, key) in
        [("tenant1", "tenant1_celery-task-meta-one"), ("tenant1.", "tenant1.celery-task-meta-one")]
    {
        let lab = Lab::start(&["-c", "1", "--result-keyprefix", prefix])?;
        let settings = json!({"result_backend_transport_options": {"global_keyprefix": prefix}});
        let code = "answer = app.send_task('celeriac.test.echo', args=[1], task_id='one').get(timeout=60)";
        let answer = python(&lab.redis, &settings, code, &Value::Null)?;
        assert_eq!(answer["args"], json!([1]));
        assert_eq!(lab.connection()?.keys::<_, Vec<String>>("*celery-task-meta-*")?, [key]);
    }
    Ok(())
}
