//! The store on disk, in two parts: what was written last lies in sled, which makes it durable, and
//! what has settled lies in one file beside it.
//!
//! sled keeps a table of all its pages in memory, some 28 bytes a value, so a store of millions of
//! rows would need hundreds of MiB that nobody reads. A file of settled rows needs none, however long
//! it is. Once more than [`Memory::recent_rows`] lie in sled, all that lie there are moved
//! (`settler.rs`); a store that never has so many has no such file.
//!
//! **What counts.** Under each key the part that is written first goes before the file: a value, or
//! [`Kept::Gone`] where a settled row was deleted. Whoever reads looks there first and at the file
//! second: a row is in the file, durable, before it leaves sled, so no row is missed.
//!
//! **A crash** may leave a row in both parts. It says the same in both until it is written again,
//! and then the first part says so.
//!
//! **One belongs to the other.** Moves are numbered. sled says which one is done and which one is
//! begun ([`Moves`]), each before what follows from it; the file says which one it has. A file that
//! is gone, or older or newer than that, is refused: [`StoreError::Settled`].

mod file;
mod merge;
mod settler;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

pub use self::file::FILE_NAME;
use self::file::{Opening, SettledFile};
use self::settler::Settler;
use super::format::{FORMAT_NUMBER, SETTLED_FORMAT_NUMBER};
use super::sled::{Commits, SledStore};
use super::store::{Batch, Records, Store, StoreError};
use super::watch::Watch;

/// The record of the moves.
const MOVES_KEY: &[u8] = &[0, b'v'];
/// The record of how many values were put since the rows in the first part were last counted.
const PUT_KEY: &[u8] = &[0, b'p'];
/// That record is written anew once so many parts of what may be recent were put.
const PUT_STEPS: u64 = 64;
/// Whoever writes waits while there may be so many times as many recent rows as may be: then rows come
/// faster than they are moved.
const CROWD: u64 = 2;
/// It waits no longer than this, so that a disk which hardly moves rows does not stop what is written.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How much memory a store may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What each of its engines aims to keep of its pages, in bytes. sled may go above by some hundred
    /// MiB while much is read.
    pub cache_bytes: u64,
    /// Rows that may lie in the part which is written first before they are moved; each takes some 28
    /// bytes. While rows come faster than they are moved, three times as many may lie there.
    pub recent_rows: u64,
}

impl Memory {
    /// Rows that may lie in the part which is written first unless something else is said: some 7 MiB.
    pub const RECENT_ROWS: u64 = 256 * 1024;

    /// Whether there may be too many recent rows once so many were put.
    const fn is_worth_counting(&self, put: u64) -> bool {
        put > self.recent_rows
    }

    /// Whether whoever writes is to wait until rows have left, where there may be so many.
    const fn is_crowded(&self, rows: u64) -> bool {
        rows > self.recent_rows.saturating_mul(CROWD)
    }

    /// So much cache, and as many recent rows as ever.
    pub const fn cache(cache_bytes: u64) -> Self {
        Self { cache_bytes, recent_rows: Self::RECENT_ROWS }
    }
}

/// A [`Store`] in a folder of its own.
#[derive(Debug)]
pub struct DiskStore {
    /// Ends before the parts close.
    settler: Option<Settler>,
    parts: Arc<Parts>,
}

/// Both parts, and who writes.
#[derive(Debug)]
struct Parts {
    recent: SledStore,
    /// There once a row was moved.
    settled: OnceLock<SettledFile>,
    folder: PathBuf,
    memory: Memory,
    /// Held by whoever writes, across its sync. Readers never take it.
    writing: Mutex<Writing>,
    /// Held by whoever moves rows. Nobody waits for it who writes or reads.
    settling: Mutex<()>,
    /// Told when rows have left the first part, and whenever whoever moves them is done.
    left: Condvar,
}

/// What whoever writes has to know of moves.
#[derive(Debug, Default)]
struct Writing {
    moves: Moves,
    /// Between the reading of what is moved and its removal: then whatever is deleted may be on its way.
    is_moving: bool,
    /// Values put since the rows in the first part were last counted.
    put: u64,
    /// How many of them the store remembers after a stop.
    noted: u64,
    /// Rows that have left the first part since then.
    left: u64,
    /// Keys under which the first part says that there is nothing, as far as this process knows.
    gone: BTreeSet<Vec<u8>>,
}

/// Numbers of moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moves {
    /// The last one of which rows may have left the first part.
    done: u64,
    /// The last one that was begun: `done`, or one more.
    begun: u64,
}

impl Moves {
    fn to_bytes(self) -> Vec<u8> {
        [self.done.to_be_bytes(), self.begun.to_be_bytes()].concat()
    }

    /// `None` if these are no moves.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (done, begun) = bytes.split_first_chunk()?;
        let begun = begun.try_into().ok()?;
        Some(Self { done: u64::from_be_bytes(*done), begun: u64::from_be_bytes(begun) })
    }
}

impl Writing {
    /// No more rows than these came to the first part since they were last counted.
    const fn recent(&self) -> u64 {
        self.put.saturating_sub(self.left)
    }
}

