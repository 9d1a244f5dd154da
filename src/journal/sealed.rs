//! A store in which nothing stands in plaintext: a layer over any other.
//!
//! Every value is sealed under a key that comes of the node's storage key, and bound to its own
//! key; only the store's own records (format, number of the last commit) stand as they are. Keys go
//! as they came, since ranges go by them, but for one id in some of them: whoever opens the
//! store says where in a key that id stands, and its pseudonym takes its place. So ranges that lie
//! within one such id go by the bytes of the keys, as the contract says; those that go over several
//! take the ids in the order of their pseudonyms.
//!
//! Sealing is without chance (`envelope/at_rest.rs`): what is equal above is equal below, so
//! batches expect what they know, and rows that are folded again are the same bytes on the disk.

use crate::envelope::at_rest::{PSEUDONYM_BYTES, RowKey};
use crate::envelope::storage::StorageKey;

use super::store::{Batch, FORMAT_KEY, Records, SEAL_KEY, Store, StoreError};

/// Where in a key an id stands that must not be read off the disk, if one does.
pub type HiddenId = fn(&[u8]) -> Option<usize>;

/// What is sealed under [`SEAL_KEY`], so that another key is noticed before anything is read.
pub(super) const SEAL: &[u8] = b"rogatory store";
/// First byte of the keys that are the store's own.
const OWN: u8 = 0;

/// A [`Store`] that keeps every value sealed in `S`.
#[derive(Debug)]
pub struct Sealed<S> {
    inner: S,
    key: RowKey,
    hidden: HiddenId,
}

impl<S: Store> Sealed<S> {
    /// Opens the layer over a store, or begins it if the store is empty.
    ///
    /// # Errors
    /// [`StoreError::Key`] if the store is sealed under another storage key,
    /// [`StoreError::Damaged`] if it holds values and no seal.
    pub fn open(inner: S, storage: &StorageKey, hidden: HiddenId) -> Result<Self, StoreError> {
        let key = RowKey::of(storage);
        match inner.get(SEAL_KEY)? {
            Some(seal) if key.open(SEAL_KEY, &seal).as_deref() == Some(SEAL) => {}
            Some(_) => return Err(StoreError::Key),
            None if inner.range(&[OWN + 1], super::store::AFTER_LAST_KEY, 1)?.is_empty() => {
                let mut batch = Batch::new();
                batch.put(SEAL_KEY, key.seal(SEAL_KEY, SEAL));
                inner.commit(batch)?;
            }
            None => return Err(StoreError::Damaged { key: SEAL_KEY.to_vec() }),
        }
        Ok(Self { inner, key, hidden })
    }

