//! Where slots lie: a file that is overwritten in place, and memory with crashes for the simulator.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::slots::SlotDisk;
use super::watch::Watch;

/// Slots in a file. Only its owner may read it.
#[derive(Debug)]
pub struct FileSlots {
    file: File,
    watch: Arc<Watch>,
}

impl FileSlots {
    /// Opens the file, or makes an empty one and makes its name durable.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_watched(path, &Arc::default())
    }

    /// [`FileSlots::open`]; what makes the file, writes to it or syncs it is told to `watch`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open_watched(path: &Path, watch: &Arc<Watch>) -> io::Result<Self> {
        let _opening = watch.begin("open the file of slots");
        let is_new = !path.try_exists()?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        if let (true, Some(folder)) = (is_new, path.parent()) {
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file, watch: Arc::clone(watch) })
    }

    /// The file as it stands, which must be there; it can't be written.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn to_read(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, watch: Arc::default() })
    }
}

impl SlotDisk for FileSlots {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, at)
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let _writing = self.watch.begin("write to the file of slots");
        self.file.write_all_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        let _syncing = self.watch.begin("sync the file of slots");
        self.file.sync_data()
    }
}

#[derive(Debug, Default)]
struct Memory {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    syncs: u64,
    failing: bool,
}

/// Slots in memory; clones are the same. They outlive what is opened on them, as a disk does.
#[derive(Clone, Debug, Default)]
pub struct MemorySlots(Arc<Mutex<Memory>>);

impl MemorySlots {
    /// No slots yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Slots of their own, with what is durable of these now.
    pub fn copy(&self) -> Self {
        let durable = self.hold().durable.clone();
        let memory = Memory { bytes: durable.clone(), durable, syncs: 0, failing: false };
        Self(Arc::new(Mutex::new(memory)))
    }

    /// Everything that was not synced is gone.
    pub fn crash(&self) {
        let mut memory = self.hold();
        memory.bytes = memory.durable.clone();
    }

    /// All of it, as it stands.
    pub fn bytes(&self) -> Vec<u8> {
        self.hold().bytes.clone()
    }

    /// How often it was synced.
    pub fn syncs(&self) -> u64 {
        self.hold().syncs
    }

    /// From now on syncs fail, or do not.
    pub fn fail_syncs(&self, failing: bool) {
        self.hold().failing = failing;
    }

    /// Never held while waiting; a panic of another holder leaves bytes that are still bytes.
    fn hold(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bounds(at: u64, length: usize) -> io::Result<(usize, usize)> {
    let start = usize::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?;
    let end = start.checked_add(length).ok_or(io::ErrorKind::InvalidInput)?;
    Ok((start, end))
}

impl SlotDisk for MemorySlots {
    fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.hold().bytes.len()).unwrap_or(u64::MAX))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let (start, end) = bounds(at, into.len())?;
        let memory = self.hold();
        let found = memory.bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (start, end) = bounds(at, bytes.len())?;
        let mut memory = self.hold();
        let length = memory.bytes.len().max(end);
        memory.bytes.resize(length, 0);
        if let Some(into) = memory.bytes.get_mut(start..end) {
            into.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut memory = self.hold();
        if memory.failing {
            return Err(io::Error::other("fault ordered"));
        }
        memory.syncs += 1;
        memory.durable = memory.bytes.clone();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_overwritten_in_place_and_read_by_its_owner_only() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slots");
        let disk = FileSlots::open(&path).unwrap();
        assert_eq!(disk.length().unwrap(), 0);
        disk.write(0, b"0123456789").unwrap();
        disk.sync().unwrap();
        let inode = std::fs::metadata(&path).unwrap().ino();
        let disk = FileSlots::open(&path).unwrap();
        disk.write(3, b"xyz").unwrap();
        disk.sync().unwrap();
        let after = std::fs::metadata(&path).unwrap();
        assert_eq!((after.ino(), after.permissions().mode() & 0o777), (inode, 0o600));
        assert_eq!(std::fs::read(&path).unwrap(), b"012xyz6789");
        let mut far = [0; 4];
        let error = disk.read(8, &mut far).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_crash_leaves_what_was_synced() {
        let disk = MemorySlots::new();
        disk.write(2, b"ab").unwrap();
        disk.sync().unwrap();
        disk.write(0, b"xy").unwrap();
        assert_eq!(disk.bytes(), b"xyab");
        disk.crash();
        assert_eq!(disk.bytes(), b"\0\0ab");
    }
}
