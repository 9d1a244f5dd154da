//! Making statements of this node: an entry's bytes and the proof that it stands in the journal.
//! `evidence/` checks them, here and at whoever receives them.

use crate::domain::digest::Digest;
use crate::history::rows::HistoryError;
use crate::journal::{Journal, JournalHashes};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::proof::{ProveError, prove_inclusion};
use crate::merkle::receipt::TlogProof;
use crate::node::setting::Setting;
use crate::wire::envelope::Statement;

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
