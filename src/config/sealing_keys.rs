//! The files of private sealing keys: one comes to the others, and goes once it is retired for good.
//!
//! Sealing keys are `sealing/*.xwing` in the folder of keys, or `sealing_*.xwing` as systemd names the
//! files of a folder that it loads as credentials. Which of them is sealed to says the directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::environment::Environment;
use crate::config::keys::{KeyError, SEALING_KEYS_MAX, io_error, read_key, write_key};
use crate::config::persist;
use crate::config::secret_files::{closed_bits, is_of_service};
use crate::entropy::Entropy;
use crate::redact::Secret;

/// Folder of the X-Wing seeds.
pub const SEALING_FOLDER: &str = "sealing";
/// Ending of the X-Wing seeds' names.
pub const SEALING_ENDING: &str = ".xwing";

pub(super) fn paths(folder: &Path) -> Result<Vec<PathBuf>, KeyError> {
    let mut paths = Vec::new();
    for (within, prefix) in [(folder.join(SEALING_FOLDER), ""), (folder.to_owned(), "sealing_")] {
        let entries = match std::fs::read_dir(&within) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error(&within)(error)),
        };
        for entry in entries {
            let name = entry.map_err(io_error(&within))?.file_name();
            let fits = name
                .to_str()
                .is_some_and(|it| it.starts_with(prefix) && it.ends_with(SEALING_ENDING));
            if fits {
                paths.push(within.join(name));
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// The sealing keys of a folder with their files, in the order of these.
///
/// # Errors
/// A key that can't be read, or is open to others.
pub fn files(
    folder: &Path,
    environment: &Environment,
) -> Result<Vec<(PathBuf, Secret<32>)>, KeyError> {
    let closed_bits = closed_bits(is_of_service(folder, environment));
    let read = |path: PathBuf| read_key(&path, closed_bits, b"").map(|key| (path, key));
    paths(folder)?.into_iter().map(read).collect()
}

/// Makes the next sealing key, in a file of its own; the others stay.
///
/// # Errors
/// [`KeyError::SealingKeys`] if there are as many as there may be, or what the file system said.
pub fn make(folder: &Path, entropy: &dyn Entropy) -> Result<PathBuf, KeyError> {
    let present = paths(folder)?;
    if present.len() >= SEALING_KEYS_MAX {
        return Err(KeyError::SealingKeys { folder: folder.to_owned(), found: present.len() });
    }
    let numbers = present.iter().filter_map(|it| it.file_stem()?.to_str()?.parse::<u32>().ok());
    let number = numbers.max().unwrap_or(0).saturating_add(1);
    let within = folder.join(SEALING_FOLDER);
    persist::make_folder(&within).map_err(io_error(&within))?;
    let path = within.join(format!("{number:04}{SEALING_ENDING}"));
    write_key(&path, &Secret::fresh(entropy))?;
    Ok(path)
}

/// Overwrites a private key in place, and removes its file.
///
/// # Errors
/// What the file system said, such as that the folder is only to be read.
pub fn destroy(path: &Path) -> Result<(), KeyError> {
    persist::destroy(path).map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeKeys;
    use crate::entropy::SeededEntropy;

    fn saved() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        NodeKeys::generate(&SeededEntropy::new(1)).save(&folder).unwrap();
        (home, folder)
    }

    #[test]
    fn the_next_key_comes_beside_the_others_and_goes_without_them() {
        let (_home, folder) = saved();
        let before = files(&folder, &Environment::default()).unwrap();
        let path = make(&folder, &SeededEntropy::new(2)).unwrap();
        assert_eq!(path, folder.join("sealing/0002.xwing"));
        let both = NodeKeys::load(&folder).unwrap().sealing;
        assert_eq!(both.len(), 2);
        assert_eq!(both[0].expose(), before[0].1.expose());
        let link = folder.join("kept");
        std::fs::hard_link(&before[0].0, &link).unwrap();
        destroy(&before[0].0).unwrap();
        assert_eq!(NodeKeys::load(&folder).unwrap().sealing.len(), 1);
        let left = std::fs::read(&link).unwrap();
        assert!(left.iter().all(|it| *it == 0), "it was overwritten where it stood");
        let third = make(&folder, &SeededEntropy::new(3)).unwrap();
        assert_eq!(third, folder.join("sealing/0003.xwing"), "no name comes again");
    }

    #[test]
    fn there_is_an_end_to_how_many_there_may_be() {
        let (_home, folder) = saved();
        let chance = SeededEntropy::new(4);
        for _ in 1..SEALING_KEYS_MAX {
            make(&folder, &chance).unwrap();
        }
        let found = SEALING_KEYS_MAX;
        let refused = make(&folder, &chance);
        assert!(matches!(refused, Err(KeyError::SealingKeys { found: it, .. }) if it == found));
        assert_eq!(NodeKeys::load(&folder).unwrap().sealing.len(), SEALING_KEYS_MAX);
    }
}
