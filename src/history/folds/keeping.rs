//! What becomes of content: erased, or held so that it is not.

use super::{asking, carrying, known_message, office, own_station};
use crate::domain::fact::{Fact, MessageRef, Reason};
use crate::domain::ids::AgencyId;
use crate::domain::lifecycle::State;
use crate::domain::obligation::Obligation;
use crate::domain::retention::ErasureCause;
use crate::domain::station::Station;
use crate::history::dues::{self, DueKey};
use crate::history::message::{Erased, Part};
use crate::history::rows::{HistoryError, Working};
use crate::history::{Opened, dockets, erasures, holds, message, note_ends, requests, reviews};
use crate::wire::skeleton::NotedDeadline;

/// Content is gone: nobody needs to be woken for it any more.
pub(super) fn erased(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    (reference, cause): (&MessageRef, ErasureCause),
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let (at, position) = (opened.entry.recorded_at, opened.position);
    if !record.is_erased() {
        record.erased = Some(Erased { at, cause, position });
    }
    office::taken(rows, key, &mut record);
    note_ends::erased(rows, key)?;
    let station = own_station(opened, own, Station::Erased, None);
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    carrying::message_ended(rows, (key, &record), Reason::Operator)?;
    if record.part == Part::Origin && opened.skeleton.owed.is_some() {
        erasures::ask_later(rows, key, cause);
    }
    asking::erased(rows, key, &record)
}

/// A request is held, or no longer.
pub(super) fn hold(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
) -> Result<(), HistoryError> {
    let missing = HistoryError::Damaged { what: "hold of no request" };
    let request = opened.skeleton.held.ok_or(missing)?;
    if opened.entry.fact == Fact::HoldPlaced {
        holds::place(rows, request, opened.position);
    } else {
        holds::release(rows, request);
    }
    let Some(known) = requests::find(rows, request)? else {
        return Ok(());
    };
    let held = opened.entry.fact == Fact::HoldPlaced;
    let side = requests::side(&known, own);
    erasures::held(rows, request, side, (held, opened.entry.recorded_at))?;
    asking::of_request(rows, request)
}

/// All of a request is erased: that is owed no longer.
pub(super) fn retention_ended(rows: &mut Working<'_>, opened: &Opened) -> Result<(), HistoryError> {
    let missing = HistoryError::Damaged { what: "end of a retention that names nothing" };
    let NotedDeadline { request, party, obligation, owner, .. } =
        opened.skeleton.deadline.clone().ok_or(missing)?;
    let closed = dockets::party(rows, request, &party)?.is_some_and(|it| it.state == State::Closed);
    let due = DueKey { request, party, obligation, owner };
    if closed {
        let review = DueKey { obligation: Obligation::ReviewRetention, ..due.clone() };
        dues::fulfilled(rows, &review)?;
    }
    dues::fulfilled(rows, &due)
}

/// Somebody is to look whether content is still needed, or did.
pub(super) fn review(rows: &mut Working<'_>, opened: &Opened) -> Result<(), HistoryError> {
    let missing = || HistoryError::Damaged { what: "review of nothing" };
    let NotedDeadline { request, party, obligation, owner, .. } =
        opened.skeleton.deadline.clone().ok_or_else(missing)?;
    let due = DueKey { request, party, obligation, owner };
    let (owed, at) = (opened.skeleton.owed, opened.entry.recorded_at);
    if opened.entry.fact == Fact::ReviewSet {
        reviews::set(rows, &due, owed.ok_or_else(missing)?, at)
    } else {
        reviews::made(rows, &due, owed.map(|owed| (owed, at)))
    }
}
