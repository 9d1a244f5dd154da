//! The reviewing transits to which a message is sealed besides its destination: only ways through
//! these are open to it. Most messages have none, and no row.

use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::history::table;

fn row_key(message: MessageKey) -> Vec<u8> {
    key(table::READERS, &[message.as_bytes()])
}

/// Whoever can read a message between its origin and its destination.
pub fn of<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<Vec<AgencyId>, HistoryError> {
    Ok(rows.load(&row_key(message), "readers of a message")?.unwrap_or_default())
}

/// Keeps the readers that an entry names.
pub(super) fn put(rows: &mut Working<'_>, message: MessageKey, readers: &[AgencyId]) {
    if !readers.is_empty() {
        rows.save(row_key(message), &readers.to_vec());
    }
}
