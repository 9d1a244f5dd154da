//! An entry as values, before it has its canonical bytes.

use crate::clock::Timestamp;
use crate::domain::fact::Fact;
use crate::domain::ids::JournalName;

/// An entry before it has its canonical bytes: what `wire/` writes and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryParts {
    /// Whose journal it stands in.
    pub journal: JournalName,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The directory that was followed.
    pub directory_version: u64,
    /// What it states.
    pub fact: Fact,
    /// The agency's own part, encrypted under the journal's skeleton key; may be empty.
    pub skeleton: Vec<u8>,
}
