//! Connections: opening, pooling, time limits, and the one way to use them, [`with_connection!`].
//!
//! A connection is asked for a sign of life before each use. It goes back to the pool only after a call that
//! succeeded: one that failed or was cut off (a time limit, a caller that went away) is closed, because what
//! its server still does is unknown. diesel's own pools would hand it out again.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use diesel::result::DatabaseErrorKind;
use diesel::sql_types::Integer;
use diesel::{IntoSql, QueryResult, SqliteConnection};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, AsyncMysqlConnection, RunQueryDsl, SimpleAsyncConnection};
use mysql_async::{ClientIdentity, OptsBuilder, SslOpts};
use tokio::time::timeout;

use super::StoreError;
use super::error::is_contention;
use super::url::{DatabaseUrl, Location, MysqlLocation, Tls};

/// How long a call may take, waiting for a free connection included. Afterwards it fails as unreachable.
pub const OPERATION_LIMIT: Duration = Duration::from_secs(10);
/// How long opening a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection may take to give a sign of life.
const PING_LIMIT: Duration = Duration::from_secs(2);
/// How long a statement waits for another transaction's lock: less than [`OPERATION_LIMIT`], so that the
/// database says what was wrong.
const LOCK_LIMIT: Duration = Duration::from_secs(5);
/// Connections are opened as needed; tasks hold one for milliseconds.
const MOST_CONNECTIONS: usize = 8;
/// As the backend does (platform.md 2.3): proxies and servers drop connections without a word.
const OLDEST_CONNECTION: Duration = Duration::from_secs(3600);
/// After this long without traffic the system probes whether the other side still lives.
const KEEPALIVE_MILLISECONDS: u32 = 30_000;

/// SQLite's connection, its blocking calls on tokio's threads for them.
pub(super) type AsyncSqliteConnection = SyncConnectionWrapper<SqliteConnection>;

/// The pool of connections to one database.
pub(super) enum Database {
    Mysql(Pool<Opener<AsyncMysqlConnection>>),
    Sqlite(Pool<Opener<AsyncSqliteConnection>>),
}

impl Database {
    /// Opens nothing yet.
    pub(super) fn new(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let built = match &url.0 {
            Location::Mysql(location) => pool(MysqlSettings(options(location))).map(Self::Mysql),
            Location::Sqlite(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                pool(SqliteSettings(path)).map(Self::Sqlite)
            }
        };
        built.map_err(|reason| StoreError::Unreachable { doing: "preparing", url: url.to_string(), reason })
    }
}

fn pool<C: Connection>(settings: C::Settings) -> Result<Pool<Opener<C>>, String> {
    Pool::builder(Opener { settings }).max_size(MOST_CONNECTIONS).build().map_err(|error| error.to_string())
}

/// What the two kinds of connection differ in.
pub(super) trait Connection: Sized + Send {
    type Settings: Send + Sync;

    fn open(settings: &Self::Settings) -> impl Future<Output = Result<Self, String>> + Send;

    fn ping(&mut self) -> impl Future<Output = QueryResult<()>> + Send;
}

pub(super) struct MysqlSettings(OptsBuilder);

impl Connection for AsyncMysqlConnection {
    type Settings = MysqlSettings;

    async fn open(settings: &MysqlSettings) -> Result<Self, String> {
        let driver = mysql_async::Conn::new(settings.0.clone()).await.map_err(|error| error.to_string())?;
        let mut connection = Self::try_from(driver).await.map_err(|error| error.to_string())?;
        // diesel-async has just set the zone to UTC. The backend lives with the server's own, and so do we
        // (platform.md 2.2): created_at and updated_at must stay comparable.
        let session = format!("SET time_zone = DEFAULT, innodb_lock_wait_timeout = {}", LOCK_LIMIT.as_secs());
        connection.batch_execute(&session).await.map_err(|error| error.to_string())?;
        Ok(connection)
    }

    async fn ping(&mut self) -> QueryResult<()> {
        diesel::select(1.into_sql::<Integer>()).get_result::<i32>(self).await.map(drop)
    }
}

pub(super) struct SqliteSettings(PathBuf);

