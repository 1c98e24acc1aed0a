//! Which server to connect to: the only one, one of several, or the one that Sentinels name.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{AsyncConnectionConfig, Client, ProtocolVersion, RedisResult, TlsMode};
use tokio::sync::Mutex;

use super::SentinelOptions;
use super::address::{Address, tcp_settings};

/// Where connections go.
pub(super) enum Target {
    /// Tried in turn, from the one that answered last.
    Servers { clients: Vec<Client>, current: AtomicUsize },
    /// Asked before each connection: after a failover they name another one.
    Sentinel(Box<Mutex<SentinelClient>>),
}

impl Target {
    pub(super) fn servers(clients: Vec<Client>) -> Self {
        Self::Servers { clients, current: AtomicUsize::new(0) }
    }

    /// A fresh connection that speaks `protocol`; with RESP3 the server may speak unasked.
    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
        protocol: ProtocolVersion,
    ) -> RedisResult<MultiplexedConnection> {
        let Self::Servers { clients, current } = self else {
            return open(self.client().await?, config, protocol).await;
        };
        let mut attempts = clients.len();
        loop {
            attempts = attempts.saturating_sub(1);
            match open(self.client().await?, config, protocol).await {
                Err(error) if attempts > 0 => {
                    current.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%error, "a server cannot be reached; trying the next one");
                }
                Err(error) => {
                    current.fetch_add(1, Ordering::Relaxed);
                    return Err(error);
                }
                Ok(connection) => return Ok(connection),
            }
        }
    }

    /// The server to talk to now.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Servers { clients, current } => {
                let index = current.load(Ordering::Relaxed).checked_rem(clients.len()).unwrap_or_default();
                clients.get(index).cloned().ok_or_else(|| {
                    (redis::ErrorKind::InvalidClientConfig, "there is no server to connect to").into()
                })
            }
            Self::Sentinel(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

async fn open(
    client: Client,
    config: &AsyncConnectionConfig,
    protocol: ProtocolVersion,
) -> RedisResult<MultiplexedConnection> {
    if protocol == ProtocolVersion::RESP2 {
        return client.get_multiplexed_async_connection_with_config(config).await;
    }
    let address = client.get_connection_info().clone();
    let settings = address.redis_settings().clone().set_protocol(protocol);
    let client = Client::open(address.set_redis_settings(settings))?;
    client.get_multiplexed_async_connection_with_config(config).await
}

/// The server that these Sentinels name, and its place in words.
pub(super) fn sentinel(
    addresses: Vec<Address>,
    options: &SentinelOptions,
) -> Result<(Target, String), String> {
    let named = addresses.iter().find_map(|address| address.master_name.as_ref());
    let Some(master) = named.or(options.master_name.as_ref()) else {
        return Err("the Sentinels' name of the server is missing: set `master_name`".into());
    };
    let database = addresses.iter().find_map(|address| address.database).unwrap_or_default();
    let places: Vec<String> = addresses.iter().map(|one| one.address.to_string()).collect();
    let place = format!("{master} of {}/{database}", places.join(";"));

    let sentinels = addresses.iter().map(|one| one.address.clone());
    let tcp = tcp_settings();
    let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)
        .map_err(|error| error.to_string())?
        .set_client_to_redis_db(database)
        .set_client_to_redis_tcp_settings(tcp.clone())
        .set_client_to_sentinel_tcp_settings(tcp);
    if let Some(password) = &options.password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    if let Some(username) = addresses.iter().find_map(|one| one.settings.username()) {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = addresses.iter().find_map(|one| one.settings.password()) {
        builder = builder.set_client_to_redis_password(password);
    }
    for address in addresses {
        if let (Some(verified), Some(certificates)) = (address.verified, address.certificates) {
            let mode = if verified { TlsMode::Secure } else { TlsMode::Insecure };
            builder =
                builder.set_client_to_redis_tls_mode(mode).set_client_to_redis_certificates(certificates);
        }
    }
    let client = builder.build().map_err(|error| error.to_string())?;
    Ok((Target::Sentinel(Box::new(Mutex::new(client))), place))
}
