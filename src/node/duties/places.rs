//! Which frame of a stream was which: a peer that can't even say what a frame hands over names it by its
//! place.

use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::node::duties::session::Wish;
use crate::wire::relay::Outgoing;

/// What a frame was, as far as its sender needs to know when the peer can't read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// A checkpoint.
    Checkpoint,
    /// A message, by the hash of its header.
    Handing(Digest),
    /// A statement, by its place among those to this peer.
    Notice(u64),
    /// A question for what was lost.
    Missing,
}

/// The frames that were sent last, by their place in the stream; the greeting is the first.
#[derive(Debug)]
pub(super) struct Places {
    last: u64,
    kept: BTreeMap<u64, Placed>,
    most: usize,
}

impl Places {
    /// Of a stream of which at most so many frames are unanswered at a time.
    pub(super) const fn of(most: usize) -> Self {
        Self { last: 1, kept: BTreeMap::new(), most }
    }

    /// Frames that are sent now, in this order.
    pub(super) fn note(&mut self, wishes: &[Wish]) {
        for wish in wishes {
            let Wish::Send(frame) = wish else {
                continue;
            };
            self.last = self.last.saturating_add(1);
            let placed = match frame.as_ref() {
                Outgoing::Hello(_) => continue,
                Outgoing::CheckpointOffer(_) => Placed::Checkpoint,
                Outgoing::Handing(it) => Placed::Handing(it.envelope.header.hash()),
                Outgoing::Notice(it) => Placed::Notice(it.sequence),
                Outgoing::Missing(_) => Placed::Missing,
            };
            self.kept.insert(self.last, placed);
            if self.kept.len() > self.most {
                self.kept.pop_first();
            }
        }
    }

    /// What stood at a place that the peer names; it is answered with that.
    pub(super) fn take(&mut self, place: u64) -> Option<Placed> {
        self.kept.remove(&place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::relay::{CheckpointOffer, Missing};

    fn checkpoint() -> Wish {
        let (old_size, proof, checkpoint) = (0, Vec::new(), Vec::new());
        let offer = CheckpointOffer { old_size, proof, checkpoint };
        Wish::Send(Box::new(Outgoing::CheckpointOffer(offer)))
    }

    fn missing() -> Wish {
        let journal = "ita.coast-guard/journal/1".parse().unwrap();
        Wish::Send(Box::new(Outgoing::Missing(Missing { journal, size: 0, from: 0 })))
    }

    #[test]
    fn the_greeting_is_the_first_and_what_follows_is_found_by_its_place_once() {
        let mut places = Places::of(8);
        places.note(&[checkpoint()]);
        places.note(&[missing(), checkpoint()]);
        assert_eq!(places.take(1), None);
        assert_eq!(places.take(3), Some(Placed::Missing));
        assert_eq!(places.take(3), None);
        assert_eq!(places.take(2), Some(Placed::Checkpoint));
        assert_eq!(places.take(5), None);
    }

    #[test]
    fn what_was_answered_long_ago_is_forgotten() {
        let mut places = Places::of(2);
        places.note(&[missing(), checkpoint(), checkpoint()]);
        assert_eq!(places.take(2), None);
        assert_eq!(places.take(3), Some(Placed::Checkpoint));
        assert_eq!(places.take(4), Some(Placed::Checkpoint));
    }
}
