//! Choosing a TCP port that nobody else will take, also while our server is stopped.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

use anyhow::bail;
use uuid::Uuid;

/// Below the range from which systems take the client side of connections (Linux: from 32768). A port inside that
/// range can be lost to any outgoing connection while its server restarts, and a client that keeps trying such a
/// port can even connect to itself.
const CANDIDATES: Range<u16> = 15_000..32_000;
const ATTEMPTS: usize = 200;

/// A port reserved among all test processes of the machine.
///
/// The reservation is a UDP socket bound to the same number: TCP servers don't notice it, every other `Port` does,
/// and it goes away with its process.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    pub(crate) fn reserve() -> anyhow::Result<Self> {
        let width = u128::from(CANDIDATES.end - CANDIDATES.start);
        for _ in 0..ATTEMPTS {
            let offset = u16::try_from(Uuid::new_v4().as_u128() % width)?;
            let address = (Ipv4Addr::LOCALHOST, CANDIDATES.start + offset);
            let Ok(reservation) = UdpSocket::bind(address) else { continue };
            if TcpListener::bind(address).is_ok() {
                return Ok(Self { number: address.1, _reservation: reservation });
            }
        }
        bail!("no free port found in {CANDIDATES:?} after {ATTEMPTS} attempts")
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}
