//! Does what is stored fit together? Entries, hashes and checkpoints are held against each other,
//! batch by batch, and the first record that does not fit is named.
//!
//! Three witnesses speak of each entry: its bytes, its leaf hash in a tile, the signed root. If the
//! bytes lead to the root, a tile that differs is the one that is wrong; if they do not, the tile
//! tells which entry was changed, and if it knows of none, the checkpoint is wrong. Signatures are
//! not checked here: keys are the caller's.

use crate::domain::digest::Digest;
use crate::merkle::tree::leaf_hash;

use super::embedded::{Covered, StoreJournal, head_of, missing_checkpoint};
use super::records::{JOURNAL, Record, checkpoint_key, number_in};
use super::store::{AFTER_LAST_KEY, Store};
use super::tiles::{self, Edge, Tile};
use super::{ENTRIES_PER_READ_MAX, Fault, Journal, JournalError, pages};

/// Rows that are read in one go.
const ROWS_PER_READ: usize = 256;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything: all entries, hashes, checkpoints, and the checksum of every row.
    Full,
    /// The last batch, which is the one that an unclean stop can hurt.
    Tail,
}

/// What was found in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Entries that lead to the signed roots.
    pub entries: u64,
    /// Checkpoints that they lead to.
    pub checkpoints: u64,
    /// Rows of others whose checksum holds.
    pub rows: u64,
}

impl<S: Store> StoreJournal<S> {
    /// Checks the journal; no append gets its turn meanwhile. Memory stays bounded.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] names the first record that cannot be trusted.
    pub fn check(&self, depth: Depth) -> Result<Checked, JournalError> {
        let _turn = self.hold()?;
        let size = self.next();
        let mut checked = Checked::default();
        let mut at = match depth {
            Depth::Full => 0,
            Depth::Tail => self.size_before(size)?,
        };
        let mut edge = Edge::load(&self.store, at)?;
        if at > 0 {
            let before = self.checkpoint_in(at, at + 1)?;
            if before.and_then(|it| it.checkpoint()).map(|it| it.root)
                != Some(edge.frontier().root())
            {
                return Err(root_differs(at));
            }
        }
        while at < size {
            let covered = self.checkpoint_in(at + 1, size.saturating_add(1))?;
            let covered = covered.ok_or_else(|| missing_checkpoint(size))?;
            if covered.from != at {
                return Err(missing_checkpoint(covered.from));
            }
            let next = self.check_batch(&covered, &mut edge)?;
            checked.entries += next - at;
            checked.checkpoints += 1;
            at = next;
        }
        edge.partial().iter().try_for_each(|tile| self.check_tile(tile))?;
        self.check_end(size, &edge)?;
        if depth == Depth::Full {
            self.check_countersigned()?;
            checked.rows = self.check_rows()?;
        }
        Ok(checked)
    }

    /// Size of the journal before the batch that ends at `size`.
    fn size_before(&self, size: u64) -> Result<u64, JournalError> {
        let found = self.store.range_back(&checkpoint_key(0), &checkpoint_key(size), 1)?;
        Ok(found.first().and_then(|(key, _)| number_in(key)).unwrap_or(0))
    }

    /// Reads the entries of one batch and holds them against root and tiles.
    fn check_batch(&self, covered: &Covered, edge: &mut Edge) -> Result<u64, JournalError> {
        let checkpoint = covered.checkpoint().ok_or_else(|| root_differs(covered.from))?;
        let mut frontier = edge.frontier();
        let mut leaves = Vec::new();
        while frontier.size() < checkpoint.size {
            let at = frontier.size();
            let entries = pages::read(&self.store, at, checkpoint.size, ENTRIES_PER_READ_MAX)?;
            for entry in &entries {
                leaves.push(leaf_hash(entry));
                frontier.push(leaf_hash(entry));
            }
        }
        if frontier.root() != checkpoint.root {
            return Err(self.culprit(covered.from, &leaves, checkpoint.size));
        }
        for leaf in leaves {
            edge.push(leaf).iter().try_for_each(|tile| self.check_tile(tile))?;
        }
        Ok(checkpoint.size)
    }

