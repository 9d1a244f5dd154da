//! Files that count only when they and their folder are on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Mode of a file that only its owner may read.
pub(super) const OWNER_ONLY: u32 = 0o600;

/// Makes `folder` and what is missing above it, closed to others.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Mode of a file that is for everybody.
pub(super) const PUBLIC: u32 = 0o644;

/// Writes a file that must not exist yet, readable by its owner only, and syncs it and its folder.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new_as(path, bytes, OWNER_ONLY)
}

/// [`write_new`] with another mode.
pub(super) fn write_new_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    sync_folder_of(path)
}

/// [`write_new`], and whoever reads sees the whole file or none: it is written beside, and gets its
/// name once it is on the disk.
pub(super) fn write_new_at_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    remove_if_there(&beside)?;
    write_new(&beside, bytes)?;
    let named = std::fs::hard_link(&beside, path);
    std::fs::remove_file(&beside)?;
    named?;
    sync_folder_of(path)
}

/// Overwrites a file in place, and removes it.
pub(super) fn destroy(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    std::fs::remove_file(path)?;
    sync_folder_of(path)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Puts `bytes` in the place of whatever `path` held, at once: a reader sees the old or the new.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, OWNER_ONLY)
}

/// [`replace`] with another mode.
#[expect(clippy::disallowed_methods, reason = "the file and its folder are synced around it")]
pub(super) fn replace_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = beside(path);
    remove_if_there(&beside)?;
    write_new_as(&beside, bytes, mode)?;
    std::fs::rename(&beside, path)?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}
