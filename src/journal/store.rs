//! A map of small values that changes in atomic batches: what a journal and its projections stand
//! on. Two keep its promise: [`DiskStore`] on disk and [`MemoryStore`] for the simulator.
//!
//! Every value is kept with a CRC-32C over its key and itself, so a value that was altered, or that
//! stands under another key, is found when it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::envelope::at_rest::SEAL_BYTES;

pub(super) use super::engine::SEGMENT_BYTES;
pub use super::memory::MemoryStore;
pub use super::sealed::Sealed;
pub use super::settled::{DiskStore, Memory};
pub use super::sled::Commits;

/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 64;
/// Longest value as it lies in the store, checksum included, in bytes. What sled writes at once, a
/// leaf of up to 17 values, must stay under a quarter of a part of its log, or it goes to a file that
/// is never synced. That is 4 MiB here; with sled's own parts it would be 131,052 bytes, which 17
/// values of this length keep too.
pub const STORED_BYTES_MAX: usize = 4096;
/// Bytes of the checksum in front of each stored value.
pub const CHECKSUM_BYTES: usize = 4;
/// Longest value that a caller may put, in bytes: there is room for a seal ([`Sealed`]).
pub const VALUE_BYTES_MAX: usize = STORED_BYTES_MAX - CHECKSUM_BYTES - SEAL_BYTES;
/// Most keys that one batch may write or delete.
pub const BATCH_VALUES_MAX: usize = 2048;
/// Most bytes of keys and values in one batch (2.5 MiB). sled writes up to 5.6 times as much for them,
/// and that must fit into one part of its log: `sled.rs` says why.
pub const BATCH_BYTES_MAX: usize = 2_560 * 1024;
/// Greater than every key: as the upper end of a range it means "to the last one".
pub const AFTER_LAST_KEY: &[u8] = &[0xff; KEY_BYTES_MAX + 1];

/// The key of the record that says how the rest is to be read. Sorts before all others.
pub const FORMAT_KEY: &[u8] = &[0];
/// The key of the record that tells whether a storage key is this store's.
pub(super) const SEAL_KEY: &[u8] = &[0, b's'];
/// The key of the number of the last commit, in stores that number them.
pub(super) const COMMIT_KEY: &[u8] = &[0, b'n'];
/// What stands under [`FORMAT_KEY`] in a store that this program understands.
pub const FORMAT: &[u8] = b"rogatory store 2";

/// Keys with their values, as a range gives them.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// A map from keys to values that survives power loss.
///
/// **Atomicity.** A batch takes effect whole or not at all, across a crash at any instant too.
/// Its expectations are judged in the same step in which it takes effect: nothing can come
/// between. Of two writes to one key in one batch the last counts.
///
/// **Visibility.** `get` shows a batch from the moment `apply` or `commit` *begins* to write it,
/// before it is durable. Whoever answers the outside must ask the journal what is durable
/// ([`Journal::next`](super::Journal::next)) and not conclude it from what can be read. A range is
/// not a snapshot: while it is walked, later batches may show in its later part.
///
/// **Durability.** When `commit` returns `Ok`, its batch and everything applied before it are on
/// the disk. What was only applied may be lost by a crash, the latest first: what remains is the
/// state after some whole batch at or after the last successful commit.
///
/// **Order.** Batches take effect in the order in which the calls are made; one that writes waits
/// for another that does. Ranges go by the bytes of the keys.
///
/// **Errors.** [`StoreError::TooLarge`] and [`StoreError::Unexpected`] mean that nothing was
/// changed and the store goes on. [`StoreError::Damaged`] names the one record that cannot be
/// trusted. Any other error of `apply` or `commit` leaves open whether the batch is durable: the
/// store is then closed to everyone, each later call gets [`StoreError::Failed`], nothing is tried
/// again (a lost write is reported once), and the program must end with exit status 74. What
/// holds is decided by the next opening.
///
/// **Who may call.** Readers from any thread, at any time; they never wait for a commit. Writing
/// is the part of the one writer of the node. One process has a store open.
pub trait Store: Send + Sync {
    /// The value under `key`, if there is one.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` records from `from` (inclusive) to `to` (exclusive), ascending.
    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError>;

