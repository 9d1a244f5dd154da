//! What entries state about drafts that wait for a second pair of eyes.
//!
//! A draft has an id of its own, which no message ever has, and the fingerprint of the call that made
//! it. What was approved is what was drafted, for both entries name the same fingerprint.

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::MessageId;

/// A fact about a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DraftFact {
    /// Somebody drafted what somebody else must approve before it is sent.
    Made {
        /// Names the draft.
        draft: MessageId,
        /// HMAC over the call that made it, under the node's key.
        fingerprint: Digest,
        /// It waits until then.
        until: Timestamp,
    },
    /// The draft was shown to somebody of the agency.
    Shown {
        /// Which draft.
        draft: MessageId,
    },
    /// Somebody else approved it; the messages that it became follow.
    Approved {
        /// Which draft.
        draft: MessageId,
        /// What was approved: the fingerprint of the draft.
        fingerprint: Digest,
    },
    /// Its drafter took it back, or whoever might have approved it sent it back.
    Withdrawn {
        /// Which draft.
        draft: MessageId,
    },
    /// Nobody approved it in its time.
    Expired {
        /// Which draft.
        draft: MessageId,
    },
}

impl DraftFact {
    /// The draft that it speaks of.
    pub const fn draft(&self) -> MessageId {
        match self {
            Self::Made { draft, .. }
            | Self::Shown { draft }
            | Self::Approved { draft, .. }
            | Self::Withdrawn { draft }
            | Self::Expired { draft } => *draft,
        }
    }

    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Made { .. } => "draft_made",
            Self::Shown { .. } => "draft_shown",
            Self::Approved { .. } => "draft_approved",
            Self::Withdrawn { .. } => "draft_withdrawn",
            Self::Expired { .. } => "draft_expired",
        }
    }
}
