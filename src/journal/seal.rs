//! The seal of a store in a file beside it: under which storage key the store is sealed, told before the
//! engine opens.
//!
//! The store has the same seal inside, and that one counts. But to read it the engine must be opened, which
//! writes; so a key that is another's is found here first, and nothing is touched. The file holds nothing
//! that is not in the store: the same text sealed under the same key. A file that is missing, cut or altered
//! says nothing, and is written anew once the store itself was opened.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::domain::digest::Digest;
use crate::envelope::at_rest::RowKey;
use crate::envelope::storage::StorageKey;

use super::folder::{io, sync_path};
use super::sealed::SEAL;
use super::store::{SEAL_KEY, StoreError};

/// Its name in the folder of the store.
pub const FILE_NAME: &str = "seal";
/// More than the file ever has, in bytes.
const BYTES_MAX: u64 = 1_024;

/// What a file of the seal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal(Vec<u8>);

impl Seal {
    /// The seal of the store in `folder`; none if no file says it.
    ///
    /// # Errors
    /// If there is a file that can't be read.
    pub fn of(folder: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(folder.join(FILE_NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("open its seal")(error)),
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(io("read its seal"))?;
        let Some((digest, seal)) = bytes.split_first_chunk::<32>() else {
            return Ok(None);
        };
        let is_whole = Digest::of(seal).as_bytes() == digest;
        Ok(is_whole.then(|| Self(seal.to_vec())))
    }

    /// Whether the store is sealed under this key.
    pub fn is_under(&self, storage: &StorageKey) -> bool {
        RowKey::of(storage).open(SEAL_KEY, &self.0).as_deref() == Some(SEAL)
    }

    /// Says in the folder of a store, durably, under which key the store is sealed. What stood there is
    /// overwritten; torn, it says nothing.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn put(folder: &Path, storage: &StorageKey) -> Result<(), StoreError> {
        let seal = RowKey::of(storage).seal(SEAL_KEY, SEAL);
        let bytes = [Digest::of(&seal).as_bytes().as_slice(), &seal].concat();
        let mut file = File::create(folder.join(FILE_NAME)).map_err(io("make its seal"))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io("write its seal"))?;
        sync_path(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;

    fn key(byte: u8) -> StorageKey {
        StorageKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn the_file_tells_its_key_from_every_other_and_says_nothing_once_it_is_altered() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Seal::of(folder.path()).unwrap(), None);
        Seal::put(folder.path(), &key(1)).unwrap();
        let seal = Seal::of(folder.path()).unwrap().unwrap();
        assert!(seal.is_under(&key(1)) && !seal.is_under(&key(2)));
        let path = folder.path().join(FILE_NAME);
        let sound = std::fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut altered = sound.clone();
            altered[at] ^= 1;
            File::create(&path).unwrap().write_all(&altered).unwrap();
            assert_eq!(Seal::of(folder.path()).unwrap(), None, "byte {at}");
            File::create(&path).unwrap().write_all(&sound[..at]).unwrap();
            assert_eq!(Seal::of(folder.path()).unwrap(), None, "cut at {at}");
        }
        Seal::put(folder.path(), &key(2)).unwrap();
        assert!(Seal::of(folder.path()).unwrap().unwrap().is_under(&key(2)));
    }
}
