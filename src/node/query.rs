//! Reads: what the state and the journal say, in the node's own values.

use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId, RequestId};
use crate::domain::lifecycle::Docket;
use crate::history::addressed::{self, Addressed};
use crate::history::attachments::{self, AttachmentRecord};
use crate::history::dockets::{self, PartyRecord};
use crate::history::message::{self, MessageRecord, Part, StationRecord};
use crate::history::requests::{self, RequestRecord};
use crate::history::rows::HistoryError;
use crate::history::ways::{self, Chosen};
use crate::history::{access, holds, inbox, neighbours, outbox, readers};
use crate::node::conduct::{self, Conduct};
use crate::node::proofs::Prover;
use crate::node::setting::Setting;
use crate::node::{content, records};
use crate::wire::envelope::Statement;

/// A station with its proof.
#[derive(Clone, Debug)]
pub struct StationView {
    /// What is stated, by whom, when.
    pub record: StationRecord,
    /// The entry and its proof.
    pub receipt: Option<Statement>,
}

/// A message as this node knows it.
#[derive(Clone, Debug)]
pub struct MessageView {
    /// Its header.
    pub header: Header,
    /// Everything folded about it.
    pub record: MessageRecord,
    /// Its stations with their proofs, in the order in which they came about.
    pub stations: Vec<StationView>,
    /// Its attachments with theirs.
    pub attachments: Vec<AttachmentView>,
    /// Ways that were chosen for it here instead of others.
    pub ways: Vec<Chosen>,
    /// Reviewing transits that can read it besides its origin and its destination. In a page of the
    /// destination's inbox none are told, since each would cost one more read.
    pub readers: Vec<AgencyId>,
    /// The competence by which this agency addressed it, where it named one.
    pub addressed: Option<Addressed>,
    /// True if whoever looks may not see what it says of itself.
    pub hidden: bool,
}

/// An attachment as this node knows it.
#[derive(Clone, Debug)]
pub struct AttachmentView {
    /// Place among the attachments of its message, from 1.
    pub number: u32,
    /// Its size as it travels, in bytes.
    pub sealed_bytes: u64,
    /// Everything folded about it.
    pub record: AttachmentRecord,
    /// Its stations with their proofs.
    pub stations: Vec<StationView>,
}

/// A message, if this node knows it.
pub fn message(setting: &Setting, key: MessageKey) -> Result<Option<MessageView>, HistoryError> {
    let found = message_with(&mut Prover::new(setting), setting, key)?;
    found.map(|it| with_readers(setting, key, it)).transpose()
}

fn with_readers(
    setting: &Setting,
    key: MessageKey,
    view: MessageView,
) -> Result<MessageView, HistoryError> {
    Ok(MessageView { readers: readers::of(setting.store.as_ref(), key)?, ..view })
}

/// The same as one of several, whose proofs share what they read.
fn message_with(
    prover: &mut Prover<'_>,
    setting: &Setting,
    key: MessageKey,
) -> Result<Option<MessageView>, HistoryError> {
    let rows = setting.store.as_ref();
    let Some(record) = message::find(rows, key)? else {
        return Ok(None);
    };
    let mut stations = Vec::new();
    for station in message::in_order(message::stations(rows, key, &record)?) {
        stations.push(proven(prover, setting, station)?);
    }
    let (header, hidden) = (record.header()?, false);
    // Most messages have none, and whoever shows one reads no row for that.
    let attachments = match header.digests.attachments {
        Some(_) => attachments_with(prover, setting, key)?,
        None => Vec::new(),
    };
    // Nobody chooses a way for what has arrived.
    let (ways, readers) = match record.part {
        Part::Origin | Part::Transit => (ways::of(rows, key)?, readers::of(rows, key)?),
        Part::Destination => (Vec::new(), Vec::new()),
    };
    let addressed = match record.part {
        Part::Origin => addressed::ROWS.find(rows, key)?,
        Part::Transit | Part::Destination => None,
    };
    Ok(Some(MessageView {
        header,
        record,
        stations,
        attachments,
        ways,
        readers,
        addressed,
        hidden,
    }))
}

/// A station with its proof.
fn proven(
    prover: &mut Prover<'_>,
    setting: &Setting,
    record: StationRecord,
) -> Result<StationView, HistoryError> {
    let receipt = if record.own {
        Some(prover.statement(record.position)?)
    } else {
        content::statement(setting, record.position)?
    };
    Ok(StationView { record, receipt })
}

/// The attachments of a message.
fn attachments_with(
    prover: &mut Prover<'_>,
    setting: &Setting,
    key: MessageKey,
) -> Result<Vec<AttachmentView>, HistoryError> {
    let store = setting.store.as_ref();
    let all = attachments::all(store, key)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let sealed = content::attachments(store, key)?;
    let mut found = Vec::with_capacity(all.len());
    for ((number, record), sealed) in all.into_iter().zip(sealed) {
        let mut stations = Vec::with_capacity(record.stations.len());
        for carried in &record.stations {
            stations.push(proven(prover, setting, carried.as_station())?);
        }
        found.push(AttachmentView { number, sealed_bytes: sealed.bytes, record, stations });
    }
    Ok(found)
}

