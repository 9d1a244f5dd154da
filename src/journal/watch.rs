//! Watches that what is asked of a store comes to an end.
//!
//! sled waits without a bound for what its own threads write, and one of them whose write or sync
//! failed may end without waking whoever waits (`iobuf.rs`: `set_global_error` after `write_to_log`
//! tells nobody). Then an opening, a read, a write or a closing stands still for good; so it may on a
//! disk that does not answer. A read waits too: what it reads may be on its way to the disk. Nothing
//! is lost by it, but the process neither serves nor ends. So each such work is noted, and a thread
//! of its own looks: what it sees unfinished at [`LOOKS`] looks in a row stands still. The mark is told, as after a write that failed, and whoever has the
//! process ends it.
//!
//! Looks are counted and no clock is read: a process that is stopped for a while, or whose machine
//! sleeps, does not look meanwhile.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::mark::{Ending, Mark};

/// Looks at which the same work must be seen unfinished.
const LOOKS: u32 = 30;
/// How long the mark may take to be written: it is on the disk that does not answer.
const MARK_TIME_MAX: Duration = Duration::from_secs(1);

/// What stores that are watched are doing.
#[derive(Debug, Default)]
pub struct Watch(Mutex<Now>);

#[derive(Debug, Default)]
struct Now {
    /// Number of the work that was begun last.
    last: u64,
    /// Works that have not ended, by number.
    running: BTreeMap<u64, &'static str>,
    /// The mark of the store.
    mark: Option<Mark>,
}

/// A work that ends when this value goes.
#[derive(Debug)]
pub(super) struct Work {
    watch: Arc<Watch>,
    number: u64,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.watch.hold().running.remove(&self.number);
    }
}

impl Watch {
    /// Watches with a thread of its own: if a work takes longer than `limit`, the mark of its store is
    /// told, and `end` is called with what the store was doing. The thread ends with the value.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        limit: Duration,
        end: impl FnOnce(&'static str) + Send + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let watch = Arc::new(Self::default());
        let watched = Arc::downgrade(&watch);
        let thread = std::thread::Builder::new().name("watch".to_owned());
        thread.spawn(move || {
            if let Some(doing) = watch_over(&watched, limit / LOOKS) {
                end(doing);
            }
        })?;
        Ok(watch)
    }

    /// Notes that a work is begun.
    pub(super) fn begin(self: &Arc<Self>, doing: &'static str) -> Work {
        let mut now = self.hold();
        now.last = now.last.saturating_add(1);
        let number = now.last;
        now.running.insert(number, doing);
        drop(now);
        Work { watch: Arc::clone(self), number }
    }

    /// Names the mark that is told.
    pub(super) fn tell(&self, mark: Mark) {
        self.hold().mark = Some(mark);
    }

    /// The oldest work that has not ended.
    fn oldest(&self) -> Option<(u64, &'static str)> {
        self.hold().running.first_key_value().map(|(number, doing)| (*number, *doing))
    }

    /// Never held while waiting; what a panic of another holder leaves is still a list.
    fn hold(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks until a work stands still, and gives which; `None` once nothing is left to watch.
fn watch_over(watched: &Weak<Watch>, pause: Duration) -> Option<&'static str> {
    let mut patience = Patience::default();
    loop {
        std::thread::sleep(pause);
        let watch = watched.upgrade()?;
        let oldest = watch.oldest();
        if patience.ends(oldest.map(|(number, _)| number)) {
            let mark = watch.hold().mark.take();
            tell(mark);
            return oldest.map(|(_, doing)| doing);
        }
    }
}

/// Tells the mark that a write failed. If not even this can be written, the mark goes on to say
/// `Open`: see [`Ending`].
fn tell(mark: Option<Mark>) {
    let Some(mark) = mark else { return };
    let (told, done) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("mark".to_owned()).spawn(move || {
        drop(mark.set_ending(Ending::Failed));
        let _told = told.send(());
    });
    if thread.is_ok() {
        let _done = done.recv_timeout(MARK_TIME_MAX);
    }
}

/// How often the same work was seen.
#[derive(Debug, Default)]
struct Patience {
    seen: Option<u64>,
    looks: u32,
}

impl Patience {
    /// Looks at the oldest work that has not ended; whether it stands still.
    fn ends(&mut self, oldest: Option<u64>) -> bool {
        if oldest.is_none() || oldest != self.seen {
            *self = Self { seen: oldest, looks: 0 };
            return false;
        }
        self.looks = self.looks.saturating_add(1);
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_work_that_is_seen_at_every_look_stands_still() {
        let mut patience = Patience::default();
        for work in [Some(1), None, Some(2), Some(3)] {
            for _ in 0..LOOKS {
                assert!(!patience.ends(work));
            }
            assert_eq!(patience.looks, work.map_or(0, |_| LOOKS - 1));
        }
        assert!(patience.ends(Some(3)));
        assert!(!patience.ends(None));
        assert!((0..1000).all(|_| !patience.ends(None)));
    }

    #[test]
    fn a_work_within_another_is_another_and_the_oldest_is_watched() {
        let watch = Arc::new(Watch::default());
        assert_eq!(watch.oldest(), None);
        let opening = watch.begin("open");
        let commit = watch.begin("write");
        assert_eq!(watch.oldest(), Some((1, "open")));
        drop(opening);
        assert_eq!(watch.oldest(), Some((2, "write")));
        drop(commit);
        assert_eq!(watch.oldest(), None);
        let next = watch.begin("write");
        assert_eq!(watch.oldest(), Some((3, "write")));
        drop(next);
    }

    #[test]
    fn what_stands_still_is_named_and_the_mark_says_that_a_write_failed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        let (named, name) = mpsc::channel();
        let limit = Duration::from_millis(60);
        let watch = Watch::start(limit, move |doing| named.send(doing).unwrap()).unwrap();
        watch.tell(Mark::create(&path).unwrap());
        let work = watch.begin("open its files");
        let minute = Duration::from_secs(60);
        assert_eq!(name.recv_timeout(minute).unwrap(), "open its files");
        let mark = Mark::open(&path).unwrap().unwrap();
        assert_eq!(mark.ending().unwrap(), Ending::Failed);
        drop(work);
    }

    #[test]
    fn the_thread_ends_with_what_it_watches() {
        let (named, name) = mpsc::channel::<&str>();
        let limit = Duration::from_millis(60);
        let watch = Watch::start(limit, move |doing| named.send(doing).unwrap()).unwrap();
        drop(watch);
        // Its end of the channel goes with it.
        let ended = name.recv_timeout(Duration::from_secs(60));
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
    }
}
