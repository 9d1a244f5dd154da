//! The promise: of a private key that was let go of nothing is left in this process's memory, neither in what was
//! freed nor on the stack of whoever handled it. All that may be written is read, by `/proc/self/mem`.
//!
//! What is looked for is never whole in memory itself: it is held as two halves that give it by exclusive or, and
//! keys are made on threads whose stack is overwritten before they end.

mod content;
mod sessions;

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rogatory::clock::Timestamp;
use rogatory::domain::ids::{AgencyId, MessageId};
use rogatory::entropy::{self, SystemEntropy};
use rogatory::envelope::primitive::Cipher;
use rogatory::envelope::{self, Keyring, Sealed, Sealing, SealingPrivate};
use rogatory::identity::{Principal, Role};
use rogatory::merkle::signature::{Ed25519Signer, MlDsa44Signer};
use rogatory::pki::{Authority, LeafRequest, Validity};
use rogatory::redact::{Secret, scrubbed};
use rogatory::transport::tls::OwnCertificate;
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};
use zeroize::Zeroizing;

/// What is looked for, in bytes: a freed place loses its first bytes to whoever manages it.
const PART: usize = 16;
const PAGE: usize = 4_096;
const CHUNK: usize = 256 * PAGE;

/// Bytes that nobody is to find, as two halves that give them by exclusive or.
struct Needle(Vec<[[u8; PART]; 2]>);

impl Needle {
    /// Of these bytes, whose copies are the caller's to clear.
    fn of(bytes: &[u8]) -> Self {
        let parts = bytes.chunks_exact(PART).map(|part| {
            let mask: [u8; PART] = entropy::bytes(&SystemEntropy);
            [mask, std::array::from_fn(|at| mask[at] ^ part[at])]
        });
        Self(parts.collect())
    }

    /// Writes what it is into a place that somebody else clears.
    fn write(&self, place: &mut [u8]) {
        for (place, [one, two]) in place.chunks_exact_mut(PART).zip(&self.0) {
            for (byte, (one, two)) in place.iter_mut().zip(one.iter().zip(two)) {
                *byte = black_box(*one) ^ *two;
            }
        }
    }

    /// Whether a part of it stands in `bytes`, which begin there.
    fn stands(&self, bytes: &[u8]) -> bool {
        let is_at = |[one, two]: &[[u8; PART]; 2]| {
            let mut all = one.iter().zip(two).zip(bytes);
            all.all(|((one, two), byte)| black_box(*one) == black_box(*byte) ^ *two)
        };
        self.0.iter().any(is_at)
    }
}

/// One looks at a time: what is read stands in memory meanwhile.
static LOOKING: Mutex<()> = Mutex::new(());

/// How often something was found, and where it was at first.
#[derive(Debug, Default)]
struct Found {
    times: usize,
    at: [usize; 4],
}

impl Found {
    fn note(&mut self, place: usize) {
        if let Some(free) = self.at.get_mut(self.times) {
            *free = place;
        }
        self.times += 1;
    }
}

/// Looks for needles in all memory that this process may write. It takes no memory while it looks, so what was
/// freed stays as it was left.
struct Look<'a> {
    needles: &'a [Needle],
    firsts: Vec<u8>,
    maps: String,
    buffer: Vec<u8>,
}

impl<'a> Look<'a> {
    fn of(needles: &'a [Needle]) -> Self {
        let parts = needles.iter().flat_map(|it| &it.0);
        let firsts = parts.map(|[one, two]| one[0] ^ two[0]).collect();
        let maps = String::with_capacity(1 << 20);
        Self { needles, firsts, maps, buffer: vec![1; CHUNK + PART] }
    }

    fn found(&mut self) -> Found {
        let _alone = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Found::default();
        self.maps.clear();
        File::open("/proc/self/maps").unwrap().read_to_string(&mut self.maps).unwrap();
        assert!(self.maps.len() < 1 << 20);
        let memory = File::open("/proc/self/mem").unwrap();
        let own = self.buffer.as_ptr().addr()..self.buffer.as_ptr().addr() + self.buffer.len();
        for line in self.maps.lines() {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            let (from, to) = range.split_once('-').unwrap();
            let [from, to] = [from, to].map(|it| usize::from_str_radix(it, 16).unwrap());
            for at in (from..to).step_by(CHUNK).filter(|_| rights.starts_with("rw")) {
                let length = self.buffer.len().min(to - at);
                // Some of what is mapped can't be read, such as a file that became shorter.
                if memory.read_exact_at(&mut self.buffer[..length], at as u64).is_err() {
                    continue;
                }
                let places = self.stands(length).filter(|it| !own.contains(&(at + it)));
                places.for_each(|it| found.note(at + it));
            }
        }
        self.buffer.fill(1);
        black_box(&mut self.buffer);
        found
    }

