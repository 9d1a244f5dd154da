//! What entries state about attachments on their way: each is a unit of custody of its own.

use crate::domain::digest::Digest;
use crate::domain::fact::{Handover, MessageRef, Reason};
use crate::domain::station::{Carried, Station};

/// Names one attachment of a message by its place, and its sealed file by hash and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentRef {
    /// Which message.
    pub message: MessageRef,
    /// Place among the attachments of the message, from 1.
    pub number: u32,
    /// SHA-256 of the sealed file.
    pub sealed: Digest,
    /// Size of the sealed file in bytes.
    pub bytes: u64,
}

/// A fact about one attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentFact {
    /// Which attachment.
    pub attachment: AttachmentRef,
    /// The handover by which its message came here: the attachment comes by the same.
    pub handover: Handover,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of an attachment at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A transit holds all of it, and owes it to the next hop.
    Relayed,
    /// The destination holds all of it; opened, it is what the content says of it.
    Arrived,
    /// It is refused for good.
    NotTaken(Reason),
    /// A transit gives its copy up.
    Returned(Reason),
}

impl Verdict {
    /// The station that it proves.
    pub const fn station(self) -> Station {
        Station::Attachment(match self {
            Self::Relayed => Carried::Relayed,
            Self::Arrived => Carried::Arrived,
            Self::NotTaken(_) => Carried::NotTaken,
            Self::Returned(_) => Carried::Returned,
        })
    }

    /// The reason that it gives, if it gives one.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::NotTaken(reason) | Self::Returned(reason) => Some(reason),
            Self::Relayed | Self::Arrived => None,
        }
    }
}

impl AttachmentFact {
    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        self.verdict.station().as_str()
    }
}
