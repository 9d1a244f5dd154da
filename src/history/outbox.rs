//! What is owed to whom: messages to hand over, and statements to pass on.
//!
//! Owed is what entries say minus what receipts say; there is no second list that could drift.
//! Statements for a peer form a dense sequence; how far the peer has taken them is a record of the
//! node beside the folds, because nothing is lost if a statement is sent twice.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::header::{Lane, MessageKey, OrderToken};
use crate::domain::ids::AgencyId;
use crate::history::rows::{
    HistoryError, NAME_PART_BYTES, Rows, Working, after, decode, key, message_key, name_part,
};
use crate::history::{message, paged, table};

fn lane_byte(lane: Lane) -> u8 {
    match lane {
        Lane::Urgent => 0,
        Lane::Ordinary => 1,
    }
}

fn owed_key(peer: &AgencyId, lane: Lane, position: u64) -> Vec<u8> {
    key(table::OUTBOX, &[&name_part(peer.as_str()), &[lane_byte(lane)], &position.to_be_bytes()])
}

/// Bits of a place in an urgent lane that are the position in the journal; those above are the turn.
const POSITION_BITS: u32 = 32;
/// Turns of origins that are dropped at a time.
const TURNS_AT_ONCE: usize = 256;

/// A place in an urgent lane: behind all of earlier turns, in a turn by position.
fn in_turn(turn: u64, position: u64) -> u64 {
    let low = u64::from(u32::MAX);
    (turn.min(low) << POSITION_BITS) | (position & low)
}

const fn turn_of(place: u64) -> u64 {
    place >> POSITION_BITS
}

/// The last turn of an origin in the urgent lane of a peer; without an origin the turn that was served last.
fn turn_key(peer: &AgencyId, origin: &[u8]) -> Vec<u8> {
    key(table::OUTBOX_TURNS, &[&name_part(peer.as_str()), origin])
}

/// Gives the origin of a message its next turn in the urgent lane of a peer: one message each, whoever has
/// many. What comes first of an origin waits for no turn but the one that is served.
fn take_turn(
    rows: &mut Working<'_>,
    peer: &AgencyId,
    message: MessageKey,
) -> Result<u64, HistoryError> {
    let what = "turn in an urgent lane";
    let served: u64 = rows.load(&turn_key(peer, &[]), what)?.unwrap_or(0);
    let of_origin = turn_key(peer, message.origin_part());
    let last: Option<u64> = rows.load(&of_origin, what)?;
    let turn = last.map_or(served, |it| served.max(it.saturating_add(1)));
    rows.save(of_origin, &turn);
    Ok(turn)
}

/// Notes that a message of this turn waits no more; once nobody waits, all begin anew.
fn note_served(rows: &mut Working<'_>, peer: &AgencyId, turn: u64) -> Result<(), HistoryError> {
    let lane = key(table::OUTBOX, &[&name_part(peer.as_str()), &[lane_byte(Lane::Urgent)]]);
    let served = turn_key(peer, &[]);
    if !rows.rows(&lane, &after(&lane), 1)?.is_empty() {
        let before: Option<u64> = rows.load(&served, "turn in an urgent lane")?;
        if before.is_none_or(|it| it < turn) {
            rows.save(served, &turn);
        }
        return Ok(());
    }
    loop {
        let turns = rows.rows(&served, &after(&served), TURNS_AT_ONCE)?;
        if turns.is_empty() {
            return Ok(());
        }
        turns.into_iter().for_each(|(place, _)| rows.remove(place));
    }
}

fn owed_to_key(peer: &AgencyId) -> Vec<u8> {
    key(table::OWED_TO, &[&name_part(peer.as_str())])
}

/// Notes the name of an agency to which something is owed: whatever directories say of it later, what is
/// owed to it is found.
fn note(rows: &mut Working<'_>, peer: &AgencyId) -> Result<(), HistoryError> {
    let place = owed_to_key(peer);
    if rows.row(&place)?.is_none() {
        rows.save(place, peer);
    }
    Ok(())
}

/// Agencies to which anything is owed, or was before, in the order of their names.
pub fn owed_to<R: Rows + ?Sized>(rows: &R) -> Result<BTreeSet<AgencyId>, HistoryError> {
    let prefix = key(table::OWED_TO, &[]);
    let found = rows.rows(&prefix, &after(&prefix), usize::MAX)?;
    found.iter().map(|(_, value)| decode(value, "agency to which something is owed")).collect()
}

