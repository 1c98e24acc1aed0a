//! A private S3-compatible server (moto's, from the Python environment) with one bucket.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Program, Server};
use crate::process::guarded;
use crate::python::Venv;
use crate::scratch::Scratch;

/// A private S3 server. Objects survive `kill` and `restart`: the server records the requests and plays them again
/// (parts of multipart uploads are not among what comes back).
pub type S3Server = Server<ObjectStore>;

/// The S3 server as a [`Program`].
#[derive(Debug)]
pub struct ObjectStore {
    venv: Venv,
}

/// The key pair for an [`S3Server`]. The server accepts any; clients must send one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: &'static str,
    /// The secret.
    pub secret_access_key: &'static str,
}

const BUCKET: &str = "agensium-files";
const REGION: &str = "us-east-005";
const CREDENTIALS: Credentials =
    Credentials { access_key_id: "test-key-id", secret_access_key: "test-secret-access-key" };
/// The longest answer to one of our own requests: playing a recording again takes as long as it took at first.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

impl Server<ObjectStore> {
    /// Starts a server with an empty bucket.
    ///
    /// # Errors
    /// When the Python environment is missing or the server does not come up.
    pub fn start() -> anyhow::Result<Self> {
        Self::launch(ObjectStore { venv: Venv::celery57()? }, Scratch::new(ObjectStore::NAME)?)
    }

    /// `http://127.0.0.1:PORT`; the bucket is addressed in the path.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The bucket's name, which is also the product's default.
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The region to sign for, which is also the product's default.
    pub fn region(&self) -> &'static str {
        REGION
    }

    /// A key pair that the server accepts.
    pub fn credentials(&self) -> Credentials {
        CREDENTIALS
    }

    /// All of the above as the environment variables that the backend uses.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key_id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_access_key.to_owned()),
            ("S3_BUCKET", BUCKET.to_owned()),
        ]
    }
}

impl Program for ObjectStore {
    const NAME: &'static str = "s3";

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = guarded(self.venv.python());
        command
            .args(["-m", "moto.server", "--host", "127.0.0.1", "--port", &port.to_string()])
            .env("MOTO_RECORDER_FILEPATH", recording(folder))
            .env("PYTHONUNBUFFERED", "1");
        Ok(command)
    }

    fn answers(&self, _folder: &Path, port: u16) -> bool {
        request(port, "GET", "/moto-api/").is_ok()
    }

    fn prepare(&self, folder: &Path, port: u16) -> anyhow::Result<()> {
        let known = recording(folder).exists();
        if known {
            request(port, "POST", "/moto-api/recorder/replay-recording")?;
        }
        request(port, "POST", "/moto-api/recorder/start-recording")?;
        if known { Ok(()) } else { request(port, "PUT", &format!("/{BUCKET}")) }
    }
}

fn recording(folder: &Path) -> PathBuf {
    folder.join("requests.jsonl")
}

/// One request without a body; an error unless the answer is a success.
fn request(port: u16, method: &str, path: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let text = String::from_utf8_lossy(&answer);
    let status =
        text.split_whitespace().nth(1).with_context(|| format!("{method} {path}: no HTTP answer"))?;
    ensure!(status.starts_with('2'), "{method} {path}: {text}");
    Ok(())
}
