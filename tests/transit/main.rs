//! What a transit takes over, and what it learns of it: custody only with the origin's proof, and
//! nothing of kind, contact point or request.

#![expect(unreachable_pub, reason = "a test's modules have no outside")]
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expects by failing"
)]

mod attached;
mod catalogue;
mod corridor;
mod custody;
mod hostile;
mod mutants;
mod parsers;
mod reads;
mod row;
mod sizes;

#[path = "../support/session.rs"]
mod session;
#[path = "../support/mod.rs"]
mod support;
