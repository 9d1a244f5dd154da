//! What each fact changes.

mod answering;
mod asking;
mod carrying;
mod auditing;
mod drafting;
mod ending;
mod keeping;
mod office;
mod reviewing;
mod volumes;
mod words;

use crate::domain::digest::Digest;
use crate::domain::fact::{Fact, Handover, MessageRef};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId};
use crate::domain::particulars::{Particulars, Urgency};
use crate::domain::station::Station;
use crate::history::alarms::Unclaimed;
use crate::history::message::{Custody, MessageRecord, Part, StationRecord};
use crate::history::outbox::Notice;
use crate::history::requests::Deed;
use crate::history::rows::{HistoryError, Working};
use crate::history::words::Said;
use crate::history::{
    Opened, access, addressed, agenda, alarms, directories, dockets, inbox, known, message,
    neighbours, note_ends, notes, order, outbox, readers, references, requests, trails,
};

const UNKNOWN_MESSAGE: HistoryError = HistoryError::Damaged { what: "entry about no message" };

/// Folds one entry into the rows.
pub fn fold(rows: &mut Working<'_>, own: &AgencyId, opened: &Opened) -> Result<(), HistoryError> {
    match &opened.entry.fact {
        Fact::JournalOpened => {}
        Fact::DirectoryAdopted { version, hash } => directories::adopted(rows, *version, hash),
        Fact::Submitted { header } => submitted(rows, own, opened, header)?,
        Fact::HandedOver { message, handover } => handed_over(rows, message, handover)?,
        Fact::TakenOver { header, handover } => taken_over(rows, own, opened, header, handover)?,
        Fact::Delivered { header, handover } => delivered(rows, own, opened, header, handover)?,
        Fact::NotTaken { message, handover, .. } => {
            known::remember_answer(rows, &message.header, handover, opened.position);
        }
        Fact::StatementRecorded { message, issuer, station, entry } => {
            let told = Told { message, agency: issuer.agency(), station: *station, entry };
            statement_recorded(rows, own, opened, &told)?;
        }
        Fact::Returned { message, reason } => ending::ended(rows, own, opened, message, *reason)?,
        Fact::Undelivered { message, reason, .. } => {
            ending::ended(rows, own, opened, message, *reason)?
        }
        Fact::SetAside { message, reason } => ending::set_aside(rows, opened, message, *reason)?,
        Fact::WayChosen { message, reason } => {
            ending::way_chosen(rows, opened, (message, *reason))?;
        }
        Fact::Claimed { message } => office::claimed(rows, opened, message)?,
        Fact::Released { message } => office::released(rows, opened, message)?,
        Fact::Read { message } => office::read(rows, own, opened, message)?,
        Fact::Acknowledged { message } => office::acknowledged(rows, opened, message)?,
        Fact::OrderWaitEnded { message } => order_wait_ended(rows, opened, message)?,
        Fact::ConflictFound { journal, .. } => {
            neighbours::conflict_found(rows, journal, opened.position);
        }
        Fact::DeadlineNoted => office::deadline_noted(rows, opened)?,
        Fact::AccessGranted | Fact::AccessRevoked => office::sight(rows, opened)?,
        Fact::TransmissionRefused | Fact::PeerCutOff { .. } => {}
        Fact::AlarmRaised { message } | Fact::Escalated { message } => {
            office::alarm(rows, opened, message)?;
        }
        Fact::ContentErased { message, cause } => {
            keeping::erased(rows, own, opened, (message, *cause))?;
        }
        Fact::ErasureAsked { message, destination, cause } => {
            asking::asked(rows, own, opened, (message, destination), *cause)?;
        }
        Fact::ErasureRefused { message, reason } => {
            asking::refused(rows, own, opened, (message, *reason))?;
        }
        Fact::HoldPlaced | Fact::HoldReleased => keeping::hold(rows, own, opened)?,
        Fact::RetentionEnded => keeping::retention_ended(rows, opened)?,
        Fact::ReviewSet | Fact::RetentionReviewed => keeping::review(rows, opened)?,
        Fact::Attachment(fact) => carrying::stated(rows, own, opened, fact)?,
        Fact::Audit(fact) => auditing::fold(rows, opened, fact)?,
        Fact::Draft(fact) => drafting::fold(rows, opened, fact)?,
        Fact::Volume(fact) => volumes::fold(rows, own, opened, fact)?,
        Fact::Review(fact) => reviewing::word(rows, own, opened, fact)?,
    }
    if let Some(header) = opened.entry.fact.header() {
        volumes::after_coming(rows, opened, header)?;
    }
    remember_call(rows, opened)
}

