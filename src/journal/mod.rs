//! What happened, in order, for good: the journal of a node and the store that it stands in.
//!
//! In come entries as canonical bytes, each batch with the checkpoint that covers it and the rows
//! that follow from it; out come the same bytes, hashes for proofs, and checkpoints byte for byte
//! as they were first signed. `journal/` does not know what an entry says, what a request is, or
//! whose key signs; the writer decides, signs and answers (`node/`), folds are `history/`'s.
//!
//! Three things hold throughout. *Sync before answering*: what [`Journal::next`] counts is on the
//! disk. *One truth*: entries are hashed and kept as they came, never encoded again. *Nothing by
//! heart*: memory does not grow with history; each record is read, checked and let go.
//!
//! Order of reading: `store` (atomic batches), its backends `sled` (with `folder`, `mark`, `tail` and `watch`) and `memory`, `format`
//! (may it be read at all?), `records` (which key holds what), `pages` (entries), `tiles` (hashes), `embedded` (the
//! journal on a store), `disk` (how much room is there?), `check` (does everything fit together?), `remains` (what a
//! damaged store still holds), `content` (what is sealed and can be erased), `sealed` (nothing in plaintext), `slots`
//! with `slot_disks` (keys that can be destroyed), `files` (large files beside the store), `volumes` (several of a journal
//! in one store), `published` (the journal as files for auditors).

mod check;
pub mod content;
#[cfg(test)]
mod contract;
pub mod disk;
mod embedded;
mod engine;
pub mod files;
mod folder;
pub mod format;
mod kept;
mod mark;
pub mod memory;
mod pages;
pub mod published;
mod records;
pub mod remains;
pub mod seal;
pub mod sealed;
pub mod settled;
mod sled;
pub mod slot_disks;
pub mod slots;
pub mod store;
mod tail;
mod tiles;
pub mod volumes;
pub mod watch;

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::domain::ids::JournalName;
use crate::domain::limits::ENTRY_BYTES_MAX;
use crate::merkle::tree::{Frontier, Hashes};

pub use self::check::{Checked, Depth};
pub use self::embedded::StoreJournal;
pub use self::records::Record;
use self::store::{Batch, StoreError};

/// Most entries that one append may carry.
pub const ENTRIES_PER_APPEND_MAX: usize = 2048;
/// Most entries that one [`Journal::read`] gives.
pub const ENTRIES_PER_READ_MAX: usize = 1024;

/// One batch: it becomes durable whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// Canonical bytes, each 1 to [`ENTRY_BYTES_MAX`] long; at least one,
    /// [`ENTRIES_PER_APPEND_MAX`] at most.
    pub entries: Vec<Vec<u8>>,
    /// Checkpoint over all entries up to and with these, a signed note.
    pub checkpoint: Vec<u8>,
    /// What else changes with it: projections, sealed content. Keys that begin with byte 0 or 1
    /// are the store's and the journal's own.
    pub rows: Batch,
}

/// The record of one journal volume: entries at positions 0, 1, 2 and so on without holes, the
/// Merkle tree over them (RFC 6962), and its checkpoints.
///
/// **Order.** An append puts its entries behind all others, in the order given. Nothing is ever
/// changed, moved or removed.
///
/// **Compare-and-append.** `expected_next` is the position at which the caller believes the
/// journal to end. If it ends elsewhere, [`AppendError::Moved`] says where and nothing changes: the
/// caller was not the only writer, and must fold what it has not seen before it decides again.
/// Comparing and appending are one step, so two writers can never both append at one position.
///
/// **Durability.** When `append` returns `Ok`, entries, hashes, checkpoint and rows are on the
/// disk, all in one commit. Only then does `next` count them and does any other method show them.
/// Checkpoint and answers leave the node after that and not before.
///
/// **Unknown outcome.** After an error for which [`AppendError::is_fatal`] holds nobody knows
/// whether the batch is durable. The journal is closed; the program ends with exit status 74 and
/// does not try again. At the next opening the batch is there whole or not at all.
///
/// **Sameness.** `checkpoint_covering` gives for a position the same bytes for ever, so a receipt
/// that is asked for again is byte for byte the one first given.
///
/// **Who may call.** `append` and `put_countersigned` are the writer's. All else may be called by
/// anyone at any time, and waits for no commit.
pub trait Journal: Send + Sync {
    /// The journal's name: origin line of its checkpoints.
    fn name(&self) -> &JournalName;

