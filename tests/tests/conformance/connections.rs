//! H. Connections.

use serde_json::{Value, json};
use system_tests::drill::{wait_all_succeeded, worker_on};
use system_tests::program::PATIENCE;
use system_tests::proxy::Proxy;
use system_tests::python::Venv;
use system_tests::servers::RedisServer;
use system_tests::worker;

use crate::lab::{connect, envelope, push};

const NOOP: &str = "celeriac.test.noop";

/// The end of a Python client's task on a worker with this environment.
fn round_trip(server: &RedisServer, environment: &[(&str, &str)], client_url: &str) -> anyhow::Result<Value> {
    let worker = worker::command(["worker", "--with-test-tasks", "-c", "1"])?
        .envs(environment.iter().copied())
        .start()?;
    worker.wait_for_line(" ready")?;
    let tls = if server.url().starts_with("rediss") { "unverified" } else { "none" };
    Venv::celery57()?
        .script("send.py")
        .args([NOOP, "--broker", client_url, "--queue", "default", "--tls", tls])
        .output()?
        .json()
}

#[test]
fn c113_reads_every_url() -> anyhow::Result<()> {
    let server = RedisServer::start()?;
    redis::cmd("ACL")
        .arg(&["SETUSER", "us:er", "on", ">p@ss/word", "~*", "&*", "+@all"])
        .query::<()>(&mut connect(&server)?)?;
    let port = server.port();
    let socket = server.socket();
    let urls = [
        format!("redis://us%3Aer:p%40ss%2Fword@127.0.0.1:{port}/0"),
        format!("redis://127.0.0.1:{port}"),
        format!("redis://localhost:{port}/"),
        format!("redis+socket://{}", socket.display()),
    ];
    for url in &urls {
        let answer = round_trip(&server, &[("REDIS_URL", url)], &server.url())?;
        assert_eq!(answer["state"], "SUCCESS", "{url}");
    }
    let other = format!("redis://127.0.0.1:{port}/5");
    assert_eq!(round_trip(&server, &[("REDIS_URL", &other)], &other)?["state"], "SUCCESS", "{other}");

    let tls = RedisServer::start_tls()?;
    let base = tls.url();
    let ca = tls.ca_file().expect("a TLS server has one").display().to_string();
    for query in ["ssl_cert_reqs=none".into(), "ssl_cert_reqs=CERT_NONE".into(), format!("ssl_ca_certs={ca}")]
    {
        let url = format!("{base}?{query}");
        assert_eq!(round_trip(&tls, &[("REDIS_URL", &url)], &base)?["state"], "SUCCESS", "{url}");
    }
    Ok(())
}

#[test]
fn c114_speaks_unverified_tls_when_told_so() -> anyhow::Result<()> {
    let server = RedisServer::start_tls()?;
    let url = format!("redis://127.0.0.1:{}/0", server.port());
    let environment = [("REDIS_URL", url.as_str()), ("REDIS_TLS", "always"), ("REDIS_TLS_VERIFY", "false")];
    assert_eq!(round_trip(&server, &environment, &url)?["state"], "SUCCESS");
    Ok(())
}

#[test]
fn c115_waits_for_a_server_as_often_as_it_is_told() -> anyhow::Result<()> {
    let mut server = RedisServer::start()?;
    server.stop()?;
    for (flag, value, retries) in
        [("--connection-max-retries", "3", 3), ("--connection-retry-on-startup", "false", 0)]
    {
        let output = worker::command(["worker", "--logformat", "text", "-c", "1", flag, value])?
            .env("REDIS_URL", server.url())
            .output()?;
        assert_eq!(output.code(), Some(1), "{flag}: {}", output.stderr);
        assert_eq!(fetches_tried_again(&output.stderr), retries, "{flag}: {}", output.stderr);
        assert!(
            output.stderr.contains(&format!("the broker was given up (retries: {retries})")),
            "{flag}: {}",
            output.stderr
        );
    }

    let worker = worker::command(["worker", "--with-test-tasks", "-c", "1"])?
        .env("REDIS_URL", server.url())
        .start()?;
    worker.wait_for_line("cannot ")?;
    server.restart()?;
    push(&server, "default", &envelope(NOOP, "one", &json!([])))?;
    worker.wait_for_line("[one] succeeded")?;

    // The same for a server that goes away later.
    let arguments = ["worker", "--with-test-tasks", "-c", "1", "--connection-max-retries", "3"];
    let mut limited = worker::command(arguments)?
        .args(["--connection-retry-on-startup", "false", "-Q", "limited"])
        .env("REDIS_URL", server.url())
        .start()?;
    push(&server, "limited", &envelope(NOOP, "two", &json!([])))?;
    limited.wait_for_line("[two] succeeded")?;
    server.stop()?;
    limited.wait_for_line("the broker was given up (retries: 3)")?;
    assert_eq!(limited.wait_exit(PATIENCE)?.code(), Some(1));
    Ok(())
}

#[test]
fn c116_recovers_from_a_half_open_connection() -> anyhow::Result<()> {
    let server = RedisServer::start()?;
    let proxy = Proxy::to(server.port())?;
    let url = format!("redis://127.0.0.1:{}/0", proxy.port());
    let worker = worker_on(&url, &["-c", "1"])?.start()?;
    worker.wait_for_line(" ready")?;
    push(&server, "default", &envelope(NOOP, "before", &json!([])))?;
    wait_all_succeeded(&server, &["before".to_owned()])?;
    // Nothing comes through any more and nobody is told: noticed because a renewal of the lease gets no answer.
    proxy.freeze_present();
    push(&server, "default", &envelope(NOOP, "after", &json!([])))?;
    let frozen = std::time::Instant::now();
    wait_all_succeeded(&server, &["after".to_owned()])?;
    assert!(frozen.elapsed().as_secs() < 60, "{:?}", frozen.elapsed());
    Ok(())
}

fn fetches_tried_again(log: &str) -> usize {
    log.lines().filter(|line| line.contains("cannot fetch") && line.contains("trying again")).count()
}
