//! Keys of a journal beside its first: `journal-2.ed25519` and `journal-2.mldsa44` are the first of
//! volume 2, `journal-1.2.ed25519` and `journal-1.2.mldsa44` the second of volume 1.
//!
//! Which pair signs is no question of names: it is the one whose public halves the directory names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::keys::{self, KeyError, NodeKeys, io_error};
use crate::config::persist;
use crate::entropy::Entropy;
use crate::redact::Secret;

const PREFIX: &str = "journal-";
const ED25519: &str = ".ed25519";
const MLDSA44: &str = ".mldsa44";

/// The seeds of one pair.
#[derive(Debug)]
pub struct VolumeSeeds {
    /// That of Ed25519; none if that key is in a token.
    pub ed25519: Option<Secret<32>>,
    /// That of ML-DSA-44.
    pub mldsa44: Secret<32>,
}

/// The seeds of one pair, as they are lent.
#[derive(Clone, Copy, Debug)]
pub struct PairSeeds<'a> {
    /// That of Ed25519; none if that key is in a token.
    pub ed25519: Option<&'a Secret<32>>,
    /// That of ML-DSA-44.
    pub mldsa44: &'a Secret<32>,
}

/// Which pair of keys: of which volume, and which of it, from 1.
pub type Place = (u32, u32);

fn names((volume, pair): Place) -> [String; 2] {
    let of = if pair == 1 { volume.to_string() } else { format!("{volume}.{pair}") };
    [ED25519, MLDSA44].map(|ending| format!("{PREFIX}{of}{ending}"))
}

fn place_of(name: &str) -> Option<Place> {
    let of = name.strip_prefix(PREFIX)?.strip_suffix(MLDSA44)?;
    let place = match of.split_once('.') {
        None => (of.parse().ok()?, 1),
        Some((volume, pair)) => (volume.parse().ok()?, pair.parse().ok().filter(|it| *it > 1)?),
    };
    // One name for each place: without signs and zeros before it.
    names(place).last().is_some_and(|it| it == name).then_some(place)
}

impl NodeKeys {
    /// The first seeds of a volume of the journal: its own, or those of the first; none once they were
    /// destroyed.
    pub fn journal(&self, volume: u32) -> Option<PairSeeds<'_>> {
        match self.volumes.get(&(volume, 1)) {
            Some(own) => Some(own.lent()),
            None => Some(PairSeeds {
                ed25519: self.journal_ed25519.as_ref(),
                mldsa44: self.journal_mldsa44.as_ref()?,
            }),
        }
    }

    /// All seeds that a volume may be signed with, by their places.
    pub fn pairs(&self, volume: u32) -> impl Iterator<Item = (Place, PairSeeds<'_>)> {
        let later = self.volumes.range((volume, 2)..=(volume, u32::MAX));
        let later = later.map(|(place, seeds)| (*place, seeds.lent()));
        let first = self.journal(volume).map(|it| ((volume, 1), it));
        first.into_iter().chain(later)
    }

    /// The files of a pair: Ed25519, then ML-DSA-44.
    fn files_of(&self, folder: &Path, place: Place) -> [PathBuf; 2] {
        if place.1 == 1 && !self.volumes.contains_key(&place) {
            [keys::JOURNAL_ED25519, keys::JOURNAL_MLDSA44].map(|it| folder.join(it))
        } else {
            names(place).map(|it| folder.join(it))
        }
    }

    /// Overwrites a pair that was retired in place, and removes its files. Stopped in between, it is
    /// still a pair, and goes the next time.
    ///
    /// # Errors
    /// What the file system said, such as that the folder is only to be read.
    pub fn destroy_pair(&self, folder: &Path, place: Place) -> Result<(), KeyError> {
        for path in self.files_of(folder, place) {
            if path.symlink_metadata().is_ok() {
                persist::destroy(&path).map_err(io_error(&path))?;
            }
        }
        Ok(())
    }
}

impl VolumeSeeds {
    fn lent(&self) -> PairSeeds<'_> {
        PairSeeds { ed25519: self.ed25519.as_ref(), mldsa44: &self.mldsa44 }
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
    let of_folder = |source| KeyError::Io { path: folder.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(of_folder)? {
        let name = entry.map_err(of_folder)?.file_name();
        let Some(place) = name.to_str().and_then(place_of) else {
            continue;
        };
        let [ed25519, mldsa44] = names(place).map(|it| folder.join(it));
        // The second half is written after the first: without it the pair was never used. The first
        // is missing where it is in a token.
        let has_first = ed25519.symlink_metadata().is_ok();
        let ed25519 = has_first.then(|| read(&ed25519)).transpose()?;
        found.insert(place, VolumeSeeds { ed25519, mldsa44: read(&mldsa44)? });
    }
    Ok(found)
}

/// Which halves of a pair are made as files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// Both.
    Both,
    /// ML-DSA-44 alone: the Ed25519 key is in a token.
    BesideToken,
}

/// Makes a pair of keys, or what is missing of it: those that are there stay.
///
/// # Errors
/// What the file system says.
pub fn make(
    folder: &Path,
    place: Place,
    halves: Halves,
    entropy: &dyn Entropy,
) -> Result<(), KeyError> {
    let [ed25519, mldsa44] = names(place).map(|it| folder.join(it));
    let first = match halves {
        Halves::Both => Some(ed25519),
        Halves::BesideToken => None,
    };
    for path in first.into_iter().chain([mldsa44]) {
        let fresh = Secret::fresh(entropy);
        match keys::write_key(&path, &fresh) {
            Ok(()) | Err(KeyError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
