//! Keeps the messages of one stream in order at their recipient, whatever way they came.
//!
//! Number n+1 waits for n, or for the origin's statement that n is void, or for its own expiry.

use serde::{Deserialize, Serialize};

use crate::domain::header::{MessageKey, OrderToken};
use crate::domain::ids::{AgencyId, RequestId};
use crate::history::rows::{
    HistoryError, Rows, Working, after, decode, key, name_part, request_id, request_row,
};
use crate::history::table::{self, OfRequest};

/// What holds a place in a stream until its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Held {
    Message(MessageKey),
    Void,
}

fn next_key(origin: &AgencyId, stream: &[u8; 16]) -> Vec<u8> {
    key(table::STREAMS, &[&name_part(origin.as_str()), stream])
}

fn place_key(origin: &AgencyId, order: &OrderToken) -> Vec<u8> {
    key(
        table::ORDER_PLACES,
        &[&name_part(origin.as_str()), &order.stream, &order.number.to_be_bytes()],
    )
}

fn next_number<R: Rows + ?Sized>(
    rows: &R,
    origin: &AgencyId,
    stream: &[u8; 16],
) -> Result<u64, HistoryError> {
    Ok(rows.load(&next_key(origin, stream), "next of a stream")?.unwrap_or(1))
}

/// Takes a message into its stream. Gives the messages whose turn has come, in order: none if this
/// one has to wait. A message whose place has been passed over is listed at once.
pub fn arrive(
    rows: &mut Working<'_>,
    origin: &AgencyId,
    order: &OrderToken,
    message: MessageKey,
) -> Result<Vec<MessageKey>, HistoryError> {
    if order.number < next_number(rows, origin, &order.stream)? {
        return Ok(vec![message]);
    }
    rows.save(place_key(origin, order), &Held::Message(message));
    drain(rows, origin, &order.stream)
}

/// Takes the origin's word that a place is void. Gives the messages whose turn has come.
pub fn void(
    rows: &mut Working<'_>,
    origin: &AgencyId,
    order: &OrderToken,
) -> Result<Vec<MessageKey>, HistoryError> {
    if order.number < next_number(rows, origin, &order.stream)? {
        return Ok(Vec::new());
    }
    rows.save(place_key(origin, order), &Held::Void);
    drain(rows, origin, &order.stream)
}

/// Ends the wait of `order` although earlier places are open. Gives the messages whose turn has
/// come: those that stood before it, it, and what follows without a gap.
pub fn end_wait(
    rows: &mut Working<'_>,
    origin: &AgencyId,
    order: &OrderToken,
) -> Result<Vec<MessageKey>, HistoryError> {
    let first = next_number(rows, origin, &order.stream)?;
    let from = OrderToken { stream: order.stream, number: first };
    let earlier = rows.rows(&place_key(origin, &from), &place_key(origin, order), usize::MAX)?;
    let mut ready = Vec::new();
    for (place, value) in earlier {
        if let Held::Message(message) = decode(&value, "place in a stream")? {
            ready.push(message);
        }
        rows.remove(place);
    }
    rows.save(next_key(origin, &order.stream), &order.number.max(first));
    ready.extend(drain(rows, origin, &order.stream)?);
    Ok(ready)
}

fn drain(
    rows: &mut Working<'_>,
    origin: &AgencyId,
    stream: &[u8; 16],
) -> Result<Vec<MessageKey>, HistoryError> {
    let mut number = next_number(rows, origin, stream)?;
    let mut ready = Vec::new();
    loop {
        let place = place_key(origin, &OrderToken { stream: *stream, number });
        match rows.load(&place, "place in a stream")? {
            Some(Held::Message(message)) => ready.push(message),
            Some(Held::Void) => {}
            None => break,
        }
        rows.remove(place);
        number = number.saturating_add(1);
    }
    rows.save(next_key(origin, stream), &number);
    Ok(ready)
}

/// A place of a stream in which something is held back, and the message that waits there; none where the
/// place is void.
pub type HeldBack = (Vec<u8>, Option<MessageKey>);

/// Up to `limit` places of streams in which something is held back, after a place.
pub fn held_back<R: Rows + ?Sized>(
    rows: &R,
    place: Option<&Vec<u8>>,
    limit: usize,
) -> Result<Vec<HeldBack>, HistoryError> {
    let prefix = key(table::ORDER_PLACES, &[]);
    let first = place.map_or_else(|| prefix.clone(), |it| [it.as_slice(), &[0]].concat());
    let mut found = Vec::new();
    for (place, value) in rows.rows(&first, &after(&prefix), limit)? {
        let message = match decode(&value, "place in a stream")? {
            Held::Message(message) => Some(message),
            Held::Void => None,
        };
        found.push((place, message));
    }
    Ok(found)
}

/// Whether a message that has come is held back in its stream.
pub fn is_held_back<R: Rows + ?Sized>(
    rows: &R,
    origin: &AgencyId,
    order: &OrderToken,
    message: MessageKey,
) -> Result<bool, HistoryError> {
    let held: Option<Held> = rows.load(&place_key(origin, order), "place in a stream")?;
    Ok(held == Some(Held::Message(message)))
}

