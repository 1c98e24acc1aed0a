//! The store on MariaDB alone: the tables, the server's clock, rows of other programs, servers that go away, TLS.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use platform::store::{ChargeError, Claim, Status, Store, StoreError};
use system_tests::process::{Process, find_program, guarded};
use system_tests::servers::{CertificateAuthority, MariaDb};
use tokio::task::JoinSet;

use super::given::{TOOL, agent, charges, read, seconds_ago, task, user};

#[tokio::test(flavor = "multi_thread")]
async fn the_migrated_tables_are_those_of_the_orm() {
    let server = MariaDb::start().unwrap();
    let store = Store::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();

    let expected = include_str!("variant_a.sql");
    let mut tables = BTreeSet::new();
    for statement in expected.split("\n\n").skip(1) {
        let table = statement.split('`').nth(1).unwrap();
        assert_eq!(show_create(&server, table), statement.trim_end().trim_end_matches(';'), "{table}");
        tables.insert(table.to_owned());
    }
    tables.insert("__diesel_schema_migrations".to_owned());
    let made = server.sql("SHOW TABLES").unwrap();
    assert_eq!(made.lines().map(str::to_owned).collect::<BTreeSet<_>>(), tables);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_leaves_the_backends_tables_and_rows_alone() {
    let server = MariaDb::start().unwrap();
    server.sql(include_str!("variant_b.sql")).unwrap();
    server
        .sql(
            "INSERT INTO users (email, full_name, is_active, is_verified) VALUES ('a@example.com', 'A', 1, 1);\
             INSERT INTO tasks (task_id, user_id, tool_id, agents) VALUES ('t', 1, 'profile-my-data', '[\"a\"]');",
        )
        .unwrap();
    let before: Vec<_> =
        ["users", "tasks", "credit_wallets", "agent_costs"].map(|t| show_create(&server, t)).into();

    let store = Store::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();

    let after: Vec<_> =
        ["users", "tasks", "credit_wallets", "agent_costs"].map(|t| show_create(&server, t)).into();
    assert_eq!(after, before);
    let row = store.task("t").await.unwrap().unwrap();
    assert_eq!((row.status, row.agents.as_slice()), (Status::Created, ["a".to_owned()].as_slice()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_waiting_and_running_tasks_can_be_claimed_and_old_errors_go() {
    let (server, store) = migrated().await;
    let user_id = user(&store, None).await;
    for status in ["CREATED", "UPLOADING", "UPLOAD_FAILED"] {
        let id = task(&store, user_id, &[]).await.task_id;
        server.sql(&format!("UPDATE tasks SET status = '{status}' WHERE task_id = '{id}'")).unwrap();
        let before = server.sql(&format!("SELECT * FROM tasks WHERE task_id = '{id}'")).unwrap();

        assert_eq!(store.claim(&id).await.unwrap(), Claim::WrongStatus(status.parse().unwrap()));
        assert_eq!(server.sql(&format!("SELECT * FROM tasks WHERE task_id = '{id}'")).unwrap(), before);
    }

    let id = task(&store, user_id, &[]).await.task_id;
    server
        .sql(&format!(
            "UPDATE tasks SET error_message = 'primary is missing', error_code = 'X',
             processing_started_at = '2020-01-01 00:00:00' WHERE task_id = '{id}'"
        ))
        .unwrap();
    store.claim(&id).await.unwrap();
    let row = read(&store, &id).await;
    assert_eq!((row.error_code, row.error_message), (None, None));
    assert!(row.processing_started_at.unwrap() > seconds_ago(60), "overwritten");
}

/// Times of events are UTC, `updated_at` is the server's clock, whatever its zone.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_servers_time_zone() {
    let (server, _) = migrated().await;
    server.sql("SET GLOBAL time_zone = '+09:00'").unwrap();
    let store = Store::connect(&server.url()).await.unwrap();
    let agent = agent(&store, 1).await;
    let user_id = user(&store, Some(5)).await;
    let task = task(&store, user_id, &[&agent]).await;
    server
        .sql(
            "UPDATE tasks SET updated_at = '2020-01-01'; UPDATE credit_wallets SET updated_at = '2020-01-01'",
        )
        .unwrap();

    store.claim(&task.task_id).await.unwrap();
    store.charge(&task).await.unwrap();

    for (table, column) in [
        ("tasks", "updated_at"),
        ("tasks", "created_at"),
        ("credit_wallets", "updated_at"),
        ("credit_transactions", "created_at"),
    ] {
        let age =
            server.sql(&format!("SELECT ABS(TIMESTAMPDIFF(SECOND, {column}, NOW())) < 60 FROM {table}"));
        assert_eq!(age.unwrap().trim(), "1", "{table}.{column}");
    }
    let age = "SELECT ABS(TIMESTAMPDIFF(SECOND, processing_started_at, UTC_TIMESTAMP())) < 60 FROM tasks";
    assert_eq!(server.sql(age).unwrap().trim(), "1");
}

/// A worker of the reference pays agent by agent, with ids of its own, and may die in between.
#[tokio::test(flavor = "multi_thread")]
async fn pays_only_the_rest_of_a_bill_that_the_reference_began() {
    let (server, store) = migrated().await;
    let (first, second) = (agent(&store, 10).await, agent(&store, 5).await);
    let user_id = user(&store, Some(90)).await;
    let task = task(&store, user_id, &[&first, &second, &first]).await;
    server
        .sql(&format!(
            "INSERT INTO credit_transactions (id, user_id, delta_credits, type, agent_id, tool_id, analysis_id)
             VALUES ('01ARZ3NDEKTSV4RRFFQ69G5FAV', {user_id}, -10, 'CONSUME', '{first}', '{TOOL}', '{0}'),
                    ('01ARZ3NDEKTSV4RRFFQ69G5FAW', {user_id}, 10, 'REFUND', '{first}', '{TOOL}', '{0}')",
            task.task_id
        ))
        .unwrap();

    let bill = store.charge(&task).await.unwrap();

    assert_eq!(charges(&bill), [(second.as_str(), 5), (first.as_str(), 10)]);
    assert_eq!((bill.paid_before, bill.balance), (1, Some(75)));
}

/// Should the balance be changed by somebody who takes no lock, the table's own rule holds, and nothing is
/// half done.
#[tokio::test(flavor = "multi_thread")]
async fn a_bill_that_the_database_refuses_leaves_nothing() {
    let (server, store) = migrated().await;
    let agent = agent(&store, 10).await;
    let user_id = user(&store, Some(100)).await;
    let task = task(&store, user_id, &[&agent]).await;
    server
        .sql(
            "CREATE TRIGGER spoil BEFORE UPDATE ON credit_wallets FOR EACH ROW \
             SET NEW.balance_credits = NEW.balance_credits - 1000",
        )
        .unwrap();

    let error = store.charge(&task).await.unwrap_err();

    let ChargeError::Store(error) = error else { panic!("{error:?}") };
    assert!(!error.is_transient(), "{error}");
    assert_eq!(store.ledger(&task.task_id).await.unwrap(), []);
    assert_eq!(store.wallet_balance(user_id).await.unwrap(), Some(100));

    server.sql("DROP TRIGGER spoil").unwrap();
    assert_eq!(store.charge(&task).await.unwrap().balance, Some(90));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_row_is_named() {
    let (server, store) = migrated().await;
    let user_id = user(&store, None).await;
    for (change, column) in [("status = 'PAUSED'", "status"), ("agents = '{\"a\": 1}'", "agents")] {
        let id = task(&store, user_id, &[]).await.task_id;
        server.sql(&format!("UPDATE tasks SET {change} WHERE task_id = '{id}'")).unwrap();
        let error = store.task(&id).await.unwrap_err();
        assert!(!error.is_transient());
        assert!(error.to_string().contains(&id) && error.to_string().contains(column), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_is_an_error_and_comes_back_unnoticed() {
    let (mut server, store) = migrated().await;
    let user_id = user(&store, None).await;
    let id = task(&store, user_id, &[]).await.task_id;

    for kill in [false, true] {
        if kill {
            server.kill().unwrap()
        } else {
            server.stop().unwrap()
        }
        for _ in 0..2 {
            let error = store.claim(&id).await.unwrap_err();
            assert!(error.is_transient(), "{error}");
        }
        let error = Store::connect(&server.url()).await.unwrap_err();
        assert!(error.is_transient() && !error.to_string().contains("agensium-test"), "{error}");

        server.restart().unwrap();
        assert_eq!(store.claim(&id).await.unwrap(), Claim::Claimed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_freezes_is_an_error_and_thaws_unnoticed() {
    let (server, store) = migrated().await;
    let user_id = user(&store, None).await;
    let id = task(&store, user_id, &[]).await.task_id;

    server.pause().unwrap();
    // The signal may take effect a moment later.
    let error = loop {
        match store.claim(&id).await {
            Ok(claim) => assert_eq!(claim, Claim::Claimed),
            Err(error) => break error,
        }
    };
    assert!(error.is_transient(), "{error}");

    server.resume().unwrap();
    assert_eq!(store.claim(&id).await.unwrap(), Claim::Claimed);
}

/// Connections that the server closed while nobody used them (a restart, an idle limit) are not handed out.
#[tokio::test(flavor = "multi_thread")]
async fn closed_connections_are_replaced() {
    let (server, store) = migrated().await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        calls.spawn(async move { store.user_exists(1).await.unwrap() });
    }
    calls.join_all().await;
    let own = server.sql("SELECT id FROM information_schema.processlist WHERE user = 'agensium'").unwrap();
    for id in own.lines() {
        server.sql(&format!("KILL {id}")).unwrap();
    }

    for _ in 0..8 {
        store.user_exists(1).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_is_told_without_the_password() {
    let server = MariaDb::start().unwrap();
    let url = server.url().replace("agensium-test", "wr%40ng-password");
    let error = Store::connect(&url).await.unwrap_err().to_string();
    assert!(error.contains("Access denied"), "{error}");
    assert!(!error.contains("ng-password"), "{error}");
}

/// TLS is verified unless the URL says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn speaks_tls_when_the_url_asks() {
    let mut server = MariaDb::start().unwrap();
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = CertificateAuthority::create(own.path()).unwrap();
    let stranger = CertificateAuthority::create(other.path()).unwrap();
    server.stop().unwrap();
    let _process = start_with_tls(&server, &authority);
    let connect = async |option: String| match Store::connect(&format!("{}?{option}", server.url())).await {
        Ok(store) => store.user_exists(1).await.map(drop),
        Err(error) => Err(error),
    };

    let ca = |authority: &CertificateAuthority| format!("ssl_ca={}", authority.ca_file().display());
    // The server refuses connections without TLS; without tables, the question about a user is then refused.
    let answered = async |option: String| matches!(connect(option).await, Err(StoreError::Refused { .. }));
    assert!(answered(ca(&authority)).await);
    assert!(answered("ssl_verify_cert=false".to_owned()).await);
    for untrusted in [ca(&stranger), "require_ssl=true".to_owned()] {
        let error = connect(untrusted).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }
    let plain = connect(String::new()).await.unwrap_err();
    assert!(matches!(plain, StoreError::Unreachable { .. }), "{plain}");
}

/// Runs a stopped server again, for TLS only.
fn start_with_tls(server: &MariaDb, authority: &CertificateAuthority) -> Process {
    let file = |option: &str, path: &Path| format!("--{option}={}", path.display());
    let mut command = guarded(find_program("mariadbd").unwrap());
    command
        .args(["--no-defaults", "--skip-name-resolve", "--bind-address=127.0.0.1", "--user=root"])
        .args(["--innodb-data-file-path=ibdata1:8M:autoextend", "--innodb-log-file-size=4M"])
        .arg("--require-secure-transport=ON")
        .arg(file("datadir", &server.folder().join("data")))
        .arg(file("socket", &server.folder().join("tls.sock")))
        .arg(format!("--port={}", server.port()))
        .arg(file("ssl-ca", authority.ca_file()))
        .arg(file("ssl-cert", authority.server_cert_file()))
        .arg(file("ssl-key", authority.server_key_file()))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut process = Process::spawn(command).unwrap();
    while std::net::TcpStream::connect(("127.0.0.1", server.port())).is_err() {
        assert_eq!(process.wait(Duration::from_millis(10)).unwrap(), None, "the server ended");
    }
    process
}

async fn migrated() -> (MariaDb, Store) {
    let server = MariaDb::start().unwrap();
    let store = Store::connect(&server.url()).await.unwrap();
    store.migrate().await.unwrap();
    (server, store)
}

/// The table's definition without what depends on the server or on its rows.
fn show_create(server: &MariaDb, table: &str) -> String {
    let answer = server.sql(&format!("SHOW CREATE TABLE `{table}`")).unwrap();
    let (_, statement) = answer.trim_end().split_once('\t').unwrap();
    let lines: Vec<String> = statement.replace("\\n", "\n").lines().map(str::to_owned).collect();
    let (last, columns) = lines.split_last().unwrap();
    let kept = |word: &&str| !word.starts_with("AUTO_INCREMENT=") && !word.starts_with("COLLATE=");
    let options: Vec<&str> = last.split(' ').filter(kept).collect();
    format!("{}\n{}", columns.join("\n"), options.join(" "))
}