    /// Where a part of a needle begins in what was read; pages that are zero are passed over.
    fn stands(&self, length: usize) -> impl Iterator<Item = usize> {
        let bytes = &self.buffer[..length];
        let ends = length.saturating_sub(PART - 1).min(CHUNK);
        let pages = (0..ends).step_by(PAGE).map(move |page| page..ends.min(page + PAGE));
        let pages = pages.filter(|it| bytes[it.clone()] != [0; PAGE][..it.len()]);
        pages.flatten().filter(move |at| {
            self.firsts.contains(&bytes[*at])
                && self.needles.iter().any(|it| it.stands(&bytes[*at..*at + PART]))
        })
    }
}

/// What is made on a thread of its own, which leaves nothing of it on its stack.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|it| it.spawn(|| scrubbed(work)).join().unwrap())
}

/// How often what is looked for is found while a holder lives, and once it is dropped. All of it happens
/// on a thread of its own, whose stack is looked at too.
fn alive_and_after<T>(needles: &[Needle], make: impl FnOnce() -> T + Send) -> [usize; 2] {
    let look = || {
        let mut look = Look::of(needles);
        let holder = make();
        let alive = look.found();
        drop(holder);
        let after = look.found();
        [alive.times, after.times]
    };
    std::thread::scope(|it| it.spawn(look).join().unwrap())
}

fn key() -> (Box<Secret<32>>, Needle) {
    apart(|| {
        let key = Box::new(Secret::new(entropy::bytes(&SystemEntropy)));
        let needle = Needle::of(key.expose());
        (key, needle)
    })
}

/// Leaves one deep on the stack, where nobody who looks comes by.
#[inline(never)]
fn leave_a_copy(key: &Secret<32>) {
    let mut deep = [0; 64 * 1_024];
    deep[..32].copy_from_slice(key.expose());
    black_box(&mut deep);
}

#[test]
fn what_nobody_clears_is_found_where_it_was_freed_and_on_a_stack() {
    // As long as few places are, so that nobody takes it again soon.
    let (bare, needle) = apart(|| {
        let bare: Box<[u8; 4_000]> = Box::new(entropy::bytes(&SystemEntropy));
        let needle = Needle::of(&bare[2_000..2_032]);
        (bare, needle)
    });
    let [alive, after] = alive_and_after(&[needle], move || bare);
    assert!(alive > 0 && after > 0);
    let (held, needle) = key();
    let [alive, after] = alive_and_after(&[needle], || leave_a_copy(&held));
    assert!(alive > 2 && after > 2, "each of its two parts is on the stack beside its place");
    // And is not, where the stack is overwritten.
    let (held, needle) = key();
    let found = alive_and_after(&[needle], move || {
        scrubbed(|| leave_a_copy(&held));
        held
    });
    assert_eq!(found, [2, 0]);
}

#[test]
fn nothing_is_left_of_a_signing_key() {
    let (seed, needle) = key();
    let [alive, after] = alive_and_after(&[needle], move || {
        let signer = Ed25519Signer::from_seed(&seed);
        assert_eq!(signer.sign(b"text").len(), 64);
        signer
    });
    assert!(alive > 0 && after == 0);
    let (seed, needle) = key();
    let [_, after] = alive_and_after(&[needle], move || {
        let signer = MlDsa44Signer::from_seed(&seed);
        assert_eq!(signer.sign(b"text").len(), 2_420);
        signer
    });
    assert_eq!(after, 0);
}

#[test]
fn nothing_is_left_of_a_cipher_key() {
    let of: [fn(&[u8; 32]) -> Cipher; 3] =
        [Cipher::aes_256_gcm, Cipher::aes_256_gcm_siv, Cipher::chacha20_poly1305];
    for (n, of) in of.into_iter().enumerate() {
        let (key, needle) = key();
        // It is handed over by value, which leaves copies on the stack: where it lives in the end counts here.
        let [alive, after] = alive_and_after(&[needle], move || {
            scrubbed(|| {
                let cipher = Box::new(of(key.expose()));
                let sealed = cipher.seal([1; 12], b"seen", &[7; 1_000]);
                assert_eq!(cipher.open([1; 12], b"seen", &sealed).unwrap().len(), 1_000);
                drop(key);
                cipher
            })
        });
        assert!(alive > 0 && after == 0, "{n}");
    }
}

