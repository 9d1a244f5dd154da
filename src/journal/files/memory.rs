//! Files in memory, with crashes, for the simulator.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{FileDisk, FileId, FileKind, Found, Growth};

#[derive(Clone, Debug, Default)]
struct Entry {
    bytes: Vec<u8>,
    durable: usize,
    is_finished: bool,
    /// Whether the length was looked at since the last crash.
    is_open: bool,
}

impl Entry {
    fn growth(&mut self) -> io::Result<Growth> {
        if self.is_finished {
            return Err(ErrorKind::NotFound.into());
        }
        if !self.is_open {
            self.bytes.truncate(self.durable);
            self.is_open = true;
        }
        Ok(Growth { length: length(&self.bytes), durable: count(self.durable) })
    }
}

#[derive(Clone, Debug, Default)]
struct Memory {
    files: BTreeMap<FileId, Entry>,
    /// Bytes for which there is room; none for no bound.
    room: Option<u64>,
    syncs: u64,
    is_failing: bool,
}

impl Memory {
    fn part(&mut self, id: FileId) -> io::Result<&mut Entry> {
        let part = self.files.get_mut(&id).filter(|it| !it.is_finished);
        let part = part.ok_or(ErrorKind::NotFound)?;
        part.growth()?;
        Ok(part)
    }

    fn synced(&mut self) -> io::Result<()> {
        if self.is_failing {
            return Err(io::Error::other("fault ordered"));
        }
        self.syncs = self.syncs.saturating_add(1);
        Ok(())
    }
}

/// Files in memory; clones are the same. They outlive what is opened on them, as a disk does.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(Arc<Mutex<Memory>>);

impl MemoryFiles {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Files of their own, with what is durable of these now.
    pub fn copy(&self) -> Self {
        let copy = Self(Arc::new(Mutex::new(self.hold().clone())));
        copy.crash();
        copy
    }

    /// What was not synced is gone: in its place stand zeros, as a disk may leave them behind the
    /// length that it has made durable.
    pub fn crash(&self) {
        for file in self.hold().files.values_mut() {
            file.is_open = false;
            let durable = file.durable;
            file.bytes.iter_mut().skip(durable).for_each(|it| *it = 0);
        }
    }

    /// From now on there is room for so many bytes in all.
    pub fn allow_bytes(&self, room: Option<u64>) {
        self.hold().room = room;
    }

    /// From now on syncs fail, or do not.
    pub fn fail_syncs(&self, failing: bool) {
        self.hold().is_failing = failing;
    }

    /// How often something was made durable.
    pub fn syncs(&self) -> u64 {
        self.hold().syncs
    }

    /// All that a file holds, for tests that look for what must not be there.
    pub fn bytes(&self, id: FileId) -> Option<Vec<u8>> {
        self.hold().files.get(&id).map(|it| it.bytes.clone())
    }

    /// Changes one byte of a file, as a bad disk does.
    pub fn flip(&self, id: FileId, at: usize) {
        if let Some(byte) = self.hold().files.get_mut(&id).and_then(|it| it.bytes.get_mut(at)) {
            *byte ^= 1;
        }
    }

    /// Never held while waiting; a panic of another holder leaves bytes that are still bytes.
    fn hold(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn length(bytes: &[u8]) -> u64 {
    count(bytes.len())
}

impl FileDisk for MemoryFiles {
    fn begin(&self, id: FileId) -> io::Result<()> {
        let mut memory = self.hold();
        if memory.files.contains_key(&id) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        memory.synced()?;
        memory.files.insert(id, Entry { is_open: true, ..Entry::default() });
        Ok(())
    }

    fn growth(&self, id: FileId) -> io::Result<Growth> {
        self.hold().part(id)?.growth()
    }

    fn append(&self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut memory = self.hold();
        if memory.part(id)?.growth()?.length != at {
            return Err(ErrorKind::InvalidInput.into());
        }
        let taken: u64 = memory.files.values().map(|it| length(&it.bytes)).sum();
        if memory.room.is_some_and(|room| taken.saturating_add(length(bytes)) > room) {
            return Err(ErrorKind::StorageFull.into());
        }
        memory.part(id)?.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&self, id: FileId) -> io::Result<u64> {
        let mut memory = self.hold();
        memory.part(id)?;
        memory.synced()?;
        let part = memory.part(id)?;
        part.durable = part.bytes.len();
        Ok(length(&part.bytes))
    }

    fn finish(&self, id: FileId) -> io::Result<u64> {
        if let Ok(length) = self.length(id) {
            return Ok(length);
        }
        let length = self.sync(id)?;
        self.hold().part(id)?.is_finished = true;
        Ok(length)
    }

    fn length(&self, id: FileId) -> io::Result<u64> {
        let memory = self.hold();
        let file = memory.files.get(&id).filter(|it| it.is_finished);
        file.map(|it| length(&it.bytes)).ok_or(ErrorKind::NotFound.into())
    }

    fn read(&self, id: FileId, at: u64, into: &mut [u8]) -> io::Result<()> {
        let mut memory = self.hold();
        let file = memory.files.get_mut(&id).ok_or(ErrorKind::NotFound)?;
        if !file.is_finished {
            file.growth()?;
        }
        let start = usize::try_from(at).map_err(|_| ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(into.len()).ok_or(ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(file.bytes.get(start..end).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn remove(&self, id: FileId) -> io::Result<()> {
        self.hold().files.remove(&id);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<Found>> {
        let found = |(id, file): (&FileId, &Entry)| {
            let kind = if file.is_finished { FileKind::Finished } else { FileKind::Part };
            Found { id: *id, kind, bytes: length(&file.bytes) }
        };
        Ok(self.hold().files.iter().map(found).collect())
    }
}
