//! Agencies in one process: real nodes on memory stores under a clock that is moved by hand.
//!
//! Links that lose nothing; the simulator has the other kind. `support/` makes the agencies and
//! their directory; a room's header says the promise that it shows.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects by failing"
)]

#[path = "../support/corridor.rs"]
mod corridor;
mod erasure;
mod promises;
mod services;
#[path = "../support/session.rs"]
mod session;
#[expect(dead_code, reason = "each test uses a part of the network")]
#[path = "../support/mod.rs"]
mod support;
mod transit;
mod witness;
