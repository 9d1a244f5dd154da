//! What follows from the end of a volume: places are not given twice, what was lost is listed, and
//! what is stated again takes the place of what it restates.

use super::known_message;
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, JournalName};
use crate::domain::retention::ErasureCause;
use crate::domain::volume::VolumeFact;
use crate::history::message::{Custody, Erased, MessageRecord, Part};
use crate::history::rows::{HistoryError, Working};
use crate::history::{Opened, agenda, inbox, known, lost, message, neighbours, order, outbox};

/// A fact about volumes.
pub(super) fn fold(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    fact: &VolumeFact,
) -> Result<(), HistoryError> {
    match fact {
        VolumeFact::Opened { .. } => inbox::leave_a_gap(rows),
        VolumeFact::Confirmed { journal, .. } => {
            confirmed(rows, journal, opened.position);
            Ok(())
        }
        VolumeFact::Missed { message, entry, .. } => {
            known::remember_statement(rows, entry, opened.position);
            let key = message.key();
            let is_known = message::find(rows, key)?.is_some();
            if !is_known {
                lost::note(rows, key, opened.position)?;
            }
            // What can be said again at once follows right behind.
            if opened.skeleton.statement.is_some() {
                lost::note_before(rows, key, opened.position);
            } else {
                lost::note_shown(rows, key, opened.position);
            }
            match &opened.skeleton.void {
                // The place of a message of this agency that somebody else has seen.
                Some(taken) if taken.origin == *own => order::taken(rows, &taken.order),
                Some(_) | None => Ok(()),
            }
        }
        VolumeFact::TakenBack { message } => {
            let (key, mut record) = known_message(rows, message)?;
            let peer = super::next_hop(opened)?;
            let address = record.header()?.address;
            record.custody = Custody::Waiting { peer: peer.clone() };
            outbox::owe(rows, peer, key, (address.lane, opened.position), &address.order)?;
            agenda::at_expiry(rows, address.expires_at, key);
            super::carrying::message_taken_back(rows, key)?;
            message::save(rows, key, &record);
            Ok(())
        }
    }
}

fn confirmed(rows: &mut Working<'_>, journal: &JournalName, position: u64) {
    neighbours::volume_confirmed(rows, journal, position);
}

/// An own message that is stated again in a later volume, so that it can be proved there: nothing
/// else changes. False if it is stated for the first time.
pub(super) fn restated(
    rows: &mut Working<'_>,
    opened: &Opened,
    key: MessageKey,
) -> Result<bool, HistoryError> {
    let Some(mut record) = message::find(rows, key)? else {
        return Ok(false);
    };
    record.recorded = opened.position;
    message::save(rows, key, &record);
    Ok(true)
}

/// What came again and is to be passed on may have been passed on before, in what was lost: the next hop
/// is asked about the first handover, and until it answers the message is in doubt.
fn passed_on_before(
    rows: &mut Working<'_>,
    header: &Header,
    key: MessageKey,
) -> Result<(), HistoryError> {
    let Some(mut record) = message::find(rows, key)? else {
        return Ok(());
    };
    if let (Part::Transit, Custody::Waiting { peer }) = (record.part, &record.custody) {
        record.custody = Custody::InDoubt { peer: peer.clone(), number: 1 };
        record.handovers = 1;
        agenda::forget_expiry(rows, header.address.expires_at, key);
        message::save(rows, key, &record);
    }
    Ok(())
}

/// What became of a message that was lost on its way is known.
pub(super) fn ended(rows: &mut Working<'_>, key: MessageKey, record: &MessageRecord) {
    if record.part == Part::Transit && record.erased.is_some() {
        lost::is_accounted_for(rows, key);
    }
}

/// After a message came here: if it came from what a neighbour has shown of a lost volume, its
/// content did not come with it; if it was listed as lost, it is here again.
pub(super) fn after_coming(
    rows: &mut Working<'_>,
    opened: &Opened,
    header: &Header,
) -> Result<(), HistoryError> {
    let key = header.key();
    if lost::position_of(rows, key)?.is_none() {
        return Ok(());
    }
    lost::forget_before(rows, key)?;
    if !lost::is_repeated(rows, key, opened.position)? {
        lost::came_again(rows, key);
        return passed_on_before(rows, header, key);
    }
    let Some(mut record) = message::find(rows, key)? else {
        return Ok(());
    };
    let (at, position) = (opened.entry.recorded_at, opened.position);
    record.erased = Some(Erased { at, cause: ErasureCause::Lost, position });
    super::office::taken(rows, key, &mut record);
    if record.part == Part::Transit {
        lost::note_taken(rows, key);
    }
    // The next hop may have it, and is not asked, for there is nothing to offer: it shows what it knows.
    if let (Part::Transit, Custody::Waiting { peer }) = (record.part, &record.custody) {
        record.custody = Custody::InDoubt { peer: peer.clone(), number: 1 };
        record.handovers = 1;
        agenda::forget_expiry(rows, header.address.expires_at, key);
        outbox::settle(rows, &header.address.order)?;
    }
    message::save(rows, key, &record);
    super::carrying::message_lost(rows, header)
}
