//! What ends the way of a message without its arrival.

use super::{asking, carrying, known_message, next_hop, office, own_station, volumes, words};
use crate::domain::fact::{Fact, MessageRef, Reason};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::AgencyId;
use crate::domain::particulars::Particulars;
use crate::domain::station::Station;
use crate::history::message::{Custody, Part};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::set_aside::{self, SetAside};
use crate::history::ways::{self, Chosen};
use crate::history::words::Said;
use crate::history::{
    Opened, agenda, dockets, erasures, lost, message, outbox, requests, under_review,
};

/// This node's copy ends: a transit returns it, or the origin states that it was not delivered.
pub(super) fn ended(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    reference: &MessageRef,
    reason: Reason,
) -> Result<(), HistoryError> {
    if let Fact::Undelivered { destination, order, .. } = &opened.entry.fact
        && is_lost(rows, reference.key())?
    {
        // Nothing ends here: whoever waits for the message hears that its place is void.
        words::travels(rows, opened, (reference, true), (destination, Said::Void(*order)))?;
        return match &opened.skeleton.next_hop {
            Some(peer) => outbox::notify(rows, peer, Notice::Own(opened.position)),
            None => Ok(()),
        };
    }
    let (key, mut record) = known_message(rows, reference)?;
    let header = record.header()?;
    agenda::forget_expiry(rows, header.address.expires_at, key);
    agenda::concluded(rows, key);
    set_aside::ROWS.take(rows, key)?;
    under_review::ROWS.take(rows, key)?;
    office::taken(rows, key, &mut record);
    volumes::ended(rows, key, &record);
    outbox::settle(rows, &header.address.order)?;
    record.custody = Custody::Ended { reason };
    let stated = match record.part {
        Part::Origin => Station::Undelivered,
        Part::Transit | Part::Destination => Station::Returned,
    };
    let mut station = own_station(opened, own, stated, None);
    station.reason = Some(reason);
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    erasures::forget(rows, key)?;
    asking::of_notice(rows, &record)?;
    carrying::message_ended(rows, (key, &record), reason)?;
    if let (Part::Origin, Some(particulars)) = (record.part, &record.particulars) {
        without_effect(rows, own, opened, &header, particulars)?;
    }
    if let Fact::Undelivered { destination, order, .. } = &opened.entry.fact {
        words::travels(rows, opened, (reference, true), (destination, Said::Void(*order)))?;
    }
    let told = match record.part {
        Part::Origin => opened.skeleton.next_hop.as_ref(),
        Part::Transit | Part::Destination => record.upstream.as_ref(),
    };
    match told {
        Some(peer) => outbox::notify(rows, peer, Notice::Own(opened.position)),
        None => Ok(()),
    }
}

/// Whether a message was lost here, and has not come again.
fn is_lost(rows: &Working<'_>, key: MessageKey) -> Result<bool, HistoryError> {
    Ok(lost::position_of(rows, key)?.is_some() && message::find(rows, key)?.is_none())
}

/// An act that never arrives has no effect; but a request that was never delivered stays sent, until
/// its sender withdraws it.
fn without_effect(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    header: &Header,
    particulars: &Particulars,
) -> Result<(), HistoryError> {
    let Some(request) = requests::find(rows, particulars.request)? else {
        return Ok(());
    };
    if particulars.bearing.handed_on().is_some() || particulars.bearing.noted().is_some() {
        return Ok(());
    }
    let (side, number) = (requests::side(&request, own), header.address.order.number);
    let executing = requests::executing(&request, own, &header.address.destination);
    let told = (opened.entry.recorded_at, opened.skeleton.owed.as_ref());
    dockets::voided(rows, particulars.request, executing, (side, number), told)
}

/// It waits here for an operator. What a peer could not read when it was offered to it first it can't have
/// taken over: about what is set aside for that nobody is in doubt any more.
pub(super) fn set_aside(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
    reason: Reason,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let (peer, in_doubt) = match &record.custody {
        Custody::Waiting { peer } => (peer.clone(), None),
        Custody::InDoubt { peer, .. } if reason == Reason::FrameInvalid => (peer.clone(), None),
        Custody::InDoubt { peer, number } => (peer.clone(), Some(*number)),
        Custody::SetAside { .. }
        | Custody::PassedOn
        | Custody::Held
        | Custody::Ended { .. }
        | Custody::UnderReview => {
            return Err(HistoryError::Damaged { what: "message set aside that was not owed" });
        }
    };
    let address = record.header()?.address;
    outbox::settle(rows, &address.order)?;
    if in_doubt.is_none() {
        agenda::at_expiry(rows, address.expires_at, key);
    }
    let since = opened.entry.recorded_at;
    set_aside::ROWS.put(rows, key, &SetAside { peer, in_doubt, since, reason });
    record.custody = Custody::SetAside { reason };
    message::save(rows, key, &record);
    Ok(())
}

/// It waits for this next hop from here on: for another one than before, or again, also where it had
/// been passed on in vain. Where a handover is in doubt it stays so. Or a word about it does, by the
/// entry's own part.
pub(super) fn way_chosen(
    rows: &mut Working<'_>,
    opened: &Opened,
    (reference, reason): (&MessageRef, Reason),
) -> Result<(), HistoryError> {
    if opened.skeleton.void.is_some() || opened.skeleton.asked.is_some() {
        return words::goes_on(rows, opened, reference);
    }
    let (key, mut record) = known_message(rows, reference)?;
    let is_here = match record.custody {
        Custody::Waiting { .. } | Custody::SetAside { .. } => true,
        Custody::PassedOn => record.part == Part::Origin,
        Custody::InDoubt { .. } | Custody::Held | Custody::Ended { .. } | Custody::UnderReview => {
            false
        }
    };
    if !is_here {
        return Err(HistoryError::Damaged { what: "way of a message that somebody else may have" });
    }
    let peer = next_hop(opened)?;
    let address = record.header()?.address;
    agenda::concluded(rows, key);
    let set_aside = set_aside::ROWS.take(rows, key)?;
    if record.custody == Custody::PassedOn {
        carrying::message_given_back(rows, key)?;
    }
    let before = record.custody.peer().or(set_aside.as_ref().map(|it| &it.peer));
    let (at, from, to) = (opened.entry.recorded_at, before.cloned(), peer.clone());
    ways::add(rows, key, Chosen { at, from, to, reason })?;
    record.custody = match set_aside.and_then(|it| it.in_doubt) {
        Some(number) => Custody::InDoubt { peer: peer.clone(), number },
        None => {
            agenda::at_expiry(rows, address.expires_at, key);
            Custody::Waiting { peer: peer.clone() }
        }
    };
    outbox::owe_again(rows, peer, key, (address.lane, record.recorded), &address.order)?;
    message::save(rows, key, &record);
    Ok(())
}
