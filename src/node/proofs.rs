//! Making statements of this node, and checking those of others.
//!
//! A statement is an entry's bytes and its `tlog-proof`. Checking one rebuilds the leaf from the
//! bytes given; no leaf, index or root is taken on trust. The checkpoint's origin must be the
//! journal that the directory names for that agency, and the entry must say the same of itself.

use crate::directory::Directory;
use crate::domain::digest::Digest;
use crate::domain::fact::{EntryParts, Fact};
use crate::domain::ids::AgencyId;
use crate::history::rows::HistoryError;
use crate::journal::Journal;
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::cosignature;
use crate::merkle::proof::{ProveError, prove_inclusion};
use crate::merkle::receipt::TlogProof;
use crate::merkle::tree::Hashes;
use crate::node::command::CheckedStatement;
use crate::node::setting::{Setting, witness_name};
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
}

struct JournalHashes<'a>(&'a dyn Journal);

impl Hashes for JournalHashes<'_> {
    type Error = crate::journal::store::StoreError;

    fn complete(&self, level: u8, index: u64) -> Result<Digest, Self::Error> {
        self.0.complete(level, index)
    }
}

fn prove(
    journal: &dyn Journal,
    index: u64,
    checkpoint: Vec<u8>,
) -> Result<TlogProof, HistoryError> {
    let damaged = HistoryError::Damaged { what: "checkpoint of the journal" };
    let Ok(signed) = SignedCheckpoint::parse(&checkpoint) else {
        return Err(damaged);
    };
    let hashes = match prove_inclusion(&JournalHashes(journal), index, signed.checkpoint.size) {
        Ok(hashes) => hashes,
        Err(ProveError::Hashes(error)) => return Err(error.into()),
        Err(_) => return Err(damaged),
    };
    Ok(TlogProof { index, hashes, checkpoint })
}

fn entry_at(journal: &dyn Journal, position: u64) -> Result<Vec<u8>, HistoryError> {
    let missing = HistoryError::Damaged { what: "entry that a row names" };
    journal.read(position, 1)?.pop().ok_or(missing)
}

/// This node's statement by the entry at `position`, under the checkpoint of its own batch: asked
/// for again, it is the same bytes.
pub fn statement(setting: &Setting, position: u64) -> Result<Statement, HistoryError> {
    let journal = setting.journal.as_ref();
    let missing = HistoryError::Damaged { what: "checkpoint that covers an entry" };
    let checkpoint = journal.checkpoint_covering(position)?.ok_or(missing)?;
    statement_under(setting, position, checkpoint)
}

/// The same under a given checkpoint that covers the entry.
pub fn statement_under(
    setting: &Setting,
    position: u64,
    checkpoint: Vec<u8>,
) -> Result<Statement, HistoryError> {
    let journal = setting.journal.as_ref();
    let proof = prove(journal, position, checkpoint)?.to_bytes();
    Ok(Statement { entry: entry_at(journal, position)?, proof })
}

/// A consistency proof of this node's own journal.
pub fn consistency(setting: &Setting, old: u64, new: u64) -> Result<Vec<Digest>, HistoryError> {
    let damaged = HistoryError::Damaged { what: "sizes of a consistency proof" };
    let hashes = JournalHashes(setting.journal.as_ref());
    match crate::merkle::proof::prove_consistency(&hashes, old, new) {
        Ok(hashes) => Ok(hashes),
        Err(ProveError::Hashes(error)) => Err(error.into()),
        Err(_) => Err(damaged),
    }
}

/// Checks that a statement's entry stands in the journal that it names, and reads it.
pub fn verify(
    directory: &Directory,
    statement: &Statement,
) -> Result<(EntryParts, SignedCheckpoint), StatementError> {
    let entry = wire::entry::read(&statement.entry).map_err(|_| StatementError::Entry)?;
    let name = entry.journal.to_string();
    let keys = directory
        .journal(&entry.journal)
        .ok_or_else(|| StatementError::Journal(name.clone()))?;
    let proof = TlogProof::parse(&statement.proof)
        .map_err(|error| StatementError::Proof(error.to_string()))?;
    let signed = proof
        .verify(&statement.entry, &name, &keys.ed25519)
        .map_err(|error| StatementError::Proof(error.to_string()))?;
    if keys.retired_at_size.is_some_and(|size| signed.checkpoint.size > size) {
        return Err(StatementError::RetiredKey);
    }
    Ok((entry, signed))
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
pub fn check_origin(
    setting: &Setting,
    from: &AgencyId,
    header: &[u8],
    statement: &Statement,
) -> Result<(), StatementError> {
    let (entry, signed) = verify(&setting.directory, statement)?;
    let origin = entry.journal.agency().clone();
    let Fact::Submitted { header: submitted } = &entry.fact else {
        return Err(StatementError::WrongFact);
    };
    if submitted.bytes != header || submitted.address.origin != origin {
        return Err(StatementError::WrongFact);
    }
    let first_hop = *from == origin;
    let mut witnesses = signed.note.signatures.iter().filter_map(|line| {
        let agency: AgencyId = line.name.strip_suffix("/witness")?.parse().ok()?;
        (agency != origin && (!first_hop || agency == setting.agency)).then_some(agency)
    });
    let seen = witnesses.any(|agency| {
        setting.directory.agency(&agency).is_some_and(|record| {
            let name = witness_name(&agency);
            cosignature::verify_cosign_ed25519(&signed, &name, &record.witness).is_ok()
        })
    });
    if seen { Ok(()) } else { Err(StatementError::NoWitness) }
}