fn stream_key(order: &OrderToken) -> Vec<u8> {
    key(table::OUTBOX_STREAMS, &[&order.stream, &order.number.to_be_bytes()])
}

/// Where a message stands among those owed to its peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Owed {
    message: MessageKey,
    peer: AgencyId,
    lane: Lane,
    /// In an urgent lane with its turn above it.
    position: u64,
}

/// Owes a message to a peer. Earlier messages of the same stream that still wait inherit an urgent
/// lane, since the recipient will hold this one back until they have come. In an urgent lane each origin
/// has its turn, so that none with many messages holds up those of another.
pub fn owe(
    rows: &mut Working<'_>,
    peer: &AgencyId,
    message: MessageKey,
    place: (Lane, u64),
    order: &OrderToken,
) -> Result<(), HistoryError> {
    let (lane, position) = place;
    let position = match lane {
        Lane::Urgent => in_turn(take_turn(rows, peer, message)?, position),
        Lane::Ordinary => position,
    };
    note(rows, peer)?;
    rows.save(owed_key(peer, lane, position), &message);
    let owed = Owed { message, peer: peer.clone(), lane, position };
    rows.save(stream_key(order), &owed);
    match lane {
        Lane::Urgent => promote(rows, order, &owed),
        Lane::Ordinary => Ok(()),
    }
}

/// Lets what still waits before `next` go before it, in its turn.
fn promote(rows: &mut Working<'_>, order: &OrderToken, next: &Owed) -> Result<(), HistoryError> {
    let first = OrderToken { stream: order.stream, number: 0 };
    let earlier = rows.rows(&stream_key(&first), &stream_key(order), message::STATIONS_MAX)?;
    for (stream, value) in earlier {
        let mut owed: Owed = decode(&value, "place of an owed message")?;
        if owed.lane == Lane::Ordinary {
            rows.remove(owed_key(&owed.peer, owed.lane, owed.position));
            let turn = match owed.peer == next.peer {
                true => turn_of(next.position),
                false => take_turn(rows, &owed.peer, owed.message)?,
            };
            owed.lane = Lane::Urgent;
            owed.position = in_turn(turn, owed.position);
            rows.save(owed_key(&owed.peer, owed.lane, owed.position), &owed.message);
            rows.save(stream, &owed);
        }
    }
    Ok(())
}

/// Owes a message to another peer, or again after it was set aside; it keeps an urgent lane that it
/// inherited, or inherits one.
pub fn owe_again(
    rows: &mut Working<'_>,
    peer: &AgencyId,
    message: MessageKey,
    place: (Lane, u64),
    order: &OrderToken,
) -> Result<(), HistoryError> {
    let (lane, position) = place;
    let end = OrderToken { stream: order.stream, number: u64::MAX };
    let later = rows.rows(&stream_key(order), &stream_key(&end), message::STATIONS_MAX)?;
    let mut urgent = lane == Lane::Urgent;
    for (_, value) in later {
        let owed: Owed = decode(&value, "place of an owed message")?;
        urgent |= owed.lane == Lane::Urgent;
    }
    settle(rows, order)?;
    let lane = if urgent { Lane::Urgent } else { Lane::Ordinary };
    owe(rows, peer, message, (lane, position), order)
}

/// Owes a message no longer: it was taken over, returned or set aside.
pub fn settle(rows: &mut Working<'_>, order: &OrderToken) -> Result<(), HistoryError> {
    let stream = stream_key(order);
    if let Some(owed) = rows.load::<Owed>(&stream, "place of an owed message")? {
        rows.remove(owed_key(&owed.peer, owed.lane, owed.position));
        rows.remove(stream);
        if owed.lane == Lane::Urgent {
            note_served(rows, &owed.peer, turn_of(owed.position))?;
        }
    }
    Ok(())
}

/// Peers to whom messages are owed.
pub fn peers<R: Rows + ?Sized>(rows: &R) -> Result<Vec<AgencyId>, HistoryError> {
    let all = key(table::OUTBOX, &[]);
    let (mut from, mut found) = (all.clone(), Vec::new());
    while let Some((place, value)) = rows.rows(&from, &after(&all), 1)?.pop() {
        let record = message::find(rows, message_key(&value)?)?;
        found.extend(record.and_then(|it| it.custody.peer().cloned()));
        let of_peer = all.len().saturating_add(NAME_PART_BYTES);
        from = after(place.get(..of_peer).unwrap_or(&place));
    }
    Ok(found)
}

