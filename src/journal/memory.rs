//! The store of the simulator: the same promise as on disk, with crashes and faults at will.
//!
//! A [`MemoryDisk`] outlives the stores that are opened on it, as a disk outlives processes. A
//! crash drops the batches that were not yet durable, the latest first and always whole ones;
//! what remains can be opened again. Faults are ordered in advance by number and strike without
//! chance, so one schedule gives one run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::entropy::{self, Entropy};

use super::store::{Batch, FORMAT, FORMAT_KEY, Records, Store, StoreError, checked, guarded};

/// Where a commit that is to fail fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// Before anything was written.
    BeforeWritten,
    /// Written, but not known to be durable: a crash may keep or drop it.
    BeforeDurable,
    /// Durable all the same: failed but written.
    AfterDurable,
}

/// What a batch replaced, so that a crash can put it back.
type Undo = Vec<(Vec<u8>, Option<Vec<u8>>)>;

#[derive(Clone, Debug, Default)]
struct Disk {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// One for each batch that is not durable yet, oldest first.
    unsynced: Vec<Undo>,
    /// Grows with each opening and each crash; a store of an older one is dead.
    opening: u64,
    is_open: bool,
    commits: u64,
    fault: Option<(u64, CommitFault)>,
    bytes: usize,
    bytes_max: Option<usize>,
}

impl Disk {
    fn set(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let added = value.as_ref().map_or(0, |it| it.len() + key.len());
        let old = match value {
            Some(value) => self.records.insert(key.to_vec(), value),
            None => self.records.remove(key),
        };
        let removed = old.as_ref().map_or(0, |it| it.len() + key.len());
        self.bytes = (self.bytes + added).saturating_sub(removed);
        old
    }

    fn write(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.bytes_max.is_some_and(|max| self.bytes + batch.bytes() > max) {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(StoreError::Io { doing: "use its files", source });
        }
        let mut undo = Undo::new();
        for (key, value) in batch.writes() {
            let old = self.set(key, value.map(|value| guarded(key, value)));
            undo.push((key.to_vec(), old));
        }
        self.unsynced.push(undo);
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.commits += 1;
        let fault = self.fault.take_if(|(number, _)| *number == self.commits).map(|(_, it)| it);
        if fault == Some(CommitFault::BeforeWritten) {
            return Err(sync_failed());
        }
        self.write(batch)?;
        if fault != Some(CommitFault::BeforeDurable) {
            self.unsynced.clear();
        }
        if fault.is_some() { Err(sync_failed()) } else { Ok(()) }
    }
}

/// What lies under [`MemoryStore`]s; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk of its own with what is durable on this one now, as a copy of it is at rest.
    pub fn copy(&self) -> Self {
        let disk = Disk { fault: None, ..self.lock().clone() };
        let copy = Self(Arc::new(Mutex::new(disk)));
        copy.crash(0);
        copy
    }

    /// Power is lost: the store that is open is dead, and of the batches that were not durable
    /// only the first `keep` remain. Returns how many were dropped.
    pub fn crash(&self, keep: usize) -> usize {
        let mut disk = self.lock();
        let kept = keep.min(disk.unsynced.len());
        let lost = disk.unsynced.split_off(kept);
        for undo in lost.iter().rev() {
            for (key, old) in undo.iter().rev() {
                disk.set(key, old.clone());
            }
        }
        // What lies on a disk when power returns is what lies on it.
        disk.unsynced.clear();
        disk.opening += 1;
        disk.is_open = false;
        lost.len()
    }

    /// As [`MemoryDisk::crash`], where chance says how many remain.
    pub fn crash_by(&self, chance: &dyn Entropy) -> usize {
        let choices = u64::try_from(self.unsynced()).unwrap_or(u64::MAX).saturating_add(1);
        let keep = u64::from_be_bytes(entropy::bytes(chance)) % choices;
        self.crash(usize::try_from(keep).unwrap_or(usize::MAX))
    }

    /// Number of batches that a crash could drop now.
    pub fn unsynced(&self) -> usize {
        self.lock().unsynced.len()
    }

    /// Number of commits that were tried so far.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// The `nth` commit from now (1 is the next one) fails as `fault` says.
    pub fn fail_commit(&self, nth: u64, fault: CommitFault) {
        let mut disk = self.lock();
        disk.fault = Some((disk.commits + nth, fault));
    }

    /// The disk holds no more than this many bytes of keys and values; `None` lifts the limit.
    pub fn set_bytes_max(&self, max: Option<usize>) {
        self.lock().bytes_max = max;
    }

    /// Bytes of keys and stored values.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Flips one bit of what is stored under `key`; `false` if there is no such byte.
    pub fn flip_bit(&self, key: &[u8], bit: usize) -> bool {
        let mut disk = self.lock();
        let byte = disk.records.get_mut(key).and_then(|stored| stored.get_mut(bit / 8));
        byte.map(|byte| *byte ^= 1 << (bit % 8)).is_some()
    }

    /// Never held while waiting; a panic of another holder leaves maps that are still maps.
    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A [`Store`] on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    opening: u64,
    failed: OnceLock<String>,
}