fn remember_call(rows: &mut Working<'_>, opened: &Opened) -> Result<(), HistoryError> {
    let (Some(principal), Some((call, fingerprint))) =
        (&opened.skeleton.principal, &opened.skeleton.call)
    else {
        return Ok(());
    };
    // To read a message is a call without a name of its own: nobody can repeat it.
    if matches!(opened.entry.fact, Fact::Read { .. }) {
        return Ok(());
    }
    known::remember_call(rows, principal, call, *fingerprint, opened.position)
}

fn known_message(
    rows: &Working<'_>,
    reference: &MessageRef,
) -> Result<(MessageKey, MessageRecord), HistoryError> {
    let key = reference.key();
    Ok((key, message::find(rows, key)?.ok_or(UNKNOWN_MESSAGE)?))
}

fn fresh(opened: &Opened, header: &Header, part: Part, custody: Custody) -> MessageRecord {
    MessageRecord {
        part,
        header: header.bytes.clone(),
        recorded: opened.position,
        recorded_at: opened.entry.recorded_at,
        custody,
        upstream: None,
        hops: opened.skeleton.hops,
        handovers: 0,
        brought: 0,
        stations: 0,
        first_stations: Vec::new(),
        particulars: opened.skeleton.particulars.clone(),
        unreadable: opened.skeleton.unreadable,
        out_of_state: false,
        inbox: Vec::new(),
        claim: None,
        read: None,
        acknowledged: None,
        unclaimed: None,
        references: opened.skeleton.references.clone(),
        erased: None,
    }
}

fn own_station(
    opened: &Opened,
    own: &AgencyId,
    station: Station,
    from: Option<&AgencyId>,
) -> StationRecord {
    StationRecord {
        station,
        agency: own.clone(),
        at: opened.entry.recorded_at,
        reason: None,
        from: from.cloned(),
        position: opened.position,
        own: true,
        statement: None,
    }
}

fn next_hop(opened: &Opened) -> Result<&AgencyId, HistoryError> {
    let missing = HistoryError::Damaged { what: "entry without a next hop" };
    opened.skeleton.next_hop.as_ref().ok_or(missing)
}

fn submitted(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    header: &Header,
) -> Result<(), HistoryError> {
    let (key, address) = (header.key(), &header.address);
    if volumes::restated(rows, opened, key)? {
        return Ok(());
    }
    let peer = next_hop(opened)?;
    let waiting = Custody::Waiting { peer: peer.clone() };
    let mut record = fresh(opened, header, Part::Origin, waiting);
    let station = own_station(opened, own, Station::Accepted, None);
    message::add_station(rows, key, &mut record, station);
    let place = (address.lane, opened.position);
    outbox::owe(rows, peer, key, place, &address.order)?;
    readers::put(rows, key, &opened.skeleton.readers);
    addressed::put(rows, key, opened);
    agenda::at_expiry(rows, address.expires_at, key);
    let missing = HistoryError::Damaged { what: "submitted entry without particulars" };
    let particulars = record.particulars.clone().ok_or(missing)?;
    // A note stands in a stream of its own: nothing that follows waits for it.
    let is_note = particulars.bearing.noted().is_some();
    if let Some(until) = opened.skeleton.keep_until.filter(|_| is_note) {
        note_ends::keep(rows, key, until);
    }
    if !is_note {
        order::sent(rows, particulars.request, &address.destination, &address.order)?;
    }
    let deed = Deed {
        actor: own,
        addressee: &address.destination,
        number: address.order.number,
        at: opened.entry.recorded_at,
        position: opened.position,
        owed: opened.skeleton.owed.as_ref(),
    };
    if is_note || particulars.bearing.handed_on().is_some() {
        requests::list(rows, particulars.request, key)?;
    } else {
        record.out_of_state = !requests::act(rows, key, &particulars, deed)?;
    }
    carrying::came(rows, opened, header, Part::Origin)?;
    if let Some(draft) = opened.skeleton.of_draft {
        drafting::became(rows, draft, opened.position)?;
    }
    if let Some(sender) = &opened.skeleton.principal {
        access::grant(rows, particulars.request, sender);
    }
    for mark in &record.references {
        references::mark(rows, mark, particulars.request);
    }
    message::save(rows, key, &record);
    if particulars.bearing.handed_on().is_some() {
        asking::passed_on(rows, particulars.request, key)?;
    }
    match particulars.in_reply_to {
        Some(answered) => office::answered_here(rows, answered, particulars.request),
        None => Ok(()),
    }
}

