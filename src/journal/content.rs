//! Sealed content in values of at most 4 KiB, erasable: a head with length and hash of the whole
//! and the first bytes of it, and chunks with the rest.
//!
//! The hash is of the bytes that are stored, so a chunk that is missing, old or of other content is
//! found when the content is read. What is small takes one value.
//!
//! The head lies under `key ‖ 0`, chunk n under `key ‖ n` (two bytes, big-endian, from 1). **Keys of
//! contents must all have one length within their prefix**, or chunks could take each other's place.
//! Removing content here frees the key; it does not overwrite the disk (erasure is by key
//! destruction).

use crate::domain::digest::Digest;

use super::store::{Batch, KEY_BYTES_MAX, Store, StoreError, VALUE_BYTES_MAX};

/// Longest content, in bytes (4 MiB): half of what a batch may hold.
pub const STORED_CONTENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest key that content can have, in bytes.
pub const CONTENT_KEY_BYTES_MAX: usize = KEY_BYTES_MAX - NUMBER_BYTES;

const NUMBER_BYTES: usize = 2;
const LENGTH_BYTES: usize = 4;
const HASH_BYTES: usize = 32;
/// Bytes of the content that lie in its head.
const IN_HEAD_BYTES: usize = VALUE_BYTES_MAX - LENGTH_BYTES - HASH_BYTES;
/// How often content is read again that changes while it is read.
const READS_MAX: usize = 8;

/// Why content cannot be had or put.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// A chunk is not there.
    #[error("chunk {chunk} of the content {} is missing", hex::encode(key))]
    ChunkMissing {
        /// Key of the content.
        key: Vec<u8>,
        /// Which chunk, from 1.
        chunk: u16,
    },
    /// Length or hash are not those of the content that was put.
    #[error("the content {} is not what was put", hex::encode(key))]
    Differs {
        /// Key of the content.
        key: Vec<u8>,
    },
    /// The store failed, or a record is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds `bytes` to the batch as the content of `key`, under which no content stands.
///
/// # Errors
/// [`StoreError::TooLarge`] for more than [`STORED_CONTENT_BYTES_MAX`] bytes of content or
/// [`CONTENT_KEY_BYTES_MAX`] of key; the batch is unchanged then.
pub fn put(batch: &mut Batch, key: &[u8], bytes: &[u8]) -> Result<(), StoreError> {
    let within = |what, size, max| {
        if size > max {
            Err(StoreError::TooLarge { what, size, max })
        } else {
            Ok(())
        }
    };
    within("bytes of content", bytes.len(), STORED_CONTENT_BYTES_MAX)?;
    within(
        "bytes in the key of a content",
        key.len(),
        CONTENT_KEY_BYTES_MAX,
    )?;
    let head = Head {
        length: bytes.len(),
        hash: Digest::of(bytes),
    };
    let (first, rest) = bytes.split_at(bytes.len().min(IN_HEAD_BYTES));
    batch.put(chunk_key(key, 0), head.to_bytes(first));
    for (number, chunk) in (1..).zip(rest.chunks(VALUE_BYTES_MAX)) {
        batch.put(chunk_key(key, number), chunk);
    }
    Ok(())
}

/// As [`put`], where content may stand under `key` already.
pub fn replace(
    store: &(impl Store + ?Sized),
    batch: &mut Batch,
    key: &[u8],
    bytes: &[u8],
) -> Result<(), ContentError> {
    delete(store, batch, key)?;
    Ok(put(batch, key, bytes)?)
}

/// The content of `key`, whole and as it was put; `None` if there is none (any more).
///
/// # Errors
/// [`ContentError`] names what is missing or damaged.
pub fn get(store: &(impl Store + ?Sized), key: &[u8]) -> Result<Option<Vec<u8>>, ContentError> {
    let mut read = None;
    for _ in 0..READS_MAX {
        // A writer may replace the content while its chunks are read: only if the head stands
        // as it stood before has the content itself to answer for what does not fit.
        let Some(head) = store.get(&chunk_key(key, 0))? else {
            return Ok(None);
        };
        let assembled = assemble(store, key, &head);
        if assembled.is_ok() || read.as_ref().is_some_and(|(before, _)| *before == head) {
            return assembled.map(Some);
        }
        read = Some((head, assembled));
    }
    read.map_or(Ok(None), |(_, assembled)| assembled.map(Some))
}

