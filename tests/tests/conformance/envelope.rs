//! A. Envelope and body.

use redis::Commands;
use serde_json::{Value, json};

use crate::lab::{Lab, envelope, meta, wait_until, waiting, with_headers};

const ECHO: &str = "celeriac.test.echo";
const NOOP: &str = "celeriac.test.noop";

/// What `echo` answers to these arguments.
fn echoed(args: &Value) -> Value {
    json!({"args": args, "kwargs": {}})
}

#[test]
fn c001_runs_a_python_message_unchanged() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "app.send_task('celeriac.test.echo', args=['seen'], queue='nobody')
answer = app.send_task('celeriac.test.echo', args=[1, 'ü'], kwargs={'k': None}).get(timeout=60)",
        &Value::Null,
    )?;
    assert_eq!(answer, json!({"args": [1, "ü"], "kwargs": {"k": null}}));
    let seen = waiting(&lab.redis, "nobody")?;
    assert_eq!(seen[0]["headers"].as_object().map(serde_json::Map::len), Some(19));
    Ok(())
}

#[test]
fn c002_runs_with_only_task_and_id() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let message = envelope(ECHO, "bare", &json!([1]));
    assert_eq!(message["headers"].as_object().map(serde_json::Map::len), Some(2));
    lab.push(&message)?;
    assert_eq!(lab.outcome("bare")?["result"], echoed(&json!([1])));
    Ok(())
}

#[test]
fn c003_runs_without_optional_properties() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut message = envelope(ECHO, "raw", &json!([1]));
    message["properties"] =
        json!({"delivery_tag": "t", "delivery_info": {"exchange": "", "routing_key": "default"}});
    lab.push(&message)?;
    assert_eq!(lab.outcome("raw")?["result"], echoed(&json!([1])));
    Ok(())
}

#[test]
fn c004_runs_with_nulls() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut message = with_headers(
        envelope(ECHO, "nulls", &json!([])),
        &json!({"timelimit": null, "ignore_result": null, "eta": null, "expires": null, "retries": null, "group": null}),
    );
    message["body"] = json!("[[2], {}, null]");
    lab.push(&message)?;
    assert_eq!(lab.outcome("nulls")?["result"], echoed(&json!([2])));
    Ok(())
}

#[test]
fn c005_reads_any_json_spelling() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let compact = envelope(ECHO, "spelling-ü", &json!(["ü\u{1F980}"])).to_string();
    assert!(compact.contains('ü') && !compact.contains("\": "));
    let spaced =
        serde_json::to_string_pretty(&envelope(ECHO, "spaced", &json!(["ü"])))?.replace('ü', "\\u00fc");
    let mut connection = lab.connection()?;
    let () = connection.lpush("default", &[compact, spaced])?;
    assert_eq!(lab.outcome("spelling-ü")?["result"], echoed(&json!(["ü\u{1F980}"])));
    assert_eq!(lab.outcome("spaced")?["result"], echoed(&json!(["ü"])));
    Ok(())
}

#[test]
fn c006_runs_protocol_1() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "app.conf.task_protocol = 1
app.send_task('celeriac.test.echo', args=[1], queue='nobody')
answer = app.send_task('celeriac.test.echo', args=[1], kwargs={'k': 2}).get(timeout=60)",
        &Value::Null,
    )?;
    assert_eq!(answer, json!({"args": [1], "kwargs": {"k": 2}}));
    assert!(waiting(&lab.redis, "nobody")?[0]["headers"].get("task").is_none(), "it was protocol 1");
    Ok(())
}

#[test]
fn c007_headers_win_over_a_protocol_1_body() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut message = envelope(ECHO, "of-the-headers", &json!([]));
    message["body"] =
        json!(json!({"task": NOOP, "id": "of-the-body", "args": [7], "kwargs": {"k": 1}}).to_string());
    lab.push(&message)?;
    assert_eq!(lab.outcome("of-the-headers")?["result"], json!({"args": [7], "kwargs": {"k": 1}}));
    assert_eq!(meta(&lab.redis, "of-the-body")?, None);
    Ok(())
}