impl Connection for AsyncSqliteConnection {
    type Settings = SqliteSettings;

    async fn open(settings: &SqliteSettings) -> Result<Self, String> {
        let path: &Path = &settings.0;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(|error| format!("making the folder {}: {error}", folder.display()))?;
        }
        let text = path.to_str().ok_or("the path of the SQLite file is not UTF-8")?;
        let mut connection = Self::establish(text).await.map_err(|error| error.to_string())?;
        // First the patience: switching to the write-ahead log takes a lock, too.
        let session = format!(
            "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;",
            LOCK_LIMIT.as_millis()
        );
        connection.batch_execute(&session).await.map_err(|error| error.to_string())?;
        Ok(connection)
    }

    async fn ping(&mut self) -> QueryResult<()> {
        diesel::select(1.into_sql::<Integer>()).get_result::<i32>(self).await.map(drop)
    }
}

fn options(location: &MysqlLocation) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname(&location.host)
        .tcp_port(location.port)
        .user(location.user.as_deref())
        .pass(location.password.as_deref())
        .db_name(location.database.as_deref())
        .socket(location.unix_socket.as_deref())
        // Only when asked: the driver would leave TCP for a socket that the server names.
        .prefer_socket(location.unix_socket.is_some())
        .ssl_opts(location.tls.as_ref().map(tls_options))
        .tcp_keepalive(Some(KEEPALIVE_MILLISECONDS))
        // diesel-async keeps the prepared statements, and counts rows that matched, not rows that changed.
        .stmt_cache_size(0)
        .client_found_rows(true)
}

fn tls_options(tls: &Tls) -> SslOpts {
    let roots: Vec<_> = tls.ca_file.iter().map(|file| file.clone().into()).collect();
    let identity = tls.identity.as_ref();
    SslOpts::default()
        .with_disable_built_in_roots(!roots.is_empty())
        .with_root_certs(roots)
        .with_client_identity(
            identity.map(|(certificate, key)| {
                ClientIdentity::new(certificate.clone().into(), key.clone().into())
            }),
        )
        .with_danger_accept_invalid_certs(tls.accept_any_certificate)
}

/// Opens and checks connections for the pool.
pub(super) struct Opener<C: Connection> {
    settings: C::Settings,
}

impl<C: Connection> Opener<C> {
    /// A connection outside the pool.
    pub(super) async fn open(&self) -> Result<C, OpenError> {
        match timeout(CONNECT_LIMIT, C::open(&self.settings)).await {
            Ok(opened) => opened.map_err(OpenError),
            Err(_) => Err(OpenError(format!("no connection within {} s", CONNECT_LIMIT.as_secs()))),
        }
    }
}

/// Why no connection could be opened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct OpenError(pub(super) String);

impl<C: Connection> Manager for Opener<C> {
    type Type = C;
    type Error = OpenError;

    async fn create(&self) -> Result<C, OpenError> {
        self.open().await
    }

    async fn recycle(&self, connection: &mut C, metrics: &Metrics) -> RecycleResult<OpenError> {
        if metrics.age() > OLDEST_CONNECTION {
            return Err(RecycleError::message("too old"));
        }
        match timeout(PING_LIMIT, connection.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RecycleError::message(error.to_string())),
            Err(_) => Err(RecycleError::message("no sign of life")),
        }
    }
}

/// A connection taken from the pool for one call.
pub(super) struct Held<C: Connection>(Option<Object<Opener<C>>>);

impl<C: Connection> Held<C> {
    pub(super) async fn take(pool: &Pool<Opener<C>>) -> Result<Self, CallError> {
        match pool.get().await {
            Ok(object) => Ok(Self(Some(object))),
            Err(PoolError::Backend(OpenError(reason))) => Err(CallError::NoConnection(reason)),
            Err(error) => Err(CallError::NoConnection(error.to_string())),
        }
    }

    pub(super) fn connection(&mut self) -> Result<&mut C, CallError> {
        let gone = || CallError::NoConnection("the connection has been given back".to_owned());
        self.0.as_deref_mut().ok_or_else(gone)
    }

