//! Messages that a reviewing transit holds until one of its officers lets them go on or gives them
//! back.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::header::{Address, Lane};
use crate::domain::ids::ContactPointId;
use crate::history::by_message::ByMessage;
use crate::history::table;

/// From so long before its expiry somebody is rung for an ordinary message that is held, in milliseconds:
/// a weekend may lie in between.
pub const RUNG_BEFORE_EXPIRY_MS: i64 = 3 * 24 * 3_600_000;

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

impl UnderReview {
    /// From when on it is to be rung for, as long as nobody decides: at once if it is urgent, or if it does
    /// not expire here because it may be elsewhere; else in time before it expires.
    pub fn rung_from(&self, address: &Address) -> Timestamp {
        let before = address.expires_at.plus_millis(-RUNG_BEFORE_EXPIRY_MS);
        match address.lane {
            Lane::Ordinary if !self.again => before.max(self.since),
            Lane::Ordinary | Lane::Urgent => self.since,
        }
    }
}

/// Those that are held.
pub const ROWS: ByMessage<UnderReview> = ByMessage::of(table::UNDER_REVIEW, "message under review");
