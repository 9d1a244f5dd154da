//! Opens the agency's own part of entries, with nothing but the cipher and the key.
//!
//! A record is nonce (24) ‖ commitment (32) ‖ AES-256-GCM; key and commitment are 64 bytes of
//! HKDF-Expand with SHA-512 over label and nonce.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk};

use crate::proto::{self, Fields};

const LABEL: &[u8] = b"rogatory/v1 record at rest";
const CONTEXT: &[u8] = b"rogatory skeleton 1";
const NONCE_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;

struct SixtyFour;

impl KeyType for SixtyFour {
    fn len(&self) -> usize {
        64
    }
}

/// What stands in a skeleton; nothing in an empty one, and none where it does not open.
pub(super) fn opened(key: &[u8; 32], sealed: &[u8]) -> Option<Fields> {
    if sealed.is_empty() {
        return Some(Fields::new());
    }
    let (nonce, rest) = sealed.split_at_checked(NONCE_BYTES)?;
    let (claimed, body) = rest.split_at_checked(COMMITMENT_BYTES)?;
    let mut derived = [0; 64];
    let prk = Prk::new_less_safe(HKDF_SHA512, key);
    prk.expand(&[LABEL, nonce], SixtyFour).ok()?.fill(&mut derived).ok()?;
    let (own, commitment) = derived.split_at(32);
    if commitment != claimed {
        return None;
    }
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, own).ok()?);
    let mut bytes = body.to_vec();
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let plain = cipher.open_in_place(nonce, Aad::from(CONTEXT), &mut bytes).ok()?;
    proto::fields(plain)
}
