//! Keys and files of a node that takes them for more gone, or more durable, than they are.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rogatory::journal::files::memory::MemoryFiles;
use rogatory::journal::files::{FileDisk, FileId, Found, Growth};
use rogatory::journal::slot_disks::MemorySlots;
use rogatory::journal::slots::SlotDisk;

use super::Fault;

/// The slots of a node that may break a promise.
pub struct FaultySlots {
    /// The slots themselves.
    pub inner: MemorySlots,
    /// Which promise.
    pub fault: Fault,
}

impl SlotDisk for FaultySlots {
    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.inner.read(at, into)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.fault == Fault::ErasesInWordOnly && end <= self.inner.length()? {
            return Ok(());
        }
        self.inner.write(at, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.inner.sync()
    }
}

/// The files of a node that may break a promise.
pub struct FaultyFiles {
    inner: MemoryFiles,
    fault: Fault,
    finished: Mutex<Vec<FileId>>,
}

impl FaultyFiles {
    /// The files of a node from its start on.
    pub fn over(inner: MemoryFiles, fault: Fault) -> Self {
        Self { inner, fault, finished: Mutex::default() }
    }

    fn finished(&self) -> MutexGuard<'_, Vec<FileId>> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node has crashed: of what was finished and never synced something is gone.
impl Drop for FaultyFiles {
    fn drop(&mut self) {
        if self.fault == Fault::TrustsFilesUnsynced {
            for id in self.finished().drain(..) {
                self.inner.flip(id, 0);
            }
        }
    }
}

impl FileDisk for FaultyFiles {
    fn begin(&self, id: FileId) -> io::Result<()> {
        self.inner.begin(id)
    }

    fn growth(&self, id: FileId) -> io::Result<Growth> {
        self.inner.growth(id)
    }

    fn append(&self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.append(id, at, bytes)
    }

    fn sync(&self, id: FileId) -> io::Result<u64> {
        self.inner.sync(id)
    }

    fn finish(&self, id: FileId) -> io::Result<u64> {
        let length = self.inner.finish(id)?;
        self.finished().push(id);
        Ok(length)
    }

    fn length(&self, id: FileId) -> io::Result<u64> {
        self.inner.length(id)
    }

    fn read(&self, id: FileId, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.inner.read(id, at, into)
    }

    fn remove(&self, id: FileId) -> io::Result<()> {
        self.inner.remove(id)
    }

    fn list(&self) -> io::Result<Vec<Found>> {
        self.inner.list()
    }
}
