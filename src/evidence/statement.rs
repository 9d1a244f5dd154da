//! Checks a statement: an entry's bytes and its `tlog-proof`.
//!
//! The leaf is rebuilt from the bytes given; no leaf, index or root is taken on trust. The
//! checkpoint's origin must be the journal that the directory names for that agency, and the entry
//! must say the same of itself.

use crate::directory::Directory;
use crate::directory::journal_keys::ProofFault;
use crate::directory::witness_keys::{self, WitnessFault};
use crate::domain::digest::Digest;
use crate::domain::fact::{EntryParts, Fact, MessageRef};
use crate::domain::ids::AgencyId;
use crate::domain::station::Station;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::receipt::TlogProof;
use crate::wire;
use crate::wire::envelope::Statement;

/// Why a statement does not prove what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The entry is malformed.
    #[error("the entry is malformed")]
    Entry,
    /// The directory names no such journal.
    #[error("the directory names no journal {0}")]
    Journal(String),
    /// Signature, inclusion or origin do not hold.
    #[error("the proof does not hold: {0}")]
    Proof(String),
    /// The journal's key had been retired before this size.
    #[error("the journal's key was retired before this size")]
    RetiredKey,
    /// The fact is not one that states anything about a message.
    #[error("the entry states nothing about a message")]
    WrongFact,
    /// No agency but the origin has cosigned the checkpoint.
    #[error("no agency but the origin has cosigned the checkpoint")]
    NoWitness,
    /// Agencies cosigned the checkpoint, none of them under a key that counts at that time.
    #[error("no cosignature of another agency counts: {0}")]
    WitnessKey(WitnessFault),
}

impl StatementError {
    /// Whether a statement that was refused so by `directory` may hold by a newer one: `told` is the version
    /// that whoever sent it follows, and the entry names the one under which it was made. Neither is proved;
    /// they are a reason to look again, and none to believe.
    pub fn may_hold_by(&self, directory: &Directory, told: u64, statement: &Statement) -> bool {
        let is_of_directory = match self {
            Self::Journal(_)
            | Self::Proof(_)
            | Self::RetiredKey
            | Self::NoWitness
            | Self::WitnessKey(_) => true,
            Self::Entry | Self::WrongFact => false,
        };
        is_of_directory && names_newer(directory, told, statement)
    }
}

/// Whether a newer directory than this one is named: `told` is the version that whoever sent the statement
/// follows, and the entry names the one under which it was made.
pub fn names_newer(directory: &Directory, told: u64, statement: &Statement) -> bool {
    let made = || wire::entry::read(&statement.entry).map_or(0, |it| it.directory_version);
    told > directory.version() || made() > directory.version()
}

/// The place in its volume of the entry that is stated, by its proof, which is not judged; 0 if that can't be read.
pub fn index_of(statement: &Statement) -> u64 {
    TlogProof::parse(&statement.proof).map_or(0, |it| it.index)
}

/// The size of its volume at which a statement is proved, by its proof, which is not judged; 0 if that can't be
/// read.
pub fn size_of(statement: &Statement) -> u64 {
    let proof = TlogProof::parse(&statement.proof).ok();
    let signed = proof.and_then(|it| SignedCheckpoint::parse(&it.checkpoint).ok());
    signed.map_or(0, |it| it.checkpoint.size)
}

/// A statement of another journal whose proof holds.
#[derive(Clone, Debug)]
pub struct CheckedStatement {
    /// The bytes.
    pub statement: Statement,
    /// The entry, read.
    pub entry: EntryParts,
    /// What it states.
    pub station: Station,
    /// Of which message.
    pub message: MessageRef,
    /// Hash of the entry's bytes.
    pub digest: Digest,
}

/// Checks that a statement's entry stands in the journal that it names, and reads it.
pub fn verify(
    directory: &Directory,
    statement: &Statement,
) -> Result<(EntryParts, SignedCheckpoint), StatementError> {
    let entry = wire::entry::read(&statement.entry).map_err(|_| StatementError::Entry)?;
    let name = entry.journal.to_string();
    let keys =
        directory.journal(&entry.journal).ok_or_else(|| StatementError::Journal(name.clone()))?;
    let proof = TlogProof::parse(&statement.proof)
        .map_err(|error| StatementError::Proof(error.to_string()))?;
    match keys.proof(&proof, &statement.entry) {
        Ok(signed) => Ok((entry, signed)),
        Err(ProofFault::Retired) => Err(StatementError::RetiredKey),
        Err(ProofFault::Proof(error)) => Err(StatementError::Proof(error.to_string())),
    }
}

/// Checks a statement about a message and takes it apart.
pub fn check(
    directory: &Directory,
    statement: Statement,
) -> Result<CheckedStatement, StatementError> {
    let (entry, _) = verify(directory, &statement)?;
    let (Some(station), Some(message)) = (entry.fact.station(), entry.fact.message()) else {
        return Err(StatementError::WrongFact);
    };
    let digest = Digest::of(&statement.entry);
    Ok(CheckedStatement { statement, entry, station, message, digest })
}

/// Checks the origin's statement of an envelope: it submitted exactly this header, in a history
/// that a witness other than itself has seen. The first hop is that witness.
///
/// `own` is the agency that checks, `from` the one that handed the message over.
pub fn check_origin(
    directory: &Directory,
    own: &AgencyId,
    from: &AgencyId,
    header: &[u8],
    statement: &Statement,
) -> Result<(), StatementError> {
    let (entry, signed) = verify(directory, statement)?;
    let origin = entry.journal.agency().clone();
    let Fact::Submitted { header: submitted } = &entry.fact else {
        return Err(StatementError::WrongFact);
    };
    if submitted.bytes != header || submitted.address.origin != origin {
        return Err(StatementError::WrongFact);
    }
    let first_hop = *from == origin;
    let mut outside = None;
    for line in &signed.note.signatures {
        let Some(agency) = witness_keys::witness_of(line) else {
            continue;
        };
        if agency == origin || (first_hop && agency != *own) {
            continue;
        }
        let keys = directory.agency(&agency).and_then(|it| it.witness.as_ref());
        match keys.map(|it| it.cosigned(&agency, &signed)) {
            Some(Ok(_)) => return Ok(()),
            Some(Err(fault @ (WitnessFault::Retired | WitnessFault::Early))) => {
                outside = outside.or(Some(fault));
            }
            Some(Err(WitnessFault::Cosignature(_))) | None => {}
        }
    }
    Err(outside.map_or(StatementError::NoWitness, StatementError::WitnessKey))
}
