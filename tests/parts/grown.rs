//! A tree with all its hashes at hand, grown as the journal grows its own.

use std::collections::BTreeMap;

use rogatory::domain::digest::Digest;
use rogatory::merkle::tree::{Frontier, Hashes, leaf_hash};

#[derive(Default)]
pub(crate) struct Grown {
    hashes: BTreeMap<(u8, u64), Digest>,
    pub(crate) frontier: Frontier,
}

impl Grown {
    pub(crate) fn over<E: AsRef<[u8]>>(entries: &[E]) -> Self {
        let mut tree = Self::default();
        for entry in entries {
            let hashes = &mut tree.hashes;
            tree.frontier.push_with(leaf_hash(entry.as_ref()), |level, index, hash| {
                hashes.insert((level, index), hash);
            });
        }
        tree
    }
}

impl Hashes for Grown {
    type Error = (u8, u64);

    fn complete(&self, level: u8, index: u64) -> Result<Digest, (u8, u64)> {
        self.hashes.get(&(level, index)).copied().ok_or((level, index))
    }
}