    /// Ends the call: gives the connection back after a success, and finds out after a failure whether the
    /// server was still there.
    pub(super) async fn settle<T>(mut self, result: QueryResult<T>) -> Result<T, CallError> {
        match result {
            Ok(value) => {
                // Dropping the object returns it to the pool.
                drop(self.0.take());
                Ok(value)
            }
            Err(error) => {
                let alive = match self.connection() {
                    Ok(connection) => matches!(timeout(PING_LIMIT, connection.ping()).await, Ok(Ok(()))),
                    Err(_) => false,
                };
                Err(if alive { CallError::Query(error) } else { CallError::NoConnection(error.to_string()) })
            }
        }
    }
}

impl<C: Connection> Drop for Held<C> {
    /// Reached with a connection only when the call did not end well.
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// Why a call did not end well, before it is put into words.
#[derive(Debug)]
pub(super) enum CallError {
    /// No connection, or it broke.
    NoConnection(String),
    /// The database answered with an error.
    Query(diesel::result::Error),
}

impl CallError {
    /// Whether the transaction met another one and may simply be run again.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::NoConnection(_) => false,
            Self::Query(diesel::result::Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => true,
            Self::Query(error) => is_contention(error),
        }
    }

    pub(super) fn into_store_error(self, doing: &'static str, url: &DatabaseUrl) -> StoreError {
        match self {
            Self::NoConnection(reason) => StoreError::Unreachable { doing, url: url.to_string(), reason },
            Self::Query(error) if is_contention(&error) => {
                StoreError::Busy { doing, reason: error.to_string() }
            }
            Self::Query(error) => StoreError::Refused { doing, reason: error.to_string() },
        }
    }
}

/// Runs a call within [`OPERATION_LIMIT`].
pub(super) async fn limited<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    timeout(OPERATION_LIMIT, call).await.unwrap_or_else(|_| {
        Err(CallError::NoConnection(format!("no answer within {} s", OPERATION_LIMIT.as_secs())))
    })
}

/// Tells the compiler what a block of queries returns.
pub(super) fn queries<T, F: Future<Output = QueryResult<T>>>(block: F) -> F {
    block
}

/// Runs queries on a connection of either kind: their text is written once and compiled for both.
/// `with_connection!(store, "doing what", |connection| queries)`; the queries are an expression of type
/// [`QueryResult`] that may await, the result is the same with a [`StoreError`].
macro_rules! with_connection {
    ($store:expr, $doing:expr, |$connection:ident| $queries:expr) => {{
        use $crate::store::connection::{Database, call};
        match &*$store.database {
            Database::Mysql(pool) => call!(pool, |$connection| $queries),
            Database::Sqlite(pool) => call!(pool, |$connection| $queries),
        }
        .map_err(|error| error.into_store_error($doing, &$store.url))
    }};
}

/// Runs queries in one transaction that no other one can disturb between its reads and its writes: on SQLite
/// it takes the only write lock at its beginning, on MySQL the queries lock what they read. The error is a
/// [`CallError`].
macro_rules! in_transaction {
    ($store:expr, |$connection:ident| $queries:expr) => {{
        use diesel_async::{AsyncConnection, AsyncMysqlConnection};
        use $crate::store::connection::{AsyncSqliteConnection, Database, call};
        match &*$store.database {
            Database::Mysql(pool) => call!(pool, |connection| {
                connection.transaction(async |$connection: &mut AsyncMysqlConnection| $queries).await
            }),
            Database::Sqlite(pool) => call!(pool, |connection| {
                connection
                    .immediate_transaction(async |$connection: &mut AsyncSqliteConnection| $queries)
                    .await
            }),
        }
    }};
}

/// One call on a connection of one kind.
macro_rules! call {
    ($pool:expr, |$connection:ident| $queries:expr) => {{
        use $crate::store::connection::{Held, limited, queries};
        limited(async {
            let mut held = Held::take($pool).await?;
            let result = {
                let $connection = held.connection()?;
                queries(async { $queries }).await
            };
            held.settle(result).await
        })
        .await
    }};
}

pub(super) use {call, in_transaction, with_connection};
