//! Messages that a reviewing transit holds until one of its officers lets them go on or gives them
//! back.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, message_key};
use crate::history::table;

/// A message that is held for review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderReview {
    /// The desk whose officers decide.
    pub desk: ContactPointId,
    /// Since when.
    pub since: Timestamp,
    /// It came again after the end of a volume was lost: it may have been passed on before.
    pub again: bool,
}

fn row_key(message: MessageKey) -> Vec<u8> {
    key(table::UNDER_REVIEW, &[message.as_bytes()])
}

/// How a message stands that is held; none if it is not.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<UnderReview>, HistoryError> {
    rows.load(&row_key(message), "message under review")
}

/// Keeps a message that is held from here on.
pub(super) fn put(rows: &mut Working<'_>, message: MessageKey, held: &UnderReview) {
    rows.save(row_key(message), held);
}

/// Takes a message out that is held no longer.
pub(super) fn take(
    rows: &mut Working<'_>,
    message: MessageKey,
) -> Result<Option<UnderReview>, HistoryError> {
    let found = find(rows, message)?;
    if found.is_some() {
        rows.remove(row_key(message));
    }
    Ok(found)
}

/// Up to `limit` messages that are held, after `from`, in the order of their ids.
pub fn page<R: Rows + ?Sized>(
    rows: &R,
    from: Option<MessageKey>,
    limit: usize,
) -> Result<Vec<(MessageKey, UnderReview)>, HistoryError> {
    let prefix = key(table::UNDER_REVIEW, &[]);
    let first = from.map_or_else(|| prefix.clone(), |it| [row_key(it).as_slice(), &[0]].concat());
    let mut found = Vec::new();
    for (place, value) in rows.rows(&first, &after(&prefix), limit)? {
        let message = message_key(place.get(prefix.len()..).unwrap_or_default())?;
        found.push((message, decode(&value, "message under review")?));
    }
    Ok(found)
}
