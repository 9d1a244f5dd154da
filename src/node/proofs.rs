//! Making statements of this node: an entry's bytes and the proof that it stands in the journal.
//! `evidence/` checks them, here and at whoever receives them.

use std::ops::Range;

use crate::domain::digest::Digest;
use crate::history::rows::HistoryError;
use crate::journal::{Journal, JournalHashes};
use crate::merkle::checkpoint::SignedCheckpoint;
use crate::merkle::proof::{ProveError, prove_inclusion};
use crate::merkle::receipt::TlogProof;
use crate::node::setting::Setting;
use crate::wire::envelope::Statement;

/// Makes statements, a page of them as one: what they share is read once.
pub struct Prover<'a> {
    setting: &'a Setting,
    hashes: JournalHashes<'a>,
    /// The checkpoint that was read last, with its size and the position it was asked for.
    covering: Option<(Range<u64>, Vec<u8>)>,
}

impl<'a> Prover<'a> {
    /// One that has read nothing yet.
    pub fn new(setting: &'a Setting) -> Self {
        let hashes = JournalHashes::over(setting.journal.as_ref());
        Self { setting, hashes, covering: None }
    }

    /// This node's statement by the entry at `position`, under the checkpoint of its own batch:
    /// asked for again, it is the same bytes.
    ///
    /// # Errors
    /// What can't be read.
    pub fn statement(&mut self, position: u64) -> Result<Statement, HistoryError> {
        if let Some((covers, checkpoint)) = &self.covering
            && covers.contains(&position)
        {
            return self.under(position, checkpoint.clone());
        }
        let missing = HistoryError::Damaged { what: "checkpoint that covers an entry" };
        let checkpoint = self.setting.journal.checkpoint_covering(position)?.ok_or(missing)?;
        let statement = self.under(position, checkpoint.clone())?;
        let size = signed(&checkpoint)?.checkpoint.size;
        self.covering = Some((position..size, checkpoint));
        Ok(statement)
    }

    /// The same under a given checkpoint that covers the entry.
    fn under(&self, index: u64, checkpoint: Vec<u8>) -> Result<Statement, HistoryError> {
        let size = signed(&checkpoint)?.checkpoint.size;
        let hashes = match prove_inclusion(&self.hashes, index, size) {
            Ok(hashes) => hashes,
            Err(ProveError::Hashes(error)) => return Err(error.into()),
            Err(_) => return Err(DAMAGED_CHECKPOINT),
        };
        let proof = TlogProof { index, hashes, checkpoint }.to_bytes();
        Ok(Statement { entry: entry_at(self.setting.journal.as_ref(), index)?, proof })
    }
}

const DAMAGED_CHECKPOINT: HistoryError =
    HistoryError::Damaged { what: "checkpoint of the journal" };

fn signed(checkpoint: &[u8]) -> Result<SignedCheckpoint, HistoryError> {
    SignedCheckpoint::parse(checkpoint).map_err(|_| DAMAGED_CHECKPOINT)
}

fn entry_at(journal: &dyn Journal, position: u64) -> Result<Vec<u8>, HistoryError> {
    let missing = HistoryError::Damaged { what: "entry that a row names" };
    journal.read(position, 1)?.pop().ok_or(missing)
}

/// This node's statement by the entry at `position`, under the checkpoint of its own batch: asked
/// for again, it is the same bytes.
pub fn statement(setting: &Setting, position: u64) -> Result<Statement, HistoryError> {
    Prover::new(setting).statement(position)
}

/// The same under a given checkpoint that covers the entry.
pub fn statement_under(
    setting: &Setting,
    position: u64,
    checkpoint: Vec<u8>,
) -> Result<Statement, HistoryError> {
    Prover::new(setting).under(position, checkpoint)
}

/// A consistency proof of this node's own journal.
pub fn consistency(setting: &Setting, old: u64, new: u64) -> Result<Vec<Digest>, HistoryError> {
    let damaged = HistoryError::Damaged { what: "sizes of a consistency proof" };
    let hashes = JournalHashes::over(setting.journal.as_ref());
    match crate::merkle::proof::prove_consistency(&hashes, old, new) {
        Ok(hashes) => Ok(hashes),
        Err(ProveError::Hashes(error)) => Err(error.into()),
        Err(_) => Err(damaged),
    }
}
