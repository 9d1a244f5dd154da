//! The store on disk: one sled tree, one batch, `flush`, then `sync_data` on the `db` file.
//!
//! sled 0.34.7's `flush` hands its bytes to the operating system and never asks for the disk, so
//! the store keeps a descriptor of its own and syncs through it. The same descriptor reports
//! write-back errors that sled's background flusher only logs. That flusher stays on because it
//! also reclaims space. Each commit is numbered; `mark.rs` says why.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::mark::Mark;
use super::store::{
    Batch, COMMIT_KEY, FORMAT, FORMAT_KEY, Records, Store, StoreError, checked, guarded,
};

/// Length of a part of sled's log, in bytes; the longest that it takes. A store keeps its own.
///
/// sled writes into the head of each part how far the log had been written, and takes the head's
/// word at the next opening: if the disk got the head and not what it vouches for, sled drops the
/// whole log. It can come to that when two parts are begun between two syncs, since the end of a
/// file that grows may reach the disk last. [`UNSYNCED_WRITES_MAX`] keeps that from happening.
const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// Before more keys than these are written or deleted without a sync, the store syncs. A write
/// costs sled 5 KiB at most, and every tenth or so 71 KiB (a leaf of 17 values), so these cost less
/// than [`SEGMENT_BYTES`]. One batch may be larger; it is not cut, since it must be atomic.
const UNSYNCED_WRITES_MAX: usize = 1024;
/// How often sled's own thread writes out and reclaims space, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;
/// How often an opening asks again while the last one in this process is still being closed.
const LOCK_ATTEMPTS_MAX: u32 = 100;
/// Pause between two such attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A [`Store`] in a folder of its own.
#[derive(Debug)]
pub struct SledStore {
    db: sled::Db,
    /// The file that holds everything; what `commit` syncs.
    file: File,
    mark: Mark,
    /// Held by whoever writes, across its sync. Readers never take it.
    writing: Mutex<Writing>,
    failed: AtomicBool,
    /// Declared last, so released last: sled has let go of the folder by then.
    _lock: File,
}

/// How far the writing is.
#[derive(Debug, Default)]
struct Writing {
    /// Number of the last commit.
    commit: u64,
    /// Keys written or deleted since the last sync.
    unsynced: usize,
}

