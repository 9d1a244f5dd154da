//! What a process keeps to itself: its memory is in no core dump, and no other process of the same user
//! looks into it.
//!
//! Keys and content stand in memory while they are used. A core dump would write them to a disk that
//! nobody watches, and a debugger would read them.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use crate::cli::exit::{Exit, Failure};

/// Turns core dumps and the reading of this process's memory off, for good, for this process; what it
/// starts has no core dumps either.
///
/// # Errors
/// What the system says: then nothing may go on.
pub(super) fn keep_closed() -> Result<(), Failure> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let closed = setrlimit(Resource::Core, none)
        .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    closed.map_err(|error| {
        Failure::new(Exit::Failed, format!("core dumps can't be turned off: {error}"))
    })
}
