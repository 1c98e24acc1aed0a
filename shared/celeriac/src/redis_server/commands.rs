//! The connection for commands that answer at once: made when it is first needed, shared by all, made again when it broke or
//! when the server has become a replica.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind,
    Value,
};

use super::target::Target;

/// A connection that heals. Clones are the same connection.
#[derive(Clone)]
pub(crate) struct Commands {
    target: Arc<Target>,
    config: Arc<AsyncConnectionConfig>,
    shared: Arc<Shared>,
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
    pub(super) fn new(target: Arc<Target>, config: AsyncConnectionConfig) -> Self {
        Self { target, config: Arc::new(config), shared: Arc::default() }
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
        let connection = self.target.connect(&self.config).await?;
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
            if current.number == number {
                current.connection = None;
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
