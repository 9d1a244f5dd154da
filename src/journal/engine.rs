//! sled as the store opens it, and what it says when it can't.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use super::store::StoreError;

/// Length of a part (*segment*) of sled's log, in bytes; the longest that it takes. sled refuses a
/// store whose parts have another length.
///
/// sled writes into the head of each part how far the log had been written when the part was begun
/// (`iobuf.rs`, `store_segment_header`); that is what it handed over with `sync_file_range`, which
/// reaches neither the length of the file nor the disk's own cache. At the next opening the greatest
/// such figure names the part in which the end of the log must be (`iterator.rs`,
/// `check_contiguity_in_unstable_tail`). If that part is not there, sled takes the log for empty and
/// overwrites all of it; what stands in earlier parts it takes for whole. A part of which the disk
/// has nothing can be named only by one that was begun after it, so both were begun since the last
/// sync: the earlier at the end of the file, of which the disk does not know the new length yet, the
/// later where an older one had stood. So at most one part may be begun between two syncs.
/// The store sees to that for what it writes (`UNSYNCED_BYTES_MAX` in `sled.rs`). What sled's own thread writes again to
/// reclaim space comes on top, up to 6.5 MiB before it syncs (measured): with the largest batch at the
/// same instant that is more than one part. `tests/parts/journal.rs` shows what a missing part does.
pub(super) const SEGMENT_BYTES: usize = 16 * 1024 * 1024;
/// How often sled's own thread writes out and reclaims space, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;
/// How often an opening asks again while the last one in this process is still being closed.
const LOCK_ATTEMPTS_MAX: u32 = 100;
/// Pause between two such attempts.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Our own lock is held, so if sled's is not free, a store that was dropped in this process is
/// still being closed by sled's threads: that takes moments, and is waited for.
pub(super) fn open_tree(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    for _ in 0..LOCK_ATTEMPTS_MAX {
        // sled panics at some damage. Nothing of it is used afterwards.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        let opened = opened.map_err(|panic| StoreError::Engine { detail: told_by(&*panic) })?;
        match opened {
            Err(sled::Error::Io(e)) if e.to_string().contains("could not acquire lock") => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Ok(db) => return Ok(db),
            Err(e) => return Err(engine(e)),
        }
    }
    Err(StoreError::InUse)
}

/// What a panic said.
pub(super) fn told_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("its engine gave up").to_owned()
}

pub(super) fn engine(error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) => StoreError::Io { doing: "use its files", source },
        other @ (sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_)
        | sled::Error::Corruption { .. }) => StoreError::Engine { detail: other.to_string() },
    }
}
