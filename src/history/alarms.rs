//! Messages whose answer is needed at once and that nobody has taken: when to look at them, and
//! which alarms are to be rung.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::domain::ids::ContactPointId;
use crate::history::by_time::ByTime;
use crate::history::rows::{HistoryError, Rows, Working, after, decode, key, trailing_number};
use crate::history::table;

/// How long an urgent message has stood unclaimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// Since when, or since the last alarm about it.
    pub since: Timestamp,
    /// Alarms raised about it.
    pub alarms: u32,
}

/// An alarm that somebody outside must hear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// The message.
    pub message: MessageKey,
    /// The desk whose inbox it stands in.
    pub desk: ContactPointId,
    /// Its place there.
    pub place: u64,
    /// True: it was listed at this desk because nobody took it elsewhere.
    pub escalated: bool,
    /// True: an exercise.
    pub exercise: bool,
    /// When it was recorded.
    pub at: Timestamp,
}

const UNCLAIMED: ByTime = ByTime::of(table::UNCLAIMED);

/// Looks at `message` once it has stood unclaimed for long enough since `since`.
pub(super) fn watch(rows: &mut Working<'_>, since: Timestamp, message: MessageKey) {
    UNCLAIMED.put(rows, since, message);
}

/// Looks at it no more.
pub(super) fn forget(rows: &mut Working<'_>, since: Timestamp, message: MessageKey) {
    UNCLAIMED.remove(rows, since, message);
}

/// Up to `limit` messages that stand unclaimed since `until` or longer.
pub fn unclaimed<R: Rows + ?Sized>(
    rows: &R,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    UNCLAIMED.until(rows, until, limit)
}

/// An alarm was raised by the entry at `position`.
pub(super) fn ring(rows: &mut Working<'_>, position: u64, ring: &Ring) {
    rows.save(key(table::RINGS, &[&position.to_be_bytes()]), ring);
}

/// Up to `limit` alarms raised after `position`, oldest first, each with its position.
pub fn rings<R: Rows + ?Sized>(
    rows: &R,
    position: u64,
    limit: usize,
) -> Result<Vec<(u64, Ring)>, HistoryError> {
    let from = key(table::RINGS, &[&position.saturating_add(1).to_be_bytes()]);
    let found = rows.rows(&from, &after(&key(table::RINGS, &[])), limit)?;
    let read = found.iter().map(|(place, value)| {
        Ok((trailing_number(place)?, decode(value, "alarm that was raised")?))
    });
    read.collect()
}
