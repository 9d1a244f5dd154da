//! Moves rows out of the part that is written first, while others read and write.
//!
//! A move goes so, and may end at any point between:
//!
//! 1. Whoever deletes is told that a move is on: from now on each deletion leaves word.
//! 2. The rows are read.
//! 3. That the move is begun is committed; with it is durable what was read.
//! 4. The file takes the rows, all or none, and has the move's number.
//! 5. That the move is done is written, and then those rows are removed from the first part that still
//!    are what was read. What was written anew meanwhile stays there and goes before the file.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use super::super::folder::io;
use super::super::format::{SETTLED_FORMAT_NUMBER, record_of};
use super::super::kept::Kept;
use super::super::store::{AFTER_LAST_KEY, Batch, FORMAT_KEY, StoreError};
use super::{MOVES_KEY, Moves, Parts, SettledFile, after};

/// Keys under which the first part may say that there is nothing, before that is settled. A range may
/// have to walk over so many, and over those that were left at a stop until rows are counted again.
pub(super) const GONE_MAX: usize = 1024;
/// Rows of one move.
const MOVE_ROWS_MAX: usize = 16 * 1024;
/// Bytes of keys and values of one move, about.
const MOVE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Rows that are read or removed in one step; whoever writes waits for no more than one.
const STEP_ROWS: usize = 256;
/// The first key of a row: what sorts before is the store's own and stays where it is.
pub(super) const FIRST_KEY: &[u8] = &[1];

type Rows = Vec<(Vec<u8>, Kept)>;

/// A thread that lets rows settle when it is called.
#[derive(Debug)]
pub(super) struct Settler {
    calls: Option<SyncSender<()>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Settler {
    /// Starts the thread, which first looks whether there is anything to do.
    pub(super) fn start(parts: &Arc<Parts>) -> Result<Self, StoreError> {
        let (calls, called) = mpsc::sync_channel(1);
        let ends = Arc::new(AtomicBool::new(false));
        let (parts, told) = (Arc::downgrade(parts), Arc::clone(&ends));
        let thread = std::thread::Builder::new().name("settle".to_owned());
        let work = move || {
            let mut is_on = true;
            while is_on {
                is_on = settle_due(&parts, &told) && called.recv().is_ok();
            }
        };
        let thread = thread.spawn(work).map_err(io("start a thread"))?;
        Ok(Self { calls: Some(calls), ends, thread: Some(thread) })
    }

    /// Whether the thread goes on.
    pub(super) fn works(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// There may be something to do.
    pub(super) fn call(&self) {
        if let Some(calls) = &self.calls {
            // One call that waits is as good as two.
            calls.try_send(()).unwrap_or_default();
        }
    }
}

impl Drop for Settler {
    /// Waits for what is on its way.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        self.calls = None;
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("the thread in which rows settle ended by a panic");
        }
    }
}

/// Settles what is due; gives whether there may be more to come.
fn settle_due(parts: &Weak<Parts>, ends: &AtomicBool) -> bool {
    let Some(parts) = parts.upgrade() else {
        return false;
    };
    let ends = || ends.load(Ordering::SeqCst);
    let settled = parts.settle_gone().and_then(|()| parts.settle_many(&ends));
    let goes_on = match settled {
        Ok(()) => !ends(),
        // It stays where it is, with all that comes after it, and whoever reads it is told.
        Err(error @ StoreError::Damaged { .. }) => {
            tracing::error!(%error, "rows can't settle");
            // It is tried again once as much was put as a count is worth.
            parts.hold().is_ok_and(|mut writing| {
                (writing.put, writing.left) = (0, 0);
                !ends()
            })
        }
        // The store is closed by it, and whoever calls next is told why.
        Err(error) => {
            tracing::error!(%error, "rows can't settle");
            parts.recent.fail(&error);
            false
        }
    };
    parts.left.notify_all();
    goes_on
}

impl Parts {
    /// Counts the recent rows once enough were put, and lets all of them settle if there are too many. What is
    /// cut short by `ends` is due again.
    fn settle_many(&self, ends: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let put = self.hold()?.put;
        if !self.memory.is_worth_counting(put) {
            return Ok(());
        }
        if self.has_many(ends)? {
            self.settle_all(ends)?;
        }
        if !ends() {
            let mut writing = self.hold()?;
            writing.put = writing.put.saturating_sub(put.max(writing.left));
            writing.left = 0;
            self.note(&mut writing)?;
        }
        Ok(())
    }

    /// Whether more rows lie in the first part than may. What it says to be gone is noted by the way.
    fn has_many(&self, ends: &dyn Fn() -> bool) -> Result<bool, StoreError> {
        let mut count = 0_u64;
        let mut at = FIRST_KEY.to_vec();
        while count <= self.memory.recent_rows && !ends() {
            let rows = self.recent.kept_range((&at, AFTER_LAST_KEY), STEP_ROWS, false)?;
            let Some((last, _)) = rows.last() else {
                return Ok(false);
            };
            at = after(last);
            count = count.saturating_add(rows.len() as u64);
            let gone = rows.into_iter().filter(|(_, kept)| *kept == Kept::Gone);
            self.hold()?.gone.extend(gone.map(|(key, _)| key));
        }
        Ok(count > self.memory.recent_rows)
    }

