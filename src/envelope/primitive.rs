//! The ciphers and the one key derivation behind every seal, all of AWS-LC.
//!
//! Nonces are arguments: each caller says why its nonce cannot repeat under its key. The vectors
//! of Wycheproof run through these functions (`tests/parts/sealing.rs`).

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use crate::redact::{Secret, swept};

/// Size of a nonce of either cipher, in bytes.
pub const NONCE_BYTES: usize = 12;
/// Size of a tag of either cipher, in bytes.
pub const TAG_BYTES: usize = 16;

/// An AEAD with its key.
pub struct Cipher(LessSafeKey);

impl Cipher {
    /// AES-256-GCM (NIST SP 800-38D, 96-bit nonce).
    pub fn aes_256_gcm(key: &[u8; 32]) -> Self {
        Self::of(&aead::AES_256_GCM, key)
    }

    /// AES-256-GCM-SIV (RFC 8452), for whose nonces it is no harm to come again.
    pub fn aes_256_gcm_siv(key: &[u8; 32]) -> Self {
        Self::of(&aead::AES_256_GCM_SIV, key)
    }

    /// ChaCha20-Poly1305 (RFC 8439).
    pub fn chacha20_poly1305(key: &[u8; 32]) -> Self {
        Self::of(&aead::CHACHA20_POLY1305, key)
    }

    /// AES-128-GCM, which the product has no use for and the published format also names.
    #[cfg(test)]
    pub(super) fn aes_128_gcm(key: &[u8; 16]) -> Self {
        Self::of(&aead::AES_128_GCM, key)
    }

    fn of(algorithm: &'static aead::Algorithm, key: &[u8]) -> Self {
        let key = swept(|| UnboundKey::new(algorithm, key));
        // What is moved here has the key elsewhere: AWS-LC keeps it, and clears it.
        Self(LessSafeKey::new(
            key.expect("each constructor takes exactly the key size of its cipher"),
        ))
    }

    /// The ciphertext of `plain` with its tag at the end. `nonce` must be new under this key,
    /// but for AES-256-GCM-SIV.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(plain.len().saturating_add(TAG_BYTES));
        bytes.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        swept(|| self.0.seal_in_place_append_tag(nonce, Aad::from(associated), &mut bytes))
            .expect("callers seal chunks and records, far below the ciphers' 64 GiB");
        bytes
    }

    /// The plain bytes, or nothing at all when the tag does not hold.
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let open = || self.0.open_in_place(nonce, Aad::from(associated), &mut bytes);
        let plain_bytes = swept(|| open().map(|it| it.len())).ok()?;
        bytes.truncate(plain_bytes);
        Some(bytes)
    }
}

/// More output was asked for than HKDF has: 255 hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hkdf gives at most 255 hashes of output")]
pub struct OutputTooLong;

/// HKDF-SHA-512 (RFC 5869), extract and expand; the parts of `info` are joined as they stand.
///
/// # Errors
/// `out` is longer than 16,320 bytes.
pub fn hkdf_sha512(
    input: &[u8],
    salt: &[u8],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), OutputTooLong> {
    swept(|| fill(&hkdf::Salt::new(hkdf::HKDF_SHA512, salt).extract(input), info, out))
}

/// HKDF-Expand with SHA-512 (RFC 5869 §2.3) from a key that is already uniform.
///
/// # Errors
/// `out` is longer than 16,320 bytes.
pub(super) fn expand_sha512(
    key: &[u8; 32],
    info: &[&[u8]],
    out: &mut [u8],
) -> Result<(), OutputTooLong> {
    swept(|| fill(&hkdf::Prk::new_less_safe(hkdf::HKDF_SHA512, key), info, out))
}

/// A key out of a key, for the purpose that `label` names.
pub(super) fn derive(key: &[u8; 32], label: &[u8], info: &[&[u8]]) -> Secret<32> {
    Secret::made(|out| {
        hkdf_sha512(key, label, info, out).expect("32 bytes are less than 255 hashes");
    })
}

struct OutputBytes(usize);

impl hkdf::KeyType for OutputBytes {
    fn len(&self) -> usize {
        self.0
    }
}

fn fill(prk: &hkdf::Prk, info: &[&[u8]], out: &mut [u8]) -> Result<(), OutputTooLong> {
    prk.expand(info, OutputBytes(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| OutputTooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_released_under_a_wrong_tag() {
        let cipher = Cipher::aes_256_gcm(&[1; 32]);
        let mut sealed = cipher.seal([2; 12], b"seen", b"plain");
        assert_eq!(cipher.open([2; 12], b"seen", &sealed).unwrap().as_slice(), b"plain");
        assert_eq!(cipher.open([2; 12], b"else", &sealed), None);
        assert_eq!(cipher.open([3; 12], b"seen", &sealed), None);
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(cipher.open([2; 12], b"seen", &sealed), None);
        for bytes in 0..TAG_BYTES {
            assert_eq!(cipher.open([2; 12], b"seen", &vec![0; bytes]), None);
        }
    }

    #[test]
    fn the_two_ciphers_do_not_open_each_other() {
        let sealed = Cipher::chacha20_poly1305(&[1; 32]).seal([2; 12], b"", b"plain");
        assert_eq!(Cipher::aes_256_gcm(&[1; 32]).open([2; 12], b"", &sealed), None);
    }

    #[test]
    fn output_ends_at_255_hashes() {
        let most = 255 * 64;
        assert_eq!(hkdf_sha512(b"key", b"", &[b"x"], &mut vec![0; most]), Ok(()));
        assert_eq!(hkdf_sha512(b"key", b"", &[b"x"], &mut vec![0; most + 1]), Err(OutputTooLong));
    }
}