    /// The position that the next entry gets: number of durable entries.
    fn next(&self) -> u64;

    /// Appends a batch behind position `expected_next - 1`.
    fn append(&self, expected_next: u64, append: Append) -> Result<(), AppendError>;

    /// Entries from position `from` on, as they were appended: `limit` of them, or as many as are
    /// durable, and never more than [`ENTRIES_PER_READ_MAX`].
    fn read(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, JournalError>;

    /// The tree over the durable entries, ready to grow.
    fn frontier(&self) -> Result<Frontier, JournalError>;

    /// Hash of the complete subtree of 2^`level` leaves that starts at position
    /// `index << level`; [`JournalError::Absent`] unless all of them are durable.
    fn complete(&self, level: u8, index: u64) -> Result<Digest, JournalError>;

    /// The hashes of tile `index` of level `level`, as far as they are durable: those of the complete
    /// subtrees of 64^`level` leaves from number `64 * index` on, 64 at most and perhaps none.
    fn tile(&self, level: u8, index: u64) -> Result<Vec<Digest>, JournalError>;

    /// The checkpoint that was appended together with the entry at `position`: the one of least
    /// size that covers it. `None` while there is no such entry.
    fn checkpoint_covering(&self, position: u64) -> Result<Option<Vec<u8>>, JournalError>;

    /// The checkpoint over all durable entries; `None` while there are none.
    fn latest_checkpoint(&self) -> Result<Option<Vec<u8>>, JournalError>;

    /// The checkpoint of greatest size that was given to [`Journal::put_countersigned`].
    fn countersigned(&self) -> Result<Option<Vec<u8>>, JournalError>;

    /// Keeps a checkpoint of `size` with more signatures than it was born with, durably. A later
    /// one takes its place, since the tree only grows and the later one covers what the earlier
    /// did.
    ///
    /// # Errors
    /// [`JournalError::UnknownCheckpoint`] unless the text is that of the stored checkpoint of
    /// this size, [`JournalError::Outdated`] if a later one is there. Any other error is final, as
    /// for `append`.
    fn put_countersigned(&self, size: u64, bytes: &[u8]) -> Result<(), JournalError>;
}

/// The hashes of any journal, for the proofs of `merkle/`: one proof, or one page of proofs, reads
/// each tile once. What is remembered is bounded, and goes with this value.
pub struct JournalHashes<'a> {
    journal: &'a dyn Journal,
    tiles: RefCell<BTreeMap<(u8, u64), Vec<Digest>>>,
    subtrees: RefCell<BTreeMap<(u8, u64), Digest>>,
}

/// Most tiles that proofs remember: 2 KiB each.
const TILES_REMEMBERED_MAX: usize = 128;
/// Most hashes of subtrees that proofs remember.
const SUBTREES_REMEMBERED_MAX: usize = 4096;

impl<'a> JournalHashes<'a> {
    /// Those of `journal`, of which nothing was read yet.
    pub fn over(journal: &'a dyn Journal) -> Self {
        Self { journal, tiles: RefCell::default(), subtrees: RefCell::default() }
    }

    fn subtree(&self, level: u8, index: u64) -> Result<Digest, JournalError> {
        let place = tiles::Place::of(level, index);
        let mut read = self.tiles.borrow_mut();
        let known = read.get(&(place.level, place.index));
        if let Some(hash) = known.and_then(|it| place.fold(it)) {
            return Ok(hash);
        }
        // It was not read yet, or has grown since.
        let tile = self.journal.tile(place.level, place.index)?;
        let hash = place.fold(&tile).ok_or_else(|| place.missing())?;
        if read.len() >= TILES_REMEMBERED_MAX {
            read.clear();
        }
        read.insert((place.level, place.index), tile);
        Ok(hash)
    }
}

impl Hashes for JournalHashes<'_> {
    type Error = JournalError;

    fn complete(&self, level: u8, index: u64) -> Result<Digest, JournalError> {
        if let Some(hash) = self.subtrees.borrow().get(&(level, index)) {
            return Ok(*hash);
        }
        must_be_durable(self.journal.next(), level, index)?;
        let hash = self.subtree(level, index)?;
        let mut known = self.subtrees.borrow_mut();
        if known.len() >= SUBTREES_REMEMBERED_MAX {
            known.clear();
        }
        known.insert((level, index), hash);
        Ok(hash)
    }
}

