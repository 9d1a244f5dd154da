//! What entries state about the volumes of journals: where one journal ended and another goes on.

use crate::domain::digest::Digest;
use crate::domain::fact::{Fact, MessageRef};
use crate::domain::ids::{AgencyId, JournalName};

/// A fact about volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeFact {
    /// First entry of a volume that follows another: the other is behind what was seen of it.
    Opened {
        /// The volume before.
        before: JournalName,
        /// How many of its entries are here.
        size: u64,
        /// How many of its entries a neighbour has shown; `size` if none has shown more.
        seen: u64,
        /// Hash of the checkpoint that shows it, which is kept; none if none has shown more.
        shown: Option<Digest>,
        /// Neighbours that were not asked what they have seen, since they are gone.
        unasked: Vec<AgencyId>,
    },
    /// The operator of a neighbour confirmed that another agency's journal goes on in this volume.
    Confirmed {
        /// The volume that may be followed from here on.
        journal: JournalName,
        /// How many entries of the volume before it were witnessed here.
        witnessed: u64,
        /// Hash of the checkpoint of that size, which is kept; none if none was witnessed.
        known: Option<Digest>,
    },
    /// A neighbour has shown what was lost of a message: an entry of a volume before this one, or an
    /// entry of its own that answers a lost one.
    Missed {
        /// Which message.
        message: MessageRef,
        /// Whose journal states it.
        issuer: JournalName,
        /// Hash of the stated entry's bytes.
        entry: Digest,
    },
    /// A neighbour that had taken the message over has lost it: that handover is in doubt again.
    TakenBack {
        /// Which message.
        message: MessageRef,
    },
}

impl VolumeFact {
    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "volume_opened",
            Self::Confirmed { .. } => "volume_confirmed",
            Self::Missed { .. } => "message_missed",
            Self::TakenBack { .. } => "message_taken_back",
        }
    }

    /// The message that the fact speaks of, if it speaks of one.
    pub fn message(&self) -> Option<MessageRef> {
        match self {
            Self::Missed { message, .. } | Self::TakenBack { message } => Some(message.clone()),
            Self::Opened { .. } | Self::Confirmed { .. } => None,
        }
    }
}

impl Fact {
    /// Whether a statement of a journal is kept beside the entry.
    pub const fn keeps_a_statement(&self) -> bool {
        matches!(self, Self::StatementRecorded { .. } | Self::Volume(VolumeFact::Missed { .. }))
    }

    /// Hashes of the checkpoints that are kept beside the entry as evidence.
    pub fn evidence(&self) -> Vec<Digest> {
        if let Self::ConflictFound { known, shown, .. } = self {
            return vec![*known, *shown];
        }
        let Self::Volume(fact) = self else {
            return Vec::new();
        };
        let hash = match fact {
            VolumeFact::Opened { shown, .. } => *shown,
            VolumeFact::Confirmed { known, .. } => *known,
            VolumeFact::Missed { .. } | VolumeFact::TakenBack { .. } => None,
        };
        hash.into_iter().collect()
    }

    /// Hash of the entry whose statement is kept beside this one.
    pub const fn stated_entry(&self) -> Option<Digest> {
        if let Self::StatementRecorded { entry, .. }
        | Self::Volume(VolumeFact::Missed { entry, .. }) = self
        {
            return Some(*entry);
        }
        None
    }
}
