//! Who cosigns checkpoints of neighbours: the witness key in use, and the one that follows it from an
//! announced time on.
//!
//! The time that a cosignature states decides alone which key makes it, so a clock that is set back
//! brings the key before back with it, and every cosignature falls into the time of its key. Nothing
//! has to be remembered, whenever the node stops.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::clock::Timestamp;
use crate::merkle::cosignature;
use crate::merkle::signature::Ed25519Signer;

/// Who cosigns, now and from an announced time on.
struct Cosigners {
    in_use: Arc<Ed25519Signer>,
    next: Option<(Timestamp, Arc<Ed25519Signer>)>,
}

impl Cosigners {
    /// The next key, if it makes what is cosigned at a time.
    fn due(&self, at: Timestamp) -> Option<&(Timestamp, Arc<Ed25519Signer>)> {
        self.next.as_ref().filter(|(from, _)| *from <= cosignature::stated(at))
    }
}

/// The witness keys of a node.
pub struct WitnessSigning(ArcSwap<Cosigners>);

impl WitnessSigning {
    /// A key in use, and one that follows it from a time on.
    pub fn of(in_use: Ed25519Signer, next: Option<(Timestamp, Ed25519Signer)>) -> Self {
        let next = next.map(|(from, key)| (from, Arc::new(key)));
        Self(ArcSwap::from_pointee(Cosigners { in_use: Arc::new(in_use), next }))
    }

    /// A key that none follows.
    pub fn alone(key: Ed25519Signer) -> Self {
        Self::of(key, None)
    }

    /// The key that cosigns at a time.
    pub fn at(&self, now: Timestamp) -> Arc<Ed25519Signer> {
        let cosigners = self.0.load();
        let key = cosigners.due(now).map_or(&cosigners.in_use, |(_, next)| next);
        Arc::clone(key)
    }

    /// From when on the next key cosigns, if it does at a time: the one before may be retired.
    pub fn changed_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.load().due(now).map(|(from, _)| *from)
    }

    /// Puts other keys in the place of these.
    pub fn replace(&self, other: Self) {
        self.0.store(other.0.into_inner());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;

    fn key(byte: u8) -> Ed25519Signer {
        Ed25519Signer::from_seed(&Secret::new([byte; 32]))
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_time_that_is_stated_decides_which_key_cosigns() {
        let signing = WitnessSigning::of(key(1), Some((at(10_500), key(2))));
        let by = |millis: i64| signing.at(at(millis)).public();
        // At 10.9 s a cosignature states second 10, which is before the next key's time.
        for (millis, byte) in [(9_000, 1), (10_499, 1), (10_999, 1), (11_000, 2), (9_000, 1)] {
            assert_eq!(by(millis), key(byte).public(), "{millis}");
        }
        assert_eq!(signing.changed_at(at(10_999)), None);
        assert_eq!(signing.changed_at(at(11_000)), Some(at(10_500)));
        signing.replace(WitnessSigning::alone(key(2)));
        assert_eq!(signing.at(at(0)).public(), key(2).public());
        assert_eq!(signing.changed_at(at(11_000)), None);
    }
}
