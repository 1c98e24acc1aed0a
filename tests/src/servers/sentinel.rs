//! A private Redis Sentinel that watches one server and its replicas.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::{Program, RedisServer, Server};
use crate::process::{find_program, guarded};
use crate::scratch::Scratch;

/// A Sentinel that decides alone and soon.
pub type SentinelServer = Server<Sentinel>;

/// Sentinel as a [`Program`].
#[derive(Debug)]
pub struct Sentinel {
    watched: u16,
}

impl Server<Sentinel> {
    /// What the Sentinel calls the watched server.
    pub const MASTER: &'static str = "main-server";

    /// Starts a Sentinel that watches `master`; the replicas it learns from it.
    ///
    /// # Errors
    /// When redis-server is not installed or does not come up.
    pub fn start(master: &RedisServer) -> anyhow::Result<Self> {
        Self::launch(Sentinel { watched: master.port() }, Scratch::new(Sentinel::NAME)?)
    }

    /// `sentinel://127.0.0.1:PORT/0`.
    pub fn url(&self) -> String {
        format!("sentinel://127.0.0.1:{}/0", self.port())
    }
}

impl Program for Sentinel {
    const NAME: &'static str = "sentinel";

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let file = folder.join("sentinel.conf");
        // Sentinel keeps its memory in the file: a restart must find it as it was.
        if !file.exists() {
            let (name, watched) = (SentinelServer::MASTER, self.watched);
            let settings = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {name} 127.0.0.1 {watched} 1\n\
                 sentinel down-after-milliseconds {name} 500\nsentinel failover-timeout {name} 2000\n",
                folder.display()
            );
            fs::write(&file, settings).with_context(|| format!("writing {}", file.display()))?;
        }
        let mut command = guarded(find_program("redis-server")?);
        command.arg(file).arg("--sentinel");
        Ok(command)
    }

    fn answers(&self, _folder: &Path, port: u16) -> bool {
        ping(port).is_ok_and(|answer| answer.starts_with("+PONG"))
    }

    fn prepare(&self, _folder: &Path, _port: u16) -> anyhow::Result<()> {
        Ok(())
    }
}

fn ping(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}
