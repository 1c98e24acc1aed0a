//! A producer and worker on another Rust implementation of Celery, for tests and benchmarks. Both packages of this
//! workspace build this file: the fork has kept the names.
//!
//! `send URL QUEUE FIRST COUNT` sends `celeriac.test.echo(number=N)` for COUNT numbers from FIRST on and prints each task's
//! id on a line; `work URL QUEUE CONCURRENCY` serves `celeriac.test.noop` until it is stopped.

use std::error::Error;

use celery::prelude::*;

#[celery::task(name = "celeriac.test.noop")]
fn noop() -> TaskResult<()> {
    Ok(())
}

#[celery::task(name = "celeriac.test.echo")]
fn echo(number: u64) -> TaskResult<u64> {
    Ok(number)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["send", url, queue, first, count] => send(url, queue, first.parse()?, count.parse()?).await,
        ["work", url, queue, concurrency] => work(url, queue, concurrency.parse()?).await,
        _ => Err("usage: send URL QUEUE FIRST COUNT | work URL QUEUE CONCURRENCY".into()),
    }
}

async fn send(url: &str, queue: &str, first: u64, count: u64) -> Result<(), Box<dyn Error>> {
    let app =
        celery::app!(broker = RedisBroker { url }, tasks = [echo], task_routes = ["*" => queue]).await?;
    for number in first..first + count {
        println!("{}", app.send_task(echo::new(number)).await?.task_id);
    }
    Ok(())
}

/// Only the fork stores results.
async fn work(url: &str, queue: &str, concurrency: u16) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "results")]
    let app = celery::app!(
        broker = RedisBroker { url }, tasks = [noop], task_routes = ["*" => queue], prefetch_count = concurrency,
        acks_late = true,
        result_backend = RedisBackend::new(url)?,
    )
    .await?;
    #[cfg(not(feature = "results"))]
    let app = celery::app!(
        broker = RedisBroker { url }, tasks = [noop], task_routes = ["*" => queue], prefetch_count = concurrency,
        acks_late = true,
    )
    .await?;
    app.consume_from(&[queue]).await?;
    Ok(())
}
