//! The keys of those who sign a directory: authorities, and agencies their own record.
//!
//! The private half is a file like a node's keys, for its owner only; beside it, under the name
//! with `.pub`, stands the public half with its name, as C2SP signed-note writes verifier keys.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::backup_keys::PUBLIC_ENDING;
use crate::config::keys::{KeyError, io_error, read_key, write_key};
use crate::config::persist;
use crate::config::secret_files::closed_bits;
use crate::entropy::Entropy;
use crate::merkle::note::SignatureLine;
use crate::merkle::signature::Ed25519Signer;
use crate::merkle::vkey::VerifierKey;
use crate::redact::Secret;

/// Longest file of a verifier key, in bytes.
const PUBLIC_FILE_BYTES_MAX: u64 = 1024;

/// Why a key can't be used. No variant shows one.
#[derive(Debug, thiserror::Error)]
pub enum NoteKeyError {
    /// The private half.
    #[error(transparent)]
    Private(#[from] KeyError),
    /// The public half is no verifier key.
    #[error("{} must hold a verifier key (NAME+ID+KEY), as `rogatory keys directory` writes it",
        path.display())]
    Public {
        /// Which file.
        path: PathBuf,
    },
    /// The halves do not belong together.
    #[error("{} is not the public half of the key beside it", path.display())]
    Halves {
        /// The file of the public half.
        path: PathBuf,
    },
    /// No key can have that name.
    #[error("a key's name has 1 to 255 bytes, without spaces and plus signs")]
    Name,
}

/// A name and the private key that signs under it.
#[derive(Debug)]
pub struct NoteKey {
    key: VerifierKey,
    signer: Ed25519Signer,
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(PUBLIC_ENDING);
    PathBuf::from(name)
}

impl NoteKey {
    /// Makes a fresh key and writes both halves; neither may be there.
    ///
    /// # Errors
    /// [`NoteKeyError::Name`], [`KeyError::Exists`], or what the file system said.
    pub fn create(path: &Path, name: &str, entropy: &dyn Entropy) -> Result<Self, NoteKeyError> {
        let seed = Secret::fresh(entropy);
        let signer = Ed25519Signer::from_seed(&seed);
        let key = VerifierKey::new(name, signer.public()).ok_or(NoteKeyError::Name)?;
        let public = public_path(path);
        if public.symlink_metadata().is_ok() {
            return Err(KeyError::Exists { path: public }.into());
        }
        write_key(path, &seed)?;
        let text = format!("{key}\n");
        persist::write_new_as(&public, text.as_bytes(), persist::PUBLIC)
            .map_err(io_error(&public))?;
        Ok(Self { key, signer })
    }

    /// Reads both halves.
    ///
    /// # Errors
    /// What can't be read, is malformed, or does not belong together.
    pub fn load(path: &Path) -> Result<Self, NoteKeyError> {
        let signer = Ed25519Signer::from_seed(&read_key(path, closed_bits(false), b"")?);
        let public = public_path(path);
        let key = verifier_key(&public)?;
        if *key.public() != signer.public() {
            return Err(NoteKeyError::Halves { path: public });
        }
        Ok(Self { key, signer })
    }

    /// The public half.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs a text.
    pub fn sign(&self, text: &str) -> SignatureLine {
        self.key.sign(text, &self.signer).expect("the halves belong together, as was checked")
    }
}

/// Reads a public half.
///
/// # Errors
/// [`NoteKeyError::Public`], or what the file system said.
pub fn verifier_key(path: &Path) -> Result<VerifierKey, NoteKeyError> {
    let file = File::open(path).map_err(io_error(path))?;
    let mut text = Vec::new();
    file.take(PUBLIC_FILE_BYTES_MAX).read_to_end(&mut text).map_err(io_error(path))?;
    let key = std::str::from_utf8(text.trim_ascii_end()).ok().and_then(|it| it.parse().ok());
    key.ok_or_else(|| NoteKeyError::Public { path: path.to_owned() })
}
