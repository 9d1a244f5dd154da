//! Attachments on their way: which are here, which are owed to whom, what became of them.
//!
//! An attachment is owed to the agency that has its message, once it is here and the receipt for the
//! message is: nobody takes one whose message it does not hold. The folds know how many a message
//! has; what they are stands in its manifest, beside the journal.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::Reason;
use crate::domain::header::MessageKey;
use crate::domain::ids::AgencyId;
use crate::domain::limits::ATTACHMENTS_MAX;
use crate::domain::station::{Carried, Station};
use crate::history::by_time::ByTime;
use crate::history::message::StationRecord;
use crate::history::rows::{self, HistoryError, Rows, Working, after, decode, key, name_part};
use crate::history::table;

/// Where an attachment is, as far as this node knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whereabouts {
    /// It has not come yet.
    Awaited,
    /// All of it is here, and owed onward unless this is its destination.
    Here,
    /// The next hop has it, by its receipt.
    PassedOn,
    /// It does not go on from here.
    Ended {
        /// Why.
        reason: Reason,
    },
    /// It was here, by this node's own word in a volume whose end was lost, and its bytes are not.
    Lost,
}

/// What the destination said of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtDestination {
    /// It is there.
    Arrived,
    /// It never will be.
    NotTaken {
        /// Why.
        reason: Reason,
    },
}

/// What some node stated of an attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedRecord {
    /// What was stated.
    pub station: Carried,
    /// Who stated it.
    pub agency: AgencyId,
    /// When, by the clock of whoever stated it.
    pub at: Timestamp,
    /// Why, where a reason is needed.
    pub reason: Option<Reason>,
    /// Position of the entry in this journal.
    pub position: u64,
    /// True if the statement stands in this journal itself.
    pub own: bool,
}

impl CarriedRecord {
    /// The same as a station of its message.
    pub fn as_station(&self) -> StationRecord {
        StationRecord {
            station: Station::Attachment(self.station),
            agency: self.agency.clone(),
            at: self.at,
            reason: self.reason,
            from: None,
            position: self.position,
            own: self.own,
            statement: None,
        }
    }
}

/// Everything folded about one attachment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRecord {
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// What its destination said of it, once that is known here.
    pub at_destination: Option<AtDestination>,
    /// What was stated of it, in the order in which this node recorded it.
    pub stations: Vec<CarriedRecord>,
}

/// Most stations of one attachment that are kept: more than a header allows hops.
pub const CARRIED_MAX: usize = 40;

impl AttachmentRecord {
    /// An attachment of which nothing was stated yet.
    pub const fn new(whereabouts: Whereabouts) -> Self {
        Self { whereabouts, at_destination: None, stations: Vec::new() }
    }

    /// Whether `agency` stated this before: each says it once.
    pub fn says(&self, station: Carried, agency: &AgencyId) -> bool {
        self.stations.iter().any(|it| it.station == station && it.agency == *agency)
    }

    /// Adds what was stated, up to the limit.
    pub fn add(&mut self, station: CarriedRecord) {
        if self.stations.len() < CARRIED_MAX {
            self.stations.push(station);
        }
    }

    /// The word for how it stands on screens, and the reason where it never arrives.
    pub const fn standing(&self, is_destination: bool) -> (&'static str, Option<Reason>) {
        match (self.at_destination, self.whereabouts) {
            (_, Whereabouts::Lost) if is_destination => ("lost", None),
            (Some(AtDestination::Arrived), _) => ("arrived", None),
            (Some(AtDestination::NotTaken { reason }), _)
            | (None, Whereabouts::Ended { reason }) => ("not_taken", Some(reason)),
            (None, Whereabouts::Awaited) => ("awaited", None),
            (None, Whereabouts::Here) if is_destination => ("arrived", None),
            (None, Whereabouts::Here) => ("waiting", None),
            (None, Whereabouts::PassedOn) => ("passed_on", None),
            (None, Whereabouts::Lost) => ("lost", None),
        }
    }

    /// Whether nothing more happens to it here.
    pub const fn is_settled(&self, is_destination: bool) -> bool {
        match self.whereabouts {
            Whereabouts::Awaited => false,
            Whereabouts::Here | Whereabouts::Lost => is_destination,
            Whereabouts::PassedOn | Whereabouts::Ended { .. } => true,
        }
    }
}

/// How the attachments of one message go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// How many there are.
    pub count: u32,
    /// Place of the message among those of this journal.
    pub position: u64,
    /// Who has the message and is owed its attachments, and the number of the handover.
    pub onward: Option<(AgencyId, u32)>,
}

