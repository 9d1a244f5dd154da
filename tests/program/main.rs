//! The program from outside: real nodes in processes of their own, with real sockets, disks and
//! certificates, and callers who know no more than a caller may.
//!
//! One program of tests for all of it, for building each apart would cost more than running them.
//! `network/` starts the nodes; a room's header says the promise that it shows.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(
    clippy::print_stdout,
    reason = "whoever waits sees what was skipped and what was measured"
)]
#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod attachments;
mod audit;
mod carried;
#[path = "../crash/check.rs"]
mod check;
mod cli;
#[path = "../support/corridor.rs"]
#[expect(dead_code, reason = "each program of tests uses a part of it")]
mod corridor;
mod credentials;
mod crowds;
mod desks;
mod door;
mod faults;
mod floods;
mod followed;
mod formats;
mod gossip;
mod issuers;
mod json;
mod links;
mod listeners;
#[path = "../crash/load.rs"]
#[expect(dead_code, reason = "each program of tests uses a part of it")]
mod load;
#[path = "../network/mod.rs"]
mod network;
mod passing;
mod refused;
mod reload;
mod rerouted;
mod roles;
mod rotation;
mod secrets;
mod stores;
#[expect(dead_code, reason = "each test uses a part of the network")]
#[path = "../support/mod.rs"]
mod support;
mod tiles;
mod token;
mod unlisted;
mod upkeep;
mod woken;
