//! Sealed content in values of at most 4 KiB, erasable: a head with length and hash of the whole
//! and the first bytes of it, and chunks with the rest.
//!
//! The hash is of the bytes that are stored, so a chunk that is missing, old or of other content is
//! found when the content is read: [`StoreError::Damaged`] then names the chunk, or the head where
//! no chunk alone is to blame. What is small takes one value.
//!
//! The head lies under `key ‖ 0`, chunk n under `key ‖ n` (four bytes, big-endian, from 1). **Keys
//! of contents must all have one length within their prefix**, or chunks could take each other's
//! place. Content that is too long for a batch, or its key, is refused when the batch is committed.
//! Removing content here frees the key; it does not overwrite the disk (erasure is by destruction
//! of the content's key).

use crate::domain::digest::Digest;

use super::store::{BATCH_BYTES_MAX, Batch, KEY_BYTES_MAX, Store, StoreError, VALUE_BYTES_MAX};

/// Longest key that content can have, in bytes.
pub const CONTENT_KEY_BYTES_MAX: usize = KEY_BYTES_MAX - NUMBER_BYTES;

const NUMBER_BYTES: usize = 4;
const LENGTH_BYTES: usize = 8;
const HASH_BYTES: usize = 32;
/// Bytes of the content that lie in its head.
const IN_HEAD_BYTES: usize = VALUE_BYTES_MAX - LENGTH_BYTES - HASH_BYTES;
/// How often content is read again that changes while it is read.
const READS_MAX: usize = 8;

/// Adds `bytes` to the batch as the content of `key`, under which nothing longer stands.
pub fn put(batch: &mut Batch, key: &[u8], bytes: &[u8]) {
    let head = Head { length: bytes.len(), hash: Digest::of(bytes) };
    let (first, rest) = bytes.split_at(bytes.len().min(IN_HEAD_BYTES));
    batch.put(chunk_key(key, 0), head.to_bytes(first));
    for (number, chunk) in (1..).zip(rest.chunks(VALUE_BYTES_MAX)) {
        batch.put(chunk_key(key, number), chunk);
    }
}

/// As [`put`], where longer content may stand under `key`.
///
/// # Errors
/// As [`delete`].
pub fn replace(
    store: &(impl Store + ?Sized),
    batch: &mut Batch,
    key: &[u8],
    bytes: &[u8],
) -> Result<(), StoreError> {
    delete(store, batch, key)?;
    put(batch, key, bytes);
    Ok(())
}

/// The content of `key`, whole and as it was put; `None` if there is none (any more).
///
/// # Errors
/// [`StoreError::Damaged`] names what is missing or altered.
pub fn get(store: &(impl Store + ?Sized), key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let mut before = None;
    for _ in 0..READS_MAX {
        let Some(head) = store.get(&chunk_key(key, 0))? else { return Ok(None) };
        // A writer may replace the content while its chunks are read. Only what does not fit under
        // a head that still stands is damage.
        let assembled = assemble(store, key, &head);
        if assembled.is_ok() || before.as_ref() == Some(&head) {
            return assembled.map(Some);
        }
        before = Some(head);
    }
    Err(damaged(key, 0))
}

/// Adds to the batch the removal of the content of `key`, if there is any.
///
/// # Errors
/// When the head cannot be read, so that nobody knows which chunks there are.
pub fn delete(
    store: &(impl Store + ?Sized),
    batch: &mut Batch,
    key: &[u8],
) -> Result<(), StoreError> {
    let Some(bytes) = store.get(&chunk_key(key, 0))? else { return Ok(()) };
    let (head, _) = Head::split(&bytes).ok_or_else(|| damaged(key, 0))?;
    for number in 0..=head.chunks() {
        batch.delete(chunk_key(key, number));
    }
    Ok(())
}

struct Head {
    length: usize,
    hash: Digest,
}

impl Head {
    fn to_bytes(&self, first: &[u8]) -> Vec<u8> {
        let length = u64::try_from(self.length).unwrap_or(u64::MAX);
        [&length.to_be_bytes()[..], self.hash.as_bytes(), first].concat()
    }

