//! What the node must come back to: expiries, waits that end, messages to be concluded.

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::history::by_time::ByTime;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::history::{by_message, table};

const EXPIRIES: ByTime = ByTime::of(table::EXPIRIES);

/// Comes back to `message` once `at` has passed.
pub fn at_expiry(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    EXPIRIES.put(rows, at, message);
}

/// Does not come back to `message` for its expiry.
pub fn forget_expiry(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    EXPIRIES.remove(rows, at, message);
}

/// Up to `limit` messages whose expiry passed before `now`, earliest first, after the place `from`; each with
/// its place.
pub fn expired_after<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    from: Option<&Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, MessageKey)>, HistoryError> {
    EXPIRIES.placed_before(rows, now, from, limit)
}

fn conclusion_key(message: MessageKey) -> Vec<u8> {
    key(table::CONCLUSIONS, &[message.as_bytes()])
}

/// This node must conclude `message`: return it, or state that it was not delivered.
pub fn to_conclude(rows: &mut Working<'_>, message: MessageKey) {
    rows.save(conclusion_key(message), &message);
}

/// `message` is concluded.
pub fn concluded(rows: &mut Working<'_>, message: MessageKey) {
    rows.remove(conclusion_key(message));
}

/// Up to `limit` messages that must be concluded, after the message `from`.
pub fn unconcluded_after<R: Rows + ?Sized>(
    rows: &R,
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    by_message::keys(rows, table::CONCLUSIONS, from, limit)
}

/// Whether `message` must be concluded.
pub fn is_unconcluded<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<bool, HistoryError> {
    Ok(rows.row(&conclusion_key(message))?.is_some())
}

fn void_key(message: MessageKey) -> Vec<u8> {
    key(table::VOID_MESSAGES, &[message.as_bytes()])
}

/// The origin stated that `message` is void: it must never be taken over here.
pub fn void(rows: &mut Working<'_>, message: MessageKey) {
    rows.save(void_key(message), &());
}

/// True if the origin stated that `message` is void.
pub fn is_void<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<bool, HistoryError> {
    Ok(rows.row(&void_key(message))?.is_some())
}
