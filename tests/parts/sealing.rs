//! Sealed content opens for its recipients and for nobody else, and what seals it agrees with the
//! published vectors (`tests/vectors/`). Vectors that cannot run are counted aloud, with a reason.

use rogatory::domain::ids::{AgencyId, MessageId};
use rogatory::entropy::{Entropy, SeededEntropy};
use rogatory::envelope::{self, Keyring, OpenError, Part, RecipientKey, Sealed, Sealing};
use rogatory::envelope::{SealingPrivate, WrappedKey, chunks};
use rogatory::redact::Secret;

mod published;

const ADDRESS: &[u8] = b"canonical bytes of an address";
const MESSAGE: MessageId = MessageId::from_bytes([5; 16]);

fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

fn italy() -> AgencyId {
    agency("ita.coast-guard")
}

fn key_of(seed: u8) -> SealingPrivate {
    SealingPrivate::from_seed(&Secret::new([seed; 32]))
}

fn ring(seed: u8) -> Keyring {
    Keyring::from_seeds([&Secret::new([seed; 32])])
}

/// To Panama, whose seed is 1, and Malta, whose seed is 2.
fn readers() -> [RecipientKey; 2] {
    [key_of(1).recipient(agency("pan.maritime-authority")), key_of(2).recipient(agency("mlt.hub"))]
}

fn sealed(particulars: &[u8], content: &[u8], seed: u64) -> Sealed {
    let (sender, recipients) = (italy(), readers());
    let sealing = Sealing {
        address: ADDRESS,
        sender: &sender,
        message: MESSAGE,
        recipients: &recipients,
        particulars,
        content,
    };
    envelope::seal(&sealing, &SeededEntropy::new(seed)).unwrap()
}

fn unwrapped(wrap: &WrappedKey, keys: &Keyring) -> Result<[u8; 32], OpenError> {
    envelope::unwrap_key(ADDRESS, &italy(), MESSAGE, wrap, keys).map(|key| *key.expose())
}

#[test]
fn every_recipient_opens_what_was_sealed_once() {
    let sealed = sealed(b"particulars", b"content", 1);
    for (wrap, seed) in sealed.wraps.iter().zip(1..) {
        let key = envelope::unwrap_key(ADDRESS, &italy(), MESSAGE, wrap, &ring(seed)).unwrap();
        let open = |part, bytes| envelope::open_part(part, &key, ADDRESS, bytes).unwrap();
        assert_eq!(open(Part::Particulars, &sealed.particulars), b"particulars");
        assert_eq!(open(Part::Content, &sealed.content), b"content");
        assert_eq!(unwrapped(wrap, &ring(3)), Err(OpenError::UnknownKey));
    }
}

#[test]
fn one_seed_seals_to_the_same_bytes_and_another_to_none_of_them() {
    let (one, same, other) = (sealed(b"p", b"c", 1), sealed(b"p", b"c", 1), sealed(b"p", b"c", 2));
    assert_eq!((&one.particulars, &one.content), (&same.particulars, &same.content));
    assert_eq!(one.wraps, same.wraps);
    assert_ne!(one.content, other.content);
    for (left, right) in one.wraps.iter().zip(&other.wraps) {
        assert_ne!(left.encapsulation, right.encapsulation);
        assert_ne!(left.wrapped_key, right.wrapped_key);
    }
    assert_ne!(one.wraps[0].encapsulation, one.wraps[1].encapsulation);
}

#[test]
fn each_flipped_byte_of_a_sealed_part_is_found() {
    for content in [vec![7; 100], vec![7; chunks::CHUNK_BYTES + 500]] {
        let sealed = sealed(b"particulars", &content, 1);
        for (part, bytes) in
            [(Part::Particulars, &sealed.particulars), (Part::Content, &sealed.content)]
        {
            let mut flipped = bytes.clone();
            for at in 0..flipped.len() {
                flipped[at] ^= 1;
                // Salt and commitment come before the first chunk.
                let expected = if at < 56 { OpenError::Commitment } else { OpenError::Tag };
                let opened = envelope::open_part(part, &sealed.content_key, ADDRESS, &flipped);
                assert_eq!(opened, Err(expected), "{part} {at}");
                flipped[at] ^= 1;
            }
            assert!(envelope::open_part(part, &sealed.content_key, ADDRESS, &flipped).is_ok());
        }
    }
}

