//! The names of everything that lies in Redis: kombu's (celery-wire.md 2.1 and 3.1) and ours, which start with
//! `celeriac.`. All of them, channels apart, begin with the key prefix that the transport options set.

use super::RedisBrokerOptions;

/// Key names of one node.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: String,
    separator: String,
    steps: Vec<u8>,
    pub(super) unacked: String,
    pub(super) unacked_index: String,
    pub(super) unacked_mutex: String,
    /// zset: node -> when the others may count it dead, in seconds of the server's clock.
    pub(super) nodes: String,
    node: String,
}

impl Keys {
    pub(super) fn new(node: &str, options: &RedisBrokerOptions) -> Self {
        let prefix = &options.global_keyprefix;
        let mut steps = options.priority_steps.clone();
        steps.sort_unstable();
        Self {
            prefix: prefix.clone(),
            separator: options.separator.clone(),
            steps,
            unacked: format!("{prefix}unacked"),
            unacked_index: format!("{prefix}unacked_index"),
            unacked_mutex: format!("{prefix}unacked_mutex"),
            nodes: format!("{prefix}celeriac.nodes"),
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
        format!("{}celeriac.lease.{}", self.prefix, self.node)
    }

    /// Hash: tag -> element, for what is no envelope and so must not lie in `unacked`.
    pub(super) fn undecodable(&self) -> String {
        format!("{}celeriac.undecodable.{}", self.prefix, self.node)
    }

    /// Set: the lists that this node waits on.
    pub(super) fn waits(&self) -> String {
        format!("{}celeriac.waits.{}", self.prefix, self.node)
    }

    /// zset: tag in `unacked` -> time before which nobody needs to think of the message.
    pub(super) fn delayed(&self, queue: &str) -> String {
        format!("{}celeriac.delayed.{queue}", self.prefix)
    }

    /// List: what a BLMOVE of this node has moved off `list` and nothing has parked yet.
    pub(super) fn inflight(&self, list: &str) -> String {
        format!("{}celeriac.inflight.{}.{list}", self.prefix, self.node)
    }

    /// String: when the last reserved start of a task is, in microseconds of the server's clock.
    pub(super) fn last_start(&self, task: &str) -> String {
        format!("{}celeriac.rate.{task}", self.prefix)
    }

    /// The list of a queue for messages of that priority: the greatest step that is not above it.
    pub(super) fn list(&self, queue: &str, priority: u8) -> String {
        let step = self.steps.iter().rev().find(|step| **step <= priority).copied().unwrap_or(0);
        self.list_of_step(queue, step)
    }

    fn list_of_step(&self, queue: &str, step: u8) -> String {
        match step {
            0 => format!("{}{queue}", self.prefix),
            step => format!("{}{queue}{}{step}", self.prefix, self.separator),
        }
    }

    /// The queue that a list belongs to.
    pub(super) fn queue_of<'a>(&self, list: &'a str) -> &'a str {
        let queue = list.strip_prefix(&self.prefix).unwrap_or(list);
        let of_step = self.steps.iter().filter(|step| **step != 0);
        let endings = of_step.map(|step| format!("{}{step}", self.separator));
        endings.filter_map(|ending| queue.strip_suffix(&ending)).next().unwrap_or(queue)
    }

    /// All lists of the queues: step by step, in each step the queues in their order.
    pub(super) fn lists(&self, queues: &[impl AsRef<str>]) -> Vec<String> {
        self.steps
            .iter()
            .flat_map(|step| queues.iter().map(|queue| self.list_of_step(queue.as_ref(), *step)))
            .collect()
    }

    /// The two sets that bind queues to an exchange.
    pub(super) fn bindings(&self, exchange: &str) -> [String; 2] {
        [
            format!("{}_kombu.binding.{exchange}", self.prefix),
            format!("{}_kombu.binding_permanent.{exchange}", self.prefix),
        ]
    }

    /// The member that binds a queue to a direct exchange by its own name.
    pub(super) fn binding_member(&self, queue: &str) -> String {
        format!("{queue}{0}{0}{queue}", self.separator)
    }

    /// The routing key and the queue of a binding member of a direct exchange.
    pub(super) fn parse_binding<'a>(&self, member: &'a str) -> Option<(&'a str, &'a str)> {
        let mut parts = member.split(self.separator.as_str());
        let routing_key = parts.next()?;
        Some((routing_key, parts.nth(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_by_priority() {
        let keys = Keys::new("n", &RedisBrokerOptions::default());
        let step = |priority| keys.list("q", priority);
        assert_eq!(
            [step(0), step(2), step(3), step(8), step(9)],
            ["q", "q", "q\x06\x163", "q\x06\x166", "q\x06\x169"]
        );
        assert_eq!(keys.lists(&["a", "b"])[..3], ["a", "b", "a\x06\x163"]);
    }

    #[test]
    fn transport_options_change_the_names() {
        let options = RedisBrokerOptions {
            global_keyprefix: "tenant1".into(),
            separator: ":".into(),
            priority_steps: vec![5, 0],
            ..RedisBrokerOptions::default()
        };
        let keys = Keys::new("n", &options);
        assert_eq!(keys.lists(&["q"]), ["tenant1q", "tenant1q:5"]);
        assert_eq!((keys.list("q", 4), keys.list("q", 9)), ("tenant1q".into(), "tenant1q:5".into()));
        assert_eq!((keys.queue_of("tenant1q"), keys.queue_of("tenant1q:5")), ("q", "q"));
        assert_eq!(keys.unacked, "tenant1unacked");
        assert_eq!(keys.last_start("t"), "tenant1celeriac.rate.t");
        assert_eq!(keys.bindings("x")[0], "tenant1_kombu.binding.x");
        assert_eq!(keys.binding_member("q"), "q::q");
    }

    #[test]
    fn bindings_as_kombu_writes_them() {
        let keys = Keys::new("n", &RedisBrokerOptions::default());
        assert_eq!(keys.binding_member("default"), "default\x06\x16\x06\x16default");
        assert_eq!(keys.parse_binding("default\x06\x16\x06\x16default"), Some(("default", "default")));
        assert_eq!(keys.parse_binding("junk"), None);
    }
}
