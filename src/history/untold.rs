//! Words of an origin about its message that no way led on to the destination when they were stated or heard
//! here: that a place in an order is void, for which waits there what follows; or that an erasure is asked for.
//!
//! An own word waits until it is told. Whoever passes one on can't know what follows it, and owes it for as
//! long as a message may live that was sent before it was heard.
//!
//! An erasure that this node itself asks for is not stated before a way leads to the destination, and so
//! never stands here ([`erasures`](super::erasures)).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::fact::MessageRef;
use crate::domain::header::{MessageKey, OrderToken};
use crate::domain::ids::{AgencyId, MessageId};
use crate::domain::limits::EXPIRY_MS_MAX;
use crate::history::by_message::ByMessage;
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Rows, Working, key, message_key, time_part};
use crate::history::table;

/// Words that are dropped at a time, once nobody can wait for them.
const DROPPED: usize = 64;

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// This place in the order is void.
    Void(OrderToken),
    /// The destination is asked to erase the message.
    Erasure,
}

/// A word that waits for a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untold {
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
    pub word: Word,
    /// Since when.
    pub since: Timestamp,
}

impl Untold {
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

    /// When it ends untold; never, where it is this node's own.
    pub fn ends_at(&self) -> Option<Timestamp> {
        (!self.own).then(|| self.since.plus_millis(EXPIRY_MS_MAX))
    }

    /// Whether it has ended untold.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends_at().is_some_and(|it| it <= now)
    }
}

/// The words, by the message that they are about.
pub const ROWS: ByMessage<Untold> = ByMessage::of(table::UNTOLD, "word that waits for a way");

fn end_key(at: Timestamp, message: MessageKey) -> Vec<u8> {
    key(table::UNTOLD_ENDS, &[&time_part(at), message.as_bytes()])
}

/// A word waits for a way from here on. Those that ended before are dropped. Of a message whose place is
/// void nothing is to be erased, so that no such word takes the other's place.
pub(super) fn put(
    rows: &mut Working<'_>,
    message: MessageKey,
    untold: &Untold,
) -> Result<(), HistoryError> {
    drop_ended(rows, untold.since)?;
    if untold.word == Word::Erasure && is_void(rows, message)? {
        return Ok(());
    }
    take(rows, message)?;
    if let Some(at) = untold.ends_at() {
        rows.save(end_key(at, message), &message);
    }
    ROWS.put(rows, message, untold);
    Ok(())
}

/// Whether the word that waits says that the message's place is void.
fn is_void(rows: &Working<'_>, message: MessageKey) -> Result<bool, HistoryError> {
    let waiting = ROWS.find(rows, message)?;
    Ok(waiting.is_some_and(|it| matches!(it.word, Word::Void(_))))
}

/// An erasure is asked for by a word that has gone on: one that waited before need not go too.
pub(super) fn asked(rows: &mut Working<'_>, message: MessageKey) -> Result<(), HistoryError> {
    if is_void(rows, message)? {
        return Ok(());
    }
    take(rows, message).map(drop)
}

/// The word about this message waits no longer, if one did.
pub(super) fn take(
    rows: &mut Working<'_>,
    message: MessageKey,
) -> Result<Option<Untold>, HistoryError> {
    let found = ROWS.take(rows, message)?;
    if let Some(at) = found.as_ref().and_then(Untold::ends_at) {
        rows.remove(end_key(at, message));
    }
    Ok(found)
}

/// Drops words that have ended by `now`, the time of an entry: some of them.
pub(super) fn drop_ended(rows: &mut Working<'_>, now: Timestamp) -> Result<(), HistoryError> {
    let (first, end) = (key(table::UNTOLD_ENDS, &[]), key(table::UNTOLD_ENDS, &[&time_part(now)]));
    for (_, value) in rows.rows(&first, &end, DROPPED)? {
        take(rows, message_key(&value)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::rows::after;
    use crate::journal::memory::MemoryStore;

    fn message(n: u8) -> MessageKey {
        MessageKey::from_slice(&[n; 24]).unwrap()
    }

    fn word(own: bool, since: i64) -> Untold {
        Untold {
            position: 7,
            own,
            origin: "ita.a".parse().unwrap(),
            message: message(1).message(),
            header: Digest::of(b"header"),
            destination: "pan.z".parse().unwrap(),
            word: Word::Void(OrderToken { stream: [9; 16], number: 2 }),
            since: Timestamp::from_millis(since),
        }
    }

    fn left(rows: &Working<'_>) -> (usize, usize) {
        let ends = key(table::UNTOLD_ENDS, &[]);
        let ends = rows.rows(&ends, &after(&ends), 100).unwrap();
        (ROWS.page(rows, None, 100).unwrap().len(), ends.len())
    }

    #[test]
    fn what_another_said_is_dropped_once_nobody_can_wait_and_an_own_word_never() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        put(&mut rows, message(1), &word(true, 10)).unwrap();
        put(&mut rows, message(2), &word(false, 10)).unwrap();
        put(&mut rows, message(3), &word(false, 20)).unwrap();
        let end = Timestamp::from_millis(10 + EXPIRY_MS_MAX);
        assert!(word(false, 10).has_ended(end) && !word(true, 10).has_ended(end));
        drop_ended(&mut rows, end).unwrap();
        assert_eq!(left(&rows), (3, 2), "its last millisecond has not passed");
        put(&mut rows, message(4), &word(false, 11 + EXPIRY_MS_MAX)).unwrap();
        assert_eq!(left(&rows), (3, 2));
        assert_eq!(ROWS.find(&rows, message(2)).unwrap(), None);
    }

    #[test]
    fn a_word_that_is_heard_again_waits_once_and_nothing_of_it_is_left_when_it_is_told() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        put(&mut rows, message(1), &word(false, 10)).unwrap();
        put(&mut rows, message(1), &word(false, 30)).unwrap();
        assert_eq!(left(&rows), (1, 1));
        let told = take(&mut rows, message(1)).unwrap().unwrap();
        assert_eq!((told.since, told.notice()), (Timestamp::from_millis(30), Notice::Recorded(7)));
        assert_eq!(left(&rows), (0, 0));
        assert_eq!(word(true, 10).notice(), Notice::Own(7));
    }

    #[test]
    fn an_erasure_that_is_asked_for_takes_no_place_of_a_word_that_the_order_waits_for() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let erasure = |since| Untold { word: Word::Erasure, ..word(false, since) };
        let found = |rows: &Working<'_>| ROWS.find(rows, message(1)).unwrap().map(|it| it.word);
        put(&mut rows, message(1), &erasure(10)).unwrap();
        put(&mut rows, message(1), &word(false, 20)).unwrap();
        put(&mut rows, message(1), &erasure(30)).unwrap();
        asked(&mut rows, message(1)).unwrap();
        assert_eq!(found(&rows), Some(word(false, 20).word));
        assert_eq!(left(&rows), (1, 1));
        take(&mut rows, message(1)).unwrap();
        put(&mut rows, message(1), &erasure(40)).unwrap();
        asked(&mut rows, message(1)).unwrap();
        assert_eq!((found(&rows), left(&rows)), (None, (0, 0)));
    }
}
