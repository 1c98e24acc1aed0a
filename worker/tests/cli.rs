//! The built program, as a user meets it: exit codes, what goes where, what never shows.

#![allow(clippy::unwrap_used, reason = "a helper of tests may fail as a test does")]

use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// An empty folder to run in, and nothing in the environment.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agensium-worker"));
        command.args(line.split_whitespace()).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ran {
        Ran::from(self.command(line).output().unwrap())
    }
}

#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

#[test]
fn help_and_version_are_answers() {
    let desk = Desk::new();

    for (line, part) in
        [("--help", "Usage: agensium-worker"), ("--version", "agensium-worker 0."), ("worker -h", "--broker")]
    {
        let ran = desk.run(line);
        assert!(ran.code == 0 && ran.out.contains(part) && ran.err.is_empty(), "{line}: {ran:?}");
    }
}

#[test]
fn wrong_use_is_exit_code_two() {
    let desk = Desk::new();

    for (line, part) in [
        ("", "Usage: agensium-worker"),
        ("nonsense", "nonsense"),
        ("worker --purge", "--purge"),
        ("-c 4 agent x", "--concurrency has no meaning for `agent`"),
        ("config -c many", "worker.concurrency: \"many\" is no whole number (from --concurrency)"),
    ] {
        let ran = desk.run(line);
        assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains(part), "{line}: {ran:?}");
    }
}

#[test]
fn the_configuration_is_shown_with_its_origins_and_without_its_secrets() {
    let desk = Desk::new();
    desk.file(
        ".env",
        "REDIS_URL=redis://u:hunter2@dotenv:1/0\nAWS_SECRET_ACCESS_KEY=hunter2\nAWS_ACCESS_KEY_ID=hunter2\n",
    );
    desk.file("worker.toml", "[worker]\nqueues = [\"one\", \"two\"]\n");

    let table = Ran::from(desk.command("config -n w1@box").env("CELERY_CONCURRENCY", "3").output().unwrap());
    let json =
        Ran::from(desk.command("-n w1@box config --json").env("CELERY_CONCURRENCY", "3").output().unwrap());

    assert_eq!((table.code, table.err.as_str(), json.code), (0, "", 0));
    let fields = |line: &str| {
        line.split("  ").map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect()
    };
    let lines: Vec<Vec<String>> = table.out.lines().map(fields).collect();
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    for (key, shown, value, origin) in [
        (
            "broker.url",
            "redis://u:***@dotenv:1/0",
            serde_json::json!("redis://u:***@dotenv:1/0"),
            "REDIS_URL in .env",
        ),
        ("worker.queues", "one,two", serde_json::json!(["one", "two"]), "worker.toml, line 2"),
        ("worker.concurrency", "3", serde_json::json!(3), "CELERY_CONCURRENCY"),
        ("worker.hostname", "w1@box", serde_json::json!("w1@box"), "--hostname"),
        ("storage.secret_access_key", "***", serde_json::json!("***"), "AWS_SECRET_ACCESS_KEY in .env"),
        ("worker.prefetch_multiplier", "1", serde_json::json!(1), "default"),
    ] {
        assert!(
            lines.contains(&vec![key.to_owned(), shown.to_owned(), origin.to_owned()]),
            "{key} in\n{}",
            table.out
        );
        assert_eq!((&json[key]["value"], &json[key]["from"]), (&value, &origin.into()), "{key}");
    }
    assert!(!format!("{table:?}{json:?}").contains("hunter2"));
}

#[test]
fn check_says_whether_the_configuration_is_valid() {
    let desk = Desk::new();
    let ran = desk.run("config --check");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "the configuration is valid\n", ""));

    desk.file("worker.toml", "[broker]\nurl = \"ftp://:hunter2@h\"\nulr = 1\n");
    let ran = desk.run("config --check");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines[0], "error: the configuration cannot be used:");
    assert_eq!(
        lines[1],
        "  - worker.toml, line 3: there is no setting `broker.ulr`; did you mean `broker.url`?"
    );
    assert!(lines[2].starts_with(
        "  - broker.url: \"ftp://:***@h\" has a scheme that is not known here (from worker.toml, line 2)"
    ));
    // What only follows from the broker (the results' URL) is not told a second time.
    assert_eq!(lines.len(), 3, "{lines:?}");
}

#[test]
fn celery_s_flags_cost_one_line_each_way() {
    let desk = Desk::new();

    let ran = desk.run("-A app --logformat text config --check -E --without-gossip");

    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(
        lines[0].contains(": INFO/MainProcess] accepted and ignored: --app (")
            && lines[0].contains("--without-gossip (")
    );
    assert!(lines[1].contains(": WARNING/MainProcess] accepted, but without effect: --task-events ("));
    assert_eq!(lines.len(), 2, "{lines:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let desk = Desk::new();
    for line in ["config", "config --json"] {
        let mut child = desk.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();

        // The program may also have written everything before the pipe was closed: success either way.
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{line}");
    }
}

const CUSTOMERS: &str = "id,name,age\n1,Ann,31\n2,Bob,\n3,Cid,47\n4,Dee,29\n";

#[test]
fn an_agent_answers_in_json() {
    let desk = Desk::new();
    desk.file("customers.csv", CUSTOMERS);
    desk.file("parameters.json", "{}");

    let ran = desk.run("agent unified-profiler --file primary=customers.csv --parameters parameters.json");

    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(
        ran.out.starts_with("{\n  \"status\": \"success\",\n") && ran.out.ends_with("}\n"),
        "{}",
        ran.out
    );
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["agent_id"], "unified-profiler");
}

