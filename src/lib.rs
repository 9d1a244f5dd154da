//! Structured requests for mutual legal assistance, exchanged between agencies with proof at every
//! station.
//!
//! The modules stand in reading order: **a module may use only modules listed above it.**
//! `tests/house.rs` keeps that order, so no cycle can exist and every file can be read without
//! reading what comes after it. `ARCHITECTURE.md` is the guided tour.

// Ground: values and rules. No IO, no async, no clock or randomness of its own.
pub mod clock;
pub mod entropy;
pub mod redact;
pub mod domain;
pub mod merkle;
// Forms: how values are named, proved, sealed, written. Bytes in, bytes out; no IO.
pub mod identity;
pub mod pki;
pub mod envelope;
pub mod directory;
pub mod wire;
pub mod law;
pub mod evidence;
pub mod telemetry;
// Record: what happened, what follows from it.
pub mod journal;
pub mod history;
// Mind: decisions and duties. Reaches the world through ports.
pub mod node;
// Edge, then hands.
pub mod token;
pub mod transport;
pub mod config;
pub mod cli;