/// Where a page of owed messages ended.
pub type Place = Vec<u8>;

/// Up to `limit` messages owed to `peer`, urgent ones first, each lane in order, after `place`.
pub fn owed<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    place: Option<&Place>,
    limit: usize,
) -> Result<Vec<(Place, MessageKey)>, HistoryError> {
    let prefix = key(table::OUTBOX, &[&name_part(peer.as_str())]);
    let start = place.map_or_else(|| prefix.clone(), |it| [it.as_slice(), &[0]].concat());
    let found = rows.rows(&start, &after(&prefix), limit)?;
    found.into_iter().map(|(place, value)| Ok((place, message_key(&value)?))).collect()
}

/// A statement on its way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// This node's own entry at this position.
    Own(u64),
    /// Another journal's statement, recorded by the entry at this position.
    Recorded(u64),
}

/// Queues a statement for a peer, as the next of the sequence.
pub fn notify(rows: &mut Working<'_>, peer: &AgencyId, notice: Notice) -> Result<(), HistoryError> {
    let counter = key(table::NOTICE_COUNTS, &[&name_part(peer.as_str())]);
    let last = notices_counted(rows, peer)?;
    note(rows, peer)?;
    rows.save(counter, &last.saturating_add(1));
    paged::put(rows, &key(table::NOTICES, &[&name_part(peer.as_str())]), last, notice)
}

/// How many statements were ever queued for `peer`.
pub fn notices_counted<R: Rows + ?Sized>(rows: &R, peer: &AgencyId) -> Result<u64, HistoryError> {
    let counter = key(table::NOTICE_COUNTS, &[&name_part(peer.as_str())]);
    Ok(rows.load(&counter, "number of notices")?.unwrap_or(0))
}