#[test]
fn c008_reads_all_typed_values() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "import datetime, decimal, uuid
values = [
    datetime.datetime(2026, 11, 22, 2, 53, 20, 973590, tzinfo=datetime.timezone.utc),
    datetime.date(2026, 11, 22), datetime.time(2, 53, 20, 5), decimal.Decimal('1.10'),
    uuid.UUID('11111111-1111-4111-8111-111111111111'), 'ü'.encode(), bytes([255, 0, 254]),
]
answer = app.send_task('celeriac.test.echo', args=values).get(timeout=60)['args']",
        &Value::Null,
    )?;
    // A task here sees their texts; bytes that are no UTF-8 in base64.
    let texts = [
        "2026-11-22T02:53:20.973590+00:00",
        "2026-11-22",
        "02:53:20.000005",
        "1.10",
        "11111111-1111-4111-8111-111111111111",
        "ü",
        "/wD+",
    ];
    assert_eq!(answer, json!(texts));
    Ok(())
}

#[test]
fn c009_reads_numbers_that_are_none() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "result = app.send_task('celeriac.test.echo', args=[float('nan'), float('inf'), -float('inf'), 1.5])
answer = [result.get(timeout=60)['args'][3], result.state]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!([1.5, "SUCCESS"]));
    Ok(())
}

#[test]
fn c010_reads_python_compression() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "answer = {name: app.send_task('celeriac.test.echo', args=[name], compression=name).get(timeout=60)['args']
          for name in ['zlib', 'bzip2', 'bzip', 'lzma', 'xz', 'application/x-bz2', 'application/x-lzma']}",
        &Value::Null,
    )?;
    for (name, args) in answer.as_object().into_iter().flatten() {
        assert_eq!(*args, json!([name]));
    }
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(7));
    // Python writes MIME names; aliases come from others.
    let aliases = [("zlib", "zlib"), ("bzip2", "bz2"), ("xz", "lzma")];
    for (alias, module) in aliases {
        compressed(&lab, alias, &format!("import {module}\nstream = {module}.compress(body)"))?;
    }
    Ok(())
}

/// Sends a body that Python code has made `stream` of, under that name of its compression.
fn compressed(lab: &Lab, name: &str, code: &str) -> anyhow::Result<()> {
    let code = format!(
        "import base64, json
body = json.dumps([[input], {{}}, None]).encode()
{code}
answer = base64.b64encode(stream).decode()"
    );
    let mut message = with_headers(envelope(ECHO, name, &json!([])), &json!({"compression": name}));
    message["body"] = lab.python(&code, &json!(name))?;
    message["properties"]["body_encoding"] = json!("base64");
    lab.push(&message)?;
    assert_eq!(lab.outcome(name)?["result"], echoed(&json!([name])));
    Ok(())
}

#[test]
fn c011_reads_zstd_and_brotli() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    // Frames that store instead of compressing: made without the modules that Python lacks here.
    let zstd = "n = len(body)
stream = bytes.fromhex('28b52ffd20') + bytes([n]) + ((n << 3) | 1).to_bytes(3, 'little') + body";
    let brotli = "stream = (((len(body) - 1) << 4) | (1 << 20)).to_bytes(3, 'little') + body + bytes([3])";
    for name in ["application/zstd", "zstd", "zstandard"] {
        compressed(&lab, name, zstd)?;
    }
    for name in ["application/x-brotli", "brotli"] {
        compressed(&lab, name, brotli)?;
    }
    Ok(())
}

#[test]
fn c012_gzip_is_a_zlib_stream() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "app.send_task('celeriac.test.echo', args=[1], compression='gzip', queue='nobody')
answer = app.send_task('celeriac.test.echo', args=['x' * 999], compression='gzip').get(timeout=60)['args'][0]",
        &Value::Null,
    )?;
    assert_eq!(answer, json!("x".repeat(999)));
    assert_eq!(waiting(&lab.redis, "nobody")?[0]["headers"]["compression"], "application/x-gzip");
    Ok(())
}

