//! The connections of a process to one server.
//!
//! That for commands which answer at once is made when it is first needed, shared by all, and made again when it broke or when the
//! server has become a replica. When it gets no answer in time, the way to the server is taken for stuck, and the blocked
//! connections end with it: they wait as long as it takes and could not notice by themselves that the server's end is gone.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, PushInfo, PushKind,
    RedisError, RedisFuture, RedisResult, ServerErrorKind, Value,
};
use tokio::sync::{Notify, watch};

use super::target::Target;

/// How often the way to a server has been found stuck.
pub(super) type Stuck = Arc<watch::Sender<u64>>;

/// A connection that heals. Clones are the same connection.
#[derive(Clone)]
pub(crate) struct Commands {
    target: Arc<Target>,
    config: Arc<AsyncConnectionConfig>,
    shared: Arc<Shared>,
    stuck: Stuck,
}

#[derive(Default)]
struct Shared {
    current: Mutex<Current>,
    /// Held by the one who connects; the others wait for what comes of it.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default, Clone)]
struct Current {
    connection: Option<MultiplexedConnection>,
    /// Counts the connections, so that a late error of an old one does not end its successor.
    number: u64,
}

impl Commands {
    pub(super) fn new(target: Arc<Target>, config: AsyncConnectionConfig, stuck: Stuck) -> Self {
        Self { target, config: Arc::new(config), shared: Arc::default(), stuck }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // A panic while it was locked cannot have left it half changed: each use is one assignment.
        self.shared.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(&self) -> RedisResult<(MultiplexedConnection, u64)> {
        let ready = |current: Current| current.connection.map(|connection| (connection, current.number));
        if let Some(ready) = ready(self.current().clone()) {
            return Ok(ready);
        }
        let _connecting = self.shared.connecting.lock().await;
        if let Some(ready) = ready(self.current().clone()) {
            return Ok(ready);
        }
        let connection = self.target.connect(&self.config, ProtocolVersion::RESP2).await?;
        let mut current = self.current();
        current.number += 1;
        current.connection = Some(connection.clone());
        Ok((connection, current.number))
    }

    /// After this error the connection is of no use, or leads to the wrong server.
    fn give_up_after(&self, error: &RedisError, number: u64) {
        let wrong_server =
            [ErrorKind::Server(ServerErrorKind::ReadOnly), ErrorKind::Server(ServerErrorKind::MasterDown)];
        if error.is_unrecoverable_error() || error.is_timeout() || wrong_server.contains(&error.kind()) {
            let mut current = self.current();
            if current.number == number && current.connection.take().is_some() && error.is_timeout() {
                self.stuck.send_modify(|count| *count += 1);
            }
        }
    }

    fn heed<T>(&self, answer: RedisResult<T>, number: u64) -> RedisResult<T> {
        answer.inspect_err(|error| self.give_up_after(error, number))
    }
}

impl ConnectionLike for Commands {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let (mut connection, number) = self.connection().await?;
            let answer = connection.send_packed_command(command).await;
            self.heed(answer, number)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let (mut connection, number) = self.connection().await?;
            let answer = connection.send_packed_commands(commands, offset, count).await;
            self.heed(answer, number)
        })
    }

    fn get_db(&self) -> i64 {
        // Every command goes to the database of the address.
        self.current().connection.as_ref().map_or(0, ConnectionLike::get_db)
    }
}

/// A connection of its own for commands that block on the server as long as they like. Ends with an error when the way to
/// the server is found stuck.
pub(crate) struct Blocking {
    connection: MultiplexedConnection,
    stuck: watch::Receiver<u64>,
}

impl Blocking {
    pub(super) async fn open(
        target: &Target,
        config: &AsyncConnectionConfig,
        protocol: ProtocolVersion,
        stuck: &Stuck,
    ) -> RedisResult<Self> {
        let stuck = stuck.subscribe();
        Ok(Self { connection: target.connect(config, protocol).await?, stuck })
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

/// A connection of its own on which the server tells that keys have changed (`CLIENT TRACKING`). Ends with an error as
/// [`Blocking`] does.
pub(crate) struct Listening {
    connection: Blocking,
    told: Arc<Notify>,
}

impl Listening {
    pub(super) async fn open(
        target: &Target,
        config: AsyncConnectionConfig,
        stuck: &Stuck,
    ) -> RedisResult<Self> {
        let told = Arc::new(Notify::new());
        let tell = told.clone();
        let config = config.set_push_sender(move |push: PushInfo| -> Result<(), Infallible> {
            // That it was closed, too: whoever waits finds out with its next command.
            if matches!(push.kind, PushKind::Invalidate | PushKind::Disconnection) {
                tell.notify_one();
            }
            Ok(())
        });
        let mut connection = Blocking::open(target, &config, ProtocolVersion::RESP3, stuck).await?;
        let () = redis::cmd("CLIENT").arg("TRACKING").arg("ON").query_async(&mut connection).await?;
        Ok(Self { connection, told })
    }

    /// Reads keys, and unless the answer is `enough` waits until one of them may have changed since.
    pub(crate) async fn changed<T: FromRedisValue>(
        &mut self,
        reads: &Pipeline,
        enough: impl FnOnce(&T) -> bool,
    ) -> RedisResult<()> {
        let answer: T = reads.query_async(&mut self.connection).await?;
        if !enough(&answer) {
            let told = async {
                self.told.notified().await;
                Ok(())
            };
            unless_stuck(&mut self.connection.stuck, told).await?;
        }
        Ok(())
    }
}
