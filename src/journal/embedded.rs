//! The journal on a [`Store`]: each append is one commit.
//!
//! Nothing of the history is held in memory: an append reads the head, the last page and the tiles
//! at the edge (a handful of values), and writes them again, longer. The head is what the commit
//! compares, so two journals on one store cannot both append.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::domain::digest::Digest;
use crate::domain::ids::JournalName;
use crate::domain::limits::ENTRY_BYTES_MAX;
use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::merkle::tree::{Frontier, Hashes, empty_root, leaf_hash};

use super::content;
use super::pages::{self, Page};
use super::records::{
    COUNTERSIGNED_KEY, HEAD_KEY, Head, JOURNAL, NAME_KEY, Record, checkpoint_key, is_reserved,
    number_in, page_key,
};
use super::store::{Batch, Store, StoreError};
use super::tiles::{self, Edge};
use super::{
    Append, AppendError, Depth, ENTRIES_PER_APPEND_MAX, ENTRIES_PER_READ_MAX, Fault, Journal,
    JournalError, must_be_durable,
};

/// A [`Journal`] on any [`Store`], which its projections may share (with keys of their own).
#[derive(Debug)]
pub struct StoreJournal<S> {
    pub(super) store: S,
    name: JournalName,
    /// Number of entries known to be durable: what readers may see.
    durable: AtomicU64,
    /// Held by whoever appends, across the commit. Readers never take it.
    appending: Mutex<()>,
}

impl<S: Store> StoreJournal<S> {
    /// Opens the journal `name` in `store`, or begins it if the store holds none. What a process
    /// that stopped had written without syncing is made durable, and the last batch is checked
    /// against its checkpoint.
    ///
    /// # Errors
    /// [`JournalError::OtherJournal`], or [`JournalError::Damaged`] naming the record and position.
    pub fn open(store: S, name: JournalName) -> Result<Self, JournalError> {
        store.commit(Batch::new())?;
        match store.get(NAME_KEY)? {
            Some(found) if found == name.to_string().into_bytes() => {}
            Some(found) => {
                let found = String::from_utf8_lossy(&found).into_owned();
                return Err(JournalError::OtherJournal { found });
            }
            None => begin(&store, &name)?,
        }
        let size = head_of(&store)?.size;
        let journal =
            Self { store, name, durable: AtomicU64::new(size), appending: Mutex::new(()) };
        match journal.check(Depth::Tail) {
            Ok(_) => Ok(journal),
            // The tail alone can't tell which of two records is wrong; all entries can.
            Err(tail @ JournalError::Damaged { fault: Fault::RootDiffers { .. }, .. }) => {
                Err(journal.check(Depth::Full).err().unwrap_or(tail))
            }
            Err(error) => Err(error),
        }
    }

    /// The store, for rows that are not the journal's.
    pub fn store(&self) -> &S {
        &self.store
    }

    pub(super) fn hold(&self) -> Result<MutexGuard<'_, ()>, JournalError> {
        self.appending.lock().map_err(|_| JournalError::Store(StoreError::abandoned()))
    }

    /// The stored checkpoint of least size in `from..to`.
    pub(super) fn checkpoint_in(
        &self,
        from: u64,
        to: u64,
    ) -> Result<Option<Covered>, JournalError> {
        let found = self.store.range(&checkpoint_key(from), &checkpoint_key(to), 1)?;
        found.first().map(|(key, value)| Covered::read(key, value, &self.name)).transpose()
    }

    /// Everything that the append changes, the comparison included.
    fn batch(&self, head: Head, append: Append) -> Result<(u64, Batch), AppendError> {
        let mut edge = Edge::load(&self.store, head.size).map_err(AppendError::Failed)?;
        let mut page = pages::tail(&self.store, head.size).map_err(AppendError::Failed)?;
        let mut frontier = edge.frontier();
        let mut batch = append.rows;
        for entry in &append.entries {
            if !page.push(entry) {
                let full = std::mem::replace(&mut page, Page::empty(frontier.size()));
                batch.put(page_key(full.first), full.bytes);
                assert!(page.push(entry), "an entry within its limit fits into an empty page");
            }
            let leaf = leaf_hash(entry);
            frontier.push(leaf);
            edge.push(leaf).iter().for_each(|tile| tile.put_into(&mut batch));
        }
        batch.put(page_key(page.first), page.bytes);
        edge.changed().iter().for_each(|tile| tile.put_into(&mut batch));

        let new = Head { size: frontier.size(), root: frontier.root() };
        let covered = Covered { from: head.size, bytes: append.checkpoint };
        covered.check(&self.name, new)?;
        batch.put(checkpoint_key(new.size), covered.to_bytes());
        batch.expect(HEAD_KEY, Some(head.to_bytes()));
        batch.put(HEAD_KEY, new.to_bytes());
        Ok((new.size, batch))
    }

    /// Somebody else has appended. What they wrote is made durable before it is shown.
    fn moved(&self) -> AppendError {
        let next = head_of(&self.store).and_then(|head| {
            self.store.commit(Batch::new())?;
            Ok(head.size)
        });
        match next {
            Ok(next) => {
                self.durable.fetch_max(next, Ordering::SeqCst);
                AppendError::Moved { next }
            }
            Err(e) => AppendError::Failed(e),
        }
    }
}

