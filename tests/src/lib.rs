//! What whole-system tests share: real servers, real Python, the real worker.
//!
//! - [`backend`]: database, bucket, user and tasks of one backend;
//! - [`servers`]: Redis (plain and TLS), MariaDB and an S3 server, each test with its own;
//! - [`tools`]: whole tools, their inputs and answers;
//! - [`worker`]: the built `agensium-worker` binary;
//! - [`python`]: the virtual environments with the real Celery, and the programs in `tests/python`;
//! - [`drill`]: workers of both kinds, messages, and counting what became of them;
//! - [`peers`]: other Rust implementations of Celery;
//! - [`proxy`]: a way to a server that gets stuck;
//! - [`program`]: starting, watching and signalling a process, used by the two above.
//!
//! Every process started here is killed by the kernel when the test process dies, however it dies.
//! Nothing here is a double of a part of the product, and no test lives here: tests are in `tests/tests`.
//!
//! What a test needs on the machine is installed by `docker-free-scripts/setup`.

pub mod backend;
pub mod drill;
pub mod peers;
pub mod process;
pub mod program;
pub mod proxy;
pub mod python;
pub mod scratch;
pub mod servers;
pub mod tools;
pub mod worker;
