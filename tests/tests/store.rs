//! The store on its databases: one suite for SQLite and for MariaDB with both schemas in the field.
//!
//! What concerns MariaDB alone is in `store/mariadb.rs`, what the tests start from in `store/given.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests state preconditions so, in their helper functions too"
)]

#[path = "store/given.rs"]
mod given;
#[path = "store/mariadb.rs"]
mod mariadb;

use chrono::{TimeDelta, Utc};
use platform::store::{Bill, ChargeError, Claim, Finished, Progress, Status, Store};
use system_tests::servers::MariaDb;
use tokio::task::JoinSet;
use uuid::Uuid;

use given::{TOOL, agent, assert_is_ulid, charges, ended_task, ids, read, seconds_ago, task, user};

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made on the way").join("agensium.db");
    let store = Store::connect(&format!("sqlite:{}", file.display())).await.unwrap();

    assert!(store.check_tables().await.is_err(), "a new file has no tables");
    exercise_migration(&store).await;
    exercise(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_on_mariadb() {
    let server = MariaDb::start().unwrap();
    let store = Store::connect(&server.sqlalchemy_url()).await.unwrap();

    exercise_migration(&store).await;
    exercise(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_on_the_tables_of_older_installations() {
    let server = MariaDb::start().unwrap();
    server.sql(include_str!("store/variant_b.sql")).unwrap();
    let store = Store::connect(&server.url()).await.unwrap();

    exercise_migration(&store).await;
    exercise(&store).await;
}

/// Migrating creates what is missing, once, also when several programs start together.
async fn exercise_migration(store: &Store) {
    let pending = store.pending_migrations().await.unwrap();
    assert!(!pending.is_empty());

    let mut programs = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        programs.spawn(async move { store.migrate().await.unwrap() });
    }
    programs.join_all().await;

    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    store.check_tables().await.unwrap();
}

/// Everything that must be the same on every database.
async fn exercise(store: &Store) {
    reads_a_task_as_the_api_left_it(store).await;
    claims_only_what_waits_or_was_left(store).await;
    reports_progress_until_somebody_stops_the_task(store).await;
    completes_once(store).await;
    fails_once_and_keeps_the_message_short(store).await;
    expires_only_what_waited_too_long(store).await;
    charges_each_run_once(store).await;
    refuses_what_cannot_be_paid(store).await;
    pays_nothing_for_no_agents(store).await;
    never_overdraws_under_concurrency(store).await;
    charges_once_under_concurrency(store).await;
    survives_callers_that_go_away(store).await;
}

async fn reads_a_task_as_the_api_left_it(store: &Store) {
    let user_id = user(store, None).await;
    assert!(store.user_exists(user_id).await.unwrap());
    assert!(!store.user_exists(i32::MAX).await.unwrap());
    assert_eq!(store.task("no such task").await.unwrap(), None);

    let before = seconds_ago(2);
    let task = task(store, user_id, &["unified-profiler", "größe-\"x\"", "unified-profiler"]).await;

    assert_eq!(task.agents, ["unified-profiler", "größe-\"x\"", "unified-profiler"]);
    assert_eq!((task.user_id, task.tool_id.as_str()), (user_id, TOOL));
    assert_eq!((task.status, task.progress), (Status::Queued, 15));
    assert_eq!((task.current_agent, task.error_code, task.error_message), (None, None, None));
    assert!(task.processing_started_at.unwrap() >= before);
    assert_eq!(
        (task.completed_at, task.failed_at, task.cancelled_at, task.expired_at),
        (None, None, None, None)
    );
    assert!(!task.s3_cleaned);
}

async fn claims_only_what_waits_or_was_left(store: &Store) {
    let user_id = user(store, None).await;
    let id = task(store, user_id, &[]).await.task_id;

    let before = seconds_ago(1);
    assert_eq!(store.claim(&id).await.unwrap(), Claim::Claimed);
    let claimed = read(store, &id).await;
    assert_eq!((claimed.status, claimed.progress), (Status::Processing, 15));
    assert!(claimed.processing_started_at.unwrap() >= before);
    assert_eq!(store.claim(&id).await.unwrap(), Claim::Claimed, "left by an attempt that died");

    assert_eq!(store.claim("no such task").await.unwrap(), Claim::Missing);
    for status in [Status::Completed, Status::Failed, Status::Cancelled, Status::Expired] {
        let ended = ended_task(store, user_id, status).await;
        assert_eq!(store.claim(&ended.task_id).await.unwrap(), Claim::WrongStatus(status));
        assert_eq!(read(store, &ended.task_id).await, ended, "{status}: the row stays");
    }
}

async fn reports_progress_until_somebody_stops_the_task(store: &Store) {
    let user_id = user(store, None).await;
    let id = task(store, user_id, &["a", "b"]).await.task_id;
    assert_eq!(store.report_progress(&id, "a", 20).await.unwrap(), Progress::Stopped(Status::Queued));
    store.claim(&id).await.unwrap();

    assert_eq!(store.report_progress(&id, "a", 15).await.unwrap(), Progress::Continue);
    assert_eq!(store.report_progress(&id, "a", 15).await.unwrap(), Progress::Continue, "nothing changed");
    assert_eq!(store.report_progress(&id, "b", 55).await.unwrap(), Progress::Continue);
    assert_eq!(store.check(&id).await.unwrap(), Progress::Continue);
    let row = read(store, &id).await;
    assert_eq!((row.current_agent.as_deref(), row.progress), (Some("b"), 55));

    assert!(store.cancel_task(&id).await.unwrap());
    let cancelled = read(store, &id).await;
    assert_eq!(store.report_progress(&id, "b", 80).await.unwrap(), Progress::Stopped(Status::Cancelled));
    assert_eq!(store.check(&id).await.unwrap(), Progress::Stopped(Status::Cancelled));
    assert_eq!(store.complete(&id).await.unwrap(), Finished::WrongStatus(Status::Cancelled));
    assert_eq!(
        store.fail(&id, "INTERNAL_ERROR", "x").await.unwrap(),
        Finished::WrongStatus(Status::Cancelled)
    );
    assert_eq!(read(store, &id).await, cancelled, "a cancelled row stays as it is");

    assert!(store.delete_task(&id).await.unwrap());
    assert_eq!(store.report_progress(&id, "b", 80).await.unwrap(), Progress::Gone);
    assert_eq!(store.check(&id).await.unwrap(), Progress::Gone);
    assert_eq!(store.complete(&id).await.unwrap(), Finished::Gone);
    assert_eq!(store.fail(&id, "INTERNAL_ERROR", "x").await.unwrap(), Finished::Gone);
}

async fn completes_once(store: &Store) {
    let user_id = user(store, None).await;
    let id = task(store, user_id, &["a"]).await.task_id;
    assert_eq!(store.complete(&id).await.unwrap(), Finished::WrongStatus(Status::Queued));
    store.claim(&id).await.unwrap();
    store.report_progress(&id, "a", 15).await.unwrap();

    let before = seconds_ago(1);
    assert_eq!(store.complete(&id).await.unwrap(), Finished::Written);

    let row = read(store, &id).await;
    assert_eq!((row.status, row.progress, row.current_agent.as_deref()), (Status::Completed, 100, None));
    assert!(row.completed_at.unwrap() >= before);
    assert_eq!(row.failed_at, None);
    assert_eq!(store.complete(&id).await.unwrap(), Finished::WrongStatus(Status::Completed));
    assert_eq!(store.fail(&id, "TIMEOUT", "late").await.unwrap(), Finished::WrongStatus(Status::Completed));
    assert_eq!(read(store, &id).await, row);
}

async fn fails_once_and_keeps_the_message_short(store: &Store) {
    let user_id = user(store, None).await;
    let id = task(store, user_id, &["a"]).await.task_id;
    store.claim(&id).await.unwrap();
    store.report_progress(&id, "a", 47).await.unwrap();

    let before = seconds_ago(1);
    assert_eq!(store.fail(&id, &"C".repeat(60), &"😀ö".repeat(600)).await.unwrap(), Finished::Written);

    let row = read(store, &id).await;
    assert_eq!((row.status, row.progress, row.current_agent.as_deref()), (Status::Failed, 47, Some("a")));
    assert_eq!(row.error_code.as_deref(), Some("C".repeat(50).as_str()));
    assert_eq!(row.error_message.as_deref(), Some("😀ö".repeat(500).as_str()));
    assert!(row.failed_at.unwrap() >= before);
    assert_eq!(store.fail(&id, "TIMEOUT", "late").await.unwrap(), Finished::WrongStatus(Status::Failed));
    assert_eq!(read(store, &id).await, row);

    let queued = task(store, user_id, &[]).await.task_id;
    assert_eq!(store.fail(&queued, "CELERY_TASK_FAILURE", "x").await.unwrap(), Finished::Written);
}

async fn expires_only_what_waited_too_long(store: &Store) {
    let user_id = user(store, None).await;
    let id = task(store, user_id, &[]).await.task_id;
    let hour = TimeDelta::hours(1);

    assert!(!store.expire(&id, Utc::now() - hour).await.unwrap());
    assert_eq!(read(store, &id).await.status, Status::Queued);
    assert!(store.expire(&id, Utc::now() + hour).await.unwrap());
    let row = read(store, &id).await;
    assert_eq!(row.status, Status::Expired);
    assert!(row.expired_at.is_some());

    let running = task(store, user_id, &[]).await.task_id;
    store.claim(&running).await.unwrap();
    assert!(!store.expire(&running, Utc::now() + hour).await.unwrap());
    assert!(!store.expire("no such task", Utc::now()).await.unwrap());
}

async fn charges_each_run_once(store: &Store) {
    let (dear, free) = (agent(store, 30).await, agent(store, 0).await);
    let user_id = user(store, Some(100)).await;
    // As a client could write it: not normalized.
    let written = format!(" {}", dear.to_uppercase().replace('-', "_"));
    let task = task(store, user_id, &[&dear, &free, &written]).await;

    let bill = store.charge(&task).await.unwrap();

    assert_eq!(charges(&bill), [(dear.as_str(), 30), (free.as_str(), 0), (dear.as_str(), 30)]);
    assert_eq!((bill.total(), bill.paid_before, bill.balance), (60, 0, Some(40)));
    assert_eq!(store.wallet_balance(user_id).await.unwrap(), Some(40));
    let ledger = store.ledger(&task.task_id).await.unwrap();
    let mut deltas: Vec<_> =
        ledger.iter().map(|row| (row.agent_id.as_deref().unwrap(), row.delta_credits)).collect();
    deltas.sort();
    let mut expected = [(dear.as_str(), -30), (dear.as_str(), -30), (free.as_str(), 0)];
    expected.sort();
    assert_eq!(deltas, expected);
    for row in &ledger {
        assert_is_ulid(&row.id);
        assert_eq!((row.user_id, row.kind.as_str()), (user_id, "CONSUME"));
        assert_eq!(
            (row.tool_id.as_deref(), row.analysis_id.as_deref()),
            (Some(TOOL), Some(task.task_id.as_str()))
        );
        assert!(row.reason.as_deref().unwrap().contains(row.agent_id.as_deref().unwrap()));
    }
    assert_eq!(ids(&ledger).len(), 3, "the ids differ");

    let again = store.charge(&task).await.unwrap();
    assert_eq!((again.charges.len(), again.paid_before, again.balance), (0, 3, Some(40)));
    assert_eq!(store.ledger(&task.task_id).await.unwrap(), ledger);
}

async fn refuses_what_cannot_be_paid(store: &Store) {
    let (dear, free) = (agent(store, 30).await, agent(store, 0).await);
    let unpriced = format!("unpriced-{}", Uuid::new_v4());
    let poor = user(store, Some(50)).await;
    let penniless = user(store, None).await;

    let expected = [
        (poor, vec![dear.as_str(), dear.as_str()], Some((60, 50, 10, 0))),
        (poor, vec![dear.as_str(), unpriced.as_str()], Some((30, 50, -20, 1))),
        (penniless, vec![dear.as_str()], Some((30, 0, 30, 0))),
        (penniless, vec![free.as_str()], None),
    ];
    for (user_id, agents, insufficient) in expected {
        let task = task(store, user_id, &agents).await;
        let refusal = store.charge(&task).await.unwrap_err();
        match (&refusal, insufficient) {
            (
                ChargeError::InsufficientCredits { required, available, shortfall, missing },
                Some(expected),
            ) => {
                assert_eq!((*required, *available, *shortfall, missing.len()), expected, "{agents:?}");
            }
            (ChargeError::WalletNotFound { user_id: named }, None) => assert_eq!(*named, user_id),
            _ => panic!("{agents:?}: {refusal:?}"),
        }
        assert_eq!(store.ledger(&task.task_id).await.unwrap(), [], "{agents:?}");
    }
    assert_eq!(store.wallet_balance(poor).await.unwrap(), Some(50));
    assert_eq!(store.wallet_balance(penniless).await.unwrap(), None);
}

async fn pays_nothing_for_no_agents(store: &Store) {
    let user_id = user(store, None).await;
    let task = task(store, user_id, &[]).await;
    let bill = store.charge(&task).await.unwrap();
    assert_eq!(bill, Bill { charges: Vec::new(), paid_before: 0, balance: None });
}

/// Eight tasks at once on a wallet that holds the price of five.
async fn never_overdraws_under_concurrency(store: &Store) {
    let agent = agent(store, 10).await;
    let user_id = user(store, Some(57)).await;
    let mut bills = JoinSet::new();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let task = task(store, user_id, &[&agent]).await;
        tasks.push(task.task_id.clone());
        let store = store.clone();
        bills.spawn(async move { store.charge(&task).await });
    }

    let outcomes = bills.join_all().await;

    let paid = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(ChargeError::InsufficientCredits { available: 7, .. })))
        .count();
    assert_eq!((paid, refused), (5, 3), "{outcomes:?}");
    assert_eq!(store.wallet_balance(user_id).await.unwrap(), Some(7));
    let mut rows = 0;
    for task_id in &tasks {
        rows += store.ledger(task_id).await.unwrap().len();
    }
    assert_eq!(rows, 5);
}