impl<S: Store> Journal for StoreJournal<S> {
    fn name(&self) -> &JournalName {
        &self.name
    }

    fn next(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    fn append(&self, expected_next: u64, append: Append) -> Result<(), AppendError> {
        check_append(&append)?;
        let _turn = self.hold().map_err(AppendError::Failed)?;
        let head = head_of(&self.store).map_err(AppendError::Failed)?;
        if head.size != expected_next {
            return Err(self.moved());
        }
        let (next, batch) = match self.batch(head, append) {
            Ok(batch) => batch,
            // What was read may be that of another writer who came in between; nothing is written.
            Err(error) => {
                let now = head_of(&self.store).map_err(AppendError::Failed)?;
                return Err(if now.size == expected_next { error } else { self.moved() });
            }
        };
        match self.store.commit(batch) {
            Ok(()) => {
                self.durable.fetch_max(next, Ordering::SeqCst);
                Ok(())
            }
            Err(StoreError::Unexpected { key }) if key == HEAD_KEY => Err(self.moved()),
            Err(e) if e.is_refusal() => Err(AppendError::Refused(e)),
            Err(e) => Err(AppendError::Failed(e.into())),
        }
    }

    fn read(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, JournalError> {
        pages::read(&self.store, from, self.next(), limit.min(ENTRIES_PER_READ_MAX))
    }

    fn frontier(&self) -> Result<Frontier, JournalError> {
        Ok(Edge::load(&self.store, self.next())?.frontier())
    }

    fn complete(&self, level: u8, index: u64) -> Result<Digest, JournalError> {
        must_be_durable(self.next(), level, index)?;
        tiles::complete(&self.store, level, index)
    }

    fn tile(&self, level: u8, index: u64) -> Result<Vec<Digest>, JournalError> {
        match tiles::durable_in(self.next(), level, index) {
            0 => Ok(Vec::new()),
            known => tiles::load(&self.store, level, index, known),
        }
    }

    fn checkpoint_covering(&self, position: u64) -> Result<Option<Vec<u8>>, JournalError> {
        let next = self.next();
        if position >= next {
            return Ok(None);
        }
        let covered = self.checkpoint_in(position + 1, next.saturating_add(1))?;
        match covered {
            Some(covered) if covered.from <= position => Ok(Some(covered.bytes)),
            Some(covered) => Err(missing_checkpoint(covered.from)),
            None => Err(missing_checkpoint(next)),
        }
    }

    fn latest_checkpoint(&self) -> Result<Option<Vec<u8>>, JournalError> {
        match self.next().checked_sub(1) {
            Some(last) => self.checkpoint_covering(last),
            None => Ok(None),
        }
    }

    fn countersigned(&self) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(content::get(&self.store, COUNTERSIGNED_KEY)?)
    }

    fn put_countersigned(&self, size: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let _turn = self.hold()?;
        let unknown = || JournalError::UnknownCheckpoint { size };
        let stored = match size <= self.next() {
            true => self.checkpoint_in(size, size.saturating_add(1))?.ok_or_else(unknown)?,
            false => return Err(unknown()),
        };
        let offered = SignedCheckpoint::parse(bytes).map_err(|_| unknown())?.checkpoint;
        if Some(&offered) != stored.checkpoint().as_ref() {
            return Err(unknown());
        }
        if let Some(latest) = self.countersigned()?
            && let Ok(latest) = SignedCheckpoint::parse(&latest)
            && latest.checkpoint.size > size
        {
            return Err(JournalError::Outdated { latest: latest.checkpoint.size });
        }
        let mut batch = Batch::new();
        content::replace(&self.store, &mut batch, COUNTERSIGNED_KEY, bytes)?;
        Ok(self.store.commit(batch)?)
    }
}

impl<S: Store> Hashes for StoreJournal<S> {
    type Error = JournalError;