impl DiskStore {
    /// Opens the store in `folder`, or makes one there; `cache_bytes` is what it aims to keep in memory
    /// of the pages of each part.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if the store is open elsewhere, [`StoreError::Format`] if the folder
    /// holds something else or was written in another format, [`StoreError::Engine`] if an engine finds
    /// its files damaged, [`StoreError::Lost`] if what was acknowledged can't be read any more; where the
    /// log itself shows it, that is found before sled opens and overwrites what it takes for the end of
    /// its log, and no file is changed (`tail.rs`). [`StoreError::Settled`] if its settled rows are not
    /// those that belong to it. The engines may also panic on damaged files: a program that checks or
    /// salvages opens a copy, in a child process.
    pub fn open(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        Self::open_watched(folder, Memory::cache(cache_bytes), &Arc::default())
    }

    /// [`DiskStore::open`] with all that it may use; openings, reads, writes and closings are told to
    /// `watch`. Rows settle in a thread of their own.
    ///
    /// # Errors
    /// As [`DiskStore::open`]; [`StoreError::Io`] too if the system gives no thread.
    pub fn open_watched(
        folder: &Path,
        memory: Memory,
        watch: &Arc<Watch>,
    ) -> Result<Self, StoreError> {
        let mut store = Self::open_still(folder, memory, watch)?;
        store.settler = Some(Settler::start(&store.parts)?);
        Ok(store)
    }

    /// [`DiskStore::open_watched`], and no row settles but by [`DiskStore::settle`].
    ///
    /// # Errors
    /// As [`DiskStore::open`].
    pub(super) fn open_still(
        folder: &Path,
        memory: Memory,
        watch: &Arc<Watch>,
    ) -> Result<Self, StoreError> {
        let known = |number| number == FORMAT_NUMBER || number == SETTLED_FORMAT_NUMBER;
        Self::of(SledStore::open(folder, memory.cache_bytes, watch, known)?, folder, memory)
    }

    /// Opens a store of this format or of an older one, to bring it to this one. No row settles.
    ///
    /// # Errors
    /// As [`DiskStore::open`].
    pub fn open_older(folder: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let known = |number| number <= SETTLED_FORMAT_NUMBER;
        let recent = SledStore::open(folder, cache_bytes, &Arc::default(), known)?;
        Self::of(recent, folder, Memory::cache(cache_bytes))
    }

    /// Opens what is left of a store, of which nobody knows whether it is whole: neither format nor
    /// mark is judged, nor whether the settled rows belong to it, and nothing is to be written. Gives the
    /// numbers of the last commit that was acknowledged and of the last one that is there, as far as they
    /// can be read.
    ///
    /// # Errors
    /// As [`DiskStore::open`], but for what it does not judge; settled rows that can't be opened are left
    /// out. The folder must be a copy.
    pub fn open_remains(folder: &Path, cache_bytes: u64) -> Result<(Self, Commits), StoreError> {
        let (recent, commits) = SledStore::open_remains(folder, cache_bytes)?;
        let parts = Parts::over(recent, folder, Memory::cache(cache_bytes));
        let opening = parts.opening();
        if opening.is_there()? {
            match opening.open() {
                Ok(file) => drop(parts.settled.set(file)),
                Err(error) => tracing::warn!(%error, "settled rows can't be opened"),
            }
        }
        Ok((Self { parts: Arc::new(parts), settler: None }, commits))
    }

    fn of(recent: SledStore, folder: &Path, memory: Memory) -> Result<Self, StoreError> {
        let parts = Parts::over(recent, folder, memory);
        if let Err(error) = parts.join() {
            if matches!(error, StoreError::Io { .. }) {
                // An engine that is dropped writes and syncs once more.
                std::mem::forget(parts);
            }
            return Err(error);
        }
        Ok(Self { parts: Arc::new(parts), settler: None })
    }

    /// Whether the last process met a failed write or sync. What it left must be checked as a
    /// whole before anything is concluded from it; then [`DiskStore::trust`] says so.
    pub fn is_suspect(&self) -> bool {
        self.parts.recent.is_suspect()
    }

    /// Everything in the store was checked and holds.
    ///
    /// # Errors
    /// If that can't be noted.
    pub fn trust(&self) -> Result<(), StoreError> {
        self.parts.recent.trust()
    }

    /// Lets all rows settle that lie in the part which is written first.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] naming a row that can't be read: nothing changed for it and what comes after
    /// it. Any other error closes the store, as one of a write does.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.parts.settle_all(&|| false)
    }

    fn write(&self, batch: &Batch, sync: bool) -> Result<(), StoreError> {
        let Some(settler) = &self.settler else {
            return self.parts.write(batch, sync).map(drop);
        };
        if settler.works() {
            self.parts.wait_for_room()?;
        }
        if self.parts.write(batch, sync)? {
            settler.call();
        }
        Ok(())
    }
}

impl Parts {
    fn over(recent: SledStore, folder: &Path, memory: Memory) -> Self {
        let (settled, writing, settling) = (OnceLock::new(), Mutex::default(), Mutex::default());
        let (folder, left) = (folder.to_owned(), Condvar::new());
        Self { recent, settled, folder, memory, writing, settling, left }
    }

