//! From the configuration to the engine's connections; `worker`, `send` and `dlq` share it.

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer, SentinelOptions, TlsOptions};
use celeriac::results::{RedisResults, RedisResultsOptions, ResultBackend};

use crate::config::{Config, TlsMode};

/// The broker, as the node of that name.
pub(super) fn broker(config: &Config, name: &str) -> anyhow::Result<RedisBroker> {
    let server = server(config, config.broker.url.expose())?;
    let defaults = RedisBrokerOptions::default();
    let options = RedisBrokerOptions {
        visibility_timeout: config.broker.visibility_timeout,
        global_keyprefix: config.broker.global_keyprefix.clone().unwrap_or_default(),
        dead_letter_queue: config.broker.dead_letter_queue.clone(),
        separator: config.broker.sep.clone().unwrap_or(defaults.separator),
        priority_steps: config.broker.priority_steps.clone(),
        connection_retry_on_startup: config.broker.connection_retry_on_startup,
        connection_max_retries: config.broker.connection_max_retries,
        wait: config.broker.wait,
        ..defaults
    };
    Ok(RedisBroker::new(server, &NodeId::new(name), options))
}

/// The result backend, unless results are disabled.
pub(super) fn results(config: &Config) -> anyhow::Result<Option<Arc<dyn ResultBackend>>> {
    let Some(url) = &config.results.url else { return Ok(None) };
    let server = server(config, url.expose())?;
    let options = RedisResultsOptions {
        expires: config.results.expires.map_or(0, |expires| expires.as_secs()),
        extended: config.results.extended,
        global_keyprefix: config.results.global_keyprefix.clone().unwrap_or_default(),
    };
    Ok(Some(Arc::new(RedisResults::new(server, options))))
}

fn server(config: &Config, url: &str) -> anyhow::Result<RedisServer> {
    let tls = &config.broker.tls;
    let options = TlsOptions {
        always: tls.mode == TlsMode::Always,
        insecure: !tls.verify,
        ca_file: tls.ca_file.clone(),
        client_certificate: tls.cert_file.clone().zip(tls.key_file.clone()),
    };
    let sentinel = SentinelOptions {
        master_name: config.broker.sentinel.master_name.clone(),
        password: config.broker.sentinel.password.as_ref().map(|password| password.expose().to_owned()),
    };
    let server = RedisServer::with_sentinel(url, &options, &sentinel)?;
    if server.is_unverified() {
        tracing::warn!(
            place = server.place(),
            "TLS without verification: anyone on the way can read and change messages; set broker.tls.ca_file instead"
        );
    }
    Ok(server)
}
