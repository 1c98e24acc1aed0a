//! The brokers and their result backends: one suite for all of them, then what concerns one alone.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "brokers/suite.rs"]
mod suite;

use std::sync::Arc;
use std::time::Duration;

use celeriac::broker::{Broker, MemoryServer, RedisBroker, RedisBrokerOptions, Settled};
use celeriac::message::Envelope;
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer as Address, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions, ResultBackend};
use system_tests::servers::RedisServer;

use suite::{Node, Server, message};

impl Server for MemoryServer {
    fn broker(&self, name: &str) -> anyhow::Result<Arc<dyn Broker>> {
        Ok(Arc::new(self.node(name)))
    }

    fn results(&self) -> anyhow::Result<Arc<dyn ResultBackend>> {
        Ok(Arc::new(MemoryServer::results(self)))
    }
}

impl Server for RedisServer {
    fn broker(&self, name: &str) -> anyhow::Result<Arc<dyn Broker>> {
        // Renewals, and what comes with them, many times a second.
        let lease_time = Duration::from_millis(300);
        let options = RedisBrokerOptions { lease_time, ..RedisBrokerOptions::default() };
        let address = Address::new(&self.url(), &TlsOptions::default())?;
        Ok(Arc::new(RedisBroker::new(address, &NodeId::new(name), options)))
    }

    fn results(&self) -> anyhow::Result<Arc<dyn ResultBackend>> {
        let address = Address::new(&self.url(), &TlsOptions::default())?;
        let options = RedisResultsOptions { extended: true, ..RedisResultsOptions::default() };
        Ok(Arc::new(RedisResults::new(address, options)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_in_memory() -> anyhow::Result<()> {
    suite::exercise(&MemoryServer::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_passes_on_redis() -> anyhow::Result<()> {
    suite::exercise(&RedisServer::start()?).await
}

/// On Redis this takes processes that are killed: see `delivery.rs`.
#[tokio::test]
async fn what_a_crashed_node_of_the_memory_broker_held_is_delivered_again() -> anyhow::Result<()> {
    let server = MemoryServer::new();
    let broker = server.node("first");
    let mut first = Node::start(Arc::new(broker.clone()), &["q"], 2).await;
    for id in ["a", "b", "c"] {
        broker.publish("q", &message("q", id, 0)).await?;
    }
    let held = first.next().await?;
    first.next().await?;
    broker.crash();
    assert!(held.receipt.lost.is_cancelled());
    assert_eq!(broker.settle(&held.receipt, suite::acknowledge(), &mut None).await?, Settled::NotHeld);
    assert_eq!((server.held(), server.waiting("q").len()), (0, 3));
    drop(first);

    // The other way to crash: nobody has the broker any more.
    let mut second = Node::start(Arc::new(server.node("second")), &["q"], 1).await;
    assert_eq!(second.next_id().await?, "a");
    drop(second);
    let mut third = Node::start(Arc::new(server.node("third")), &["q"], 3).await;
    for (id, deliveries) in [("a", 2), ("b", 1), ("c", 0)] {
        let envelope = Envelope::parse(&third.next().await?.element)?;
        assert_eq!((envelope.task_id(), envelope.earlier_deliveries()), (Some(id), deliveries));
        assert_eq!(envelope.is_redelivered(), deliveries > 0);
    }
    Ok(())
}
