//! The stations of a message on its way.

use std::fmt;

use crate::domain::reviewing::Remark;

/// What some node states about a message, in the order in which it can happen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Station {
    /// The origin holds it durably and owes its delivery.
    Accepted,
    /// A transit took it over.
    Relayed,
    /// The destination took it over.
    Delivered,
    /// Somebody at the destination read its content for the first time.
    Retrieved,
    /// A hop refused it for good: not taken, never will be.
    NotTaken,
    /// The hop that had custody gave its copy up.
    Returned,
    /// The origin states that it was not delivered and never will be.
    Undelivered,
    /// The origin asks that what the message said is erased.
    ErasureAsked,
    /// Who sent or received it erased what it said.
    Erased,
    /// The destination was asked to erase it, and keeps it.
    ErasureRefused,
    /// What became of one attachment.
    Attachment(Carried),
    /// A reviewing transit let it go on.
    Released,
    /// A reviewing transit remarked on it.
    Annotated(Remark),
}

/// The stations of one attachment on its way, which is a unit of custody of its own.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Carried {
    /// A transit holds all of it.
    Relayed,
    /// The destination holds all of it.
    Arrived,
    /// A hop refused it for good: not taken, never will be.
    NotTaken,
    /// A transit gave its copy up.
    Returned,
}

impl Carried {
    /// Every station of an attachment.
    pub const ALL: [Self; 4] = [Self::Relayed, Self::Arrived, Self::NotTaken, Self::Returned];
}

impl Station {
    /// The station's name in files and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Relayed => "relayed",
            Self::Delivered => "delivered",
            Self::Retrieved => "retrieved",
            Self::NotTaken => "not_taken",
            Self::Returned => "returned",
            Self::Undelivered => "undelivered",
            Self::ErasureAsked => "erasure_asked",
            Self::Erased => "erased",
            Self::ErasureRefused => "erasure_refused",
            Self::Attachment(Carried::Relayed) => "attachment_relayed",
            Self::Attachment(Carried::Arrived) => "attachment_arrived",
            Self::Attachment(Carried::NotTaken) => "attachment_not_taken",
            Self::Attachment(Carried::Returned) => "attachment_returned",
            Self::Released => "released",
            Self::Annotated(Remark::FormChecked) => "annotated_form_checked",
            Self::Annotated(Remark::LanguageDoubtful) => "annotated_language_doubtful",
            Self::Annotated(Remark::GroundsDoubtful) => "annotated_grounds_doubtful",
            Self::Annotated(Remark::UrgencyConfirmed) => "annotated_urgency_confirmed",
            Self::Annotated(Remark::Consult) => "annotated_consult",
            Self::Annotated(Remark::Noted) => "annotated_noted",
        }
    }
}

impl Station {
    /// The station of an attachment, if it is one.
    pub const fn carried(self) -> Option<Carried> {
        if let Self::Attachment(carried) = self { Some(carried) } else { None }
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
