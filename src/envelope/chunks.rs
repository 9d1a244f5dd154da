//! C2SP chunked-encryption (`c2sp.org/chunked-encryption`), AES-256-GCM with SHA-512.
//!
//! ```text
//! key ‖ base nonce ‖ commitment =
//!     HKDF-Expand(input key, "c2sp.org/chunked-encryption@v1+" ‖ AEAD ‖ 0x00 ‖ salt ‖ context)
//! sealed = salt (24) ‖ commitment (32) ‖ chunks, each of 16 KiB and a tag, the last one shorter
//! ```
//!
//! A chunk's nonce is the base nonce XOR its number: it cannot repeat, since salt, and with it
//! key and base nonce, are random for each sealing. The format ends at 2³⁸ chunks; a slice in
//! memory ends long before. A stream in pieces is `stream.rs`'s; from its middle none is read.

use std::iter;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::OpenError;
use super::primitive::{self, Cipher, NONCE_BYTES, TAG_BYTES};
use crate::entropy::{self, Entropy};
use crate::redact::Secret;

/// Plain bytes of every chunk but the last, which has fewer.
pub const CHUNK_BYTES: usize = 16 * 1024;
/// Size of the random salt in front, in bytes.
pub const SALT_BYTES: usize = 24;
/// Size of the key commitment after it, in bytes.
pub const COMMITMENT_BYTES: usize = 32;

pub(super) const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Size of what stands before the chunks, in bytes.
pub const FRONT_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+";

/// Size of `plain_bytes` once sealed.
pub const fn sealed_bytes(plain_bytes: usize) -> usize {
    let chunks = plain_bytes / CHUNK_BYTES + 1;
    FRONT_BYTES + plain_bytes + chunks * TAG_BYTES
}

/// Size of what is sealed in `sealed_bytes`, by arithmetic alone.
///
/// # Errors
/// [`OpenError::Truncated`] if the last chunk is missing, [`OpenError::Length`] for every other
/// length that sealing never gives.
pub const fn plain_bytes(sealed_bytes: usize) -> Result<usize, OpenError> {
    let Some(body_bytes) = sealed_bytes.checked_sub(FRONT_BYTES) else {
        return Err(OpenError::Length { bytes: sealed_bytes });
    };
    let full_chunks = body_bytes / SEALED_CHUNK_BYTES;
    match body_bytes % SEALED_CHUNK_BYTES {
        0 => Err(OpenError::Truncated),
        last => match last.checked_sub(TAG_BYTES) {
            Some(last) => Ok(full_chunks * CHUNK_BYTES + last),
            None => Err(OpenError::Length { bytes: sealed_bytes }),
        },
    }
}

/// Seals `plain` under a key of its own, derived from `input_key`, a random salt and `context`.
pub fn seal(
    input_key: &Secret<32>,
    context: &[u8],
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Vec<u8> {
    let salt = entropy::bytes::<SALT_BYTES>(entropy);
    seal_chunks(&Keys::derive(input_key, &salt, context), &salt, plain)
}

/// The plain bytes, once the length is possible, the commitment matches and every tag holds.
///
/// # Errors
/// [`OpenError::Length`], [`OpenError::Truncated`], [`OpenError::Commitment`], [`OpenError::Tag`],
/// in this order.
pub fn open(
    input_key: &Secret<32>,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_chunks(|salt| Keys::derive(input_key, salt, context), sealed)
}

/// What one sealing derives.
pub(super) struct Keys {
    pub(super) cipher: Cipher,
    base_nonce: [u8; NONCE_BYTES],
    pub(super) commitment: [u8; COMMITMENT_BYTES],
}

impl Keys {
    pub(super) fn derive(input_key: &Secret<32>, salt: &[u8; SALT_BYTES], context: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        let mut out = Zeroizing::new([0; 32 + NONCE_BYTES + COMMITMENT_BYTES]);
        let info: [&[u8]; 4] = [LABEL, b"AEAD_AES_256_GCM\0", salt, context];
        primitive::expand_sha512(input_key.expose(), &info, out.as_mut())
            .expect("76 bytes are less than 255 hashes");
        let (base_nonce, commitment) = take_apart(out.as_ref(), key.as_mut());
        Self { cipher: Cipher::aes_256_gcm(&key), base_nonce, commitment }
    }

    pub(super) fn nonce(&self, number: u64) -> [u8; NONCE_BYTES] {
        let mut nonce = self.base_nonce;
        for (byte, count) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= count;
        }
        nonce
    }
}

