//! Of the content key of a message, of the storage key under which it rests, and of what grows from either, nothing
//! is left: wherever the key was handed to, it was in one place.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hkdf::{self, HKDF_SHA512};
use rogatory::domain::digest::Digest;
use rogatory::entropy::{self, Entropy, SystemEntropy};
use rogatory::envelope::primitive::{Cipher, hkdf_sha512};
use rogatory::envelope::{self, Keyring, Part, RowKey, Sealed, Sealing, StorageKey};
use rogatory::redact::Secret;
use zeroize::Zeroizing;

use super::{ADDRESS, Look, MESSAGE, Needle, agency, apart, key};

/// Salts of parts, and nonces of records: as many bytes as the forms of both have.
const SALT_BYTES: usize = 24;
const PARTICULARS: &[u8] = b"particulars";
const CONTENT: &[u8] = b"content";
const RECORD: &[u8] = b"what a record is";

/// Chance whose first draw is known, and is nowhere whole; the next draws of so many bytes are their number.
struct Known {
    first: Needle,
    drawn: AtomicUsize,
}

impl Known {
    fn of(key: &[u8; 32]) -> Self {
        Self { first: Needle::of(key), drawn: AtomicUsize::new(0) }
    }
}

impl Entropy for Known {
    fn fill(&self, out: &mut [u8]) {
        let number = self.drawn.fetch_add(1, Ordering::SeqCst);
        match (number, out.len()) {
            (0, 32) => self.first.write(out),
            (_, SALT_BYTES) => out.fill(u8::try_from(number).unwrap()),
            (_, _) => SystemEntropy.fill(out),
        }
    }
}

struct Bytes(usize);

impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand.
pub(super) fn expanded<const N: usize>(
    hash: hkdf::Algorithm,
    key: &[u8],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    let mut out = Zeroizing::new([0; N]);
    let key = hkdf::Prk::new_less_safe(hash, key);
    key.expand(info, Bytes(N)).unwrap().fill(out.as_mut()).unwrap();
    out
}

fn sealed(keys: &Keyring, chance: &dyn Entropy) -> Sealed {
    let recipients = [keys.iter().next().unwrap().recipient(agency())];
    let sealing = Sealing {
        address: ADDRESS,
        sender: &agency(),
        message: MESSAGE,
        recipients: &recipients,
        particulars: PARTICULARS,
        content: CONTENT,
    };
    envelope::seal(&sealing, chance).unwrap()
}

/// The keys of a recipient, chance that gives a content key, and what is to be found of that nowhere in the end:
/// itself, and the keys of both parts and of their chunks.
fn message() -> (Keyring, Known, [Needle; 5]) {
    apart(|| {
        let seed = Secret::new(entropy::bytes(&SystemEntropy));
        let keys = Keyring::from_seeds([&seed]);
        let key = Zeroizing::new(entropy::bytes::<32>(&SystemEntropy));
        let sealed = sealed(&keys, &Known::of(&key));
        let of_part = |number: u8, sealed: &[u8]| {
            let mut part = Zeroizing::new([0; 32]);
            hkdf_sha512(key.as_ref(), b"rogatory/v1 part key", &[&[number]], part.as_mut())
                .unwrap();
            let address = Digest::of(ADDRESS);
            let label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
            let info: [&[u8]; 3] = [label, &[number; SALT_BYTES], address.as_bytes()];
            let chunks: Zeroizing<[u8; 76]> = expanded(HKDF_SHA512, part.as_ref(), &info);
            // It is what it is taken for: what was sealed commits to it.
            assert_eq!(chunks[44..], sealed[SALT_BYTES..SALT_BYTES + 32]);
            [Needle::of(part.as_ref()), Needle::of(&chunks[..32])]
        };
        let [one, two] = of_part(1, &sealed.particulars);
        let [three, four] = of_part(2, &sealed.content);
        let chance = Known::of(&key);
        (keys, chance, [Needle::of(key.as_ref()), one, two, three, four])
    })
}

/// How often one of each group is found where the work has a look taken, and how often at its end. All of it
/// happens on a thread of its own.
fn looked<const N: usize>(
    groups: [&[Needle]; N],
    work: impl FnOnce(&mut dyn FnMut()) + Send,
) -> [[usize; 2]; N] {
    let look = || {
        let mut looks = groups.map(Look::of);
        let mut alive = [0; N];
        work(&mut || alive = looks.each_mut().map(|it| it.found().times));
        let mut alive = alive.into_iter();
        looks.map(|mut it| [alive.next().unwrap(), it.found().times])
    };
    std::thread::scope(|it| it.spawn(look).join().unwrap())
}