fn handed_over(
    rows: &mut Working<'_>,
    reference: &MessageRef,
    handover: &Handover,
) -> Result<(), HistoryError> {
    let (key, mut record) = known_message(rows, reference)?;
    agenda::forget_expiry(rows, record.header()?.address.expires_at, key);
    record.handovers = handover.number;
    record.custody = Custody::InDoubt { peer: handover.to.clone(), number: handover.number };
    message::save(rows, key, &record);
    Ok(())
}

fn taken_over(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    header: &Header,
    handover: &Handover,
) -> Result<(), HistoryError> {
    let (key, address) = (header.key(), &header.address);
    let mut record = fresh(opened, header, Part::Transit, Custody::UnderReview);
    (record.upstream, record.brought) = (Some(handover.from.clone()), handover.number);
    let station = own_station(opened, own, Station::Relayed, Some(&handover.from));
    message::add_station(rows, key, &mut record, station);
    readers::put(rows, key, &opened.skeleton.readers);
    if !opened.skeleton.trail.is_empty() {
        trails::ROWS.put(rows, key, &opened.skeleton.trail);
    }
    // A desk is named where its officers are to look first.
    if let Some(desk) = &opened.skeleton.contact_point {
        reviewing::held(rows, opened, (key, header, &mut record), desk)?;
    } else {
        let peer = next_hop(opened)?;
        record.custody = Custody::Waiting { peer: peer.clone() };
        outbox::owe(rows, peer, key, (address.lane, opened.position), &address.order)?;
        agenda::at_expiry(rows, address.expires_at, key);
    }
    message::save(rows, key, &record);
    carrying::came(rows, opened, header, Part::Transit)
}

fn delivered(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    header: &Header,
    handover: &Handover,
) -> Result<(), HistoryError> {
    let (key, address) = (header.key(), &header.address);
    if message::find(rows, key)?.is_some() {
        known::remember_answer(rows, &header.hash(), handover, opened.position);
        return Ok(());
    }
    let mut record = fresh(opened, header, Part::Destination, Custody::Held);
    (record.upstream, record.brought) = (Some(handover.from.clone()), handover.number);
    if let (None, Some(desk)) = (&record.particulars, &opened.skeleton.contact_point) {
        record.inbox.push((desk.clone(), 0));
    }
    let station = own_station(opened, own, Station::Delivered, Some(&handover.from));
    message::add_station(rows, key, &mut record, station);
    message::save(rows, key, &record);
    readers::put(rows, key, &opened.skeleton.readers);
    agenda::at_expiry(rows, address.expires_at, key);
    carrying::came(rows, opened, header, Part::Destination)?;
    let ready = order::arrive(rows, &address.origin, &address.order, key)?;
    list(rows, own, opened, &ready)
}

/// Lists messages whose turn has come, and folds their acts into their requests.
fn list(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    ready: &[MessageKey],
) -> Result<(), HistoryError> {
    for key in ready {
        let mut record = message::find(rows, *key)?.ok_or(UNKNOWN_MESSAGE)?;
        let header = record.header()?;
        agenda::forget_expiry(rows, header.address.expires_at, *key);
        let desks: Vec<ContactPointId> = match &record.particulars {
            Some(particulars) => particulars.to.clone(),
            None => record.inbox.iter().map(|(desk, _)| desk.clone()).collect(),
        };
        record.inbox.clear();
        for desk in desks {
            let place = inbox::list(rows, &desk, *key)?;
            record.inbox.push((desk, place));
        }
        if let Some(particulars) = record.particulars.clone() {
            match notes::about(&particulars) {
                Some(about) => {
                    record.out_of_state = !notes::came(rows, (*key, &particulars), about)?;
                }
                None => has_effect(rows, own, opened, (*key, &mut record), &particulars)?,
            }
            for mark in &record.references {
                references::mark(rows, mark, particulars.request);
            }
            if particulars.urgency == Urgency::Immediate {
                record.unclaimed = Some(Unclaimed { since: opened.entry.recorded_at, alarms: 0 });
                alarms::watch(rows, opened.entry.recorded_at, *key);
            }
        }
        message::save(rows, *key, &record);
    }
    Ok(())
}

