//! A private MariaDB.

use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Program, Server};
use crate::process::{find_program, guarded};
use crate::scratch::Scratch;

/// A private MariaDB with one empty database. What a client saw committed survives `kill` and `restart`.
pub type MariaDb = Server<Database>;

/// MariaDB as a [`Program`].
#[derive(Debug)]
pub struct Database(());

const USER: &str = "agensium";
const PASSWORD: &str = "agensium-test";
const DATABASE: &str = "agensium";
/// Small files: a server per test must be cheap to copy and to start.
const STORAGE_OPTIONS: [&str; 3] = [
    "--innodb-data-file-path=ibdata1:8M:autoextend",
    "--innodb-autoextend-increment=1",
    "--innodb-log-file-size=4M",
];

impl Server<Database> {
    /// Starts a server with an empty database and a user who may do everything.
    ///
    /// # Errors
    /// When MariaDB is not installed or does not come up.
    pub fn start() -> anyhow::Result<Self> {
        let scratch = Scratch::new(Database::NAME)?;
        copy_folder(&template()?, &data_folder(scratch.path()))?;
        let account = format!(
            "CREATE DATABASE IF NOT EXISTS {DATABASE};\n\
             CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        );
        std::fs::write(init_file(scratch.path()), account).context("writing MariaDB's first statements")?;
        Self::launch(Database(()), scratch)
    }

    /// `mysql://USER:PASSWORD@127.0.0.1:PORT/DATABASE`.
    pub fn url(&self) -> String {
        format!("mysql://{}", self.address())
    }

    /// The same in the form that the backend uses: `mysql+pymysql://...`.
    pub fn sqlalchemy_url(&self) -> String {
        format!("mysql+pymysql://{}", self.address())
    }

    fn address(&self) -> String {
        format!("{USER}:{PASSWORD}@127.0.0.1:{}/{DATABASE}", self.port())
    }

    /// Runs statements with MariaDB's own client in the database of [`Self::url`]: one line per row, columns
    /// separated by tabs, `NULL` for null. Independent of the code under test.
    ///
    /// # Errors
    /// The client's message.
    pub fn sql(&self, statements: &str) -> anyhow::Result<String> {
        let output = Command::new(find_program("mariadb")?)
            .arg("--no-defaults")
            .arg(format!("--socket={}", socket(self.folder()).display()))
            .args(["--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
            .args([&format!("--database={DATABASE}"), "--execute", statements])
            .stdin(Stdio::null())
            .output()
            .context("running the mariadb client")?;
        ensure!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Program for Database {
    const NAME: &'static str = "mariadb";

    fn command(&self, folder: &Path, port: u16) -> anyhow::Result<Command> {
        let mut command = guarded(find_program("mariadbd")?);
        command
            .arg("--no-defaults")
            .args(as_current_user())
            .arg(format!("--datadir={}", data_folder(folder).display()))
            .arg(format!("--socket={}", socket(folder).display()))
            .arg(format!("--pid-file={}", folder.join("mariadb.pid").display()))
            .arg(format!("--init-file={}", init_file(folder).display()))
            .arg(format!("--port={port}"))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"])
            .args(["--character-set-server=utf8mb4", "--max-connect-errors=1000000"])
            // Written to the system at each commit, to the disk later: outlives a kill, not a power cut.
            .arg("--innodb-flush-log-at-trx-commit=2")
            .args(["--innodb-buffer-pool-size=16M", "--performance-schema=OFF", "--innodb-use-native-aio=0"])
            .args(STORAGE_OPTIONS);
        Ok(command)
    }

    /// The first packet comes from the server: protocol version 10 in its fifth byte.
    fn answers(&self, _folder: &Path, port: u16) -> bool {
        let greeting = || -> std::io::Result<[u8; 5]> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut start = [0; 5];
            stream.read_exact(&mut start)?;
            Ok(start)
        };
        greeting().is_ok_and(|start| start.last() == Some(&10))
    }

    fn prepare(&self, _folder: &Path, _port: u16) -> anyhow::Result<()> {
        Ok(())
    }
}

fn data_folder(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("mariadb.sock")
}

fn init_file(folder: &Path) -> PathBuf {
    folder.join("init.sql")
}

/// MariaDB refuses to run as root unless told so by name; changing to another user would also make the kernel
/// forget to end it with the test.
fn as_current_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

/// An installed, never started data folder, made once per machine and MariaDB version: installing takes seconds,
/// copying a moment.
fn template() -> anyhow::Result<PathBuf> {
    let kept = crate::python::home()?.join("mariadb").join(version()?);
    if kept.is_dir() {
        return Ok(kept);
    }
    let parent = kept.parent().context("the template's folder has a parent")?;
    std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let fresh = tempfile::Builder::new().prefix("making-").tempdir_in(parent)?;
    let data = fresh.path().join("data");
    let output = Command::new(find_program("mariadb-install-db")?)
        .args(["--no-defaults", "--force", "--skip-name-resolve", "--skip-test-db"])
        .arg("--auth-root-authentication-method=normal")
        .arg(format!("--datadir={}", data.display()))
        .args(as_current_user())
        .args(STORAGE_OPTIONS)
        .stdin(Stdio::null())
        .output()
        .context("running mariadb-install-db")?;
    ensure!(
        output.status.success(),
        "mariadb-install-db: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    match std::fs::rename(&data, &kept) {
        Ok(()) => Ok(kept),
        // Another test process was faster.
        Err(_) if kept.is_dir() => Ok(kept),
        Err(error) => Err(error).with_context(|| format!("keeping {}", kept.display())),
    }
}

/// As `mariadbd --version` names it, e.g. `10.11.6-MariaDB-0+deb12u1`.
fn version() -> anyhow::Result<String> {
    let output = Command::new(find_program("mariadbd")?).args(["--no-defaults", "--version"]).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace().skip_while(|word| *word != "Ver");
    words.nth(1).map(str::to_owned).with_context(|| format!("no version in {text:?}"))
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let output = Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(from).arg(to).output()?;
    ensure!(
        output.status.success(),
        "copying {} to {}: {}",
        from.display(),
        to.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
