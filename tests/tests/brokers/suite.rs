//! What every broker does, and its results with it. Each case has queues of its own.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use celeriac::Outcome;
use celeriac::broker::{Broker, Delivery, Disposition, Settled, Settlement, Window};
use celeriac::dead_letters::DeadLetter;
use celeriac::exception::Exception;
use celeriac::message::{Envelope, Request};
use celeriac::results::ResultBackend;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use system_tests::program::PATIENCE;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A server of some kind, as its nodes see it.
pub(crate) trait Server: Sync {
    /// A new node of that name.
    fn broker(&self, name: &str) -> anyhow::Result<Arc<dyn Broker>>;
    /// The results that are stored together with acknowledgements.
    fn results(&self) -> anyhow::Result<Arc<dyn ResultBackend>>;
}

/// A node that consumes.
pub(crate) struct Node {
    broker: Arc<dyn Broker>,
    deliveries: mpsc::Receiver<Delivery>,
    stop: CancellationToken,
}

impl Node {
    pub(crate) async fn start(broker: Arc<dyn Broker>, queues: &[&str], window: usize) -> Self {
        let queues: Vec<String> = queues.iter().map(ToString::to_string).collect();
        let stop = CancellationToken::new();
        let deliveries = broker.consume(&queues, Window::new(window), stop.clone()).await;
        Self { broker, deliveries, stop }
    }

    async fn on(server: &dyn Server, queues: &[&str], window: usize) -> anyhow::Result<Self> {
        Ok(Self::start(server.broker("node@test")?, queues, window).await)
    }

    pub(crate) async fn next(&mut self) -> anyhow::Result<Delivery> {
        let delivery = tokio::time::timeout(PATIENCE, self.deliveries.recv()).await;
        delivery.context("no delivery in time")?.context("the deliveries have ended")
    }

    /// The next delivery's task id; its place in the window is free again, but it stays held.
    pub(crate) async fn next_id(&mut self) -> anyhow::Result<String> {
        id(&self.next().await?)
    }

    async fn settle(
        &self,
        delivery: &Delivery,
        settlement: impl Into<Settlement>,
    ) -> anyhow::Result<Settled> {
        Ok(self.broker.settle(&delivery.receipt, settlement.into(), &mut None).await?)
    }

    /// Takes leave as a worker does; how many messages it handed back.
    async fn leave(mut self) -> anyhow::Result<usize> {
        self.stop.cancel();
        let mut unwanted = Vec::new();
        while let Some(delivery) = self.deliveries.recv().await {
            unwanted.push(delivery);
        }
        Ok(self.broker.leave().await?)
    }
}

pub(crate) fn acknowledge() -> Settlement {
    Disposition::Acknowledge.into()
}

/// A message of that id for that queue.
pub(crate) fn message(queue: &str, id: &str, priority: u8) -> Envelope {
    let element = json!({
        "body": "[[1], {}, {}]", "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"task": "t", "id": id, "custom": [1, null]},
        "properties": {"correlation_id": id, "delivery_info": {"exchange": "", "routing_key": queue},
                       "priority": priority, "delivery_tag": id},
    });
    Envelope::parse(element.to_string().as_bytes()).expect("an envelope")
}

fn id(delivery: &Delivery) -> anyhow::Result<String> {
    Ok(Envelope::parse(&delivery.element)?.task_id().unwrap_or_default().to_owned())
}

/// All cases, one after the other.
pub(crate) async fn exercise(server: &dyn Server) -> anyhow::Result<()> {
    delivered_as_published(server).await.context("delivered as published")?;
    in_order(server).await.context("in order")?;
    queues_in_turn(server).await.context("queues in turn")?;
    never_more_than_the_window(server).await.context("never more than the window")?;
    settled_in_one_step(server).await.context("settled in one step")?;
    requeued_behind_the_others(server).await.context("requeued behind the others")?;
    delayed(server).await.context("delayed")?;
    dead_letters(server).await.context("dead letters")?;
    abandoned(server).await.context("abandoned")?;
    handed_back_when_leaving(server).await.context("handed back when leaving")?;
    each_to_one_node(server).await.context("each to one node")?;
    starts_apart_on_all_nodes(server).await.context("starts apart on all nodes")?;
    results(server).await.context("results")
}

