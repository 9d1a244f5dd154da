//! What two nodes say of the directory: the reader checks every length and count.

use crate::clock::Timestamp;
use crate::directory::signed::compare::{
    Holding, ListedList, ListedRecord, Listing, TEXTS_AT_ONCE, TextName,
};
use crate::directory::signed::lists::LIST_BYTES_MAX;
use crate::directory::signed::record::RECORD_BYTES_MAX;
use crate::directory::signed::roll::ROLL_BYTES_MAX;
use crate::wire::pb::directory_text_name::Kind;
use crate::wire::pb::gossip_frame::Said as Frame;
use crate::wire::{WireError, ids, pb};

/// Most records, and most revocation lists, of one part of a listing.
pub const LISTED_MAX: usize = 1_024;
/// Largest frame, in bytes: the longest roll, and what stands around it.
pub const GOSSIP_BYTES_MAX: usize = ROLL_BYTES_MAX + 4 * 1024;

/// A frame of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What the side holds, in short, and the time by its clock.
    Holding(Holding, Timestamp),
    /// It asks for what the other holds in full.
    ListingWanted,
    /// A part of what it holds in full.
    Listing {
        /// The part.
        part: Listing,
        /// Whether it is the last one.
        last: bool,
    },
    /// It asks for texts; at least one, at most [`TEXTS_AT_ONCE`].
    TextsWanted(Vec<TextName>),
    /// A text that was asked for, if it is there.
    Text(TextName, Option<Vec<u8>>),
}

impl Said {
    /// What is held in full, in as many parts as it takes.
    pub fn listing(whole: &Listing) -> Vec<Self> {
        let (records, lists) = (whole.records.chunks(LISTED_MAX), whole.lists.chunks(LISTED_MAX));
        let count = records.len().max(lists.len()).max(1);
        let (mut records, mut lists) = (records, lists);
        let parts = (1..=count).map(|number| {
            let part = Listing {
                records: records.next().unwrap_or_default().to_vec(),
                lists: lists.next().unwrap_or_default().to_vec(),
            };
            Self::Listing { part, last: number == count }
        });
        parts.collect()
    }

