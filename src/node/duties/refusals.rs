//! What a peer did not take in a session: asked again after a while, or set aside where the peer can't
//! read it.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::node::duties::session::RefusedOnce;
use crate::node::rejection::RejectionReason;
use crate::wire::relay::Refused;

/// A refused handover is asked again after so many milliseconds.
pub(super) const AGAIN_MS: i64 = 5_000;
/// So many refusals are remembered beyond the time at which they are asked again.
const KEPT: usize = 1_024;
/// Refusals of a peer that takes no message at all for a while.
const TAKES_NONE: [RejectionReason; 5] = [
    RejectionReason::Draining,
    RejectionReason::JournalUnconfirmed,
    RejectionReason::QueueFull,
    RejectionReason::StorageLow,
    RejectionReason::VolumeUnconfirmed,
];
/// Words of a peer that can't read a frame, and so can't have taken over what it carries.
const UNREADABLE: [&str; 3] = ["FRAME_INVALID", "HASH_MISMATCH", "LIMIT_EXCEEDED"];

/// Whether the peer says that it can't read the message, and never will.
pub(super) fn is_unreadable(refused: &Refused) -> bool {
    !refused.retry && UNREADABLE.contains(&refused.reason.as_str())
}

/// What was refused in a session.
#[derive(Default)]
pub(super) struct Refusals {
    kept: BTreeMap<MessageKey, RefusedOnce>,
    /// Why nothing new is offered, and before when.
    not_before: Option<(String, Timestamp)>,
}

impl Refusals {
    /// A message was refused at `now`, in the peer's word.
    pub(super) fn note(&mut self, message: MessageKey, reason: String, now: Timestamp) {
        let again = now.plus_millis(AGAIN_MS);
        if TAKES_NONE.iter().any(|it| it.as_str() == reason) {
            self.not_before = Some((reason.clone(), again));
        }
        let times = self.kept.get(&message).map_or(0, |it| it.times).saturating_add(1);
        self.kept.insert(message, RefusedOnce { reason, again, times });
    }

    /// A message was answered.
    pub(super) fn forget(&mut self, message: &MessageKey) {
        self.kept.remove(message);
    }

    /// Whether a message is not asked again yet.
    pub(super) fn is_shelved(&self, message: &MessageKey, now: Timestamp) -> bool {
        self.kept.get(message).is_some_and(|it| it.again > now)
    }

    /// How many are not asked again yet; forgets some of the others where there are many.
    pub(super) fn shelved(&mut self, now: Timestamp) -> usize {
        if self.kept.len() > KEPT {
            self.kept.retain(|_, it| it.again > now);
        }
        self.kept.values().filter(|it| it.again > now).count()
    }

    /// Why nothing is offered for the first time now, and until when; none if it is.
    pub(super) fn hold_back(&self, now: Timestamp) -> Option<(&str, Timestamp)> {
        let held = self.not_before.as_ref().filter(|(_, until)| now < *until);
        held.map(|(reason, until)| (reason.as_str(), *until))
    }

    /// All of them.
    pub(super) const fn all(&self) -> &BTreeMap<MessageKey, RefusedOnce> {
        &self.kept
    }
}
