//! The section `[listen]`: three doors, each at an address of its own.

use std::net::SocketAddr;

use crate::config::file::{
    LISTEN_AGENCY_DEFAULT, LISTEN_OPERATIONS_DEFAULT, LISTEN_PEERS_DEFAULT, Listen,
};
use crate::directory::strict::Table;

/// The keys of the section.
pub(super) const KEYS: &[&str] = &["agency", "peers", "operations"];

/// The section where nothing is said.
pub(super) fn default() -> Listen {
    Listen {
        agency: LISTEN_AGENCY_DEFAULT,
        peers: LISTEN_PEERS_DEFAULT,
        operations: LISTEN_OPERATIONS_DEFAULT,
    }
}

/// Reads the section; each wrong value is a fault.
pub(super) fn read(table: &Table<'_>) -> Listen {
    let read = |key, default: SocketAddr| {
        let Some(spot) = table.spot(key) else {
            return default;
        };
        let Some(text) = spot.text() else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            spot.fault("must be an IP address and a port, such as 127.0.0.1:7443");
            default
        })
    };
    let listen = Listen {
        agency: read("agency", LISTEN_AGENCY_DEFAULT),
        peers: read("peers", LISTEN_PEERS_DEFAULT),
        operations: read("operations", LISTEN_OPERATIONS_DEFAULT),
    };
    let doors = [("agency", listen.agency), ("peers", listen.peers)];
    for (name, address) in doors {
        let others = [("peers", listen.peers), ("operations", listen.operations)];
        for (other, _) in others.iter().filter(|(other, it)| *other != name && *it == address) {
            if address.port() != 0 {
                table.fault(format!("{name} and {other} are the same address"));
            }
        }
    }
    listen
}
