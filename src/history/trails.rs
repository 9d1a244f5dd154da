//! The agencies that had a message before it came to this transit, as the handover named them: by these
//! it is known whether its origin has a way left. What is not named is not known, and has no row.

use crate::domain::ids::AgencyId;
use crate::history::by_message::ByMessage;
use crate::history::table;

/// One for each message that came with a trail.
pub const ROWS: ByMessage<Vec<AgencyId>> = ByMessage::of(table::TRAILS, "trail of a message");
