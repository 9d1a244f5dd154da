//! Which peers are reached, and since when others are not: what is looked at when a way is chosen.
//!
//! Written by whoever dials, as it happens. It is lost with the process and found again by dialling, so
//! nothing durable rests on it: what was chosen by it says an entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::history::outbox::Place;

/// How the contact with each peer stands, by this node's own attempts.
#[derive(Debug, Default)]
pub struct Reach(Mutex<Contacts>);

#[derive(Debug, Default)]
struct Contacts {
    /// Since when peers have not been reached.
    lost: BTreeMap<AgencyId, Timestamp>,
    /// How far what waits for such a peer was looked through.
    looked: BTreeMap<AgencyId, Place>,
    /// How far words of each sort were looked through.
    words: BTreeMap<Words, Looked>,
}

/// Words of origins, by whether they have a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Words {
    /// They wait for one.
    Waiting,
    /// They were told by one.
    Told,
}

/// How far a list was looked through whose items wait for another directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// The directory by which it was.
    pub by: Option<Digest>,
    /// The last item that was looked at; none at the beginning.
    pub upto: Option<MessageKey>,
    /// Whether something was found since the beginning.
    pub found: bool,
    /// Whether all of it waits, and none need be looked at by this directory again.
    pub done: bool,
}

impl Looked {
    /// Where to go on under a directory; from the beginning, if it is another one.
    pub fn under(self, directory: Digest) -> Self {
        if self.by == Some(directory) {
            return self;
        }
        Self { by: Some(directory), ..Self::default() }
    }

    /// After a page that ended with `last` if it was full, and with it the list if not. What was found may
    /// not be dealt with yet, so then it begins anew.
    pub fn after(self, last: Option<MessageKey>, found: bool) -> Self {
        let found = self.found || found;
        match last {
            Some(_) => Self { upto: last, found, ..self },
            None => Self { upto: None, found: false, done: !found, ..self },
        }
    }
}

impl Reach {
    fn contacts(&self) -> MutexGuard<'_, Contacts> {
        // Each change is a single one, so what is guarded is whole whatever panicked beside it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The peer has answered.
    pub fn reached(&self, peer: &AgencyId) {
        let mut contacts = self.contacts();
        contacts.lost.remove(peer);
        contacts.looked.remove(peer);
    }

    /// An attempt at the peer failed, or a session with it ended. The first one counts.
    pub fn lost(&self, peer: &AgencyId, at: Timestamp) {
        self.contacts().lost.entry(peer.clone()).or_insert(at);
    }

    /// Since when the peer has not been reached; none while it is, or was not tried yet.
    pub fn lost_since(&self, peer: &AgencyId) -> Option<Timestamp> {
        self.contacts().lost.get(peer).copied()
    }

    /// Every peer that is not reached.
    pub fn out_of_reach(&self) -> BTreeSet<AgencyId> {
        self.contacts().lost.keys().cloned().collect()
    }

    /// Peers that have not been reached since `until` or longer.
    pub fn out_of_reach_since(&self, until: Timestamp) -> BTreeSet<AgencyId> {
        let contacts = self.contacts();
        let lost = contacts.lost.iter().filter(|(_, since)| **since <= until);
        lost.map(|(peer, _)| peer.clone()).collect()
    }

    /// How far what waits for a peer was looked through; none before the first look, and at its end.
    pub fn looked(&self, peer: &AgencyId) -> Option<Place> {
        self.contacts().looked.get(peer).cloned()
    }

    /// How far words of this sort were looked through.
    pub fn looked_for_words(&self, sort: Words) -> Looked {
        self.contacts().words.get(&sort).copied().unwrap_or_default()
    }

    /// Words of this sort were looked through so far.
    pub fn look_for_words(&self, sort: Words, looked: Looked) {
        self.contacts().words.insert(sort, looked);
    }

    /// What waits for a peer was looked through so far.
    pub fn look(&self, peer: &AgencyId, place: Option<Place>) {
        let mut contacts = self.contacts();
        match place {
            Some(place) => drop(contacts.looked.insert(peer.clone(), place)),
            None => drop(contacts.looked.remove(peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_out_of_reach_from_its_first_failure_until_it_answers() {
        let reach = Reach::default();
        let peer: AgencyId = "int.hub".parse().unwrap();
        assert_eq!(reach.lost_since(&peer), None);
        reach.lost(&peer, Timestamp::from_millis(5));
        reach.lost(&peer, Timestamp::from_millis(9));
        assert_eq!(reach.lost_since(&peer), Some(Timestamp::from_millis(5)));
        assert!(reach.out_of_reach_since(Timestamp::from_millis(4)).is_empty());
        assert!(reach.out_of_reach_since(Timestamp::from_millis(5)).contains(&peer));
        reach.look(&peer, Some(vec![7]));
        reach.reached(&peer);
        assert_eq!((reach.lost_since(&peer), reach.looked(&peer)), (None, None));
    }

    #[test]
    fn what_waits_for_another_directory_is_looked_through_once_by_each() {
        let [one, two] = [b"one", b"two"].map(|it| Digest::of(it));
        let last = MessageKey::from_slice(&[7; 24]);
        let begun = Looked::default().under(one);
        let half = begun.after(last, true).under(one);
        assert_eq!((half.upto, half.found, half.done), (last, true, false));
        let again = half.after(None, false);
        assert_eq!(again, begun, "what was found before may not be dealt with");
        let whole = again.after(last, false).after(None, false);
        assert!(whole.done && whole.under(one).done);
        assert_eq!(whole.under(two), Looked::default().under(two));
    }
}
