//! The folder of a store: who has it, the mark in it, what is swept out before it is opened, and
//! names that must be durable.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::Advice;

use super::mark::Mark;
use super::store::StoreError;

/// Takes the folder for this process. sled has a lock too, but says only in words that it is
/// taken, and left-over snapshots must not be removed under another process.
pub(super) fn lock(folder: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(io("open its lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(source)) => Err(io("take its lock")(source)),
    }
}

/// The mark is there before the store is: a store without one has lost it.
pub(super) fn open_mark(folder: &Path) -> Result<Mark, StoreError> {
    let path = folder.join("mark");
    let is_new = !folder.join("db").try_exists().map_err(io("look for its file"))?;
    let Some(mark) = Mark::open(&path).map_err(io("open its mark"))? else {
        if !is_new {
            return Err(StoreError::Lost { at: None, acknowledged: None, found: None });
        }
        let mark = Mark::create(&path).map_err(io("make its mark"))?;
        sync_path(folder)?;
        return Ok(mark);
    };
    if is_new {
        let acknowledged = mark.commit().map_err(io("read its mark"))?;
        if acknowledged.is_some_and(|number| number > 0) {
            return Err(StoreError::Lost { at: None, acknowledged, found: None });
        }
        mark.set(0).and_then(|()| mark.sync()).map_err(io("make its mark"))?;
    }
    Ok(mark)
}

pub(super) fn sync_path(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|it| it.sync_all()).map_err(io("sync its folder"))
}

/// sled takes a snapshot that it never finished for a whole one (its filter of names has a slip).
pub(super) fn remove_unfinished_snapshots(folder: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(folder).map_err(io("list its folder"))? {
        let entry = entry.map_err(io("list its folder"))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            std::fs::remove_file(entry.path()).map_err(io("remove an unfinished snapshot"))?;
        }
    }
    Ok(())
}

/// Lets the system forget what it remembers of all files in `folder` and the folders in it, so that
/// what is read next comes from the disk.
///
/// After a failed sync the system shows bytes that the disk never got, and counts them as written.
/// These it forgets. What it has not tried to write yet it keeps, and writes as ever.
///
/// # Errors
/// If a file can't be opened.
pub(super) fn forget_cached(folder: &Path) -> Result<(), StoreError> {
    let doing = "read its files from the disk again";
    let entries = match std::fs::read_dir(folder) {
        // Such as the `lost+found` of a disk of its own: what it can't read is not the store's.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => return Ok(()),
        entries => entries.map_err(io(doing))?,
    };
    for entry in entries {
        let entry = entry.map_err(io(doing))?;
        let kind = entry.file_type().map_err(io(doing))?;
        if kind.is_dir() {
            forget_cached(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path()).map_err(io(doing))?;
            let forgotten = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
            forgotten.map_err(|error| io(doing)(error.into()))?;
        }
    }
    Ok(())
}

/// Why the store can't do what it was doing.
pub(super) fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StoreError {
    move |source| StoreError::Io { doing, source }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::process::Command;

    use super::*;

    /// Bytes of a file that the system remembers; `None` if it has no program that tells.
    fn cached_bytes(path: &Path) -> Option<u64> {
        let told = Command::new("fincore").args(["-b", "-n", "-o", "RES"]).arg(path).output();
        String::from_utf8(told.ok()?.stdout).ok()?.trim().parse().ok()
    }

    #[test]
    fn what_the_system_remembers_of_a_folder_is_forgotten_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = inner.join("file");
        let mut file = File::create(&path).unwrap();
        let bytes = vec![7; 64 * 1024];
        file.write_all(&bytes).unwrap();
        file.sync_all().unwrap();
        let Some(before) = cached_bytes(&path) else {
            println!("SKIPPED: what is cached: there is no fincore");
            return;
        };
        assert_eq!(before, 64 * 1024);
        forget_cached(folder.path()).unwrap();
        assert_eq!(cached_bytes(&path), Some(0));
        let mut read = Vec::new();
        File::open(&path).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }
}