/// Up to `limit` statements for `peer` after place `after_sequence` of the sequence.
pub fn notices<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    after_sequence: u64,
    limit: usize,
) -> Result<Vec<(u64, Notice)>, HistoryError> {
    let sequence = key(table::NOTICES, &[&name_part(peer.as_str())]);
    let found = paged::read(rows, &sequence, after_sequence, limit)?;
    Ok(found.into_iter().map(|(before, notice)| (before.saturating_add(1), notice)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    fn message(n: u8) -> MessageKey {
        MessageKey::from_slice(&[n; 24]).unwrap()
    }

    fn token(stream: u8, number: u64) -> OrderToken {
        OrderToken { stream: [stream; 16], number }
    }

    fn order(rows: &Working<'_>, peer: &AgencyId) -> Vec<MessageKey> {
        owed(rows, peer, None, 100).unwrap().into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn urgent_messages_overtake_and_lend_their_lane_to_what_they_wait_for() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let peer: AgencyId = "pan.z".parse().unwrap();
        owe(&mut rows, &peer, message(1), (Lane::Ordinary, 1), &token(1, 1)).unwrap();
        owe(&mut rows, &peer, message(2), (Lane::Ordinary, 2), &token(2, 1)).unwrap();
        assert_eq!(order(&rows, &peer), [message(1), message(2)]);
        owe(&mut rows, &peer, message(3), (Lane::Urgent, 3), &token(2, 2)).unwrap();
        assert_eq!(order(&rows, &peer), [message(2), message(3), message(1)]);
        settle(&mut rows, &token(2, 1)).unwrap();
        assert_eq!(order(&rows, &peer), [message(3), message(1)]);
    }

    #[test]
    fn a_message_that_is_owed_again_keeps_or_inherits_its_lane() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (one, two): (AgencyId, AgencyId) = ("ita.a".parse().unwrap(), "pan.z".parse().unwrap());
        owe(&mut rows, &one, message(1), (Lane::Ordinary, 1), &token(1, 1)).unwrap();
        owe(&mut rows, &one, message(2), (Lane::Ordinary, 2), &token(2, 1)).unwrap();
        owe(&mut rows, &one, message(3), (Lane::Urgent, 3), &token(2, 2)).unwrap();
        owe_again(&mut rows, &two, message(2), (Lane::Ordinary, 2), &token(2, 1)).unwrap();
        owe_again(&mut rows, &two, message(1), (Lane::Ordinary, 1), &token(1, 1)).unwrap();
        assert_eq!(order(&rows, &one), [message(3)]);
        assert_eq!(order(&rows, &two), [message(2), message(1)]);
        settle(&mut rows, &token(2, 1)).unwrap();
        owe_again(&mut rows, &two, message(2), (Lane::Ordinary, 2), &token(2, 1)).unwrap();
        assert_eq!(order(&rows, &two), [message(2), message(1)], "its successor is urgent still");
    }

    /// Message `n` of an origin.
    fn of(origin: u8, n: u8) -> MessageKey {
        let bytes: Vec<u8> = [vec![n; 16], vec![origin; 8]].concat();
        MessageKey::from_slice(&bytes).unwrap()
    }

    #[test]
    fn each_origin_has_its_turn_in_an_urgent_lane_and_keeps_its_own_order() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let peer: AgencyId = "pan.z".parse().unwrap();
        let mut position = 0;
        let mut urgent = |rows: &mut Working<'_>, origin: u8, n: u8| {
            position += 1;
            owe(rows, &peer, of(origin, n), (Lane::Urgent, position), &token(10 * origin + n, 1))
                .unwrap();
        };
        // One floods, two others have a few.
        (1..=5).for_each(|n| urgent(&mut rows, 1, n));
        (1..=2).for_each(|n| urgent(&mut rows, 2, n));
        let wanted = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (1, 4), (1, 5)];
        assert_eq!(order(&rows, &peer), wanted.map(|(origin, n)| of(origin, n)));
        for (origin, n) in [(1, 1), (2, 1), (1, 2)] {
            settle(&mut rows, &token(10 * origin + n, 1)).unwrap();
        }
        urgent(&mut rows, 3, 1);
        urgent(&mut rows, 1, 6);
        urgent(&mut rows, 3, 2);
        let wanted = [(2, 2), (3, 1), (1, 3), (3, 2), (1, 4), (1, 5), (1, 6)];
        assert_eq!(order(&rows, &peer), wanted.map(|(origin, n)| of(origin, n)));
        // An ordinary one that an urgent one waits for goes in that one's turn.
        owe(&mut rows, &peer, of(2, 3), (Lane::Ordinary, 90), &token(99, 1)).unwrap();
        owe(&mut rows, &peer, of(2, 4), (Lane::Urgent, 91), &token(99, 2)).unwrap();
        let wanted = [(2, 2), (3, 1), (1, 3), (3, 2), (2, 3), (2, 4), (1, 4), (1, 5), (1, 6)];
        assert_eq!(order(&rows, &peer), wanted.map(|(origin, n)| of(origin, n)));
        // Once nobody waits, nothing of it is left.
        let streams = [22, 31, 13, 32, 14, 15, 16].map(|it| token(it, 1));
        for stream in streams.iter().chain(&[token(99, 1), token(99, 2)]) {
            settle(&mut rows, stream).unwrap();
        }
        let turns = key(table::OUTBOX_TURNS, &[]);
        assert!(rows.rows(&turns, &after(&turns), 10).unwrap().is_empty());
        assert!(order(&rows, &peer).is_empty());
    }

    #[test]
    fn pages_of_what_is_owed_go_on_where_the_last_one_ended() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let peer: AgencyId = "pan.z".parse().unwrap();
        for n in 1..=5 {
            let place = (Lane::Ordinary, u64::from(n));
            owe(&mut rows, &peer, message(n), place, &token(n, 1)).unwrap();
        }
        let first = owed(&rows, &peer, None, 2).unwrap();
        let (place, _) = first.last().unwrap();
        let second = owed(&rows, &peer, Some(place), 2).unwrap();
        let keys: Vec<_> = second.into_iter().map(|(_, key)| key).collect();
        assert_eq!(keys, [message(3), message(4)]);
    }

    #[test]
    fn statements_for_a_peer_are_numbered_without_gaps() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (one, two): (AgencyId, AgencyId) = ("ita.a".parse().unwrap(), "pan.z".parse().unwrap());
        notify(&mut rows, &one, Notice::Own(7)).unwrap();
        notify(&mut rows, &two, Notice::Own(8)).unwrap();
        notify(&mut rows, &one, Notice::Recorded(9)).unwrap();
        let expected = [(1, Notice::Own(7)), (2, Notice::Recorded(9))];
        assert_eq!(notices(&rows, &one, 0, 10).unwrap(), expected);
        assert_eq!(notices(&rows, &one, 1, 10).unwrap(), expected[1..]);
    }
}
