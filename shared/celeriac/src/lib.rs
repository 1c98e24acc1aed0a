//! A Celery worker engine.
//!
//! Serves and sends Celery tasks from Rust, on the same queues and beside the same tools as Python workers. It knows the
//! protocol, brokers, results, pools and the life of a request, and nothing of what the tasks are about.
//!
//! Follow a message: [`broker`] leases it, [`message`] decodes it, [`worker`] decides what to do, [`pool`] runs the
//! [`task`], the [`outcome`] becomes a [result](results) and an acknowledgement in one transaction.
//!
//! A worker and a client, here on a broker in memory as in a test ([`broker::RedisBroker`] and [`results::RedisResults`] are
//! made from an address and go in the same places):
//!
//! ```
//! use std::sync::Arc;
//! use celeriac::broker::MemoryServer;
//! use celeriac::task::{Registry, TaskContext, TaskError, TypedTask};
//! use celeriac::{Client, TaskCall, Worker, WorkerParts};
//!
//! async fn greet(context: TaskContext, name: String, times: usize) -> Result<String, TaskError> {
//!     context.update_state("PROGRESS", "warming up".into()).await?;
//!     Ok(vec![format!("Hello {name}"); times].join(", "))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut registry = Registry::new();
//! registry.serve("greet", TypedTask::new(["name", "times"], greet).default_value("times", 1));
//!
//! let server = MemoryServer::new();
//! let results = Arc::new(server.results());
//! let broker = Arc::new(server.node("worker@host"));
//! let worker = Worker::new(WorkerParts::new("worker@host", broker, Some(results.clone()), registry));
//! tokio::spawn(async move { worker.run(&["celery".to_owned()]).await });
//!
//! let client = Client::new(Arc::new(server.node("client@host")), Some(results), "host");
//! let greeting = client.apply_async(TaskCall::new("greet").arg("Ada").kwarg("times", 2)).await?;
//! assert_eq!(greeting.get::<String>(None).await?, "Hello Ada, Hello Ada");
//!
//! // A call that does not fit fails as in Python.
//! let wrong = client.apply_async(TaskCall::new("greet")).await?;
//! let failure = wrong.wait(None).await?.exception().map(|exception| exception.to_string());
//! assert_eq!(failure.as_deref(), Some(r"TypeError('greet() missing 1 required positional argument: \'name\'')"));
//! # Ok(())
//! # }
//! ```

pub mod backoff;
pub mod broker;
pub mod client;
pub mod dead_letters;
pub mod exception;
pub mod message;
pub mod node;
pub mod outcome;
mod pace;
pub mod pool;
pub mod redis_server;
pub mod results;
pub mod task;
pub mod worker;

pub use client::{AsyncResult, Client, TaskCall};
pub use exception::Exception;
pub use outcome::Outcome;
pub use worker::{Shutdown, Worker, WorkerParts};
