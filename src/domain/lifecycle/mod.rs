//! The course of a request, one for each executing agency.

mod state;

pub use state::{Side, State};
