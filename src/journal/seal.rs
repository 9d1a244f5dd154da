//! The seal of a store in a file beside it: under which storage key the store is sealed, which file of slots is
//! its own, and which key opens what its journal holds; told before the engine opens.
//!
//! The store has the same seal inside, and that one counts. But to read it the engine must be opened, which
//! writes; so what is another's is found here first, and nothing is touched. The file holds nothing
//! that is not in the store: the same text sealed under the same keys, and the name of the slots. A file that is
//! missing, cut or altered says nothing, and is written anew once the store itself was opened.
//!
//! ```text
//! file = SHA-256 of the rest (32) ‖ seal of the store (30) ‖ beside, once that is known
//! beside = volume of the slots (16) ‖ record under the skeleton key, once it has opened an entry
//! ```

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::Path;

use crate::domain::digest::Digest;
use crate::entropy::Entropy;
use crate::envelope::at_rest::{RowKey, SEAL_BYTES};
use crate::envelope::storage::StorageKey;

use super::folder::{io, sync_path};
use super::sealed::SEAL;
use super::slot_disks::FileSlots;
use super::slots::{self, HEADER_BYTES, SlotDisk as _, SlotError, Volume};
use super::store::{SEAL_KEY, StoreError};

/// Its name in the folder of the store.
pub const FILE_NAME: &str = "seal";
/// More than the file ever has, in bytes.
const BYTES_MAX: u64 = 1_024;
/// Bytes of the seal of the store itself.
const STORE_BYTES: usize = SEAL.len() + SEAL_BYTES;
/// What the record under the skeleton key is bound to, and what it says.
const SKELETON: &[u8] = b"rogatory skeleton of a store";

/// What a file of the seal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    store: Vec<u8>,
    beside: Option<Beside>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Beside {
    volume: Volume,
    /// Empty while no entry has shown the key.
    skeleton: Vec<u8>,
}

impl Seal {
    /// The seal of the store in `folder`; none if no file says it.
    ///
    /// # Errors
    /// If there is a file that can't be read.
    pub fn of(folder: &Path) -> Result<Option<Self>, StoreError> {
        let file = match File::open(folder.join(FILE_NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("open its seal")(error)),
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(io("read its seal"))?;
        Ok(Self::read(&bytes))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (digest, said) = bytes.split_first_chunk::<32>()?;
        let (store, rest) = said.split_at_checked(STORE_BYTES)?;
        if Digest::of(said).as_bytes() != digest {
            return None;
        }
        let beside = match rest.split_first_chunk() {
            Some((volume, skeleton)) => {
                Some(Beside { volume: *volume, skeleton: skeleton.to_vec() })
            }
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { store: store.to_vec(), beside })
    }

    /// Whether the store is sealed under this key.
    pub fn is_under(&self, storage: &StorageKey) -> bool {
        RowKey::of(storage).open(SEAL_KEY, &self.store).as_deref() == Some(SEAL)
    }

    /// Whether the journal's skeletons open under this key; yes as well where the seal says nothing of it.
    pub fn may_open_with(&self, skeleton: &StorageKey) -> bool {
        let record = self.beside.as_ref().map(|it| it.skeleton.as_slice()).unwrap_or_default();
        record.is_empty() || opens(skeleton, record)
    }

    /// Holds the file of slots in the folder of the store against what the seal says of it. Nothing is
    /// opened to be written.
    ///
    /// # Errors
    /// As [`slots::Slots::open`] where the store knows its slots.
    pub fn fits_slots(&self, folder: &Path, storage: &StorageKey) -> Result<(), SlotError> {
        let Some(beside) = &self.beside else { return Ok(()) };
        let no = |doing| move |source| SlotError::Io { doing, source };
        let disk = match FileSlots::to_read(&folder.join(slots::FILE_NAME)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SlotError::OtherVolume);
            }
            opened => opened.map_err(no("opened"))?,
        };
        let is_cut = disk.length().map_err(no("measured"))? < HEADER_BYTES;
        if is_cut || slots::read_header(&disk, storage)? != beside.volume {
            return Err(SlotError::OtherVolume);
        }
        Ok(())
    }

    /// Whether it says all this already; of the skeleton key only where one is given.
    pub fn says(
        &self,
        storage: &StorageKey,
        volume: Volume,
        skeleton: Option<&StorageKey>,
    ) -> bool {
        let beside = self.beside.as_ref().filter(|it| it.volume == volume);
        self.is_under(storage)
            && beside.is_some_and(|it| skeleton.is_none_or(|key| opens(key, &it.skeleton)))
    }

    /// Says in the folder of a store, durably, under which key the store is sealed, and nothing else. What
    /// stood there is overwritten; torn, it says nothing.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn put(folder: &Path, storage: &StorageKey) -> Result<(), StoreError> {
        Self { store: store_seal(storage), beside: None }.write(folder)
    }

    /// The same with the file of slots that is the store's, and the key that has opened a skeleton of its
    /// journal, if one has.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn put_whole(
        folder: &Path,
        storage: &StorageKey,
        volume: Volume,
        skeleton: Option<&StorageKey>,
        entropy: &dyn Entropy,
    ) -> Result<(), StoreError> {
        let record = skeleton.map(|key| key.seal_record(SKELETON, SKELETON, entropy));
        let beside = Some(Beside { volume, skeleton: record.unwrap_or_default() });
        Self { store: store_seal(storage), beside }.write(folder)
    }

    fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let mut said = self.store.clone();
        if let Some(Beside { volume, skeleton }) = &self.beside {
            said.extend_from_slice(volume);
            said.extend_from_slice(skeleton);
        }
        let bytes = [Digest::of(&said).as_bytes().as_slice(), &said].concat();
        let mut file = File::create(folder.join(FILE_NAME)).map_err(io("make its seal"))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io("write its seal"))?;
        sync_path(folder)
    }
}