#[test]
fn each_flipped_byte_of_a_wrap_is_found() {
    let (mut wrap, keys) = (sealed(b"p", b"c", 1).wraps.remove(0), ring(1));
    for at in 0..wrap.encapsulation.len() {
        // The top bit: X25519 ignores it in its last byte, X-Wing must not.
        wrap.encapsulation[at] ^= 0x80;
        assert_eq!(unwrapped(&wrap, &keys), Err(OpenError::Tag), "{at}");
        wrap.encapsulation[at] ^= 0x80;
    }
    for at in 0..wrap.wrapped_key.len() {
        wrap.wrapped_key[at] ^= 1;
        assert_eq!(unwrapped(&wrap, &keys), Err(OpenError::Tag), "{at}");
        wrap.wrapped_key[at] ^= 1;
    }
    assert!(unwrapped(&wrap, &keys).is_ok());
}

#[test]
fn a_wrap_moved_elsewhere_does_not_open() {
    let wrap = sealed(b"p", b"c", 1).wraps.remove(0);
    let keys = Keyring::from_seeds([&Secret::new([1; 32]), &Secret::new([2; 32])]);
    let open = |address: &[u8], sender: &str, message, wrap: &WrappedKey| {
        envelope::unwrap_key(address, &agency(sender), message, wrap, &keys)
            .map(|key| *key.expose())
    };
    let sender = "ita.coast-guard";
    assert!(open(ADDRESS, sender, MESSAGE, &wrap).is_ok());
    let other_message = MessageId::from_bytes([6; 16]);
    assert_eq!(open(ADDRESS, sender, other_message, &wrap), Err(OpenError::Tag));
    assert_eq!(open(b"another address", sender, MESSAGE, &wrap), Err(OpenError::Tag));
    assert_eq!(open(ADDRESS, "ita.customs", MESSAGE, &wrap), Err(OpenError::Tag));
    let renamed = WrappedKey { recipient: agency("mlt.hub"), ..wrap.clone() };
    assert_eq!(open(ADDRESS, sender, MESSAGE, &renamed), Err(OpenError::Tag));
    let other_key = WrappedKey { key_id: key_of(2).key_id().to_owned(), ..wrap };
    assert_eq!(open(ADDRESS, sender, MESSAGE, &other_key), Err(OpenError::Tag));
}

#[test]
fn a_part_moved_elsewhere_does_not_open() {
    let (one, other) = (sealed(b"same", b"same", 1), sealed(b"same", b"same", 2));
    let open = |part, key: &Secret<32>, address: &[u8], bytes: &[u8]| {
        envelope::open_part(part, key, address, bytes)
    };
    let refused = Err(OpenError::Commitment);
    assert_eq!(open(Part::Content, &one.content_key, ADDRESS, &one.particulars), refused);
    assert_eq!(open(Part::Particulars, &one.content_key, ADDRESS, &one.content), refused);
    assert_eq!(open(Part::Content, &one.content_key, b"another address", &one.content), refused);
    assert_eq!(open(Part::Content, &one.content_key, ADDRESS, &other.content), refused);
}

#[test]
fn plain_sizes_within_a_class_of_padme_cannot_be_told_apart() {
    let sizes = |content: usize| {
        let sealed = sealed(b"particulars", &vec![7; content], 1);
        let wraps: Vec<_> = sealed
            .wraps
            .iter()
            .map(|wrap| (wrap.encapsulation.len(), wrap.wrapped_key.len()))
            .collect();
        (sealed.particulars.len(), sealed.content.len(), wraps)
    };
    // 4 bytes of length join: the class of padded size 1,088 begins at 1,025 and ends at 1,088.
    assert_eq!(sizes(1021), sizes(1084));
    assert_ne!(sizes(1020), sizes(1021));
    assert_ne!(sizes(1084), sizes(1085));
}

#[test]
fn hostile_bytes_are_refused_without_panic() {
    let (chance, key, keys) = (SeededEntropy::new(9), Secret::new([1; 32]), ring(1));
    let storage = envelope::StorageKey::new(Secret::new([1; 32]));
    let key_id = key_of(1).key_id().to_owned();
    for length in (0..400).chain([1120, 16_400 + 56, 16_400 + 72, 20_000]) {
        let mut bytes = vec![0; length];
        chance.fill(&mut bytes);
        assert!(chunks::open(&key, b"", &bytes).is_err());
        assert!(envelope::open_part(Part::Content, &key, ADDRESS, &bytes).is_err());
        assert!(storage.open_record(b"", &bytes).is_err());
        for (encapsulation, wrapped_key) in [(bytes.clone(), vec![0; 48]), (vec![0; 1120], bytes)] {
            let (recipient, key_id) = (italy(), key_id.clone());
            let wrap = WrappedKey { recipient, key_id, encapsulation, wrapped_key };
            assert!(matches!(
                unwrapped(&wrap, &keys),
                Err(OpenError::Length { .. } | OpenError::Tag)
            ));
        }
    }
}
