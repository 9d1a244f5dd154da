//! Primitives and formats against published vectors. Each case runs or is counted with a reason.

use std::collections::BTreeMap;
use std::io::Write;

use hpke::aead::{Aead, AesGcm128, AesGcm256, ChaCha20Poly1305, ExportOnlyAead};
use hpke::kdf::{HkdfSha256, HkdfSha384, HkdfSha512, Kdf, KdfShake128, KdfShake256};
use hpke::kdf::{KdfTurboShake128, KdfTurboShake256};
use hpke::kem::{MlKem768, MlKem1024, X25519HkdfSha256, XWing};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rogatory::domain::digest::Digest;
use rogatory::entropy::Entropy;
use rogatory::envelope::chunks;
use rogatory::envelope::primitive::{Cipher, hkdf_sha512};
use rogatory::redact::Secret;
use serde_json::Value;
use shake::Shake128;
use shake::digest::{ExtendableOutput, Update, XofReader};

type Counts = BTreeMap<&'static str, usize>;

/// Past the harness, which keeps the output of passing tests to itself.
#[expect(clippy::explicit_write, reason = "what eprintln writes, the harness captures")]
fn aloud(what: &str, ran: usize, left_out: &Counts) {
    let mut text = format!("{what}: {ran} ran");
    for (reason, count) in left_out {
        text += &format!("; {count} left out: {reason}");
    }
    writeln!(std::io::stderr(), "{text}").unwrap();
}