/// Refuses a subtree that is not complete among the first `next` entries.
fn must_be_durable(next: u64, level: u8, index: u64) -> Result<(), JournalError> {
    let end = index.checked_add(1).filter(|it| u32::from(level) <= it.leading_zeros());
    let end = end.and_then(|end| end.checked_shl(u32::from(level)));
    match end {
        Some(end) if end <= next => Ok(()),
        Some(_) | None => {
            let position = end.map_or(u64::MAX, |end| end - 1);
            Err(JournalError::Absent { position })
        }
    }
}

/// Why a batch was not appended, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The checkpoint is not one over this journal with these entries.
    #[error("the checkpoint does not cover the batch: {why}")]
    Checkpoint {
        /// What does not fit.
        why: &'static str,
    },
    /// An entry is empty or too long.
    #[error("entry {index} of the batch has {bytes} bytes, not 1 to {ENTRY_BYTES_MAX}")]
    EntrySize {
        /// Which entry of the batch, from 0.
        index: usize,
        /// How long it is.
        bytes: usize,
    },
    /// Storing failed: the outcome is unknown and the journal closed.
    #[error("the journal failed: the outcome of the batch is unknown")]
    Failed(#[source] JournalError),
    /// The journal ends elsewhere.
    #[error("the journal goes on at position {next}")]
    Moved {
        /// Where it ends.
        next: u64,
    },
    /// No entry, or more than [`ENTRIES_PER_APPEND_MAX`].
    #[error("{count} entries in a batch, 1 to {ENTRIES_PER_APPEND_MAX} are possible")]
    EntryCount {
        /// How many there are.
        count: usize,
    },
    /// A row has a key that belongs to the store or the journal.
    #[error("a row's key begins with a byte that is not the caller's")]
    ReservedKey,
    /// The store refused the batch as too large, or because a row is not what it expects.
    #[error("the store refused the batch")]
    Refused(#[source] StoreError),
}

impl AppendError {
    /// Whether nobody knows what became of the batch; the program must end. All other errors mean
    /// that nothing was changed.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Checkpoint { .. }
            | Self::EntrySize { .. }
            | Self::Moved { .. }
            | Self::EntryCount { .. }
            | Self::ReservedKey
            | Self::Refused(_) => false,
        }
    }
}

/// Why a journal cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no entry at this position yet.
    #[error("position {position} is not recorded")]
    Absent {
        /// The position.
        position: u64,
    },
    /// A record cannot be trusted.
    #[error("{record}: {fault}")]
    Damaged {
        /// Which one.
        record: Record,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The store holds the journal of another name.
    #[error("the store holds the journal {found}")]
    OtherJournal {
        /// Whose.
        found: String,
    },
    /// A checkpoint of greater size is countersigned already.
    #[error("a checkpoint of size {latest} is countersigned already")]
    Outdated {
        /// Its size.
        latest: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// No stored checkpoint has this size and text.
    #[error("there is no such checkpoint of size {size}")]
    UnknownCheckpoint {
        /// The size that was claimed.
        size: u64,
    },
}

impl From<StoreError> for JournalError {
    /// A damaged record is named as what it is to the journal.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { key } => {
                Self::Damaged { record: Record::of_key(&key), fault: Fault::Checksum }
            }
            other @ (StoreError::Engine { .. }
            | StoreError::Failed { .. }
            | StoreError::Format { .. }
            | StoreError::InUse
            | StoreError::Key
            | StoreError::Io { .. }
            | StoreError::Lost { .. }
            | StoreError::Settled { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Unexpected { .. }) => Self::Store(other),
        }
    }
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its checksum does not hold.
    #[error("its checksum does not hold")]
    Checksum,
    /// A row is not the one that folding the entries gives.
    #[error("it is not what the entries give")]
    FoldDiffers,
    /// The entry at this position is not the one that was hashed.
    #[error("the entry at position {position} is not the one that was hashed")]
    EntryDiffers {
        /// Where.
        position: u64,
    },
    /// It cannot be read as what it should be.
    #[error("it is malformed")]
    Malformed,
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// It is no part of this journal.
    #[error("it has no place in this journal")]
    OutOfPlace,
    /// It does not lead to the root that was signed.
    #[error("it does not fit the root of the tree at size {size}")]
    RootDiffers {
        /// Size of the tree.
        size: u64,
    },
    /// The hash at this position differs from what the entries give.
    #[error("the hash over position {position} is not that of the entries")]
    HashDiffers {
        /// First position under the hash.
        position: u64,
    },
}
