//! The closed list of what an entry states, past tense, fit to be shown to another agency.
//!
//! Nothing here tells a kind, a contact point, a request or a person: those stand in the
//! *skeleton*, which the journal encrypts under its own key.

use crate::domain::attachment::AttachmentFact;
use crate::domain::auditing::AuditFact;
use crate::domain::digest::Digest;
use crate::domain::drafting::DraftFact;
use crate::domain::header::{Header, MessageKey, OrderToken};
use crate::domain::ids::{AgencyId, JournalName, MessageId};
use crate::domain::misconduct::CutOffCause;
pub use crate::domain::reason::Reason;
use crate::domain::retention::ErasureCause;
use crate::domain::reviewing::ReviewFact;
use crate::domain::station::Station;
use crate::domain::volume::VolumeFact;

pub use crate::domain::entry::EntryParts;

/// Names one message in a fact: identity and the hash of its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRef {
    /// The agency whose journal proves the message.
    pub origin: AgencyId,
    /// Names the message within its origin.
    pub message: MessageId,
    /// Hash of its header.
    pub header: Digest,
}

impl MessageRef {
    /// How the message is found in a store.
    pub fn key(&self) -> MessageKey {
        MessageKey::new(&self.origin, self.message)
    }
}

/// One handover of custody: from whom, to whom, the how-manieth.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Handover {
    /// The agency that hands over.
    pub from: AgencyId,
    /// The agency that is to take over.
    pub to: AgencyId,
    /// Counts from 1 for each message at each node.
    pub number: u32,
}

/// What an entry states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// First entry of a volume.
    JournalOpened,
    /// From here on this version of the directory is followed.
    DirectoryAdopted {
        /// Its version.
        version: u64,
        /// Hash of its document.
        hash: Digest,
    },
    /// The origin accepted a message and owes its delivery.
    Submitted {
        /// The whole header.
        header: Header,
    },
    /// A copy was offered to a peer; until the peer answers, the outcome is in doubt.
    HandedOver {
        /// Which message.
        message: MessageRef,
        /// To whom, the how-manieth time.
        handover: Handover,
    },
    /// A transit took custody.
    TakenOver {
        /// The whole header.
        header: Header,
        /// Whose copy.
        handover: Handover,
    },
    /// The destination took custody: the message has arrived.
    Delivered {
        /// The whole header.
        header: Header,
        /// Whose copy.
        handover: Handover,
    },
    /// This handover is refused for good.
    NotTaken {
        /// Which message.
        message: MessageRef,
        /// Which handover.
        handover: Handover,
        /// Why.
        reason: Reason,
    },
    /// Another journal's statement about a message was verified and kept.
    StatementRecorded {
        /// Which message it speaks of.
        message: MessageRef,
        /// Whose journal states it.
        issuer: JournalName,
        /// What it states.
        station: Station,
        /// Hash of the stated entry's bytes.
        entry: Digest,
    },
    /// A transit gives its copy up; custody ends here.
    Returned {
        /// Which message.
        message: MessageRef,
        /// Why.
        reason: Reason,
    },
    /// The origin states: not delivered, never will be; its place in the order is void.
    Undelivered {
        /// Which message.
        message: MessageRef,
        /// To whom it was addressed.
        destination: AgencyId,
        /// The place that is void.
        order: OrderToken,
        /// Why.
        reason: Reason,
    },
    /// A message waits for an operator and blocks nobody.
    SetAside {
        /// Which message.
        message: MessageRef,
        /// Why.
        reason: Reason,
    },
    /// From here on a message waits for this next hop, by the entry's own part: again, or another one. Or the
    /// word that its place is void does, where that part names the place.
    WayChosen {
        /// Which message.
        message: MessageRef,
        /// Why.
        reason: Reason,
    },
    /// Someone of the agency took a lease on a message.
    Claimed {
        /// Which message.
        message: MessageRef,
    },
    /// A lease was given back.
    Released {
        /// Which message.
        message: MessageRef,
    },
    /// Content was shown to someone of the agency; the first time is the station *retrieved*.
    Read {
        /// Which message.
        message: MessageRef,
    },
    /// Someone of the agency confirmed to have processed the message.
    Acknowledged {
        /// Which message.
        message: MessageRef,
    },
    /// A message that waited for its predecessor waits no longer.
    OrderWaitEnded {
        /// Which message.
        message: MessageRef,
    },
    /// A neighbour's journal showed two histories; what shows it to anybody is kept.
    ConflictFound {
        /// Whose journal.
        journal: JournalName,
        /// Hash of the checkpoint that was known.
        known: Digest,
        /// Hash of what contradicts it: a checkpoint of the same size, or one with its proof, as C2SP
        /// tlog-witness writes them (`add-checkpoint`).
        shown: Digest,
    },
    /// Too much of what a peer sent did not hold: for a while nothing is taken from it.
    PeerCutOff {
        /// Which peer.
        peer: AgencyId,
        /// Its handovers that came to nothing on record since they were last counted anew.
        refused: u32,
        /// What did not hold; none in entries of nodes that did not say so yet.
        cause: Option<CutOffCause>,
    },
    /// A deadline of a request falls due soon, or has passed.
    DeadlineNoted,
    /// Someone of the agency was given sight of a confidential request (UNTOC 18(20)).
    AccessGranted,
    /// Someone of the agency lost sight of a confidential request.
    AccessRevoked,
    /// A message was not sent because its handling forbids it (UNTOC 18(5), 18(19)).
    TransmissionRefused,
    /// A message whose answer is needed at once stood unclaimed.
    AlarmRaised {
        /// Which message.
        message: MessageRef,
    },
    /// It still did, and was listed at the next competent desk.
    Escalated {
        /// Which message.
        message: MessageRef,
    },
    /// The content of a message was erased here: its keys are destroyed.
    ContentErased {
        /// Which message.
        message: MessageRef,
        /// Why.
        cause: ErasureCause,
    },
    /// The origin erased what a message said, and asks its destination to do the same.
    ErasureAsked {
        /// Which message.
        message: MessageRef,
        /// Who is asked.
        destination: AgencyId,
        /// Why.
        cause: ErasureCause,
    },
    /// The destination keeps what it was asked to erase.
    ErasureRefused {
        /// Which message.
        message: MessageRef,
        /// Why: one that [keeps content](Reason::keeps_content).
        reason: Reason,
    },
    /// Nothing of a request is erased until the hold is released.
    HoldPlaced,
    /// A hold ended.
    HoldReleased,
    /// The time for which the content of a request was kept has ended: all of it is erased.
    RetentionEnded,
    /// By the agency's policy somebody looks at a time whether content is still needed.
    ReviewSet,
    /// Somebody looked whether it is, and until when.
    RetentionReviewed,
    /// What became of an attachment.
    Attachment(AttachmentFact),
    /// Something that an auditor was shown, or may be.
    Audit(AuditFact),
    /// Something about a draft that waits for a second pair of eyes.
    Draft(DraftFact),
    /// Something about a volume of this journal, or of another one.
    Volume(VolumeFact),
    /// A word of this reviewing transit about a message that it holds.
    Review(ReviewFact),
}

