//! The cipher under which values of a store rest, and the pseudonyms that stand in their keys.
//!
//! ```text
//! sealed = AES-256-GCM-SIV(row key, nonce = first 12 bytes of SHA-256(name), name, plain)
//! pseudonym = AES-256(name key, 16 bytes)
//! ```
//!
//! Sealing has no chance in it: the same value under the same name is the same bytes, so folding
//! a journal again gives the same rows, and a batch can expect what it knows. GCM-SIV (RFC 8452) is
//! made for a nonce that comes again: all it tells is that a value is what it was before. The nonce
//! differs by name, so two names tell nothing of each other. A pseudonym is one block, enciphered:
//! equal for equal ids, and nobody without the key finds an id by it.

use std::fmt;

use aws_lc_rs::cipher::{
    AES_256, DecryptingKey, DecryptionContext, EncryptingKey, UnboundCipherKey,
};

use super::primitive::{Cipher, NONCE_BYTES, TAG_BYTES};
use super::storage::StorageKey;
use crate::domain::digest::Digest;
use crate::redact::{Secret, scrubbed};

/// What a sealed value is longer than its plain bytes.
pub const SEAL_BYTES: usize = TAG_BYTES;
/// Length of an id that gets a pseudonym, in bytes.
pub const PSEUDONYM_BYTES: usize = 16;

const VALUES: &[u8] = b"rogatory/v1 values of the store";
const NAMES: &[u8] = b"rogatory/v1 pseudonyms of the store";

/// The keys of a store's values and of the ids in its keys, both out of the storage key.
pub struct RowKey {
    values: Cipher,
    /// Boxed, as the next is: a key that is moved leaves a copy where it was.
    hide: Box<EncryptingKey>,
    show: Box<DecryptingKey>,
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey")
    }
}

impl RowKey {
    /// The keys that belong to a storage key.
    pub fn of(storage: &StorageKey) -> Self {
        let names = storage.derive(NAMES);
        let block = || -> UnboundCipherKey {
            UnboundCipherKey::new(&AES_256, names.expose()).expect("a key of AES-256 has 32 bytes")
        };
        let values: Secret<32> = storage.derive(VALUES);
        Self {
            values: Cipher::aes_256_gcm_siv(values.expose()),
            hide: scrubbed(|| {
                Box::new(EncryptingKey::ecb(block()).expect("AES-256 enciphers blocks"))
            }),
            show: scrubbed(|| {
                Box::new(DecryptingKey::ecb(block()).expect("AES-256 deciphers blocks"))
            }),
        }
    }

    /// Seals the value that stands under `name`.
    pub fn seal(&self, name: &[u8], plain: &[u8]) -> Vec<u8> {
        self.values.seal(nonce(name), name, plain)
    }

    /// The value that stands under `name`; nothing if it is another's, or was altered.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = self.values.open(nonce(name), name, sealed)?;
        Some(std::mem::take(&mut *plain))
    }

    /// The pseudonym of an id.
    pub fn hide(&self, mut id: [u8; PSEUDONYM_BYTES]) -> [u8; PSEUDONYM_BYTES] {
        self.hide.encrypt(&mut id).expect("an id is one block");
        id
    }

    /// The id of a pseudonym.
    pub fn show(&self, mut pseudonym: [u8; PSEUDONYM_BYTES]) -> [u8; PSEUDONYM_BYTES] {
        self.show
            .decrypt(&mut pseudonym, DecryptionContext::None)
            .expect("a pseudonym is one block");
        pseudonym
    }
}

fn nonce(name: &[u8]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce.iter_mut().zip(Digest::of(name).as_bytes()) {
        *to = *from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> RowKey {
        RowKey::of(&StorageKey::new(Secret::new([byte; 32])))
    }

    #[test]
    fn a_value_opens_under_its_name_and_key_only() {
        let sealed = key(1).seal(b"name", b"value");
        assert_eq!(sealed.len(), b"value".len() + SEAL_BYTES);
        assert_eq!(key(1).open(b"name", &sealed).as_deref(), Some(&b"value"[..]));
        assert_eq!(key(1).open(b"nama", &sealed), None);
        assert_eq!(key(2).open(b"name", &sealed), None);
        for at in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at] ^= 1;
            assert_eq!(key(1).open(b"name", &flipped), None, "{at}");
            assert_eq!(key(1).open(b"name", &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn the_same_value_under_the_same_name_is_the_same_bytes_and_under_another_is_not() {
        assert_eq!(key(1).seal(b"name", b"value"), key(1).seal(b"name", b"value"));
        let [one, other] = [b"name", b"nama"].map(|it| key(1).seal(it, b"value"));
        assert_ne!(one[..5], other[..5]);
        assert_ne!(one[5..], other[5..]);
    }

    #[test]
    fn a_pseudonym_leads_back_with_its_key_only() {
        let id = *b"0123456789abcdef";
        let hidden = key(1).hide(id);
        assert_ne!(hidden, id);
        assert_eq!(key(1).hide(id), hidden);
        assert_eq!(key(1).show(hidden), id);
        assert_ne!(key(2).hide(id), hidden);
        assert_ne!(key(2).show(hidden), id);
    }
}
