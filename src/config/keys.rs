//! A node's private keys: one file each, base64 of 32 bytes, readable by their owner only.
//!
//! Every key is a seed from which its algorithm's key pair follows (RFC 8032, FIPS 204, X-Wing) or
//! a symmetric key. A key signs or seals one kind of text, so two files with the same key are
//! refused. A file is never overwritten: a key that is lost cannot be had again.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::config::environment::Environment;
use crate::config::persist;
use crate::config::sealing_keys::{self, SEALING_ENDING, SEALING_FOLDER};
use crate::config::secret_files::{closed_bits, is_of_service, opened};
use crate::config::storage_keys;
use crate::config::volume_keys::{self, VolumeSeeds};
use crate::config::witness_keys::{self, WITNESS_KEYS_MAX};
use crate::entropy::Entropy;
use crate::envelope::wrap::PUBLIC_BYTES;
use crate::redact::Secret;

/// Ed25519 seed of the journal.
pub const JOURNAL_ED25519: &str = "journal.ed25519";
/// ML-DSA-44 seed of the journal.
pub const JOURNAL_MLDSA44: &str = "journal.mldsa44";
/// Ed25519 seed for cosigning other agencies' checkpoints, the first of them.
pub const WITNESS_ED25519: &str = "witness.ed25519";
/// Key under which skeletons of entries are encrypted.
pub const SKELETON: &str = "skeleton.key";
/// Key under which content is kept at rest.
pub const STORAGE: &str = "storage.key";
/// Key of the idempotency fingerprints.
pub const FINGERPRINT: &str = "fingerprint.key";

/// Largest key file, in bytes; a key takes 44 and a line end.
pub const KEY_FILE_BYTES_MAX: u64 = 64;
/// Most sealing keys of one node.
pub const SEALING_KEYS_MAX: usize = 64;

/// The private keys of a node, other than those of TLS.
#[derive(Debug)]
pub struct NodeKeys {
    /// Ed25519 seed: signs each checkpoint of the journal; none if that key is in a token.
    pub journal_ed25519: Option<Secret<32>>,
    /// ML-DSA-44 seed: cosigns checkpoints of the journal; none if the pair was retired and destroyed.
    pub journal_mldsa44: Option<Secret<32>>,
    /// Ed25519 seeds: cosign checkpoints of other agencies. By the numbers of their files.
    pub witness: BTreeMap<u32, Secret<32>>,
    /// X-Wing seeds: open what is sealed for the agency. In the order of their file names.
    pub sealing: Vec<Secret<32>>,
    /// Encrypts skeletons of entries.
    pub skeleton: Secret<32>,
    /// Encrypts what is kept at rest; the latest of them.
    pub storage: Secret<32>,
    /// Those before it, while it takes their place.
    pub storage_before: Vec<Secret<32>>,
    /// Keys the fingerprints of drafts.
    pub fingerprint: Secret<32>,
    /// The journal's seeds besides the first pair, by place.
    pub volumes: BTreeMap<volume_keys::Place, VolumeSeeds>,
}

/// Why keys cannot be read or written. No variant shows a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("key file {}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner may read or write the file.
    #[error("key file {} is open to others (mode {mode:04o}); run: chmod 600 {}",
        path.display(), path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not the base64 text of 32 bytes.
    #[error("key file {} must hold the base64 of 32 bytes and nothing else", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not the base64 text of a public backup key.
    #[error("{} must hold the base64 of a public backup key ({PUBLIC_BYTES} bytes)",
        path.display())]
    MalformedPublic {
        /// Which file.
        path: PathBuf,
    },
    /// Two files hold the same key.
    #[error("key files {} and {} hold the same key", first.display(), second.display())]
    Repeated {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// There is no sealing key, or there are too many.
    #[error("{} has {found} sealing keys; a node needs 1 to {SEALING_KEYS_MAX}", folder.display())]
    SealingKeys {
        /// The folder of keys.
        folder: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// There are too many witness keys.
    #[error("{} has {found} witness keys, and no node needs more than {WITNESS_KEYS_MAX}; see: \
        rogatory keys destroy", folder.display())]
    WitnessKeys {
        /// The folder of keys.
        folder: PathBuf,
        /// How many there are.
        found: usize,
    },
    /// A key is there already, and keys are never overwritten.
    #[error("key file {} exists, and keys are never overwritten", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
    },
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    |source| KeyError::Io { path, source }
}

