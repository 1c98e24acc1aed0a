//! The Python programs of `tests/python` do what the other tests believe, with the oldest and the newest Celery.

use redis::Commands;
use serde_json::{Value, json};
use system_tests::python::Venv;
use system_tests::servers::RedisServer;

#[test]
fn a_message_sent_is_taken_and_restored_as_python_workers_do() {
    for venv in [Venv::celery57().unwrap(), Venv::celery53().unwrap()] {
        let server = RedisServer::start().unwrap();
        let mut inside = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let send = venv.script("send.py").args(["a.task", "--broker", &server.url(), "--no-wait"]);
        let sent =
            send.args(["--args", "[\"x\", 7]", "--queue", "default"]).output().unwrap().json().unwrap();
        let element: String = inside.rpop("default", None).unwrap();
        let message: Value = serde_json::from_str(&element).unwrap();
        assert_eq!(message["headers"]["id"], sent["id"]);
        assert_eq!(message["headers"]["task"], "a.task");

        // As a worker that died leaves it: recorded as unacknowledged, and nowhere else.
        let tag = message["properties"]["delivery_tag"].as_str().unwrap();
        let record = json!([message, "", "default"]).to_string();
        let () = inside.hset("unacked", tag, record).unwrap();
        let () = inside.zadd("unacked_index", tag, 1_000_000).unwrap();
        let restore = venv.script("restore.py").args(["--broker", &server.url(), "--queue", "default"]);
        let early =
            restore.clone().args(["--visibility-timeout", "2000000000"]).output().unwrap().json().unwrap();
        let late = restore.output().unwrap().json().unwrap();

        assert_eq!(early, json!({"unacked_before": 1, "unacked_after": 1, "restored": []}));
        assert_eq!((&late["unacked_before"], &late["unacked_after"]), (&json!(1), &json!(0)));
        assert_eq!(late["restored"][0][0], "default");
        assert_eq!(late["restored"][0][1]["headers"]["id"], sent["id"]);
        assert_eq!(late["restored"][0][1]["headers"]["redelivered"], true);
    }
}

#[test]
fn a_sender_waits_for_its_result_over_the_backends_kind_of_tls() {
    let worker = "import sys\n\
        from celery import Celery\n\
        app = Celery(broker=sys.argv[1], backend=sys.argv[1])\n\
        app.conf.update(broker_use_ssl={'ssl_cert_reqs': 'none'}, redis_backend_use_ssl={'ssl_cert_reqs': 'none'})\n\
        @app.task(name='double')\n\
        def double(n):\n\
        \x20   return 2 * n\n\
        app.worker_main(['worker', '-P', 'solo', '-l', 'info', '--without-mingle', '--without-gossip'])\n";
    // With the newest Celery the URL's scheme does not matter to a sender that forces TLS; 5.3 refuses the contradiction.
    for (venv, scheme) in [(Venv::celery57().unwrap(), "redis:"), (Venv::celery53().unwrap(), "rediss:")] {
        let server = RedisServer::start_tls().unwrap();
        let worker = venv.snippet(worker).arg(server.url()).env("C_FORCE_ROOT", "1").start().unwrap();
        worker.wait_for_line(" ready.").unwrap();
        let url = server.url().replace("rediss:", scheme);
        let sender = venv.script("send.py").args(["double", "--broker", &url, "--tls", "unverified"]);

        let good = sender.clone().args(["--args", "[21]"]).output().unwrap().json().unwrap();
        let bad = sender.args(["--args", "[null]"]).output().unwrap().json().unwrap();

        assert_eq!((&good["state"], &good["result"]), (&json!("SUCCESS"), &json!(42)));
        assert_eq!((&bad["state"], &bad["result"]["exc_type"]), (&json!("FAILURE"), &json!("TypeError")));
    }
}

#[test]
fn a_sender_without_an_answer_says_so() {
    let server = RedisServer::start().unwrap();
    let sender = Venv::celery57().unwrap().script("send.py");

    let output = sender.args(["a.task", "--broker", &server.url(), "--timeout", "0.1"]).output().unwrap();

    assert_eq!(output.code(), Some(3), "{}", output.stderr);
}
