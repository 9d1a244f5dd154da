//! What a reviewing transit does with a message: holds it, remarks on it, lets it go on.

use super::{known_message, next_hop, own_station};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::reviewing::{ReviewFact, ReviewWord};
use crate::history::message::{Custody, MessageRecord};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::under_review::{self, UnderReview};
use crate::history::{Opened, agenda, inbox, lost, message, outbox};

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