fn vectors(path: &str) -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    serde_json::from_slice(&std::fs::read(format!("{root}/tests/vectors/{path}")).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap()
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

/// The chance of a vector: exactly these bytes, asked for at once.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

impl TryRng for Fixed {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("encapsulation asks for bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("encapsulation asks for bytes")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

#[test]
fn chunked_encryption_gives_the_bytes_of_the_vectors() {
    let (mut ran, mut left_out) = (0, Counts::new());
    for case in vectors("computed/chunked-encryption.json")["cases"].as_array().unwrap() {
        if case["aead"] != "AEAD_AES_256_GCM" {
            *left_out
                .entry("AES-128, which only the unit test in chunks.rs can reach")
                .or_default() += 1;
            continue;
        }
        let plain: Vec<u8> = (0..number(&case["plaintext_length"]))
            .map(|i| u8::try_from((7 * i + i / 256) % 256).unwrap())
            .collect();
        let (key, context) =
            (Secret::new(array(&case["input_key_hex"])), bytes(&case["context_hex"]));
        let sealed = chunks::seal(&key, &context, &plain, &Fixed(bytes(&case["salt_hex"])));
        assert_eq!(Digest::of(&sealed).to_string(), case["ciphertext_sha256"]);
        if let Some(expected) = case["ciphertext_hex"].as_str() {
            assert_eq!(hex::encode(&sealed), expected);
        }
        assert_eq!(chunks::open(&key, &context, &sealed).unwrap().as_slice(), plain);
        ran += 1;
    }
    aloud("chunked-encryption", ran, &left_out);
    assert_eq!((ran, left_out.values().sum::<usize>()), (9, 9));
}

/// 0 to 255 bytes, as the condensed vectors draw them from SHAKE128.
fn drawn(source: &mut impl XofReader) -> Vec<u8> {
    let mut length = [0];
    source.read(&mut length);
    let mut out = vec![0; usize::from(length[0])];
    source.read(&mut out);
    out
}

fn squeezed(sink: Shake128) -> String {
    let mut out = [0; 16];
    sink.finalize_xof().read(&mut out);
    hex::encode(out)
}

/// One case in both directions: keys, encapsulation with the vector's chance, seals, exports.
fn hpke_case<A: Aead, D: Kdf, M: Kem>(case: &Value) {
    let (derived, public) = M::derive_keypair(&bytes(&case["ikmR"]));
    let private = M::PrivateKey::from_bytes(&bytes(&case["skRm"])).unwrap();
    assert_eq!(public.to_bytes().to_vec(), bytes(&case["pkRm"]));
    assert_eq!(M::sk_to_pk(&private), public);
    assert_eq!(M::sk_to_pk(&derived), public);
    let (info, mut chance) = (bytes(&case["info"]), Fixed(bytes(&case["ikmE"])));
    let (encapsulation, mut sender) =
        hpke::setup_sender_with_rng::<A, D, M>(&OpModeS::Base, &public, &info, &mut chance)
            .unwrap();
    assert_eq!(encapsulation.to_bytes().to_vec(), bytes(&case["enc"]));
    let encapsulation = M::EncappedKey::from_bytes(&bytes(&case["enc"])).unwrap();
    let mut receiver =
        hpke::setup_receiver::<A, D, M>(&OpModeR::Base, &private, &encapsulation, &info).unwrap();
    for seal in case["encryptions"].as_array().into_iter().flatten() {
        let (plain, associated) = (bytes(&seal["pt"]), bytes(&seal["aad"]));
        assert_eq!(sender.seal(&plain, &associated).unwrap(), bytes(&seal["ct"]));
        assert_eq!(receiver.open(&bytes(&seal["ct"]), &associated).unwrap(), plain);
    }
    if let Some(expected) = case["encryptions_accumulated"].as_str() {
        let (mut source, mut sink) = (Shake128::default().finalize_xof(), Shake128::default());
        for _ in 0..1000 {
            let (associated, plain) = (drawn(&mut source), drawn(&mut source));
            let sealed = sender.seal(&plain, &associated).unwrap();
            assert_eq!(receiver.open(&sealed, &associated).unwrap(), plain);
            sink.update(&sealed);
        }
        assert_eq!(squeezed(sink), expected);
    }
    for export in case["exports"].as_array().into_iter().flatten() {
        let mut out = vec![0; number(&export["L"])];
        receiver.export(&bytes(&export["exporter_context"]), &mut out).unwrap();
        assert_eq!(out, bytes(&export["exported_value"]));
    }
    if let Some(expected) = case["exports_accumulated"].as_str() {
        let (mut source, mut sink) = (Shake128::default().finalize_xof(), Shake128::default());
        for length in 0..1000 {
            let mut out = vec![0; length];
            receiver.export(&drawn(&mut source), &mut out).unwrap();
            sink.update(&out);
        }
        assert_eq!(squeezed(sink), expected);
    }
}

fn with_aead<D: Kdf, M: Kem>(case: &Value) -> Result<(), &'static str> {
    match number(&case["aead_id"]) {
        1 => hpke_case::<AesGcm128, D, M>(case),
        2 => hpke_case::<AesGcm256, D, M>(case),
        3 => hpke_case::<ChaCha20Poly1305, D, M>(case),
        0xffff => hpke_case::<ExportOnlyAead, D, M>(case),
        _ => return Err("an AEAD unknown to the crate"),
    }
    Ok(())
}

fn with_kdf<M: Kem>(case: &Value) -> Result<(), &'static str> {
    match number(&case["kdf_id"]) {
        0x01 => with_aead::<HkdfSha256, M>(case),
        0x02 => with_aead::<HkdfSha384, M>(case),
        0x03 => with_aead::<HkdfSha512, M>(case),
        0x10 => with_aead::<KdfShake128, M>(case),
        0x11 => with_aead::<KdfShake256, M>(case),
        0x12 => with_aead::<KdfTurboShake128, M>(case),
        0x13 => with_aead::<KdfTurboShake256, M>(case),
        _ => Err("a KDF unknown to the crate"),
    }
}

fn with_kem(case: &Value) -> Result<(), &'static str> {
    match number(&case["kem_id"]) {
        0x20 => with_kdf::<X25519HkdfSha256>(case),
        0x41 => with_kdf::<MlKem768>(case),
        0x42 => with_kdf::<MlKem1024>(case),
        0x647a => with_kdf::<XWing>(case),
        0x10..=0x12 | 0x50 | 0x51 => Err("KEMs with NIST curves, not compiled in"),
        0x21 | 0x40 => Err("X448 or ML-KEM-512, which the crate lacks"),
        _ => Err("a KEM unknown to the crate"),
    }
}