#[test]
fn an_agent_s_error_is_printed_and_is_a_failure() {
    let desk = Desk::new();

    let ran = desk.run("agent unified-profiler");

    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["status"], "error");
    assert!(answer["error"].as_str().unwrap().contains("primary"), "{answer}");
}

#[test]
fn an_agent_that_cannot_be_asked_is_told_on_standard_error() {
    let desk = Desk::new();
    desk.file("a.csv", CUSTOMERS);
    desk.file("list.json", "[]");

    for (line, code, part) in [
        ("agent nobody", 2, "there is no agent `nobody`; known are: "),
        (
            "agent unified-profiler --file primary=a.csv --file primary=a.csv",
            2,
            "two files for the slot `primary`",
        ),
        ("agent unified-profiler --file primary=none.csv", 1, "reading the primary file none.csv: "),
        ("agent unified-profiler --parameters none.json", 1, "reading the parameters none.json: "),
        ("agent unified-profiler --parameters list.json", 1, "the file must hold one JSON object"),
    ] {
        let ran = desk.run(line);
        assert!(ran.code == code && ran.out.is_empty() && ran.err.contains(part), "{line}: {ran:?}");
    }
}

#[test]
fn a_tool_writes_its_report_and_says_where() {
    let desk = Desk::new();
    desk.file("customers.csv", CUSTOMERS);
    let line =
        "analyze profile-my-data --file primary=customers.csv --agents unified-profiler --out new/reports";

    // Twice: a report is replaced.
    for _ in 0..2 {
        let ran = desk.run(line);

        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        assert!(ran.out.contains("Agents Executed        1/1\n"), "{}", ran.out);
        assert!(
            ran.out.contains("report                 new/reports/profile_my_data_analysis.json ("),
            "{}",
            ran.out
        );
        let folder = desk.path().join("new/reports");
        let names: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["profile_my_data_analysis.json"]);
        let report = std::fs::read(folder.join("profile_my_data_analysis.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["metadata"]["tool"], "profile-my-data");
        assert_eq!(report["agent_results"]["unified-profiler"]["status"], "success");
    }
}

#[test]
fn a_tool_none_of_whose_agents_succeeds_is_a_failure_with_a_report() {
    let desk = Desk::new();
    desk.file("notes.txt", "not a table");

    let ran =
        desk.run("analyze profile-my-data --file primary=notes.txt --agents unified-profiler --out out");

    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    assert!(ran.out.contains("failed                 unified-profiler: "), "{}", ran.out);
    assert!(desk.path().join("out/profile_my_data_analysis.json").is_file());
}

#[test]
fn a_tool_that_cannot_run_says_what_is_known() {
    let desk = Desk::new();
    desk.file("a.csv", CUSTOMERS);

    for (line, part) in [
        ("analyze nothing --out o", "there is no tool `nothing`; known are: profile-my-data, "),
        (
            "analyze profile-my-data --out o",
            "profile-my-data needs --file primary=PATH; its slots are: primary, baseline",
        ),
        ("analyze profile-my-data --file first=a.csv --out o", "profile-my-data has no slot `first`"),
        (
            "analyze profile-my-data --file primary=a.csv --agents null-handler --out o",
            "has no agent `null-handler`; it has: ",
        ),
        ("analyze profile-my-data --file primary=a.csv --out a.csv", "making the folder a.csv: "),
    ] {
        let ran = desk.run(line);
        assert!(ran.code == 1 && ran.out.is_empty() && ran.err.contains(part), "{line}: {ran:?}");
    }
    assert!(!desk.path().join("o").exists());
}

#[test]
fn migrate_makes_the_tables_once() {
    let desk = Desk::new();
    let url = "--database-url sqlite:new/data.db";

    let missing = desk.run(&format!("migrate --check {url}"));
    assert!(missing.code == 1 && missing.err.contains("checking the tables"), "{missing:?}");
    let first = desk.run(&format!("migrate {url}"));
    assert!(
        first.code == 0 && first.out.starts_with("sqlite:new/data.db is up to date\ndone: "),
        "{first:?}"
    );
    let again = desk.run(&format!("migrate {url}"));
    assert_eq!((again.code, again.out.as_str()), (0, "sqlite:new/data.db is up to date\n"));
    let complete = desk.run(&format!("migrate --check {url}"));
    assert_eq!(
        (complete.code, complete.out.as_str()),
        (0, "sqlite:new/data.db has every table and column\n")
    );
}

#[test]
fn a_database_that_does_not_answer_is_a_failure_without_its_password() {
    let desk = Desk::new();
    // Bound and never served: nobody listens on the port once it is dropped.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();

    let ran = desk.run(&format!("migrate --database-url mysql://u:hunter2@127.0.0.1:{port}/d"));

    assert!(ran.code == 1 && ran.err.contains(&format!("mysql://u:***@127.0.0.1:{port}/d")), "{ran:?}");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
}
