//! Erasures that one side asks the other for, and its answers.
//!
//! Whoever passed a request on answers for what it passed on too: it is asked for in turn, and its own
//! answer waits for that one.

use super::{Told, known_message, own_station, words};
use crate::domain::fact::{MessageRef, Reason};
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, RequestId};
use crate::domain::particulars::Particulars;
use crate::domain::retention::ErasureCause;
use crate::domain::station::Station;
use crate::history::erasures::{self, Answer, AskedErasure};
use crate::history::message::{MessageRecord, Part};
use crate::history::onward::{self, Standing};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::words::Said;
use crate::history::{Opened, holds, message, outbox, requests};

const NO_DUE: HistoryError = HistoryError::Damaged { what: "erasure that is asked without a time" };

fn fresh(
    rows: &Working<'_>,
    opened: &Opened,
    record: &MessageRecord,
    cause: ErasureCause,
) -> Result<AskedErasure, HistoryError> {
    let header = record.header()?;
    let (origin, destination) = (&header.address.origin, &header.address.destination);
    let request = record.particulars.as_ref().map(|it| it.request);
    let known = match request {
        Some(request) => requests::find(rows, request)?,
        None => None,
    };
    let here = if record.part == Part::Origin { origin } else { destination };
    let party = match &known {
        Some(known) => requests::owing(known, (origin, destination), here),
        None => destination,
    };
    let due = opened.skeleton.owed.ok_or(NO_DUE)?;
    Ok(AskedErasure {
        request: known.and(request),
        party: party.clone(),
        owner: due.owner,
        at: opened.entry.recorded_at,
        due: due.at,
        unopened: record.particulars.is_none() || (record.erased.is_some() && !record.is_erased()),
        cause,
        position: opened.position,
        untold: None,
        answer: None,
    })
}

/// This agency asks: at once if the message is known to have arrived, or else when it is.
pub(super) fn asked(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    (reference, destination): (&MessageRef, &AgencyId),
    cause: ErasureCause,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let mut asked = fresh(rows, opened, &record, cause)?;
    let there =
        message::stations(rows, key, &record)?.iter().any(|it| it.station == Station::Delivered);
    let missing = HistoryError::Damaged { what: "erasure that is asked of nobody" };
    let peer = opened.skeleton.next_hop.clone().ok_or(missing)?;
    words::travels(rows, opened, (reference, true), (destination, Said::Erasure))?;
    if there {
        outbox::notify(rows, &peer, Notice::Own(opened.position))?;
    } else {
        asked.untold = Some(peer);
    }
    let station = own_station(opened, own, Station::ErasureAsked, None);
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    erasures::ask(rows, key, &asked, None)?;
    of_notice(rows, &record)
}

/// What the other side says of it: that it asks, that it erased, or that it keeps.
pub(super) fn told(
    rows: &mut Working<'_>,
    opened: &Opened,
    (key, record): (MessageKey, &MessageRecord),
    told: &Told<'_>,
) -> Result<(), HistoryError> {
    match (told.station, record.part) {
        (Station::ErasureAsked, Part::Destination) => asked_here(rows, opened, key, record),
        (Station::Erased, Part::Origin) => {
            erasures::answer(rows, key, Answer::Erased)?;
            of_notice(rows, record)
        }
        (Station::ErasureRefused, Part::Origin) => {
            let reason = opened.skeleton.statement.as_ref().and_then(|it| it.reason);
            let reason = reason.unwrap_or(Reason::LawRequires);
            erasures::answer(rows, key, Answer::Refused(reason))?;
            of_notice(rows, record)
        }
        (Station::Delivered, Part::Origin) => match erasures::arrived(rows, key)? {
            Some((peer, position)) => outbox::notify(rows, &peer, Notice::Own(position)),
            None => Ok(()),
        },
        (
            Station::Accepted
            | Station::Relayed
            | Station::Delivered
            | Station::Retrieved
            | Station::NotTaken
            | Station::Returned
            | Station::Undelivered
            | Station::ErasureAsked
            | Station::Erased
            | Station::ErasureRefused
            | Station::Attachment(_)
            | Station::Released
            | Station::Annotated(_),
            _,
        ) => Ok(()),
    }
}

