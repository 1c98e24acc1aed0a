//! The starts of tasks that are spaced over all nodes of a database. The server's clock decides, so that the nodes' clocks
//! need not agree.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::super::BrokerError;
use super::{Inner, unavailable};

pub(super) static RESERVE_START: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("reserve_start.lua")));

/// Reserves the next start of a task; answers the time until then.
pub(super) async fn reserve(inner: &Inner, task: &str, interval: Duration) -> Result<Duration, BrokerError> {
    let mut call = RESERVE_START.key(inner.keys.last_start(task));
    let wait: u64 = call
        .arg(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX))
        .invoke_async(&mut inner.connection.clone())
        .await
        .map_err(unavailable("reserve the start of a task"))?;
    Ok(Duration::from_micros(wait))
}
