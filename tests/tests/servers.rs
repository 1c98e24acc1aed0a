//! The test servers themselves: they start, keep their data over a restart, and leave nothing behind.

use std::path::Path;
use std::time::Duration;

use redis::{Commands, TlsCertificates};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use system_tests::process::Signal;
use system_tests::program::{Invocation, PATIENCE};
use system_tests::python::Venv;
use system_tests::servers::{CertificateAuthority, MariaDb, RedisServer, S3Server};

fn connect(server: &RedisServer) -> redis::RedisResult<redis::Connection> {
    redis::Client::open(server.url())?.get_connection()
}

#[test]
fn redis_keeps_its_data_over_stop_and_kill() {
    let mut server = RedisServer::start().unwrap();
    let url = server.url();
    connect(&server).unwrap().set::<_, _, ()>("written", "before").unwrap();

    server.stop().unwrap();
    assert!(connect(&server).is_err(), "a stopped server refuses");
    server.restart().unwrap();
    assert_eq!(server.url(), url);
    assert_eq!(connect(&server).unwrap().get::<_, String>("written").unwrap(), "before");

    connect(&server).unwrap().set::<_, _, ()>("written", "later").unwrap();
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(connect(&server).unwrap().get::<_, String>("written").unwrap(), "later");
}

#[test]
fn a_paused_redis_answers_nothing_until_it_is_resumed() {
    let server = RedisServer::start().unwrap();
    let mut connection = connect(&server).unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(200))).unwrap();

    server.pause().unwrap();
    assert!(connection.get::<_, Option<String>>("key").unwrap_err().is_timeout());

    server.resume().unwrap();
    assert_eq!(connect(&server).unwrap().get::<_, Option<String>>("key").unwrap(), None);
}

#[test]
fn redis_takes_further_options() {
    let server = RedisServer::start_with(&["--requirepass", "secret"]).unwrap();

    let refused = connect(&server).unwrap().get::<_, Option<String>>("key").unwrap_err();
    let url = format!("redis://:secret@127.0.0.1:{}/0", server.port());
    let answer = redis::Client::open(url).unwrap().get_connection().unwrap().get::<_, Option<String>>("key");

    assert!(refused.to_string().contains("NOAUTH"), "{refused}");
    assert_eq!(answer.unwrap(), None);
}

#[test]
fn tls_redis_is_verified_by_its_own_authority_only() {
    let server = RedisServer::start_tls().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = CertificateAuthority::create(elsewhere.path()).unwrap();
    let with_roots = |pem: &Path| {
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(std::fs::read(pem).unwrap()) };
        redis::Client::build_with_tls(server.url(), certificates).unwrap().get_connection()
    };

    with_roots(server.ca_file().unwrap()).unwrap().set::<_, _, ()>("over", "tls").unwrap();

    assert!(with_roots(foreign.ca_file()).is_err());
    let plain = format!("redis+unix://{}", server.socket().display());
    let mut inside = redis::Client::open(plain).unwrap().get_connection().unwrap();
    assert_eq!(inside.get::<_, String>("over").unwrap(), "tls");
}

#[test]
fn mariadb_keeps_its_data_over_stop_and_kill() {
    let mut server = MariaDb::start().unwrap();
    server.sql("CREATE TABLE noted (word VARCHAR(20)); INSERT INTO noted VALUES ('zażółć')").unwrap();

    server.restart().unwrap();
    assert_eq!(server.sql("SELECT word FROM noted").unwrap(), "zażółć\n");
    server.sql("INSERT INTO noted VALUES (NULL)").unwrap();
    server.kill().unwrap();
    server.restart().unwrap();

    assert_eq!(server.sql("SELECT word FROM noted ORDER BY word").unwrap(), "NULL\nzażółć\n");
    let program = "import sys, urllib.parse, pymysql\n\
        url = urllib.parse.urlsplit(sys.argv[1])\n\
        c = pymysql.connect(host=url.hostname, port=url.port, user=url.username, password=url.password,\n\
                            database=url.path[1:])\n\
        cursor = c.cursor(); cursor.execute('SELECT COUNT(*) FROM noted'); print(cursor.fetchone()[0])\n";
    let venv = Venv::celery57().unwrap();
    assert!(server.sqlalchemy_url().starts_with("mysql+pymysql://"));
    assert_eq!(venv.snippet(program).arg(server.url()).output().unwrap().json().unwrap(), 2);
}

