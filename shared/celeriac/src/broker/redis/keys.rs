//! The names of everything that lies in Redis: kombu's (celery-wire.md 2.1 and 3.1) and ours, which start with
//! `celeriac.`.

/// Between a queue's name and its priority step, and inside binding members.
const SEPARATOR: &str = "\x06\x16";
/// Each step is a list of its own; 0 is served first.
const PRIORITY_STEPS: [u8; 4] = [0, 3, 6, 9];

/// Key names of one node.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) unacked: String,
    pub(super) unacked_index: String,
    /// zset: node -> when the others may count it dead, in seconds of the server's clock.
    pub(super) nodes: String,
    node: String,
}

impl Keys {
    pub(super) fn new(node: &str) -> Self {
        Self {
            unacked: "unacked".into(),
            unacked_index: "unacked_index".into(),
            nodes: "celeriac.nodes".into(),
            node: node.into(),
        }
    }

    /// The same names for another node.
    pub(super) fn of(&self, node: &str) -> Self {
        Self { node: node.into(), ..self.clone() }
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Set: the tags in `unacked` that this node holds.
    pub(super) fn lease(&self) -> String {
        format!("celeriac.lease.{}", self.node)
    }

    /// Hash: tag -> element, for what is no envelope and so must not lie in `unacked`.
    pub(super) fn undecodable(&self) -> String {
        format!("celeriac.undecodable.{}", self.node)
    }

    /// Set: the lists that this node waits on.
    pub(super) fn waits(&self) -> String {
        format!("celeriac.waits.{}", self.node)
    }

    /// List: what a BLMOVE of this node has moved off `list` and nothing has parked yet.
    pub(super) fn inflight(&self, list: &str) -> String {
        format!("celeriac.inflight.{}.{list}", self.node)
    }

    /// The list of a queue for messages of that priority.
    pub(super) fn list(&self, queue: &str, priority: u8) -> String {
        let step = PRIORITY_STEPS.into_iter().rev().find(|step| *step <= priority).unwrap_or(0);
        if step == 0 { queue.to_owned() } else { format!("{queue}{SEPARATOR}{step}") }
    }

    /// All lists of the queues: step by step, in each step the queues in their order.
    pub(super) fn lists(&self, queues: &[impl AsRef<str>]) -> Vec<String> {
        PRIORITY_STEPS
            .into_iter()
            .flat_map(|step| queues.iter().map(move |queue| self.list(queue.as_ref(), step)))
            .collect()
    }

    /// The two sets that bind queues to an exchange.
    pub(super) fn bindings(&self, exchange: &str) -> [String; 2] {
        [format!("_kombu.binding.{exchange}"), format!("_kombu.binding_permanent.{exchange}")]
    }

    /// The member that binds a queue to a direct exchange by its own name.
    pub(super) fn binding_member(&self, queue: &str) -> String {
        format!("{queue}{SEPARATOR}{SEPARATOR}{queue}")
    }

    /// The routing key and the queue of a binding member of a direct exchange.
    pub(super) fn parse_binding(member: &str) -> Option<(&str, &str)> {
        let mut parts = member.split(SEPARATOR);
        let routing_key = parts.next()?;
        Some((routing_key, parts.nth(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_by_priority() {
        let keys = Keys::new("n");
        let step = |priority| keys.list("q", priority);
        assert_eq!(
            [step(0), step(2), step(3), step(8), step(9)],
            ["q", "q", "q\x06\x163", "q\x06\x166", "q\x06\x169"]
        );
        assert_eq!(keys.lists(&["a", "b"])[..3], ["a", "b", "a\x06\x163"]);
    }

    #[test]
    fn bindings_as_kombu_writes_them() {
        let keys = Keys::new("n");
        assert_eq!(keys.binding_member("default"), "default\x06\x16\x06\x16default");
        assert_eq!(Keys::parse_binding("default\x06\x16\x06\x16default"), Some(("default", "default")));
        assert_eq!(Keys::parse_binding("junk"), None);
    }
}
