//! The checklist of Celery's wire behaviour (celery-wire.md 12), one test a statement, named after its number:
//! `docs/conformance.md` has the statements and how each stands. Here is the real worker, with the real Celery and a
//! raw client beside it; each test has a Redis of its own.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod at_least_once;
mod connections;
mod envelope;
mod lab;
mod queues;
mod request_life;
mod restoring;
mod results;
mod table;