impl Fact {
    /// The station that this fact proves to others, if it proves one.
    pub fn station(&self) -> Option<Station> {
        match self {
            Self::Submitted { .. } => Some(Station::Accepted),
            Self::TakenOver { .. } => Some(Station::Relayed),
            Self::Delivered { .. } => Some(Station::Delivered),
            Self::Read { .. } => Some(Station::Retrieved),
            Self::NotTaken { .. } => Some(Station::NotTaken),
            Self::Returned { .. } => Some(Station::Returned),
            Self::Undelivered { .. } => Some(Station::Undelivered),
            Self::ErasureAsked { .. } => Some(Station::ErasureAsked),
            Self::ContentErased { .. } => Some(Station::Erased),
            Self::ErasureRefused { .. } => Some(Station::ErasureRefused),
            Self::Attachment(fact) => Some(fact.verdict.station()),
            Self::Review(fact) => Some(fact.station()),
            Self::JournalOpened
            | Self::DirectoryAdopted { .. }
            | Self::HandedOver { .. }
            | Self::StatementRecorded { .. }
            | Self::SetAside { .. }
            | Self::WayChosen { .. }
            | Self::Claimed { .. }
            | Self::Released { .. }
            | Self::Acknowledged { .. }
            | Self::OrderWaitEnded { .. }
            | Self::ConflictFound { .. }
            | Self::PeerCutOff { .. }
            | Self::DeadlineNoted
            | Self::AccessGranted
            | Self::AccessRevoked
            | Self::TransmissionRefused
            | Self::AlarmRaised { .. }
            | Self::Escalated { .. }
            | Self::HoldPlaced
            | Self::HoldReleased
            | Self::RetentionEnded
            | Self::ReviewSet
            | Self::RetentionReviewed
            | Self::Audit(_)
            | Self::Draft(_)
            | Self::Volume(_) => None,
        }
    }

    /// The header of the message that came here with the fact, if one did.
    pub fn header(&self) -> Option<&Header> {
        let (Self::Submitted { header }
        | Self::TakenOver { header, .. }
        | Self::Delivered { header, .. }) = self
        else {
            return None;
        };
        Some(header)
    }

