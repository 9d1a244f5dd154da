//! What a reviewing transit does with a message: holds it, remarks on it, lets it go on.

use super::{known_message, next_hop, office, own_station};
use crate::clock::Timestamp;
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::history::alarms::Unclaimed;
use crate::history::message::{Custody, MessageRecord};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::under_review::{self, UnderReview};
use crate::history::{Opened, agenda, alarms, inbox, lost, message, outbox};

/// A message came that is to be looked at first: it is listed at the desk that decides.
pub(super) fn held(
    rows: &mut Working<'_>,
    opened: &Opened,
    (key, header, record): (MessageKey, &Header, &mut MessageRecord),
    desk: &ContactPointId,
) -> Result<(), HistoryError> {
    record.custody = Custody::UnderReview;
    let place = inbox::list(rows, desk, key)?;
    record.inbox.push((desk.clone(), place));
    let since = opened.entry.recorded_at;
    let again = lost::position_of(rows, key)?.is_some();
    under_review::ROWS.put(rows, key, &UnderReview { desk: desk.clone(), since, again });
    if !again {
        agenda::at_expiry(rows, header.address.expires_at, key);
    }
    watch(rows, (key, record), since)
}

/// Somebody is rung for a message that is held as long as nobody decides about it, from an instant on.
pub(super) fn watch(
    rows: &mut Working<'_>,
    (key, record): (MessageKey, &mut MessageRecord),
    from: Timestamp,
) -> Result<(), HistoryError> {
    let Some(held) = under_review::ROWS.find(rows, key)? else {
        return Ok(());
    };
    let since = held.rung_from(&record.header()?.address).max(from);
    let alarms = record.unclaimed.map_or(0, |it| it.alarms);
    office::taken(rows, key, record);
    record.unclaimed = Some(Unclaimed { since, alarms });
    alarms::watch(rows, since, key);
    Ok(())
}

/// A word about a message that is held. Its origin hears of it.
pub(super) fn word(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    fact: &ReviewFact,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, &fact.message)?;
    if record.custody != Custody::UnderReview {
        return Err(HistoryError::Damaged { what: "review of a message that is not held" });
    }
    match fact.word {
        ReviewWord::Released => {
            let peer = next_hop(opened)?;
            let address = record.header()?.address;
            let held = under_review::ROWS.take(rows, key)?;
            record.custody = Custody::Waiting { peer: peer.clone() };
            // As of any message that came again, the next hop is asked about the first handover.
            if held.is_some_and(|it| it.again) {
                record.custody = Custody::InDoubt { peer: peer.clone(), number: 1 };
                record.handovers = 1;
            }
            record.claim = None;
            office::taken(rows, key, &mut record);
            outbox::owe(rows, peer, key, (address.lane, record.recorded), &address.order)?;
        }
        ReviewWord::Annotated(_) => {}
    }
    let station = own_station(opened, own, fact.station(), None);
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    match &record.upstream {
        Some(peer) => outbox::notify(rows, peer, Notice::Own(opened.position)),
        None => Ok(()),
    }
}
