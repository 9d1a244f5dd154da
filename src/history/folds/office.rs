//! What the agency's own people and duties do: claims, reading, sight, deadlines, alarms.

use super::{known_message, own_station, reviewing};
use crate::domain::fact::{Fact, MessageRef};
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId, RequestId};
use crate::domain::station::Station;
use crate::history::alarms::{Ring, Unclaimed};
use crate::history::dues::DueKey;
use crate::history::message::{Claim, Custody, MessageRecord, Part};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::{Opened, access, alarms, dues, inbox, message, outbox};
use crate::wire::skeleton::{Access, NotedDeadline};

/// Whoever answers a message, in its request, has taken it.
pub(super) fn answered_here(
    rows: &mut Working<'_>,
    answered: MessageId,
    request: RequestId,
) -> Result<(), HistoryError> {
    let within =
        |it: &MessageRecord| it.particulars.as_ref().is_some_and(|it| it.request == request);
    for key in message::by_id(rows, answered)? {
        if let Some(mut record) = message::find(rows, key)?.filter(within) {
            taken(rows, key, &mut record);
            message::save(rows, key, &record);
        }
    }
    Ok(())
}

/// Nobody needs to be woken for the message any more.
pub(super) fn taken(rows: &mut Working<'_>, key: MessageKey, record: &mut MessageRecord) {
    if let Some(unclaimed) = record.unclaimed.take() {
        alarms::forget(rows, unclaimed.since, key);
    }
}

/// A deadline was noted.
pub(super) fn deadline_noted(rows: &mut Working<'_>, opened: &Opened) -> Result<(), HistoryError> {
    let missing = HistoryError::Damaged { what: "deadline that names nothing" };
    let NotedDeadline { request, party, obligation, owner, stage } =
        opened.skeleton.deadline.clone().ok_or(missing)?;
    dues::noted(rows, &DueKey { request, party, obligation, owner }, stage)
}

/// Sight of a request was given or taken.
pub(super) fn sight(rows: &mut Working<'_>, opened: &Opened) -> Result<(), HistoryError> {
    let missing = HistoryError::Damaged { what: "sight of no request" };
    let Access { request, holder } = opened.skeleton.access.as_ref().ok_or(missing)?;
    if opened.entry.fact == Fact::AccessGranted {
        access::grant(rows, *request, holder);
    } else {
        access::revoke(rows, *request, holder);
    }
    Ok(())
}

/// A message stood unclaimed: somebody must hear of it, at another desk if one is named.
pub(super) fn alarm(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let (at, position) = (opened.entry.recorded_at, opened.position);
    let alarms = record.unclaimed.map_or(0, |it| it.alarms);
    taken(rows, key, &mut record);
    record.unclaimed = Some(Unclaimed { since: at, alarms: alarms.saturating_add(1) });
    alarms::watch(rows, at, key);
    let escalated = matches!(opened.entry.fact, Fact::Escalated { .. });
    if let (true, Some(desk)) = (escalated, &opened.skeleton.contact_point) {
        let place = inbox::list(rows, desk, key)?;
        record.inbox.push((desk.clone(), place));
    }
    if let Some((desk, place)) = record.inbox.last().cloned() {
        let exercise = record.particulars.as_ref().is_some_and(|it| it.bearing.exercise);
        let ring = Ring { message: key, desk, place, escalated, exercise, at };
        alarms::ring(rows, position, &ring);
    }
    message::save(rows, key, &record);
    Ok(())
}

pub(super) fn claimed(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let missing = HistoryError::Damaged { what: "claim without holder or end" };
    let (Some(holder), Some(until)) = (&opened.skeleton.principal, opened.skeleton.lease_until)
    else {
        return Err(missing);
    };
    record.claim = Some(Claim { holder: holder.clone(), until, position: opened.position });
    if let (Part::Origin | Part::Destination, Some(particulars)) =
        (record.part, &record.particulars)
    {
        access::grant(rows, particulars.request, holder);
    }
    // Whoever has a lease on what is held for review has not decided yet.
    if record.custody == Custody::UnderReview {
        reviewing::watch(rows, (key, &mut record), until)?;
    } else {
        taken(rows, key, &mut record);
    }
    message::save(rows, key, &record);
    Ok(())
}

pub(super) fn released(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    record.claim = None;
    reviewing::watch(rows, (key, &mut record), opened.entry.recorded_at)?;
    message::save(rows, key, &record);
    Ok(())
}

pub(super) fn read(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    if record.part == Part::Destination && record.read.is_none() {
        record.read = Some(opened.position);
        let station = own_station(opened, own, Station::Retrieved, None);
        message::add_station(rows, key, &mut record, station);
        message::save(rows, key, &record);
        if let Some(peer) = &record.upstream {
            outbox::notify(rows, peer, Notice::Own(opened.position))?;
        }
    }
    Ok(())
}

pub(super) fn acknowledged(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    record.acknowledged.get_or_insert(opened.position);
    record.claim = None;
    taken(rows, key, &mut record);
    message::save(rows, key, &record);
    Ok(())
}