    /// The message that the fact speaks of, if it speaks of one.
    pub fn message(&self) -> Option<MessageRef> {
        match self {
            Self::Submitted { header }
            | Self::TakenOver { header, .. }
            | Self::Delivered { header, .. } => Some(MessageRef {
                origin: header.address.origin.clone(),
                message: header.address.message,
                header: header.hash(),
            }),
            Self::HandedOver { message, .. }
            | Self::NotTaken { message, .. }
            | Self::StatementRecorded { message, .. }
            | Self::Returned { message, .. }
            | Self::Undelivered { message, .. }
            | Self::SetAside { message, .. }
            | Self::WayChosen { message, .. }
            | Self::Claimed { message }
            | Self::Released { message }
            | Self::Read { message }
            | Self::Acknowledged { message }
            | Self::OrderWaitEnded { message }
            | Self::AlarmRaised { message }
            | Self::Escalated { message }
            | Self::ContentErased { message, .. }
            | Self::ErasureAsked { message, .. }
            | Self::ErasureRefused { message, .. } => Some(message.clone()),
            Self::Attachment(fact) => Some(fact.attachment.message.clone()),
            Self::Audit(fact) => fact.message(),
            Self::Volume(fact) => fact.message(),
            Self::Review(fact) => Some(fact.message.clone()),
            Self::JournalOpened
            | Self::DirectoryAdopted { .. }
            | Self::ConflictFound { .. }
            | Self::PeerCutOff { .. }
            | Self::DeadlineNoted
            | Self::AccessGranted
            | Self::AccessRevoked
            | Self::TransmissionRefused
            | Self::HoldPlaced
            | Self::HoldReleased
            | Self::RetentionEnded
            | Self::ReviewSet
            | Self::RetentionReviewed
            | Self::Draft(_) => None,
        }
    }

    /// The handover that the fact answers, if it answers one.
    pub fn handover(&self) -> Option<&Handover> {
        let (Self::TakenOver { handover, .. }
        | Self::Delivered { handover, .. }
        | Self::NotTaken { handover, .. }
        | Self::Attachment(AttachmentFact { handover, .. })) = self
        else {
            return None;
        };
        Some(handover)
    }

    /// The reason that the fact gives, if it gives one.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotTaken { reason, .. }
            | Self::Returned { reason, .. }
            | Self::Undelivered { reason, .. }
            | Self::SetAside { reason, .. }
            | Self::WayChosen { reason, .. }
            | Self::ErasureRefused { reason, .. } => Some(*reason),
            Self::Attachment(fact) => fact.verdict.reason(),
            Self::JournalOpened
            | Self::DirectoryAdopted { .. }
            | Self::Submitted { .. }
            | Self::HandedOver { .. }
            | Self::TakenOver { .. }
            | Self::Delivered { .. }
            | Self::StatementRecorded { .. }
            | Self::Claimed { .. }
            | Self::Released { .. }
            | Self::Read { .. }
            | Self::Acknowledged { .. }
            | Self::OrderWaitEnded { .. }
            | Self::ConflictFound { .. }
            | Self::PeerCutOff { .. }
            | Self::DeadlineNoted
            | Self::AccessGranted
            | Self::AccessRevoked
            | Self::TransmissionRefused
            | Self::AlarmRaised { .. }
            | Self::Escalated { .. }
            | Self::ContentErased { .. }
            | Self::ErasureAsked { .. }
            | Self::HoldPlaced
            | Self::HoldReleased
            | Self::RetentionEnded
            | Self::ReviewSet
            | Self::RetentionReviewed
            | Self::Audit(_)
            | Self::Draft(_)
            | Self::Volume(_)
            | Self::Review(_) => None,
        }
    }

    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::JournalOpened => "journal_opened",
            Self::DirectoryAdopted { .. } => "directory_adopted",
            Self::Submitted { .. } => "submitted",
            Self::HandedOver { .. } => "handed_over",
            Self::TakenOver { .. } => "taken_over",
            Self::Delivered { .. } => "delivered",
            Self::NotTaken { .. } => "not_taken",
            Self::StatementRecorded { .. } => "statement_recorded",
            Self::Returned { .. } => "returned",
            Self::Undelivered { .. } => "undelivered",
            Self::SetAside { .. } => "set_aside",
            Self::WayChosen { .. } => "way_chosen",
            Self::Claimed { .. } => "claimed",
            Self::Released { .. } => "released",
            Self::Read { .. } => "read",
            Self::Acknowledged { .. } => "acknowledged",
            Self::OrderWaitEnded { .. } => "order_wait_ended",
            Self::ConflictFound { .. } => "conflict_found",
            Self::PeerCutOff { .. } => "peer_cut_off",
            Self::DeadlineNoted => "deadline_noted",
            Self::AccessGranted => "access_granted",
            Self::AccessRevoked => "access_revoked",
            Self::TransmissionRefused => "transmission_refused",
            Self::AlarmRaised { .. } => "alarm_raised",
            Self::Escalated { .. } => "escalated",
            Self::ContentErased { .. } => "content_erased",
            Self::ErasureAsked { .. } => "erasure_asked",
            Self::ErasureRefused { .. } => "erasure_refused",
            Self::HoldPlaced => "hold_placed",
            Self::HoldReleased => "hold_released",
            Self::RetentionEnded => "retention_ended",
            Self::ReviewSet => "review_set",
            Self::RetentionReviewed => "retention_reviewed",
            Self::Attachment(fact) => fact.name(),
            Self::Audit(fact) => fact.name(),
            Self::Draft(fact) => fact.name(),
            Self::Volume(fact) => fact.name(),
            Self::Review(fact) => fact.name(),
        }
    }
}
