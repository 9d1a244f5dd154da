//! What ends the way of a message without its arrival.

use super::{asking, carrying, known_message, own_station};
use crate::domain::fact::{MessageRef, Reason};
use crate::domain::header::Header;
use crate::domain::ids::AgencyId;
use crate::domain::particulars::Particulars;
use crate::domain::station::Station;
use crate::history::message::{Custody, Part};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::{Opened, agenda, dockets, erasures, message, outbox, requests};

/// This node's copy ends: a transit returns it, or the origin states that it was not delivered.
pub(super) fn ended(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    reference: &MessageRef,
    reason: Reason,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    let header = record.header()?;
    agenda::forget_expiry(rows, header.address.expires_at, key);
    agenda::concluded(rows, key);
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
    let told = match record.part {
        Part::Origin => opened.skeleton.next_hop.as_ref(),
        Part::Transit | Part::Destination => record.upstream.as_ref(),
    };
    match told {
        Some(peer) => outbox::notify(rows, peer, Notice::Own(opened.position)),
        None => Ok(()),
    }
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
    if particulars.bearing.handed_on().is_some() {
        return Ok(());
    }
    let (side, number) = (requests::side(&request, own), header.address.order.number);
    let executing = requests::executing(&request, own, &header.address.destination);
    let told = (opened.entry.recorded_at, opened.skeleton.owed.as_ref());
    dockets::voided(rows, particulars.request, executing, (side, number), told)
}

/// It waits here for an operator.
pub(super) fn set_aside(
    rows: &mut Working<'_>,
    reference: &MessageRef,
    reason: Reason,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    outbox::settle(rows, &record.header()?.address.order)?;
    record.custody = Custody::SetAside { reason };
    message::save(rows, key, &record);
    Ok(())
}
