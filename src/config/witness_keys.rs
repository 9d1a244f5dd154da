//! The files of witness keys: `witness.ed25519`, and `witness-2.ed25519`, `witness-3.ed25519` … once it
//! was replaced.
//!
//! Which of them cosigns is no question of names: it is the one whose public half the directory names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::keys::{KeyError, NodeKeys, WITNESS_ED25519, io_error, write_key};
use crate::config::persist;
use crate::entropy::Entropy;
use crate::redact::Secret;

/// Most witness keys of one node: the one in use, the next, and some that are to be destroyed.
pub const WITNESS_KEYS_MAX: usize = 8;

const PREFIX: &str = "witness-";
const ENDING: &str = ".ed25519";

/// The name of the key with a number, from 1; without its ending.
pub fn title(number: u32) -> String {
    if number == 1 { "witness".to_owned() } else { format!("{PREFIX}{number}") }
}

/// The file of the key with a number, from 1.
pub(super) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(title(number) + ENDING)
}

fn number_of(name: &str) -> Option<u32> {
    let of = name.strip_suffix(ENDING)?;
    let number = of.strip_prefix(PREFIX).map_or(Some(1), |it| it.parse().ok())?;
    (title(number) == of).then_some(number)
}

/// Reads the witness keys of `folder`, by number; at least one.
///
/// # Errors
/// None, too many, or one that can't be read.
pub(super) fn load(
    folder: &Path,
    read: &dyn Fn(&Path) -> Result<Secret<32>, KeyError>,
) -> Result<BTreeMap<u32, Secret<32>>, KeyError> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(io_error(folder))? {
        let name = entry.map_err(io_error(folder))?.file_name();
        if let Some(number) = name.to_str().and_then(number_of) {
            found.insert(number, read(&path(folder, number))?);
        }
    }
    if found.is_empty() {
        // Says which file is missing.
        found.insert(1, read(&folder.join(WITNESS_ED25519))?);
    }
    if found.len() > WITNESS_KEYS_MAX {
        return Err(KeyError::WitnessKeys { folder: folder.to_owned(), found: found.len() });
    }
    Ok(found)
}

/// Makes the next witness key in a file of its own; gives its number.
///
/// # Errors
/// [`KeyError::WitnessKeys`] if there are as many as there may be, or what the file system said.
pub fn make(folder: &Path, keys: &NodeKeys, entropy: &dyn Entropy) -> Result<u32, KeyError> {
    if keys.witness.len() >= WITNESS_KEYS_MAX {
        return Err(KeyError::WitnessKeys { folder: folder.to_owned(), found: keys.witness.len() });
    }
    let last = keys.witness.last_key_value().map_or(0, |(number, _)| *number);
    let number = last.saturating_add(1);
    write_key(&path(folder, number), &Secret::fresh(entropy))?;
    Ok(number)
}

/// Overwrites a private key that was retired in place, and removes its file.
///
/// # Errors
/// What the file system said, such as that the folder is only to be read.
pub fn destroy(folder: &Path, number: u32) -> Result<(), KeyError> {
    let path = path(folder, number);
    persist::destroy(&path).map_err(io_error(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::entropy::SeededEntropy;

    fn load(folder: &Path) -> Result<NodeKeys, KeyError> {
        NodeKeys::load_under(folder, &Environment::default())
    }

    #[test]
    fn a_witness_key_is_followed_by_the_next_number_and_goes_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        NodeKeys::generate(&SeededEntropy::new(1)).save(&folder).unwrap();
        for number in [2, 3] {
            let keys = load(&folder).unwrap();
            assert_eq!(make(&folder, &keys, &SeededEntropy::new(number)).unwrap(), number as u32);
            assert!(folder.join(format!("witness-{number}.ed25519")).exists());
        }
        destroy(&folder, 1).unwrap();
        assert!(!folder.join(WITNESS_ED25519).exists());
        let left = load(&folder).unwrap();
        assert_eq!(left.witness.keys().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(make(&folder, &left, &SeededEntropy::new(4)).unwrap(), 4);
        for number in 2..=4 {
            destroy(&folder, number).unwrap();
        }
        let error = load(&folder).unwrap_err();
        assert!(matches!(error, KeyError::Io { path, .. } if path == folder.join(WITNESS_ED25519)));
    }

    #[test]
    fn there_is_an_end_to_how_many_there_may_be() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        NodeKeys::generate(&SeededEntropy::new(1)).save(&folder).unwrap();
        let chance = SeededEntropy::new(5);
        while load(&folder).unwrap().witness.len() < WITNESS_KEYS_MAX {
            make(&folder, &load(&folder).unwrap(), &chance).unwrap();
        }
        let refused = make(&folder, &load(&folder).unwrap(), &chance);
        assert!(matches!(refused, Err(KeyError::WitnessKeys { found: WITNESS_KEYS_MAX, .. })));
    }

    #[test]
    fn other_names_are_no_witness_keys() {
        for other in ["witness-1.ed25519", "witness-02.ed25519", "witness-.ed25519", "witness.key"]
        {
            assert_eq!(number_of(other), None, "{other}");
        }
        assert_eq!(number_of("journal.ed25519"), None);
        assert_eq!(number_of("witness.ed25519"), Some(1));
        assert_eq!(number_of("witness-12.ed25519"), Some(12));
    }
}