#[test]
fn s3_keeps_its_objects_over_stop_and_kill() {
    let mut server = S3Server::start().unwrap();
    let venv = Venv::celery57().unwrap();
    let program = "import os, sys, json, boto3\n\
        s3 = boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL'], region_name=os.environ['AWS_REGION'])\n\
        bucket = os.environ['S3_BUCKET']\n\
        if sys.argv[1] == 'put':\n\
        \x20   s3.put_object(Bucket=bucket, Key='a b/ü%2F.csv', Body=b'1,2\\n', ContentType='text/csv')\n\
        keys = [o['Key'] for o in s3.list_objects_v2(Bucket=bucket).get('Contents', [])]\n\
        o = s3.get_object(Bucket=bucket, Key='a b/ü%2F.csv')\n\
        print(json.dumps([keys, o['Body'].read().decode(), o['ContentType']]))\n";
    let environment = server.environment();
    let look = |action: &str| {
        let run = venv.snippet(program).arg(action).envs(environment.clone());
        run.output().unwrap().json().unwrap()
    };
    let expected = serde_json::json!([["a b/ü%2F.csv"], "1,2\n", "text/csv"]);

    assert_eq!(look("put"), expected);
    server.restart().unwrap();
    assert_eq!(look("get"), expected);
    server.kill().unwrap();
    server.restart().unwrap();
    assert_eq!(look("get"), expected);
}

#[test]
fn servers_are_separate_and_leave_nothing() {
    let first = RedisServer::start().unwrap();
    let second = RedisServer::start().unwrap();
    assert_ne!(first.port(), second.port());
    connect(&first).unwrap().set::<_, _, ()>("key", "first").unwrap();
    assert_eq!(connect(&second).unwrap().get::<_, Option<String>>("key").unwrap(), None);

    let (pid, folder) = (first.pid().unwrap(), first.folder().to_owned());
    assert!(folder.join("server.log").exists() && first.log().unwrap().contains("Ready to accept"));
    drop(first);

    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!folder.exists());
}

#[test]
#[ignore = "run by servers_end_with_a_killed_test_process"]
fn starts_servers_and_waits_to_be_killed() {
    let redis = RedisServer::start().unwrap();
    let mariadb = MariaDb::start().unwrap();
    let s3 = S3Server::start().unwrap();
    let pids = [redis.pid(), mariadb.pid(), s3.pid()].map(|pid| pid.unwrap().to_string());
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, format!("\nstarted: {}\n", pids.join(" ")).as_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn servers_end_with_a_killed_test_process() {
    let scratch = tempfile::tempdir().unwrap();
    let mut test = Invocation::new(std::env::current_exe().unwrap())
        .args(["--exact", "starts_servers_and_waits_to_be_killed", "--ignored", "--nocapture"])
        .env("TMPDIR", scratch.path())
        .envs(std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AGENSIUM_")))
        .start()
        .unwrap();
    let line = test.wait_for_line("started: ").unwrap();
    let pids: Vec<i32> = line.split_whitespace().skip(1).map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    let servers: Vec<_> = pids
        .iter()
        .map(|pid| pidfd_open(Pid::from_raw(*pid).unwrap(), PidfdFlags::empty()).unwrap())
        .collect();

    test.kill().unwrap();

    let limit = Timespec::try_from(PATIENCE).unwrap();
    for server in &servers {
        let ended = poll(&mut [PollFd::new(server, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!(ended, 1, "a server outlived its test process");
    }
}

#[test]
fn a_program_is_watched_and_signalled() {
    // Waits on a pipe that nobody writes to: a shell handles a signal only between two commands of its own.
    let script =
        "mkfifo pipe; exec 3<>pipe; trap 'echo stopping >&2; exit 7' TERM; echo \"ready $WORD\"; read x <&3";
    let mut program = Invocation::new("/bin/sh").args(["-c", script]).env("WORD", "now").start().unwrap();

    assert_eq!(program.wait_for_line("ready").unwrap(), "ready now");
    assert!(program.try_wait().unwrap().is_none());
    program.signal(Signal::TERM).unwrap();

    assert_eq!(program.wait_exit(PATIENCE).unwrap().code(), Some(7));
    program.wait_for_line("stopping").unwrap();
    assert!(program.wait_for_line("never").unwrap_err().to_string().contains("never"));
}

#[test]
fn a_program_sees_only_its_own_settings() {
    let output = Invocation::new("/usr/bin/env").env("REDIS_URL", "redis://mine").output().unwrap();

    let names: Vec<&str> = output.stdout.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(names.contains(&"REDIS_URL") && names.contains(&"PATH"));
    assert!(!names.iter().any(|name| name.starts_with("CARGO")), "{names:?}");
    assert_eq!(output.code(), Some(0));
    assert!(Invocation::new("/bin/false").output().unwrap().success().is_err());
}
