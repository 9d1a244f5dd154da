//! What waits for the writer: each asker in a line of its own, the lines served in turn.
//!
//! Whoever floods waits behind itself. An asker with one command is served after at most one of each
//! other asker, however many of those wait, and after the batch that is being made durable. A line has a
//! bound: a caller beyond it is told to come back later, a peer or a duty waits for a place, which holds
//! back its session and nobody else's.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::domain::ids::AgencyId;
use crate::identity::principal::Principal;

/// Commands of one asker that may wait.
pub const LINE_LENGTH_MAX: usize = 512;
/// Commands that may wait in all lines together.
pub const QUEUE_LENGTH_MAX: usize = 4_096;

/// Who asks: each has a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// The node's own duties.
    Duty,
    /// A node of another agency.
    Peer(AgencyId),
    /// The same node where it answers what this node asked it.
    Answering(AgencyId),
    /// Somebody of the agency.
    Caller(Principal),
}

impl Asker {
    /// Whether it asks of its own accord: duties and answers follow from what others ask.
    pub fn asks_of_itself(&self) -> bool {
        match self {
            Self::Peer(_) | Self::Caller(_) => true,
            Self::Duty | Self::Answering(_) => false,
        }
    }
}

/// Why something was not put into the queue; it comes back.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused<T> {
    /// The asker's line, or the queue, is full.
    Full(T),
    /// Nobody takes anything out any more.
    Closed(T),
}

struct Lines<T> {
    lines: BTreeMap<Asker, VecDeque<T>>,
    /// Who has something waiting, the next to be served first.
    turns: VecDeque<Asker>,
    waiting: usize,
    putters: usize,
    is_closed: bool,
}

struct Shared<T> {
    lines: Mutex<Lines<T>>,
    filled: Condvar,
    room: Notify,
    closed: watch::Sender<bool>,
}

impl<T> Shared<T> {
    fn lines(&self) -> MutexGuard<'_, Lines<T>> {
        // A thread that panicked while it held the lines left them whole: each change is one step.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Lines<T> {
    fn put(&mut self, asker: &Asker, item: T) -> Result<(), Refused<T>> {
        if self.is_closed {
            return Err(Refused::Closed(item));
        }
        let length = self.lines.get(asker).map_or(0, VecDeque::len);
        if length >= LINE_LENGTH_MAX || self.waiting >= QUEUE_LENGTH_MAX {
            return Err(Refused::Full(item));
        }
        if length == 0 {
            self.turns.push_back(asker.clone());
        }
        self.lines.entry(asker.clone()).or_default().push_back(item);
        self.waiting += 1;
        Ok(())
    }

    fn take(&mut self) -> Option<T> {
        self.take_of(|_| true)
    }

    /// The next of an asker of whom this is true.
    fn take_of(&mut self, may: impl Fn(&Asker) -> bool) -> Option<T> {
        let turn = self.turns.iter().position(may)?;
        let asker = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&asker)?;
        let item = line.pop_front();
        if line.is_empty() {
            self.lines.remove(&asker);
        } else {
            self.turns.push_back(asker);
        }
        self.waiting = self.waiting.saturating_sub(usize::from(item.is_some()));
        item
    }
}

/// Puts things into the queue.
pub struct Putter<T>(Arc<Shared<T>>);

/// Takes things out of the queue; there is one.
pub struct Taker<T>(Arc<Shared<T>>);

/// An empty queue.
pub fn queue<T>() -> (Putter<T>, Taker<T>) {
    let lines = Lines {
        lines: BTreeMap::new(),
        turns: VecDeque::new(),
        waiting: 0,
        putters: 1,
        is_closed: false,
    };
    let shared = Arc::new(Shared {
        lines: Mutex::new(lines),
        filled: Condvar::new(),
        room: Notify::new(),
        closed: watch::Sender::new(false),
    });
    (Putter(Arc::clone(&shared)), Taker(shared))
}