    /// The layer over what is left of a store, of which nobody knows whether it is whole: whose
    /// seal it bears is not judged.
    pub fn over_remains(inner: S, storage: &StorageKey, hidden: HiddenId) -> Self {
        Self { inner, key: RowKey::of(storage), hidden }
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Rows from where `from` stands below, which is empty at the beginning, with where the next ones
    /// stand; none at the end. Records of the store's own are left out.
    ///
    /// # Errors
    /// What can't be read, and the first row that does not open.
    pub fn walk(
        &self,
        from: &[u8],
        limit: usize,
    ) -> Result<(Records, Option<Vec<u8>>), StoreError> {
        let first = if from.is_empty() { &[OWN + 1] } else { from };
        let found = self.inner.range(first, super::store::AFTER_LAST_KEY, limit);
        let mut found = found.map_err(|error| self.named(error))?;
        let next = found.last().filter(|_| found.len() >= limit).map(|(key, _)| {
            let mut next = key.clone();
            next.push(0);
            next
        });
        found.retain(|(key, _)| !is_own(key));
        Ok((self.records(found)?, next))
    }

    fn swapped(
        &self,
        key: &[u8],
        swap: impl Fn([u8; PSEUDONYM_BYTES]) -> [u8; PSEUDONYM_BYTES],
    ) -> Vec<u8> {
        let mut swapped = key.to_vec();
        let place = (self.hidden)(key);
        let id = place.and_then(|at| swapped.get_mut(at..at.checked_add(PSEUDONYM_BYTES)?));
        // All ones stand in ends of ranges and mean "behind every id".
        if let Some(id) = id.filter(|it| **it != [u8::MAX; PSEUDONYM_BYTES]) {
            let mut own = [0; PSEUDONYM_BYTES];
            own.copy_from_slice(id);
            id.copy_from_slice(&swap(own));
        }
        swapped
    }

    /// The key as it stands below.
    fn below(&self, key: &[u8]) -> Vec<u8> {
        self.swapped(key, |id| self.key.hide(id))
    }

    fn seal(&self, below: &[u8], value: &[u8]) -> Vec<u8> {
        if is_own(below) { value.to_vec() } else { self.key.seal(below, value) }
    }

    fn opened(&self, key: &[u8], below: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        if is_own(below) {
            return Ok(sealed.to_vec());
        }
        let damaged = || StoreError::Damaged { key: key.to_vec() };
        self.key.open(below, sealed).ok_or_else(damaged)
    }

    fn batch(&self, batch: &Batch) -> Result<Batch, StoreError> {
        batch.check_limits()?;
        let mut sealed = Batch::new().marked_sealed();
        for (key, value) in batch.writes() {
            let below = self.below(key);
            match value {
                Some(value) => {
                    let value = self.seal(&below, value);
                    sealed.put(below, value);
                }
                None => sealed.delete(below),
            }
        }
        for (key, value) in batch.expected() {
            let below = self.below(key);
            let value = value.map(|value| self.seal(&below, value));
            sealed.expect(below, value);
        }
        Ok(sealed)
    }

    fn records(&self, found: Records) -> Result<Records, StoreError> {
        let read = found.into_iter().map(|(below, sealed)| {
            let key = self.swapped(&below, |id| self.key.show(id));
            let value = self.opened(&key, &below, &sealed)?;
            Ok((key, value))
        });
        read.collect()
    }

    /// Names a record as it is named above.
    fn named(&self, error: StoreError) -> StoreError {
        error.named(|key| self.swapped(&key, |id| self.key.show(id)))
    }
}

/// Records that are tried at most where the seal can't be read.
const TRIED_MAX: usize = 64;

/// Whether what is left of a store is sealed under this storage key: its seal opens, or, where that can't
/// be read, the first record that can.
pub fn bears<S: Store>(remains: &S, storage: &StorageKey) -> bool {
    let key = RowKey::of(storage);
    if let Ok(Some(seal)) = remains.get(SEAL_KEY) {
        return key.open(SEAL_KEY, &seal).as_deref() == Some(SEAL);
    }
    let mut from = vec![OWN + 1];
    for _ in 0..TRIED_MAX {
        match remains.range(&from, super::store::AFTER_LAST_KEY, 1) {
            Ok(found) => match found.first() {
                Some((below, _)) if is_own(below) => from.clone_from(below),
                Some((below, value)) => return key.open(below, value).is_some(),
                None => return false,
            },
            Err(StoreError::Damaged { key }) => from = key,
            Err(_) => return false,
        }
        from.push(0);
    }
    false
}

/// Whether the record is the store's, and stands as it is.
fn is_own(key: &[u8]) -> bool {
    key.first().is_none_or(|first| *first == OWN) || key == FORMAT_KEY
}

impl<S: Store> Store for Sealed<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let below = self.below(key);
        let sealed = self.inner.get(&below).map_err(|error| self.named(error))?;
        sealed.map(|sealed| self.opened(key, &below, &sealed)).transpose()
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        let found = self.inner.range(&self.below(from), &self.below(to), limit);
        self.records(found.map_err(|error| self.named(error))?)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        let found = self.inner.range_back(&self.below(from), &self.below(to), limit);
        self.records(found.map_err(|error| self.named(error))?)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.apply(self.batch(&batch)?).map_err(|error| self.named(error))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.commit(self.batch(&batch)?).map_err(|error| self.named(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::memory::{MemoryDisk, MemoryStore};
    use crate::journal::store::{AFTER_LAST_KEY, VALUE_BYTES_MAX};
    use crate::redact::Secret;

    fn storage(byte: u8) -> StorageKey {
        StorageKey::new(Secret::new([byte; 32]))
    }

    /// Sixteen bytes behind the first.
    fn behind_r(key: &[u8]) -> Option<usize> {
        (key.first() == Some(&b'r') && key.len() > PSEUDONYM_BYTES).then_some(1)
    }

    fn opened(disk: &MemoryDisk, byte: u8) -> Result<Sealed<MemoryStore>, StoreError> {
        Sealed::open(MemoryStore::open(disk)?, &storage(byte), behind_r)
    }

    fn one(key: &[u8], value: &[u8]) -> Batch {
        let mut batch = Batch::new();
        batch.put(key, value);
        batch
    }

    fn holds(store: &MemoryStore, wanted: &[u8]) -> bool {
        let found = store.range(&[0], AFTER_LAST_KEY, usize::MAX).unwrap();
        let has = |bytes: &[u8]| bytes.windows(wanted.len()).any(|it| it == wanted);
        found.iter().any(|(key, value)| has(key) || has(value))
    }

    #[test]
    fn neither_values_nor_hidden_ids_stand_below_and_all_come_back() {
        let store = opened(&MemoryDisk::new(), 1).unwrap();
        let key = b"r0123456789abcdef7";
        store.commit(one(key, b"a value to be searched for")).unwrap();
        assert_eq!(store.get(key).unwrap().as_deref(), Some(&b"a value to be searched for"[..]));
        let found = store.range(b"r", b"s", 9).unwrap();
        assert_eq!(found, [(key.to_vec(), b"a value to be searched for".to_vec())]);
        assert_eq!(store.range_back(b"r", b"s", 9).unwrap(), found);
        for text in [&b"a value"[..], b"searched for", b"0123456789abcdef", b"01234567"] {
            assert!(!holds(store.inner(), text), "{}", String::from_utf8_lossy(text));
        }
        assert!(holds(store.inner(), b"rogatory store 2"));
    }

    #[test]
    fn ranges_within_one_hidden_id_go_by_the_bytes_of_the_keys() {
        let store = opened(&MemoryDisk::new(), 1).unwrap();
        for key in [&b"r0123456789abcdef7"[..], b"r0123456789abcdef8", b"r0123456789abcdee9"] {
            store.commit(one(key, b"v")).unwrap();
        }
        let to = [&b"r0123456789abcdef"[..], &[0xff; 48]].concat();
        let keys = |found: Records| found.into_iter().map(|it| it.0).collect::<Vec<_>>();
        let both = [b"r0123456789abcdef7".to_vec(), b"r0123456789abcdef8".to_vec()];
        assert_eq!(keys(store.range(b"r0123456789abcdef", &to, 9).unwrap()), both);
        assert_eq!(keys(store.range(b"r0123456789abcdef8", &to, 9).unwrap()), both[1..]);
        assert_eq!(keys(store.range_back(b"r0123456789abcdef", &to, 1).unwrap()), both[1..]);
    }

    #[test]
    fn an_end_of_ones_is_behind_every_hidden_id() {
        let store = opened(&MemoryDisk::new(), 1).unwrap();
        let mut wanted = Vec::new();
        for number in 0..64_u8 {
            let key = [&b"r"[..], &[number; PSEUDONYM_BYTES], b"7"].concat();
            store.commit(one(&key, b"v")).unwrap();
            wanted.push(key);
        }
        let ones = [&b"r"[..], &[u8::MAX; PSEUDONYM_BYTES], b"7"].concat();
        store.commit(one(&ones, b"v")).unwrap();
        wanted.push(ones);
        let to = [&b"r"[..], &[u8::MAX; 64]].concat();
        let found = store.range(b"r", &to, 99).unwrap();
        let mut found: Vec<_> = found.into_iter().map(|it| it.0).collect();
        found.sort();
        assert_eq!(found, wanted);
    }

    #[test]
    fn expectations_and_limits_are_those_of_the_values_above() {
        let store = opened(&MemoryDisk::new(), 1).unwrap();
        store.commit(one(b"key", &[7; VALUE_BYTES_MAX])).unwrap();
        assert_eq!(store.get(b"key").unwrap(), Some(vec![7; VALUE_BYTES_MAX]));
        let long = store.commit(one(b"key", &[7; VALUE_BYTES_MAX + 1])).unwrap_err();
        assert!(matches!(long, StoreError::TooLarge { max: VALUE_BYTES_MAX, .. }), "{long}");
        let mut batch = one(b"key", b"new");
        batch.expect(*b"key", Some(b"old".to_vec()));
        let refused = store.commit(batch).unwrap_err();
        assert!(matches!(refused, StoreError::Unexpected { key } if key == b"key"));
        let mut batch = one(b"key", b"new");
        batch.expect(*b"key", Some(vec![7; VALUE_BYTES_MAX]));
        store.commit(batch).unwrap();
        assert_eq!(store.get(b"key").unwrap().as_deref(), Some(&b"new"[..]));
    }

    #[test]
    fn another_storage_key_is_refused_before_anything_is_read() {
        let disk = MemoryDisk::new();
        opened(&disk, 1).unwrap().commit(one(b"key", b"value")).unwrap();
        assert!(matches!(opened(&disk, 2), Err(StoreError::Key)));
        let store = opened(&disk, 1).unwrap();
        assert_eq!(store.get(b"key").unwrap().as_deref(), Some(&b"value"[..]));
    }

    #[test]
    fn what_is_left_of_a_store_tells_its_key_without_the_seal_too() {
        let disk = MemoryDisk::new();
        let store = opened(&disk, 1).unwrap();
        store.commit(one(b"key", b"value")).unwrap();
        let bear = |store: &MemoryStore| [1, 2].map(|byte| bears(store, &storage(byte)));
        assert_eq!(bear(store.inner()), [true, false]);
        let mut batch = Batch::new();
        batch.delete(SEAL_KEY);
        store.inner().commit(batch).unwrap();
        assert_eq!(bear(store.inner()), [true, false]);
        assert_eq!(bear(&MemoryStore::open(&MemoryDisk::new()).unwrap()), [false, false]);
    }

    #[test]
    fn values_without_a_seal_and_values_of_another_key_are_damage() {
        let disk = MemoryDisk::new();
        let store = opened(&disk, 1).unwrap();
        store.commit(one(b"key", b"value")).unwrap();
        let moved = store.inner().get(b"key").unwrap().unwrap();
        store.inner().commit(one(b"kez", &moved)).unwrap();
        assert!(matches!(store.get(b"kez"), Err(StoreError::Damaged { key }) if key == b"kez"));
        drop(store);
        let disk = MemoryDisk::new();
        MemoryStore::open(&disk).unwrap().commit(one(b"key", b"value")).unwrap();
        assert!(matches!(opened(&disk, 1), Err(StoreError::Damaged { key }) if key == SEAL_KEY));
    }
}
