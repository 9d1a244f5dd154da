//! Requests: one state for each executing agency, and the messages that belong to it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::bearing::Consent;
use crate::domain::due::Due;
use crate::domain::handling::Label;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId, StateCode};
use crate::domain::kinds::KindCode;
use crate::domain::lifecycle::{Side, UNHEARD_ACTS_MAX};
use crate::domain::particulars::{Particulars, Urgency};
use crate::history::dockets::{self, Put};
use crate::history::rows::{
    HistoryError, Row, Rows, Working, after, key, message_key, name_part, request_id, request_row,
};
use crate::history::table::{self, OfRequest};
use crate::history::{message, paged};

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
    /// By when the requester suggested an answer.
    pub respond_by: Option<Timestamp>,
    /// The label that its originator gave it last; no other side lowers it.
    pub label: Label,
    /// Its fact and substance are confidential (UNTOC 18(20)).
    pub confidential: bool,
    /// An exercise: without effect in law.
    pub exercise: bool,
    /// Who consented that its content goes on to which State.
    pub consented: Vec<(AgencyId, StateCode)>,
}

fn request_key(request: RequestId) -> Vec<u8> {
    request_row(request, OfRequest::Record, &[])
}

fn messages_of(request: RequestId) -> Vec<u8> {
    request_row(request, OfRequest::Messages, &[])
}

/// The request, if this agency takes part in it.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
) -> Result<Option<RequestRecord>, HistoryError> {
    rows.load(&request_key(request), "record of a request")
}

/// Up to `limit` messages of a request from number `from` (counted from 0), in order.
pub fn messages<R: Rows + ?Sized>(
    rows: &R,
    request: RequestId,
    from: u32,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    let found = paged::read(rows, &messages_of(request), u64::from(from), limit)?;
    Ok(found.into_iter().map(|(_, message)| message).collect())
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
    let prefix = key(table::NEWEST_REQUESTS, &[]);
    let from = match before {
        Some(position) => after(&key(table::NEWEST_REQUESTS, &[&newest_first(position)])),
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
    /// Its number among the actor's messages to the addressee in this request.
    pub number: u64,
    /// When it was recorded here.
    pub at: Timestamp,
    /// Position of the entry.
    pub position: u64,
    /// What is owed after it.
    pub owed: Option<&'a Due>,
}

/// The agency that executes `request` where `actor` acts towards `addressee`.
pub fn executing<'a>(
    request: &RequestRecord,
    actor: &'a AgencyId,
    addressee: &'a AgencyId,
) -> &'a AgencyId {
    if request.requester.agency() == actor { addressee } else { actor }
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
    // A request that is handed on is its requester's act, before any of its messages.
    let requester = particulars.bearing.handed_on();
    let deed = match requester {
        Some(requester) => Deed { actor: requester.agency(), number: 0, ..deed },
        None => deed,
    };
    let known = find(rows, id)?;
    if is_early(rows, known.as_ref(), particulars, deed)? {
        // Its wait for the opening message ended; if that comes after all, it has its effect.
        rows.save(early_key(id, deed.actor, deed.number), &message);
        return Ok(false);
    }
    let fresh = known.is_none();
    let mut record = known.unwrap_or_else(|| RequestRecord {
        kind: particulars.kind,
        requester: requester.unwrap_or(&particulars.from).clone(),
        urgency: particulars.urgency,
        opened_at: deed.at,
        opened: deed.position,
        messages: 0,
        respond_by: particulars.respond_by,
        label: particulars.bearing.label,
        confidential: false,
        exercise: particulars.bearing.exercise,
        consented: Vec::new(),
    });
    if fresh {
        rows.save(key(table::NEWEST_REQUESTS, &[&newest_first(deed.position)]), &id);
    }
    count(rows, id, &mut record, message)?;
    record.confidential |= particulars.bearing.confidential;
    let actor = StateCode::of(deed.actor);
    if actor.is_some() && actor == record.label.originator {
        record.label = Label { originator: actor, ..particulars.bearing.label };
    }
    consent(&mut record, deed.actor, particulars);
    rows.save(request_key(id), &record);
    let put = Put {
        request: id,
        agency: executing(&record, deed.actor, deed.addressee),
        side: side(&record, deed.actor),
        particulars,
        number: deed.number,
        at: deed.at,
        owed: deed.owed,
    };
    let possible = dockets::put(rows, put)?;
    if fresh {
        early(rows, id, deed)?;
    }
    Ok(possible)
}

fn count(
    rows: &mut Working<'_>,
    request: RequestId,
    record: &mut RequestRecord,
    message: MessageKey,
) -> Result<(), HistoryError> {
    paged::put(rows, &messages_of(request), u64::from(record.messages), message)?;
    record.messages = record.messages.saturating_add(1);
    Ok(())
}