impl MemoryStore {
    /// A store on a new disk of its own.
    pub fn new() -> Self {
        Self::open(&MemoryDisk::new()).expect("a new disk is free, empty and without faults")
    }

    /// Opens what lies on `disk`.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another store is open on it, [`StoreError::Format`] if it holds
    /// something else, and the disk's faults.
    pub fn open(disk: &MemoryDisk) -> Result<Self, StoreError> {
        let opening = {
            let mut inner = disk.lock();
            if inner.is_open {
                return Err(StoreError::InUse);
            }
            inner.is_open = true;
            inner.opening += 1;
            inner.opening
        };
        let store = Self { disk: disk.clone(), opening, failed: OnceLock::new() };
        match store.get(FORMAT_KEY)? {
            Some(found) if found == FORMAT => Ok(store),
            Some(found) => Err(StoreError::Format { found: Some(found) }),
            None if store.disk.lock().records.is_empty() => {
                let mut batch = Batch::new();
                batch.put(FORMAT_KEY, FORMAT);
                store.commit(batch).map(|()| store)
            }
            None => Err(StoreError::Format { found: None }),
        }
    }

    /// The disk that the store is on.
    pub fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    fn live(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.disk.lock();
        let ended = (disk.opening != self.opening).then(|| "its process ended".to_owned());
        match self.failed.get().cloned().or(ended) {
            Some(first) => Err(StoreError::Failed { first }),
            None => Ok(disk),
        }
    }

    fn change(
        &self,
        batch: &Batch,
        write: impl Fn(&mut Disk, &Batch) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut disk = self.live()?;
        batch.check_limits()?;
        for (key, wanted) in batch.expected() {
            let found = disk.records.get(key).map(|stored| checked(key, stored)).transpose()?;
            if found.as_deref() != wanted {
                return Err(StoreError::Unexpected { key: key.to_vec() });
            }
        }
        write(&mut disk, batch).inspect_err(|error| {
            self.failed.get_or_init(|| error.in_words());
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for MemoryStore {
    /// Closes as the end of a process does: nothing becomes durable by it.
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.opening == self.opening {
            disk.is_open = false;
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.live()?.records.get(key).map(|stored| checked(key, stored)).transpose()
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        if from >= to {
            return Ok(Records::new());
        }
        let disk = self.live()?;
        let found = disk
            .records
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        collect(found, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        if from >= to {
            return Ok(Records::new());
        }
        let disk = self.live()?;
        let found = disk
            .records
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        collect(found.rev(), limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.change(&batch, Disk::write)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.change(&batch, Disk::commit)
    }
}

fn collect<'a>(
    found: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>,
    limit: usize,
) -> Result<Records, StoreError> {
    found.take(limit).map(|(key, stored)| Ok((key.clone(), checked(key, stored)?))).collect()
}

fn sync_failed() -> StoreError {
    StoreError::Io { doing: "sync its file", source: std::io::Error::other("fault ordered") }
}
