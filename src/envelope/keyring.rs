//! An agency's sealing keys, by id; several at a time while one replaces another.
//!
//! A key is made from a 32-byte seed, which is X-Wing's private key as it stands
//! (draft-connolly-cfrg-xwing-kem §5.2). Where seeds are kept, and when a retired one is
//! destroyed, is decided elsewhere: here a key is gone when it is removed or dropped.

use std::collections::BTreeMap;
use std::fmt;

use hpke::kem::XWing;
use hpke::{Deserializable, Kem, Serializable};

use super::wrap::RecipientKey;
use crate::domain::digest::Digest;
use crate::domain::ids::AgencyId;
use crate::redact::{Secret, scrubbed};

/// Characters of a key id: 8 bytes in hexadecimal.
const KEY_ID_CHARS: usize = 16;

/// The id of a sealing key: the first 8 bytes of its SHA-256, in hexadecimal.
pub fn key_id(public: &[u8]) -> String {
    Digest::of(public).to_string().chars().take(KEY_ID_CHARS).collect()
}

/// A private sealing key. Overwritten when it is dropped.
pub struct SealingPrivate {
    /// Boxed: a key that is moved leaves a copy where it was.
    key: Box<<XWing as Kem>::PrivateKey>,
    public: Vec<u8>,
    key_id: String,
}

impl SealingPrivate {
    /// The key that grows from `seed`.
    pub fn from_seed(seed: &Secret<32>) -> Self {
        let (key, public) = scrubbed(|| {
            let key = <XWing as Kem>::PrivateKey::from_bytes(seed.expose());
            let key = Box::new(key.expect("every 32 bytes are an X-Wing private key"));
            let public = XWing::sk_to_pk(&key).to_bytes().to_vec();
            (key, public)
        });
        let key_id = key_id(&public);
        Self { key, public, key_id }
    }

    /// The public key, 1,216 bytes.
    pub fn public(&self) -> Vec<u8> {
        self.public.clone()
    }

    /// The key's id.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What others seal to when the key belongs to `agency`.
    pub fn recipient(&self, agency: AgencyId) -> RecipientKey {
        RecipientKey { agency, key_id: self.key_id.clone(), public: self.public() }
    }

    pub(super) fn key(&self) -> &<XWing as Kem>::PrivateKey {
        &self.key
    }
}

impl fmt::Debug for SealingPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingPrivate({})", self.key_id)
    }
}

/// The private sealing keys that an agency has at present.
#[derive(Debug, Default)]
pub struct Keyring(BTreeMap<String, SealingPrivate>);

impl Keyring {
    /// A ring of these keys.
    pub fn new(keys: impl IntoIterator<Item = SealingPrivate>) -> Self {
        Self(keys.into_iter().map(|key| (key.key_id.clone(), key)).collect())
    }

    /// The keys that grow from `seeds`.
    pub fn from_seeds<'a>(seeds: impl IntoIterator<Item = &'a Secret<32>>) -> Self {
        Self::new(seeds.into_iter().map(SealingPrivate::from_seed))
    }

    /// Adds a key; adding it again changes nothing.
    pub fn insert(&mut self, key: SealingPrivate) {
        self.0.insert(key.key_id.clone(), key);
    }

    /// Drops the key of this id. False if there was none.
    pub fn remove(&mut self, key_id: &str) -> bool {
        self.0.remove(key_id).is_some()
    }

    /// The key of this id.
    pub fn find(&self, key_id: &str) -> Option<&SealingPrivate> {
        self.0.get(key_id)
    }

    /// The keys, by id.
    pub fn iter(&self) -> impl Iterator<Item = &SealingPrivate> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_key_and_the_key_names_itself() {
        let key = SealingPrivate::from_seed(&Secret::new([7; 32]));
        assert_eq!(key.public().len(), 1216);
        assert_eq!(key.public(), SealingPrivate::from_seed(&Secret::new([7; 32])).public());
        assert_ne!(key.public(), SealingPrivate::from_seed(&Secret::new([8; 32])).public());
        assert_eq!(key.key_id(), &Digest::of(&key.public()).to_string()[..16]);
        assert_eq!(format!("{key:?}"), format!("SealingPrivate({})", key.key_id()));
    }

    #[test]
    fn keys_overlap_until_one_is_removed() {
        let mut ring = Keyring::from_seeds([&Secret::new([7; 32]), &Secret::new([8; 32])]);
        let ids: Vec<_> = ring.iter().map(|key| key.key_id().to_owned()).collect();
        assert_eq!(ids.len(), 2);
        ring.insert(SealingPrivate::from_seed(&Secret::new([7; 32])));
        assert_eq!(ring.iter().count(), 2);
        assert!(ring.remove(&ids[0]) && !ring.remove(&ids[0]));
        assert!(ring.find(&ids[0]).is_none() && ring.find(&ids[1]).is_some());
    }
}