    /// The frame as it travels.
    pub fn into_pb(self) -> pb::GossipFrame {
        let said = match self {
            Self::Holding(holding, time) => Frame::Holding(pb::Holding {
                genesis: holding.genesis.as_bytes().to_vec(),
                roll: holding.roll,
                roll_hash: holding.roll_hash.as_bytes().to_vec(),
                version: holding.version,
                hash: holding.hash.as_bytes().to_vec(),
                lists_hash: holding.lists_hash.as_bytes().to_vec(),
                time_ms: time.millis(),
            }),
            Self::ListingWanted => Frame::ListingWanted(pb::ListingWanted {}),
            Self::Listing { part, last } => Frame::Listing(pb::Listing {
                records: part.records.into_iter().map(write_record).collect(),
                lists: part.lists.into_iter().map(write_list).collect(),
                last,
            }),
            Self::TextsWanted(names) => {
                let names = names.into_iter().map(write_name).collect();
                Frame::TextsWanted(pb::TextsWanted { names })
            }
            Self::Text(name, text) => Frame::Text(pb::DirectoryText {
                name: Some(write_name(name)),
                text: text.unwrap_or_default(),
            }),
        };
        pb::GossipFrame { said: Some(said) }
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Names the field that is missing, malformed or over its limit.
    pub fn from_pb(frame: pb::GossipFrame) -> Result<Self, WireError> {
        let pb::GossipFrame { said } = frame;
        match ids::part("gossip.said", said)? {
            Frame::Holding(holding) => read_holding(&holding),
            Frame::ListingWanted(pb::ListingWanted {}) => Ok(Self::ListingWanted),
            Frame::Listing(pb::Listing { records, lists, last }) => {
                if records.len() > LISTED_MAX || lists.len() > LISTED_MAX {
                    return Err(WireError::OutOfRange { field: "gossip.listing" });
                }
                let records = records.iter().map(read_record).collect::<Result<_, _>>()?;
                let lists = lists.iter().map(read_list).collect::<Result<_, _>>()?;
                Ok(Self::Listing { part: Listing { records, lists }, last })
            }
            Frame::TextsWanted(pb::TextsWanted { names }) => {
                if !(1..=TEXTS_AT_ONCE).contains(&names.len()) {
                    return Err(WireError::OutOfRange { field: "gossip.texts_wanted" });
                }
                Ok(Self::TextsWanted(names.into_iter().map(read_name).collect::<Result<_, _>>()?))
            }
            Frame::Text(pb::DirectoryText { name, text }) => {
                let name = read_name(ids::part("gossip.text.name", name)?)?;
                let allowed = bytes_max(&name);
                if text.len() > allowed {
                    let what = "gossip.text";
                    return Err(WireError::TooLarge { what, allowed, given: text.len() });
                }
                Ok(Self::Text(name, (!text.is_empty()).then_some(text)))
            }
        }
    }
}

/// The longest that a text of this name may be, in bytes.
fn bytes_max(name: &TextName) -> usize {
    match name {
        TextName::Roll(_) => ROLL_BYTES_MAX,
        TextName::Record(_) => RECORD_BYTES_MAX,
        TextName::List(..) => LIST_BYTES_MAX,
    }
}

fn write_record(it: ListedRecord) -> pb::HeldRecord {
    let hash = it.hash.as_bytes().to_vec();
    pb::HeldRecord { agency: it.agency.to_string(), version: it.version, hash }
}

fn write_list(it: ListedList) -> pb::HeldRevocations {
    let issuer = it.issuer.as_bytes().to_vec();
    pb::HeldRevocations { agency: it.agency.to_string(), issuer, number: it.number }
}

fn write_name(name: TextName) -> pb::DirectoryTextName {
    let kind = match name {
        TextName::Roll(version) => Kind::Roll(version),
        TextName::Record(agency) => Kind::Record(agency.to_string()),
        TextName::List(agency, issuer) => Kind::Revocations(pb::RevocationsName {
            agency: agency.to_string(),
            issuer: issuer.as_bytes().to_vec(),
        }),
    };
    pb::DirectoryTextName { kind: Some(kind) }
}

fn read_holding(said: &pb::Holding) -> Result<Said, WireError> {
    let holding = Holding {
        genesis: ids::digest("gossip.holding.genesis", &said.genesis)?,
        roll: said.roll,
        roll_hash: ids::digest("gossip.holding.roll_hash", &said.roll_hash)?,
        version: said.version,
        hash: ids::digest("gossip.holding.hash", &said.hash)?,
        lists_hash: ids::digest("gossip.holding.lists_hash", &said.lists_hash)?,
    };
    Ok(Said::Holding(holding, Timestamp::from_millis(said.time_ms)))
}

fn read_record(said: &pb::HeldRecord) -> Result<ListedRecord, WireError> {
    Ok(ListedRecord {
        agency: ids::name("gossip.listing.records.agency", &said.agency)?,
        version: said.version,
        hash: ids::digest("gossip.listing.records.hash", &said.hash)?,
    })
}

fn read_list(said: &pb::HeldRevocations) -> Result<ListedList, WireError> {
    Ok(ListedList {
        agency: ids::name("gossip.listing.lists.agency", &said.agency)?,
        issuer: ids::digest("gossip.listing.lists.issuer", &said.issuer)?,
        number: said.number,
    })
}

fn read_name(name: pb::DirectoryTextName) -> Result<TextName, WireError> {
    match ids::part("gossip.name", name.kind)? {
        Kind::Roll(0) => Err(WireError::OutOfRange { field: "gossip.name.roll" }),
        Kind::Roll(version) => Ok(TextName::Roll(version)),
        Kind::Record(agency) => Ok(TextName::Record(ids::name("gossip.name.record", &agency)?)),
        Kind::Revocations(pb::RevocationsName { agency, issuer }) => {
            let agency = ids::name("gossip.name.revocations.agency", &agency)?;
            Ok(TextName::List(agency, ids::digest("gossip.name.revocations.issuer", &issuer)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::domain::ids::AgencyId;
    use crate::wire::header::samples::any_digest;

    fn any_agency() -> impl Strategy<Value = AgencyId> {
        "[a-z]{3}\\.[a-z0-9]{1,20}".prop_map(|it| it.parse().unwrap())
    }

    fn any_name() -> impl Strategy<Value = TextName> {
        prop_oneof![
            (1..=u64::MAX).prop_map(TextName::Roll),
            any_agency().prop_map(TextName::Record),
            (any_agency(), any_digest()).prop_map(|(agency, it)| TextName::List(agency, it)),
        ]
    }

    fn any_listing() -> impl Strategy<Value = Listing> {
        let record = (any_agency(), any::<u64>(), any_digest());
        let record =
            record.prop_map(|(agency, version, hash)| ListedRecord { agency, version, hash });
        let list = (any_agency(), any_digest(), any::<u64>());
        let list = list.prop_map(|(agency, issuer, number)| ListedList { agency, issuer, number });
        let (records, lists) =
            (prop::collection::vec(record, 0..4), prop::collection::vec(list, 0..4));
        (records, lists).prop_map(|(records, lists)| Listing { records, lists })
    }

    fn any_said() -> impl Strategy<Value = Said> {
        let hashes = [(); 4].map(|()| any_digest());
        let holding = (hashes, any::<u64>(), any::<u64>(), any::<i64>());
        let text = prop::option::of(prop::collection::vec(any::<u8>(), 1..80));
        prop_oneof![
            holding.prop_map(|([genesis, roll_hash, hash, lists_hash], roll, version, time)| {
                let holding = Holding { genesis, roll, roll_hash, version, hash, lists_hash };
                Said::Holding(holding, Timestamp::from_millis(time))
            }),
            Just(Said::ListingWanted),
            (any_listing(), any::<bool>()).prop_map(|(part, last)| Said::Listing { part, last }),
            prop::collection::vec(any_name(), 1..=TEXTS_AT_ONCE).prop_map(Said::TextsWanted),
            (any_name(), text).prop_map(|(name, text)| Said::Text(name, text)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_said_is_heard(said in any_said()) {
            let bytes = said.clone().into_pb().encode_to_vec();
            let read = Said::from_pb(pb::GossipFrame::decode(bytes.as_slice()).unwrap());
            prop_assert_eq!(read, Ok(said));
        }

        #[test]
        fn no_bytes_harm_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frame) = pb::GossipFrame::decode(bytes.as_slice()) {
                drop(Said::from_pb(frame));
            }
        }
    }

    #[test]
    fn counts_and_lengths_have_limits() {
        let names = |count| {
            let names = vec![write_name(TextName::Roll(1)); count];
            let said = Some(Frame::TextsWanted(pb::TextsWanted { names }));
            Said::from_pb(pb::GossipFrame { said }).err()
        };
        let field = "gossip.texts_wanted";
        assert_eq!(names(0), Some(WireError::OutOfRange { field }));
        assert_eq!(names(TEXTS_AT_ONCE), None);
        assert_eq!(names(TEXTS_AT_ONCE + 1), Some(WireError::OutOfRange { field }));
        let agency: AgencyId = "ita.coast-guard".parse().unwrap();
        let text = |bytes| {
            let name = Some(write_name(TextName::Record(agency.clone())));
            let said = Some(Frame::Text(pb::DirectoryText { name, text: vec![0; bytes] }));
            Said::from_pb(pb::GossipFrame { said }).err()
        };
        assert_eq!(text(RECORD_BYTES_MAX), None);
        let (allowed, given) = (RECORD_BYTES_MAX, RECORD_BYTES_MAX + 1);
        let what = "gossip.text";
        assert_eq!(text(given), Some(WireError::TooLarge { what, allowed, given }));
    }

    #[test]
    fn a_long_listing_goes_in_parts() {
        let record = |number: usize| ListedRecord {
            agency: format!("ita.a{number}").parse().unwrap(),
            version: 1,
            hash: crate::domain::digest::Digest::of(&number.to_be_bytes()),
        };
        let whole = Listing { records: (0..1_025).map(record).collect(), lists: Vec::new() };
        let parts = Said::listing(&whole);
        let [
            Said::Listing { part: first, last: false },
            Said::Listing { part: second, last: true },
        ] = parts.as_slice()
        else {
            panic!("two parts");
        };
        assert_eq!((first.records.len(), second.records.len()), (1_024, 1));
        assert_eq!(Said::listing(&Listing::default()).len(), 1);
    }
}