fn record_key(message: MessageKey, number: u32) -> Vec<u8> {
    key(table::ATTACHMENTS, &[message.as_bytes(), &number.to_be_bytes()])
}

fn rest_key(message: MessageKey, number: u32) -> Vec<u8> {
    key(table::ATTACHMENT_RESTS, &[message.as_bytes(), &number.to_be_bytes()])
}

fn way_key(message: MessageKey) -> Vec<u8> {
    key(table::ATTACHMENT_WAYS, &[message.as_bytes()])
}

/// How the attachments of `message` go on; none if it has none.
pub fn way<R: Rows + ?Sized>(rows: &R, message: MessageKey) -> Result<Option<Way>, HistoryError> {
    rows.load(&way_key(message), "way of attachments")
}

/// Says how the attachments of `message` go on.
pub fn put_way(rows: &mut Working<'_>, message: MessageKey, way: &Way) {
    rows.save(way_key(message), way);
}

/// The record of one attachment.
pub fn find<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
    number: u32,
) -> Result<Option<AttachmentRecord>, HistoryError> {
    let (key, rest) = (record_key(message, number), rest_key(message, number));
    rows::load_long(rows, &key, &rest, "record of an attachment")
}

/// Writes the record of one attachment.
pub fn save(rows: &mut Working<'_>, message: MessageKey, number: u32, record: &AttachmentRecord) {
    rows.save_long(record_key(message, number), rest_key(message, number), record);
}

/// The attachments of `message` with their numbers, in order.
pub fn all<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Vec<(u32, AttachmentRecord)>, HistoryError> {
    let count = way(rows, message)?.map_or(0, |it| it.count);
    let mut found = Vec::new();
    for number in 1..=count.min(u32::try_from(ATTACHMENTS_MAX).unwrap_or(u32::MAX)) {
        found.extend(find(rows, message, number)?.map(|it| (number, it)));
    }
    Ok(found)
}

fn owed_key(peer: &AgencyId, position: u64, number: u32) -> Vec<u8> {
    let peer = name_part(peer.as_str());
    key(table::ATTACHMENTS_OWED, &[&peer, &position.to_be_bytes(), &number.to_be_bytes()])
}

/// Owes an attachment to the agency that has its message.
pub(super) fn owe(rows: &mut Working<'_>, message: MessageKey, number: u32, way: &Way) {
    if let Some((peer, _)) = &way.onward {
        rows.save(owed_key(peer, way.position, number), &(message, number));
    }
}

/// Owes an attachment no longer.
pub(super) fn settle(rows: &mut Working<'_>, number: u32, way: &Way) {
    if let Some((peer, _)) = &way.onward {
        rows.remove(owed_key(peer, way.position, number));
    }
}

/// Up to `limit` attachments that are owed to `peer`, those of earlier messages first.
pub fn owed<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    limit: usize,
) -> Result<Vec<(MessageKey, u32)>, HistoryError> {
    let prefix = key(table::ATTACHMENTS_OWED, &[&name_part(peer.as_str())]);
    let found = rows.rows(&prefix, &after(&prefix), limit)?;
    found.iter().map(|(_, value)| decode(value, "attachment that is owed")).collect()
}

/// The same after a place, each with its own.
pub fn owed_after<R: Rows + ?Sized>(
    rows: &R,
    peer: &AgencyId,
    place: Option<&Vec<u8>>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, MessageKey, u32)>, HistoryError> {
    let prefix = key(table::ATTACHMENTS_OWED, &[&name_part(peer.as_str())]);
    let start = place.map_or_else(|| prefix.clone(), |it| [it.as_slice(), &[0]].concat());
    let mut found = Vec::new();
    for (place, value) in rows.rows(&start, &after(&prefix), limit)? {
        let (message, number) = decode(&value, "attachment that is owed")?;
        found.push((place, message, number));
    }
    Ok(found)
}

const ENDS: ByTime = ByTime::of(table::ATTACHMENT_ENDS);

/// Comes back to the attachments of `message` once `at` has passed.
pub(super) fn end_at(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    ENDS.put(rows, at, message);
}

/// Does not come back to them.
pub(super) fn forget_end(rows: &mut Working<'_>, at: Timestamp, message: MessageKey) {
    ENDS.remove(rows, at, message);
}

/// Up to `limit` messages whose attachments came no more before `now`.
pub fn ended<R: Rows + ?Sized>(
    rows: &R,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MessageKey>, HistoryError> {
    ENDS.before(rows, now, limit)
}
