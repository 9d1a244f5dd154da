//! What the node must come back to: expiries, waits that end, messages to be concluded.

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::history::rows::{HistoryError, Rows, Working, after, key, message_key};

fn time_part(at: Timestamp) -> [u8; 8] {
    u64::try_from(at.millis()).unwrap_or(0).to_be_bytes()
}

fn expiry_key(at: Timestamp, message: MessageKey) -> Vec<u8> {
    key(b"pe", &[&time_part(at), message.as_bytes()])
}

/// Comes back to `message` once `at` has passed.
pub fn at_expiry(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    rows.save(expiry_key(at, message), &message);
}

/// Does not come back to `message` for its expiry.
pub fn forget_expiry(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    rows.remove(expiry_key(at, message));
}

/// Up to `limit` messages whose expiry passed before `now`, earliest first.
pub fn expired<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let found = rows.rows(&key(b"pe", &[]), &key(b"pe", &[&time_part(now)]), limit)?;
    found.iter().map(|(_, value)| message_key(value)).collect()
}

fn conclusion_key(message: MessageKey) -> Vec<u8> {
    key(b"pw", &[message.as_bytes()])
}

/// This node must conclude `message`: return it, or state that it was not delivered.
pub fn to_conclude(rows: &mut Working<'_>, message: MessageKey) {
    rows.save(conclusion_key(message), &message);
}

/// `message` is concluded.
pub fn concluded(rows: &mut Working<'_>, message: MessageKey) {
    rows.remove(conclusion_key(message));
}

/// Up to `limit` messages that must be concluded.
pub fn unconcluded<R: Rows + ?Sized>(
    rows: &R,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let prefix = key(b"pw", &[]);
    let found = rows.rows(&prefix, &after(&prefix), limit)?;
    found.iter().map(|(_, value)| message_key(value)).collect()
}

fn void_key(message: MessageKey) -> Vec<u8> {
    key(b"pV", &[message.as_bytes()])
}

/// The origin stated that `message` is void: it must never be taken over here.
pub fn void(rows: &mut Working<'_>, message: MessageKey) {
    rows.save(void_key(message), &());
}

/// True if the origin stated that `message` is void.
pub fn is_void<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<bool, HistoryError> {
    Ok(rows.row(&void_key(message))?.is_some())
}
