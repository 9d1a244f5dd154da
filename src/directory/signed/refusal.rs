//! Why a roll or a record is not adopted. A refused text changes nothing.

use std::fmt;

use crate::directory::signed::lists::LIST_BYTES_MAX;
use crate::directory::strict::Fault;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::merkle::note::NoteError;
use crate::pki::revoke::ListFault;

/// Whose signatures were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The authorities in force.
    Present,
    /// The authorities that the text itself names.
    New,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Present => "the authorities in force",
            Self::New => "the authorities that it names",
        })
    }
}

/// Why a text is not adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signed note.
    #[error("it is no signed note: {0}")]
    Note(NoteError),
    /// Its text breaks rules: all of them.
    #[error("its text has {} faults:{}", .0.len(), listed(.0))]
    Faulty(Vec<Fault>),
    /// It is of another network.
    #[error("it is of another network")]
    OtherNetwork,
    /// No signature at all.
    #[error("it is not signed")]
    Unsigned,
    /// None of its signatures is by a key that counts.
    #[error("it is signed by strangers only")]
    Stranger,
    /// A line claims to be by a known key and is not.
    #[error("the signature of {0} is wrong")]
    WrongSignature(String),
    /// Fewer signatures than the threshold.
    #[error("{counted} of {whose} have signed, {needed} are needed")]
    TooFew {
        /// Whose.
        whose: Whose,
        /// How many of them signed, each counted once.
        counted: usize,
        /// The threshold.
        needed: usize,
    },
    /// So many authorities' keys have ended that the threshold cannot be reached.
    #[error("the keys of {whose} have ended: {left} still count, {needed} are needed")]
    ThresholdExpired {
        /// Whose.
        whose: Whose,
        /// How many still count.
        left: usize,
        /// The threshold.
        needed: usize,
    },
    /// A version below the one in force.
    #[error("version {version} is older than {held}, which is in force")]
    Rollback {
        /// Its version.
        version: u64,
        /// The version in force.
        held: u64,
    },
    /// Properly signed, and contradicts what is in force: two texts of one version exist.
    #[error("there are two texts of version {version}: {held} is in force, and not {other}")]
    Fork {
        /// The version of which there are two.
        version: u64,
        /// Hash of the one in force.
        held: Digest,
        /// Hash of the other.
        other: Digest,
    },
    /// Versions between it and the one in force are missing.
    #[error("version {version} does not follow {held}: those between are missing")]
    Gap {
        /// Its version.
        version: u64,
        /// The version in force.
        held: u64,
    },
    /// It was issued before the version that it follows.
    #[error("it was issued before the version that it follows")]
    IssuedEarlier,
    /// It was issued in the future.
    #[error("it is of the future: by this clock it is not issued yet")]
    IssuedLater,
    /// It lists an agency of the version before no more; those who leave stay listed as left.
    #[error("it drops {0}, and who leaves is listed as left")]
    Dropped(AgencyId),
    /// It replaces a record key without the old key's signature or an announcement in time.
    #[error(
        "it replaces the record key of {0} without the old key's signature or seven days' notice"
    )]
    KeyReplaced(AgencyId),
    /// It announces a record key for less than seven days after it was issued.
    #[error("it announces a record key of {0} with less than seven days' notice")]
    ShortNotice(AgencyId),
    /// The roll does not list the agency.
    #[error("the roll does not list {0}")]
    NotOnTheRoll(AgencyId),
    /// The agency is suspended or has left.
    #[error("{0} is not active on the roll")]
    NotActive(AgencyId),
    /// Its signature is by a key that the roll names no more, and one by the newer key is in force.
    #[error("it is signed by a record key of {0} that was replaced")]
    OldKey(AgencyId),
    /// There is no record of the agency, whose authorities would be asked for.
    #[error("there is no record of {0}")]
    NoRecord(AgencyId),
    /// A revocation list that is none of the agency's authorities'.
    #[error("crl: the list {0}")]
    List(ListFault),
    /// A revocation list that is too long.
    #[error("crl: the list has more than {LIST_BYTES_MAX} bytes")]
    ListTooLong,
    /// A revocation list that is older than the one that is known.
    #[error("crl: the list is number {number}, and number {held} is known")]
    ListBackwards {
        /// Its number.
        number: u64,
        /// The number that is known.
        held: u64,
    },
    /// There is no roll yet.
    #[error("there is no roll to hold it against")]
    NoRoll,
}

impl Refusal {
    /// A word for counters and programs; closed list.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Note(_) => "malformed",
            Self::Faulty(_) => "faulty",
            Self::OtherNetwork => "other_network",
            Self::Unsigned => "unsigned",
            Self::Stranger => "stranger",
            Self::WrongSignature(_) => "wrong_signature",
            Self::TooFew { .. } => "too_few",
            Self::ThresholdExpired { .. } => "threshold_expired",
            Self::Rollback { .. } => "rollback",
            Self::Fork { .. } => "fork",
            Self::Gap { .. } => "gap",
            Self::IssuedEarlier => "issued_earlier",
            Self::IssuedLater => "issued_later",
            Self::Dropped(_) => "dropped",
            Self::KeyReplaced(_) => "key_replaced",
            Self::ShortNotice(_) => "short_notice",
            Self::NotOnTheRoll(_) => "not_on_the_roll",
            Self::NotActive(_) => "not_active",
            Self::OldKey(_) => "old_key",
            Self::NoRecord(_) => "no_record",
            Self::List(ListFault::Unreadable) => "list_unreadable",
            Self::List(ListFault::Unsupported) => "list_unsupported",
            Self::List(ListFault::Issuer) => "list_issuer",
            Self::List(ListFault::Signature) => "list_signature",
            Self::ListTooLong => "list_too_long",
            Self::ListBackwards { .. } => "list_backwards",
            Self::NoRoll => "no_roll",
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n  {fault}")).collect()
}
