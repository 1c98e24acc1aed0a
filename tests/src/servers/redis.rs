//! A private redis-server, plain or TLS.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tls::CertificateAuthority;
use super::{Program, Server};
use crate::process::{find_program, guarded};
use crate::scratch::Scratch;

/// A private Redis. What a client saw written survives `kill` and `restart` (append-only file).
pub type RedisServer = Server<Cache>;

/// Redis as a [`Program`].
#[derive(Debug)]
pub struct Cache {
    tls: Option<CertificateAuthority>,
    options: Vec<String>,
}

impl Server<Cache> {
    /// Starts a plain server.
    ///
    /// # Errors
    /// When redis-server is not installed or does not come up.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a plain server with further options of redis-server, such as `["--requirepass", "secret"]`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(options: &[&str]) -> anyhow::Result<Self> {
        Self::launch(Cache { tls: None, options: owned(options) }, Scratch::new(Cache::NAME)?)
    }

    /// Starts a server that speaks only TLS, with a certificate for `localhost` and 127.0.0.1 from its own
    /// authority ([`Self::ca_file`]). Clients need no certificate, as with the backend's hosted Redis.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls() -> anyhow::Result<Self> {
        Self::start_tls_with(&["--tls-auth-clients", "no"])
    }

    /// As [`Self::start_tls`], with options of redis-server instead of `--tls-auth-clients no`: with
    /// `["--tls-auth-clients", "yes"]` clients must show the certificate of [`Self::client_cert_file`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_tls_with(options: &[&str]) -> anyhow::Result<Self> {
        let scratch = Scratch::new(Cache::NAME)?;
        let tls = CertificateAuthority::create(scratch.path())?;
        Self::launch(Cache { tls: Some(tls), options: owned(options) }, scratch)
    }

    /// `redis://127.0.0.1:PORT/0`, or `rediss://` for a TLS server.
    pub fn url(&self) -> String {
        let scheme = if self.program.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0", self.port())
    }

    /// The server's Unix socket: always plain, for looking into a TLS server (`redis+unix://PATH`).
    pub fn socket(&self) -> PathBuf {
        socket(self.folder())
    }

    /// The authority's certificate (PEM) of a TLS server, for clients that verify.
    pub fn ca_file(&self) -> Option<&Path> {
        self.program.tls.as_ref().map(CertificateAuthority::ca_file)
    }

    /// A client certificate (PEM) that a TLS server accepts.
    pub fn client_cert_file(&self) -> Option<&Path> {
        self.program.tls.as_ref().map(CertificateAuthority::client_cert_file)
    }

    /// The private key (PEM) of [`Self::client_cert_file`].
    pub fn client_key_file(&self) -> Option<&Path> {
        self.program.tls.as_ref().map(CertificateAuthority::client_key_file)
    }
}

impl Program for Cache {
    const NAME: &'static str = "redis";

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = guarded(find_program("redis-server")?);
        let (plain_port, tls_port) = if self.tls.is_some() { (0, port) } else { (port, 0) };
        command
            .args(["--port", &plain_port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", "no"])
            .arg("--dir")
            .arg(folder)
            .arg("--unixsocket")
            .arg(socket(folder));
        if let Some(tls) = &self.tls {
            command
                .args(["--tls-port", &tls_port.to_string(), "--tls-cert-file"])
                .arg(tls.server_cert_file())
                .arg("--tls-key-file")
                .arg(tls.server_key_file())
                .arg("--tls-ca-cert-file")
                .arg(tls.ca_file());
        }
        command.args(&self.options);
        Ok(command)
    }

    /// Asked on the Unix socket, which opens together with the port: the same for plain and TLS.
    fn answers(&self, folder: &Path, _port: u16) -> bool {
        ping(&socket(folder)).is_ok_and(|answer| answer.starts_with("+PONG") || answer.starts_with("-NOAUTH"))
    }

    fn prepare(&self, _folder: &Path, _port: u16) -> anyhow::Result<()> {
        Ok(())
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("redis.sock")
}

fn ping(socket: &Path) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}
