//! Address and header: what travels in clear, as the bytes that are hashed.

use prost::Message;

use crate::clock::Timestamp;
use crate::domain::header::{
    Address, Channel, HEADER_VERSION, Header, Lane, OrderToken, SealedDigests,
};
use crate::domain::limits::{HEADER_BYTES_MAX, HOP_LIMIT_MAX};
use crate::wire::{WireError, decode_canonical, ids, pb};

/// The canonical bytes of an address; their SHA-256 is bound into every sealed part and wrap.
pub fn write_address(address: &Address) -> Vec<u8> {
    let Address {
        network,
        message,
        origin,
        destination,
        channel,
        lane,
        sent_at,
        expires_at,
        hop_limit,
        order,
    } = address;
    pb::Address {
        version: HEADER_VERSION,
        network: network.to_string(),
        message_id: message.as_bytes().to_vec(),
        origin: origin.to_string(),
        destination: destination.to_string(),
        channel: write_channel(*channel).into(),
        lane: write_lane(*lane).into(),
        sent_at_ms: sent_at.millis(),
        expires_at_ms: expires_at.millis(),
        hop_limit: *hop_limit,
        order: Some(write_order(order)),
    }
    .encode_to_vec()
}

/// Reads an address from its canonical bytes.
///
/// # Errors
/// Any byte more, less or other than [`write_address`] would write; a hop limit or order number
/// out of range; an expiry that is not after the time of sending.
pub fn read_address(bytes: &[u8]) -> Result<Address, WireError> {
    let pb::Address {
        version,
        network,
        message_id,
        origin,
        destination,
        channel,
        lane,
        sent_at_ms,
        expires_at_ms,
        hop_limit,
        order,
    } = decode_canonical("address", bytes, HEADER_BYTES_MAX)?;
    if version != HEADER_VERSION {
        return Err(WireError::Unknown { field: "address.version" });
    }
    if !(1..=HOP_LIMIT_MAX).contains(&hop_limit) {
        return Err(WireError::OutOfRange { field: "address.hop_limit" });
    }
    if expires_at_ms <= sent_at_ms {
        return Err(WireError::OutOfRange { field: "address.expires_at_ms" });
    }
    Ok(Address {
        network: ids::name("address.network", &network)?,
        message: ids::message_id("address.message_id", &message_id)?,
        origin: ids::name("address.origin", &origin)?,
        destination: ids::name("address.destination", &destination)?,
        channel: read_channel(channel)?,
        lane: read_lane(lane)?,
        sent_at: Timestamp::from_millis(sent_at_ms),
        expires_at: Timestamp::from_millis(expires_at_ms),
        hop_limit,
        order: read_order("address.order", ids::part("address.order", order)?)?,
    })
}

/// Joins an address and the digests of what was sealed under it.
pub fn write_header(address: &Address, digests: &SealedDigests) -> Header {
    let SealedDigests {
        particulars,
        content,
        wraps,
        attachments,
        particulars_bytes,
        content_bytes,
    } = digests;
    let bytes = pb::Header {
        address: write_address(address),
        particulars_hash: particulars.as_bytes().to_vec(),
        content_hash: content.as_bytes().to_vec(),
        wraps_hash: wraps.as_bytes().to_vec(),
        particulars_bytes: *particulars_bytes,
        content_bytes: *content_bytes,
        attachments_hash: attachments.map(|it| it.as_bytes().to_vec()).unwrap_or_default(),
    }
    .encode_to_vec();
    Header { address: address.clone(), digests: *digests, bytes }
}

/// The exact bytes of the address within a header: what sealed parts are bound to.
///
/// # Errors
/// The header's bytes are not a header's.
pub fn address_bytes(header: &Header) -> Result<Vec<u8>, WireError> {
    Ok(decode_canonical::<pb::Header>("header", &header.bytes, HEADER_BYTES_MAX)?.address)
}