impl NodeKeys {
    /// Fresh keys, with one sealing key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let fresh = || Secret::fresh(entropy);
        Self {
            journal_ed25519: Some(fresh()),
            journal_mldsa44: Some(fresh()),
            witness: BTreeMap::from([(1, fresh())]),
            sealing: vec![fresh()],
            skeleton: fresh(),
            storage: fresh(),
            storage_before: Vec::new(),
            fingerprint: fresh(),
            volumes: BTreeMap::new(),
        }
    }

    /// Reads all keys of `folder`; sealing keys as [`sealing_keys`] says.
    ///
    /// # Errors
    /// The first key that is missing, malformed, repeated, or open to others, as
    /// [`crate::config::secret_files`] says.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        Self::load_under(folder, &Environment::of_process())
    }

    /// [`NodeKeys::load`], where the journal's Ed25519 key may be missing since it is in a token.
    ///
    /// # Errors
    /// As [`NodeKeys::load`].
    pub fn load_beside_token(folder: &Path, environment: &Environment) -> Result<Self, KeyError> {
        Self::read(folder, environment, true)
    }

    /// [`NodeKeys::load`] under a given environment.
    ///
    /// # Errors
    /// As [`NodeKeys::load`].
    pub fn load_under(folder: &Path, environment: &Environment) -> Result<Self, KeyError> {
        Self::read(folder, environment, false)
    }

    fn read(folder: &Path, environment: &Environment, has_token: bool) -> Result<Self, KeyError> {
        let closed_bits = closed_bits(is_of_service(folder, environment));
        let read = |path: &Path| read_key(path, closed_bits, b"");
        let one = |name: &str| read(&folder.join(name));
        let paths = sealing_keys::paths(folder)?;
        if paths.is_empty() || paths.len() > SEALING_KEYS_MAX {
            return Err(KeyError::SealingKeys { folder: folder.to_owned(), found: paths.len() });
        }
        let mut storages: Vec<_> =
            storage_keys::files(folder, environment)?.into_iter().map(|(_, key)| key).collect();
        let storage = storages.pop().expect("there is at least one");
        let storage_before = storages;
        let volumes = volume_keys::load(folder, &read)?;
        // The first pair is destroyed once it is retired, and others sign.
        let has_later = !volumes.is_empty();
        let first = |name: &str, may_lack: bool| match one(name) {
            Err(KeyError::Io { source, .. })
                if may_lack && source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            other => other.map(Some),
        };
        let keys = Self {
            journal_ed25519: first(JOURNAL_ED25519, has_token || has_later)?,
            journal_mldsa44: first(JOURNAL_MLDSA44, has_later)?,
            witness: witness_keys::load(folder, &read)?,
            sealing: paths.iter().map(|path| read(path)).collect::<Result<_, _>>()?,
            skeleton: one(SKELETON)?,
            storage,
            storage_before,
            fingerprint: one(FINGERPRINT)?,
            volumes,
        };
        keys.refuse_repeated(folder, paths)?;
        Ok(keys)
    }

    /// Writes all keys to `folder`, which is made if it is missing. Nothing is written if any of
    /// the files exists.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Repeated`], or what the file system said. After the latter
    /// some files may be there; they are complete or were never synced.
    pub fn save(&self, folder: &Path) -> Result<(), KeyError> {
        let sealing: Vec<PathBuf> = (1..=self.sealing.len())
            .map(|number| folder.join(SEALING_FOLDER).join(format!("{number:04}{SEALING_ENDING}")))
            .collect();
        self.refuse_repeated(folder, sealing.clone())?;
        let files: Vec<_> = self.files(folder, sealing);
        for (path, _) in &files {
            if path.symlink_metadata().is_ok() {
                return Err(KeyError::Exists { path: path.clone() });
            }
        }
        let inner = folder.join(SEALING_FOLDER);
        persist::make_folder(&inner).map_err(io_error(&inner))?;
        for (path, key) in files {
            write_key(&path, key)?;
        }
        Ok(())
    }

    fn files(&self, folder: &Path, sealing: Vec<PathBuf>) -> Vec<(PathBuf, &Secret<32>)> {
        let journal = [
            self.journal_ed25519.as_ref().map(|it| (JOURNAL_ED25519, it)),
            self.journal_mldsa44.as_ref().map(|it| (JOURNAL_MLDSA44, it)),
        ];
        let single = [
            (SKELETON, &self.skeleton),
            (STORAGE, &self.storage),
            (FINGERPRINT, &self.fingerprint),
        ];
        let single =
            journal.into_iter().flatten().chain(single).map(|(name, key)| (folder.join(name), key));
        let witness = self.witness.iter();
        let witness = witness.map(|(number, key)| (witness_keys::path(folder, *number), key));
        single.chain(witness).chain(sealing.into_iter().zip(&self.sealing)).collect()
    }

    fn refuse_repeated(&self, folder: &Path, sealing: Vec<PathBuf>) -> Result<(), KeyError> {
        let mut files = self.files(folder, sealing);
        while let Some((second, key)) = files.pop() {
            if let Some((first, _)) = files.iter().find(|(_, it)| it.expose() == key.expose()) {
                return Err(KeyError::Repeated { first: first.clone(), second });
            }
        }
        Ok(())
    }
}

