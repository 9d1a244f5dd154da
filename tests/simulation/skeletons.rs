//! Opens the agency's own part of entries, with nothing but the cipher and the key.
//!
//! A record is nonce (24) ‖ commitment (32) ‖ AES-256-GCM; key and commitment are 64 bytes of
//! HKDF-Expand with SHA-512 over label and nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};

use crate::proto::{self, Fields};

const LABEL: &[u8] = b"rogatory/v1 record at rest";
/// What is sealed beside it.
pub const CONTEXT: &[u8] = b"rogatory skeleton 1";
/// Length of a nonce.
pub const NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;

struct SixtyFour;

impl KeyType for SixtyFour {
    fn len(&self) -> usize {
        64
    }
}

/// What stands in a skeleton; nothing in an empty one, and none where it does not open.
pub(super) fn opened(key: &[u8; 32], sealed: &[u8]) -> Option<Fields> {
    proto::fields(&plain(key, sealed)?)
}

/// The key of a skeleton with this nonce, and what it commits to.
pub fn derived(key: &[u8; 32], nonce: &[u8]) -> Option<([u8; 32], [u8; 32])> {
    let mut derived = [0; 64];
    let prk = Prk::new_less_safe(HKDF_SHA512, key);
    prk.expand(&[LABEL, nonce], SixtyFour).ok()?.fill(&mut derived).ok()?;
    let (own, commitment) = derived.split_at(32);
    Some((own.try_into().ok()?, commitment.try_into().ok()?))
}

/// The bytes of a skeleton.
pub fn plain(key: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.is_empty() {
        return Some(Vec::new());
    }
    let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES)?;
    let (claimed, body) = rest.split_at_checked(COMMITMENT_BYTES)?;
    let (own, commitment) = derived(key, nonce)?;
    if commitment != claimed {
        return None;
    }
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &own).ok()?);
    let mut bytes = body.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    Some(cipher.open_in_place(nonce, Aad::from(CONTEXT), &mut bytes).ok()?.to_vec())
}