async fn delivered_as_published(server: &dyn Server) -> anyhow::Result<()> {
    let mut node = Node::on(server, &["plain"], 1).await?;
    // The node waits already, or will: nobody has to look again.
    server.broker("client@test")?.publish("plain", &message("plain", "a", 0)).await?;
    let delivery = node.next().await?;
    assert_eq!(Envelope::parse(&delivery.element)?, message("plain", "a", 0));
    assert_eq!(&*delivery.queue, "plain");
    assert_eq!(node.settle(&delivery, Disposition::Acknowledge).await?, Settled::Done);
    assert_eq!(node.settle(&delivery, Disposition::Acknowledge).await?, Settled::NotHeld);
    assert_eq!(node.leave().await?, 0);
    Ok(())
}

async fn in_order(server: &dyn Server) -> anyhow::Result<()> {
    let client = server.broker("client@test")?;
    for (id, priority) in [("9", 9), ("4", 4), ("0a", 0), ("3", 3), ("0b", 0), ("2", 2), ("6", 6)] {
        client.publish("order", &message("order", id, priority)).await?;
    }
    // 0 to 2 are one step, and so on; in a step first come, first served.
    let mut node = Node::on(server, &["order"], 1).await?;
    for expected in ["0a", "0b", "2", "4", "3", "6", "9"] {
        let delivery = node.next().await?;
        assert_eq!(id(&delivery)?, expected);
        node.settle(&delivery, Disposition::Acknowledge).await?;
    }
    node.leave().await?;
    Ok(())
}

async fn queues_in_turn(server: &dyn Server) -> anyhow::Result<()> {
    let client = server.broker("client@test")?;
    for (queue, id) in [("turn.a", "a1"), ("turn.a", "a2"), ("turn.a", "a3"), ("turn.b", "b1")] {
        client.publish(queue, &message(queue, id, 0)).await?;
    }
    client.publish("turn.b", &message("turn.b", "urgent later", 3)).await?;
    let mut node = Node::on(server, &["turn.a", "turn.b"], 1).await?;
    for expected in ["a1", "b1", "a2", "a3", "urgent later"] {
        let delivery = node.next().await?;
        assert_eq!(id(&delivery)?, expected);
        node.settle(&delivery, Disposition::Acknowledge).await?;
    }
    node.leave().await?;
    Ok(())
}

async fn never_more_than_the_window(server: &dyn Server) -> anyhow::Result<()> {
    let client = server.broker("client@test")?;
    let mut node = Node::on(server, &["window"], 2).await?;
    for id in ["a", "b", "c"] {
        client.publish("window", &message("window", id, 0)).await?;
    }
    let (first, _second) = (node.next().await?, node.next().await?);
    assert!(node.deliveries.try_recv().is_err(), "a third one");
    node.settle(&first, Disposition::Acknowledge).await?;
    drop(first);
    assert_eq!(node.next_id().await?, "c");
    assert_eq!(node.leave().await?, 2);
    Ok(())
}

async fn settled_in_one_step(server: &dyn Server) -> anyhow::Result<()> {
    let results = server.results()?;
    let mut node = Node::on(server, &["step"], 1).await?;
    assert_eq!(node.broker.results_place(), Some(results.place()));
    node.broker.publish("step", &message("step", "step.1", 0)).await?;
    let delivery = node.next().await?;
    let request = Request::decode(Envelope::parse(&delivery.element)?, &Default::default())?;
    let mut settlement = acknowledge();
    settlement.result = results.record(&request, &Outcome::Success(json!(7)), "node@test");
    settlement.publish = vec![("step.next".into(), message("step.next", "step.2", 5))];
    assert_eq!(node.settle(&delivery, settlement.clone()).await?, Settled::Done);
    assert_eq!(results.fetch("step.1").await?.map(|meta| meta.result), Some(json!(7)));

    // What is not held any more changes nothing.
    let failure = Outcome::Failure(Exception::builtin("ValueError", "late"));
    settlement.result = results.record(&request, &failure, "node@test");
    results.forget("step.1").await?;
    assert_eq!(node.settle(&delivery, settlement).await?, Settled::NotHeld);
    assert!(results.fetch("step.1").await?.is_none());
    node.leave().await?;
    let mut node = Node::on(server, &["step.next"], 2).await?;
    assert_eq!(node.next_id().await?, "step.2");
    assert!(node.deliveries.try_recv().is_err(), "published once");
    node.leave().await?;
    Ok(())
}

