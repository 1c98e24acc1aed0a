//! From the configuration to the engine's connections; `worker` and `send` share it.

use std::sync::Arc;

use celeriac::broker::{RedisBroker, RedisBrokerOptions};
use celeriac::node::NodeId;
use celeriac::redis_server::{RedisServer, TlsOptions};
use celeriac::results::{RedisResults, ResultBackend};

use crate::config::{Config, TlsMode};

/// The broker, as the node of that name.
pub(super) fn broker(
    config: &Config,
    name: &str,
    options: RedisBrokerOptions,
) -> anyhow::Result<RedisBroker> {
    let server = server(config, config.broker.url.expose())?;
    Ok(RedisBroker::new(server, &NodeId::new(name), options)?)
}

/// The result backend, unless results are disabled.
pub(super) fn results(config: &Config) -> anyhow::Result<Option<Arc<dyn ResultBackend>>> {
    let Some(url) = &config.results.url else { return Ok(None) };
    let server = server(config, url.expose())?;
    Ok(Some(Arc::new(RedisResults::new(server, expires(config), config.results.extended)?)))
}

/// Seconds that results stay; 0 is for ever.
pub(super) fn expires(config: &Config) -> u64 {
    config.results.expires.map_or(0, |expires| expires.as_secs())
}

fn server(config: &Config, url: &str) -> anyhow::Result<RedisServer> {
    let tls = &config.broker.tls;
    let options = TlsOptions {
        always: tls.mode == TlsMode::Always,
        insecure: !tls.verify,
        ca_file: tls.ca_file.clone(),
        client_certificate: tls.cert_file.clone().zip(tls.key_file.clone()),
    };
    let server = RedisServer::new(url, &options)?;
    if server.is_unverified() {
        tracing::warn!(
            place = server.place(),
            "TLS without verification: anyone on the way can read and change messages; set broker.tls.ca_file instead"
        );
    }
    Ok(server)
}
