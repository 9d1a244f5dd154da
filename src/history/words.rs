//! Words of an origin about its message that travel to the destination from here, or wait for a way: that a
//! place in an order is void, for which waits there what follows; or that an erasure is asked for.
//!
//! An own word waits until it is told. Whoever passes one on can't know what follows it, and owes it for as
//! long as a message may live that was sent before it was heard. For so long a word that was told stays
//! known here too: under a directory that leads it another way it is told again, by that way. Whatever two
//! neighbours' directories named meanwhile, under one that all of them follow each has told it to the next.
//!
//! An erasure that this node itself asks for is not stated before a way leads to the destination, and so
//! never waits here ([`erasures`](super::erasures)).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::fact::MessageRef;
use crate::domain::header::{MessageKey, OrderToken};
use crate::domain::ids::{AgencyId, MessageId};
use crate::domain::limits::EXPIRY_MS_MAX;
use crate::history::by_message::ByMessage;
use crate::history::by_time::ByTime;
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Rows, Working};
use crate::history::table;

/// Words that are dropped at a time, once nobody can wait for them.
const DROPPED: usize = 64;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// This place in the order is void.
    Void(OrderToken),
    /// The destination is asked to erase the message.
    Erasure,
}

/// A word about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The entry: this node's own statement, or the one that records another's.
    pub position: u64,
    /// Whether it is this node's own.
    pub own: bool,
    /// The agency whose message it is.
    pub origin: AgencyId,
    /// Its message.
    pub message: MessageId,
    /// Hash of its header.
    pub header: Digest,
    /// The agency that is to hear of it.
    pub destination: AgencyId,
    /// What it is to hear.
    pub said: Said,
    /// Since when it is known here.
    pub since: Timestamp,
    /// The neighbour that is told it; none as long as it waits for a way.
    pub to: Option<AgencyId>,
}

impl Word {
    /// The message that it is about.
    pub fn reference(&self) -> MessageRef {
        let (origin, header) = (self.origin.clone(), self.header);
        MessageRef { origin, message: self.message, header }
    }

    /// What is told.
    pub const fn notice(&self) -> Notice {
        match self.own {
            true => Notice::Own(self.position),
            false => Notice::Recorded(self.position),
        }
    }

    /// Whether it stays where another word about the same message comes.
    fn stands_before(&self, other: &Self) -> bool {
        match (self.said, other.said) {
            (Said::Void(_), Said::Erasure) => true,
            (Said::Void(_), Said::Void(_)) | (Said::Erasure, Said::Erasure) => {
                self.own && !other.own
            }
            (Said::Erasure, Said::Void(_)) => false,
        }
    }

    /// When nobody waits for it any more, as far as can be known here; never, where it is this node's own
    /// and waits for a way.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let is_owed = self.own && self.to.is_none();
        (!is_owed).then(|| self.since.plus_millis(EXPIRY_MS_MAX))
    }

    /// Whether that is past.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|it| it <= now)
    }
}

/// The words that wait for a way, by the message that they are about.
pub const WAITING: ByMessage<Word> = ByMessage::of(table::UNTOLD, "word that waits for a way");

/// The words that were told a neighbour, likewise.
pub const TOLD: ByMessage<Word> = ByMessage::of(table::TOLD, "word that was told");

const ENDS: ByTime = ByTime::of(table::WORD_ENDS);

/// The word about a message, if one is known here.
pub fn find<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<Option<Word>, HistoryError> {
    match WAITING.find(rows, message)? {
        Some(word) => Ok(Some(word)),
        None => TOLD.find(rows, message),
    }
}

/// A word waits for a way from here on, or is told. Those that ended before `now`, the time of the entry, are
/// dropped. Of a message whose place is void nothing is to be erased, so that no such word takes the
/// other's place; and an own word that comes back is this node's own.
pub(super) fn put(
    rows: &mut Working<'_>,
    message: MessageKey,
    word: &Word,
    now: Timestamp,
) -> Result<(), HistoryError> {
    drop_ended(rows, now)?;
    if find(rows, message)?.is_some_and(|it| it.stands_before(word)) {
        return Ok(());
    }
    take(rows, message)?;
    if let Some(at) = word.ends_at() {
        ENDS.put(rows, at, message);
    }
    let table = if word.to.is_some() { TOLD } else { WAITING };
    table.put(rows, message, word);
    Ok(())
}

/// Takes the word about this message out, if there is one.
fn take(rows: &mut Working<'_>, message: MessageKey) -> Result<Option<Word>, HistoryError> {
    let found = match WAITING.take(rows, message)? {
        Some(word) => Some(word),
        None => TOLD.take(rows, message)?,
    };
    if let Some(at) = found.as_ref().and_then(Word::ends_at) {
        ENDS.remove(rows, at, message);
    }
    Ok(found)
}

