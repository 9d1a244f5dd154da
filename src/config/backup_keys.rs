//! Backup keys: the private half into one file, kept away from every node, the public one into another,
//! which is all that a node needs to seal its backups.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::keys::{KeyError, io_error, read_key, write_key};
use crate::config::persist;
use crate::config::secret_files::closed_bits;
use crate::entropy::Entropy;
use crate::envelope::wrap::PUBLIC_BYTES;
use crate::redact::Secret;

/// Longest file of a public backup key that is read, in bytes.
const PUBLIC_FILE_BYTES_MAX: u64 = 4096;

/// Ending of the file of a public backup key; the private one has the name without it.
pub const PUBLIC_ENDING: &str = ".pub";

/// Writes a fresh backup key to `path`, for its owner only, and its public half beside it, under
/// the name with [`PUBLIC_ENDING`]; gives the latter's path. `public_of` makes the one from the other.
///
/// # Errors
/// [`KeyError::Exists`] if either is there, or what the file system said.
pub fn new_backup_key(
    path: &Path,
    entropy: &dyn Entropy,
    public_of: impl FnOnce(&Secret<32>) -> Vec<u8>,
) -> Result<PathBuf, KeyError> {
    let key = Secret::fresh(entropy);
    let mut name = path.as_os_str().to_owned();
    name.push(PUBLIC_ENDING);
    let public = PathBuf::from(name);
    if public.symlink_metadata().is_ok() {
        return Err(KeyError::Exists { path: public });
    }
    write_key(path, &key)?;
    let text = STANDARD.encode(public_of(&key)) + "\n";
    persist::write_new(&public, text.as_bytes()).map_err(io_error(&public))?;
    Ok(public)
}

/// Reads a private backup key.
///
/// # Errors
/// As [`crate::config::NodeKeys::load`].
pub fn backup_private(path: &Path) -> Result<Secret<32>, KeyError> {
    read_key(path, closed_bits(false), b"")
}

/// Reads a public backup key: the base64 of 1,216 bytes.
///
/// # Errors
/// [`KeyError::MalformedPublic`], or what the file system said.
pub fn backup_public(path: &Path) -> Result<Vec<u8>, KeyError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mut text = Vec::new();
    file.take(PUBLIC_FILE_BYTES_MAX).read_to_end(&mut text).map_err(io_error(path))?;
    let bytes = STANDARD.decode(text.trim_ascii_end()).unwrap_or_default();
    if bytes.len() == PUBLIC_BYTES {
        Ok(bytes)
    } else {
        Err(KeyError::MalformedPublic { path: path.to_owned() })
    }
}
