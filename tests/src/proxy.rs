//! A way to a server that can stop working without anybody being told: what a dropped firewall state or a dead host looks
//! like. The proxy stops forwarding on the connections it has, or on all, and closes nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A TCP proxy on the loopback interface. It ends with its test's process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    gate: Arc<Gate>,
    accepted: Arc<AtomicU64>,
}

/// Connections below this number are stuck.
#[derive(Debug, Default)]
struct Gate {
    stuck_below: Mutex<u64>,
    changed: Condvar,
}

impl Gate {
    fn set(&self, number: u64) {
        *self.stuck_below.lock().unwrap_or_else(PoisonError::into_inner) = number;
        self.changed.notify_all();
    }

    /// Returns when what belongs to this connection may go on.
    fn pass(&self, connection: u64) {
        let stuck_below = self.stuck_below.lock().unwrap_or_else(PoisonError::into_inner);
        let _passed = self.changed.wait_while(stuck_below, |below| connection < *below);
    }
}

impl Proxy {
    /// A proxy to a server on this machine's port `server`.
    ///
    /// # Errors
    /// When no port can be opened.
    pub fn to(server: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (gate, accepted) = (Arc::<Gate>::default(), Arc::<AtomicU64>::default());
        let (for_connections, counter) = (gate.clone(), accepted.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = counter.fetch_add(1, Ordering::AcqRel);
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    forward(&client, &server, number, &for_connections);
                    forward(&server, &client, number, &for_connections);
                }
            }
        });
        Ok(Self { port, gate, accepted })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Nothing passes any more on the connections that there are; new ones work.
    pub fn freeze_present(&self) {
        self.gate.set(self.accepted.load(Ordering::Acquire));
    }

    /// Nothing passes any more, on new connections either.
    pub fn freeze_all(&self) {
        self.gate.set(u64::MAX);
    }

    /// Connections that are made from now on work; the others stay stuck.
    pub fn serve_new(&self) {
        self.freeze_present();
    }

    /// How many connections have been made.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }
}

fn forward(from: &TcpStream, to: &TcpStream, number: u64, gate: &Arc<Gate>) {
    let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else { return };
    let gate = gate.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            gate.pass(number);
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _closed = to.shutdown(Shutdown::Write);
    });
}