fn store_seal(storage: &StorageKey) -> Vec<u8> {
    RowKey::of(storage).seal(SEAL_KEY, SEAL)
}

fn opens(skeleton: &StorageKey, record: &[u8]) -> bool {
    skeleton.open_record(SKELETON, record).is_ok_and(|it| *it == *SKELETON)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::journal::slots::Slots;
    use crate::redact::Secret;

    fn key(byte: u8) -> StorageKey {
        StorageKey::new(Secret::new([byte; 32]))
    }

    fn altered_says_nothing(path: &Path) {
        let folder = path.parent().unwrap();
        let sound = std::fs::read(path).unwrap();
        for at in 0..sound.len() {
            let mut altered = sound.clone();
            altered[at] ^= 1;
            File::create(path).unwrap().write_all(&altered).unwrap();
            assert_eq!(Seal::of(folder).unwrap(), None, "byte {at}");
            File::create(path).unwrap().write_all(&sound[..at]).unwrap();
            assert_eq!(Seal::of(folder).unwrap(), None, "cut at {at}");
        }
        File::create(path).unwrap().write_all(&sound).unwrap();
    }

    #[test]
    fn the_file_tells_its_key_from_every_other_and_says_nothing_once_it_is_altered() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Seal::of(folder.path()).unwrap(), None);
        Seal::put(folder.path(), &key(1)).unwrap();
        let seal = Seal::of(folder.path()).unwrap().unwrap();
        assert!(seal.is_under(&key(1)) && !seal.is_under(&key(2)));
        assert!(seal.may_open_with(&key(7)) && !seal.says(&key(1), [3; 16], None));
        seal.fits_slots(folder.path(), &key(1)).unwrap();
        altered_says_nothing(&folder.path().join(FILE_NAME));
        Seal::put(folder.path(), &key(2)).unwrap();
        assert!(Seal::of(folder.path()).unwrap().unwrap().is_under(&key(2)));
    }

    #[test]
    fn the_skeleton_key_is_told_from_others_once_it_is_known() {
        let (folder, chance) = (tempfile::tempdir().unwrap(), SeededEntropy::new(1));
        let put = |skeleton| Seal::put_whole(folder.path(), &key(1), [3; 16], skeleton, &chance);
        let seal = || Seal::of(folder.path()).unwrap().unwrap();
        put(None).unwrap();
        assert!(seal().may_open_with(&key(7)) && seal().says(&key(1), [3; 16], None));
        assert!(!seal().says(&key(1), [3; 16], Some(&key(4))));
        put(Some(&key(4))).unwrap();
        assert!(seal().is_under(&key(1)) && seal().may_open_with(&key(4)));
        assert!(!seal().may_open_with(&key(1)) && !seal().may_open_with(&key(7)));
        assert!(seal().says(&key(1), [3; 16], Some(&key(4))));
        assert!(!seal().says(&key(1), [3; 16], Some(&key(5))));
        assert!(!seal().says(&key(1), [2; 16], Some(&key(4))));
        altered_says_nothing(&folder.path().join(FILE_NAME));
    }

    #[test]
    fn slots_that_are_missing_cut_or_another_stores_do_not_fit_and_stay_as_they_are() {
        let (folder, chance) = (tempfile::tempdir().unwrap(), Arc::new(SeededEntropy::new(1)));
        let path = folder.path().join(slots::FILE_NAME);
        let made = |byte: u8| {
            let disk = Box::new(FileSlots::open(&path).unwrap());
            Slots::open(disk, &key(byte), Arc::clone(&chance) as _, 8, None).unwrap().volume()
        };
        let volume = made(1);
        Seal::put_whole(folder.path(), &key(1), volume, None, chance.as_ref()).unwrap();
        let seal = Seal::of(folder.path()).unwrap().unwrap();
        let own = key(1);
        seal.fits_slots(folder.path(), &own).unwrap();
        let sound = std::fs::read(&path).unwrap();
        File::create(&path).unwrap().write_all(&sound[..1_000]).unwrap();
        let refusal = || seal.fits_slots(folder.path(), &own).unwrap_err().to_string();
        let other = SlotError::OtherVolume.to_string();
        assert_eq!(refusal(), other);
        assert_eq!(std::fs::read(&path).unwrap(), sound[..1_000]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(refusal(), other);
        assert!(!path.exists());
        assert_ne!(made(1), volume);
        assert_eq!(refusal(), other);
        std::fs::remove_file(&path).unwrap();
        made(2);
        assert_eq!(refusal(), SlotError::Key.to_string());
    }
}
