//! What an auditor may be shown besides entries, and what entries state about it.

use std::fmt;
use std::str::FromStr;

use crate::domain::fact::MessageRef;
use crate::domain::header::UnknownWord;

/// Longest time for which an auditor is shown content, in days.
pub const GRANT_DAYS_MAX: u32 = 90;

/// Why an auditor is shown content: words of a closed list, for entries hold no free text.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum AuditReason {
    /// Somebody whom it concerns has complained.
    Complaint,
    /// A court or another authority with the power to do so has ordered it.
    Order,
    /// The agency looks into its own conduct.
    Inquiry,
    /// A supervisory authority looks at how data are handled.
    Supervision,
}

impl AuditReason {
    /// Every reason there is.
    pub const ALL: [Self; 4] = [Self::Complaint, Self::Order, Self::Inquiry, Self::Supervision];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complaint => "complaint",
            Self::Order => "order",
            Self::Inquiry => "inquiry",
            Self::Supervision => "supervision",
        }
    }
}

impl fmt::Display for AuditReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AuditReason {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == text);
        found.ok_or(UnknownWord { what: "reason of an audit" })
    }
}

/// A fact about auditors. Who, what of, why and until when stands in the skeleton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFact {
    /// An auditor may be shown content, for a time.
    Granted,
    /// And may not any more.
    Revoked,
    /// The content of a message was shown to an auditor.
    ContentRead {
        /// Which message.
        message: MessageRef,
    },
    /// The sealed bytes of a message were shown to an auditor.
    SealedRead {
        /// Which message.
        message: MessageRef,
    },
    /// Entries with their skeletons were shown to an auditor.
    JournalRead {
        /// Index of the first, in this volume.
        from: u64,
        /// Index behind the last.
        to: u64,
    },
}

impl AuditFact {
    /// The message that the fact speaks of, if it speaks of one.
    pub fn message(&self) -> Option<MessageRef> {
        match self {
            Self::ContentRead { message } | Self::SealedRead { message } => Some(message.clone()),
            Self::Granted | Self::Revoked | Self::JournalRead { .. } => None,
        }
    }

    /// The fact's stable name, as auditors see it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Granted => "audit_granted",
            Self::Revoked => "audit_revoked",
            Self::ContentRead { .. } => "audit_content_read",
            Self::SealedRead { .. } => "audit_sealed_read",
            Self::JournalRead { .. } => "audit_journal_read",
        }
    }
}
