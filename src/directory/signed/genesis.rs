//! What a network begins with. Its hash is pinned in every node's configuration.

use crate::directory::signed::authorities::{Authorities, THRESHOLD_MIN};
use crate::directory::strict::{self, Fault};
use crate::domain::digest::Digest;
use crate::domain::ids::NetworkId;

/// Longest text of a genesis, in bytes.
pub const GENESIS_BYTES_MAX: usize = 16 * 1024;

const KEYS: &[&str] = &["network", "demo", "threshold", "authority"];

/// The network's name and its first authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The network.
    pub network: NetworkId,
    /// A network for trying things out: a single authority may decide there.
    pub is_demo: bool,
    /// Who signs the first roll.
    pub authorities: Authorities,
    hash: Digest,
}

impl Genesis {
    /// Reads a genesis.
    ///
    /// # Errors
    /// Every fault of the text at once.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        strict::read(text, GENESIS_BYTES_MAX, KEYS, |root| {
            root.require(&["network"]);
            let network = root.parsed::<NetworkId>("network");
            let is_demo = root.flag("demo").unwrap_or(false);
            let least = if is_demo { 1 } else { THRESHOLD_MIN };
            let authorities = Authorities::read(root, least);
            let hash = Digest::of(text.as_bytes());
            Some(Self { network: network?, is_demo, authorities: authorities?, hash })
        })
    }

    /// SHA-256 of the text's bytes: what `node.genesis` of a configuration names.
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// The least threshold of this network.
    pub fn threshold_min(&self) -> usize {
        if self.is_demo { 1 } else { THRESHOLD_MIN }
    }
}