/// The same task billed eight times at once, as after a delivery to several workers.
async fn charges_once_under_concurrency(store: &Store) {
    let agent = agent(store, 10).await;
    let user_id = user(store, Some(1000)).await;
    let task = task(store, user_id, &[&agent, &agent]).await;
    let mut bills = JoinSet::new();
    for _ in 0..8 {
        let (store, task) = (store.clone(), task.clone());
        bills.spawn(async move { store.charge(&task).await.unwrap() });
    }

    let totals: i64 = bills.join_all().await.iter().map(Bill::total).sum();

    assert_eq!(totals, 20);
    assert_eq!(store.wallet_balance(user_id).await.unwrap(), Some(980));
    assert_eq!(store.ledger(&task.task_id).await.unwrap().len(), 2);
}

/// Calls that are given up at every point on their way leave neither a broken connection nor half a bill.
async fn survives_callers_that_go_away(store: &Store) {
    let agent = agent(store, 10).await;
    let user_id = user(store, Some(1000)).await;
    let task = task(store, user_id, &[&agent]).await;
    let mut pauses = 0;
    loop {
        let mut call = Box::pin(store.charge(&task));
        let mut left = pauses;
        let given_up = std::future::poll_fn(|context| {
            use std::task::Poll;
            match call.as_mut().poll(context) {
                Poll::Ready(bill) => Poll::Ready(Some(bill)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            }
        })
        .await;
        drop(call);
        assert_eq!(store.task(&task.task_id).await.unwrap().unwrap(), task);
        if let Some(bill) = given_up {
            bill.unwrap();
            break;
        }
        pauses += 1;
    }
    assert!(pauses > 3, "given up {pauses} times");
    assert_eq!(store.wallet_balance(user_id).await.unwrap(), Some(990));
    assert_eq!(store.ledger(&task.task_id).await.unwrap().len(), 1);
}