/// Drops words that have ended by `now`, the time of an entry: some of them.
fn drop_ended(rows: &mut Working<'_>, now: Timestamp) -> Result<(), HistoryError> {
    for message in ENDS.before(rows, now, DROPPED)? {
        take(rows, message)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::rows::{after, key};
    use crate::journal::memory::MemoryStore;

    fn message(n: u8) -> MessageKey {
        MessageKey::from_slice(&[n; 24]).unwrap()
    }

    fn word(own: bool, since: i64) -> Word {
        Word {
            position: 7,
            own,
            origin: "ita.a".parse().unwrap(),
            message: message(1).message(),
            header: Digest::of(b"header"),
            destination: "pan.z".parse().unwrap(),
            said: Said::Void(OrderToken { stream: [9; 16], number: 2 }),
            since: at(since),
            to: None,
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// So many wait, were told, and end.
    fn left(rows: &Working<'_>) -> (usize, usize, usize) {
        let ends = key(table::WORD_ENDS, &[]);
        let ends = rows.rows(&ends, &after(&ends), 100).unwrap();
        let count = |table: ByMessage<Word>| table.page(rows, None, 100).unwrap().len();
        (count(WAITING), count(TOLD), ends.len())
    }

    #[test]
    fn what_another_said_is_dropped_once_nobody_can_wait_and_an_own_word_not_before_it_is_told() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        put(&mut rows, message(1), &word(true, 10), at(10)).unwrap();
        put(&mut rows, message(2), &word(false, 10), at(10)).unwrap();
        put(&mut rows, message(3), &word(false, 20), at(20)).unwrap();
        let end = at(10 + EXPIRY_MS_MAX);
        assert!(word(false, 10).has_ended(end) && !word(true, 10).has_ended(end));
        drop_ended(&mut rows, end).unwrap();
        assert_eq!(left(&rows), (3, 0, 2), "its last millisecond has not passed");
        let now = at(11 + EXPIRY_MS_MAX);
        put(&mut rows, message(4), &word(false, now.millis()), now).unwrap();
        assert_eq!(left(&rows), (3, 0, 2));
        assert_eq!(find(&rows, message(2)).unwrap(), None);
        let told = Word { to: Some("mlt.b".parse().unwrap()), ..word(true, 10) };
        put(&mut rows, message(1), &told, at(10)).unwrap();
        assert_eq!(left(&rows), (2, 1, 3));
        drop_ended(&mut rows, now).unwrap();
        assert_eq!((left(&rows), find(&rows, message(1)).unwrap()), ((2, 0, 2), None));
    }

    #[test]
    fn a_word_that_is_heard_again_waits_once_and_nothing_else_of_it_is_left_when_it_is_told() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        put(&mut rows, message(1), &word(false, 10), at(10)).unwrap();
        put(&mut rows, message(1), &word(false, 30), at(30)).unwrap();
        assert_eq!(left(&rows), (1, 0, 1));
        let told = Word { to: Some("mlt.b".parse().unwrap()), ..word(false, 30) };
        put(&mut rows, message(1), &told, at(40)).unwrap();
        assert_eq!(left(&rows), (0, 1, 1));
        let taken = take(&mut rows, message(1)).unwrap().unwrap();
        assert_eq!((taken.since, taken.notice()), (at(30), Notice::Recorded(7)));
        assert_eq!(left(&rows), (0, 0, 0));
        assert_eq!(word(true, 10).notice(), Notice::Own(7));
    }

    #[test]
    fn an_erasure_that_is_asked_for_takes_no_place_of_a_word_that_the_order_waits_for() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let erasure = |since| Word { said: Said::Erasure, ..word(false, since) };
        let said = |rows: &Working<'_>| find(rows, message(1)).unwrap().map(|it| it.said);
        put(&mut rows, message(1), &erasure(10), at(10)).unwrap();
        put(&mut rows, message(1), &word(false, 20), at(20)).unwrap();
        put(&mut rows, message(1), &erasure(30), at(30)).unwrap();
        assert_eq!(said(&rows), Some(word(false, 20).said));
        let told = Word { to: Some("mlt.b".parse().unwrap()), ..erasure(40) };
        put(&mut rows, message(1), &told, at(40)).unwrap();
        assert_eq!((said(&rows), left(&rows)), (Some(word(false, 20).said), (1, 0, 1)));
    }

    #[test]
    fn an_own_word_that_comes_back_stays_this_nodes_own() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let own = Word { to: Some("mlt.b".parse().unwrap()), ..word(true, 10) };
        put(&mut rows, message(1), &own, at(10)).unwrap();
        put(&mut rows, message(1), &word(false, 20), at(20)).unwrap();
        assert_eq!(find(&rows, message(1)).unwrap(), Some(own));
        assert_eq!(left(&rows), (0, 1, 1));
    }
}