impl SledStore {
    /// Opens the store in `folder`, or makes one there; `cache_bytes` is what sled aims to keep
    /// in memory (it may go above by some hundred MiB while much is read).
    ///
    /// # Errors
    /// [`StoreError::InUse`] if the store is open elsewhere, [`StoreError::Format`] if the folder
    /// holds something else, [`StoreError::Engine`] if sled finds its files damaged,
    /// [`StoreError::Lost`] if it found damage and said nothing. sled may also panic on damaged
    /// files, and it overwrites what it takes for the end of its log: a program that checks or
    /// salvages opens a copy, in a child process.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(io("make its folder"))?;
        let lock = lock(folder)?;
        remove_unfinished_snapshots(folder)?;
        let mark = open_mark(folder)?;
        let db = open_tree(folder, cache_bytes)?;
        let file = File::open(folder.join("db")).map_err(io("open its file"))?;
        let (writing, failed) = (Mutex::default(), AtomicBool::new(false));
        let mut store = Self { db, file, mark, writing, failed, _lock: lock };
        if store.db.is_empty() && store.mark.commit().map_err(io("read its mark"))? == Some(0) {
            let mut batch = Batch::new();
            batch.put(FORMAT_KEY, FORMAT);
            store.commit(batch)?;
        }
        store.check_format()?;
        store.writing = Mutex::new(Writing { commit: store.check_mark()?, unsynced: 0 });
        store.sync_folder(folder)?;
        Ok(store)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        match self.get(FORMAT_KEY)? {
            Some(found) if found == FORMAT => Ok(()),
            // An empty store where there were commits has lost them, its format among them.
            None if self.db.is_empty() => self.check_mark().map(|_| ()),
            found => Err(StoreError::Format { found }),
        }
    }

    /// Gives the number of the last commit, unless later ones were acknowledged.
    fn check_mark(&self) -> Result<u64, StoreError> {
        let acknowledged = self.mark.commit().map_err(io("read its mark"))?;
        let found = self.get(COMMIT_KEY)?;
        let found = found.and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
        match (acknowledged, found) {
            (Some(acknowledged), Some(found)) if acknowledged <= found => Ok(found),
            _ => Err(StoreError::Lost { acknowledged, found }),
        }
    }

    /// Makes the names durable too. Done at each opening, since a power cut may have come between
    /// the creation of the store and this step.
    fn sync_folder(&self, folder: &Path) -> Result<(), StoreError> {
        self.file.sync_all().map_err(io("sync its file"))?;
        self.mark.sync().map_err(io("sync its mark"))?;
        let above = match folder.parent() {
            Some(above) if !above.as_os_str().is_empty() => above.to_path_buf(),
            Some(_) | None => PathBuf::from("."),
        };
        for path in [folder.join("conf"), folder.to_path_buf(), above] {
            sync_path(&path)?;
        }
        Ok(())
    }

    fn alive(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::SeqCst) { Err(StoreError::Failed) } else { Ok(()) }
    }

    /// Judges the batch and writes it; with `sync`, makes it durable. The first failure closes the
    /// store: what was written may be on the disk, in the page cache only, or nowhere.
    fn write(&self, batch: &Batch, sync: bool) -> Result<(), StoreError> {
        let mut writing = self.writing.lock().map_err(|_| StoreError::Failed)?;
        self.alive()?;
        batch.check_limits()?;
        for (key, wanted) in batch.expected() {
            if self.get(key)?.as_deref() != wanted {
                return Err(StoreError::Unexpected { key: key.to_vec() });
            }
        }
        let written = self.write_bounded(batch, sync, &mut writing);
        written.inspect_err(|_| self.failed.store(true, Ordering::SeqCst))
    }

    /// Writes, with a sync before if it would otherwise be too much without one.
    fn write_bounded(
        &self,
        batch: &Batch,
        sync: bool,
        writing: &mut Writing,
    ) -> Result<(), StoreError> {
        if writing.unsynced > 0 && writing.unsynced + batch.len() > UNSYNCED_WRITES_MAX {
            self.sync()?;
            writing.unsynced = 0;
        }
        if sync {
            self.sync_out(batch, writing.commit + 1)?;
            *writing = Writing { commit: writing.commit + 1, unsynced: 0 };
        } else {
            self.write_out(batch, None)?;
            writing.unsynced += batch.len();
        }
        Ok(())
    }

    /// The commit sequence. The mark comes last, so that it never is ahead of the store.
    fn sync_out(&self, batch: &Batch, number: u64) -> Result<(), StoreError> {
        self.write_out(batch, Some(number))?;
        self.sync()?;
        self.mark.set(number).map_err(io("write its mark"))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that knows what flush omits")]
    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(engine)?;
        self.file.sync_data().map_err(io("sync its file"))
    }

    fn write_out(&self, batch: &Batch, number: Option<u64>) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => writes.insert(key, guarded(key, value)),
                None => writes.remove(key),
            }
        }
        if let Some(number) = number {
            writes.insert(COMMIT_KEY, guarded(COMMIT_KEY, &number.to_be_bytes()));
        }
        self.db.apply_batch(writes).map_err(engine)
    }

    fn collect(
        &self,
        found: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
        limit: usize,
    ) -> Result<Records, StoreError> {
        self.alive()?;
        found
            .take(limit)
            .map(|record| {
                let (key, stored) = record.map_err(engine)?;
                let value = checked(&key, &stored)?;
                Ok((key.to_vec(), value))
            })
            .collect()
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.alive()?;
        let stored = self.db.get(key).map_err(engine)?;
        stored.map(|stored| checked(key, &stored)).transpose()
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        if from >= to {
            return Ok(Records::new());
        }
        self.collect(self.db.range(from..to), limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        if from >= to {
            return Ok(Records::new());
        }
        self.collect(self.db.range(from..to).rev(), limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch, false)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch, true)
    }
}

/// Takes the folder for this process. sled has a lock too, but says only in words that it is
/// taken, and left-over snapshots must not be removed under another process.
fn lock(folder: &Path) -> Result<File, StoreError> {
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
fn open_mark(folder: &Path) -> Result<Mark, StoreError> {
    let path = folder.join("mark");
    let is_new = !folder.join("db").try_exists().map_err(io("look for its file"))?;
    let Some(mark) = Mark::open(&path).map_err(io("open its mark"))? else {
        if !is_new {
            return Err(StoreError::Lost { acknowledged: None, found: None });
        }
        let mark = Mark::create(&path).map_err(io("make its mark"))?;
        sync_path(folder)?;
        return Ok(mark);
    };
    if is_new {
        let acknowledged = mark.commit().map_err(io("read its mark"))?;
        if acknowledged.is_some_and(|number| number > 0) {
            return Err(StoreError::Lost { acknowledged, found: None });
        }
        mark.set(0).and_then(|()| mark.sync()).map_err(io("make its mark"))?;
    }
    Ok(mark)
}

fn sync_path(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|it| it.sync_all()).map_err(io("sync its folder"))
}