/// Reads the key that signs what the alarm's webhook gets: a file like the others, in which
/// `whsec_` may stand before the base64, as Standard Webhooks writes keys.
///
/// # Errors
/// As [`NodeKeys::load`].
pub fn webhook_key(path: &Path, environment: &Environment) -> Result<Secret<32>, KeyError> {
    let credentials = environment.credentials();
    let of_service = credentials.is_some_and(|it| path.parent() == Some(it.as_path()));
    read_key(path, closed_bits(of_service), b"whsec_")
}

pub(super) fn read_key(
    path: &Path,
    closed_bits: u32,
    prefix: &[u8],
) -> Result<Secret<32>, KeyError> {
    let file = opened(path, closed_bits)?;
    let malformed = || KeyError::Malformed { path: path.to_owned() };
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    file.take(KEY_FILE_BYTES_MAX + 1).read_to_end(&mut text).map_err(io_error(path))?;
    let text = text.trim_ascii_end();
    let text = text.strip_prefix(prefix).unwrap_or(text);
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed())?);
    Ok(Secret::of(bytes.as_slice().try_into().map_err(|_| malformed())?))
}

pub(super) fn write_key(path: &Path, key: &Secret<32>) -> Result<(), KeyError> {
    let mut text = Zeroizing::new(STANDARD.encode(key.expose()));
    text.push('\n');
    persist::write_new_at_once(path, text.as_bytes()).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            KeyError::Exists { path: path.to_owned() }
        } else {
            io_error(path)(error)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::entropy::SeededEntropy;

    fn open(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn overwrite(path: &Path, bytes: &[u8]) {
        std::fs::remove_file(path).unwrap();
        persist::write_new(path, bytes).unwrap();
    }

    fn saved() -> (tempfile::TempDir, PathBuf, NodeKeys) {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("keys");
        let keys = NodeKeys::generate(&SeededEntropy::new(1));
        keys.save(&folder).unwrap();
        (home, folder, keys)
    }

    fn load(folder: &Path) -> Result<NodeKeys, KeyError> {
        NodeKeys::load_under(folder, &Environment::default())
    }

    #[test]
    fn what_is_saved_is_loaded_and_closed_to_others() {
        let (_home, folder, keys) = saved();
        let loaded = load(&folder).unwrap();
        let paths = sealing_keys::paths(&folder).unwrap();
        assert_eq!(paths, [folder.join("sealing/0001.xwing")]);
        let files = keys.files(&folder, paths.clone());
        assert_eq!(files.len(), 7);
        for ((path, saved), (_, loaded)) in files.iter().zip(loaded.files(&folder, paths)) {
            assert_eq!(saved.expose(), loaded.expose(), "{path:?}");
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{path:?}");
        }
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!format!("{loaded:?}").contains(&STANDARD.encode(loaded.storage.expose())));
    }

    #[test]
    fn keys_are_never_overwritten() {
        let (_home, folder, keys) = saved();
        let other = NodeKeys::generate(&SeededEntropy::new(2));
        assert!(matches!(other.save(&folder), Err(KeyError::Exists { .. })));
        let left = load(&folder).unwrap();
        assert_eq!(left.storage.expose(), keys.storage.expose());
    }

    #[test]
    fn one_existing_file_stops_the_writing_of_all() {
        let home = tempfile::tempdir().unwrap();
        persist::write_new(&home.path().join(FINGERPRINT), b"mine").unwrap();
        let keys = NodeKeys::generate(&SeededEntropy::new(1));
        let error = keys.save(home.path()).unwrap_err();
        assert!(matches!(error, KeyError::Exists { path } if path.ends_with(FINGERPRINT)));
        assert!(!home.path().join(JOURNAL_ED25519).exists());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let (_home, folder, _) = saved();
        let path = folder.join(STORAGE);
        for mode in [0o640, 0o604, 0o660, 0o602, 0o644] {
            open(&path, mode);
            let error = load(&folder).unwrap_err();
            let wanted = format!(
                "key file {0} is open to others (mode {mode:04o}); run: chmod 600 {0}",
                path.display()
            );
            assert_eq!(error.to_string(), wanted);
        }
        open(&path, 0o400);
        assert!(load(&folder).is_ok());
    }

    #[test]
    fn the_service_managers_folder_may_show_its_mask() {
        let (_home, folder, _) = saved();
        std::fs::remove_dir_all(folder.join(SEALING_FOLDER)).unwrap();
        persist::write_new(&folder.join("sealing_1.xwing"), STANDARD.encode([9; 32]).as_bytes())
            .unwrap();
        let service = Environment::of(&[("CREDENTIALS_DIRECTORY", folder.to_str().unwrap())]);
        open(&folder.join(STORAGE), 0o440);
        assert_eq!(NodeKeys::load_under(&folder, &service).unwrap().sealing.len(), 1);
        assert!(matches!(load(&folder), Err(KeyError::Exposed { mode: 0o440, .. })));
        open(&folder.join(STORAGE), 0o444);
        let error = NodeKeys::load_under(&folder, &service).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: 0o444, .. }));
    }

    #[test]
    fn the_webhooks_key_may_be_written_as_its_receivers_write_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("webhook.key");
        let text = STANDARD.encode([7; 32]);
        for written in [format!("{text}\n"), format!("whsec_{text}\n")] {
            persist::write_new(&path, written.as_bytes()).unwrap();
            let key = webhook_key(&path, &Environment::default()).unwrap();
            assert_eq!(key.expose(), &[7; 32]);
            std::fs::remove_file(&path).unwrap();
        }
        persist::write_new(&path, format!("whsec_whsec_{text}").as_bytes()).unwrap();
        let error = webhook_key(&path, &Environment::default()).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { path: it } if it == path));
        open(&path, 0o440);
        let error = webhook_key(&path, &Environment::default()).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode: 0o440, .. }));
        let service = Environment::of(&[("CREDENTIALS_DIRECTORY", home.path().to_str().unwrap())]);
        let error = webhook_key(&path, &service).unwrap_err();
        assert!(matches!(error, KeyError::Malformed { .. }), "the mode is one of a credential");
    }

    #[test]
    fn malformed_missing_and_repeated_keys_are_named() {
        let (_home, folder, keys) = saved();
        let path = folder.join(SKELETON);
        let long = "A".repeat(10_000);
        for bad in ["", "AAAA", "not base64 at all, not at all, not at all ==", long.as_str()] {
            overwrite(&path, bad.as_bytes());
            assert!(matches!(load(&folder), Err(KeyError::Malformed { path: it }) if it == path));
        }
        overwrite(&path, STANDARD.encode(keys.storage.expose()).as_bytes());
        let error = load(&folder).unwrap_err();
        assert!(matches!(error, KeyError::Repeated { first, second }
            if first.ends_with(SKELETON) && second.ends_with(STORAGE)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(load(&folder), Err(KeyError::Io { path: it, .. }) if it == path));
        std::fs::remove_dir_all(folder.join(SEALING_FOLDER)).unwrap();
        assert!(matches!(load(&folder), Err(KeyError::SealingKeys { found: 0, .. })));
    }
}
