//! Acts on messages, on drafts that wait, and for auditors: what such a command asks for.

use crate::clock::Timestamp;
use crate::domain::auditing::AuditReason;
use crate::domain::digest::Digest;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::reviewing::Remark;
use crate::identity::principal::Principal;
use crate::node::command::Submission;
use crate::wire::auditing::AuditScope;

/// What someone of the agency does with an incoming message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxAct {
    /// Confirms that it was processed.
    Acknowledge,
    /// Takes a lease of so many milliseconds.
    Claim {
        /// Length of the lease.
        lease_ms: i64,
    },
    /// Is shown the content.
    Read,
    /// Gives the lease back.
    Release,
}

/// What becomes of a message that was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetAsideAct {
    /// It is tried again.
    Release,
    /// It ends here: a transit returns it, its origin states that it was not delivered.
    Return,
}

/// What becomes of a message that is held for review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransitAct {
    /// It goes on to its destination.
    Release,
    /// It is given back to its origin, for one of [`Reason::OF_REVIEW`].
    Return(Reason),
    /// It is remarked on, and stays held.
    Annotate(Remark),
    /// Its recipient is told something about it in a message of its own, and it stays held.
    Note(String),
}

/// What someone of the agency does with a draft that waits.
#[derive(Clone, Debug)]
pub enum DraftAct {
    /// Is shown what it says.
    Show,
    /// Lets it be sent.
    Approve {
        /// What is approved: the fingerprint of the draft.
        fingerprint: Digest,
        /// What it becomes, sealed ahead of its turn; none where it could not be read for the caller.
        submission: Option<Box<Submission>>,
    },
    /// Takes it back, or sends it back.
    Withdraw,
}

/// What an auditor is shown, or may be.
#[derive(Clone, Debug)]
pub enum AuditAct {
    /// An officer lets an auditor be shown content.
    Grant {
        /// The auditor.
        auditor: Principal,
        /// Of what.
        scope: AuditScope,
        /// Why.
        reason: AuditReason,
        /// Until when.
        until: Timestamp,
    },
    /// An officer takes that again.
    Revoke {
        /// The auditor.
        auditor: Principal,
        /// Of what.
        scope: AuditScope,
    },
    /// An auditor is shown content that was granted.
    ReadContent {
        /// Of which message.
        message: MessageKey,
    },
    /// An auditor is shown sealed bytes.
    ReadSealed {
        /// Of which message.
        message: MessageKey,
    },
    /// An auditor is shown entries.
    Replay {
        /// Index of the first, in the volume that is written.
        from: u64,
        /// Index behind the last.
        to: u64,
    },
}