/// sled takes a snapshot that it never finished for a whole one (its filter of names has a slip).
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), StoreError> {
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

/// Our own lock is held, so if sled's is not free, a store that was dropped in this process is
/// still being closed by sled's threads: that takes moments, and is waited for.
fn open_tree(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    for _ in 0..LOCK_ATTEMPTS_MAX {
        match config.open() {
            Err(sled::Error::Io(e)) if e.to_string().contains("could not acquire lock") => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Ok(db) => return Ok(db),
            Err(e) => return Err(engine(e)),
        }
    }
    Err(StoreError::InUse)
}

fn engine(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => StoreError::Io { doing: "use its files", source },
        other @ (sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. }) => StoreError::Engine { detail: other.to_string() },
    }
}

fn io(doing: &'static str) -> impl Fn(std::io::Error) -> StoreError {
    move |source| StoreError::Io { doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    fn one(key: &[u8], value: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.put(key, value);
        batch
    }

    #[test]
    fn a_failed_sync_closes_the_store_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        store.commit(one(b"k", b"1")).unwrap();
        // /dev/null cannot be synced (EINVAL): the same path as a disk that reports an error.
        store.file = File::open("/dev/null").unwrap();
        let refused = store.commit(one(b"k", b"2")).unwrap_err();
        assert!(matches!(refused, StoreError::Io { doing: "sync its file", .. }), "{refused}");
        assert!(matches!(store.get(b"k"), Err(StoreError::Failed)));
        assert!(matches!(store.range(b"", b"z", 1), Err(StoreError::Failed)));
        assert!(matches!(store.apply(one(b"k", b"3")), Err(StoreError::Failed)));
        assert!(matches!(store.commit(Batch::new()), Err(StoreError::Failed)));
        drop(store);
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        // Failed but written: the caller was told that it must not conclude either way.
        assert_eq!(store.get(b"k").unwrap(), Some(b"2".to_vec()));
    }

    #[test]
    fn a_second_opening_is_refused_while_the_first_lives() {
        let folder = tempfile::tempdir().unwrap();
        let first = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        assert!(matches!(SledStore::open(folder.path(), CACHE_BYTES), Err(StoreError::InUse)));
        drop(first);
        SledStore::open(folder.path(), CACHE_BYTES).unwrap();
    }

    #[test]
    fn a_folder_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        store.commit(one(FORMAT_KEY, b"rogatory store 3")).unwrap();
        drop(store);
        let refused = SledStore::open(folder.path(), CACHE_BYTES).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Format { found: Some(found) } if found == b"rogatory store 3")
        );

        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        store.commit(one(b"k", b"v")).unwrap();
        let mut batch = Batch::new();
        batch.delete(FORMAT_KEY);
        store.commit(batch).unwrap();
        drop(store);
        let refused = SledStore::open(folder.path(), CACHE_BYTES).unwrap_err();
        assert!(matches!(refused, StoreError::Format { found: None }));
    }

    #[test]
    fn a_store_that_ends_before_its_mark_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        store.commit(one(b"k", b"1")).unwrap();
        store.commit(one(b"k", b"2")).unwrap();
        store.mark.set(4).unwrap();
        drop(store);
        let lost = |acknowledged, found| match SledStore::open(folder.path(), CACHE_BYTES) {
            Err(StoreError::Lost { acknowledged: left, found: right }) => {
                assert_eq!((left, right), (acknowledged, found));
            }
            other => panic!("{other:?}"),
        };
        lost(Some(4), Some(3));
        std::fs::remove_file(folder.path().join("db")).unwrap();
        lost(Some(4), None);

        let folder = tempfile::tempdir().unwrap();
        drop(SledStore::open(folder.path(), CACHE_BYTES).unwrap());
        std::fs::remove_file(folder.path().join("mark")).unwrap();
        let refused = SledStore::open(folder.path(), CACHE_BYTES).unwrap_err();
        let lost = StoreError::Lost { acknowledged: None, found: None };
        assert_eq!(refused.to_string(), lost.to_string());
    }

    #[test]
    fn a_mark_that_is_behind_is_no_reason_to_refuse() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        (0..5).for_each(|value| store.commit(one(b"k", &[value])).unwrap());
        store.mark.set(2).unwrap();
        store.mark.set(3).unwrap();
        drop(store);
        let store = SledStore::open(folder.path(), CACHE_BYTES).unwrap();
        assert_eq!(store.get(b"k").unwrap(), Some(vec![4]));
    }

    #[test]
    fn unfinished_snapshots_are_removed_before_opening_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        drop(SledStore::open(folder.path(), CACHE_BYTES).unwrap());
        let left_over = folder.path().join("snap.0000000000000400.generating");
        File::create(&left_over).unwrap();
        let other = folder.path().join("notes.generating");
        File::create(&other).unwrap();
        drop(SledStore::open(folder.path(), CACHE_BYTES).unwrap());
        assert!(!left_over.exists());
        assert!(other.exists());
    }
}