async fn requeued_behind_the_others(server: &dyn Server) -> anyhow::Result<()> {
    let client = server.broker("client@test")?;
    for (id, priority) in [("a", 5), ("b", 5), ("c", 9)] {
        client.publish("requeue", &message("requeue", id, priority)).await?;
    }
    let mut node = Node::on(server, &["requeue"], 1).await?;
    let delivery = node.next().await?;
    let mut envelope = Envelope::parse(&delivery.element)?;
    envelope.mark_redelivered(false);
    node.settle(&delivery, Disposition::Requeue(Box::new(envelope.clone()))).await?;
    drop(delivery);
    let expected = [message("requeue", "b", 5), envelope, message("requeue", "c", 9)];
    for expected in expected {
        let delivery = node.next().await?;
        assert_eq!(Envelope::parse(&delivery.element)?, expected);
        node.settle(&delivery, Disposition::Acknowledge).await?;
    }
    node.leave().await?;
    Ok(())
}

async fn delayed(server: &dyn Server) -> anyhow::Result<()> {
    let mut node = Node::on(server, &["delay"], 3).await?;
    node.broker.publish("delay", &message("delay", "kept", 0)).await?;
    let _kept = node.next().await?;
    node.broker.publish("delay", &message("delay", "later", 0)).await?;
    let delivery = node.next().await?;
    let until = Utc::now() + TimeDelta::seconds(1);
    let delay = || Disposition::Delay { queue: "delay".into(), until };
    assert_eq!(node.settle(&delivery, delay()).await?, Settled::Done);
    assert_eq!(node.settle(&delivery, delay()).await?, Settled::NotHeld);
    drop(delivery);
    let again = node.next().await?;
    assert_eq!(Envelope::parse(&again.element)?, message("delay", "later", 0), "unchanged");
    assert_eq!(node.settle(&again, Disposition::Acknowledge).await?, Settled::Done);
    assert_eq!(node.leave().await?, 1);
    Ok(())
}

async fn dead_letters(server: &dyn Server) -> anyhow::Result<()> {
    let mut node = Node::on(server, &["letters"], 2).await?;
    for id in ["dead", "broken"] {
        node.broker.publish("letters", &message("letters", id, 9)).await?;
        let delivery = node.next().await?;
        let element = if id == "dead" { delivery.element.clone() } else { "\u{1}junk".into() };
        let exception = (id == "dead").then(|| "ValueError('x')".to_owned());
        let disposition = Disposition::DeadLetter { element, reason: "it was so".into(), exception };
        assert_eq!(node.settle(&delivery, disposition).await?, Settled::Done);
    }
    node.leave().await?;

    let mut node = Node::on(server, &["dlq"], 2).await?;
    let letter = DeadLetter::read(node.next().await?.element);
    assert_eq!((letter.id(), letter.task(), letter.queue()), ("dead", Some("t"), Some("letters")));
    assert_eq!((letter.reason(), letter.exception()), (Some("it was so"), Some("ValueError('x')")));
    assert_eq!(letter.worker(), Some("node@test"));
    let letter = DeadLetter::read(node.next().await?.element);
    assert!(letter.is_raw());
    assert_eq!(letter.bytes(), "\u{1}junk");
    assert_eq!(node.leave().await?, 2);
    Ok(())
}

async fn abandoned(server: &dyn Server) -> anyhow::Result<()> {
    let mut node = Node::on(server, &["abandon"], 2).await?;
    node.broker.publish("abandon", &message("abandon", "kept", 0)).await?;
    let _kept = node.next().await?;
    node.broker.publish("abandon", &message("abandon", "a", 0)).await?;
    let delivery = node.next().await?;
    node.broker.abandon(&delivery.receipt);
    drop(delivery);
    let envelope = Envelope::parse(&node.next().await?.element)?;
    assert_eq!(envelope.task_id(), Some("a"));
    assert!(envelope.is_redelivered());
    assert_eq!(envelope.earlier_deliveries(), 0, "nobody was lost with it");
    node.leave().await?;
    Ok(())
}

