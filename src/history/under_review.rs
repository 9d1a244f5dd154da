//! Messages that a reviewing transit holds until one of its officers lets them go on or gives them
//! back.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::ids::ContactPointId;
use crate::history::by_message::ByMessage;
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

/// Those that are held.
pub const ROWS: ByMessage<UnderReview> = ByMessage::of(table::UNDER_REVIEW, "message under review");
