//! How each thing that is owed is shown.

use super::{Item, Owed, State};
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::{AgencyId, MessageId};
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::outbox::{self, Notice};
use crate::history::rows::HistoryError;
use crate::history::set_aside::SetAside;
use crate::history::under_review::UnderReview;
use crate::history::{drafts, ways};
use crate::node::overdue;
use crate::node::records;
use crate::node::recovery::{self, Recovery};
use crate::node::setting::Setting;
use crate::wire;

/// How something stands that is owed to a peer, and stands so while a link with it is named. Nobody goes
/// out to a peer with which there is none: what is owed to it waits for a directory that names one, and who
/// was offered something can't answer.
fn linked(setting: &Setting, peer: &AgencyId, state: State) -> (State, Option<Reason>) {
    if setting.directory().are_linked(&setting.agency, peer) {
        return (state, None);
    }
    let state = match state {
        State::Waiting | State::WaitingForWitness | State::ToCarry | State::ToTell => {
            State::WaitingForWay
        }
        State::InDoubt => State::DoubtWithoutLink,
        State::DoubtWithoutLink
        | State::AskedAbout
        | State::DoubtPastExpiry
        | State::SetAside
        | State::WaitingForWay
        | State::WaitingForApproval
        | State::UnderReview
        | State::LostOnTheWay
        | State::ToConclude
        | State::WaitingForOrder
        | State::WaitingForArrival
        | State::ToAnswer
        | State::WaitingForDecision => state,
    };
    (state, Some(Reason::LinkEnded))
}

/// How a message stands that would end here: what a neighbour may have that has not shown yet what was lost is
/// asked about before.
fn ending(setting: &Setting, record: &MessageRecord, state: State) -> Result<State, HistoryError> {
    let may_be_elsewhere = recovery::is_asked_about(setting, record)
        && Recovery::of(setting.store.as_ref())?.is_some();
    Ok(if may_be_elsewhere { State::AskedAbout } else { state })
}

/// The first position of this journal that a peer has not cosigned yet.
pub(super) fn covered(setting: &Setting, peer: &AgencyId) -> Result<u64, HistoryError> {
    let cosigned = records::cosigned(setting.store.as_ref(), peer)?;
    let cosigned = cosigned.filter(|it| it.is_of(&setting.journal_name));
    Ok(setting.before.size().saturating_add(cosigned.map_or(0, |it| it.size)))
}

/// A message that is owed to a peer, which has cosigned what stands before `covered`.
pub(super) fn of_message(
    setting: &Setting,
    (key, record): (MessageKey, &MessageRecord),
    covered: u64,
) -> Result<Option<Owed>, HistoryError> {
    let unwitnessed = record.part == Part::Origin && record.recorded >= covered;
    let (peer, state, handover) = match &record.custody {
        Custody::Waiting { peer } if unwitnessed => (peer, State::WaitingForWitness, 0),
        Custody::Waiting { peer } => (peer, State::Waiting, 0),
        Custody::InDoubt { peer, number } => (peer, State::InDoubt, *number),
        Custody::SetAside { .. }
        | Custody::PassedOn
        | Custody::Held
        | Custody::UnderReview
        | Custody::Ended { .. } => return Ok(None),
    };
    let (state, reason) = linked(setting, peer, state);
    let owed = from_record(record, Item::Message, state, Some(peer))?;
    let is_over = owed.expires_at.is_some_and(|at| setting.clock.now() >= at);
    let is_free = matches!(record.custody, Custody::Waiting { .. });
    let state = if is_over && is_free { ending(setting, record, state)? } else { state };
    Ok(Some(with_ways(setting, key, Owed { state, handover, reason, ..owed })?))
}

/// A message that an operator decides about.
pub(super) fn of_set_aside(
    setting: &Setting,
    (key, record): (MessageKey, &MessageRecord),
    shelved: SetAside,
) -> Result<Owed, HistoryError> {
    let SetAside { peer, in_doubt, since, reason } = shelved;
    let owed = from_record(record, Item::Message, State::SetAside, Some(&peer))?;
    let handover = in_doubt.unwrap_or(0);
    with_ways(setting, key, Owed { since, handover, reason: Some(reason), ..owed })
}

/// A message that an officer decides about.
pub(super) fn of_review(record: &MessageRecord, held: UnderReview) -> Result<Owed, HistoryError> {
    let owed = from_record(record, Item::Message, State::UnderReview, None)?;
    Ok(Owed { since: held.since, ..owed })
}

