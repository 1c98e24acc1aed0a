//! Who this worker process is.

use std::path::Path;

/// A node's identity: its Celery name, and what makes this start of the process unlike every other. Leases and
/// heartbeats go by the identity, so that a process that reuses a name is never taken for the one before it.
///
/// As text: `name@host.PID.MACHINE.UNIQUE`, where MACHINE tells process ids of one machine (and container) from others'.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodeId {
    id: String,
    name_length: usize,
}

impl NodeId {
    /// An identity for this process under a node name such as `celery@host`.
    pub fn new(name: &str) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let id = format!("{name}.{}.{}.{unique}", std::process::id(), machine());
        Self { id, name_length: name.len() }
    }

    /// The whole identity, unique among all starts of all workers.
    pub fn as_str(&self) -> &str {
        &self.id
    }

    /// The node name, `name@host`.
    pub fn name(&self) -> &str {
        self.id.get(..self.name_length).unwrap_or(&self.id)
    }

    /// Whether `other` is the identity of a process that ran on this machine and is certainly gone: what it left can be
    /// handed back at once, without waiting for its lease to run out.
    pub fn is_gone_from_here(&self, other: &str) -> bool {
        let mut parts = other.rsplitn(4, '.');
        let (Some(_unique), Some(there), Some(pid)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        there == machine() && there != UNKNOWN_MACHINE && other != self.id && !is_running(pid)
    }
}

/// Of a machine that cannot be told from others.
const UNKNOWN_MACHINE: &str = "0";

/// The boot of this machine and the space in which its process ids are valid, as one word.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok();
    match (boot, namespace) {
        (Some(boot), Some(namespace)) => {
            let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(12).collect();
            let namespace: String =
                namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
            format!("{boot}-{namespace}")
        }
        _ => UNKNOWN_MACHINE.to_owned(),
    }
}

/// Whether a process of that id exists; when that cannot be told, yes.
fn is_running(pid: &str) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || pid.parse::<u32>().is_err() || processes.join(pid).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_under_one_name() {
        let (a, b) = (NodeId::new("celery@höst.example"), NodeId::new("celery@höst.example"));
        assert_ne!(a, b);
        assert_eq!(a.name(), "celery@höst.example");
        assert!(a.as_str().starts_with("celery@höst.example."));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_dead_process_of_this_machine_is_gone() {
        let node = NodeId::new("celery@host.example");
        assert!(!node.is_gone_from_here(node.as_str()));
        assert!(!node.is_gone_from_here(NodeId::new("other@host").as_str()), "this process lives");

        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = format!("w.a@h.b.{}.{}.f00", child.id(), machine());
        child.wait().unwrap();
        assert!(node.is_gone_from_here(&dead));
        assert!(!node.is_gone_from_here(&dead.replace(&machine(), "elsewhere-1")));
        assert!(!node.is_gone_from_here("junk"));
    }
}