/// Reads a header; keeps the bytes as they came.
///
/// # Errors
/// As [`read_address`]; a hash that is not 32 bytes long.
pub fn read_header(bytes: &[u8]) -> Result<Header, WireError> {
    let pb::Header {
        address,
        particulars_hash,
        content_hash,
        wraps_hash,
        particulars_bytes,
        content_bytes,
        attachments_hash,
    } = decode_canonical("header", bytes, HEADER_BYTES_MAX)?;
    Ok(Header {
        address: read_address(&address)?,
        digests: SealedDigests {
            particulars: ids::digest("header.particulars_hash", &particulars_hash)?,
            content: ids::digest("header.content_hash", &content_hash)?,
            wraps: ids::digest("header.wraps_hash", &wraps_hash)?,
            attachments: match attachments_hash.as_slice() {
                [] => None,
                hash => Some(ids::digest("header.attachments_hash", hash)?),
            },
            particulars_bytes,
            content_bytes,
        },
        bytes: bytes.to_vec(),
    })
}

pub(super) fn write_order(order: &OrderToken) -> pb::OrderToken {
    pb::OrderToken { stream: order.stream.to_vec(), number: order.number }
}

pub(super) fn read_order(
    field: &'static str,
    order: pb::OrderToken,
) -> Result<OrderToken, WireError> {
    let pb::OrderToken { stream, number } = order;
    if number == 0 {
        return Err(WireError::OutOfRange { field });
    }
    Ok(OrderToken { stream: ids::array(field, &stream)?, number })
}

fn write_channel(channel: Channel) -> pb::Channel {
    match channel {
        Channel::Assistance => pb::Channel::Assistance,
        Channel::Border => pb::Channel::Border,
        Channel::Police => pb::Channel::Police,
        Channel::Protection => pb::Channel::Protection,
        Channel::Sea => pb::Channel::Sea,
    }
}

fn read_channel(number: i32) -> Result<Channel, WireError> {
    match pb::Channel::try_from(number) {
        Ok(pb::Channel::Assistance) => Ok(Channel::Assistance),
        Ok(pb::Channel::Border) => Ok(Channel::Border),
        Ok(pb::Channel::Police) => Ok(Channel::Police),
        Ok(pb::Channel::Protection) => Ok(Channel::Protection),
        Ok(pb::Channel::Sea) => Ok(Channel::Sea),
        Ok(pb::Channel::Unspecified) | Err(_) => {
            Err(WireError::Unknown { field: "address.channel" })
        }
    }
}

fn write_lane(lane: Lane) -> pb::Lane {
    match lane {
        Lane::Urgent => pb::Lane::Urgent,
        Lane::Ordinary => pb::Lane::Ordinary,
    }
}

fn read_lane(number: i32) -> Result<Lane, WireError> {
    match pb::Lane::try_from(number) {
        Ok(pb::Lane::Urgent) => Ok(Lane::Urgent),
        Ok(pb::Lane::Ordinary) => Ok(Lane::Ordinary),
        Ok(pb::Lane::Unspecified) | Err(_) => Err(WireError::Unknown { field: "address.lane" }),
    }
}

#[cfg(test)]
pub(super) mod samples {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::ids::{AgencyId, MessageId, NetworkId};

    pub(in crate::wire) fn address() -> Address {
        Address {
            network: "som-demo".parse().unwrap(),
            message: "019cadb0-eef7-70f4-8158-cde69e1d7f9d".parse().unwrap(),
            origin: "ita.coast-guard".parse().unwrap(),
            destination: "pan.maritime-authority".parse().unwrap(),
            channel: Channel::Sea,
            lane: Lane::Urgent,
            sent_at: Timestamp::from_millis(1_768_099_620_000),
            expires_at: Timestamp::from_millis(1_768_704_420_000),
            hop_limit: 8,
            order: OrderToken { stream: [7; 16], number: 1 },
        }
    }

