//! Keys of a journal beside its first: `journal-2.ed25519` and `journal-2.mldsa44` are the first of
//! volume 2, `journal-1.2.ed25519` and `journal-1.2.mldsa44` the second of volume 1.
//!
//! Which pair signs is no question of names: it is the one whose public halves the directory names.

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

/// Which pair of keys: of which volume, and which of it, from 1.
pub type Place = (u32, u32);

fn names((volume, pair): Place) -> [String; 2] {
    let of = if pair == 1 { volume.to_string() } else { format!("{volume}.{pair}") };
    [ED25519, MLDSA44].map(|ending| format!("{PREFIX}{of}{ending}"))
}

fn place_of(name: &str) -> Option<Place> {
    let of = name.strip_prefix(PREFIX)?.strip_suffix(ED25519)?;
    let place = match of.split_once('.') {
        None => (of.parse().ok()?, 1),
        Some((volume, pair)) => (volume.parse().ok()?, pair.parse().ok().filter(|it| *it > 1)?),
    };
    // One name for each place: without signs and zeros before it.
    names(place).first().is_some_and(|it| it == name).then_some(place)
}

impl NodeKeys {
    /// The first seeds of a volume of the journal, Ed25519 and ML-DSA-44: its own, or those of the
    /// first.
    pub fn journal(&self, volume: u32) -> [&Secret<32>; 2] {
        match self.volumes.get(&(volume, 1)) {
            Some(own) => own.each_ref(),
            None => [&self.journal_ed25519, &self.journal_mldsa44],
        }
    }

    /// All seeds that a volume may be signed with, by their places.
    pub fn pairs(&self, volume: u32) -> impl Iterator<Item = (Place, [&Secret<32>; 2])> {
        let later = self.volumes.range((volume, 2)..=(volume, u32::MAX));
        let later = later.map(|(place, seeds)| (*place, seeds.each_ref()));
        std::iter::once(((volume, 1), self.journal(volume))).chain(later)
    }
}

/// Reads what there is in `folder`, by place.
///
/// # Errors
/// A key of which only the other half is there, or that can't be read.
pub(super) fn load(
    folder: &Path,
    read: &dyn Fn(&Path) -> Result<Secret<32>, KeyError>,
) -> Result<BTreeMap<Place, VolumeSeeds>, KeyError> {
    let io_error = |source| KeyError::Io { path: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io_error)? {
        let name = entry.map_err(io_error)?.file_name();
        let Some(place) = name.to_str().and_then(place_of) else {
            continue;
        };
        let [ed25519, mldsa44] = names(place).map(|it| folder.join(it));
        // The second half is written after the first: without it the pair was never used.
        if mldsa44.symlink_metadata().is_ok() {
            found.insert(place, [read(&ed25519)?, read(&mldsa44)?]);
        }
    }
    Ok(found)
}

/// Makes a pair of keys, or what is missing of it: those that are there stay.
///
/// # Errors
/// What the file system says.
pub fn make(folder: &Path, place: Place, entropy: &dyn Entropy) -> Result<(), KeyError> {
    for path in names(place).map(|it| folder.join(it)) {
        let fresh = Secret::new(entropy::bytes::<32>(entropy));
        match keys::write_key(&path, &fresh) {
            Ok(()) | Err(KeyError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
