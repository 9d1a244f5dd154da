//! What this node knows of one message: its header, who has custody, what became of it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::fact::{Handover, MessageRef, Reason};
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId, MessageId};
use crate::domain::particulars::Particulars;
use crate::domain::retention::ErasureCause;
use crate::domain::station::Station;
use crate::history::alarms::Unclaimed;
use crate::history::rows::{self, HistoryError, Rows, Working, after, decode, key, message_key};
use crate::history::table;
use crate::wire;
use crate::wire::skeleton::ReferenceMark;

/// Desks to which one urgent message is passed on at the most, besides those that it is for.
pub const ESCALATIONS_MAX: usize = 4;

/// What this node is for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// It sent the message.
    Origin,
    /// It passes the message on, sealed.
    Transit,
    /// The message is for it.
    Destination,
}

/// Whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Custody {
    /// Here; to be handed to this peer.
    Waiting {
        /// The next hop.
        peer: AgencyId,
    },
    /// Handed to this peer, which has not answered: it may have the message or not.
    InDoubt {
        /// The next hop.
        peer: AgencyId,
        /// Number of the handover.
        number: u32,
    },
    /// Here; waits for an operator.
    SetAside {
        /// Why.
        reason: Reason,
    },
    /// The next hop has it, by its receipt.
    PassedOn,
    /// Here for good: this is its destination.
    Held,
    /// This node gave its copy up.
    Ended {
        /// Why.
        reason: Reason,
    },
    /// Here; an officer of this reviewing transit must decide whether it goes on.
    UnderReview,
}

impl Custody {
    /// Who takes it over next, where somebody is to.
    pub const fn peer(&self) -> Option<&AgencyId> {
        match self {
            Self::Waiting { peer } | Self::InDoubt { peer, .. } => Some(peer),
            Self::SetAside { .. }
            | Self::PassedOn
            | Self::Held
            | Self::Ended { .. }
            | Self::UnderReview => None,
        }
    }

    /// The word for it on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::InDoubt { .. } => "in_doubt",
            Self::SetAside { .. } => "set_aside",
            Self::PassedOn => "passed_on",
            Self::Held => "held",
            Self::Ended { .. } => "ended",
            Self::UnderReview => "under_review",
        }
    }
}

/// A lease on an incoming message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// SPIFFE id of the holder.
    pub holder: String,
    /// End of the lease.
    pub until: Timestamp,
    /// Position of the entry.
    pub position: u64,
}

/// Everything folded about one message, but for its stations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// What this node is for it.
    pub part: Part,
    /// The header's exact bytes.
    #[serde(with = "serde_bytes")]
    pub header: Vec<u8>,
    /// Position of the entry that brought it here.
    pub recorded: u64,
    /// When that entry was written.
    pub recorded_at: Timestamp,
    /// Whose turn it is.
    pub custody: Custody,
    /// Who handed it to this node; none at the origin.
    pub upstream: Option<AgencyId>,
    /// Hops that it had made when it came here; 0 at the origin.
    pub hops: u32,
    /// Handovers made so far.
    pub handovers: u32,
    /// Number of the handover that brought it here; 0 at the origin.
    pub brought: u32,
    /// Stations recorded so far.
    pub stations: u32,
    /// The first [`STATIONS_HERE_MAX`] of them; the others stand in rows of their own.
    pub first_stations: Vec<StationRecord>,
    /// Known to origin and destination only.
    pub particulars: Option<Particulars>,
    /// Sealed parts that their recipient could not open.
    pub unreadable: bool,
    /// Arrived although the state of the request forbade it, by what this node had seen.
    pub out_of_state: bool,
    /// Places in inboxes; empty until it is listed.
    pub inbox: Vec<(ContactPointId, u64)>,
    /// Lease, if somebody took one.
    pub claim: Option<Claim>,
    /// Position of the first reading.
    pub read: Option<u64>,
    /// Position of the confirmation that it was processed.
    pub acknowledged: Option<u64>,
    /// How long it has stood unclaimed, if its answer is needed at once.
    pub unclaimed: Option<Unclaimed>,
    /// References of its request, marked.
    pub references: Vec<ReferenceMark>,
    /// When and why its content was erased, once it is.
    pub erased: Option<Erased>,
}

/// The end of a message's content at this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: ErasureCause,
    /// Position of the entry.
    pub position: u64,
}

