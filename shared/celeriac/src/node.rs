//! Who this worker process is.

/// A node's identity: its Celery name, and what makes this start of the process unlike every other. Leases and
/// heartbeats go by the identity, so that a process that reuses a name is never taken for the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeId {
    id: String,
    name_length: usize,
}

impl NodeId {
    /// An identity for this process under a node name such as `celery@host`.
    pub fn new(name: &str) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        Self { id: format!("{name}.{}.{unique}", std::process::id()), name_length: name.len() }
    }

    /// The whole identity, unique among all starts of all workers.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The node name, `name@host`.
    pub fn name(&self) -> &str {
        self.id.get(..self.name_length).unwrap_or(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_under_one_name() {
        let (a, b) = (NodeId::new("celery@höst"), NodeId::new("celery@höst"));
        assert_ne!(a, b);
        assert_eq!(a.name(), "celery@höst");
        assert!(a.as_str().starts_with("celery@höst."));
    }
}
