//! Files in a folder. Only its owner may read it.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{FileDisk, FileId, FileKind, Found, Growth};

const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_FOLDER: u32 = 0o700;
const LENGTH_BYTES: usize = 8;
const MARK_BYTES: usize = LENGTH_BYTES + 4;
/// Parts that are open at a time; the one that was used longest ago is made durable and closed.
const OPEN_PARTS_MAX: usize = 64;

/// A part that is open: a sync must go through the file that was written through, or the system may
/// have told another one of a failure.
#[derive(Debug)]
struct Part {
    file: File,
    mark: File,
    length: u64,
    durable: u64,
}

impl Part {
    fn sync(&mut self) -> io::Result<u64> {
        if self.durable < self.length {
            self.file.sync_data()?;
            let length = self.length.to_be_bytes();
            let sum = crc32c::crc32c(&length).to_be_bytes();
            self.mark.write_all_at(&[&length[..], &sum].concat(), 0)?;
            self.mark.sync_data()?;
            self.durable = self.length;
        }
        Ok(self.length)
    }
}

#[derive(Debug, Default)]
struct Open {
    parts: BTreeMap<FileId, (u64, Arc<Mutex<Part>>)>,
    uses: u64,
}

/// Files in a folder.
#[derive(Debug)]
pub struct FolderFiles {
    folder: PathBuf,
    open: Mutex<Open>,
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another holder leaves lengths that are still true: they change after the writes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FolderFiles {
    /// Opens the folder, or makes it, and makes its name durable: whoever made it may have ended before.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(folder: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(OWNER_ONLY_FOLDER).create(folder) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
        if let Some(above) = folder.parent() {
            File::open(above)?.sync_all()?;
        }
        Ok(Self { folder: folder.to_owned(), open: Mutex::default() })
    }

    fn path(&self, id: FileId, ending: &str) -> PathBuf {
        self.folder.join(format!("{id}{ending}"))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn part(&self, id: FileId) -> io::Result<Arc<Mutex<Part>>> {
        let mut open = hold(&self.open);
        open.uses = open.uses.saturating_add(1);
        let now = open.uses;
        if let Some((used, part)) = open.parts.get_mut(&id) {
            *used = now;
            return Ok(Arc::clone(part));
        }
        let part = Arc::new(Mutex::new(self.reopen(id)?));
        while open.parts.len() >= OPEN_PARTS_MAX {
            let oldest = open.parts.iter().min_by_key(|(_, (used, _))| *used);
            let Some((oldest, part)) = oldest.map(|(id, (_, part))| (*id, Arc::clone(part))) else {
                break;
            };
            hold(&part).sync()?;
            open.parts.remove(&oldest);
        }
        open.parts.insert(id, (now, Arc::clone(&part)));
        Ok(part)
    }

    /// Opens a part and cuts it to its durable length. Whoever began it may have ended before its name
    /// was durable.
    fn reopen(&self, id: FileId) -> io::Result<Part> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(id, ".part"))?;
        let mark = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(OWNER_ONLY)
            .open(self.path(id, ".at"))?;
        let durable = read_mark(&mark)?;
        if file.metadata()?.len() < durable {
            return Err(ErrorKind::InvalidData.into());
        }
        file.set_len(durable)?;
        self.sync_folder()?;
        Ok(Part { file, mark, length: durable, durable })
    }

    fn forget(&self, id: FileId) {
        hold(&self.open).parts.remove(&id);
    }
}