/// Fills `key` from the front of `out`; the base nonce and the commitment are what follows it.
fn take_apart(out: &[u8], key: &mut [u8]) -> ([u8; NONCE_BYTES], [u8; COMMITMENT_BYTES]) {
    let (mut base_nonce, mut commitment) = ([0; NONCE_BYTES], [0; COMMITMENT_BYTES]);
    let fields = key.iter_mut().chain(base_nonce.iter_mut()).chain(commitment.iter_mut());
    for (to, from) in fields.zip(out) {
        *to = *from;
    }
    (base_nonce, commitment)
}

fn seal_chunks(keys: &Keys, salt: &[u8; SALT_BYTES], plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(sealed_bytes(plain.len()));
    sealed.extend_from_slice(salt);
    sealed.extend_from_slice(&keys.commitment);
    let full = plain.chunks_exact(CHUNK_BYTES);
    let last = full.remainder();
    for (number, chunk) in (0..).zip(full.chain(iter::once(last))) {
        sealed.extend_from_slice(&keys.cipher.seal(keys.nonce(number), &[], chunk));
    }
    sealed
}

fn open_chunks(
    derive: impl FnOnce(&[u8; SALT_BYTES]) -> Keys,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let too_short = OpenError::Length { bytes: sealed.len() };
    let mut plain = Zeroizing::new(Vec::with_capacity(plain_bytes(sealed.len())?));
    let (salt, rest) = sealed.split_first_chunk().ok_or(too_short)?;
    let (commitment, body) = rest.split_first_chunk::<COMMITMENT_BYTES>().ok_or(too_short)?;
    let keys = derive(salt);
    if !bool::from(keys.commitment.ct_eq(commitment)) {
        return Err(OpenError::Commitment);
    }
    let full = body.chunks_exact(SEALED_CHUNK_BYTES);
    let last = full.remainder();
    for (number, chunk) in (0..).zip(full.chain(iter::once(last))) {
        let opened = keys.cipher.open(keys.nonce(number), &[], chunk).ok_or(OpenError::Tag)?;
        plain.extend_from_slice(&opened);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::entropy::SeededEntropy;

    const VECTORS: &str = include_str!("../../tests/vectors/computed/chunked-encryption.json");

    fn bytes(value: &serde_json::Value) -> Vec<u8> {
        hex::decode(value.as_str().unwrap()).unwrap()
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| u8::try_from((7 * i + i / 256) % 256).unwrap()).collect()
    }

    /// The same chunks with the other cipher of the vectors, which the product does not offer.
    fn keys_128(input_key: &[u8], salt: &[u8; SALT_BYTES], context: &[u8]) -> Keys {
        let prk = aws_lc_rs::hkdf::Prk::new_less_safe(aws_lc_rs::hkdf::HKDF_SHA512, input_key);
        let info: [&[u8]; 4] = [LABEL, b"AEAD_AES_128_GCM\0", salt, context];
        let (mut out, mut key) = ([0; 64], [0; 16]);
        prk.expand(&info, aws_lc_rs::hkdf::HKDF_SHA512).unwrap().fill(&mut out).unwrap();
        let (base_nonce, commitment) = take_apart(&out[..60], &mut key);
        Keys { cipher: Cipher::aes_128_gcm(&key), base_nonce, commitment }
    }

    #[test]
    fn derived_values_and_sealed_bytes_are_those_of_the_vectors() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let mut seen = [0, 0];
        for case in vectors["cases"].as_array().unwrap() {
            let salt: [u8; SALT_BYTES] = bytes(&case["salt_hex"]).try_into().unwrap();
            let (input, context) = (bytes(&case["input_key_hex"]), bytes(&case["context_hex"]));
            let derive = || match case["aead"].as_str().unwrap() {
                "AEAD_AES_128_GCM" => keys_128(&input, &salt, &context),
                "AEAD_AES_256_GCM" => {
                    Keys::derive(&Secret::new(input[..].try_into().unwrap()), &salt, &context)
                }
                other => panic!("unknown aead {other}"),
            };
            seen[input.len() / 16 - 1] += 1;
            let keys = derive();
            assert_eq!(keys.base_nonce.as_slice(), bytes(&case["base_nonce_hex"]));
            assert_eq!(keys.commitment.as_slice(), bytes(&case["commitment_hex"]));
            let plain =
                pattern(usize::try_from(case["plaintext_length"].as_u64().unwrap()).unwrap());
            let sealed = seal_chunks(&keys, &salt, &plain);
            assert_eq!(sealed.len() as u64, case["ciphertext_length"].as_u64().unwrap());
            assert_eq!(Digest::of(&sealed).to_string(), case["ciphertext_sha256"]);
            assert_eq!(open_chunks(|_| derive(), &sealed).unwrap().as_slice(), plain);
        }
        assert_eq!(seen, [9, 9]);
    }

    #[test]
    fn nonces_count_from_the_base_upwards() {
        let keys = Keys::derive(&Secret::new([1; 32]), &[2; SALT_BYTES], b"");
        assert_eq!(keys.nonce(0), keys.base_nonce);
        let mut expected = keys.base_nonce;
        expected[11] ^= 0x03;
        expected[10] ^= 0x02;
        expected[7] ^= 0x01;
        assert_eq!(keys.nonce(0x01_0000_0203), expected);
    }

    #[test]
    fn lengths_go_there_and_back_at_every_boundary() {
        for plain in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES] {
            assert_eq!(plain_bytes(sealed_bytes(plain)), Ok(plain));
        }
        for bytes in 0..FRONT_BYTES {
            assert_eq!(plain_bytes(bytes), Err(OpenError::Length { bytes }));
        }
        for chunks in 0..3 {
            let end = FRONT_BYTES + chunks * SEALED_CHUNK_BYTES;
            assert_eq!(plain_bytes(end), Err(OpenError::Truncated));
            for bytes in end + 1..end + TAG_BYTES {
                assert_eq!(plain_bytes(bytes), Err(OpenError::Length { bytes }));
            }
            assert_eq!(plain_bytes(end + TAG_BYTES), Ok(chunks * CHUNK_BYTES));
        }
    }

    #[test]
    fn truncated_extended_and_reordered_streams_are_refused() {
        let key = Secret::new([1; 32]);
        let plain = pattern(2 * CHUNK_BYTES + 100);
        let sealed = seal(&key, b"there", &plain, &SeededEntropy::new(1));
        let (first, second) = (FRONT_BYTES, FRONT_BYTES + SEALED_CHUNK_BYTES);
        let end = second + SEALED_CHUNK_BYTES;
        assert_eq!(open(&key, b"there", &sealed[..end]), Err(OpenError::Truncated));
        assert_eq!(open(&key, b"there", &sealed[..end - 1]), Err(OpenError::Tag));
        assert_eq!(open(&key, b"there", &sealed[..sealed.len() - 1]), Err(OpenError::Tag));
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(open(&key, b"there", &longer), Err(OpenError::Tag));
        let (one, two, rest) = (&sealed[first..second], &sealed[second..end], &sealed[end..]);
        let swapped = [&sealed[..first], two, one, rest].concat();
        assert_eq!(open(&key, b"there", &swapped), Err(OpenError::Tag));
        let dropped = [&sealed[..first], one, rest].concat();
        assert_eq!(open(&key, b"there", &dropped), Err(OpenError::Tag));
        assert_eq!(open(&key, b"elsewhere", &sealed), Err(OpenError::Commitment));
        assert_eq!(open(&Secret::new([2; 32]), b"there", &sealed), Err(OpenError::Commitment));
        assert_eq!(open(&key, b"there", &sealed).unwrap().as_slice(), plain);
    }
}