impl<T> Putter<T> {
    /// Puts something into the asker's line.
    ///
    /// # Errors
    /// [`Refused`], with what was not put.
    pub fn put(&self, asker: &Asker, item: T) -> Result<(), Refused<T>> {
        self.0.lines().put(asker, item)?;
        self.0.filled.notify_one();
        Ok(())
    }

    /// Puts something into the asker's line, once there is a place in it.
    ///
    /// # Errors
    /// What was not put, since nobody takes anything out any more.
    pub async fn put_in_turn(&self, asker: &Asker, mut item: T) -> Result<(), T> {
        loop {
            let room = self.0.room.notified();
            tokio::pin!(room);
            // From here on no place that is made goes unnoticed.
            room.as_mut().enable();
            match self.put(asker, item) {
                Ok(()) => return Ok(()),
                Err(Refused::Closed(back)) => return Err(back),
                Err(Refused::Full(back)) => item = back,
            }
            room.await;
        }
    }

    /// True once nobody takes anything out any more.
    pub fn is_closed(&self) -> bool {
        self.0.lines().is_closed
    }

    /// Resolves once nobody takes anything out any more.
    pub async fn closed(&self) {
        let mut closed = self.0.closed.subscribe();
        // The sender stands in what this handle shares, so it is never gone.
        drop(closed.wait_for(|it| *it).await);
    }
}