impl MessageRecord {
    /// The header, read again from its bytes.
    pub fn header(&self) -> Result<Header, HistoryError> {
        wire::header::read_header(&self.header)
            .map_err(|_| HistoryError::Damaged { what: "header of a message" })
    }

    /// Position of the entry by which it was here first: one that is stated again stands behind that.
    pub fn first_recorded(&self) -> u64 {
        self.first_stations.first().map_or(self.recorded, |it| it.position)
    }

    /// True if it is the message of this header and came by this handover.
    pub(super) fn came_by(&self, header: &Header, handover: &Handover) -> bool {
        self.upstream.as_ref() == Some(&handover.from)
            && self.brought == handover.number
            && self.header == header.bytes
    }

    /// Position of the entry that recorded the statement whose entry has this hash, if a station
    /// here says so.
    pub(super) fn recorded_statement(&self, entry: &Digest) -> Option<u64> {
        let station = self.first_stations.iter().find(|it| it.statement.as_ref() == Some(entry));
        station.map(|it| it.position)
    }

    /// True if it is passed on here, and is held for review or was.
    pub fn was_reviewed_here(&self) -> bool {
        self.part == Part::Transit && self.is_listed()
    }

    /// Whether its content was erased here, by this node's word: what went with a lost volume was not.
    pub fn is_erased(&self) -> bool {
        self.erased.is_some_and(|it| it.cause != ErasureCause::Lost)
    }

    /// True once it stands in the inbox of every contact point that it is for.
    pub fn is_listed(&self) -> bool {
        self.inbox.iter().any(|(_, place)| *place > 0)
    }
}

/// How facts name the message of `header`.
pub fn reference(header: &Header) -> MessageRef {
    MessageRef {
        origin: header.address.origin.clone(),
        message: header.address.message,
        header: header.hash(),
    }
}

/// The messages with this id that this agency sent, or that were listed in its inboxes: ids are
/// unique for each origin only.
pub fn by_id<R: Rows + ?Sized>(rows: &R, id: MessageId) -> Result<Vec<MessageKey>, HistoryError> {
    let is_ours = |it: &MessageRecord| it.part == Part::Origin || it.is_listed();
    let all = namesakes(rows, id)?.into_iter();
    Ok(all.filter(|(_, record)| is_ours(record)).map(|(key, _)| key).collect())
}

/// Every message with this id that is known here, also what is only passed on.
pub fn namesakes<R: Rows + ?Sized>(
    rows: &R,
    id: MessageId,
) -> Result<Vec<(MessageKey, MessageRecord)>, HistoryError> {
    let prefix = key(table::MESSAGES, &[id.as_bytes()]);
    let mut found = Vec::new();
    for (place, _) in rows.rows(&prefix, &after(&prefix), NAMESAKES_MAX)? {
        let bytes = place.get(table::MESSAGES.len()..).unwrap_or_default();
        let message = message_key(bytes)?;
        found.extend(find(rows, message)?.map(|record| (message, record)));
    }
    Ok(found)
}

/// Most messages of one id that are looked at.
const NAMESAKES_MAX: usize = 64;

fn record_key(message: MessageKey) -> Vec<u8> {
    key(table::MESSAGES, &[message.as_bytes()])
}

fn rest_key(message: MessageKey) -> Vec<u8> {
    key(table::MESSAGE_RESTS, &[message.as_bytes()])
}

/// The record of a message.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Option<MessageRecord>, HistoryError> {
    let (key, rest) = (record_key(message), rest_key(message));
    rows::load_long(rows, &key, &rest, "record of a message")
}

/// Writes the record of a message.
pub fn save(rows: &mut Working<'_>, message: MessageKey, record: &MessageRecord) {
    rows.save_long(record_key(message), rest_key(message), record);
}

/// One station of a message, as this node recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationRecord {
    /// What was stated.
    pub station: Station,
    /// Who stated it.
    pub agency: AgencyId,
    /// When, by the clock of whoever stated it.
    pub at: Timestamp,
    /// Why, for the stations that need a reason.
    pub reason: Option<Reason>,
    /// From whom custody came, where the statement is about a handover.
    pub from: Option<AgencyId>,
    /// Position of the entry in this journal: its own, or the one that recorded the statement.
    pub position: u64,
    /// True if the statement stands in this journal itself.
    pub own: bool,
    /// Hash of the entry that states it, if it stands in another journal.
    pub statement: Option<Digest>,
}

