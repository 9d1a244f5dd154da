//! Chance as an argument: the system's, or one grown from a seed.

use std::sync::Mutex;

use aws_lc_rs::digest;

use crate::clock::Timestamp;

/// Where a node takes random bytes from.
pub trait Entropy: Send + Sync {
    /// Fills `out` with random bytes.
    ///
    /// The system's source does not fail on the platforms we build for; should it, the process
    /// must not go on with predictable keys, so the implementation panics.
    fn fill(&self, out: &mut [u8]);
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// A UUIDv7 (RFC 9562) for a thing that comes into being at `now`.
pub fn uuid_v7(entropy: &dyn Entropy, now: Timestamp) -> uuid::Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes::<10>(entropy)).into_uuid()
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        aws_lc_rs::rand::fill(out).expect("the system's random source answers on every platform");
    }
}

/// A reproducible stream for tests and the simulator: SHA-256 of seed and counter. Never a source
/// of keys outside them.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    counter: Mutex<u64>,
}

impl SeededEntropy {
    /// The stream that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, counter: Mutex::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut counter = self.counter.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(32) {
            let mut block = [0_u8; 16];
            let (seed, count) = block.split_at_mut(8);
            seed.copy_from_slice(&self.seed.to_be_bytes());
            count.copy_from_slice(&counter.to_be_bytes());
            *counter = counter.wrapping_add(1);
            let digest = digest::digest(&digest::SHA256, &block);
            for (to, from) in chunk.iter_mut().zip(digest.as_ref()) {
                *to = *from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream() {
        let (left, right) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(bytes::<70>(&left), bytes::<70>(&right));
        assert_ne!(bytes::<32>(&left), bytes::<32>(&SeededEntropy::new(8)));
    }

    #[test]
    fn uuids_carry_their_time_and_version() {
        let id = uuid_v7(&SystemEntropy, Timestamp::from_millis(1_768_099_620_000));
        assert_eq!(id.get_version_num(), 7);
        assert!(id.to_string().starts_with("019baaf3-24a0-7"), "{id}");
    }
}
