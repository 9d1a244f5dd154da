//! Records at rest: small things under a key that the node keeps, such as content keys and the
//! skeletons of entries.
//!
//! ```text
//! record key ‖ commitment = HKDF-Expand-SHA-512(storage key, label ‖ nonce)
//! record = nonce (24, random) ‖ commitment (32) ‖ AES-256-GCM(record key, nonce 0, context, plain)
//! ```
//!
//! The random nonce is as long as it is because a storage key lives for years: 24 bytes do not
//! repeat, and each record has a key of its own that encrypts once. The commitment makes a record
//! open under one storage key only. `context` says what the record is and where it belongs; it is
//! not stored, so a record moved elsewhere does not open.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::OpenError;
use super::primitive::{self, Cipher, NONCE_BYTES, TAG_BYTES};
use crate::entropy::{self, Entropy};
use crate::redact::Secret;

const RECORD_NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
const LABEL: &[u8] = b"rogatory/v1 record at rest";
/// A record's key encrypts once, so one nonce is enough.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];

/// What a sealed record is longer than its plain bytes.
pub const RECORD_OVERHEAD_BYTES: usize = RECORD_NONCE_BYTES + COMMITMENT_BYTES + TAG_BYTES;

/// A key that records at rest are sealed under. One key serves one kind of record.
#[derive(Debug)]
pub struct StorageKey(Secret<32>);

impl StorageKey {
    /// Takes the key over.
    pub const fn new(key: Secret<32>) -> Self {
        Self(key)
    }

    /// The same key a second time, for who must own it.
    pub fn second(&self) -> Self {
        Self(self.0.second())
    }

    /// Seals `plain` as the record that `context` names.
    pub fn seal_record(&self, context: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let nonce = entropy::bytes::<RECORD_NONCE_BYTES>(entropy);
        let (cipher, commitment) = self.of_record(&nonce);
        [nonce.as_slice(), &commitment, &cipher.seal(NONCE, context, plain)].concat()
    }

    /// The plain bytes of the record that `context` names.
    ///
    /// # Errors
    /// [`OpenError::Length`] if it is too short to be a record, [`OpenError::Commitment`] if the
    /// key is another, [`OpenError::Tag`] if the context is another or bytes were altered.
    pub fn open_record(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let too_short = OpenError::Length { bytes: sealed.len() };
        if sealed.len() < RECORD_OVERHEAD_BYTES {
            return Err(too_short);
        }
        let (nonce, rest) = sealed.split_first_chunk().ok_or(too_short)?;
        let (claimed, body) = rest.split_first_chunk::<COMMITMENT_BYTES>().ok_or(too_short)?;
        let (cipher, commitment) = self.of_record(nonce);
        if !bool::from(commitment.ct_eq(claimed)) {
            return Err(OpenError::Commitment);
        }
        cipher.open(NONCE, context, body).ok_or(OpenError::Tag)
    }

    /// A key out of this one, for the purpose that `label` names.
    pub(super) fn derive(&self, label: &[u8]) -> Secret<32> {
        Secret::made(|out| {
            primitive::expand_sha512(self.0.expose(), &[label], out)
                .expect("32 bytes are less than one hash");
        })
    }

    fn of_record(&self, nonce: &[u8; RECORD_NONCE_BYTES]) -> (Cipher, [u8; COMMITMENT_BYTES]) {
        let mut out = Zeroizing::new([0; 32 + COMMITMENT_BYTES]);
        primitive::expand_sha512(self.0.expose(), &[LABEL, nonce], out.as_mut())
            .expect("64 bytes are one hash");
        let (mut key, mut commitment) = (Zeroizing::new([0; 32]), [0; COMMITMENT_BYTES]);
        for (to, from) in key.iter_mut().chain(commitment.iter_mut()).zip(out.iter()) {
            *to = *from;
        }
        (Cipher::aes_256_gcm(&key), commitment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{SeededEntropy, SystemEntropy};

    fn key(byte: u8) -> StorageKey {
        StorageKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn records_open_under_their_key_and_context_only() {
        let sealed = key(1).seal_record(b"slot 7", b"content key", &SystemEntropy);
        assert_eq!(sealed.len(), b"content key".len() + RECORD_OVERHEAD_BYTES);
        assert_eq!(key(1).open_record(b"slot 7", &sealed).unwrap()[..], b"content key"[..]);
        assert_eq!(key(2).open_record(b"slot 7", &sealed), Err(OpenError::Commitment));
        assert_eq!(key(1).open_record(b"slot 8", &sealed), Err(OpenError::Tag));
        let empty = key(1).seal_record(b"", b"", &SystemEntropy);
        assert_eq!(key(1).open_record(b"", &empty).unwrap()[..], b""[..]);
    }

    #[test]
    fn no_two_records_are_alike_and_a_seed_repeats_them() {
        let chance = SeededEntropy::new(1);
        let one = key(1).seal_record(b"slot", b"same", &chance);
        assert_ne!(one, key(1).seal_record(b"slot", b"same", &chance));
        assert_eq!(one, key(1).seal_record(b"slot", b"same", &SeededEntropy::new(1)));
    }

    #[test]
    fn every_flipped_byte_and_every_other_length_is_refused() {
        let sealed = key(1).seal_record(b"slot", b"plain", &SystemEntropy);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 0x40;
            let expected = if at < 56 { OpenError::Commitment } else { OpenError::Tag };
            assert_eq!(key(1).open_record(b"slot", &flipped), Err(expected), "{at}");
        }
        for bytes in 0..sealed.len() {
            let expected = match bytes {
                ..RECORD_OVERHEAD_BYTES => OpenError::Length { bytes },
                _ => OpenError::Tag,
            };
            assert_eq!(key(1).open_record(b"slot", &sealed[..bytes]), Err(expected));
        }
        let longer = [sealed.as_slice(), &[0]].concat();
        assert_eq!(key(1).open_record(b"slot", &longer), Err(OpenError::Tag));
    }
}
