//! Ways that were chosen for messages instead of those on which they waited.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::rows::{HistoryError, Rows, Working, key};
use crate::history::table;

/// Choices that are kept of one message, the latest.
const KEPT: usize = 16;

/// A way that was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// When.
    pub at: Timestamp,
    /// The next hop before; none where the way before had ended.
    pub from: Option<AgencyId>,
    /// The next hop from there on.
    pub to: AgencyId,
    /// Why.
    pub reason: Reason,
}

fn row_key(message: MessageKey) -> Vec<u8> {
    key(table::WAYS, &[message.as_bytes()])
}

/// The ways that were chosen for a message, the latest last.
pub fn of<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<Vec<Chosen>, HistoryError> {
    Ok(rows.load(&row_key(message), "ways that were chosen")?.unwrap_or_default())
}

/// Keeps one more.
pub(super) fn add(
    rows: &mut Working<'_>,
    message: MessageKey,
    chosen: Chosen,
) -> Result<(), HistoryError> {
    let mut all = of(&*rows, message)?;
    all.push(chosen);
    let over = all.len().saturating_sub(KEPT);
    all.drain(..over);
    rows.save(row_key(message), &all);
    Ok(())
}
