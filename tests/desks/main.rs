//! The promise: an agency says itself who may do what at which of its desks, what needs a second pair
//! of eyes, and no other verb leads around it.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(clippy::unwrap_used, reason = "what surrounds a test may fail like the test")]

#[path = "../network/mod.rs"]
#[expect(dead_code, reason = "each test uses a part of the network")]
mod network;
mod approvals;
mod auditors;
mod escalation;
mod posts;
mod rights;
#[path = "../support/mod.rs"]
mod support;
mod waits;
