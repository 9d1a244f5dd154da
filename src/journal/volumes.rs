//! Several volumes of one journal in one store: each has keys of its own, and all share the rows.
//!
//! | key | value |
//! |---|---|
//! | `1 …` | the first volume, as `records.rs` says |
//! | `1 v ordinal …` | a later one: the same keys behind its ordinal (2 bytes, from 1) |
//! | `l O` | ordinal of the volume that is written, once there is a later one than the first |
//!
//! A volume that is not written any more stays as it is, and is read as before. The last row is the
//! caller's: put into the batch of a new volume's first entries, it makes that volume the one that is
//! written, whole or not at all.

use super::records::{JOURNAL, NAME_KEY};
use super::store::{Batch, Records, Store, StoreError};

const VOLUME: u8 = b'v';
const CURRENT_KEY: &[u8] = b"lO";
const ORDINAL_BYTES: usize = 2;
/// Bytes that stand before what `records.rs` says, behind the journal's own byte.
const PREFIX_BYTES: usize = 1 + ORDINAL_BYTES;

/// The ordinal of the volume that is written: 0 for the first.
///
/// # Errors
/// What the store says; `Damaged` for a row that is none.
pub fn current(store: &(impl Store + ?Sized)) -> Result<u16, StoreError> {
    match store.get(CURRENT_KEY)? {
        None => Ok(0),
        Some(bytes) => match bytes.try_into() {
            Ok(bytes) => Ok(u16::from_be_bytes(bytes)),
            Err(_) => Err(StoreError::Damaged { key: CURRENT_KEY.to_vec() }),
        },
    }
}

/// The name of the volume that is written; none in a store without a journal.
///
/// # Errors
/// What the store says.
pub fn current_name(store: &(impl Store + ?Sized)) -> Result<Option<String>, StoreError> {
    let name = store.get(&below(current(store)?, NAME_KEY))?;
    Ok(name.map(|it| String::from_utf8_lossy(&it).into_owned()))
}

fn below(ordinal: u16, key: &[u8]) -> Vec<u8> {
    match key.split_first() {
        Some((&JOURNAL, rest)) if ordinal > 0 => {
            [&[JOURNAL, VOLUME][..], &ordinal.to_be_bytes(), rest].concat()
        }
        _ => key.to_vec(),
    }
}

/// How many volumes there are before the one that is written, in a store that may be damaged: as the
/// row says, or as far as there are any of the `most` that there can be.
pub fn told(store: &(impl Store + ?Sized), most: u16) -> u16 {
    let is_there = |ordinal: &u16| matches!(store.get(&below(*ordinal, NAME_KEY)), Ok(Some(_)));
    current(store).unwrap_or_else(|_| (1..=most).rev().find(is_there).unwrap_or(0))
}

/// Makes the volume `ordinal` the one that is written.
pub fn put_current(batch: &mut Batch, ordinal: u16) {
    batch.put(CURRENT_KEY, ordinal.to_be_bytes());
}

/// A store as one volume sees it: its own journal keys, and the rows of all.
#[derive(Clone, Debug)]
pub struct Volume<S> {
    inner: S,
    ordinal: u16,
}

impl<S: Store> Volume<S> {
    /// The view of the volume `ordinal`.
    pub const fn of(inner: S, ordinal: u16) -> Self {
        Self { inner, ordinal }
    }

    fn below(&self, key: &[u8]) -> Vec<u8> {
        below(self.ordinal, key)
    }

    /// The upper end of a range that begins at `from`: one that reaches to the end of the journal's
    /// keys ends with those of this volume.
    fn end(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let is_whole = from.first() == Some(&JOURNAL) && to.first() > Some(&JOURNAL);
        match (self.ordinal, is_whole) {
            (0, true) => vec![JOURNAL, VOLUME],
            (ordinal, true) => {
                [&[JOURNAL, VOLUME][..], &ordinal.saturating_add(1).to_be_bytes()].concat()
            }
            (_, false) => self.below(to),
        }
    }

    fn above(&self, key: Vec<u8>) -> Vec<u8> {
        match key.split_first() {
            Some((&JOURNAL, rest)) if self.ordinal > 0 && rest.len() >= PREFIX_BYTES => {
                [&[JOURNAL][..], rest.get(PREFIX_BYTES..).unwrap_or_default()].concat()
            }
            _ => key,
        }
    }

