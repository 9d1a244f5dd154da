//! The part of the store on disk that is written first: one sled tree, one batch, `flush`, then `sync_data` on the `db` file.
//!
//! sled 0.34.7's `flush` hands its bytes to the operating system and never asks for the disk, so
//! the store keeps a descriptor of its own and syncs through it. The same descriptor reports
//! write-back errors that sled's background flusher only logs. That flusher stays on because it
//! also reclaims space. Each commit is numbered; `mark.rs` says why.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::engine::{engine, open_tree};
use super::folder::{self, io};
use super::format::number_of;
use super::kept::Kept;
use super::mark::{Ending, Mark};
use super::store::{
    BATCH_BYTES_MAX, BATCH_VALUES_MAX, Batch, COMMIT_KEY, FORMAT, FORMAT_KEY, StoreError, guarded,
};
use super::tail;
use super::watch::{Watch, Work};

/// What is told of a read that does not end.
const READING: &str = "read its files";

/// Before more bytes of keys and values than these are written or deleted without a sync, the store
/// syncs; no batch has more. sled writes 5.6 times as much at most (measured: values of 4 KiB under
/// keys in any order, a leaf of 17 values being written again at every tenth change), and 400 bytes
/// for each key: less than a part of its log ([`SEGMENT_BYTES`](super::engine::SEGMENT_BYTES)).
const UNSYNCED_BYTES_MAX: usize = BATCH_BYTES_MAX;
/// The same for the number of keys.
const UNSYNCED_KEYS_MAX: usize = BATCH_VALUES_MAX;

/// The part of a [`DiskStore`](super::settled::DiskStore) that is written first, in a folder of its own.
#[derive(Debug)]
pub(super) struct SledStore {
    db: sled::Db,
    /// The file that holds everything; what `commit` syncs.
    file: File,
    mark: Mark,
    /// Held by whoever writes, across its sync. Readers never take it.
    writing: Mutex<Writing>,
    /// What failed first; then the store is closed.
    failed: OnceLock<String>,
    /// The last process met a failed write or sync, and nobody has checked the store since.
    suspect: AtomicBool,
    watch: Arc<Watch>,
    /// Begun before the engine closes its files, ended after: it stands below `db`.
    closing: Option<Work>,
    /// Declared last, so released last: sled has let go of the folder by then.
    _lock: File,
}

/// Numbers of commits, as far as they can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commits {
    /// The last one that was acknowledged, by the mark.
    pub acknowledged: Option<u64>,
    /// The last one that is there.
    pub found: Option<u64>,
}

/// How far the writing is.
#[derive(Debug, Default)]
struct Writing {
    /// Number of the last commit.
    commit: u64,
    /// Keys written or deleted since the last sync.
    unsynced_keys: usize,
    /// Their bytes, and those of their values.
    unsynced_bytes: usize,
}

impl SledStore {
    /// Opens the part in `folder`, or makes one there, if its format is known; `cache_bytes` is what sled
    /// aims to keep in memory. Openings, reads, writes and closings are told to `watch`.
    ///
    /// # Errors
    /// As [`DiskStore::open`](super::settled::DiskStore::open).
    pub(super) fn open(
        folder: &Path,
        cache_bytes: u64,
        watch: &Arc<Watch>,
        is_known: impl Fn(u32) -> bool,
    ) -> Result<Self, StoreError> {
        let _opening = watch.begin("open its files");
        std::fs::create_dir_all(folder).map_err(io("make its folder"))?;
        let lock = folder::lock(folder)?;
        let mark = folder::open_mark(folder)?;
        watch.tell(mark.again().map_err(io("open its mark"))?);
        let ending = mark.ending().map_err(io("read its mark"))?;
        if ending != Ending::Closed {
            folder::forget_cached(folder)?;
        }
        tail::check(folder, mark.commit().map_err(io("read its mark"))?)?;
        folder::remove_unfinished_snapshots(folder)?;
        let db = open_tree(folder, cache_bytes)?;
        let file = File::open(folder.join("db")).map_err(io("open its file"))?;
        let (writing, failed) = (Mutex::default(), OnceLock::new());
        let suspect = AtomicBool::new(ending == Ending::Failed);
        let (watch, closing) = (Arc::clone(watch), None);
        let mut store =
            Self { db, file, mark, writing, failed, suspect, watch, closing, _lock: lock };
        match store.begin(folder, is_known) {
            Ok(()) => Ok(store),
            Err(error) => {
                if matches!(error, StoreError::Io { .. }) {
                    // An engine that is dropped writes and syncs once more.
                    std::mem::forget(store);
                }
                Err(error)
            }
        }
    }