/// Adds to the batch the removal of the content of `key`, if there is any.
///
/// # Errors
/// When the head cannot be read, so that nobody knows which chunks there are.
pub fn delete(
    store: &(impl Store + ?Sized),
    batch: &mut Batch,
    key: &[u8],
) -> Result<(), ContentError> {
    let Some(bytes) = store.get(&chunk_key(key, 0))? else {
        return Ok(());
    };
    let (head, _) = Head::split(key, &bytes)?;
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
        let length = u32::try_from(self.length).expect("content is at most 4 MiB long");
        [&length.to_be_bytes()[..], self.hash.as_bytes(), first].concat()
    }

    fn split<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ContentError> {
        let parts = bytes
            .split_first_chunk::<LENGTH_BYTES>()
            .and_then(|(length, rest)| {
                let (hash, first) = rest.split_first_chunk::<HASH_BYTES>()?;
                let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
                let head = Self {
                    length,
                    hash: Digest::from_bytes(*hash),
                };
                (length <= STORED_CONTENT_BYTES_MAX).then_some((head, first))
            });
        parts.ok_or_else(|| ContentError::Differs { key: key.to_vec() })
    }

    /// Number of chunks beside the head.
    fn chunks(&self) -> u16 {
        let count = self
            .length
            .saturating_sub(IN_HEAD_BYTES)
            .div_ceil(VALUE_BYTES_MAX);
        u16::try_from(count).expect("4 MiB are some thousand chunks")
    }
}

fn assemble(
    store: &(impl Store + ?Sized),
    key: &[u8],
    head: &[u8],
) -> Result<Vec<u8>, ContentError> {
    let (head, first) = Head::split(key, head)?;
    let mut bytes = first.to_vec();
    for number in 1..=head.chunks() {
        let chunk = store.get(&chunk_key(key, number))?;
        let missing = || ContentError::ChunkMissing {
            key: key.to_vec(),
            chunk: number,
        };
        bytes.extend_from_slice(&chunk.ok_or_else(missing)?);
    }
    if bytes.len() != head.length || Digest::of(&bytes) != head.hash {
        return Err(ContentError::Differs { key: key.to_vec() });
    }
    Ok(bytes)
}

fn chunk_key(key: &[u8], number: u16) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::{AFTER_LAST_KEY, MemoryStore};

    const KEY: &[u8] = b"content/1";

    fn bytes(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    fn stored(length: usize) -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        put(&mut batch, KEY, &bytes(length)).unwrap();
        store.commit(batch).unwrap();
        store
    }

    #[test]
    fn content_of_any_length_comes_back_and_goes_without_a_trace() {
        let edge = IN_HEAD_BYTES + VALUE_BYTES_MAX;
        for length in [
            0,
            1,
            IN_HEAD_BYTES,
            IN_HEAD_BYTES + 1,
            edge,
            edge + 1,
            1_500_000,
        ] {
            let store = stored(length);
            assert_eq!(
                get(&store, KEY).unwrap(),
                Some(bytes(length)),
                "length {length}"
            );
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

    #[test]
    fn a_missing_or_exchanged_chunk_is_found() {
        let store = stored(20_000);
        let mut batch = Batch::new();
        batch.delete(chunk_key(KEY, 2));
        store.commit(batch).unwrap();
        let error = get(&store, KEY).unwrap_err();
        assert!(
            matches!(error, ContentError::ChunkMissing { chunk: 2, .. }),
            "{error}"
        );
        let mut batch = Batch::new();
        batch.put(chunk_key(KEY, 2), vec![0; VALUE_BYTES_MAX]);
        store.commit(batch).unwrap();
        let error = get(&store, KEY).unwrap_err();
        assert!(
            matches!(&error, ContentError::Differs { key } if key == KEY),
            "{error}"
        );
        assert!(store.disk().flip_bit(&chunk_key(KEY, 3), 77));
        let error = get(&store, KEY).unwrap_err();
        assert!(matches!(
            error,
            ContentError::ChunkMissing { .. }
                | ContentError::Differs { .. }
                | ContentError::Store(StoreError::Damaged { .. })
        ));
    }

    #[test]
    fn limits_are_kept_at_their_very_edge() {
        let mut batch = Batch::new();
        let most = vec![0; STORED_CONTENT_BYTES_MAX];
        put(&mut batch, &[b'k'; CONTENT_KEY_BYTES_MAX], &most).unwrap();
        batch.check_limits().unwrap();
        let mut batch = Batch::new();
        let long = vec![0; STORED_CONTENT_BYTES_MAX + 1];
        assert!(matches!(
            put(&mut batch, KEY, &long),
            Err(StoreError::TooLarge { .. })
        ));
        let key = [b'k'; CONTENT_KEY_BYTES_MAX + 1];
        assert!(matches!(
            put(&mut batch, &key, b""),
            Err(StoreError::TooLarge { .. })
        ));
        assert!(batch.is_empty());
    }
}