/// The agency at whose part of `request` an erasure is owed that the origin of a message asks of its
/// destination. Where neither is the requester, the one passed the request on to the other, and each
/// sees its own part, as `here`.
pub fn owing<'a>(
    request: &RequestRecord,
    (origin, destination): (&'a AgencyId, &'a AgencyId),
    here: &'a AgencyId,
) -> &'a AgencyId {
    let requester = request.requester.agency();
    if requester == origin {
        destination
    } else if requester == destination {
        origin
    } else {
        here
    }
}

/// Lists a message with its request that does nothing in it here.
pub fn list(
    rows: &mut Working<'_>,
    request: RequestId,
    message: MessageKey,
) -> Result<(), HistoryError> {
    if let Some(mut record) = find(rows, request)? {
        count(rows, request, &mut record, message)?;
        rows.save(request_key(request), &record);
    }
    Ok(())
}

/// The request was passed on with an act of `deed`: opens it at the competent agency, if this one
/// asked. What that agency said before this was known has its effect now.
pub fn passed_on(
    rows: &mut Working<'_>,
    request: RequestId,
    competent: &ContactPointId,
    deed: Deed<'_>,
) -> Result<(), HistoryError> {
    let Some(record) = find(rows, request)? else {
        return Ok(());
    };
    let asked = record.requester.agency() == deed.addressee;
    let way = (deed.actor, competent);
    if asked && dockets::passed_on(rows, request, way, deed.at, deed.owed)? {
        early(rows, request, Deed { actor: competent.agency(), ..deed })?;
    }
    Ok(())
}

/// Is it an act in a request that is not known here, or not with the agency that acts?
fn is_early(
    rows: &Working<'_>,
    known: Option<&RequestRecord>,
    particulars: &Particulars,
    deed: Deed<'_>,
) -> Result<bool, HistoryError> {
    if dockets::opening(particulars).is_some() {
        return Ok(false);
    }
    let Some(record) = known else {
        return Ok(true);
    };
    let executing = executing(record, deed.actor, deed.addressee);
    Ok(dockets::docket(rows, particulars.request, executing)?.is_none())
}

fn early_key(request: RequestId, actor: &AgencyId, number: u64) -> Vec<u8> {
    let actor = name_part(actor.as_str());
    request_row(request, OfRequest::EarlyActs, &[&actor, &number.to_be_bytes()])
}

/// Folds the acts of an agency that were listed before the request was known with it.
fn early(rows: &mut Working<'_>, request: RequestId, deed: Deed<'_>) -> Result<(), HistoryError> {
    let prefix = request_row(request, OfRequest::EarlyActs, &[&name_part(deed.actor.as_str())]);
    for (place, value) in rows.rows(&prefix, &after(&prefix), UNHEARD_ACTS_MAX)? {
        rows.remove(place);
        let message = message_key(&value)?;
        let Some(mut record) = message::find(rows, message)? else {
            continue;
        };
        let header = record.header()?;
        let theirs = header.address.origin == *deed.actor;
        if let Some(particulars) = record.particulars.clone().filter(|_| theirs) {
            let deed = Deed { number: header.address.order.number, ..deed };
            record.out_of_state = !act(rows, message, &particulars, deed)?;
            message::save(rows, message, &record);
        }
    }
    Ok(())
}

/// A consent that is granted holds for its States; one that is declined ends what the same agency
/// consented to before.
fn consent(record: &mut RequestRecord, giver: &AgencyId, particulars: &Particulars) {
    let Some(Consent { granted: Some(granted), states }) = &particulars.bearing.consent else {
        return;
    };
    record.consented.retain(|(by, state)| by != giver || !states.contains(state));
    if *granted {
        record.consented.extend(states.iter().map(|state| (giver.clone(), *state)));
        record.consented.truncate(CONSENTED_MAX);
    }
}

/// Most consents that are kept for one request.
const CONSENTED_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bearing::Bearing;
    use crate::domain::ids::{AGENCY_NAME_BYTES_MAX, DESK_NAME_BYTES_MAX};
    use crate::history::rows::encode;
    use crate::journal::store::VALUE_BYTES_MAX;

    #[test]
    fn a_request_with_all_the_consents_that_it_keeps_fits_its_row() {
        let agency = format!("ita.{}", "a".repeat(AGENCY_NAME_BYTES_MAX));
        let record = RequestRecord {
            kind: "UNTOC.21.TRANSFER_PROCEEDINGS".parse().unwrap(),
            requester: format!("{agency}/{}", "d".repeat(DESK_NAME_BYTES_MAX)).parse().unwrap(),
            urgency: Urgency::Priority,
            opened_at: Timestamp::from_millis(i64::MAX),
            opened: u64::MAX,
            messages: u32::MAX,
            respond_by: Some(Timestamp::from_millis(i64::MAX)),
            label: Bearing::silent("ITA".parse().ok()).label,
            confidential: true,
            exercise: true,
            consented: vec![(agency.parse().unwrap(), "ITA".parse().unwrap()); CONSENTED_MAX],
        };
        assert!(encode(&record).len() <= VALUE_BYTES_MAX, "{}", encode(&record).len());
    }
}
