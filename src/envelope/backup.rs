//! A key that seals one backup: HPKE (RFC 9180) base mode with X-Wing to the backup key, whose
//! exported secret is the key of a chunked stream (`stream`).
//!
//! ```text
//! info       = label, key id; a zero byte after each
//! stream key = Export(journal's name, 32)
//! ```
//!
//! A backup key is for backups only: its label differs from that of content, so nothing that was
//! sealed to a sealing key opens with it, and the other way round. X-Wing rejects nothing of the
//! right length; another private key gives another stream key, and the stream's commitment says so.

use super::keyring::SealingPrivate;
use super::wrap::{decapsulate, encapsulate};
use crate::entropy::Entropy;
use crate::redact::Secret;

const LABEL: &[u8] = b"rogatory/v1 backup key wrap";

fn info(key_id: &str) -> Vec<u8> {
    [LABEL, &[0], key_id.as_bytes(), &[0]].concat()
}

/// A fresh stream key and its encapsulation to `public`; `None` if that is no X-Wing key.
pub fn begin(public: &[u8], journal: &str, entropy: &dyn Entropy) -> Option<(Vec<u8>, Secret<32>)> {
    let id = super::keyring::key_id(public);
    encapsulate(public, &info(&id), journal.as_bytes(), entropy)
}

/// The stream key out of its encapsulation; `None` if that has an impossible length.
pub fn resume(private: &SealingPrivate, journal: &str, encapsulation: &[u8]) -> Option<Secret<32>> {
    decapsulate(private, encapsulation, &info(private.key_id()), journal.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn the_key_comes_back_for_its_journal_and_private_key_only() {
        let [ours, other] = [7, 8].map(|n| SealingPrivate::from_seed(&Secret::new([n; 32])));
        let begun = begin(&ours.public(), "a.b/journal/1", &SeededEntropy::new(1));
        let (encapsulation, key) = begun.unwrap();
        let resumed = |private, journal| {
            *resume(private, journal, &encapsulation).expect("a possible length").expose()
        };
        assert_eq!(resumed(&ours, "a.b/journal/1"), *key.expose());
        assert_ne!(resumed(&ours, "a.b/journal/2"), *key.expose());
        assert_ne!(resumed(&other, "a.b/journal/1"), *key.expose());
        assert!(resume(&ours, "a.b/journal/1", &encapsulation[1..]).is_none());
        assert!(begin(&[1; 9], "a.b/journal/1", &SeededEntropy::new(1)).is_none());
    }
}