    /// At most `limit` records from `from` (inclusive) to `to` (exclusive), the last one first.
    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError>;

    /// Makes the batch visible; durable only with the next [`Store::commit`].
    fn apply(&self, batch: Batch) -> Result<(), StoreError>;

    /// Makes the batch visible and durable, with everything applied before it.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

impl<S: Store + ?Sized> Store for &S {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        (**self).range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        (**self).range_back(from, to, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).apply(batch)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).commit(batch)
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        (**self).range(from, to, limit)
    }

    fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Records, StoreError> {
        (**self).range_back(from, to, limit)
    }

    fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).apply(batch)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        (**self).commit(batch)
    }
}

/// Changes that take effect together, if what they expect holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    expected: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Values carry a seal, which does not count against what a caller may put.
    sealed: bool,
}

impl Batch {
    /// A batch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes `value` under `key`.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.insert(key.into(), Some(value.into()));
    }

    /// Removes what stands under `key`, if anything does.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.writes.insert(key.into(), None);
    }

    /// The batch takes effect only if exactly `value` (or nothing) stands under `key` before it.
    pub fn expect(&mut self, key: impl Into<Vec<u8>>, value: Option<Vec<u8>>) {
        self.expected.insert(key.into(), value);
    }

    /// Adds all of `other`; where both write or expect one key, `other` counts.
    pub fn extend(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.expected.extend(other.expected);
    }

    /// Each key with the value it gets, or `None` where it is deleted, in the order of the keys.
    pub fn writes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Each key with what must stand under it before.
    pub(super) fn expected(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.expected.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Number of keys that it writes or deletes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.writes().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum()
    }

    /// The same batch, once its values are sealed.
    pub(super) fn marked_sealed(mut self) -> Self {
        self.sealed = true;
        self
    }

    /// Whether every store takes a batch of this size.
    pub fn check_limits(&self) -> Result<(), StoreError> {
        let within = |what, bytes, max| {
            if bytes > max { Err(StoreError::TooLarge { what, size: bytes, max }) } else { Ok(()) }
        };
        let seal = if self.sealed { SEAL_BYTES } else { 0 };
        within("values in a batch", self.len(), BATCH_VALUES_MAX)?;
        within("bytes in a batch", self.bytes(), BATCH_BYTES_MAX + seal * BATCH_VALUES_MAX)?;
        for (key, value) in self.writes() {
            within("bytes in a key", key.len(), KEY_BYTES_MAX)?;
            within("bytes in a value", value.map_or(0, <[u8]>::len), VALUE_BYTES_MAX + seal)?;
        }
        Ok(())
    }
}

/// Why a store does not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The checksum of this record does not hold; the others can still be read.
    #[error("the record {} is damaged", hex::encode(key))]
    Damaged {
        /// Its key.
        key: Vec<u8>,
    },
    /// What the store's engine says about its own files: they are damaged, or were misused.
    #[error("the store cannot be read: {detail}")]
    Engine {
        /// In the engine's words.
        detail: String,
    },
    /// An earlier write failed. Nothing more is read or written before the store is opened again.
    #[error("the store failed earlier and is closed: {first}")]
    Failed {
        /// What failed first, in words.
        first: String,
    },
    /// Written by another version of this program, or not a store.
    #[error("{}", super::format::refusal(found.as_deref()))]
    Format {
        /// What its format record holds; `None` if it has none.
        found: Option<Vec<u8>>,
    },
    /// Another process, or another opening in this one, has the store.
    #[error("the store is open elsewhere")]
    InUse,
    /// What stands in the store is sealed under another storage key than the one given.
    #[error("the store is sealed under another storage key")]
    Key,
    /// The operating system refused.
    #[error("the store cannot {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Commits that were acknowledged are gone, since the engine took damage for the end of its
    /// log, or the files are older than their mark.
    #[error("{}", super::tail::said(*at, *found, *acknowledged))]
    Lost {
        /// Where its file is damaged or torn, in bytes from the beginning; `None` if that was not
        /// found out before it was opened.
        at: Option<u64>,
        /// Number of the last commit that was acknowledged; `None` if its mark cannot be read.
        acknowledged: Option<u64>,
        /// Number of the last commit that is there; `None` if there is none.
        found: Option<u64>,
    },
    /// The settled rows beside the store are not those that belong to it.
    #[error("{}", super::settled::said(*named, *found))]
    Settled {
        /// Moves of rows that the store counts on.
        named: u64,
        /// Moves that they have; `None` if they are gone.
        found: Option<u64>,
    },
    /// Over a limit; nothing was changed.
    #[error("{size} {what}, {max} at most")]
    TooLarge {
        /// What there is too much of, with its unit.
        what: &'static str,
        /// How much there is.
        size: usize,
        /// How much there may be.
        max: usize,
    },
    /// The batch expected something else under this key; nothing was changed.
    #[error("the record {} is not what the batch expects", hex::encode(key))]
    Unexpected {
        /// The key.
        key: Vec<u8>,
    },
}