/// A request with its executing agencies.
#[derive(Clone, Debug)]
pub struct RequestView {
    /// Names it.
    pub id: RequestId,
    /// What is the same for all executing agencies.
    pub record: RequestRecord,
    /// One state for each of them.
    pub parties: Vec<PartyRecord>,
    /// The docket at each of them.
    pub dockets: Vec<(AgencyId, Docket)>,
    /// Who has sight of it, where it is confidential: SPIFFE ids.
    pub holders: Vec<String>,
    /// The entry that placed a hold on it, while one stands.
    pub held: Option<u64>,
}

/// A request, if this agency takes part in it.
pub fn request(setting: &Setting, id: RequestId) -> Result<Option<RequestView>, HistoryError> {
    let rows = setting.store.as_ref();
    let Some(record) = requests::find(rows, id)? else {
        return Ok(None);
    };
    let parties = dockets::parties(rows, id)?;
    let mut found = Vec::with_capacity(parties.len());
    for party in &parties {
        let docket = dockets::docket(rows, id, &party.agency)?;
        found.extend(docket.map(|it| (party.agency.clone(), it)));
    }
    let holders = if record.confidential { access::holders(rows, id)? } else { Vec::new() };
    let held = holds::placed(rows, id)?;
    Ok(Some(RequestView { id, record, parties, dockets: found, holders, held }))
}

/// Up to `limit` requests, newest first, opened before position `before`.
pub fn requests_page(
    setting: &Setting,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<RequestView>, HistoryError> {
    let ids = requests::newest(setting.store.as_ref(), before, limit)?;
    let mut views = Vec::with_capacity(ids.len());
    for id in ids {
        views.extend(request(setting, id)?);
    }
    Ok(views)
}

/// Most messages that one request is shown with.
pub const REQUEST_MESSAGES_MAX: usize = 1_000;

/// The messages of a request in the order in which they were recorded here.
pub fn request_messages(
    setting: &Setting,
    id: RequestId,
) -> Result<Vec<MessageView>, HistoryError> {
    let keys = requests::messages(setting.store.as_ref(), id, 0, REQUEST_MESSAGES_MAX)?;
    let (mut prover, mut views) = (Prover::new(setting), Vec::with_capacity(keys.len()));
    for key in keys {
        let found = message_with(&mut prover, setting, key)?;
        views.extend(found.map(|it| with_readers(setting, key, it)).transpose()?);
    }
    Ok(views)
}

/// Up to `limit` places of an inbox after `after`.
pub fn inbox_page(
    setting: &Setting,
    desk: &ContactPointId,
    after: u64,
    limit: usize,
) -> Result<Vec<(u64, MessageView)>, HistoryError> {
    let (mut prover, mut views) = (Prover::new(setting), Vec::new());
    for (place, key) in inbox::page(setting.store.as_ref(), desk, after, limit)? {
        if let Some(view) = message_with(&mut prover, setting, key)? {
            views.push((place, view));
        }
    }
    Ok(views)
}

/// What this node knows of a peer, apart from the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// The agency.
    pub agency: AgencyId,
    /// Messages owed to it; counting stops at `QUEUE_COUNT_MAX`.
    pub waiting: usize,
    /// Size of our journal that it has cosigned.
    pub cosigned_size: u64,
    /// Size of its journal that we have verified.
    pub witnessed_size: u64,
    /// True if its journal showed two histories.
    pub conflict: bool,
    /// What of its handovers came to nothing within ten minutes, and whether it is cut off for it.
    pub conduct: Conduct,
}

/// Counting what waits for a peer stops here.
pub const QUEUE_COUNT_MAX: usize = 10_000;

/// The peers of this node in alphabetical order.
pub fn peers(setting: &Setting) -> Result<Vec<PeerView>, HistoryError> {
    let rows = setting.store.as_ref();
    let mut views = Vec::new();
    for agency in setting.directory().neighbours(&setting.agency) {
        let journal = setting.directory().current_journal(&agency).map(|keys| keys.name.clone());
        let (mut witnessed_size, mut conflict) = (0, false);
        if let Some(journal) = journal {
            witnessed_size = records::seen(rows, &journal)?.map_or(0, |it| it.size);
            conflict = neighbours::conflict(rows, &journal)?.is_some();
        }
        views.push(PeerView {
            waiting: outbox::owed(rows, &agency, None, QUEUE_COUNT_MAX)?.len(),
            cosigned_size: cosigned_size(setting, &agency)?,
            witnessed_size,
            conflict,
            conduct: conduct::of(rows, &agency, setting.clock.now())?,
            agency,
        });
    }
    Ok(views)
}

fn cosigned_size(setting: &Setting, peer: &AgencyId) -> Result<u64, HistoryError> {
    let cosigned = records::cosigned(setting.store.as_ref(), peer)?;
    let cosigned = cosigned.filter(|it| it.is_of(&setting.journal_name));
    Ok(cosigned.map_or(0, |it| it.size))
}
