//! What the node does unasked: hand messages over, answer peers, come back to what is due.
//!
//! Duties are values too. They read the state, ask for commands to be executed, and take frames
//! from peers as input; somebody else owns the threads, sockets and timers. So the simulator
//! drives the same duties over links that it invents.

pub mod backoff;
pub mod carrying;
mod detours;
pub mod due;
pub mod gossip;
pub mod greeting;
pub mod inbound;
mod missed;
pub mod outbound;
mod places;
mod readiness;
mod refusals;
pub mod session;
pub mod taking;
mod telling;
mod witnessed;