    fn begin(&mut self, folder: &Path, is_known: impl Fn(u32) -> bool) -> Result<(), StoreError> {
        if self.db.is_empty() && self.mark.commit().map_err(io("read its mark"))? == Some(0) {
            let mut batch = Batch::new();
            batch.put(FORMAT_KEY, FORMAT);
            self.commit(&batch)?;
        }
        self.check_format(is_known)?;
        self.writing = Mutex::new(Writing { commit: self.check_mark()?, ..Writing::default() });
        self.sync_folder(folder)?;
        if !self.is_suspect() {
            self.mark.set_ending(Ending::Open).map_err(io("write its mark"))?;
        }
        Ok(())
    }

    /// Whether the last process met a failed write or sync. What it left must be checked as a
    /// whole before anything is concluded from it; then [`SledStore::trust`] says so.
    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::SeqCst)
    }

    /// Everything in the store was checked and holds.
    ///
    /// # Errors
    /// If that can't be noted.
    pub(super) fn trust(&self) -> Result<(), StoreError> {
        self.mark.set_ending(Ending::Open).map_err(io("write its mark"))?;
        self.suspect.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Opens what is left of a store, of which nobody knows whether it is whole: neither format nor
    /// mark is judged, and nothing is to be written. Gives the numbers of the last commit that was
    /// acknowledged and of the last one that is there, as far as they can be read.
    ///
    /// # Errors
    /// As [`SledStore::open`], but for what it does not judge. The folder must be a copy.
    pub(super) fn open_remains(
        folder: &Path,
        cache_bytes: u64,
    ) -> Result<(Self, Commits), StoreError> {
        let lock = folder::lock(folder)?;
        folder::remove_unfinished_snapshots(folder)?;
        let path = folder.join("mark");
        let mark = match Mark::open(&path).map_err(io("open its mark"))? {
            Some(mark) => mark,
            None => Mark::create(&path).map_err(io("make its mark"))?,
        };
        let db = open_tree(folder, cache_bytes)?;
        let file = File::open(folder.join("db")).map_err(io("open its file"))?;
        let (writing, failed) = (Mutex::default(), OnceLock::new());
        let suspect = AtomicBool::new(false);
        let (watch, closing) = (Arc::default(), None);
        let store = Self { db, file, mark, writing, failed, suspect, watch, closing, _lock: lock };
        let found = store.get(COMMIT_KEY).ok().flatten();
        let commits = Commits {
            acknowledged: store.mark.commit().map_err(io("read its mark"))?,
            found: found.and_then(|it| it.try_into().ok()).map(u64::from_be_bytes),
        };
        Ok((store, commits))
    }

    fn check_format(&self, is_known: impl Fn(u32) -> bool) -> Result<(), StoreError> {
        match self.get(FORMAT_KEY)? {
            Some(found) if number_of(&found).is_some_and(is_known) => Ok(()),
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
            _ => Err(StoreError::Lost { at: None, acknowledged, found }),
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
            folder::sync_path(&path)?;
        }
        Ok(())
    }

    /// An error once a write has failed.
    pub(super) fn alive(&self) -> Result<(), StoreError> {
        match self.failed.get() {
            Some(first) => Err(StoreError::Failed { first: first.clone() }),
            None => Ok(()),
        }
    }

    /// Judges the batch and writes it; with `sync`, makes it durable. Under the keys of `gone` that it
    /// deletes, it says that there is nothing ([`Kept::Gone`]). The first failure closes the store: what was
    /// written may be on the disk, in the page cache only, or nowhere.
    pub(super) fn write(
        &self,
        batch: &Batch,
        gone: &BTreeSet<Vec<u8>>,
        sync: bool,
    ) -> Result<(), StoreError> {
        let mut writing = self.writing.lock().map_err(|_| StoreError::abandoned())?;
        let _working = self.watch.begin("write to its files");
        self.alive()?;
        batch.check_limits()?;
        let written = self.write_bounded(batch, gone, sync, &mut writing);
        written.inspect_err(|error| self.fail(error))
    }

    /// Makes the batch visible and durable, with everything written before it.
    pub(super) fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.write(batch, &BTreeSet::new(), true)
    }

    /// Removes those of these rows that still are as they are told here; gives how many. Durable with the
    /// next commit.
    pub(super) fn remove_unchanged(&self, rows: &[(Vec<u8>, Kept)]) -> Result<usize, StoreError> {
        let mut writing = self.writing.lock().map_err(|_| StoreError::abandoned())?;
        let _working = self.watch.begin("write to its files");
        self.alive()?;
        let mut batch = Batch::new();
        for (key, kept) in rows {
            if self.kept(key)?.as_ref() == Some(kept) {
                batch.delete(key.clone());
            }
        }
        let written = self.write_bounded(&batch, &BTreeSet::new(), false, &mut writing);
        written.inspect_err(|error| self.fail(error))?;
        Ok(batch.len())
    }

    /// What the store keeps under `key`.
    pub(super) fn kept(&self, key: &[u8]) -> Result<Option<Kept>, StoreError> {
        let _reading = self.watch.begin(READING);
        self.alive()?;
        let stored = self.db.get(key).map_err(|error| self.unread(error))?;
        stored.map(|stored| Kept::read(key, &stored)).transpose()
    }

    /// At most `limit` of what the store keeps from `from` (inclusive) to `to` (exclusive), ascending,
    /// or with `back` the last one first.
    pub(super) fn kept_range(
        &self,
        (from, to): (&[u8], &[u8]),
        limit: usize,
        back: bool,
    ) -> Result<Vec<(Vec<u8>, Kept)>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let _reading = self.watch.begin(READING);
        self.alive()?;
        let range = self.db.range(from..to);
        let read = |record: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, stored) = record.map_err(|error| self.unread(error))?;
            let kept = Kept::read(&key, &stored)?;
            Ok((key.to_vec(), kept))
        };
        match back {
            true => range.rev().take(limit).map(read).collect(),
            false => range.take(limit).map(read).collect(),
        }
    }

    /// The value under `key`, if there is one.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.kept(key)?.and_then(Kept::value))
    }

    /// Puts something under `key` that is no record.
    #[cfg(test)]
    pub(super) fn harm(&self, key: &[u8]) {
        self.db.insert(key, &b"harm"[..]).unwrap();
    }

    /// What watches over its work.
    pub(super) const fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// Closes the store to everyone, and tells the next start.
    pub(super) fn fail(&self, error: &StoreError) {
        self.failed.get_or_init(|| error.in_words());
        // If not even this can be written, the mark goes on to say `Open`: see `Ending`.
        drop(self.mark.set_ending(Ending::Failed));
    }

    /// What the engine says to a read. A write that fails in a thread of its own is told to whoever
    /// calls next, and that may be a reader.
    fn unread(&self, error: sled::Error) -> StoreError {
        let error = engine(error);
        if matches!(error, StoreError::Io { .. }) {
            self.fail(&error);
        }
        error
    }

    /// Writes, with a sync before if it would otherwise be too much without one.
    fn write_bounded(
        &self,
        batch: &Batch,
        gone: &BTreeSet<Vec<u8>>,
        sync: bool,
        writing: &mut Writing,
    ) -> Result<(), StoreError> {
        let (keys, bytes) = (batch.len(), batch.bytes());
        let fits = writing.unsynced_keys + keys <= UNSYNCED_KEYS_MAX
            && writing.unsynced_bytes + bytes <= UNSYNCED_BYTES_MAX;
        if !fits {
            self.sync()?;
            (writing.unsynced_keys, writing.unsynced_bytes) = (0, 0);
        }
        if sync {
            self.sync_out(batch, gone, writing.commit + 1)?;
            *writing = Writing { commit: writing.commit + 1, ..Writing::default() };
        } else {
            self.write_out(batch, gone, None)?;
            writing.unsynced_keys += keys;
            writing.unsynced_bytes += bytes;
        }
        Ok(())
    }

    /// The commit sequence. The mark comes last, so that it never is ahead of the store.
    fn sync_out(
        &self,
        batch: &Batch,
        gone: &BTreeSet<Vec<u8>>,
        number: u64,
    ) -> Result<(), StoreError> {
        self.write_out(batch, gone, Some(number))?;
        self.sync()?;
        self.mark.set(number).map_err(io("write its mark"))
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that knows what flush omits")]
    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(engine)?;
        self.file.sync_data().map_err(io("sync its file"))
    }

    fn write_out(
        &self,
        batch: &Batch,
        gone: &BTreeSet<Vec<u8>>,
        number: Option<u64>,
    ) -> Result<(), StoreError> {
        let mut writes = sled::Batch::default();
        for (key, value) in batch.writes() {
            match value {
                Some(value) => writes.insert(key, guarded(key, value)),
                None if gone.contains(key) => writes.insert(key, Kept::Gone.stored(key)),
                None => writes.remove(key),
            }
        }
        if let Some(number) = number {
            writes.insert(COMMIT_KEY, guarded(COMMIT_KEY, &number.to_be_bytes()));
        }
        self.db.apply_batch(writes).map_err(engine)
    }
}

/// A store that is closed in order says so, once all is on the disk.
impl Drop for SledStore {
    fn drop(&mut self) {
        self.closing = Some(self.watch.begin("close its files"));
        if self.failed.get().is_some() || self.is_suspect() {
            return;
        }
        let ending = if self.sync().is_ok() { Ending::Closed } else { Ending::Failed };
        // What is not said counts as `Open`, which is the careful way to read it.
        drop(self.mark.set_ending(ending));
    }
}

#[cfg(test)]
#[path = "sled_tests.rs"]
mod tests;
