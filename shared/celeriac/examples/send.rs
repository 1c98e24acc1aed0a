//! Sends tasks to the worker of `worker.rs`, or to one in Python, and waits for what comes of them.
//!
//!     cargo run -p celeriac --example send -- redis://localhost:6379/0

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::client::GetError;
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions};
use celeriac::{Client, TaskCall};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "redis://localhost:6379/0".into());
    let server = RedisServer::new(&url, &TlsOptions::default())?;
    let broker =
        RedisBroker::new(server.clone(), &NodeId::new("send@localhost"), RedisBrokerOptions::default());
    let results = RedisResults::new(server, RedisResultsOptions::default());
    let client = Client::new(Arc::new(broker), Some(Arc::new(results)), "localhost");
    let mut out = std::io::stdout();

    let timeout = Some(Duration::from_secs(30));
    let sum = client.apply_async(TaskCall::new("tasks.add").arg(2).kwarg("y", 3)).await?;
    writeln!(out, "2 + 3 = {}", sum.get::<f64>(timeout).await?)?;

    // A second from now, or not at all if nobody has begun it within a minute.
    let call = TaskCall::new("tasks.add")
        .arg("two")
        .arg(3)
        .countdown(Duration::from_secs(1))
        .expires_in(Duration::from_secs(60));
    match client.apply_async(call).await?.get::<f64>(timeout).await {
        Err(GetError::Failed { exception, .. }) => writeln!(out, "'two' + 3 fails: {exception}")?,
        other => writeln!(out, "'two' + 3 = {other:?}")?,
    }
    Ok(())
}
