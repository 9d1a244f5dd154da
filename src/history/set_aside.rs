//! Messages that wait for an operator: who was to take each next, and whether that peer may have it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, message_key};
use crate::history::table;

/// A message that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The next hop.
    pub peer: AgencyId,
    /// Number of the handover to it that is not answered, if one is not.
    pub in_doubt: Option<u32>,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Reason,
}

fn row_key(message: MessageKey) -> Vec<u8> {
    key(table::SET_ASIDE, &[message.as_bytes()])
}

/// How a message stands that was set aside; none if it was not.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<SetAside>, HistoryError> {
    rows.load(&row_key(message), "message that was set aside")
}

/// Keeps a message that is set aside.
pub(super) fn put(rows: &mut Working<'_>, message: MessageKey, set_aside: &SetAside) {
    rows.save(row_key(message), set_aside);
}

/// Takes a message out that is set aside no longer.
pub(super) fn take(
    rows: &mut Working<'_>,
    message: MessageKey,
) -> Result<Option<SetAside>, HistoryError> {
    let found = find(rows, message)?;
    if found.is_some() {
        rows.remove(row_key(message));
    }
    Ok(found)
}

/// Up to `limit` messages that are set aside, after `from`, in the order of their ids.
pub fn page<R: Rows + ?Sized>(
    rows: &R,
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<(MessageKey, SetAside)>, HistoryError> {
    let prefix = key(table::SET_ASIDE, &[]);
    let first = from.map_or_else(|| prefix.clone(), |it| [row_key(it).as_slice(), &[0]].concat());
    let mut found = Vec::new();
    for (place, value) in rows.rows(&first, &after(&prefix), limit)? {
        let message = message_key(place.get(prefix.len()..).unwrap_or_default())?;
        found.push((message, decode(&value, "message that was set aside")?));
    }
    Ok(found)
}