const ADDRESS: &[u8] = b"canonical bytes of an address";
const MESSAGE: MessageId = MessageId::from_bytes([5; 16]);

fn agency() -> AgencyId {
    "ita.coast-guard".parse().unwrap()
}

/// A sealing key's seed, with what is to be found of it nowhere, also while it lives: the private halves that
/// grow from it; and something that is sealed to it.
fn sealing_key() -> (Box<Secret<32>>, [Needle; 2], Sealed) {
    apart(|| {
        let seed = Box::new(Secret::new(entropy::bytes(&SystemEntropy)));
        let mut grown = Zeroizing::new([0; 96]);
        let mut shake = Shake256::default();
        shake.update(seed.expose());
        shake.finalize_xof().read(grown.as_mut());
        let needles = [Needle::of(seed.expose()), Needle::of(grown.as_ref())];
        let recipients = [SealingPrivate::from_seed(&seed).recipient(agency())];
        let sealing = Sealing {
            address: ADDRESS,
            sender: &agency(),
            message: MESSAGE,
            recipients: &recipients,
            particulars: b"particulars",
            content: b"content",
        };
        let sealed = envelope::seal(&sealing, &SystemEntropy).unwrap();
        (seed, needles, sealed)
    })
}

#[test]
fn nothing_is_left_of_a_sealing_key_that_has_opened_something() {
    let (seed, [of_seed, of_grown], sealed) = sealing_key();
    let opened = move || {
        let keys = Keyring::from_seeds([seed.as_ref()]);
        drop(seed);
        let wrap = &sealed.wraps[0];
        drop(envelope::unwrap_key(ADDRESS, &agency(), MESSAGE, wrap, &keys).unwrap());
        keys
    };
    let look = || {
        let needles = [[of_seed], [of_grown]];
        let mut looks = needles.each_ref().map(|it| Look::of(it));
        let keys = opened();
        let alive = looks.each_mut().map(|it| it.found().times);
        drop(keys);
        (alive, looks.each_mut().map(|it| it.found()))
    };
    let (alive, after) = std::thread::scope(|it| it.spawn(look).join().unwrap());
    assert!(alive[0] > 0 && alive[1] == 0, "{alive:?}");
    assert!(after.iter().all(|it| it.times == 0), "{after:x?}");
}

/// A certificate in PEM form with its key, and what is to be found of that nowhere: its number in either order of
/// bytes, and its text.
fn certificate() -> (String, Zeroizing<String>, [Needle; 3]) {
    apart(|| {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let number = pair.private_key().as_be_bytes().unwrap();
        let mut turned = Zeroizing::new(number.as_ref().to_vec());
        let as_it_is = Needle::of(&turned);
        turned.reverse();
        let document = pair.to_pkcs8v1().unwrap();
        let body = Zeroizing::new(STANDARD.encode(document.as_ref()));
        let mut pem = Zeroizing::new(String::with_capacity(1_024));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        for at in (0..body.len()).step_by(64) {
            pem.push_str(&body[at..body.len().min(at + 64)]);
            pem.push('\n');
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        let authority = Authority::create(
            &agency(),
            Validity::days(Timestamp::from_millis(0), 1),
            &SystemEntropy,
        );
        let request = LeafRequest {
            principal: Principal::new(agency(), Role::Officer, "desk-1").unwrap(),
            validity: Validity::days(Timestamp::from_millis(0), 1),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
        };
        let public = pair.public_key().as_der().unwrap();
        let leaf = authority.unwrap().issue_for(&request, public.as_ref(), &SystemEntropy).unwrap();
        // The number stands at the end of its first line, and in its second.
        let needles = [as_it_is, Needle::of(&turned), Needle::of(&body.as_bytes()[48..80])];
        (leaf, pem, needles)
    })
}

#[test]
fn nothing_is_left_of_the_key_of_a_certificate() {
    let (chain, key, needles) = certificate();
    let [alive, after] = alive_and_after(&needles, move || {
        let own = OwnCertificate::from_pem(&chain, &key).unwrap();
        own.renew_from_pem(&chain, &key).unwrap();
        own
    });
    assert!(alive > 0 && after == 0);
}
