//! Promise: nobody speaks to a node without a certificate of the right agency and role, and what
//! is said is agreed on with X25519MLKEM768, whoever made the other side's TLS.

mod cases;
mod chains;
mod foreign;
mod listening;
mod matrix;
mod newer;
mod ours;
pub(crate) mod parties;
mod stalled;
mod weak;