#[test]
#[ignore = "it is refused and not run, but FAILURE InvalidTaskError is stored (celery-wire.md 1.9), where the statement wants no meta"]
fn c013_refuses_pickle() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    lab.python(
        "app.send_task('celeriac.test.echo', args=[1], serializer='pickle', task_id='pickled')",
        &Value::Null,
    )?;
    lab.run(NOOP, "after", &json!([]))?;
    assert_eq!(meta(&lab.redis, "pickled")?, None);
    assert!(!lab.worker.lines().iter().any(|line| line.contains("pickled] succeeded")));
    assert_eq!(lab.held()?, 0);
    Ok(())
}

#[test]
fn c014_bounds_the_decompressed_size() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut message =
        with_headers(envelope(ECHO, "bomb", &json!([])), &json!({"compression": "application/x-gzip"}));
    message["properties"]["body_encoding"] = json!("base64");
    message["body"] = lab.python(
        "import base64, zlib
stream = zlib.compressobj(1)
zeros = bytes(1 << 24)
parts = [stream.compress(zeros) for _ in range(64)]
answer = base64.b64encode(b''.join(parts) + stream.flush()).decode()",
        &Value::Null,
    )?;
    lab.push(&message)?;
    assert_eq!(lab.run(NOOP, "after", &json!([]))?["status"], "SUCCESS");
    assert_eq!(lab.held()?, 0);
    let status = std::fs::read_to_string(format!("/proc/{}/status", lab.worker.id()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    assert!(kib < 512 << 10, "1 GiB of zeros took {kib} KiB of memory");
    Ok(())
}

/// Every row of celery-wire.md 1.9: the element, and what is stored for the id `row`.
fn rows() -> Vec<(&'static str, String)> {
    let good = || envelope(NOOP, "row", &json!([]));
    let change = |path: &str, value: Value| {
        let mut message = good();
        *message.pointer_mut(path).expect("part of every message") = value;
        message.to_string()
    };
    let without = |part: &str, name: &str| {
        let mut message = good();
        message.pointer_mut(part).and_then(Value::as_object_mut).and_then(|map| map.remove(name));
        message.to_string()
    };
    let header = |name: &str, value: Value| with_headers(good(), &json!({name: value})).to_string();
    vec![
        ("no JSON", "junk".into()),
        ("a scalar", "17".into()),
        ("properties missing", without("", "properties")),
        ("delivery_tag missing", without("/properties", "delivery_tag")),
        ("delivery_info missing", without("/properties", "delivery_info")),
        ("headers null", change("/headers", Value::Null)),
        ("headers missing", without("", "headers")),
        ("no task", without("/headers", "task")),
        ("id missing", without("/headers", "id")),
        ("id a number", change("/headers/id", json!(5))),
        ("body not base64", {
            let mut message = good();
            message["body"] = json!("!!");
            message["properties"]["body_encoding"] = json!("base64");
            message.to_string()
        }),
        ("body empty", change("/body", json!(""))),
        ("body no array of three", change("/body", json!("[[], {}]"))),
        ("body no JSON", change("/body", json!("{"))),
        ("unknown type", change("/body", json!(r#"[[{"__type__": "x", "__value__": 1}], {}, {}]"#))),
        ("content-type missing", without("", "content-type")),
        ("content-type unknown", change("/content-type", json!("application/x-unheard"))),
        ("compression unknown", header("compression", json!("application/x-unheard"))),
        ("compression corrupt", header("compression", json!("application/x-gzip"))),
        ("eta no time", header("eta", json!("soon"))),
        ("eta a number", header("eta", json!(17))),
        ("expires no time", header("expires", json!("soon"))),
        ("timelimit of one", header("timelimit", json!([1]))),
        ("kwargs no object", change("/body", json!("[[], 5, {}]"))),
        ("unknown task", change("/headers/task", json!("no.such.task"))),
    ]
}

#[test]
fn c015_survives_every_malformed_message() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1"])?;
    let mut connection = lab.connection()?;
    for (number, (row, element)) in rows().into_iter().enumerate() {
        let () = connection.lpush("default", element)?;
        let good = lab.run(ECHO, &format!("after-{number}"), &json!([row]))?;
        assert_eq!(good["result"], echoed(&json!([row])));
    }
    assert!(lab.worker.try_wait()?.is_none(), "it is still running");
    assert_eq!(connection.llen::<_, usize>("default")?, 0);
    Ok(())
}

#[test]
fn c016_leaves_nothing_unacknowledged() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut connection = lab.connection()?;
    for (number, (row, element)) in rows().into_iter().enumerate() {
        let () = connection.lpush("default", element)?;
        lab.run(NOOP, &format!("after-{number}"), &json!([]))?;
        assert_eq!(lab.held()?, 0, "{row}");
    }
    let left: Vec<String> = connection.keys("celeriac.undecodable.*")?;
    assert_eq!(left, Vec::<String>::new());
    Ok(())
}

#[test]
fn c017_unknown_tasks_are_not_registered() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "from celery.exceptions import NotRegistered
try:
    app.send_task('no.such.task', task_id='unknown').get(timeout=60)
except NotRegistered as error:
    answer = error.args",
        &Value::Null,
    )?;
    assert_eq!(answer, json!(["no.such.task"]));
    let stored = meta(&lab.redis, "unknown")?.unwrap_or_default();
    assert_eq!(
        (&stored["status"], &stored["result"]["exc_message"]),
        (&json!("FAILURE"), &json!(["no.such.task"]))
    );
    Ok(())
}