    /// Lets everything settle that lies in the first part.
    pub(super) fn settle_all(&self, ends: &dyn Fn() -> bool) -> Result<(), StoreError> {
        let mut at = FIRST_KEY.to_vec();
        while !ends() {
            let moved = self.settle(|| self.rows_from(&at))?;
            let Some(last) = moved else {
                break;
            };
            at = after(&last);
        }
        Ok(())
    }

    /// Takes out of the file what the first part says to be gone.
    pub(super) fn settle_gone(&self) -> Result<(), StoreError> {
        while self.hold()?.gone.len() > GONE_MAX {
            let keys: Vec<_> = self.hold()?.gone.iter().take(MOVE_ROWS_MAX).cloned().collect();
            self.settle(|| self.rows_gone(&keys))?;
            let mut writing = self.hold()?;
            for key in &keys {
                writing.gone.remove(key);
            }
        }
        Ok(())
    }

    /// Those of the keys under which the first part says that there is nothing.
    fn rows_gone(&self, keys: &[Vec<u8>]) -> Result<Rows, StoreError> {
        let mut rows = Rows::new();
        for key in keys {
            let kept = self.recent.kept(key)?.filter(|kept| *kept == Kept::Gone);
            rows.extend(kept.map(|kept| (key.clone(), kept)));
        }
        Ok(rows)
    }

    /// The rows of the next move, from the key `from` on.
    pub(super) fn rows_from(&self, from: &[u8]) -> Result<Rows, StoreError> {
        let (mut rows, mut bytes) = (Rows::new(), 0_usize);
        let mut at = from.to_vec();
        while rows.len() < MOVE_ROWS_MAX && bytes < MOVE_BYTES_MAX {
            let found = self.recent.kept_range((&at, AFTER_LAST_KEY), STEP_ROWS, false)?;
            let Some((last, _)) = found.last() else {
                break;
            };
            at = after(last);
            bytes += found.iter().map(|(key, kept)| key.len() + kept.len()).sum::<usize>();
            rows.extend(found);
        }
        Ok(rows)
    }

    /// Moves the rows that `read` gives; gives the key of the last one. Whatever fails leaves rows where
    /// they are, or in both parts.
    pub(super) fn settle(
        &self,
        read: impl FnOnce() -> Result<Rows, StoreError>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let _turn = self.settling.lock().map_err(|_| StoreError::abandoned())?;
        self.hold()?.is_moving = true;
        let moved = read().and_then(|rows| {
            let last = rows.last().map(|(key, _)| key.clone());
            if last.is_some() {
                self.take(&rows)?;
            }
            Ok(last)
        });
        self.hold()?.is_moving = false;
        moved
    }

    fn take(&self, rows: &Rows) -> Result<(), StoreError> {
        let number = self.begin()?;
        // After a failure nobody knows whether the file has the rows, so nobody may delete one of them.
        self.file()?.take(number, rows).inspect_err(|error| self.recent.fail(error))?;
        self.finish(number)?;
        rows.chunks(STEP_ROWS).try_for_each(|step| self.remove(step))
    }

    /// Commits that the next move is begun; gives its number.
    pub(super) fn begin(&self) -> Result<u64, StoreError> {
        let Moves { done, .. } = self.hold()?.moves;
        let number = done.saturating_add(1);
        let mut begun = noted(Moves { done, begun: number });
        if done == 0 {
            begun.put(FORMAT_KEY, record_of(SETTLED_FORMAT_NUMBER));
        }
        self.recent.commit(&begun)?;
        Ok(number)
    }

    /// Writes that a move is done, before any of its rows leaves the first part.
    pub(super) fn finish(&self, number: u64) -> Result<(), StoreError> {
        let moves = Moves { done: number, begun: number };
        let mut writing = self.hold()?;
        self.recent.write(&noted(moves), &BTreeSet::new(), false)?;
        writing.moves = moves;
        Ok(())
    }

    /// Removes from the first part what still is as it was moved.
    pub(super) fn remove(&self, step: &[(Vec<u8>, Kept)]) -> Result<(), StoreError> {
        let mut writing = self.hold()?;
        let left = self.recent.remove_unchanged(step)?;
        writing.left = writing.left.saturating_add(left as u64);
        self.left.notify_all();
        for (key, _) in step.iter().filter(|(_, kept)| *kept == Kept::Gone) {
            writing.gone.remove(key);
        }
        Ok(())
    }

    /// The file; made if there is none.
    pub(super) fn file(&self) -> Result<&SettledFile, StoreError> {
        if let Some(file) = self.settled.get() {
            return Ok(file);
        }
        let made = self.judged(self.opening().create())?;
        Ok(self.settled.get_or_init(|| made))
    }
}

fn noted(moves: Moves) -> Batch {
    let mut batch = Batch::new();
    batch.put(MOVES_KEY, moves.to_bytes());
    batch
}