impl<T> Clone for Putter<T> {
    fn clone(&self) -> Self {
        self.0.lines().putters += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Putter<T> {
    fn drop(&mut self) {
        let mut lines = self.0.lines();
        lines.putters = lines.putters.saturating_sub(1);
        drop(lines);
        self.0.filled.notify_all();
    }
}

impl<T> Taker<T> {
    /// The next thing whose turn it is; waits for one. None once nobody can put anything any more.
    pub fn take(&mut self) -> Option<T> {
        let mut lines = self.0.lines();
        loop {
            if let Some(item) = lines.take() {
                drop(lines);
                self.0.room.notify_waiters();
                return Some(item);
            }
            if lines.putters == 0 {
                return None;
            }
            lines = self.0.filled.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for so long at most until an asker of whom this is true has something waiting; whether one has.
    pub fn wait_for(&mut self, time: Duration, is_it: impl Fn(&Asker) -> bool) -> bool {
        let lines = self.0.lines();
        let goes_on = |lines: &mut Lines<T>| lines.putters > 0 && !lines.lines.keys().any(&is_it);
        let waited = self.0.filled.wait_timeout_while(lines, time, goes_on);
        let (_lines, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// The next thing whose turn it is among those of askers of whom this is true, if something of one waits.
    pub fn take_now(&mut self, may: impl Fn(&Asker) -> bool) -> Option<T> {
        let item = self.0.lines().take_of(may)?;
        self.0.room.notify_waiters();
        Some(item)
    }

    /// Whether something waits of an asker of whom this is true.
    pub fn has(&self, is_it: impl Fn(&Asker) -> bool) -> bool {
        self.0.lines().lines.keys().any(is_it)
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        let left = {
            let mut lines = self.0.lines();
            lines.is_closed = true;
            lines.turns.clear();
            lines.waiting = 0;
            std::mem::take(&mut lines.lines)
        };
        // Whoever waits for an answer learns that none comes.
        drop(left);
        self.0.room.notify_waiters();
        self.0.closed.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: usize) -> Asker {
        Asker::Peer(format!("int.n{n}").parse().unwrap())
    }

    #[test]
    fn whoever_floods_waits_behind_itself() {
        let (putter, mut taker) = queue();
        for n in 0..LINE_LENGTH_MAX {
            putter.put(&peer(1), (1, n)).unwrap();
        }
        putter.put(&peer(2), (2, 0)).unwrap();
        putter.put(&peer(3), (3, 0)).unwrap();
        putter.put(&peer(2), (2, 1)).unwrap();
        let served: Vec<_> = (0..6).map(|_| taker.take().unwrap()).collect();
        assert_eq!(served, [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2)]);
        // One that comes later is served after one more of the other, not after all that wait.
        putter.put(&Asker::Duty, (0, 0)).unwrap();
        assert_eq!([taker.take(), taker.take()], [Some((1, 3)), Some((0, 0))]);
        // Each line keeps its order.
        let rest: Vec<_> = std::iter::from_fn(|| taker.take_now(|_| true)).collect();
        assert_eq!(rest.first(), Some(&(1, 4)));
        assert!(rest.is_sorted());
        assert_eq!(rest.len(), LINE_LENGTH_MAX - 4);
    }

    #[test]
    fn a_line_and_the_queue_have_a_bound_and_what_is_refused_comes_back() {
        let (putter, mut taker) = queue();
        for n in 0..LINE_LENGTH_MAX {
            putter.put(&peer(1), n).unwrap();
        }
        assert_eq!(putter.put(&peer(1), 7), Err(Refused::Full(7)));
        putter.put(&peer(2), 8).unwrap();
        taker.take().unwrap();
        putter.put(&peer(1), 7).unwrap();
        let lines = QUEUE_LENGTH_MAX.div_ceil(LINE_LENGTH_MAX) + 3;
        let mut put = LINE_LENGTH_MAX + 1;
        for line in 2..lines {
            for n in 0..LINE_LENGTH_MAX {
                put += usize::from(putter.put(&peer(line), n).is_ok());
            }
        }
        assert_eq!(put, QUEUE_LENGTH_MAX);
        assert_eq!(putter.put(&peer(99), 1), Err(Refused::Full(1)));
        taker.take().unwrap();
        assert_eq!(putter.put(&peer(99), 1), Ok(()));
    }

    #[tokio::test]
    async fn a_place_that_is_made_is_taken_by_who_waits_for_it() {
        let (putter, mut taker) = queue();
        for n in 0..LINE_LENGTH_MAX {
            putter.put(&Asker::Duty, n).unwrap();
        }
        let duty = Asker::Duty;
        let waits = putter.put_in_turn(&duty, LINE_LENGTH_MAX);
        tokio::pin!(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        // Another line has room all the while.
        assert_eq!(putter.put_in_turn(&peer(1), 0).await, Ok(()));
        assert!(futures::poll!(waits.as_mut()).is_pending());
        taker.take().unwrap();
        assert_eq!(waits.await, Ok(()));
        drop(taker);
        assert_eq!(putter.put_in_turn(&duty, 3).await, Err(3));
        assert!(putter.is_closed());
        putter.closed().await;
    }

    #[test]
    fn somebody_is_waited_for_and_nobody_else() {
        let (putter, mut taker) = queue();
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(600));
        putter.put(&peer(1), 1).unwrap();
        assert!(!taker.wait_for(short, |it| *it != peer(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| taker.wait_for(long, |it| *it != peer(1)));
            putter.put(&peer(1), 2).unwrap();
            putter.put(&peer(2), 3).unwrap();
            assert!(waiting.join().unwrap());
        });
        // Who waits already is not waited for, and nobody is once nobody can put anything.
        assert!(taker.wait_for(long, |it| *it == peer(2)));
        drop(putter);
        taker.wait_for(long, |it| *it == peer(3));
        assert_eq!([taker.take(), taker.take(), taker.take()], [Some(1), Some(3), Some(2)]);
    }

    #[test]
    fn the_taker_ends_once_nobody_can_put_anything() {
        let (putter, mut taker) = queue();
        let second = putter.clone();
        putter.put(&Asker::Duty, 1).unwrap();
        drop(putter);
        assert_eq!(taker.take(), Some(1));
        let waits = std::thread::scope(|scope| {
            let taking = scope.spawn(move || taker.take());
            drop(second);
            taking.join().unwrap()
        });
        assert_eq!(waits, None);
    }
}
