//! What is owed next in a request, reckoned when an entry is made: with the calendar of the desk
//! that owes, which no fold may read.

use crate::clock::Timestamp;
use crate::directory::contact_point::Hours;
use crate::domain::due::{Due, DueSource, Span};
use crate::domain::header::Header;
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::kinds::Kind;
use crate::domain::lifecycle::{Side, State};
use crate::domain::obligation::Obligation;
use crate::domain::particulars::Particulars;
use crate::history::dockets::PartyRecord;
use crate::history::requests::RequestRecord;
use crate::history::rows::{HistoryError, Rows};
use crate::history::{dockets, requests};
use crate::node::setting::Setting;

/// What is owed in the state that `after` shows, where `before` shows the state until now.
pub fn next<B: Rows + ?Sized, A: Rows + ?Sized>(
    setting: &Setting,
    (before, after): (&B, &A),
    (request, agency): (RequestId, &AgencyId),
    now: Timestamp,
) -> Result<Option<Due>, HistoryError> {
    let (Some(record), Some(party)) =
        (requests::find(after, request)?, dockets::party(after, request, agency)?)
    else {
        return Ok(None);
    };
    let Some(docket) = dockets::docket(after, request, agency)? else {
        return Ok(None);
    };
    if party.state == State::Closed {
        return kept(setting, before, (request, &record), &party, now);
    }
    let course = docket.leading();
    let (Some(term), Some(owner)) = (course.term(record.urgency, record.kind), course.owner())
    else {
        return Ok(None);
    };
    let obligation = term.obligation;
    let due = |at, source| Some(Due { obligation, owner, at, source });
    if let Some(stated) = party.stated.iter().find(|it| it.obligation == obligation) {
        return Ok(due(stated.at, stated.source));
    }
    let known =
        dockets::party(before, request, agency)?.and_then(|it| it.due.map(|due| (it.state, due)));
    if let Some((state, known)) = known
        && state == party.state
        && (known.due.obligation, known.due.owner) == (obligation, owner)
    {
        return Ok(Some(known.due));
    }
    if let Some(at) = record.respond_by.filter(|at| *at > now && answers(obligation, owner)) {
        return Ok(due(at, DueSource::Suggested));
    }
    Ok(due(within(setting, desk(&record, &party, owner), now, term.span), DueSource::Policy))
}

/// When a closed request's content is erased: as its last message says, or by the policy of the
/// network, within which the agency may set its own. What a message said before stands as it is.
fn kept<R: Rows + ?Sized>(
    setting: &Setting,
    before: &R,
    (request, record): (RequestId, &RequestRecord),
    party: &PartyRecord,
    now: Timestamp,
) -> Result<Option<Due>, HistoryError> {
    let owner = requests::side(record, &setting.agency);
    let obligation = Obligation::EndRetention;
    let mine = |it: &Due| (it.obligation, it.owner) == (obligation, owner);
    if party.obligations.iter().any(|it| mine(&it.due)) {
        return Ok(None);
    }
    let known =
        dockets::party(before, request, &party.agency)?.filter(|it| it.state == party.state);
    if let Some(known) = known {
        return Ok(known.due.map(|it| it.due));
    }
    let at = kept_from(setting, &record.kind, now);
    Ok(Some(Due { obligation, owner, at, source: DueSource::Policy }))
}

/// When content of this kind of request is erased that is kept from `since` on, by the agency's policy.
fn kept_from(setting: &Setting, kind: &Kind, since: Timestamp) -> Timestamp {
    let days = i64::from(setting.policy.keep_days.of(kind));
    since.plus_millis(days.saturating_mul(DAY_MS))
}

/// Until when an authority keeps what its note says: as long as the message that it is about says of itself, or
/// else by the agency's policy for its kind, from now on.
pub fn note_kept_until(setting: &Setting, about: &Particulars, now: Timestamp) -> Timestamp {
    let mut stated = about.bearing.dues.iter();
    let stated = stated.find(|it| it.obligation == Obligation::EndRetention).map(|it| it.at);
    stated.unwrap_or_else(|| kept_from(setting, &about.kind, now))
}

const DAY_MS: i64 = 24 * 3_600_000;

/// Is it the answer for which the requester suggested a time (UNTOC 18(24))?
const fn answers(obligation: Obligation, owner: Side) -> bool {
    matches!(owner, Side::Requested)
        && matches!(obligation, Obligation::Answer | Obligation::Decide | Obligation::Execute)
}

const fn desk<'a>(
    record: &'a RequestRecord,
    party: &'a PartyRecord,
    owner: Side,
) -> &'a ContactPointId {
    match owner {
        Side::Requester => &record.requester,
        Side::Requested => &party.desk,
    }
}

/// Days within which an agency answers that it is asked to erase content: policy of the network.
const ANSWER_ERASURE_DAYS: u16 = 7;

/// By when the destination of a message answers that it is asked to erase it.
pub fn erasure<R: Rows + ?Sized>(
    setting: &Setting,
    rows: &R,
    (request, header): (Option<RequestId>, &Header),
    now: Timestamp,
) -> Result<Due, HistoryError> {
    let (origin, destination) = (&header.address.origin, &header.address.destination);
    let record = match request {
        Some(request) => requests::find(rows, request)?.map(|it| (request, it)),
        None => None,
    };
    let span = Span::Days(ANSWER_ERASURE_DAYS);
    let (obligation, source) = (Obligation::AnswerErasure, DueSource::Policy);
    let Some((request, record)) = record else {
        let at = now.plus_millis(span.millis());
        return Ok(Due { obligation, owner: Side::Requested, at, source });
    };
    let owner = requests::side(&record, destination);
    let executing = requests::owing(&record, (origin, destination), &setting.agency);
    let at = match dockets::party(rows, request, executing)? {
        Some(party) => within(setting, desk(&record, &party, owner), now, span),
        // An act that came before the request was known with its sender.
        None => now.plus_millis(span.millis()),
    };
    Ok(Due { obligation, owner, at, source })
}

/// The end of `span` from `since` by the calendar of `desk`.
fn within(setting: &Setting, desk: &ContactPointId, since: Timestamp, span: Span) -> Timestamp {
    let always = Hours::Always;
    let directory = setting.directory();
    let desk = directory.contact_point(desk);
    let hours = desk.map_or(&always, |it| &it.hours);
    match span {
        Span::Hours(_) => hours.after_open_time(since, span.millis()),
        Span::Days(days) => hours.end_of_day_after(since, days.into()),
    }
}