impl StationRecord {
    /// True if this can only have come about after `cause`.
    fn follows(&self, cause: &Self) -> bool {
        let took_over =
            matches!(cause.station, Station::Accepted | Station::Relayed | Station::Delivered);
        match self.station {
            Station::Relayed | Station::Delivered => {
                took_over && self.from.as_ref() == Some(&cause.agency)
            }
            Station::Retrieved => {
                cause.station == Station::Delivered && cause.agency == self.agency
            }
            Station::Returned | Station::Released | Station::Annotated(_) => {
                took_over && cause.agency == self.agency
            }
            Station::Undelivered => cause.station != Station::Undelivered,
            Station::ErasureAsked => cause.station == Station::Accepted,
            Station::Erased | Station::ErasureRefused => took_over && cause.agency == self.agency,
            Station::Accepted | Station::NotTaken | Station::Attachment(_) => false,
        }
    }
}

fn station_key(message: MessageKey, number: u32) -> Vec<u8> {
    key(table::STATIONS, &[message.as_bytes(), &number.to_be_bytes()])
}

/// Stations that stand in the record of their message. Most messages have no more, and whoever shows
/// one reads one row.
pub const STATIONS_HERE_MAX: usize = 5;

/// Adds a station and counts it in the record, which must be saved. False if it stands beside it.
pub fn add_station(
    rows: &mut Working<'_>,
    message: MessageKey,
    record: &mut MessageRecord,
    station: StationRecord,
) -> bool {
    let is_here = record.first_stations.len() < STATIONS_HERE_MAX;
    if is_here {
        record.first_stations.push(station);
    } else {
        rows.save(station_key(message, record.stations), &station);
    }
    record.stations = record.stations.saturating_add(1);
    is_here
}

/// Most stations that one message is shown with.
pub const STATIONS_MAX: usize = 256;

/// The stations of a message in the order in which this node recorded them.
pub fn stations<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
    record: &MessageRecord,
) -> Result<Vec<StationRecord>, HistoryError> {
    let mut stations = record.first_stations.clone();
    if usize::try_from(record.stations).unwrap_or(usize::MAX) > stations.len() {
        let (from, to) = (station_key(message, 0), station_key(message, u32::MAX));
        for (_, value) in rows.rows(&from, &to, STATIONS_MAX - STATIONS_HERE_MAX)? {
            stations.push(decode(&value, "station of a message")?);
        }
    }
    Ok(stations)
}

/// Stations in the order in which they came about: none before the one that it follows from, the
/// others as they were recorded. Statements of different agencies come by different ways, so a
/// first reading can be recorded before the delivery that it followed.
pub fn in_order(mut recorded: Vec<StationRecord>) -> Vec<StationRecord> {
    let mut ordered = Vec::with_capacity(recorded.len());
    while !recorded.is_empty() {
        let free = recorded.iter().position(|it| !recorded.iter().any(|cause| it.follows(cause)));
        // Statements that each follow from another can't be true; they are shown as recorded.
        ordered.push(recorded.remove(free.unwrap_or(0)));
    }
    ordered
}

/// True once every copy is accounted for without a delivery: in each chain of receipts that begins here
/// the last hop gave its copy up, or the destination stated that it never will take it.
pub fn accounted_for(own: &AgencyId, destination: &AgencyId, stations: &[StationRecord]) -> bool {
    if stations.iter().any(|it| it.station == Station::Delivered) {
        return false;
    }
    let never = |it: &&StationRecord| {
        it.station == Station::NotTaken
            && it.agency == *destination
            && it.reason == Some(Reason::Expired)
    };
    if stations.iter().any(|it| never(&it)) {
        return true;
    }
    let relayed = stations.iter().filter(|it| it.station == Station::Relayed);
    let mut first = relayed.filter(|it| it.from.as_ref() == Some(own)).peekable();
    first.peek().is_some() && first.all(|it| was_given_up(&it.agency, stations))
}

/// Whether the copy that `holder` took over was given up by the last hop in its chain of receipts.
fn was_given_up<'a>(mut holder: &'a AgencyId, stations: &'a [StationRecord]) -> bool {
    for _ in 0..=stations.len() {
        if stations.iter().any(|it| it.station == Station::Returned && it.agency == *holder) {
            return true;
        }
        let next = stations
            .iter()
            .find(|it| it.station == Station::Relayed && it.from.as_ref() == Some(holder));
        match next {
            Some(next) => holder = &next.agency,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
