//! What this node knows of one message: its header, who has custody, what became of it.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::fact::{MessageRef, Reason};
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
}

impl Custody {
    /// The word for it on screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::InDoubt { .. } => "in_doubt",
            Self::SetAside { .. } => "set_aside",
            Self::PassedOn => "passed_on",
            Self::Held => "held",
            Self::Ended { .. } => "ended",
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
    /// Stations recorded so far.
    pub stations: u32,
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

fn id_key(id: MessageId, message: MessageKey) -> Vec<u8> {
    key(table::MESSAGE_IDS, &[id.as_bytes(), message.as_bytes()])
}

/// Finds a message by its id alone, too.
pub(super) fn name(rows: &mut Working<'_>, id: MessageId, message: MessageKey) {
    rows.save(id_key(id, message), &message);
}

/// The messages with this id that this agency sent or received: ids are unique for each origin
/// only.
pub fn by_id<R: Rows + ?Sized>(rows: &R, id: MessageId) -> Result<Vec<MessageKey>, HistoryError> {
    let prefix = key(table::MESSAGE_IDS, &[id.as_bytes()]);
    let found = rows.rows(&prefix, &after(&prefix), NAMESAKES_MAX)?;
    found.iter().map(|(_, value)| message_key(value)).collect()
}

/// Most messages of one id that are looked at.
const NAMESAKES_MAX: usize = 16;

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
            Station::Returned => took_over && cause.agency == self.agency,
            Station::Undelivered => cause.station != Station::Undelivered,
            Station::ErasureAsked => cause.station == Station::Accepted,
            Station::Erased | Station::ErasureRefused => took_over && cause.agency == self.agency,
            Station::Accepted | Station::NotTaken => false,
        }
    }
}

fn station_key(message: MessageKey, number: u32) -> Vec<u8> {
    key(table::STATIONS, &[message.as_bytes(), &number.to_be_bytes()])
}

/// Adds a station and counts it in the record.
pub fn add_station(
    rows: &mut Working<'_>,
    message: MessageKey,
    record: &mut MessageRecord,
    station: &StationRecord,
) {
    rows.save(station_key(message, record.stations), station);
    record.stations = record.stations.saturating_add(1);
}

/// Most stations that one message is shown with.
pub const STATIONS_MAX: usize = 256;

