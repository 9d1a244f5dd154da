//! What was lost with the end of a volume, as far as a neighbour has shown it.

use crate::domain::header::MessageKey;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key};
use crate::history::table;

fn lost_key(message: MessageKey) -> Vec<u8> {
    key(table::LOST, &[message.as_bytes()])
}

/// Notes that the entry at `position` keeps what was shown of a lost message; the first one counts.
pub(super) fn note(
    rows: &mut Working<'_>,
    message: MessageKey,
    position: u64,
) -> Result<(), HistoryError> {
    if position_of(rows, message)?.is_none() {
        rows.save(lost_key(message), &(message, position));
    }
    Ok(())
}

fn shown_key(message: MessageKey) -> Vec<u8> {
    key(table::SHOWN, &[message.as_bytes()])
}

/// Notes that the entry at `position` keeps what was shown of a message that is known.
pub(super) fn note_shown(rows: &mut Working<'_>, message: MessageKey, position: u64) {
    rows.save(shown_key(message), &position);
}

/// Whether the entry at `position` repeats what the entry before it keeps of a lost one.
pub(super) fn is_repeated(
    rows: &Working<'_>,
    message: MessageKey,
    position: u64,
) -> Result<bool, HistoryError> {
    let shown: Option<u64> = rows.load(&shown_key(message), "entry about a lost one")?;
    Ok(shown.is_some_and(|it| it.saturating_add(1) == position))
}

/// The message came again: it is lost no longer.
pub(super) fn came_again(rows: &mut Working<'_>, message: MessageKey) {
    rows.remove(lost_key(message));
}

/// Position of the entry that keeps what was shown of a message, if it was lost.
pub fn position_of<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<u64>, HistoryError> {
    let found: Option<(MessageKey, u64)> = rows.load(&lost_key(message), "lost message")?;
    Ok(found.map(|(_, position)| position))
}

/// Up to `limit` lost messages after `message`, with the positions of what was shown of them.
pub fn page<R: Rows + ?Sized>(
    rows: &R,
    message: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<(MessageKey, u64)>, HistoryError> {
    let prefix = key(table::LOST, &[]);
    let from = message.map_or_else(|| prefix.clone(), |it| [&lost_key(it)[..], &[0]].concat());
    let found = rows.rows(&from, &after(&prefix), limit)?;
    found.into_iter().map(|(_, value)| decode(&value, "lost message")).collect()
}
