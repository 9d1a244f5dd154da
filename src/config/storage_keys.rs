//! The files of storage keys: `storage.key`, and `storage-2.key`, `storage-3.key` … once it was replaced.
//!
//! A node has one; while it is replaced there are two, and the store itself tells under which of them
//! it is sealed.

use std::io;
use std::path::{Path, PathBuf};

use crate::config::environment::Environment;
use crate::config::keys::{KeyError, STORAGE, io_error, read_key, write_key};
use crate::config::persist;
use crate::config::secret_files::{closed_bits, is_of_service};
use crate::entropy::Entropy;
use crate::redact::Secret;

/// Most storage keys at a time.
const STORAGE_KEYS_MAX: usize = 8;

fn name(number: u32) -> String {
    if number == 1 { STORAGE.to_owned() } else { format!("storage-{number}.key") }
}

fn number_of(text: &str) -> Option<u32> {
    let number = match text.strip_prefix("storage-") {
        Some(rest) => rest.strip_suffix(".key")?.parse().ok()?,
        None => 1,
    };
    (name(number) == text).then_some(number)
}

fn numbers(folder: &Path) -> Result<Vec<u32>, KeyError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error(folder))? {
        let name = entry.map_err(io_error(folder))?.file_name();
        numbers.extend(name.to_str().and_then(number_of));
    }
    numbers.sort_unstable();
    if numbers.is_empty() {
        let path = folder.join(STORAGE);
        return Err(io_error(&path)(io::ErrorKind::NotFound.into()));
    }
    Ok(numbers)
}

/// The storage keys of a folder with their files, the latest last; at least one.
///
/// # Errors
/// None, one that can't be read, or one that is open to others.
pub fn files(
    folder: &Path,
    environment: &Environment,
) -> Result<Vec<(PathBuf, Secret<32>)>, KeyError> {
    let closed_bits = closed_bits(is_of_service(folder, environment));
    let read = |number: u32| {
        let path = folder.join(name(number));
        read_key(&path, closed_bits, b"").map(|key| (path, key))
    };
    let latest = numbers(folder)?;
    latest.into_iter().rev().take(STORAGE_KEYS_MAX).rev().map(read).collect()
}

/// Makes the next storage key in a file of its own.
///
/// # Errors
/// What the file system said.
pub fn make(folder: &Path, entropy: &dyn Entropy) -> Result<PathBuf, KeyError> {
    let number = numbers(folder)?.last().copied().unwrap_or(1).saturating_add(1);
    let path = folder.join(name(number));
    write_key(&path, &Secret::fresh(entropy))?;
    Ok(path)
}

/// Overwrites a storage key in place and removes it: what is sealed under it is gone.
///
/// # Errors
/// What the file system said.
pub fn destroy(path: &Path) -> Result<(), KeyError> {
    persist::destroy(path).map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeKeys;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_storage_key_is_followed_by_the_next_number() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        NodeKeys::generate(&SeededEntropy::new(1)).save(&folder).unwrap();
        for (seed, name) in [(2, "storage-2.key"), (3, "storage-3.key")] {
            let path = make(&folder, &SeededEntropy::new(seed)).unwrap();
            assert_eq!(path, folder.join(name));
            let found = files(&folder, &Environment::default()).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(found[1].0, path);
            let loaded = NodeKeys::load(&folder).unwrap();
            assert_eq!(loaded.storage.expose(), found[1].1.expose());
            assert_eq!(loaded.storage_before[0].expose(), found[0].1.expose());
            destroy(&found[0].0).unwrap();
        }
        destroy(&folder.join("storage-3.key")).unwrap();
        let error = NodeKeys::load(&folder).unwrap_err();
        assert!(matches!(error, KeyError::Io { path, .. } if path == folder.join(STORAGE)));
    }

    #[test]
    fn other_names_are_no_storage_keys() {
        for other in ["storage-1.key", "storage-02.key", "storage-.key", "storage.key.12.new"] {
            assert_eq!(number_of(other), None, "{other}");
        }
        assert_eq!((number_of("storage.key"), number_of("storage-12.key")), (Some(1), Some(12)));
    }
}
