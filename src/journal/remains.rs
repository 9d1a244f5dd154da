//! What a damaged store still holds of a journal: batch by batch, as far as it can be read.
//!
//! Nothing here is checked but the checksums of records; whoever reads holds each batch against the
//! root that its checkpoint signs. A checkpoint that can't be read does not end the journal: its
//! batch joins the next one, whose checkpoint covers both.

use crate::domain::ids::JournalName;

use super::content;
use super::embedded::{Covered, head_of};
use super::records::{COUNTERSIGNED_KEY, NAME_KEY, Record, checkpoint_key, number_in};
use super::store::Store;
use super::{ENTRIES_PER_APPEND_MAX, ENTRIES_PER_READ_MAX, Fault, JournalError, pages};

/// Entries under one checkpoint.
#[derive(Debug)]
pub struct Remaining {
    /// The checkpoint as it was first signed.
    pub checkpoint: Vec<u8>,
    /// The entries from the position that was asked for up to the checkpoint's size.
    pub entries: Vec<Vec<u8>>,
    /// Checkpoints between that can't be read.
    pub skipped: Vec<JournalError>,
}

/// A journal in a store that may be damaged.
#[derive(Debug)]
pub struct Remains<S> {
    store: S,
    name: JournalName,
}

impl<S: Store> Remains<S> {
    /// What is left in `store` of the journal `name`.
    ///
    /// # Errors
    /// [`JournalError::OtherJournal`] if the store holds the journal of another name; a name that
    /// can't be read is no error.
    pub fn of(store: S, name: JournalName) -> Result<Self, JournalError> {
        match store.get(NAME_KEY) {
            Ok(Some(found)) if found != name.to_string().into_bytes() => {
                let found = String::from_utf8_lossy(&found).into_owned();
                Err(JournalError::OtherJournal { found })
            }
            Ok(_) | Err(_) => Ok(Self { store, name }),
        }
    }

    /// Its name.
    pub const fn name(&self) -> &JournalName {
        &self.name
    }

    /// The size that the journal had, as far as the store tells: by its head, or by its last
    /// checkpoint. `None` if neither can be read.
    pub fn size_told(&self) -> Option<u64> {
        let by_checkpoint = || {
            let (from, to) = (checkpoint_key(0), checkpoint_key(u64::MAX));
            let last = self.store.range_back(&from, &to, 1).ok()?;
            number_in(&last.first()?.0)
        };
        head_of(&self.store).ok().map(|head| head.size).or_else(by_checkpoint)
    }

    /// The latest checkpoint with the journal's second signature.
    ///
    /// # Errors
    /// The record that can't be read.
    pub fn countersigned(&self) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(content::get(&self.store, COUNTERSIGNED_KEY)?)
    }

    /// The entries from position `from` on up to the next checkpoint that can be read and is of
    /// more than `beyond` entries; `None` where there is none.
    ///
    /// # Errors
    /// The first record that can't be read.
    pub fn batch(&self, from: u64, beyond: u64) -> Result<Option<Remaining>, JournalError> {
        let mut skipped = Vec::new();
        let mut at = checkpoint_key(beyond.max(from).saturating_add(1)).to_vec();
        loop {
            let record = self.store.range(&at, &checkpoint_key(u64::MAX), 1);
            let found = match record.map(|it| it.into_iter().next()) {
                Ok(Some((key, value))) => Covered::read(&key, &value, &self.name).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(error.into()),
            };
            let size = match found {
                Ok(None) => return skipped.into_iter().next().map_or(Ok(None), Err),
                Ok(Some(covered)) => {
                    let size = covered.checkpoint().map_or(0, |it| it.size);
                    if covered.from > beyond.max(from) && skipped.is_empty() {
                        let record = Record::Checkpoint { size: covered.from };
                        skipped.push(JournalError::Damaged { record, fault: Fault::Missing });
                    }
                    let entries = self.entries(from, size)?;
                    let checkpoint = covered.bytes;
                    return Ok(Some(Remaining { checkpoint, entries, skipped }));
                }
                Err(JournalError::Damaged { record: Record::Checkpoint { size }, fault }) => {
                    let record = Record::Checkpoint { size };
                    skipped.push(JournalError::Damaged { record, fault });
                    size
                }
                Err(other) => return Err(other),
            };
            at = checkpoint_key(size.saturating_add(1)).to_vec();
        }
    }

    fn entries(&self, from: u64, size: u64) -> Result<Vec<Vec<u8>>, JournalError> {
        let count = usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX);
        if count > ENTRIES_PER_APPEND_MAX {
            let record = Record::Checkpoint { size };
            return Err(JournalError::Damaged { record, fault: Fault::OutOfPlace });
        }
        let mut entries: Vec<Vec<u8>> = Vec::with_capacity(count);
        let mut at = from;
        while at < size {
            let read = pages::read(&self.store, at, size, ENTRIES_PER_READ_MAX)?;
            at = at.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
            entries.extend(read);
        }
        Ok(entries)
    }
}
