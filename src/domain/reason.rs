//! The closed list of reasons why a copy ends, or why content is kept.

use std::fmt;
use std::str::FromStr;

use crate::domain::header::UnknownWord;

/// Why a node never takes a message over, gives its copy up, or keeps what it was asked to erase.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Reason {
    /// Past its expiry, clock skew included.
    Expired,
    /// Already known here from another peer.
    Loop,
    /// Address and particulars contradict each other or the network.
    HeaderMismatch,
    /// No hop is left.
    HopLimit,
    /// This node is neither its destination nor has it a route to it.
    NoRoute,
    /// The next hop stated that it never will take it.
    NextHopRefused,
    /// The origin's proof or a hash does not hold.
    ProofInvalid,
    /// The order token repeats or contradicts what is known.
    OrderInvalid,
    /// An operator decided so.
    Operator,
    /// Its classification is above what the destination may hold.
    HandlingForbids,
    /// Its request is held there.
    LegalHold,
    /// It is needed in the proceedings for which it was given (UNTOC 18(19)).
    InProceedings,
    /// The law of whoever holds it has it kept.
    LawRequires,
    /// What came of an attachment is not what the header names.
    AttachmentAltered,
    /// Opened, an attachment is not what the content says of it.
    AttachmentFalse,
    /// It is erased here, and held by the agency that it was passed on to.
    HeldOnward,
    /// It is erased here, and kept by the agency that it was passed on to.
    KeptOnward,
    /// The next hop has not been reached for too long.
    PeerUnreachable,
    /// The directory names no link with the next hop any more.
    LinkEnded,
    /// The next hop can't read it.
    FrameInvalid,
    /// A reviewing transit finds it incomplete or out of form (UNTOC 18(14), 18(15)).
    ReviewForm,
    /// A reviewing transit finds that its sender or its recipient is not the one for it (18(13)).
    ReviewCompetence,
    /// A reviewing transit finds that its own law does not let it pass (18(17), 18(21)).
    ReviewLaw,
    /// Whoever had taken it over lost it with the end of its volume, and nobody else has it from there.
    Lost,
    /// The agencies that are said to have had it can't be those.
    TrailInvalid,
    /// The directory leads another way than the one before it did.
    DirectoryChanged,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 26] = [
        Self::Expired,
        Self::Loop,
        Self::HeaderMismatch,
        Self::HopLimit,
        Self::NoRoute,
        Self::NextHopRefused,
        Self::ProofInvalid,
        Self::OrderInvalid,
        Self::Operator,
        Self::HandlingForbids,
        Self::LegalHold,
        Self::InProceedings,
        Self::LawRequires,
        Self::AttachmentAltered,
        Self::AttachmentFalse,
        Self::HeldOnward,
        Self::KeptOnward,
        Self::PeerUnreachable,
        Self::LinkEnded,
        Self::FrameInvalid,
        Self::ReviewForm,
        Self::ReviewCompetence,
        Self::ReviewLaw,
        Self::Lost,
        Self::TrailInvalid,
        Self::DirectoryChanged,
    ];

    /// The reasons for which a reviewing transit gives a message back.
    pub const OF_REVIEW: [Self; 3] = [Self::ReviewForm, Self::ReviewCompetence, Self::ReviewLaw];

    /// Whether content may be kept for it although the other side asked for its erasure.
    pub const fn keeps_content(self) -> bool {
        matches!(self, Self::LegalHold | Self::InProceedings | Self::LawRequires)
            || self.is_elsewhere()
    }

    /// Whether it says of content only that another agency has it.
    pub const fn is_elsewhere(self) -> bool {
        matches!(self, Self::HeldOnward | Self::KeptOnward)
    }

    /// The reason's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "EXPIRED",
            Self::Loop => "LOOP",
            Self::HeaderMismatch => "HEADER_MISMATCH",
            Self::HopLimit => "HOP_LIMIT",
            Self::NoRoute => "NO_ROUTE",
            Self::NextHopRefused => "NEXT_HOP_REFUSED",
            Self::ProofInvalid => "PROOF_INVALID",
            Self::OrderInvalid => "ORDER_INVALID",
            Self::Operator => "OPERATOR",
            Self::HandlingForbids => "HANDLING_FORBIDS",
            Self::LegalHold => "LEGAL_HOLD",
            Self::InProceedings => "IN_PROCEEDINGS",
            Self::LawRequires => "LAW_REQUIRES",
            Self::AttachmentAltered => "ATTACHMENT_ALTERED",
            Self::AttachmentFalse => "ATTACHMENT_FALSE",
            Self::HeldOnward => "HELD_ONWARD",
            Self::KeptOnward => "KEPT_ONWARD",
            Self::PeerUnreachable => "PEER_UNREACHABLE",
            Self::LinkEnded => "LINK_ENDED",
            Self::FrameInvalid => "FRAME_INVALID",
            Self::ReviewForm => "REVIEW_FORM",
            Self::ReviewCompetence => "REVIEW_COMPETENCE",
            Self::ReviewLaw => "REVIEW_LAW",
            Self::Lost => "LOST",
            Self::TrailInvalid => "TRAIL_INVALID",
            Self::DirectoryChanged => "DIRECTORY_CHANGED",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord { what: "reason" })
    }
}
