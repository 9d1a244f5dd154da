//! What was lost with the end of a volume, as far as a neighbour has shown it.

use crate::domain::header::MessageKey;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key};
use crate::history::{by_message, message, table};

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

fn before_key(message: MessageKey, position: u64) -> Vec<u8> {
    key(table::SHOWN_BEFORE, &[message.as_bytes(), &position.to_be_bytes()])
}

/// Notes that the entry at `position` keeps a word about a message that nobody here knows (yet).
pub(super) fn note_before(rows: &mut Working<'_>, message: MessageKey, position: u64) {
    rows.save(before_key(message, position), &position);
}

/// Most words that are kept of one lost message: more than an honest node states of one.
const BEFORE_MAX: usize = 512;

/// Positions of the entries that keep words about a message that was not known here when a neighbour
/// has shown them, in order; none once it came.
pub fn shown_before<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Vec<u64>, HistoryError> {
    let prefix = key(table::SHOWN_BEFORE, &[message.as_bytes()]);
    let found = rows.rows(&prefix, &after(&prefix), BEFORE_MAX)?;
    found.iter().map(|(_, value)| decode(value, "word about a lost message")).collect()
}

fn way_key(message: MessageKey) -> Vec<u8> {
    key(table::LOST_ON_THE_WAY, &[message.as_bytes()])
}

/// Notes that this node had taken the message over to pass it on, and lost it.
pub(super) fn note_taken(rows: &mut Working<'_>, message: MessageKey) {
    rows.save(way_key(message), &message);
}

/// Somebody has the message from here, or nobody ever will.
pub(super) fn is_accounted_for(rows: &mut Working<'_>, message: MessageKey) {
    rows.remove(way_key(message));
}

/// Up to `limit` messages that this node had taken over and lost, and that nobody else has from here as
/// far as neighbours have shown.
pub fn on_the_way<R: Rows + ?Sized>(
    rows: &R,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    on_the_way_after(rows, None, limit)
}

/// The same after the message `from`.
pub fn on_the_way_after<R: Rows + ?Sized>(
    rows: &R,
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    by_message::keys(rows, table::LOST_ON_THE_WAY, from, limit)
}

/// Whether it is one of them.
pub fn is_on_the_way<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<bool, HistoryError> {
    let found: Option<MessageKey> = rows.load(&way_key(message), "lost on the way")?;
    Ok(found.is_some())
}

/// The message is known here: what was kept of it is said again now, or never.
pub(super) fn forget_before(
    rows: &mut Working<'_>,
    message: MessageKey,
) -> Result<(), HistoryError> {
    for position in shown_before(rows, message)? {
        rows.remove(before_key(message, position));
    }
    Ok(())
}

fn shown_key(message: MessageKey) -> Vec<u8> {
    key(table::SHOWN, &[message.as_bytes()])
}

/// Notes that the entry at `position` keeps what the next one says again.
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

/// Whether a message of this agency stands here, or was lost and shown by others.
pub fn was_sent<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<bool, HistoryError> {
    Ok(position_of(rows, message)?.is_some() || message::find(rows, message)?.is_some())
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
