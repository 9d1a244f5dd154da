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
    /// The volume that was read last: the position of its first entry, and its hashes.
    volume: Option<(u64, JournalHashes<'a>)>,
    /// The checkpoint that was read last, with the positions that it covers, as far as is known.
    covering: Option<(Range<u64>, Vec<u8>)>,
}

impl<'a> Prover<'a> {
    /// One that has read nothing yet.
    pub const fn new(setting: &'a Setting) -> Self {
        Self { setting, volume: None, covering: None }
    }

    /// This node's statement by the entry at `position` (of all volumes), under the checkpoint of
    /// its own batch: asked for again, it is the same bytes.
    ///
    /// # Errors
    /// What can't be read.
    pub fn statement(&mut self, position: u64) -> Result<Statement, HistoryError> {
        if let Some((covers, checkpoint)) = &self.covering
            && covers.contains(&position)
        {
            let checkpoint = checkpoint.clone();
            return self.under(position, checkpoint);
        }
        let (journal, index) = self.setting.place(position);
        let missing = HistoryError::Damaged { what: "checkpoint that covers an entry" };
        let checkpoint = journal.checkpoint_covering(index)?.ok_or(missing)?;
        let statement = self.under(position, checkpoint.clone())?;
        let more = signed(&checkpoint)?.checkpoint.size.saturating_sub(index);
        self.covering = Some((position..position.saturating_add(more), checkpoint));
        Ok(statement)
    }

    /// The same under a given checkpoint that covers the entry.
    fn under(&mut self, position: u64, checkpoint: Vec<u8>) -> Result<Statement, HistoryError> {
        let place = self.setting.place(position);
        let first = position.saturating_sub(place.1);
        let read = self.volume.take().filter(|(of, _)| *of == first);
        let (_, hashes) =
            self.volume.insert(read.unwrap_or_else(|| (first, JournalHashes::over(place.0))));
        stated(place, hashes, checkpoint)
    }
}

/// The statement by the entry at a place of one volume, whose hashes those are.
fn stated(
    (journal, index): (&dyn Journal, u64),
    hashes: &JournalHashes<'_>,
    checkpoint: Vec<u8>,
) -> Result<Statement, HistoryError> {
    let size = signed(&checkpoint)?.checkpoint.size;
    let hashes = match prove_inclusion(hashes, index, size) {
        Ok(hashes) => hashes,
        Err(ProveError::Hashes(error)) => return Err(error.into()),
        Err(_) => return Err(DAMAGED_CHECKPOINT),
    };
    let proof = TlogProof { index, hashes, checkpoint }.to_bytes();
    Ok(Statement { entry: entry_at(journal, index)?, proof })
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

/// This node's statement by the entry at `position` (of all volumes), under the checkpoint of its own
/// batch: asked for again, it is the same bytes.
pub fn statement(setting: &Setting, position: u64) -> Result<Statement, HistoryError> {
    Prover::new(setting).statement(position)
}

/// The same under a given checkpoint that covers the entry.
pub fn statement_under(
    setting: &Setting,
    position: u64,
    checkpoint: Vec<u8>,
) -> Result<Statement, HistoryError> {
    statement_in(setting.place(position), checkpoint)
}

/// The statement by the entry at `index` of one volume, under a checkpoint that covers it.
pub fn statement_in(
    (journal, index): (&dyn Journal, u64),
    checkpoint: Vec<u8>,
) -> Result<Statement, HistoryError> {
    stated((journal, index), &JournalHashes::over(journal), checkpoint)
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
