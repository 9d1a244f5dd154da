//! What a neighbour answers to a handover.

use super::{Told, carrying, volumes};
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::station::Station;
use crate::history::message::{self, Custody, MessageRecord, StationRecord};
use crate::history::rows::{HistoryError, Working};
use crate::history::{agenda, outbox, set_aside};
use crate::wire::skeleton::StatementDetail;

/// The answer to the handover that is in doubt ends the doubt.
pub(super) fn settle(
    rows: &mut Working<'_>,
    (own, key): (&AgencyId, MessageKey),
    record: &mut MessageRecord,
    told: &Told<'_>,
    detail: &StatementDetail,
) -> Result<(), HistoryError> {
    let number = detail.number;
    if set_aside::in_doubt(rows, key, record)? != Some((told.agency.clone(), number)) {
        return Ok(());
    }
    volumes::ended(rows, key, record);
    match told.station {
        Station::Relayed | Station::Delivered => passed_on(rows, key, record, (told, number))?,
        // The handover before the one that is refused stands.
        Station::NotTaken if is_there(rows, (own, key), record, (told, detail))? => {
            passed_on(rows, key, record, (told, number.saturating_sub(1)))?;
        }
        Station::NotTaken => {
            set_aside::ROWS.take(rows, key)?;
            outbox::settle(rows, &record.header()?.address.order)?;
            record.custody = Custody::SetAside { reason: Reason::NextHopRefused };
            agenda::to_conclude(rows, key);
        }
        Station::Accepted
        | Station::Retrieved
        | Station::Returned
        | Station::Undelivered
        | Station::ErasureAsked
        | Station::Erased
        | Station::ErasureRefused
        | Station::Attachment(_)
        | Station::Released
        | Station::Annotated(_) => {}
    }
    Ok(())
}

/// The peer has the message by this handover.
fn passed_on(
    rows: &mut Working<'_>,
    key: MessageKey,
    record: &mut MessageRecord,
    (told, number): (&Told<'_>, u32),
) -> Result<(), HistoryError> {
    set_aside::ROWS.take(rows, key)?;
    outbox::settle(rows, &record.header()?.address.order)?;
    record.custody = Custody::PassedOn;
    carrying::message_passed_on(rows, key, told.agency, number)
}

/// Whether who refuses a message as one that it had already has taken it over from here: it has lost it
/// since, and it, or whoever it passed it on to, says what becomes of it.
fn is_there(
    rows: &Working<'_>,
    (own, key): (&AgencyId, MessageKey),
    record: &MessageRecord,
    (told, detail): (&Told<'_>, &StatementDetail),
) -> Result<bool, HistoryError> {
    if detail.reason != Some(Reason::Loop) {
        return Ok(false);
    }
    let stations = message::stations(rows, key, record)?;
    let mut theirs = stations.iter().filter(|it| it.agency == *told.agency);
    let took = |it: &StationRecord| {
        matches!(it.station, Station::Relayed | Station::Delivered) && it.from.as_ref() == Some(own)
    };
    let is_taken = theirs.clone().any(took);
    Ok(is_taken && !theirs.any(|it| it.station == Station::Returned))
}
