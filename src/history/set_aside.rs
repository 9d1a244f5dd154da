//! Messages that wait for an operator: who was to take each next, and whether that peer may have it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::by_message::ByMessage;
use crate::history::message::{Custody, MessageRecord};
use crate::history::rows::{HistoryError, Rows};
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

/// Those that are set aside.
pub const ROWS: ByMessage<SetAside> = ByMessage::of(table::SET_ASIDE, "message that was set aside");

/// The handover of a message that is not answered, also where the message was set aside since.
///
/// # Errors
/// What can't be read.
pub fn in_doubt<R: Rows + ?Sized>(
    rows: &R,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<Option<(AgencyId, u32)>, HistoryError> {
    Ok(match &record.custody {
        Custody::InDoubt { peer, number } => Some((peer.clone(), *number)),
        Custody::SetAside { .. } => {
            ROWS.find(rows, key)?.and_then(|it| it.in_doubt.map(|number| (it.peer, number)))
        }
        Custody::Waiting { .. }
        | Custody::PassedOn
        | Custody::Held
        | Custody::Ended { .. }
        | Custody::UnderReview => None,
    })
}