#[test]
fn c018_keeps_undecodable_bytes() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let mut connection = lab.connection()?;
    let () = connection.lpush("default", b"\xff\x00junk")?;
    wait_until("the bytes are a dead letter", || Ok(lab.waiting("dlq")?.len() == 1))?;
    lab.run(NOOP, "after", &json!([]))?;
    let letters = lab.waiting("dlq")?;
    let raw = lab.python("import base64; answer = list(base64.b64decode(input))", &letters[0]["body"])?;
    assert_eq!(raw, json!([0xff, 0, 0x6a, 0x75, 0x6e, 0x6b]));
    Ok(())
}

#[test]
fn c019_keeps_unknown_headers_and_properties() -> anyhow::Result<()> {
    let mut lab = Lab::start(&["-c", "1", "--prefetch-multiplier", "2"])?;
    let add = |mut message: Value| {
        message["headers"]["x-custom"] = json!({"deep": [1, null, "ü"]});
        message["properties"]["app_id"] = json!("somebody");
        message
    };
    lab.push(&add(envelope("celeriac.test.fail", "retried", &json!(["retry"]))))?;
    lab.stored("retried", &["RETRY"])?;
    lab.push(&add(envelope("celeriac.test.sleep", "long", &json!([3]))))?;
    lab.push(&add(envelope(NOOP, "handed-back", &json!([]))))?;
    lab.worker.wait_for_line("[long] received")?;
    lab.terminate()?;
    let messages = lab.waiting("default")?;
    assert!(messages.iter().any(|message| message["headers"]["id"] == "handed-back"), "{messages:?}");
    assert!(messages.iter().any(|message| message["headers"]["id"] == "retried"), "{messages:?}");
    for message in messages {
        assert_eq!(message["headers"]["x-custom"], json!({"deep": [1, null, "ü"]}));
        assert_eq!(message["properties"]["app_id"], "somebody");
    }
    Ok(())
}

#[test]
fn c020_ids_are_any_text() -> anyhow::Result<()> {
    let lab = Lab::start(&["-c", "1"])?;
    let answer = lab.python(
        "answer = app.send_task('celeriac.test.echo', args=[1], task_id='x y/ü').get(timeout=60)",
        &Value::Null,
    )?;
    assert_eq!(answer, echoed(&json!([1])));
    assert_eq!(meta(&lab.redis, "x y/ü")?.unwrap_or_default()["task_id"], "x y/ü");
    Ok(())
}
