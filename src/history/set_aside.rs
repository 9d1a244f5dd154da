//! Messages that wait for an operator: who was to take each next, and whether that peer may have it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::ids::AgencyId;
use crate::history::by_message::ByMessage;
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