    pub(in crate::wire) fn header() -> Header {
        let digests = SealedDigests {
            particulars: Digest::from_bytes([1; 32]),
            content: Digest::from_bytes([2; 32]),
            wraps: Digest::from_bytes([3; 32]),
            attachments: None,
            particulars_bytes: 512,
            content_bytes: 8192,
        };
        write_header(&address(), &digests)
    }

    pub(in crate::wire) fn any_agency() -> impl Strategy<Value = AgencyId> {
        "[a-z]{3}\\.[a-z0-9]{1,63}".prop_map(|it| it.parse().unwrap())
    }

    pub(in crate::wire) fn any_digest() -> impl Strategy<Value = Digest> {
        any::<[u8; 32]>().prop_map(Digest::from_bytes)
    }

    pub(in crate::wire) fn any_order() -> impl Strategy<Value = OrderToken> {
        (any::<[u8; 16]>(), 1..=u64::MAX).prop_map(|(stream, number)| OrderToken { stream, number })
    }

    fn any_address() -> impl Strategy<Value = Address> {
        let network = "[a-z0-9]{1,63}".prop_map(|it| it.parse::<NetworkId>().unwrap());
        let lane = prop_oneof![Just(Lane::Urgent), Just(Lane::Ordinary)];
        let names = (network, any::<[u8; 16]>(), any_agency(), any_agency());
        let way = (prop::sample::select(Channel::ALL.to_vec()), lane, 1..=HOP_LIMIT_MAX);
        (names, way, any_order(), any::<i64>(), 1..=i64::MAX).prop_map(
            |((network, id, origin, destination), way, order, sent, life)| Address {
                network,
                message: MessageId::from_bytes(id),
                origin,
                destination,
                channel: way.0,
                lane: way.1,
                sent_at: Timestamp::from_millis(sent.min(i64::MAX - 1)),
                expires_at: Timestamp::from_millis(sent.min(i64::MAX - 1).saturating_add(life)),
                hop_limit: way.2,
                order,
            },
        )
    }