impl StoreError {
    /// The error with its cause, as each later call to the store is told it.
    pub(super) fn in_words(&self) -> String {
        let cause = std::error::Error::source(self);
        cause.map_or_else(|| self.to_string(), |it| format!("{self}: {it}"))
    }

    /// What is said if the thread that held the store panicked.
    pub(super) fn abandoned() -> Self {
        Self::Failed { first: "its writer ended in the midst of a write".to_owned() }
    }

    /// The same about the record as a layer above names it.
    pub(super) fn named(self, above: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        match self {
            Self::Damaged { key } => Self::Damaged { key: above(key) },
            Self::Unexpected { key } => Self::Unexpected { key: above(key) },
            other @ (Self::Engine { .. }
            | Self::Failed { .. }
            | Self::Format { .. }
            | Self::InUse
            | Self::Key
            | Self::Io { .. }
            | Self::Lost { .. }
            | Self::Settled { .. }
            | Self::TooLarge { .. }) => other,
        }
    }

    /// Whether the call changed nothing and the store goes on.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::Unexpected { .. } => true,
            Self::Damaged { .. }
            | Self::Engine { .. }
            | Self::Failed { .. }
            | Self::Format { .. }
            | Self::InUse
            | Self::Key
            | Self::Io { .. }
            | Self::Lost { .. }
            | Self::Settled { .. } => false,
        }
    }
}

/// The value as it is stored: checksum over key and value, then the value.
pub(super) fn guarded(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(CHECKSUM_BYTES + value.len());
    stored.extend_from_slice(&checksum(key, value).to_le_bytes());
    stored.extend_from_slice(value);
    stored
}

/// The value out of its stored form.
pub(super) fn checked(key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    match stored.split_first_chunk::<CHECKSUM_BYTES>() {
        Some((sum, value)) if *sum == checksum(key, value).to_le_bytes() => Ok(value.to_vec()),
        Some(_) | None => Err(StoreError::Damaged { key: key.to_vec() }),
    }
}

/// The length of the key goes in first, so that no byte can move between key and value.
pub(super) fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&[length]), key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_stored_value_is_found() {
        let stored = guarded(b"key", b"value");
        assert_eq!(checked(b"key", &stored).unwrap(), b"value");
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                matches!(checked(b"key", &flipped), Err(StoreError::Damaged { key }) if key == b"key")
            );
        }
    }

    #[test]
    fn a_value_under_another_key_is_damage() {
        let stored = guarded(b"key", b"value");
        assert!(matches!(checked(b"kez", &stored), Err(StoreError::Damaged { .. })));
        let moved = guarded(b"ke", b"yvalue");
        assert_ne!(stored[..CHECKSUM_BYTES], moved[..CHECKSUM_BYTES]);
        for short in 0..CHECKSUM_BYTES {
            assert!(checked(b"key", &stored[..short]).is_err());
        }
    }

    #[test]
    fn the_last_write_to_a_key_counts() {
        let mut batch = Batch::new();
        batch.put(*b"k", *b"1");
        batch.delete(*b"k");
        batch.put(*b"k", *b"2");
        assert_eq!(batch.writes().collect::<Vec<_>>(), [(&b"k"[..], Some(&b"2"[..]))]);
        assert_eq!((batch.len(), batch.bytes()), (1, 2));
    }
}