    fn opening(&self) -> Opening<'_> {
        Opening {
            folder: &self.folder,
            cache_bytes: self.memory.cache_bytes,
            is_suspect: self.recent.is_suspect(),
            watch: self.recent.watch(),
        }
    }

    /// Opens the settled rows that belong to the first part.
    fn join(&self) -> Result<(), StoreError> {
        let told = self.recent.get(MOVES_KEY)?;
        let moves = told.as_deref().map_or(Some(Moves::default()), Moves::from_bytes);
        let moves = moves.ok_or_else(|| StoreError::Damaged { key: MOVES_KEY.to_vec() })?;
        let opening = self.opening();
        let is_there = opening.is_there()?;
        let another = |found| Err(StoreError::Settled { named: moves.done, found });
        let put = self.recent.get(PUT_KEY)?.and_then(|it| it.try_into().ok());
        // Where it was never counted how many rows there are, there may be any number.
        let put = put.map_or(self.memory.recent_rows, u64::from_be_bytes);
        *self.hold()? = Writing { moves, put, noted: put, ..Writing::default() };
        match (is_there, moves) {
            (false, Moves { done: 0, .. }) => Ok(()),
            (false, Moves { .. }) => another(None),
            // The first move was begun and no row has left the first part: whatever is in the file, all of
            // it stands there too.
            (true, Moves { done: 0, begun: 1 }) => opening.remove(),
            (true, Moves { done, begun }) => {
                let file = opening.open()?;
                let found = file.moves()?;
                if !(done..=begun).contains(&found) || done == 0 {
                    return another(Some(found));
                }
                drop(self.settled.set(file));
                Ok(())
            }
        }
    }

    fn hold(&self) -> Result<MutexGuard<'_, Writing>, StoreError> {
        self.writing.lock().map_err(|_| StoreError::abandoned())
    }

    /// What a settled part says; a failure of the disk closes the store.
    fn judged<T>(&self, said: Result<T, StoreError>) -> Result<T, StoreError> {
        said.inspect_err(|error| {
            if matches!(error, StoreError::Io { .. }) {
                self.recent.fail(error);
            }
        })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(kept) = self.recent.kept(key)? {
            return Ok(kept.value());
        }
        match self.settled.get() {
            Some(settled) => self.judged(settled.get(key)),
            None => Ok(None),
        }
    }

    /// Waits while rows come faster than they are moved, so that what they take in memory has a bound.
    fn wait_for_room(&self) -> Result<(), StoreError> {
        let is_crowded = |writing: &mut Writing| {
            self.memory.is_crowded(writing.recent()) && self.recent.alive().is_ok()
        };
        let waited = self.left.wait_timeout_while(self.hold()?, WAIT_MAX, is_crowded);
        waited.map(drop).map_err(|_| StoreError::abandoned())
    }

    /// Gives whether rows are to settle, by what was written since they were looked at last.
    fn write(&self, batch: &Batch, sync: bool) -> Result<bool, StoreError> {
        let mut writing = self.hold()?;
        self.recent.alive()?;
        batch.check_limits()?;
        for (key, wanted) in batch.expected() {
            if self.get(key)?.as_deref() != wanted {
                return Err(StoreError::Unexpected { key: key.to_vec() });
            }
        }
        let gone = self.gone(batch, &writing)?;
        self.recent.write(batch, &gone, sync)?;
        writing.put = writing.put.saturating_add(batch.len() as u64);
        writing.gone.extend(gone);
        if writing.put.saturating_sub(writing.noted) > self.memory.recent_rows / PUT_STEPS {
            self.note(&mut writing)?;
        }
        Ok(self.memory.is_worth_counting(writing.put) || writing.gone.len() > settler::GONE_MAX)
    }

    /// Remembers how many values were put. Durable with the next commit.
    fn note(&self, writing: &mut Writing) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(PUT_KEY, writing.put.to_be_bytes());
        self.recent.write(&batch, &BTreeSet::new(), false)?;
        writing.noted = writing.put;
        Ok(())
    }

    /// Keys that the batch deletes and that are settled, or may be on their way.
    fn gone(&self, batch: &Batch, writing: &Writing) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let mut gone = BTreeSet::new();
        for (key, _) in batch.writes().filter(|(_, value)| value.is_none()) {
            let is_settled = match self.settled.get() {
                _ if writing.is_moving => true,
                Some(settled) => self.judged(settled.has(key))?,
                None => false,
            };
            if is_settled {
                gone.insert(key.to_vec());
            }
        }
        Ok(gone)
    }
}

impl Store for DiskStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.parts.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        merge::range(&self.parts, (from, to), limit, false)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        merge::range(&self.parts, (from, to), limit, true)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch, false)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch, true)
    }
}

/// The key after `key`.
fn after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// Why settled rows are not taken for those of the store.
pub(super) fn said(named: u64, found: Option<u64>) -> String {
    match found {
        None => format!("the settled rows of the store are gone; they had {named} moves"),
        Some(found) => format!(
            "the settled rows are not those of the store: they have {found} moves, the store \
             names {named}"
        ),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
