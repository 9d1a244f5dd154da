//! Which peers are reached, and since when others are not: what is looked at when a way is chosen.
//!
//! Written by whoever dials, as it happens. It is lost with the process and found again by dialling, so
//! nothing durable rests on it: what was chosen by it says an entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::fact::Reason;
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
    looked: BTreeMap<AgencyId, Looked<Circumstances, Place>>,
    /// Messages of which something was recorded since they were last asked for.
    changed: BTreeSet<MessageKey>,
    /// Whether more of them changed than are remembered.
    too_many: bool,
    /// How far words of each sort were looked through.
    words: BTreeMap<Words, Looked<Digest, MessageKey>>,
    /// The last message of each list that was passed over, by its place.
    passed_over: BTreeMap<Ending, Place>,
}

/// Changed messages that are remembered; beyond, all is looked through anew.
const CHANGED_MAX: usize = 4_096;

/// All by which a message that waits for a peer has another way or not, besides what is recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The directory that is followed.
    pub directory: Digest,
    /// Who is not reached.
    pub away: BTreeSet<AgencyId>,
    /// Why urgent and ordinary messages should wait for the peer no longer.
    pub trouble: [Option<Reason>; 2],
}

/// Words of origins, by whether they have a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Words {
    /// They wait for one.
    Waiting,
    /// They were told by one.
    Told,
}

/// Messages that end here, by why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// They go no further.
    Refused,
    /// Their time is over.
    Expired,
}

/// How far a list was looked through whose items wait for something else to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked<By, Upto> {
    /// What it was looked through by.
    pub by: Option<By>,
    /// The last item that was looked at; none at the beginning.
    pub upto: Option<Upto>,
    /// Whether something was found since the beginning.
    pub found: bool,
    /// Whether all of it waits, and none need be looked at again as long as nothing changes.
    pub done: bool,
}

impl<By, Upto> Default for Looked<By, Upto> {
    fn default() -> Self {
        Self { by: None, upto: None, found: false, done: false }
    }
}

impl<By: PartialEq, Upto> Looked<By, Upto> {
    /// Where to go on by this; from the beginning, if it is something else.
    pub fn under(self, by: By) -> Self {
        if self.by.as_ref() == Some(&by) {
            return self;
        }
        Self { by: Some(by), ..Self::default() }
    }

    /// After a page that ended with `last` if it was full, and with it the list if not. What was found may
    /// not be dealt with yet, so then it begins anew.
    pub fn after(self, last: Option<Upto>, found: bool) -> Self {
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

    /// How far what waits for a peer was looked through.
    pub fn looked(&self, peer: &AgencyId) -> Looked<Circumstances, Place> {
        self.contacts().looked.get(peer).cloned().unwrap_or_default()
    }

    /// What waits for a peer was looked through so far.
    pub fn look(&self, peer: &AgencyId, looked: Looked<Circumstances, Place>) {
        self.contacts().looked.insert(peer.clone(), looked);
    }

    /// Something was recorded of these messages, which may have brought them elsewhere among those that wait,
    /// or given them another way.
    pub fn note_changed(&self, messages: impl IntoIterator<Item = MessageKey>) {
        let mut contacts = self.contacts();
        contacts.changed.extend(messages);
        if contacts.changed.len() > CHANGED_MAX {
            contacts.changed.clear();
            contacts.too_many = true;
        }
    }

    /// The messages of which something was recorded since this was asked for last, by whoever looks through
    /// what waits. Where more changed than are remembered all is looked through anew.
    pub fn take_changed(&self) -> BTreeSet<MessageKey> {
        let mut contacts = self.contacts();
        let changed = std::mem::take(&mut contacts.changed);
        if std::mem::take(&mut contacts.too_many) {
            contacts.looked.clear();
        }
        changed
    }

    /// How far words of this sort were looked through.
    pub fn looked_for_words(&self, sort: Words) -> Looked<Digest, MessageKey> {
        self.contacts().words.get(&sort).cloned().unwrap_or_default()
    }

    /// Words of this sort were looked through so far.
    pub fn look_for_words(&self, sort: Words, looked: Looked<Digest, MessageKey>) {
        self.contacts().words.insert(sort, looked);
    }

    /// Behind which message the next round through this list goes on; none from its beginning.
    pub fn passed_over(&self, list: Ending) -> Option<Place> {
        self.contacts().passed_over.get(&list).cloned()
    }

    /// The next round goes on there.
    pub fn pass_over(&self, list: Ending, last: Option<Place>) {
        let mut contacts = self.contacts();
        match last {
            Some(last) => contacts.passed_over.insert(list, last),
            None => contacts.passed_over.remove(&list),
        };
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
        reach.look(&peer, looked(7));
        reach.reached(&peer);
        assert_eq!((reach.lost_since(&peer), reach.looked(&peer)), (None, Looked::default()));
    }

    /// What waits for a peer was looked through up to this place.
    fn looked(place: u8) -> Looked<Circumstances, Place> {
        Looked { upto: Some(vec![place]), ..Looked::default() }
    }

    #[test]
    fn where_more_changed_than_is_remembered_all_is_looked_through_anew() {
        let reach = Reach::default();
        let peer: AgencyId = "int.hub".parse().unwrap();
        let key = |n: usize| {
            let bytes = [n.to_be_bytes().as_slice(), &[0; 16]].concat();
            MessageKey::from_slice(&bytes).unwrap()
        };
        reach.look(&peer, looked(7));
        reach.note_changed((0..CHANGED_MAX).map(key));
        reach.note_changed([key(0)]);
        assert_eq!(reach.looked(&peer), looked(7));
        assert_eq!((reach.take_changed().len(), reach.take_changed().len()), (CHANGED_MAX, 0));
        reach.note_changed((0..=CHANGED_MAX).map(key));
        reach.note_changed([key(0)]);
        // A look that is under way does not undo it.
        reach.look(&peer, looked(8));
        assert_eq!(reach.take_changed(), BTreeSet::from([key(0)]));
        assert_eq!(reach.looked(&peer), Looked::default());
        reach.look(&peer, looked(7));
        assert_eq!((reach.take_changed().len(), reach.looked(&peer)), (0, looked(7)));
    }

    #[test]
    fn what_waits_for_another_directory_is_looked_through_once_by_each() {
        let [one, two] = [b"one", b"two"].map(|it| Digest::of(it));
        let last = MessageKey::from_slice(&[7; 24]);
        let begun: Looked<Digest, MessageKey> = Looked::default().under(one);
        let half = begun.clone().after(last, true).under(one);
        assert_eq!((half.upto, half.found, half.done), (last, true, false));
        let again = half.after(None, false);
        assert_eq!(again, begun, "what was found before may not be dealt with");
        let whole = again.after(last, false).after(None, false);
        assert!(whole.done && whole.clone().under(one).done);
        assert_eq!(whole.under(two), Looked::default().under(two));
    }
}
