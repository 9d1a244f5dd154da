//! Keys of later volumes of a journal, beside those of the first: `journal-2.ed25519` and
//! `journal-2.mldsa44` are those of volume 2.
//!
//! A volume that ends is never signed again, so its keys may be destroyed once the next one is
//! followed by all neighbours.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::keys::{self, KeyError, NodeKeys};
use crate::entropy::{self, Entropy};
use crate::redact::Secret;

const PREFIX: &str = "journal-";
const ED25519: &str = ".ed25519";
const MLDSA44: &str = ".mldsa44";

/// The seeds of one volume: Ed25519, then ML-DSA-44.
pub type VolumeSeeds = [Secret<32>; 2];

fn names(volume: u32) -> [String; 2] {
    [ED25519, MLDSA44].map(|ending| format!("{PREFIX}{volume}{ending}"))
}

impl NodeKeys {
    /// The seeds of a volume of the journal, Ed25519 and ML-DSA-44: its own, or those of the first.
    pub fn journal(&self, volume: u32) -> [&Secret<32>; 2] {
        match self.volumes.get(&volume) {
            Some(own) => own.each_ref(),
            None => [&self.journal_ed25519, &self.journal_mldsa44],
        }
    }
}

/// Reads what there is in `folder`, by the number of the volume.
///
/// # Errors
/// A key of which only the other half is there, or that can't be read.
pub(super) fn load(
    folder: &Path,
    read: &dyn Fn(&Path) -> Result<Secret<32>, KeyError>,
) -> Result<BTreeMap<u32, VolumeSeeds>, KeyError> {
    let io_error = |source| KeyError::Io { path: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io_error)? {
        let name = entry.map_err(io_error)?.file_name();
        let number = name.to_str().and_then(|it| it.strip_prefix(PREFIX)?.strip_suffix(ED25519));
        let Some(volume) = number.and_then(|it| it.parse().ok()) else {
            continue;
        };
        let [ed25519, mldsa44] = names(volume).map(|it| folder.join(it));
        // The second half is written after the first: without it the pair was never used.
        if mldsa44.symlink_metadata().is_ok() {
            found.insert(volume, [read(&ed25519)?, read(&mldsa44)?]);
        }
    }
    Ok(found)
}

/// Makes the keys of a volume, or what is missing of them: those that are there stay.
///
/// # Errors
/// What the file system says.
pub fn make(folder: &Path, volume: u32, entropy: &dyn Entropy) -> Result<(), KeyError> {
    for path in names(volume).map(|it| folder.join(it)) {
        let fresh = Secret::new(entropy::bytes::<32>(entropy));
        match keys::write_key(&path, &fresh) {
            Ok(()) | Err(KeyError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
