//! Conclude what can't be delivered, set aside what can't be handed over, end waits.

use crate::domain::fact::{Fact, Reason};
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::station::Station;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::rows::HistoryError;
use crate::history::{agenda, lost, set_aside, under_review};
use crate::node::command::Outcome;
use crate::node::commands::{attachment, detour};
use crate::node::turn::Turn;
use crate::node::ways;
use crate::node::{content, recovery};
use crate::wire::skeleton::Skeleton;

/// Concludes a message if this node still must: a transit returns its copy, the origin states that
/// it was not delivered. Never while a handover is in doubt, nor while a neighbour is still asked whether it
/// has the message by a handover that was lost.
pub(super) fn decide(turn: &mut Turn<'_>, key: MessageKey) -> Result<Outcome, HistoryError> {
    let Some(record) = message::find(&turn.rows, key)? else {
        return Ok(Outcome::Unchanged);
    };
    if lost::is_on_the_way(&turn.rows, key)? {
        return give_up(turn, (key, &record));
    }
    let Some(reason) = due(turn, key, &record)? else {
        return Ok(Outcome::Unchanged);
    };
    if let Some(next) = another(turn, (key, &record))? {
        detour::choose(turn, &record, next, reason)?;
        return Ok(Outcome::Unchanged);
    }
    if turn.asks_about(&record).is_some() {
        return Ok(Outcome::Unchanged);
    }
    end(turn, (key, &record), reason, Skeleton::default())
}

/// Gives a message up that this node had taken over, and lost with the end of a volume: its origin hears
/// so, and what follows it in its order waits for it no longer. Only once every neighbour has shown what
/// it knows; until then somebody may have it.
fn give_up(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Outcome, HistoryError> {
    let is_open = matches!(record.custody, Custody::InDoubt { .. } | Custody::UnderReview);
    if !is_open || turn.recovery.is_some() || !recovery::has_asked_all(turn.setting)? {
        return Ok(Outcome::Unchanged);
    }
    end(turn, (key, record), Reason::Lost, Skeleton::default())
}

/// Ends this node's copy: a transit returns it, the origin states that it was not delivered.
pub(super) fn end(
    turn: &mut Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
    reason: Reason,
    skeleton: Skeleton,
) -> Result<Outcome, HistoryError> {
    let header = record.header()?;
    let reference = message::reference(&header);
    let address = &header.address;
    let position = match record.part {
        Part::Transit => {
            let position = turn.record(Fact::Returned { message: reference, reason }, skeleton)?;
            content::drop_sealed(turn, key)?;
            attachment::drop_what_was_passed_on(turn, key)?;
            position
        }
        Part::Origin => {
            let fact = Fact::Undelivered {
                message: reference,
                destination: address.destination.clone(),
                order: address.order,
                reason,
            };
            let next_hop = turn.setting.way_of_word(address);
            turn.record(fact, Skeleton { next_hop, ..skeleton })?
        }
        Part::Destination => return Ok(Outcome::Unchanged),
    };
    Ok(Outcome::Done(position))
}

/// The next hop of another way, where the last one did not lead on and the message is here still.
fn another(
    turn: &Turn<'_>,
    (key, record): (MessageKey, &MessageRecord),
) -> Result<Option<AgencyId>, HistoryError> {
    let next = ways::anew(turn.setting, &turn.rows, (key, record))?;
    // What is erased in this very batch still stands in the store.
    let may_be_whole = next.is_some() && record.erased.is_none();
    let is_whole = may_be_whole && content::is_whole(turn.setting, key, record.part)?;
    Ok(next.filter(|_| is_whole))
}

/// What the next hop refused for good, and why, as far as it is told on: that a way does not lead on is
/// no refusal of the message.
fn refused(
    turn: &Turn<'_>,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<Reason, HistoryError> {
    let stations = message::stations(&turn.rows, key, record)?;
    let last = stations.iter().rev().find(|it| !it.own && it.station == Station::NotTaken);
    let about_the_way = last.and_then(|it| it.reason).is_some_and(ways::is_about_the_way);
    Ok(if about_the_way { Reason::NoRoute } else { Reason::NextHopRefused })
}

/// Why the message must be concluded now; none if it must not.
fn due(
    turn: &Turn<'_>,
    key: MessageKey,
    record: &MessageRecord,
) -> Result<Option<Reason>, HistoryError> {
    Ok(match &record.custody {
        Custody::UnderReview => {
            // What may be elsewhere is asked about before it is given back.
            let here = under_review::ROWS.find(&turn.rows, key)?.is_some_and(|it| !it.again);
            let expired = turn.now >= record.header()?.address.expires_at;
            (here && expired).then_some(Reason::Expired)
        }
        Custody::Waiting { .. } => {
            let expired = turn.now >= record.header()?.address.expires_at;
            expired.then_some(Reason::Expired)
        }
        Custody::SetAside { reason: Reason::NextHopRefused } => Some(refused(turn, key, record)?),
        Custody::SetAside { .. } => {
            let waits =
                set_aside::ROWS.find(&turn.rows, key)?.is_some_and(|it| it.in_doubt.is_none());
            let expired = turn.now >= record.header()?.address.expires_at;
            (waits && expired).then_some(Reason::Expired)
        }
        Custody::PassedOn if record.part == Part::Origin => {
            let stations = message::stations(&turn.rows, key, record)?;
            let destination = record.header()?.address.destination;
            let ended = stations.iter().rev().find_map(|it| it.reason);
            message::accounted_for(&turn.setting.agency, &destination, &stations)
                .then_some(ended.unwrap_or(Reason::NextHopRefused))
        }
        Custody::InDoubt { .. } | Custody::PassedOn | Custody::Held | Custody::Ended { .. } => None,
    })
}

/// Sets a waiting message aside.
pub(super) fn set_aside(
    turn: &mut Turn<'_>,
    key: MessageKey,
    reason: Reason,
) -> Result<Outcome, HistoryError> {
    let Some(record) = message::find(&turn.rows, key)? else {
        return Ok(Outcome::Unchanged);
    };
    if !matches!(record.custody, Custody::Waiting { .. } | Custody::InDoubt { .. }) {
        return Ok(Outcome::Unchanged);
    }
    let message = message::reference(&record.header()?);
    Ok(Outcome::Done(turn.record(Fact::SetAside { message, reason }, Skeleton::default())?))
}

/// Lets a message wait no longer for its predecessor, if its expiry has passed.
pub(super) fn end_order_wait(
    turn: &mut Turn<'_>,
    key: MessageKey,
) -> Result<Outcome, HistoryError> {
    let Some(record) = message::find(&turn.rows, key)? else {
        return Ok(Outcome::Unchanged);
    };
    let header = record.header()?;
    let waits = record.part == Part::Destination
        && !record.is_listed()
        && !agenda::is_void(&turn.rows, key)?;
    if !waits || turn.now < header.address.expires_at {
        return Ok(Outcome::Unchanged);
    }
    let fact = Fact::OrderWaitEnded { message: message::reference(&header) };
    Ok(Outcome::Done(turn.record(fact, Skeleton::default())?))
}
