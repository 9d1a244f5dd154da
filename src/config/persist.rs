//! Files that count only when they and their folder are on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

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

/// Puts `bytes` in the place of whatever `path` held, at once: a reader sees the old or the new.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_as(path, bytes, OWNER_ONLY)
}

/// [`replace`] with another mode.
#[expect(clippy::disallowed_methods, reason = "the file and its folder are synced around it")]
pub(super) fn replace_as(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
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