    pub(in crate::wire) fn any_header() -> impl Strategy<Value = Header> {
        let hashes = (any_digest(), any_digest(), any_digest(), prop::option::of(any_digest()));
        (any_address(), hashes, any::<u32>(), any::<u32>()).prop_map(
            |(address, hashes, particulars_bytes, content_bytes)| {
                let digests = SealedDigests {
                    particulars: hashes.0,
                    content: hashes.1,
                    wraps: hashes.2,
                    attachments: hashes.3,
                    particulars_bytes,
                    content_bytes,
                };
                write_header(&address, &digests)
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOLDEN_ADDRESS: &str = "08011208736f6d2d64656d6f1a10019cadb0eef770f48158cde69e1d7f9d220f6974612e636f6173742d6775\
        6172642a1670616e2e6d61726974696d652d617574686f726974793005380140a0c9ccd7ba3348a0d1fef7bc\
        3350085a140a10070707070707070707070707070707071001";
    const GOLDEN_HEADER_HASH: &str =
        "b9c568fadcc50a350d35684b1898c1fdacec52eeb2b33e2e11c96501592d9d18";

    /// The address of [`samples`] with one thing changed.
    fn changed(change: impl Fn(&mut pb::Address)) -> Result<Address, WireError> {
        let mut address = pb::Address::decode(&write_address(&samples::address())[..]).unwrap();
        change(&mut address);
        read_address(&address.encode_to_vec())
    }

    #[test]
    fn the_format_is_what_it_was() {
        assert_eq!(hex::encode(write_address(&samples::address())), GOLDEN_ADDRESS);
        let header = samples::header();
        assert_eq!(header.hash().to_string(), GOLDEN_HEADER_HASH);
        let expected = format!(
            "0a{:02x}{GOLDEN_ADDRESS}1220{}1a20{}2220{}288004308040",
            GOLDEN_ADDRESS.len() / 2,
            "01".repeat(32),
            "02".repeat(32),
            "03".repeat(32)
        );
        assert_eq!(hex::encode(&header.bytes), expected);
    }

    #[test]
    fn every_field_of_an_address_is_checked() {
        use WireError::{Length, Malformed, Missing, OutOfRange, Unknown};
        let unknown = |field| Err(Unknown { field });
        let range = |field| Err(OutOfRange { field });
        assert_eq!(changed(|it| it.version = 2), unknown("address.version"));
        assert_eq!(changed(|it| it.channel = 0), unknown("address.channel"));
        assert_eq!(changed(|it| it.channel = 6), unknown("address.channel"));
        assert_eq!(changed(|it| it.lane = 3), unknown("address.lane"));
        assert_eq!(changed(|it| it.hop_limit = 0), range("address.hop_limit"));
        assert_eq!(changed(|it| it.hop_limit = 33), range("address.hop_limit"));
        assert_eq!(changed(|it| it.hop_limit = 32).map(|it| it.hop_limit), Ok(32));
        let expiry = "address.expires_at_ms";
        assert_eq!(changed(|it| it.expires_at_ms = it.sent_at_ms), range(expiry));
        assert_eq!(changed(|it| it.order = None), Err(Missing { field: "address.order" }));
        let zero = pb::OrderToken { stream: vec![7; 16], number: 0 };
        assert_eq!(changed(|it| it.order = Some(zero.clone())), range("address.order"));
        let short = pb::OrderToken { stream: vec![7; 15], number: 1 };
        let length = |field, given| Err(Length { field, expected: 16, given });
        assert_eq!(changed(|it| it.order = Some(short.clone())), length("address.order", 15));
        assert_eq!(changed(|it| it.message_id.push(0)), length("address.message_id", 17));
        let why = "it needs a country, a dot, a name";
        let malformed = |field| Err(Malformed { field, why });
        assert_eq!(changed(|it| it.origin = "ita".to_owned()), malformed("address.origin"));
        assert_eq!(changed(|it| it.destination.clear()), malformed("address.destination"));
        let why = "it is 1 to 63 of a-z, 0-9 and inner hyphens";
        let network = Err(Malformed { field: "address.network", why });
        assert_eq!(changed(|it| it.network.clear()), network);
    }

    #[test]
    fn another_encoding_of_the_same_value_is_refused() {
        let bytes = samples::header().bytes;
        let refused = Err(WireError::NotCanonical { what: "header" });
        let unknown_field = [&bytes[..], &[0x40, 0x01]].concat();
        assert_eq!(read_header(&unknown_field), refused);
        let said_twice = [&bytes[..], &[0x30, 0x80, 0x40]].concat();
        assert_eq!(read_header(&said_twice), refused);
        let long = vec![0; HEADER_BYTES_MAX + 1];
        let too_large =
            WireError::TooLarge { what: "header", allowed: HEADER_BYTES_MAX, given: long.len() };
        assert_eq!(read_header(&long), Err(too_large));
        assert_eq!(read_header(&[0xff]), Err(WireError::Undecodable { what: "header" }));
    }

    #[test]
    fn a_cut_header_is_another_header_or_none() {
        let header = samples::header();
        for length in 0..header.bytes.len() {
            if let Ok(other) = read_header(&header.bytes[..length]) {
                assert_eq!(other.bytes, header.bytes[..length]);
                assert_ne!(other.digests, header.digests);
            }
        }
    }

    proptest! {
        #[test]
        fn headers_come_back(header in samples::any_header()) {
            let address = address_bytes(&header);
            prop_assert_eq!(address, Ok(write_address(&header.address)));
            prop_assert_eq!(read_header(&header.bytes), Ok(header));
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(read_header(&bytes).is_err());
            prop_assert!(read_address(&bytes).is_err());
        }

        #[test]
        fn one_changed_byte_is_another_header_or_none(at in 0_usize..200, flip in 1_u8..=255) {
            let header = samples::header();
            let mut bytes = header.bytes.clone();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            if let Ok(other) = read_header(&bytes) {
                prop_assert_ne!(other, header);
            }
        }
    }
}