    /// `None` unless `bytes` are a head, with the first bytes of the content behind it.
    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (hash, first) = rest.split_first_chunk()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let head = Self { length, hash: Digest::from_bytes(*hash) };
        // No batch can have held more, and nobody should believe a length that says so.
        (length <= BATCH_BYTES_MAX).then_some((head, first))
    }

    /// Number of chunks beside the head.
    fn chunks(&self) -> u32 {
        let count = self.length.saturating_sub(IN_HEAD_BYTES).div_ceil(VALUE_BYTES_MAX);
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

fn assemble(store: &(impl Store + ?Sized), key: &[u8], head: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (head, first) = Head::split(head).ok_or_else(|| damaged(key, 0))?;
    let mut bytes = first.to_vec();
    for number in 1..=head.chunks() {
        let chunk = store.get(&chunk_key(key, number))?;
        bytes.extend_from_slice(&chunk.ok_or_else(|| damaged(key, number))?);
    }
    if bytes.len() != head.length || Digest::of(&bytes) != head.hash {
        return Err(damaged(key, 0));
    }
    Ok(bytes)
}

fn chunk_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

fn damaged(key: &[u8], number: u32) -> StoreError {
    StoreError::Damaged { key: chunk_key(key, number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::{AFTER_LAST_KEY, MemoryStore};

    const KEY: &[u8] = b"content/1";

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn stored(length: usize) -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        put(&mut batch, KEY, &bytes(length));
        store.commit(batch).unwrap();
        store
    }

    #[test]
    fn content_of_any_length_comes_back_and_goes_without_a_trace() {
        let edge = IN_HEAD_BYTES + VALUE_BYTES_MAX;
        for length in [0, 1, IN_HEAD_BYTES, IN_HEAD_BYTES + 1, edge, edge + 1, 1_500_000] {
            let store = stored(length);
            assert_eq!(get(&store, KEY).unwrap(), Some(bytes(length)), "length {length}");
            let mut batch = Batch::new();
            delete(&store, &mut batch, KEY).unwrap();
            store.commit(batch).unwrap();
            assert_eq!(get(&store, KEY).unwrap(), None);
            assert_eq!(store.range(b"c", AFTER_LAST_KEY, 9).unwrap(), []);
        }
    }

    #[test]
    fn shorter_content_in_place_of_longer_leaves_nothing_behind() {
        let store = stored(20_000);
        let mut batch = Batch::new();
        replace(&store, &mut batch, KEY, b"short").unwrap();
        store.commit(batch).unwrap();
        assert_eq!(get(&store, KEY).unwrap(), Some(b"short".to_vec()));
        assert_eq!(store.range(b"c", AFTER_LAST_KEY, 9).unwrap().len(), 1);
    }

    fn named(store: &MemoryStore) -> Vec<u8> {
        match get(store, KEY) {
            Err(StoreError::Damaged { key }) => key,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_missing_altered_or_exchanged_chunk_is_found() {
        let store = stored(20_000);
        let good = store.get(&chunk_key(KEY, 2)).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(chunk_key(KEY, 2));
        store.commit(batch).unwrap();
        assert_eq!(named(&store), chunk_key(KEY, 2));
        for other in [vec![0; VALUE_BYTES_MAX], vec![]] {
            let mut batch = Batch::new();
            batch.put(chunk_key(KEY, 2), other);
            store.commit(batch).unwrap();
            assert_eq!(named(&store), chunk_key(KEY, 0));
        }
        let mut batch = Batch::new();
        batch.put(chunk_key(KEY, 2), good);
        store.commit(batch).unwrap();
        assert_eq!(get(&store, KEY).unwrap(), Some(bytes(20_000)));
        assert!(store.disk().flip_bit(&chunk_key(KEY, 3), 77));
        assert_eq!(named(&store), chunk_key(KEY, 3));
    }

    #[test]
    fn a_head_that_is_none_is_named_and_its_length_not_believed() {
        for head in [&[][..], &[0; 39], &[0xff; 40]] {
            let store = MemoryStore::new();
            let mut batch = Batch::new();
            batch.put(chunk_key(KEY, 0), head);
            store.commit(batch).unwrap();
            assert_eq!(named(&store), chunk_key(KEY, 0));
            assert!(delete(&store, &mut Batch::new(), KEY).is_err());
        }
    }

    #[test]
    fn what_is_too_long_is_refused_by_the_commit() {
        let store = MemoryStore::new();
        let refused = |key: &[u8], length: usize| {
            let mut batch = Batch::new();
            put(&mut batch, key, &vec![0; length]);
            match store.commit(batch) {
                Ok(()) => None,
                Err(StoreError::TooLarge { what, .. }) => Some(what),
                Err(other) => panic!("{other}"),
            }
        };
        assert_eq!(refused(KEY, BATCH_BYTES_MAX / 2), None);
        assert_eq!(refused(KEY, BATCH_BYTES_MAX), Some("bytes in a batch"));
        assert_eq!(refused(&[b'k'; CONTENT_KEY_BYTES_MAX], 9), None);
        assert_eq!(refused(&[b'k'; CONTENT_KEY_BYTES_MAX + 1], 9), Some("bytes in a key"));
    }
}
