//! When to try a peer again: a pure schedule with jitter.

use crate::entropy::{self, Entropy};

/// Waits that double from `min_ms` to `max_ms`, each shortened by chance to between half and all
/// of it, so that nodes that lost the same peer do not come back in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    min_ms: i64,
    max_ms: i64,
    next_ms: i64,
}

impl Backoff {
    /// A schedule that starts with `min_ms`.
    pub fn new(min_ms: i64, max_ms: i64) -> Self {
        let min_ms = min_ms.max(1);
        Self { min_ms, max_ms: max_ms.max(min_ms), next_ms: min_ms }
    }

    /// The peer was reached, or made contact: the next failure waits `min_ms` again.
    pub fn reset(&mut self) {
        self.next_ms = self.min_ms;
    }

    /// How long to wait after one more failure, in milliseconds.
    pub fn wait_ms(&mut self, entropy: &dyn Entropy) -> i64 {
        let whole = self.next_ms;
        self.next_ms = whole.saturating_mul(2).min(self.max_ms);
        let half = whole / 2;
        let chance = i64::from(u32::from_be_bytes(entropy::bytes(entropy)));
        half + chance % (whole - half + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn waits_double_to_the_limit_and_start_again_after_contact() {
        let entropy = SeededEntropy::new(1);
        let mut backoff = Backoff::new(250, 2_000);
        for whole in [250, 500, 1_000, 2_000, 2_000] {
            let wait = backoff.wait_ms(&entropy);
            assert!((whole / 2..=whole).contains(&wait), "{wait} of {whole}");
        }
        backoff.reset();
        assert!(backoff.wait_ms(&entropy) <= 250);
    }
}
