//! The door's typed no. Reasons are part of the interface; text is for people.

use std::fmt;

use crate::domain::violation::Violation;
use crate::history::message::Erased;

/// Why the door says no. `transport/status.rs` maps each to a status, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionReason {
    /// Another holder's lease on the message still runs.
    ClaimedByAnother,
    /// Somebody else is competent than when the message was read: it is sent again.
    CompetenceMoved,
    /// The draft breaks rules; the violations name them all.
    ContentInvalid,
    /// The content was erased.
    ContentErased,
    /// What was sent names a newer directory than the one here, and may hold by that: it is asked for again.
    DirectoryBehind,
    /// No peer has confirmed the directory for longer than it counts; nothing new is sent.
    DirectoryStale,
    /// The agency's policy about its desks does not let the caller do this.
    DeskNotPermitted,
    /// What is to be approved is not what was drafted.
    DraftDiffers,
    /// Its handling forbids it; the refusal is on record.
    HandlingForbids,
    /// The idempotency key was used for another call.
    IdempotencyKeyReused,
    /// A neighbour has seen more of this node's journal than is here; nothing is signed.
    JournalBehind,
    /// A neighbour's journal showed two histories; nothing new is taken from it.
    JournalForked,
    /// Neighbours are still asked what they have seen of this node's journal.
    JournalUnconfirmed,
    /// A size, count or time is over its limit.
    LimitExceeded,
    /// The message id is taken by another message of this agency.
    MessageExists,
    /// No way leads to the destination for this channel.
    NoRoute,
    /// Only the holder of the lease may do this.
    NotClaimedByCaller,
    /// No such thing, or none that the caller may know of.
    NotFound,
    /// The contact point belongs to another agency, or to nobody.
    NotYourContactPoint,
    /// Nobody approves an own draft.
    OwnDraft,
    /// Too much of what the peer sent did not hold; nothing is taken from it for a while.
    PeerCutOff,
    /// A proof, a signature or a hash does not hold.
    ProofInvalid,
    /// A request with this id is known already.
    RequestExists,
    /// The caller's role may not do this.
    RoleNotPermitted,
    /// The state of the request forbids the act.
    StateForbids,
    /// The disk is nearly full; try again later.
    StorageLow,
    /// Too many handovers of the peer came to nothing; it is asked again later.
    TooManyRefusals,
    /// A neighbour's journal goes on in a volume that no operator has confirmed here.
    VolumeUnconfirmed,
    /// The node stops, or takes nothing new; try again later.
    Draining,
    /// The queue is full; try again later.
    QueueFull,
}

impl RejectionReason {
    /// The stable code, in UPPER_SNAKE_CASE.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClaimedByAnother => "CLAIMED_BY_ANOTHER",
            Self::CompetenceMoved => "COMPETENCE_MOVED",
            Self::ContentInvalid => "CONTENT_INVALID",
            Self::ContentErased => "CONTENT_ERASED",
            Self::DirectoryBehind => "DIRECTORY_BEHIND",
            Self::DirectoryStale => "DIRECTORY_STALE",
            Self::DeskNotPermitted => "DESK_NOT_PERMITTED",
            Self::DraftDiffers => "DRAFT_DIFFERS",
            Self::HandlingForbids => "HANDLING_FORBIDS",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::JournalBehind => "JOURNAL_BEHIND",
            Self::JournalForked => "JOURNAL_FORKED",
            Self::JournalUnconfirmed => "JOURNAL_UNCONFIRMED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::MessageExists => "MESSAGE_EXISTS",
            Self::NoRoute => "NO_ROUTE",
            Self::NotClaimedByCaller => "NOT_CLAIMED_BY_CALLER",
            Self::NotFound => "NOT_FOUND",
            Self::NotYourContactPoint => "NOT_YOUR_CONTACT_POINT",
            Self::OwnDraft => "OWN_DRAFT",
            Self::PeerCutOff => "PEER_CUT_OFF",
            Self::ProofInvalid => "PROOF_INVALID",
            Self::RequestExists => "REQUEST_EXISTS",
            Self::RoleNotPermitted => "ROLE_NOT_PERMITTED",
            Self::StateForbids => "STATE_FORBIDS",
            Self::StorageLow => "STORAGE_LOW",
            Self::TooManyRefusals => "TOO_MANY_REFUSALS",
            Self::VolumeUnconfirmed => "VOLUME_UNCONFIRMED",
            Self::Draining => "DRAINING",
            Self::QueueFull => "QUEUE_FULL",
        }
    }
}

/// A typed no: nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    /// The code.
    pub reason: RejectionReason,
    /// What to tell the caller; free of personal data.
    pub text: String,
    /// All that is wrong with a draft.
    pub violations: Vec<Violation>,
    /// Variable parts, such as the acts that are possible now.
    pub metadata: Vec<(&'static str, String)>,
}

impl Rejection {
    /// A no with a sentence.
    pub fn new(reason: RejectionReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), violations: Vec::new(), metadata: Vec::new() }
    }

    /// A no to a draft, with everything that is wrong with it.
    pub fn content(violations: Vec<Violation>) -> Self {
        let text = match violations.first() {
            Some(first) if violations.len() == 1 => format!("{}: {}", first.pointer, first.text),
            Some(first) => {
                format!("{}: {} (and {} more)", first.pointer, first.text, violations.len() - 1)
            }
            None => "the draft is invalid".to_owned(),
        };
        Self { reason: RejectionReason::ContentInvalid, text, violations, metadata: Vec::new() }
    }

    /// The same no with one more variable part.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.metadata.push((name, value.into()));
        self
    }

    /// Nothing new is taken while the disk is nearly full.
    pub fn storage_low() -> Self {
        let text = "the node's disk is nearly full; it takes nothing new until there is room";
        Self::new(RejectionReason::StorageLow, text)
    }

    /// Nothing new is taken until an operator says so.
    pub fn draining() -> Self {
        let text = "the node hands over what it has and takes nothing new, until its operator ends \
                    that (rogatory node drain off)";
        Self::new(RejectionReason::Draining, text)
    }

    /// What may hold by a directory that is not here yet is judged once it is.
    pub fn directory_behind() -> Self {
        let text = "this does not hold by the directory that is in force here, and was made under a newer \
                    one; it is judged once that is here";
        Self::new(RejectionReason::DirectoryBehind, text)
    }

    /// Nothing new is sent under a directory that no peer has confirmed for too long.
    pub fn directory_stale() -> Self {
        let text = "no peer has confirmed the directory for longer than it counts (directory.\
                    end_after_s); nothing new is sent until one does";
        Self::new(RejectionReason::DirectoryStale, text)
    }

    /// The content was erased, when and why.
    pub fn erased(erased: &Erased) -> Self {
        let Erased { at, cause, .. } = erased;
        let text = format!("the content was erased on {at} ({cause})");
        Self::new(RejectionReason::ContentErased, text)
            .with("erased_at", at.to_string())
            .with("cause", cause.as_str())
    }

    /// The same for what is absent and for what the caller may not know of (UNTOC 18(20)).
    pub fn not_found() -> Self {
        Self::new(RejectionReason::NotFound, "there is no such thing, or none for you")
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.text)
    }
}