/// A message that was lost here, and that its next hop may have; what is under review is listed as that.
pub(super) fn of_lost(record: &MessageRecord) -> Result<Option<Owed>, HistoryError> {
    let Custody::InDoubt { peer, number } = &record.custody else {
        return Ok(None);
    };
    let owed = from_record(record, Item::Message, State::LostOnTheWay, Some(peer))?;
    Ok(Some(Owed { handover: *number, reason: Some(Reason::Lost), ..owed }))
}

/// A message that this node has to conclude.
pub(super) fn of_conclusion(
    setting: &Setting,
    record: &MessageRecord,
) -> Result<Owed, HistoryError> {
    let state = ending(setting, record, State::ToConclude)?;
    from_record(record, Item::Message, state, None)
}

/// A message that has come, and waits for what comes before it.
pub(super) fn of_order(record: &MessageRecord) -> Result<Owed, HistoryError> {
    from_record(record, Item::Message, State::WaitingForOrder, None)
}

/// An attachment that is owed to a peer.
pub(super) fn of_attachment(
    setting: &Setting,
    record: &MessageRecord,
    (peer, number): (&AgencyId, u32),
) -> Result<Owed, HistoryError> {
    let (state, reason) = linked(setting, peer, State::ToCarry);
    let owed = from_record(record, Item::Attachment(number), state, Some(peer))?;
    Ok(Owed { reason, ..owed })
}

fn with_ways(setting: &Setting, key: MessageKey, owed: Owed) -> Result<Owed, HistoryError> {
    let owed = overdue::judged(owed, setting.clock.now());
    Ok(Owed { ways: ways::of(setting.store.as_ref(), key)?, ..owed })
}

/// What is owed of a message that is known here.
pub(super) fn from_record(
    record: &MessageRecord,
    item: Item,
    state: State,
    peer: Option<&AgencyId>,
) -> Result<Owed, HistoryError> {
    let address = record.header()?.address;
    Ok(Owed {
        item,
        state,
        message: address.message,
        origin: address.origin,
        destination: Some(address.destination),
        peer: peer.cloned(),
        lane: Some(address.lane),
        since: record.recorded_at,
        expires_at: Some(address.expires_at),
        handover: 0,
        reason: None,
        ways: Vec::new(),
    })
}

/// Statements for a peer after place `from`, each with its place.
pub(super) fn statements(
    setting: &Setting,
    peer: &AgencyId,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, Owed)>, HistoryError> {
    let store = setting.store.as_ref();
    let (state, reason) = linked(setting, peer, State::ToTell);
    let mut found = Vec::new();
    for (place, notice) in outbox::notices(store, peer, from, limit)? {
        let (Notice::Own(position) | Notice::Recorded(position)) = notice;
        let damaged = HistoryError::Damaged { what: "entry of a statement that is owed" };
        let bytes = setting.read(position, 1)?.pop();
        let entry = bytes.and_then(|it| wire::entry::read(&it).ok());
        let Some((since, about)) = entry.and_then(|it| Some((it.recorded_at, it.fact.message()?)))
        else {
            return Err(damaged);
        };
        let destination = match message::find(store, MessageKey::new(&about.origin, about.message))?
        {
            Some(record) => Some(record.header()?.address.destination),
            None => None,
        };
        let owed = Owed {
            item: Item::Statement(place),
            state,
            message: about.message,
            origin: about.origin,
            destination,
            peer: Some(peer.clone()),
            lane: None,
            since,
            expires_at: None,
            handover: 0,
            reason,
            ways: Vec::new(),
        };
        found.push((place, owed));
    }
    Ok(found)
}

/// A draft, if it waits.
pub(super) fn of_draft(setting: &Setting, id: MessageId) -> Result<Option<Owed>, HistoryError> {
    let record = drafts::find(setting.store.as_ref(), id)?;
    let waits = record.filter(|it| it.state == drafts::DraftState::Waiting);
    Ok(waits.map(|record| Owed {
        item: Item::Draft,
        state: State::WaitingForApproval,
        message: id,
        origin: setting.agency.clone(),
        destination: None,
        peer: None,
        lane: None,
        since: record.made_at,
        expires_at: Some(record.until),
        handover: 0,
        reason: None,
        ways: Vec::new(),
    }))
}
