//! How much room there is on the disk under a store.

use std::io;
use std::path::{Path, PathBuf};

/// Room for what is new.
pub trait Space: Send + Sync {
    /// Bytes that can still be written.
    ///
    /// # Errors
    /// If the system does not say.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// Room without end, as the simulator has it.
#[derive(Clone, Copy, Debug)]
pub struct Endless;

impl Space for Endless {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

/// The file system on which a folder stands.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The disk under `folder`.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Space for Disk {
    /// What the node's user can still write; the part that is kept for the system is not.
    fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_much_is_free_and_one_that_is_not_there_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let free = Disk::of(folder.path()).free_bytes().unwrap();
        assert!(free > 0, "{free}");
        let absent = Disk::of(&folder.path().join("absent")).free_bytes().unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
    }
}