/// The stations of a message in the order in which this node recorded them.
pub fn stations<R: Rows + ?Sized>(
    rows: &R,
    message: MessageKey,
) -> Result<Vec<StationRecord>, HistoryError> {
    let found =
        rows.rows(&station_key(message, 0), &station_key(message, u32::MAX), STATIONS_MAX)?;
    found.iter().map(|(_, value)| decode(value, "station of a message")).collect()
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

/// True once every copy is accounted for without a delivery: the last hop in the chain of receipts
/// gave its copy up, or the destination stated that it never will take it.
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
    let mut holder = own;
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
mod tests {
    use super::*;

    fn station(station: Station, agency: &str, from: Option<&str>) -> StationRecord {
        StationRecord {
            station,
            agency: agency.parse().unwrap(),
            at: Timestamp::from_millis(0),
            reason: None,
            from: from.map(|it| it.parse().unwrap()),
            position: 0,
            own: false,
        }
    }

    #[test]
    fn stations_are_told_in_the_order_in_which_they_came_about() {
        let accepted = station(Station::Accepted, "ita.a", None);
        let first = station(Station::Relayed, "int.h1", Some("ita.a"));
        let refused = station(Station::NotTaken, "int.h2", None);
        let back = station(Station::Returned, "int.h1", None);
        let second = station(Station::Relayed, "int.h3", Some("ita.a"));
        let arrived = station(Station::Delivered, "pan.z", Some("int.h3"));
        let read = station(Station::Retrieved, "pan.z", None);
        let told = [&accepted, &first, &refused, &back, &second, &arrived, &read].map(Clone::clone);
        assert_eq!(in_order(told.to_vec()), told);
        let crossed = [&accepted, &refused, &read, &arrived, &back, &first, &second];
        let expected = [&accepted, &refused, &first, &back, &second, &arrived, &read];
        assert_eq!(
            in_order(crossed.map(Clone::clone).to_vec()),
            expected.map(Clone::clone).to_vec()
        );
        let undelivered = station(Station::Undelivered, "ita.a", None);
        let ended = in_order(vec![undelivered.clone(), back.clone(), accepted.clone()]);
        assert_eq!(ended, [back, accepted, undelivered]);
        let ring = ["int.h1", "int.h2"];
        let ring: Vec<_> =
            (0..2).map(|n| station(Station::Relayed, ring[n], Some(ring[1 - n]))).collect();
        assert_eq!(in_order(ring.clone()), ring);
        assert_eq!(in_order(Vec::new()), []);
    }

    #[test]
    fn a_return_counts_only_from_the_last_hop_of_the_chain() {
        let own: AgencyId = "ita.a".parse().unwrap();
        let end: AgencyId = "pan.z".parse().unwrap();
        let first = station(Station::Relayed, "int.h1", Some("ita.a"));
        let second = station(Station::Relayed, "int.h2", Some("int.h1"));
        let stranger = station(Station::Returned, "int.h9", None);
        assert!(!accounted_for(&own, &end, &[first.clone(), stranger.clone()]));
        let back = station(Station::Returned, "int.h2", None);
        assert!(accounted_for(&own, &end, &[first.clone(), second.clone(), back.clone()]));
        assert!(!accounted_for(&own, &end, &[first.clone(), back.clone()]));
        let arrived = station(Station::Delivered, "pan.z", Some("int.h2"));
        assert!(!accounted_for(&own, &end, &[first, second, back, arrived]));
    }

    #[test]
    fn the_destinations_refusal_after_expiry_is_final_by_itself() {
        let own: AgencyId = "ita.a".parse().unwrap();
        let end: AgencyId = "pan.z".parse().unwrap();
        let mut never = station(Station::NotTaken, "pan.z", Some("int.h1"));
        never.reason = Some(Reason::ProofInvalid);
        assert!(!accounted_for(&own, &end, std::slice::from_ref(&never)));
        never.reason = Some(Reason::Expired);
        assert!(accounted_for(&own, &end, std::slice::from_ref(&never)));
    }

    use crate::clock::Timestamp;
    use crate::domain::acts::Act;
    use crate::domain::bearing::{Bearing, Consent, ItemMark, Redirect};
    use crate::domain::ids::{AGENCY_NAME_BYTES_MAX, DESK_NAME_BYTES_MAX, RequestId};
    use crate::domain::lifecycle::State;
    use crate::domain::limits::{CONSENT_STATES_MAX, HEADER_BYTES_MAX, ITEMS_MAX, RECIPIENTS_MAX};
    use crate::domain::particulars::Urgency;
    use crate::history::rows::encode;
    use crate::journal::memory::MemoryStore;
    use crate::journal::store::{Store, VALUE_BYTES_MAX};

    /// Twelve contact points with the longest names, everything said that can be said.
    fn longest(desk: &ContactPointId) -> Particulars {
        let mark = ItemMark {
            item: "ABCDEFGH".parse().ok(),
            act: Act::Reopening,
            seen: Some(State::Closed),
        };
        let bearing = Bearing {
            items: vec![mark; ITEMS_MAX],
            consent: Some(Consent {
                granted: Some(true),
                states: vec!["ITA".parse().unwrap(); CONSENT_STATES_MAX],
            }),
            redirect: Some(Redirect::HandedOn(desk.clone())),
            ..Bearing::silent(None)
        };
        Particulars {
            request: RequestId::from_bytes([1; 16]),
            kind: "UNTOC.13.1.A.CONFISCATE_ORDER_REQ".parse().unwrap(),
            act: Act::TransmittedForExecution,
            outcome: Some("x".repeat(64)),
            from: desk.clone(),
            to: vec![desk.clone(); RECIPIENTS_MAX],
            in_reply_to: None,
            urgency: Urgency::Immediate,
            respond_by: None,
            bearing,
            issued_at: Timestamp::from_millis(i64::MAX),
        }
    }

    #[test]
    fn the_largest_record_fits_its_rows() {
        let agency = format!("ita.{}", "a".repeat(AGENCY_NAME_BYTES_MAX));
        let desk: ContactPointId =
            format!("{agency}/{}", "d".repeat(DESK_NAME_BYTES_MAX)).parse().unwrap();
        let agency: AgencyId = agency.parse().unwrap();
        let particulars = longest(&desk);
        let record = MessageRecord {
            part: Part::Destination,
            header: vec![0; HEADER_BYTES_MAX],
            recorded: u64::MAX,
            recorded_at: Timestamp::from_millis(i64::MAX),
            custody: Custody::Held,
            upstream: Some(agency),
            hops: 8,
            handovers: 1,
            stations: 9,
            particulars: Some(particulars),
            unreadable: false,
            out_of_state: false,
            inbox: vec![(desk, u64::MAX); RECIPIENTS_MAX + ESCALATIONS_MAX],
            claim: Some(Claim {
                holder: "x".repeat(140),
                until: Timestamp::from_millis(i64::MAX),
                position: 9,
            }),
            read: Some(u64::MAX),
            acknowledged: Some(u64::MAX),
            unclaimed: None,
            references: vec![[0; 16]; 8],
            erased: Some(Erased {
                at: Timestamp::from_millis(i64::MAX),
                cause: ErasureCause::OwnDecision,
                position: u64::MAX,
            }),
        };
        let bytes = encode(&record).len();
        assert!((VALUE_BYTES_MAX..2 * VALUE_BYTES_MAX - 1).contains(&bytes), "{bytes}");
        let store = MemoryStore::new();
        let mut rows = Working::over(&store);
        let key = MessageKey::from_slice(&[7; 16]).unwrap();
        save(&mut rows, key, &record);
        assert_eq!(find(&rows, key).unwrap(), Some(record.clone()));
        // Each of its rows is one that the store takes.
        store.apply(rows.into_batch()).unwrap();
        assert_eq!(find(&store as &dyn Store, key).unwrap(), Some(record));
    }
}
