//! Requests: one state for each executing agency, and the messages that belong to it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::{Course, Side, State, Step};
use crate::domain::particulars::{Particulars, Urgency};
use crate::history::rows::{
    HistoryError, Row, Rows, Working, after, decode, key, message_key, name_part, request_id,
};

/// What is the same for all executing agencies of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its kind.
    pub kind: KindCode,
    /// Who asks.
    pub requester: ContactPointId,
    /// How urgent it was when it was opened.
    pub urgency: Urgency,
    /// When its first message was recorded here.
    pub opened_at: Timestamp,
    /// Position of that entry.
    pub opened: u64,
    /// Messages of the request known here.
    pub messages: u32,
}

/// State of a request at one executing agency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyRecord {
    /// The executing agency.
    pub agency: AgencyId,
    /// Where the request stands there.
    pub course: Course,
    /// Since when.
    pub since: Timestamp,
}

fn request_key(request: RequestId) -> Vec<u8> {
    key(b"pr", &[request.as_bytes()])
}

fn party_key(request: RequestId, agency: &AgencyId) -> Vec<u8> {
    key(b"pp", &[request.as_bytes(), &name_part(agency.as_str())])
}

fn message_place(request: RequestId, number: u32) -> Vec<u8> {
    key(b"pq", &[request.as_bytes(), &number.to_be_bytes()])
}

/// The request, if this agency takes part in it.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Option<RequestRecord>, HistoryError> {
    rows.load(&request_key(request), "record of a request")
}

/// The state at one executing agency.
pub fn party<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    agency: &AgencyId,
) -> Result<Option<PartyRecord>, HistoryError> {
    rows.load(&party_key(request, agency), "party of a request")
}

/// Most executing agencies that one request is shown with.
pub const PARTIES_MAX: usize = 64;

/// All executing agencies of a request, by the hash of their names.
pub fn parties<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Vec<PartyRecord>, HistoryError> {
    let prefix = key(b"pp", &[request.as_bytes()]);
    let found = rows.rows(&prefix, &after(&prefix), PARTIES_MAX)?;
    found.iter().map(|(_, value)| decode(value, "party of a request")).collect()
}

/// Up to `limit` messages of a request from number `from` (counted from 0), in order.
pub fn messages<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    from: u32,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let found =
        rows.rows(&message_place(request, from), &message_place(request, u32::MAX), limit)?;
    found.iter().map(|(_, value)| message_key(value)).collect()
}

fn newest_first(opened: u64) -> [u8; 8] {
    u64::MAX.saturating_sub(opened).to_be_bytes()
}

/// Up to `limit` requests, newest first, opened before position `before`.
pub fn newest<R: Rows + ?Sized>(
    rows: &R,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<RequestId>, HistoryError> {
    let prefix = key(b"pl", &[]);
    let from = match before {
        Some(position) => after(&key(b"pl", &[&newest_first(position)])),
        None => prefix.clone(),
    };
    let found: Vec<Row> = rows.rows(&from, &after(&prefix), limit)?;
    found.iter().map(|(_, value)| request_id(value)).collect()
}

/// On which side of a request an agency stands.
pub fn side(request: &RequestRecord, agency: &AgencyId) -> Side {
    if request.requester.agency() == agency { Side::Requester } else { Side::Requested }
}

/// One act as it is folded: who did it towards whom, when and where it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// The agency whose act it is.
    pub actor: &'a AgencyId,
    /// The agency that it is addressed to.
    pub addressee: &'a AgencyId,
    /// When it was recorded here.
    pub at: Timestamp,
    /// Position of the entry.
    pub position: u64,
}

/// The agency in whose execution of `request` an act of `deed` takes place.
pub fn executing<'a>(request: &RequestRecord, deed: &Deed<'a>) -> &'a AgencyId {
    if request.requester.agency() == deed.actor { deed.addressee } else { deed.actor }
}

/// The state of a request in which `actor` acts towards `addressee`, if the request is known.
pub fn seen_by<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    actor: &AgencyId,
    addressee: &AgencyId,
) -> Result<Option<State>, HistoryError> {
    let Some(record) = find(rows, request)? else {
        return Ok(None);
    };
    let executing = if record.requester.agency() == actor { addressee } else { actor };
    Ok(party(rows, request, executing)?.map(|party| party.course.state))
}

/// Folds one act into its request. False if the state forbade it; the message is then kept, the
/// state stays.
pub fn act(
    rows: &mut Working<'_>,
    message: MessageKey,
    particulars: &Particulars,
    deed: Deed<'_>,
) -> Result<bool, HistoryError> {
    let id = particulars.request;
    let known = find(rows, id)?;
    let fresh = known.is_none();
    let mut record = known.unwrap_or_else(|| RequestRecord {
        kind: particulars.kind,
        requester: particulars.from.clone(),
        urgency: particulars.urgency,
        opened_at: deed.at,
        opened: deed.position,
        messages: 0,
    });
    if fresh {
        rows.save(key(b"pl", &[&newest_first(deed.position)]), &id);
    }
    rows.save(message_place(id, record.messages), &message);
    record.messages = record.messages.saturating_add(1);
    rows.save(request_key(id), &record);
    let executing = executing(&record, &deed);
    let course = match party(rows, id, executing)? {
        Some(party) => {
            let side = side(&record, deed.actor);
            let outcome = particulars.outcome.as_deref();
            let kind = particulars.kind;
            let step = Step { act: particulars.act, side, kind, outcome };
            match particulars.state_seen {
                Some(seen) => party.course.after_crossing(seen, step).ok(),
                None => party.course.after(step).ok(),
            }
        }
        None => Course::opened(particulars.act),
    };
    let possible = course.is_some();
    if let Some(course) = course {
        let party = PartyRecord { agency: executing.clone(), course, since: deed.at };
        rows.save(party_key(id, executing), &party);
    }
    Ok(possible)
}

/// Folds the arrival of the opening message at the executing agency: sent becomes delivered.
pub fn arrived(
    rows: &mut Working<'_>,
    request: RequestId,
    agency: &AgencyId,
    at: Timestamp,
) -> Result<(), HistoryError> {
    if let Some(party) = party(rows, request, agency)? {
        let course = party.course.delivered();
        if course != party.course {
            let party = PartyRecord { agency: agency.clone(), course, since: at };
            rows.save(party_key(request, agency), &party);
        }
    }
    Ok(())
}
