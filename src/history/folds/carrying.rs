//! What becomes of attachments: awaited, here, passed on, arrived, or never.

use super::Told;
use crate::clock::Timestamp;
use crate::domain::attachment::{AttachmentFact, Verdict};
use crate::domain::fact::Reason;
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::AgencyId;
use crate::domain::limits::CLOCK_SKEW_MS_MAX;
use crate::domain::station::Carried;
use crate::history::attachments::{
    self, AtDestination, AttachmentRecord, CarriedRecord, Way, Whereabouts,
};
use crate::history::message::{self, MessageRecord, Part};
use crate::history::outbox::Notice;
use crate::history::rows::{HistoryError, Working};
use crate::history::{Opened, known, lost, outbox};

const UNKNOWN: HistoryError = HistoryError::Damaged { what: "entry about no attachment" };

/// From when on nobody takes an attachment of this message any more.
fn end_of(header: &Header) -> Timestamp {
    header.address.expires_at.plus_millis(CLOCK_SKEW_MS_MAX)
}

/// A message came here, or was submitted, with as many attachments as its entry says.
pub(super) fn came(
    rows: &mut Working<'_>,
    opened: &Opened,
    header: &Header,
    part: Part,
) -> Result<(), HistoryError> {
    let (key, count) = (header.key(), opened.skeleton.attachments);
    if count == 0 || attachments::way(rows, key)?.is_some() {
        return Ok(());
    }
    attachments::put_way(rows, key, &Way { count, position: opened.position, onward: None });
    let whereabouts = match part {
        Part::Origin => Whereabouts::Here,
        Part::Transit | Part::Destination => Whereabouts::Awaited,
    };
    for number in 1..=count {
        attachments::save(rows, key, number, &AttachmentRecord::new(whereabouts));
    }
    if part != Part::Origin {
        attachments::end_at(rows, end_of(header), key);
    }
    Ok(())
}

/// The next hop has the message: what is here of its attachments is owed to it from now on.
pub(super) fn message_passed_on(
    rows: &mut Working<'_>,
    key: MessageKey,
    peer: &AgencyId,
    number: u32,
) -> Result<(), HistoryError> {
    let Some(mut way) = attachments::way(rows, key)? else {
        return Ok(());
    };
    way.onward = Some((peer.clone(), number));
    attachments::put_way(rows, key, &way);
    for (number, record) in attachments::all(rows, key)? {
        if record.whereabouts == Whereabouts::Here {
            attachments::owe(rows, key, number, &way);
        }
    }
    Ok(())
}

/// The next hop lost the message: its attachments wait until it has it again.
pub(super) fn message_taken_back(
    rows: &mut Working<'_>,
    key: MessageKey,
) -> Result<(), HistoryError> {
    let Some(mut way) = attachments::way(rows, key)? else {
        return Ok(());
    };
    for (number, mut record) in attachments::all(rows, key)? {
        attachments::settle(rows, number, &way);
        if record.whereabouts == Whereabouts::PassedOn {
            record.whereabouts = Whereabouts::Here;
            attachments::save(rows, key, number, &record);
        }
    }
    way.onward = None;
    attachments::put_way(rows, key, &way);
    Ok(())
}

/// The message is known only by what a neighbour has shown of it: what names its attachments is gone, and
/// none of them can come any more.
pub(super) fn message_lost(rows: &mut Working<'_>, header: &Header) -> Result<(), HistoryError> {
    let key = header.key();
    for (number, mut record) in attachments::all(rows, key)? {
        if record.whereabouts == Whereabouts::Awaited {
            record.whereabouts = Whereabouts::Lost;
            attachments::save(rows, key, number, &record);
        }
    }
    attachments::forget_end(rows, end_of(header), key);
    Ok(())
}

/// A transit gave the message back to its origin: what it did not take of the attachments either goes by
/// the next way, but for what the destination refused.
pub(super) fn message_given_back(
    rows: &mut Working<'_>,
    key: MessageKey,
) -> Result<(), HistoryError> {
    for (number, mut record) in attachments::all(rows, key)? {
        let has_ended = matches!(record.whereabouts, Whereabouts::Ended { .. });
        if has_ended && record.at_destination.is_none() {
            record.whereabouts = Whereabouts::Here;
            attachments::save(rows, key, number, &record);
        }
    }
    message_taken_back(rows, key)
}

/// The message ended here, or what it said did: what has not come does not come any more, and what
/// is here does not go on.
pub(super) fn message_ended(
    rows: &mut Working<'_>,
    (key, message): (MessageKey, &MessageRecord),
    reason: Reason,
) -> Result<(), HistoryError> {
    let Some(way) = attachments::way(rows, key)? else {
        return Ok(());
    };
    let is_destination = message.part == Part::Destination;
    for (number, mut record) in attachments::all(rows, key)? {
        if !record.is_settled(is_destination) {
            attachments::settle(rows, number, &way);
            record.whereabouts = Whereabouts::Ended { reason };
            attachments::save(rows, key, number, &record);
        }
    }
    attachments::forget_end(rows, end_of(&message.header()?), key);
    Ok(())
}

