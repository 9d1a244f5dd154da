//! All that this node owes somebody: where it is, since when, and who must act. Reads only.
//!
//! What was set aside comes first, then what is held for review, then words that no way leads on, then
//! what is owed to each peer (messages, attachments, statements), then drafts that wait for a second
//! officer. Nothing of what a message says is read for it.

mod state;
pub mod words;

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::{Lane, MessageKey};
use crate::domain::ids::{AgencyId, MessageId};
use crate::history::attachments::{self, Whereabouts};
use crate::history::drafts;
use crate::history::message::{self, Custody, MessageRecord, Part};
use crate::history::outbox::{self, Notice};
use crate::history::rows::HistoryError;
use crate::history::set_aside::{self, SetAside};
use crate::history::under_review::{self, UnderReview};
use crate::history::ways::{self, Chosen};
use crate::history::words::WAITING;
use crate::node::overdue;
use crate::node::records;
use crate::node::setting::Setting;
use crate::wire;

pub use state::State;

/// Counting what is owed to one peer stops here.
pub const COUNT_MAX: usize = 10_000;
/// Statements to one peer that are looked at for those about one message.
const STATEMENTS_LOOKED_AT: usize = 1_000;

/// What is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message that is to be handed over.
    Message,
    /// The attachment at this place of a message, from 1.
    Attachment(u32),
    /// The statement at this place of those for a peer, from 1; 0 of one that waits for a way, and so for
    /// none yet.
    Statement(u64),
    /// A draft.
    Draft,
}

/// One thing that is owed.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What.
    pub item: Item,
    /// How it stands.
    pub state: State,
    /// The message, or the draft.
    pub message: MessageId,
    /// Agency of origin; this one of a draft.
    pub origin: AgencyId,
    /// Agency of destination, where it is known here.
    pub destination: Option<AgencyId>,
    /// To whom it is owed; nobody of a draft, and of a statement that waits for a way.
    pub peer: Option<AgencyId>,
    /// Lane of a message or attachment.
    pub lane: Option<Lane>,
    /// Since when.
    pub since: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Number of the handover that is in doubt; 0 if none.
    pub handover: u32,
    /// Why it was set aside, if it was, or why it waits for a way.
    pub reason: Option<Reason>,
    /// Ways that were chosen for a message instead of others, the latest last.
    pub ways: Vec<Chosen>,
}

impl Owed {
    /// The message, as rows name it.
    pub fn key(&self) -> MessageKey {
        MessageKey::new(&self.origin, self.message)
    }
}

/// Where a page ended: the list, the peer, and the place in that list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the list.
    pub list: u8,
    /// The peer; empty for the lists of no peer.
    pub peer: String,
    /// The place in the list.
    pub bytes: Vec<u8>,
}

const SET_ASIDE: u8 = 0;
const MESSAGES: u8 = 1;
const ATTACHMENTS: u8 = 2;
const STATEMENTS: u8 = 3;
const DRAFTS: u8 = 4;
const REVIEWS: u8 = 5;
const WORDS: u8 = 6;

/// A page that is being filled.
struct Page<'a> {
    setting: &'a Setting,
    after: Option<Place>,
    limit: usize,
    found: Vec<Owed>,
    end: Option<Place>,
}

/// Up to `limit` things that are owed, after a place; and where to go on.
pub fn page(
    setting: &Setting,
    only_set_aside: bool,
    after: Option<Place>,
    limit: usize,
) -> Result<(Vec<Owed>, Option<Place>), HistoryError> {
    let mut page = Page { setting, after, limit, found: Vec::new(), end: None };
    page.fill(SET_ASIDE, "", |page, from, limit| page.set_aside(from, limit))?;
    if !only_set_aside {
        page.fill(REVIEWS, "", |page, from, limit| page.reviews(from, limit))?;
        page.fill(WORDS, "", |page, from, limit| page.words(from, limit))?;
        let directory = setting.directory();
        for peer in directory.agencies().map(|it| &it.id).filter(|it| **it != setting.agency) {
            if page.end.is_some() {
                break;
            }
            page.of_peer(peer)?;
        }
        page.fill(DRAFTS, "", |page, from, limit| page.drafts(from, limit))?;
    }
    Ok((page.found, page.end))
}

type Listed = Vec<(Vec<u8>, Option<Owed>)>;

