//! Which directory is followed since when.

use crate::domain::digest::Digest;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::history::table;

fn adopted_key() -> Vec<u8> {
    key(table::DIRECTORY, &[])
}

/// Notes that a version was adopted.
pub fn adopted(rows: &mut Working<'_>, version: u64, hash: &Digest) {
    rows.save(adopted_key(), &(version, *hash));
}

/// Version and hash of the directory that was adopted last.
pub fn latest<R: Rows + ?Sized>(rows: &R) -> Result<Option<(u64, Digest)>, HistoryError> {
    rows.load(&adopted_key(), "adopted directory")
}