/// Each of two halves once, where the key is held.
const ONCE: usize = 2;

#[test]
fn nothing_is_left_of_the_content_key_of_a_message_that_was_sealed_and_opened() {
    let (keys, chance, needles) = message();
    let (storage, _) = key();
    let found = looked([&needles], |look| {
        let storage = StorageKey::new(*storage);
        // Its sender keeps the key,
        let Sealed { particulars, content, wraps, content_key } = sealed(&keys, &chance);
        let kept = storage.seal_record(RECORD, content_key.expose(), &SystemEntropy);
        look();
        drop(content_key);
        // its recipient opens and keeps it, and opens what it kept,
        let key = envelope::unwrap_key(ADDRESS, &agency(), MESSAGE, &wraps[0], &keys).unwrap();
        let open = |part, key: &Secret<32>, sealed: &[u8]| {
            envelope::open_part(part, key, ADDRESS, sealed).unwrap()
        };
        assert_eq!(open(Part::Particulars, &key, &particulars), PARTICULARS);
        let kept_too = storage.seal_record(RECORD, key.expose(), &SystemEntropy);
        drop(key);
        for kept in [kept, kept_too] {
            let opened = storage.open_record(RECORD, &kept).unwrap();
            let key = Secret::of(opened.first_chunk().unwrap());
            // and hands it on, as values do that have it.
            let held = Some(Held { key });
            let moved = black_box(held).unwrap();
            assert_eq!(open(Part::Content, &moved.key, &content), CONTENT);
        }
    });
    // Once it is sealed, the key is where it is held, and what grew from it is nowhere.
    assert_eq!(found, [[ONCE, 0]]);
}

/// Something with a key in it.
struct Held {
    key: Secret<32>,
}

#[test]
fn nothing_is_left_of_a_storage_key_nor_of_what_grows_from_it() {
    let (key, of_key, grown) = apart(|| {
        let key = Secret::new(entropy::bytes(&SystemEntropy));
        let of_key = Needle::of(key.expose());
        // The nonce of the first record is all ones, by the chance below.
        let label = b"rogatory/v1 record at rest";
        let of_record: Zeroizing<[u8; 64]> =
            expanded(HKDF_SHA512, key.expose(), &[label, &[1; SALT_BYTES]]);
        let of_rows: Zeroizing<[u8; 32]> =
            expanded(HKDF_SHA512, key.expose(), &[b"rogatory/v1 values of the store"]);
        let of_names: Zeroizing<[u8; 32]> =
            expanded(HKDF_SHA512, key.expose(), &[b"rogatory/v1 pseudonyms of the store"]);
        // They are what they are taken for.
        let chance = Known { first: Needle(Vec::new()), drawn: AtomicUsize::new(1) };
        let storage = StorageKey::new(key.second());
        let record = storage.seal_record(RECORD, CONTENT, &chance);
        assert_eq!(of_record[32..], record[SALT_BYTES..SALT_BYTES + 32]);
        let nonce = *Digest::of(b"name").as_bytes().first_chunk().unwrap();
        let value = Cipher::aes_256_gcm_siv(&of_rows).seal(nonce, b"name", CONTENT);
        assert_eq!(RowKey::of(&storage).seal(b"name", CONTENT), value);
        let needles = [&of_record[..32], of_rows.as_ref(), of_names.as_ref()].map(Needle::of);
        (key, of_key, needles)
    });
    let [of_record, of_rows, of_names] = grown;
    let found = looked([&[of_key, of_record], &[of_rows, of_names]], |look| {
        let storage = black_box(StorageKey::new(key));
        let chance = Known { first: Needle(Vec::new()), drawn: AtomicUsize::new(1) };
        let record = storage.seal_record(RECORD, CONTENT, &chance);
        assert_eq!(storage.open_record(RECORD, &record).unwrap().as_slice(), CONTENT);
        let rows = black_box(RowKey::of(&storage));
        let value = rows.seal(b"name", CONTENT);
        assert_eq!(rows.open(b"name", &value).unwrap(), CONTENT);
        assert_eq!(rows.show(rows.hide([7; 16])), [7; 16]);
        look();
    });
    // Of the key of a record nothing is left while its storage key lives.
    let [of_storage, [alive, after]] = found;
    assert_eq!(of_storage, [ONCE, 0]);
    assert!(alive > ONCE && after == 0, "{alive} {after}");
}