/// What is erased already is told at once, unless it was passed on.
fn asked_here(
    rows: &mut Working<'_>,
    opened: &Opened,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<(), HistoryError> {
    let cause = opened.skeleton.statement.as_ref().and_then(|it| it.cause);
    let asked = fresh(rows, opened, record, cause.unwrap_or(ErasureCause::OriginatorOrder))?;
    let held = match asked.request {
        Some(request) => holds::placed(rows, request)?.is_some(),
        None => false,
    };
    erasures::ask(rows, key, &asked, Some(held))?;
    onward::ask(rows, (key, record))?;
    settle(rows, (key, record))
}

/// This agency keeps what it was asked to erase, and says so.
pub(super) fn refused(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    (reference, reason): (&MessageRef, Reason),
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let mut station = own_station(opened, own, Station::ErasureRefused, None);
    station.reason = Some(reason);
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    tell(rows, opened, key, &record)?;
    erasures::answer(rows, key, Answer::Refused(reason))
}

/// This agency erased it: whoever asked for it is told, once nothing of it is left elsewhere.
pub(super) fn erased(
    rows: &mut Working<'_>,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<(), HistoryError> {
    match record.part {
        Part::Destination => settle(rows, (key, record)),
        Part::Origin => of_notice(rows, record),
        Part::Transit => Ok(()),
    }
}

/// A request is passed on with this message. If its origin asked for its erasure meanwhile, the agency
/// that gets it is asked too, also where this one keeps its own copy: each decides for itself.
pub(super) fn passed_on(
    rows: &mut Working<'_>,
    request: RequestId,
    notice: MessageKey,
) -> Result<(), HistoryError> {
    onward::note(rows, request, notice);
    let Some((key, record)) = onward::opening(rows, request)? else {
        return Ok(());
    };
    match erasures::find(rows, key)? {
        Some(asked) if asked.is_open() || asked.is_refused() => onward::ask(rows, (key, &record)),
        Some(_) | None => Ok(()),
    }
}

/// Something became of a message of this agency: if it passed a request on, the answer about that
/// request may follow.
pub(super) fn of_notice(
    rows: &mut Working<'_>,
    record: &MessageRecord,
) -> Result<(), HistoryError> {
    let handed =
        |it: &&Particulars| record.part == Part::Origin && it.bearing.handed_on().is_some();
    match record.particulars.as_ref().filter(handed) {
        Some(particulars) => of_request(rows, particulars.request),
        None => Ok(()),
    }
}

/// As [`of_notice`], of all by which a request was passed on.
pub(super) fn of_request(rows: &mut Working<'_>, request: RequestId) -> Result<(), HistoryError> {
    match onward::opening(rows, request)? {
        Some((key, record)) => settle(rows, (key, &record)),
        None => Ok(()),
    }
}

/// A message that is erased here is answered as erased once nothing of it is left with those that it
/// was passed on to; until then the node erases its own copy of what it passed on, waits, or says what
/// stands.
fn settle(
    rows: &mut Working<'_>,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<(), HistoryError> {
    let asked = erasures::find(rows, key)?.filter(AskedErasure::is_open);
    let erased = record.erased.filter(|_| record.is_erased());
    let (Some(erased), Some(asked)) = (erased, asked) else {
        return Ok(());
    };
    match onward::standing(rows, (key, record))? {
        Standing::Here => erasures::look_onward(rows, key, true),
        Standing::Waits => erasures::look_onward(rows, key, false),
        Standing::Kept(reason) => {
            let told = asked.answer == Some(Answer::Refused(reason));
            erasures::look_onward(rows, key, !told);
        }
        Standing::Gone => {
            if let Some(peer) = &record.upstream {
                outbox::notify(rows, peer, Notice::Own(erased.position))?;
            }
            erasures::answer(rows, key, Answer::Erased)?;
        }
    }
    Ok(())
}

/// Tells an own entry towards the origin, if the origin waits for it.
fn tell(
    rows: &mut Working<'_>,
    opened: &Opened,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<(), HistoryError> {
    let waited = erasures::find(rows, key)?.is_some_and(|it| it.is_open());
    match &record.upstream {
        Some(peer) if waited => outbox::notify(rows, peer, Notice::Own(opened.position)),
        Some(_) | None => Ok(()),
    }
}