fn run_hpke(path: &str) -> (usize, Counts) {
    let (mut ran, mut left_out) = (0, Counts::new());
    for case in vectors(path).as_array().unwrap() {
        assert_eq!(case["mode"], 0);
        match with_kem(case) {
            Ok(()) => ran += 1,
            Err(reason) => *left_out.entry(reason).or_default() += 1,
        }
    }
    aloud(path, ran, &left_out);
    (ran, left_out)
}

#[test]
fn hpke_gives_the_values_of_rfc_9180() {
    let (ran, left_out) = run_hpke("hpke/rfc9180.json");
    assert_eq!((ran, left_out.values().sum::<usize>()), (8, 16));
}

#[test]
fn hpke_gives_the_values_of_the_post_quantum_vectors() {
    let (ran, left_out) = run_hpke("hpke/hpke-pq.json");
    assert_eq!((ran, left_out.values().sum::<usize>()), (6, 7));
}

/// Every test of a Wycheproof file with the parameters of its group.
fn wycheproof(
    file: &str,
    mut run: impl FnMut(&Value, &Value) -> Result<(), &'static str>,
) -> (usize, usize) {
    let (mut ran, mut left_out) = (0, Counts::new());
    for group in vectors(&format!("wycheproof/{file}"))["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            match run(group, test) {
                Ok(()) => ran += 1,
                Err(reason) => *left_out.entry(reason).or_default() += 1,
            }
        }
    }
    aloud(file, ran, &left_out);
    (ran, left_out.values().sum())
}

fn aead_case(
    group: &Value,
    test: &Value,
    cipher: fn(&[u8; 32]) -> Cipher,
) -> Result<(), &'static str> {
    if group["keySize"] != 256 {
        return Err("keys of 128 and 192 bits, which the product does not take");
    }
    if group["ivSize"] != 96 {
        return Err("nonces of other than 12 bytes, which the types rule out");
    }
    let cipher = cipher(&array(&test["key"]));
    let (nonce, associated) = (array(&test["iv"]), bytes(&test["aad"]));
    let (plain, sealed) = (bytes(&test["msg"]), [bytes(&test["ct"]), bytes(&test["tag"])].concat());
    let opened = cipher.open(nonce, &associated, &sealed);
    if test["result"] == "valid" {
        assert_eq!(opened.unwrap().as_slice(), plain, "{}", test["tcId"]);
        assert_eq!(cipher.seal(nonce, &associated, &plain), sealed, "{}", test["tcId"]);
    } else {
        assert_eq!(opened, None, "{}", test["tcId"]);
    }
    Ok(())
}

#[test]
fn the_ciphers_agree_with_wycheproof() {
    let aes = wycheproof("aes_gcm_test.json", |g, t| aead_case(g, t, Cipher::aes_256_gcm));
    let chacha = |g: &Value, t: &Value| aead_case(g, t, Cipher::chacha20_poly1305);
    let chacha = wycheproof("chacha20_poly1305_test.json", chacha);
    assert_eq!((aes, chacha), ((66, 250), (316, 9)));
}

#[test]
fn the_key_derivations_agree_with_wycheproof() {
    let compare = |test: &Value, out: Option<Vec<u8>>| {
        let expected = (test["result"] == "valid").then(|| bytes(&test["okm"]));
        assert_eq!(out, expected, "{}", test["tcId"]);
        Ok(())
    };
    let ours = wycheproof("hkdf_sha512_test.json", |_, test| {
        let mut out = vec![0; number(&test["size"])];
        let (input, salt, info) = (bytes(&test["ikm"]), bytes(&test["salt"]), bytes(&test["info"]));
        compare(test, hkdf_sha512(&input, &salt, &[&info], &mut out).ok().map(|()| out))
    });
    let inside_hpke = wycheproof("hkdf_sha256_test.json", |_, test| {
        let mut out = vec![0; number(&test["size"])];
        let prk =
            hkdf::Hkdf::<sha2::Sha256>::new(Some(&bytes(&test["salt"])), &bytes(&test["ikm"]));
        compare(test, prk.expand(&bytes(&test["info"]), &mut out).ok().map(|()| out))
    });
    assert_eq!((ours, inside_hpke), ((83, 0), (86, 0)));
}