    fn complete(&self, level: u8, index: u64) -> Result<Digest, JournalError> {
        Journal::complete(self, level, index)
    }
}

/// A checkpoint with the position at which its batch begins. The latter makes a checkpoint that
/// is gone noticed: the next one does not begin where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) from: u64,
    pub(super) bytes: Vec<u8>,
}

impl Covered {
    fn to_bytes(&self) -> Vec<u8> {
        [&self.from.to_be_bytes()[..], &self.bytes].concat()
    }

    /// Reads a checkpoint that must be one of `name` and of the size that its key says.
    pub(super) fn read(key: &[u8], value: &[u8], name: &JournalName) -> Result<Self, JournalError> {
        let covered = value
            .split_first_chunk()
            .map(|(from, bytes)| Self { from: u64::from_be_bytes(*from), bytes: bytes.to_vec() });
        let fits = |it: &Self| {
            it.checkpoint().is_some_and(|checkpoint| {
                checkpoint.origin == name.to_string()
                    && Some(checkpoint.size) == number_in(key)
                    && it.from < checkpoint.size
            })
        };
        covered.filter(fits).ok_or_else(|| JournalError::Damaged {
            record: Record::of_key(key),
            fault: Fault::Malformed,
        })
    }

    /// What the checkpoint says; `None` if it is none.
    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        SignedCheckpoint::parse(&self.bytes).ok().map(|signed| signed.checkpoint)
    }

    fn check(&self, name: &JournalName, head: Head) -> Result<(), AppendError> {
        let why = match self.checkpoint() {
            None => "it is malformed",
            Some(it) if it.origin != name.to_string() => "it is of another journal",
            Some(it) if it.size != head.size => "its size is another",
            Some(it) if it.root != head.root => "its root is another",
            Some(_) => return Ok(()),
        };
        Err(AppendError::Checkpoint { why })
    }
}

/// A store without a name must be without a journal too.
fn begin(store: &impl Store, name: &JournalName) -> Result<(), JournalError> {
    if !store.range(&[JOURNAL], &[JOURNAL + 1], 1)?.is_empty() {
        return Err(JournalError::Damaged { record: Record::Name, fault: Fault::Missing });
    }
    let mut batch = Batch::new();
    batch.expect(NAME_KEY, None);
    batch.put(NAME_KEY, name.to_string());
    batch.put(HEAD_KEY, Head { size: 0, root: empty_root() }.to_bytes());
    Ok(store.commit(batch)?)
}

pub(super) fn head_of(store: &impl Store) -> Result<Head, JournalError> {
    let damaged = |fault| JournalError::Damaged { record: Record::Head, fault };
    let bytes = store.get(HEAD_KEY)?.ok_or_else(|| damaged(Fault::Missing))?;
    Head::from_bytes(&bytes).ok_or_else(|| damaged(Fault::Malformed))
}

pub(super) fn missing_checkpoint(size: u64) -> JournalError {
    JournalError::Damaged { record: Record::Checkpoint { size }, fault: Fault::Missing }
}

fn check_append(append: &Append) -> Result<(), AppendError> {
    let count = append.entries.len();
    if !(1..=ENTRIES_PER_APPEND_MAX).contains(&count) {
        return Err(AppendError::EntryCount { count });
    }
    let is_odd = |entry: &Vec<u8>| !(1..=ENTRY_BYTES_MAX).contains(&entry.len());
    if let Some(index) = append.entries.iter().position(is_odd) {
        let bytes = append.entries.get(index).map_or(0, Vec::len);
        return Err(AppendError::EntrySize { index, bytes });
    }
    if append.rows.writes().any(|(key, _)| is_reserved(key)) {
        return Err(AppendError::ReservedKey);
    }
    Ok(())
}