fn read_mark(mark: &File) -> io::Result<u64> {
    let mut bytes = [0; MARK_BYTES];
    match mark.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(0),
        Err(e) => return Err(e),
    }
    let Some((length, sum)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(0);
    };
    let holds = sum == crc32c::crc32c(length).to_be_bytes();
    Ok(if holds { u64::from_be_bytes(*length) } else { 0 })
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl FileDisk for FolderFiles {
    fn begin(&self, id: FileId) -> io::Result<()> {
        if self.path(id, "").try_exists()? {
            return Err(ErrorKind::AlreadyExists.into());
        }
        for ending in [".part", ".at"] {
            let path = self.path(id, ending);
            OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path)?;
        }
        self.sync_folder()
    }

    fn growth(&self, id: FileId) -> io::Result<Growth> {
        let part = self.part(id)?;
        let part = hold(&part);
        Ok(Growth { length: part.length, durable: part.durable })
    }

    fn append(&self, id: FileId, at: u64, bytes: &[u8]) -> io::Result<()> {
        let part = self.part(id)?;
        let mut part = hold(&part);
        if part.length != at {
            return Err(ErrorKind::InvalidInput.into());
        }
        let end = u64::try_from(bytes.len()).ok().and_then(|it| at.checked_add(it));
        let end = end.ok_or(ErrorKind::FileTooLarge)?;
        if let Err(error) = part.file.write_all_at(bytes, at) {
            part.file.set_len(at)?;
            return Err(error);
        }
        part.length = end;
        Ok(())
    }

    fn sync(&self, id: FileId) -> io::Result<u64> {
        let part = self.part(id)?;
        hold(&part).sync()
    }

    #[expect(clippy::disallowed_methods, reason = "the file is synced before, its folder after")]
    fn finish(&self, id: FileId) -> io::Result<u64> {
        match self.part(id) {
            Ok(part) => {
                hold(&part).sync()?;
                std::fs::rename(self.path(id, ".part"), self.path(id, ""))?;
                self.forget(id);
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let length = self.length(id)?;
        self.sync_folder()?;
        remove_if_there(&self.path(id, ".at"))?;
        Ok(length)
    }

    fn length(&self, id: FileId) -> io::Result<u64> {
        Ok(std::fs::metadata(self.path(id, ""))?.len())
    }

    fn read(&self, id: FileId, at: u64, into: &mut [u8]) -> io::Result<()> {
        match File::open(self.path(id, "")) {
            Ok(file) => return file.read_exact_at(into, at),
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let part = self.part(id)?;
        hold(&part).file.read_exact_at(into, at)
    }

    fn remove(&self, id: FileId) -> io::Result<()> {
        self.forget(id);
        for ending in ["", ".part", ".at"] {
            remove_if_there(&self.path(id, ending))?;
        }
        Ok(())
    }

    /// A length without its part counts as an empty part; names that are none of ours do not count.
    fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = BTreeMap::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (id, ending) = name.split_once('.').unwrap_or((&name, ""));
            let Ok(id) = id.parse::<FileId>() else {
                continue;
            };
            let (kind, bytes) = match ending {
                "" => (FileKind::Finished, entry.metadata()?.len()),
                "part" => (FileKind::Part, entry.metadata()?.len()),
                "at" => (FileKind::Part, 0),
                _ => continue,
            };
            let known = found.entry(id).or_insert(Found { id, kind, bytes });
            if ending != "at" {
                *known = Found { id, kind, bytes };
            }
        }
        Ok(found.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_reads_what_is_in_the_folder() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("attachments");
        let (disk, id) = (FolderFiles::open(&folder).unwrap(), FileId::from_bytes([1; 16]));
        disk.begin(id).unwrap();
        disk.append(id, 0, b"bytes").unwrap();
        disk.sync(id).unwrap();
        let (part, mark) = (disk.path(id, ".part"), disk.path(id, ".at"));
        assert_eq!((mode(&folder), mode(&part), mode(&mark)), (0o700, 0o600, 0o600));
        disk.finish(id).unwrap();
        assert_eq!(mode(&disk.path(id, "")), 0o600);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_torn_or_missing_length_means_that_nothing_is_durable() {
        let above = tempfile::tempdir().unwrap();
        let id = FileId::from_bytes([1; 16]);
        let grown = |change: fn(&Path)| {
            let folder = above.path().join("attachments");
            let disk = FolderFiles::open(&folder).unwrap();
            disk.remove(id).unwrap();
            disk.begin(id).unwrap();
            disk.append(id, 0, b"bytes").unwrap();
            disk.sync(id).unwrap();
            change(&disk.path(id, ".at"));
            FolderFiles::open(&folder).unwrap().growth(id).map_err(|it| it.kind())
        };
        let whole = |bytes| Ok(Growth { length: bytes, durable: bytes });
        assert_eq!(grown(|_| ()), whole(5));
        assert_eq!(grown(|it| std::fs::remove_file(it).unwrap()), whole(0));
        let cut = |it: &Path| File::options().write(true).open(it).unwrap().set_len(11).unwrap();
        assert_eq!(grown(cut), whole(0));
        let torn = |it: &Path| {
            File::options().write(true).open(it).unwrap().write_all_at(&[3], 7).unwrap();
        };
        assert_eq!(grown(torn), whole(0));
    }

    #[test]
    fn a_part_that_lost_durable_bytes_is_damaged_and_not_silently_shorter() {
        let above = tempfile::tempdir().unwrap();
        let (folder, id) = (above.path().join("attachments"), FileId::from_bytes([1; 16]));
        let disk = FolderFiles::open(&folder).unwrap();
        disk.begin(id).unwrap();
        disk.append(id, 0, b"bytes").unwrap();
        disk.sync(id).unwrap();
        let part = File::options().write(true).open(disk.path(id, ".part")).unwrap();
        part.set_len(4).unwrap();
        let found = FolderFiles::open(&folder).unwrap().growth(id).unwrap_err();
        assert_eq!(found.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn names_that_are_none_of_ours_are_left_alone() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("attachments");
        let (disk, id) = (FolderFiles::open(&folder).unwrap(), FileId::from_bytes([1; 16]));
        std::fs::create_dir(folder.join("lost+found")).unwrap();
        File::create(folder.join(format!("{id}.at"))).unwrap();
        File::create(folder.join(format!("{id}.txt"))).unwrap();
        let lone = Found { id, kind: FileKind::Part, bytes: 0 };
        assert_eq!(disk.list().unwrap(), [lone]);
        disk.remove(id).unwrap();
        assert_eq!(disk.list().unwrap(), []);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn parts_beyond_those_that_are_open_are_durable_and_go_on() {
        let above = tempfile::tempdir().unwrap();
        let disk = FolderFiles::open(&above.path().join("attachments")).unwrap();
        let ids: Vec<_> = (0..70).map(|it| FileId::from_bytes([it; 16])).collect();
        for id in &ids {
            disk.begin(*id).unwrap();
            disk.append(*id, 0, b"one").unwrap();
        }
        assert_eq!(hold(&disk.open).parts.len(), OPEN_PARTS_MAX);
        for id in &ids {
            disk.append(*id, 3, b"two").unwrap();
            assert_eq!(disk.finish(*id).unwrap(), 6);
        }
        assert_eq!(hold(&disk.open).parts.len(), 0);
    }
}
