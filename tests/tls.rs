//! Promise: nobody speaks to a node without a certificate of the right agency and role, and what
//! is said is agreed on with X25519MLKEM768, whoever made the other side's TLS.

#![expect(clippy::unwrap_used, reason = "what surrounds a test may fail like the test")]

#[path = "tls/cases.rs"]
mod cases;
#[path = "tls/chains.rs"]
mod chains;
#[path = "tls/foreign.rs"]
mod foreign;
#[path = "tls/matrix.rs"]
mod matrix;
#[path = "tls/newer.rs"]
mod newer;
#[path = "tls/ours.rs"]
mod ours;
#[path = "tls/parties.rs"]
mod parties;