async fn handed_back_when_leaving(server: &dyn Server) -> anyhow::Result<()> {
    let client = server.broker("client@test")?;
    let mut first = Node::on(server, &["leave"], 2).await?;
    for id in ["a", "b", "c"] {
        client.publish("leave", &message("leave", id, 4)).await?;
    }
    let held = [first.next().await?, first.next().await?];
    assert_eq!(first.leave().await?, 2);
    drop(held);

    // What came last is behind those that came back.
    let mut second = Node::on(server, &["leave"], 3).await?;
    let mut marks = Vec::new();
    for _ in 0..3 {
        let envelope = Envelope::parse(&second.next().await?.element)?;
        assert_eq!(envelope.earlier_deliveries(), 0);
        marks.push((envelope.task_id().unwrap_or_default().to_owned(), envelope.is_redelivered()));
    }
    assert_eq!(marks[2], ("c".to_owned(), false));
    marks.sort();
    assert_eq!(marks[..2], [("a".to_owned(), true), ("b".to_owned(), true)]);
    second.leave().await?;
    Ok(())
}

async fn each_to_one_node(server: &dyn Server) -> anyhow::Result<()> {
    const MESSAGES: usize = 200;
    let client = server.broker("client@test")?;
    let (ended, mut ends) = mpsc::unbounded_channel();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let mut node = Node::on(server, &["shared"], 4).await?;
        let ended = ended.clone();
        nodes.push(tokio::spawn(async move {
            while let Some(delivery) = node.deliveries.recv().await {
                node.settle(&delivery, Disposition::Acknowledge).await?;
                ended.send(id(&delivery)?)?;
            }
            anyhow::Ok(())
        }));
    }
    for number in 0..MESSAGES {
        client.publish("shared", &message("shared", &number.to_string(), 0)).await?;
    }
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..MESSAGES {
        let id = tokio::time::timeout(PATIENCE, ends.recv()).await?.context("an end")?;
        assert!(ids.insert(id), "delivered once");
    }
    nodes.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

async fn starts_apart_on_all_nodes(server: &dyn Server) -> anyhow::Result<()> {
    let (one, two) = (server.broker("one@test")?, server.broker("two@test")?);
    let hour = Duration::from_secs(3600);
    let hours = |wait: Duration| (wait + hour / 2).as_secs() / 3600;
    for (node, task, interval, expected) in [
        (&one, "start.a", hour, 0),
        (&one, "start.a", hour, 1),
        (&two, "start.a", hour, 2),
        (&two, "start.b", hour, 0),
        (&one, "start.a", 2 * hour, 4),
    ] {
        assert_eq!(hours(node.reserve_start(task, interval).await?), expected, "{task}");
    }
    assert_eq!(one.reserve_start("start.free", Duration::ZERO).await?, Duration::ZERO);
    assert_eq!(two.reserve_start("start.free", Duration::ZERO).await?, Duration::ZERO);
    Ok(())
}

async fn results(server: &dyn Server) -> anyhow::Result<()> {
    let results = server.results()?;
    let request = |id: &str| Request::decode(message("result", id, 0), &Default::default());
    let (kept, gone) = (request("result.kept")?, request("result.gone")?);
    assert!(results.fetch(&kept.id).await?.is_none());

    let waiting = tokio::spawn({
        let (results, id) = (results.clone(), kept.id.clone());
        async move { results.wait(&id, Some(PATIENCE)).await }
    });
    results.store(&results.record_started(&kept.id, "node@test")).await?;
    results.store(&results.record_state(&kept, "PROGRESS", &json!({"done": 1}), "node@test")).await?;
    let progress = results.fetch(&kept.id).await?.context("a state")?;
    assert_eq!((progress.status.as_str(), progress.result), ("PROGRESS", json!({"done": 1})));
    assert_eq!(progress.fields["date_done"], Value::Null);
    let failure = Outcome::Failure(Exception::builtin("ValueError", "x"));
    for outcome in [Outcome::Success(json!([1])), failure.clone()] {
        results.store(&results.record(&kept, &outcome, "node@test").context("a record")?).await?;
    }
    let ended = waiting.await??.context("an end")?;
    assert_eq!((ended.status.as_str(), ended.result), ("SUCCESS", json!([1])));
    assert_eq!(ended.fields["name"], "t");
    assert_eq!(results.fetch(&kept.id).await?.map(|meta| meta.status), Some("SUCCESS".into()), "it stays");

    for outcome in [failure, Outcome::Success(Value::Null)] {
        results.store(&results.record(&gone, &outcome, "node@test").context("a record")?).await?;
    }
    assert_eq!(results.fetch(&gone.id).await?.map(|meta| meta.status), Some("SUCCESS".into()));
    results.forget(&gone.id).await?;
    assert!(results.fetch(&gone.id).await?.is_none());
    assert!(results.wait(&gone.id, Some(Duration::from_millis(1))).await?.is_none());
    Ok(())
}