/// This node states what became of an attachment here.
pub(super) fn stated(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    fact: &AttachmentFact,
) -> Result<(), HistoryError> {
    let (key, number) = (fact.attachment.message.key(), fact.attachment.number);
    let message = message::find(rows, key)?.ok_or(UNKNOWN)?;
    let mut record = attachments::find(rows, key, number)?.ok_or(UNKNOWN)?;
    let way = attachments::way(rows, key)?.ok_or(UNKNOWN)?;
    known::remember_carried(rows, &fact.attachment, &fact.handover, opened.position);
    if let Some(peer) = &opened.skeleton.next_hop {
        outbox::notify(rows, peer, Notice::Own(opened.position))?;
    }
    let station = fact.verdict.station();
    let Some(station) = station.carried() else {
        return Ok(());
    };
    let is_repeated = lost::is_repeated(rows, key, opened.position)?;
    // Bytes that were lost come again only in time, and where somebody can still open them.
    let in_time =
        opened.entry.recorded_at <= end_of(&message.header()?) && message.erased.is_none();
    let comes_again = record.whereabouts == Whereabouts::Lost && !is_repeated && in_time;
    // Said again to somebody else who brought it too: nothing changes here.
    if record.says(station, own) && !comes_again {
        return Ok(());
    }
    record.add(CarriedRecord {
        station,
        agency: own.clone(),
        at: opened.entry.recorded_at,
        reason: fact.verdict.reason(),
        position: opened.position,
        own: true,
    });
    match fact.verdict {
        // What is said again of a volume whose end was lost brings no bytes back.
        Verdict::Relayed if is_repeated => record.whereabouts = Whereabouts::Lost,
        Verdict::Relayed => {
            record.whereabouts = Whereabouts::Here;
            attachments::owe(rows, key, number, &way);
        }
        Verdict::Arrived => {
            record.whereabouts = if is_repeated { Whereabouts::Lost } else { Whereabouts::Here };
            record.at_destination = Some(AtDestination::Arrived);
        }
        Verdict::NotTaken(reason) => {
            record.whereabouts = Whereabouts::Ended { reason };
            if message.part == Part::Destination {
                record.at_destination = Some(AtDestination::NotTaken { reason });
            }
        }
        Verdict::Returned(reason) => {
            attachments::settle(rows, number, &way);
            record.whereabouts = Whereabouts::Ended { reason };
        }
    }
    attachments::save(rows, key, number, &record);
    forget_settled(rows, key, &message)
}

/// Another journal stated what became of an attachment there.
pub(super) fn told(
    rows: &mut Working<'_>,
    opened: &Opened,
    (key, message): (MessageKey, &MessageRecord),
    (told, station): (&Told<'_>, Carried),
) -> Result<(), HistoryError> {
    let detail = opened.skeleton.statement.clone().unwrap_or_default();
    let number = detail.attachment;
    let mut record = attachments::find(rows, key, number)?.ok_or(UNKNOWN)?;
    let way = attachments::way(rows, key)?.ok_or(UNKNOWN)?;
    record.add(CarriedRecord {
        station,
        agency: told.agency.clone(),
        at: detail.at,
        reason: detail.reason,
        position: opened.position,
        own: false,
    });
    let reason = detail.reason.unwrap_or(Reason::NextHopRefused);
    let is_next_hop = way.onward.as_ref().is_some_and(|(peer, _)| peer == told.agency);
    let is_here = matches!(record.whereabouts, Whereabouts::Here | Whereabouts::Lost);
    let from_destination = message.header()?.address.destination == *told.agency;
    match station {
        Carried::Relayed | Carried::Arrived if is_next_hop && is_here => {
            attachments::settle(rows, number, &way);
            record.whereabouts = Whereabouts::PassedOn;
        }
        Carried::NotTaken if (is_next_hop || from_destination) && is_here => {
            attachments::settle(rows, number, &way);
            record.whereabouts = Whereabouts::Ended { reason };
        }
        Carried::Relayed | Carried::Arrived | Carried::NotTaken | Carried::Returned => {}
    }
    if from_destination {
        match station {
            Carried::Arrived => record.at_destination = Some(AtDestination::Arrived),
            Carried::NotTaken => record.at_destination = Some(AtDestination::NotTaken { reason }),
            Carried::Relayed | Carried::Returned => {}
        }
    }
    attachments::save(rows, key, number, &record);
    forget_settled(rows, key, message)
}

/// Nothing is to be come back to once all attachments of a message are settled here.
fn forget_settled(
    rows: &mut Working<'_>,
    key: MessageKey,
    message: &MessageRecord,
) -> Result<(), HistoryError> {
    let is_destination = message.part == Part::Destination;
    let all = attachments::all(rows, key)?;
    if all.iter().all(|(_, it)| it.is_settled(is_destination)) {
        attachments::forget_end(rows, end_of(&message.header()?), key);
    }
    Ok(())
}
