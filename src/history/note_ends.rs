//! Until when this agency keeps what its own notes about messages say: it takes part in no request of theirs,
//! so the end of none ends them.

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::history::by_message::ByMessage;
use crate::history::by_time::ByTime;
use crate::history::rows::{HistoryError, Rows, Working};
use crate::history::table;

/// Until when each is kept.
pub const KEPT: ByMessage<Timestamp> = ByMessage::of(table::NOTES_KEPT, "time of a note");

const ENDS: ByTime = ByTime::of(table::NOTE_ENDS);

/// What the note says is kept until then.
pub(super) fn keep(rows: &mut Working<'_>, note: MessageKey, until: Timestamp) {
    ENDS.put(rows, until, note);
    KEPT.put(rows, note, &until);
}

/// What a message says is erased: nothing of it is kept any more, if it was a note.
pub(super) fn erased(rows: &mut Working<'_>, message: MessageKey) -> Result<(), HistoryError> {
    if let Some(until) = KEPT.take(rows, message)? {
        ENDS.remove(rows, until, message);
    }
    Ok(())
}

/// Up to `limit` notes whose time is over at `now`, the earliest first.
///
/// # Errors
/// Rows that can't be read.
pub fn ended<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    ENDS.until(rows, now, limit)
}