    fn records(&self, found: Records) -> Records {
        found.into_iter().map(|(key, value)| (self.above(key), value)).collect()
    }

    fn batch(&self, batch: &Batch) -> Batch {
        let mut below = Batch::new();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => below.put(self.below(key), value),
                None => below.delete(self.below(key)),
            }
        }
        for (key, value) in batch.expected() {
            below.expect(self.below(key), value.map(<[u8]>::to_vec));
        }
        below
    }

    fn named(&self, error: StoreError) -> StoreError {
        error.named(|key| self.above(key))
    }
}

impl<S: Store> Store for Volume<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(&self.below(key)).map_err(|error| self.named(error))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        let found = self.inner.range(&self.below(from), &self.end(from, to), limit);
        Ok(self.records(found.map_err(|error| self.named(error))?))
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        let found = self.inner.range_back(&self.below(from), &self.end(from, to), limit);
        Ok(self.records(found.map_err(|error| self.named(error))?))
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        let batch = if self.ordinal == 0 { batch } else { self.batch(&batch) };
        self.inner.apply(batch).map_err(|error| self.named(error))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let batch = if self.ordinal == 0 { batch } else { self.batch(&batch) };
        self.inner.commit(batch).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::ids::JournalName;
    use crate::journal::memory::MemoryStore;
    use crate::journal::{Append, Depth, Journal, JournalError, StoreJournal};
    use crate::merkle::checkpoint::{Checkpoint, sign_checkpoint};
    use crate::merkle::signature::Ed25519Signer;
    use crate::merkle::tree::leaf_hash;
    use crate::redact::Secret;

    type Opened = StoreJournal<Volume<Arc<MemoryStore>>>;

    fn opened(store: &Arc<MemoryStore>, ordinal: u16) -> Result<Opened, JournalError> {
        let name = JournalName::new("ita.a".parse().unwrap(), u32::from(ordinal) + 1);
        StoreJournal::open(Volume::of(Arc::clone(store), ordinal), name)
    }

    fn append(journal: &Opened, entry: &[u8], rows: Batch) {
        let mut frontier = journal.frontier().unwrap();
        frontier.push(leaf_hash(entry));
        let checkpoint = Checkpoint {
            origin: journal.name().to_string(),
            size: frontier.size(),
            root: frontier.root(),
        };
        let key = Ed25519Signer::from_seed(&Secret::new([1; 32]));
        let checkpoint = sign_checkpoint(&checkpoint, &key);
        let append = Append { entries: vec![entry.to_vec()], checkpoint, rows };
        journal.append(journal.next(), append).unwrap();
    }

    #[test]
    fn volumes_of_one_store_know_nothing_of_each_other_and_share_the_rows() {
        let store = Arc::new(MemoryStore::new());
        let first = opened(&store, 0).unwrap();
        for n in 0..40_u8 {
            append(&first, &[n; 200], Batch::new());
        }
        assert_eq!(current(store.as_ref()).unwrap(), 0);
        let second = opened(&store, 1).unwrap();
        assert_eq!(second.next(), 0);
        let mut rows = Batch::new();
        put_current(&mut rows, 1);
        append(&second, b"the first entry of the second", rows);
        assert_eq!(current(store.as_ref()).unwrap(), 1);
        let third = opened(&store, 2).unwrap();
        append(&third, b"another", Batch::new());
        drop((first, second, third));
        for (ordinal, size) in [(0, 40), (1, 1), (2, 1)] {
            let journal = opened(&store, ordinal).unwrap();
            assert_eq!(journal.next(), size);
            let checked = journal.check(Depth::Full).unwrap();
            assert_eq!((checked.entries, checked.rows), (size, 1));
        }
        let entries = opened(&store, 1).unwrap().read(0, 9).unwrap();
        assert_eq!(entries, [b"the first entry of the second"]);
        assert!(opened(&store, 0).unwrap().read(39, 9).unwrap().len() == 1);
    }

    #[test]
    fn another_journal_in_the_place_of_a_volume_is_refused() {
        let store = Arc::new(MemoryStore::new());
        append(&opened(&store, 1).unwrap(), b"an entry", Batch::new());
        let name = JournalName::new("ita.b".parse().unwrap(), 2);
        let found = StoreJournal::open(Volume::of(store, 1), name);
        assert!(
            matches!(found, Err(JournalError::OtherJournal { found }) if found == "ita.a/journal/2")
        );
    }
}