/// The stream in which this agency sends the messages of one request to one agency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendingStream {
    /// Random.
    pub stream: [u8; 16],
    /// The last number given.
    pub last: u64,
}

fn sending_key(request: RequestId, destination: &AgencyId) -> Vec<u8> {
    request_row(request, OfRequest::Sending, &[&name_part(destination.as_str())])
}

/// The stream to `destination` within `request`, if a message was sent in it.
pub fn sending<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    destination: &AgencyId,
) -> Result<Option<SendingStream>, HistoryError> {
    rows.load(&sending_key(request, destination), "sending stream")
}

/// Notes the number that a message was sent with. What a neighbour shows of a lost volume comes in the
/// order in which it was taken there, and no number is given again for that.
pub fn sent(
    rows: &mut Working<'_>,
    request: RequestId,
    destination: &AgencyId,
    order: &OrderToken,
) -> Result<(), HistoryError> {
    let known = sending(rows, request, destination)?.filter(|it| it.stream == order.stream);
    let last = known.map_or(order.number, |it| it.last.max(order.number));
    rows.save(sending_key(request, destination), &SendingStream { stream: order.stream, last });
    Ok(())
}

/// Requests that are looked at in one step.
const REQUESTS_STEP: usize = 256;
/// A place that lies farther ahead is none that this agency gave: it would take as many messages.
const LEAP_MAX: u64 = 65_536;

/// Others have seen this place of one of this agency's streams: the next message gets a later one.
/// What was lost is young, so the newest requests come first. Streams of requests that nobody here
/// knows any more are left.
pub(super) fn taken(rows: &mut Working<'_>, order: &OrderToken) -> Result<(), HistoryError> {
    let prefix = key(table::NEWEST_REQUESTS, &[]);
    let mut from = prefix.clone();
    loop {
        let found = rows.rows(&from, &after(&prefix), REQUESTS_STEP)?;
        let Some((last, _)) = found.last() else {
            return Ok(());
        };
        from = [last.as_slice(), &[0]].concat();
        for (_, request) in found {
            if taken_in(rows, request_id(&request)?, order)? {
                return Ok(());
            }
        }
    }
}

/// The same among the streams of one request; whether it is one of them.
fn taken_in(
    rows: &mut Working<'_>,
    request: RequestId,
    order: &OrderToken,
) -> Result<bool, HistoryError> {
    let prefix = request_row(request, OfRequest::Sending, &[]);
    for (place, value) in rows.rows(&prefix, &after(&prefix), usize::MAX)? {
        let known: SendingStream = decode(&value, "sending stream")?;
        let is_near = order.number <= known.last.saturating_add(LEAP_MAX);
        if known.stream == order.stream && is_near {
            let last = known.last.max(order.number);
            rows.save(place, &SendingStream { last, ..known });
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::MemoryStore;

    fn message(n: u8) -> MessageKey {
        MessageKey::from_slice(&[n; 24]).unwrap()
    }

    fn token(number: u64) -> OrderToken {
        OrderToken { stream: [9; 16], number }
    }

    #[test]
    fn messages_come_out_in_order_whatever_order_they_came_in() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let origin: AgencyId = "ita.a".parse().unwrap();
        assert_eq!(arrive(&mut rows, &origin, &token(2), message(2)).unwrap(), []);
        assert_eq!(arrive(&mut rows, &origin, &token(4), message(4)).unwrap(), []);
        let ready = arrive(&mut rows, &origin, &token(1), message(1)).unwrap();
        assert_eq!(ready, [message(1), message(2)]);
        assert_eq!(void(&mut rows, &origin, &token(3)).unwrap(), [message(4)]);
    }

    #[test]
    fn a_wait_that_ended_lets_the_late_one_through_at_once() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let origin: AgencyId = "ita.a".parse().unwrap();
        assert_eq!(arrive(&mut rows, &origin, &token(3), message(3)).unwrap(), []);
        assert_eq!(arrive(&mut rows, &origin, &token(2), message(2)).unwrap(), []);
        let ready = end_wait(&mut rows, &origin, &token(3)).unwrap();
        assert_eq!(ready, [message(2), message(3)]);
        assert_eq!(arrive(&mut rows, &origin, &token(1), message(1)).unwrap(), [message(1)]);
        assert_eq!(arrive(&mut rows, &origin, &token(4), message(4)).unwrap(), [message(4)]);
    }

    #[test]
    fn a_number_that_was_given_is_not_given_again_whatever_is_said_of_earlier_ones() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (request, to): (_, AgencyId) =
            (RequestId::from_bytes([7; 16]), "pan.b".parse().unwrap());
        for number in [2, 3, 1] {
            sent(&mut rows, request, &to, &token(number)).unwrap();
        }
        let stream = sending(&rows, request, &to).unwrap();
        assert_eq!(stream, Some(SendingStream { stream: [9; 16], last: 3 }));
    }

    #[test]
    fn two_origins_cannot_disturb_each_others_streams() {
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let (left, right): (AgencyId, AgencyId) =
            ("ita.a".parse().unwrap(), "pan.b".parse().unwrap());
        assert_eq!(void(&mut rows, &right, &token(1)).unwrap(), []);
        assert_eq!(arrive(&mut rows, &left, &token(2), message(2)).unwrap(), []);
    }
}
