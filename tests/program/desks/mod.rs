//! The promise: an agency says itself who may do what at which of its desks, what needs a second pair
//! of eyes, and no other verb leads around it.

mod approvals;
mod auditors;
mod cells;
mod escalation;
mod matrix;
mod posts;
mod rights;
mod waits;
