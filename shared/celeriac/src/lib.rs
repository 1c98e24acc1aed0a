//! A Celery worker engine.
//!
//! Serves and sends Celery tasks from Rust, on the same queues and beside the same tools as Python workers. It knows the
//! protocol, brokers, results, pools and the life of a request, and nothing of what the tasks are about.
//!
//! Follow a message: [`broker`] leases it, [`message`] decodes it, [`worker`] decides what to do, [`pool`] runs the
//! [`task`], the [`outcome`] becomes a [result](results) and an acknowledgement in one transaction.

pub mod backoff;
pub mod broker;
pub mod client;
pub mod dead_letters;
pub mod exception;
pub mod message;
pub mod node;
pub mod outcome;
pub mod pool;
pub mod redis_server;
pub mod results;
pub mod task;
pub mod worker;

pub use client::{AsyncResult, Client, TaskCall};
pub use exception::Exception;
pub use outcome::Outcome;
pub use worker::{Shutdown, Worker, WorkerParts};