impl Page<'_> {
    fn of_peer(&mut self, peer: &AgencyId) -> Result<(), HistoryError> {
        let name = peer.as_str();
        self.fill(MESSAGES, name, |page, from, limit| page.messages(peer, from, limit))?;
        self.fill(ATTACHMENTS, name, |page, from, limit| page.attachments(peer, from, limit))?;
        self.fill(STATEMENTS, name, |page, from, limit| page.statements(peer, from, limit))
    }

    /// Goes on with one list, unless the page is full or began behind it.
    fn fill(
        &mut self,
        list: u8,
        peer: &str,
        read: impl Fn(&Self, Option<Vec<u8>>, usize) -> Result<Listed, HistoryError>,
    ) -> Result<(), HistoryError> {
        let order = |list: u8, peer: &str| match list {
            SET_ASIDE => (0, String::new(), 0),
            REVIEWS => (1, String::new(), 0),
            WORDS => (1, String::new(), 1),
            DRAFTS => (3, String::new(), 0),
            other => (2, peer.to_owned(), other),
        };
        if self.end.is_some() {
            return Ok(());
        }
        let from = match &self.after {
            Some(after) if order(list, peer) < order(after.list, &after.peer) => return Ok(()),
            Some(after) if after.list == list && after.peer == peer => Some(after.bytes.clone()),
            Some(_) | None => None,
        };
        let left = self.limit.saturating_sub(self.found.len());
        let listed = read(self, from, left)?;
        let is_full = listed.len() >= left;
        for (bytes, owed) in listed {
            self.found.extend(owed);
            if is_full {
                self.end = Some(Place { list, peer: peer.to_owned(), bytes });
            }
        }
        Ok(())
    }

    fn set_aside(&self, from: Option<Vec<u8>>, limit: usize) -> Result<Listed, HistoryError> {
        let store = self.setting.store.as_ref();
        let from = from.as_deref().and_then(MessageKey::from_slice);
        let mut listed = Vec::new();
        for (key, shelved) in set_aside::ROWS.page(store, from, limit)? {
            let owed = match message::find(store, key)? {
                Some(record) => {
                    Some(with_ways(self.setting, key, of_set_aside(&record, shelved)?)?)
                }
                None => None,
            };
            listed.push((key.as_bytes().to_vec(), owed));
        }
        Ok(listed)
    }

    fn reviews(&self, from: Option<Vec<u8>>, limit: usize) -> Result<Listed, HistoryError> {
        let store = self.setting.store.as_ref();
        let from = from.as_deref().and_then(MessageKey::from_slice);
        let mut listed = Vec::new();
        for (key, held) in under_review::ROWS.page(store, from, limit)? {
            let record = message::find(store, key)?;
            let owed = record.map(|it| of_review(&it, held)).transpose()?;
            listed.push((key.as_bytes().to_vec(), owed));
        }
        Ok(listed)
    }

    fn words(&self, from: Option<Vec<u8>>, limit: usize) -> Result<Listed, HistoryError> {
        let from = from.as_deref().and_then(MessageKey::from_slice);
        let mut listed = Vec::new();
        for (key, word) in WAITING.page(self.setting.store.as_ref(), from, limit)? {
            listed.push((key.as_bytes().to_vec(), words::owed(self.setting, (key, &word))?));
        }
        Ok(listed)
    }

    fn messages(
        &self,
        peer: &AgencyId,
        from: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed, HistoryError> {
        let store = self.setting.store.as_ref();
        let covered = covered(self.setting, peer)?;
        let mut listed = Vec::new();
        for (place, key) in outbox::owed(store, peer, from.as_ref(), limit)? {
            let owed = match message::find(store, key)? {
                Some(record) => of_message(&record, covered)?,
                None => None,
            };
            let owed = owed.map(|it| with_ways(self.setting, key, it)).transpose()?;
            listed.push((place, owed));
        }
        Ok(listed)
    }

    fn attachments(
        &self,
        peer: &AgencyId,
        from: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed, HistoryError> {
        let store = self.setting.store.as_ref();
        let mut listed = Vec::new();
        for (place, key, number) in attachments::owed_after(store, peer, from.as_ref(), limit)? {
            let owed = match message::find(store, key)? {
                Some(record) => Some(of_attachment(&record, peer, number)?),
                None => None,
            };
            listed.push((place, owed));
        }
        Ok(listed)
    }

    fn statements(
        &self,
        peer: &AgencyId,
        from: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Listed, HistoryError> {
        let from = from.as_deref().and_then(|it| it.first_chunk::<8>().copied());
        let taken = records::notices_taken(self.setting.store.as_ref(), peer)?;
        let from = from.map_or(taken, |it| taken.max(u64::from_be_bytes(it)));
        let listed = statements(self.setting, peer, from, limit)?.into_iter();
        Ok(listed.map(|(at, owed)| (at.to_be_bytes().to_vec(), Some(owed))).collect())
    }

    fn drafts(&self, from: Option<Vec<u8>>, limit: usize) -> Result<Listed, HistoryError> {
        let store = self.setting.store.as_ref();
        let from = from.as_deref().and_then(MessageId::from_slice);
        let mut listed = Vec::new();
        for id in drafts::page(store, true, from, limit)? {
            listed.push((id.as_bytes().to_vec(), of_draft(self.setting, id)?));
        }
        Ok(listed)
    }
}

/// All that is owed of the messages with this id; there may be several, of different origins.
pub fn of_id(setting: &Setting, id: MessageId) -> Result<Vec<Owed>, HistoryError> {
    let store = setting.store.as_ref();
    let mut found = Vec::new();
    for (key, record) in message::namesakes(store, id)? {
        match (&record.custody, set_aside::ROWS.find(store, key)?) {
            (Custody::SetAside { .. }, Some(shelved)) => {
                found.push(with_ways(setting, key, of_set_aside(&record, shelved)?)?);
            }
            (Custody::Waiting { peer } | Custody::InDoubt { peer, .. }, _) => {
                let owed = of_message(&record, covered(setting, peer)?)?;
                found.extend(owed.map(|it| with_ways(setting, key, it)).transpose()?);
            }
            (
                Custody::SetAside { .. }
                | Custody::PassedOn
                | Custody::Held
                | Custody::UnderReview
                | Custody::Ended { .. },
                _,
            ) => {}
        }
        if let Some(held) = under_review::ROWS.find(store, key)? {
            found.push(of_review(&record, held)?);
        }
        let onward = attachments::way(store, key)?.and_then(|it| it.onward);
        for (number, attached) in attachments::all(store, key)? {
            if let (Some((peer, _)), Whereabouts::Here) = (&onward, &attached.whereabouts) {
                found.push(of_attachment(&record, peer, number)?);
            }
        }
    }
    for (key, word) in WAITING.namesakes(store, id)? {
        found.extend(words::owed(setting, (key, &word))?);
    }
    let directory = setting.directory();
    for peer in directory.agencies().map(|it| &it.id).filter(|it| **it != setting.agency) {
        let taken = records::notices_taken(store, peer)?;
        let told = statements(setting, peer, taken, STATEMENTS_LOOKED_AT)?;
        found.extend(told.into_iter().map(|(_, owed)| owed).filter(|it| it.message == id));
    }
    found.extend(of_draft(setting, id)?);
    Ok(found)
}

/// The first position of this journal that a peer has not cosigned yet.
fn covered(setting: &Setting, peer: &AgencyId) -> Result<u64, HistoryError> {
    let cosigned = records::cosigned(setting.store.as_ref(), peer)?;
    let cosigned = cosigned.filter(|it| it.is_of(&setting.journal_name));
    Ok(setting.before.size().saturating_add(cosigned.map_or(0, |it| it.size)))
}

fn of_message(record: &MessageRecord, covered: u64) -> Result<Option<Owed>, HistoryError> {
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
    let owed = from_record(record, Item::Message, state, Some(peer))?;
    Ok(Some(Owed { handover, ..owed }))
}

fn of_set_aside(record: &MessageRecord, shelved: SetAside) -> Result<Owed, HistoryError> {
    let SetAside { peer, in_doubt, since, reason } = shelved;
    let owed = from_record(record, Item::Message, State::SetAside, Some(&peer))?;
    let handover = in_doubt.unwrap_or(0);
    Ok(Owed { since, handover, reason: Some(reason), ..owed })
}

fn of_review(record: &MessageRecord, held: UnderReview) -> Result<Owed, HistoryError> {
    let owed = from_record(record, Item::Message, State::UnderReview, None)?;
    Ok(Owed { since: held.since, ..owed })
}

fn with_ways(setting: &Setting, key: MessageKey, owed: Owed) -> Result<Owed, HistoryError> {
    let owed = overdue::judged(owed, setting.clock.now());
    Ok(Owed { ways: ways::of(setting.store.as_ref(), key)?, ..owed })
}

fn of_attachment(
    record: &MessageRecord,
    peer: &AgencyId,
    number: u32,
) -> Result<Owed, HistoryError> {
    from_record(record, Item::Attachment(number), State::ToCarry, Some(peer))
}

fn from_record(
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
fn statements(
    setting: &Setting,
    peer: &AgencyId,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, Owed)>, HistoryError> {
    let store = setting.store.as_ref();
    // Nobody goes out to a peer with which there is no link: it waits for a directory that names one.
    let (state, reason) = match setting.directory().are_linked(&setting.agency, peer) {
        true => (State::ToTell, None),
        false => (State::WaitingForWay, Some(Reason::LinkEnded)),
    };
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

fn of_draft(setting: &Setting, id: MessageId) -> Result<Option<Owed>, HistoryError> {
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
