//! What the store's tests start from: users, prices and tasks of their own.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};
use platform::store::{Bill, Finished, LedgerRow, NewTask, Status, Store, TaskRow};
use uuid::Uuid;

/// The tool of all tasks.
pub(crate) const TOOL: &str = "profile-my-data";

/// A number that no other part of this test process uses.
fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) async fn user(store: &Store, credits: Option<i32>) -> i32 {
    let email = format!("user-{}@example.com", unique());
    let user_id = store.create_user(&email, "Ada Lovelace").await.unwrap();
    if let Some(credits) = credits {
        store.set_wallet(user_id, credits).await.unwrap();
    }
    user_id
}

pub(crate) async fn agent(store: &Store, credits: i32) -> String {
    let agent_id = format!("agent-{}", unique());
    store.set_cost(&agent_id, credits).await.unwrap();
    agent_id
}

pub(crate) async fn task(store: &Store, user_id: i32, agents: &[&str]) -> TaskRow {
    let task_id = Uuid::new_v4().to_string();
    let agents: Vec<String> = agents.iter().map(|agent| (*agent).to_owned()).collect();
    store.create_task(NewTask { task_id: &task_id, user_id, tool_id: TOOL, agents: &agents }).await.unwrap();
    read(store, &task_id).await
}

pub(crate) async fn ended_task(store: &Store, user_id: i32, status: Status) -> TaskRow {
    let id = task(store, user_id, &[]).await.task_id;
    if status == Status::Expired {
        assert!(store.expire(&id, Utc::now() + TimeDelta::hours(1)).await.unwrap());
    } else {
        store.claim(&id).await.unwrap();
    }
    match status {
        Status::Completed => assert_eq!(store.complete(&id).await.unwrap(), Finished::Written),
        Status::Failed => assert_eq!(store.fail(&id, "TIMEOUT", "x").await.unwrap(), Finished::Written),
        Status::Cancelled => assert!(store.cancel_task(&id).await.unwrap()),
        _ => {}
    }
    let row = read(store, &id).await;
    assert_eq!(row.status, status);
    row
}

pub(crate) async fn read(store: &Store, task_id: &str) -> TaskRow {
    store.task(task_id).await.unwrap().unwrap()
}

pub(crate) fn charges(bill: &Bill) -> Vec<(&str, i32)> {
    bill.charges.iter().map(|charge| (charge.agent_id.as_str(), charge.credits)).collect()
}

pub(crate) fn ids(ledger: &[LedgerRow]) -> BTreeSet<&str> {
    ledger.iter().map(|row| row.id.as_str()).collect()
}

pub(crate) fn assert_is_ulid(id: &str) {
    assert_eq!(id.len(), 26, "{id}");
    assert!(id.starts_with(|first: char| ('0'..='7').contains(&first)), "{id}");
    assert!(id.chars().all(|c| "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c)), "{id}");
}

/// UTC in whole seconds, as rows hold it.
pub(crate) fn seconds_ago(seconds: u64) -> NaiveDateTime {
    (Utc::now() - Duration::from_secs(seconds)).naive_utc()
}