    /// The entries do not lead to the signed root: which record is to blame?
    fn culprit(&self, from: u64, leaves: &[Digest], size: u64) -> JournalError {
        let first_changed = || -> Result<Option<JournalError>, JournalError> {
            for (position, leaf) in (from..).zip(leaves) {
                if tiles::complete(&self.store, 0, position)? != *leaf {
                    let first = pages::page_of(&self.store, position)?.first;
                    return Ok(Some(JournalError::Damaged {
                        record: Record::Page { first },
                        fault: Fault::EntryDiffers { position },
                    }));
                }
            }
            Ok(None)
        };
        match first_changed() {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => root_differs(size),
        }
    }

    /// The stored tile holds the hashes that the entries give.
    fn check_tile(&self, wanted: &Tile) -> Result<(), JournalError> {
        let found = tiles::load(&self.store, wanted.level, wanted.index, wanted.hashes.len())?;
        let differing = found.iter().zip(&wanted.hashes).position(|(left, right)| left != right);
        match differing.map(u64::try_from) {
            None => Ok(()),
            Some(at) => {
                let width = 1_u64 << (6 * u32::from(wanted.level)).min(63);
                let hash = wanted.index * 64 + at.unwrap_or_default();
                let fault = Fault::HashDiffers { position: hash.saturating_mul(width) };
                Err(JournalError::Damaged { record: wanted.record(), fault })
            }
        }
    }

    /// The head is that of the tree, and nothing lies behind the end.
    fn check_end(&self, size: u64, edge: &Edge) -> Result<(), JournalError> {
        let damaged = |record, fault| Err(JournalError::Damaged { record, fault });
        let head = head_of(&self.store)?;
        if head.size != size || head.root != edge.frontier().root() {
            return damaged(Record::Head, Fault::RootDiffers { size });
        }
        if let Some(first) = pages::page_beyond(&self.store, size)? {
            return damaged(Record::Page { first }, Fault::OutOfPlace);
        }
        let beyond = self.store.range(
            &checkpoint_key(size.saturating_add(1)),
            &checkpoint_key(u64::MAX),
            1,
        )?;
        match beyond.first() {
            Some((key, _)) => damaged(Record::of_key(key), Fault::OutOfPlace),
            None => Ok(()),
        }
    }

    fn check_countersigned(&self) -> Result<(), JournalError> {
        let Some(bytes) = self.countersigned()? else {
            return Ok(());
        };
        let record = Record::Countersigned;
        let damaged = |fault| JournalError::Damaged { record, fault };
        let countersigned = Covered { from: 0, bytes }.checkpoint();
        let Some(countersigned) = countersigned else {
            return Err(damaged(Fault::Malformed));
        };
        let size = countersigned.size;
        let stored = self.checkpoint_in(size, size.saturating_add(1))?;
        match stored.and_then(|it| it.checkpoint()) {
            Some(stored) if stored == countersigned => Ok(()),
            Some(_) | None => Err(damaged(Fault::RootDiffers { size })),
        }
    }

    fn check_rows(&self) -> Result<u64, JournalError> {
        let mut from = vec![JOURNAL + 1];
        let mut count = 0;
        loop {
            let rows = self.store.range(&from, AFTER_LAST_KEY, ROWS_PER_READ)?;
            let Some((last, _)) = rows.last() else {
                return Ok(count);
            };
            count += u64::try_from(rows.len()).unwrap_or_default();
            from = [last.as_slice(), &[0]].concat();
        }
    }
}

fn root_differs(size: u64) -> JournalError {
    JournalError::Damaged {
        record: Record::Checkpoint { size },
        fault: Fault::RootDiffers { size },
    }
}
