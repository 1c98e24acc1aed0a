//! Values that must fit together, once each is right by itself.

use super::load::Effective;
use super::origin::Origin;
use super::problem::Problem;

/// The values that were found, by key.
pub(crate) struct Values<'a>(pub(crate) &'a [Effective]);

impl Values<'_> {
    fn get(&self, key: &str) -> Option<&Effective> {
        self.0.iter().find(|effective| effective.setting.key == key)
    }

    fn is_set(&self, key: &str) -> bool {
        self.get(key).is_some_and(|effective| !effective.value.is_null())
    }

    fn is_given(&self, key: &str) -> bool {
        self.get(key).is_some_and(|effective| effective.origin != Origin::Default)
    }

    fn text(&self, key: &str) -> &str {
        self.get(key).and_then(|effective| effective.value.as_str()).unwrap_or_default()
    }

    fn has_item(&self, key: &str, item: &str) -> bool {
        let items = self.get(key).and_then(|effective| effective.value.as_array());
        items.is_some_and(|items| items.iter().any(|one| one == item))
    }

    fn origin(&self, key: &str) -> String {
        self.get(key).map(|effective| effective.origin.to_string()).unwrap_or_default()
    }

    /// What cannot work.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let pairs = [
            ("broker.tls.cert_file", "broker.tls.key_file"),
            ("storage.access_key_id", "storage.secret_access_key"),
        ];
        for (one, other) in pairs {
            problems.extend(self.lonely(one, other));
            problems.extend(self.lonely(other, one));
        }
        if self.is_set("storage.endpoint_url")
            && !self.is_set("storage.access_key_id")
            && !self.is_set("storage.secret_access_key")
        {
            problems.push(Problem::Combination(format!(
                "storage.endpoint_url is set (from {}), but no S3 key: set storage.access_key_id (AWS_ACCESS_KEY_ID) and \
                 storage.secret_access_key (AWS_SECRET_ACCESS_KEY)",
                self.origin("storage.endpoint_url")
            )));
        }
        let fallback = self.text("worker.fallback_queue");
        let consumed = self.get("worker.queues").and_then(|queues| queues.value.as_array());
        if consumed.is_some_and(|queues| queues.iter().any(|queue| queue == fallback)) {
            problems.push(Problem::Combination(format!(
                "worker.fallback_queue is `{fallback}` (from {}), which this worker consumes itself: messages would go in circles",
                self.origin("worker.fallback_queue")
            )));
        }
        let dead_letters = self.text("broker.dead_letter_queue");
        if self.has_item("worker.queues", dead_letters) {
            problems.push(Problem::Combination(format!(
                "worker.queues (from {}) has {dead_letters}, the dead-letter queue: what nobody can run would come back for ever",
                self.origin("worker.queues")
            )));
        }
        problems
    }

    fn lonely(&self, one: &str, other: &str) -> Option<Problem> {
        (self.is_set(one) && !self.is_set(other)).then(|| {
            Problem::Combination(format!(
                "{one} is set (from {}), but {other} is not: both or none",
                self.origin(one)
            ))
        })
    }

    /// What works but may not be meant.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let url = |key: &str| self.text(key).to_ascii_lowercase();
        let uses_tls = |key: &str| url(key).starts_with("rediss:") || url(key).contains("ssl_");
        let any_tls =
            self.text("broker.tls.mode") == "always" || uses_tls("broker.url") || uses_tls("results.url");
        let files = ["broker.tls.ca_file", "broker.tls.cert_file"];
        if let Some(file) = files.into_iter().find(|key| self.is_set(key) && !any_tls) {
            notes.push(format!(
                "{file} has no effect: the connection is plain; use rediss:// or set broker.tls.mode to always"
            ));
        }
        if self.is_given("storage.directory") && self.is_set("storage.access_key_id") {
            notes.push(format!(
                "storage.directory (from {}) is not used: an S3 key is set (from {})",
                self.origin("storage.directory"),
                self.origin("storage.access_key_id")
            ));
        }
        notes
    }
}