/// A message that is listed does in its request what it says.
fn has_effect(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    (key, record): (MessageKey, &mut MessageRecord),
    particulars: &Particulars,
) -> Result<(), HistoryError> {
    let (header, owed) = (record.header()?, opened.skeleton.owed.as_ref());
    let deed = Deed {
        actor: &header.address.origin,
        addressee: own,
        number: header.address.order.number,
        at: opened.entry.recorded_at,
        position: opened.position,
        owed,
    };
    record.out_of_state = !requests::act(rows, key, particulars, deed)?;
    // Where it is passed on it has arrived, though the notice may do nothing here any more.
    if let Some(competent) = particulars.bearing.passed_on() {
        let deed = Deed { owed: opened.skeleton.owed_onward.as_ref(), ..deed };
        requests::passed_on(rows, particulars.request, competent, deed)?;
    }
    dockets::arrived(rows, particulars.request, own, deed.at, owed)?;
    notes::follow(rows, key, particulars)
}

/// A statement of another journal, as it was recorded.
struct Told<'a> {
    message: &'a MessageRef,
    agency: &'a AgencyId,
    station: Station,
    entry: &'a Digest,
}

fn statement_recorded(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    told: &Told<'_>,
) -> Result<(), HistoryError> {
    if let Some(peer) = &opened.skeleton.next_hop {
        outbox::notify(rows, peer, Notice::Recorded(opened.position))?;
    }
    let key = told.message.key();
    if told.station == Station::Undelivered {
        voided(rows, own, opened, told.message)?;
    }
    if let Some(asked) = opened.skeleton.asked.as_ref().filter(|it| *it != own) {
        words::travels(rows, opened, (told.message, false), (asked, Said::Erasure))?;
    }
    let Some(mut record) = message::find(rows, key)? else {
        known::remember_statement(rows, told.entry, opened.position);
        return Ok(());
    };
    if let Station::Attachment(carried) = told.station {
        known::remember_statement(rows, told.entry, opened.position);
        return carrying::told(rows, opened, (key, &record), (told, carried));
    }
    let detail = opened.skeleton.statement.clone().unwrap_or_default();
    let station = StationRecord {
        station: told.station,
        agency: told.agency.clone(),
        at: detail.at,
        reason: detail.reason,
        from: detail.from.clone(),
        position: opened.position,
        own: false,
        statement: Some(*told.entry),
    };
    if !message::add_station(rows, key, &mut record, station) {
        known::remember_statement(rows, told.entry, opened.position);
    }
    answering::settle(rows, (own, key), &mut record, told, &detail)?;
    if record.part == Part::Origin {
        told_origin(rows, own, key, &record, told, opened)?;
    }
    message::save(rows, key, &record);
    asking::told(rows, opened, (key, &record), told)?;
    Ok(())
}

fn voided(
    rows: &mut Working<'_>,
    own: &AgencyId,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let Some(void) = &opened.skeleton.void else {
        return Ok(());
    };
    if void.destination != *own {
        let said = (&void.destination, Said::Void(void.order));
        return words::travels(rows, opened, (reference, false), said);
    }
    agenda::void(rows, reference.key());
    let ready = order::void(rows, &void.origin, &void.order)?;
    list(rows, own, opened, &ready)
}

fn told_origin(
    rows: &mut Working<'_>,
    own: &AgencyId,
    key: MessageKey,
    record: &MessageRecord,
    told: &Told<'_>,
    opened: &Opened,
) -> Result<(), HistoryError> {
    let header = record.header()?;
    let destination = &header.address.destination;
    match told.station {
        Station::Delivered if told.agency == destination => {
            if let Some(particulars) = &record.particulars {
                let (at, owed) = (opened.entry.recorded_at, opened.skeleton.owed.as_ref());
                dockets::arrived(rows, particulars.request, destination, at, owed)?;
            }
        }
        Station::Returned | Station::Relayed | Station::NotTaken => {
            let stations = message::stations(rows, key, record)?;
            if record.custody == Custody::PassedOn
                && message::accounted_for(own, destination, &stations)
            {
                agenda::to_conclude(rows, key);
            }
        }
        Station::Accepted
        | Station::Delivered
        | Station::Retrieved
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

fn order_wait_ended(
    rows: &mut Working<'_>,
    opened: &Opened,
    reference: &MessageRef,
) -> Result<(), HistoryError> {
    let (_, record) = known_message(rows, reference)?;
    let header = record.header()?;
    let ready = order::end_wait(rows, &header.address.origin, &header.address.order)?;
    list(rows, &header.address.destination, opened, &ready)
}
