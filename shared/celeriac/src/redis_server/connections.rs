//! The connections of a process to one server. They share what one of them has noticed: when no answer came in time, the way
//! to the server is taken for stuck, and all of them are made anew. A connection that waits on the server, for as long as it
//! takes, could not notice by itself that the server's end is gone.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value};
use tokio::sync::watch;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Time for the answer to a command that does not block. The lease is renewed every 15 s at least, so that a way that is
/// stuck is noticed and replaced within 40 s (celery-wire.md 12, statement 116: 60 s).
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest pause between two attempts to connect again: after an outage the worker is back within this time.
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// How often the way to a server has been found stuck.
pub(super) type Stuck = Arc<watch::Sender<u64>>;

/// A connection for commands that answer at once. It is made at the first command and made again when it breaks or is stuck.
/// Clones are one connection.
#[derive(Clone)]
pub(crate) struct Commands(Arc<Shared>);

struct Shared {
    client: Client,
    stuck: Stuck,
    /// With the count of `stuck` at which it was made.
    current: Mutex<(u64, ConnectionManager)>,
}

impl Commands {
    pub(super) fn new(client: &Client, stuck: &Stuck) -> RedisResult<Self> {
        let (client, stuck) = (client.clone(), stuck.clone());
        let current = Mutex::new((*stuck.borrow(), manager(&client)?));
        Ok(Self(Arc::new(Shared { client, stuck, current })))
    }

    /// The connection, a new one if the last has been found stuck.
    fn current(&self) -> RedisResult<(u64, ConnectionManager)> {
        let now = *self.0.stuck.borrow();
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != now {
            *current = (now, manager(&self.0.client)?);
        }
        Ok(current.clone())
    }

    /// Passes a result on. Nobody else gives up a connection because of an answer that did not come.
    fn judge<T>(&self, made_at: u64, result: RedisResult<T>) -> RedisResult<T> {
        if result.as_ref().is_err_and(RedisError::is_timeout) {
            self.0.stuck.send_if_modified(|count| {
                let first_to_notice = *count == made_at;
                *count += u64::from(first_to_notice);
                first_to_notice
            });
        }
        result
    }
}

fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
        .set_number_of_retries(1)
        .set_max_delay(MAX_RECONNECT_DELAY);
    client.get_connection_manager_lazy(config)
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").finish_non_exhaustive()
    }
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (made_at, mut connection) = self.current()?;
            self.judge(made_at, connection.req_packed_command(command).await)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (made_at, mut connection) = self.current()?;
            self.judge(made_at, connection.req_packed_commands(commands, offset, count).await)
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}

/// A connection of its own for commands that block on the server as long as they like. Ends with an error when the way to
/// the server is found stuck.
pub(crate) struct Blocking {
    connection: MultiplexedConnection,
    stuck: watch::Receiver<u64>,
}

impl Blocking {
    pub(super) async fn open(client: &Client, stuck: &Stuck) -> RedisResult<Self> {
        let stuck = stuck.subscribe();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, stuck })
    }
}

async fn unless_stuck<T>(
    stuck: &mut watch::Receiver<u64>,
    answer: impl Future<Output = RedisResult<T>>,
) -> RedisResult<T> {
    tokio::select! {
        answer = answer => answer,
        // The server's address outlives its connections.
        _ = stuck.changed() => {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "another connection to the server got no answer").into())
        }
    }
}

impl ConnectionLike for Blocking {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(unless_stuck(&mut self.stuck, self.connection.req_packed_command(command)))
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        let answer = self.connection.req_packed_commands(commands, offset, count);
        Box::pin(unless_stuck(&mut self.stuck, answer))
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}
