//! Which key holds what. Numbers in keys are big-endian, so that ranges go by them.
//!
//! | key | value |
//! |---|---|
//! | `1 c size` | checkpoint of that size as first signed |
//! | `1 e first` | page of entries that begins at position `first` |
//! | `1 h` | head: size and root of the tree |
//! | `1 k …` | latest countersigned checkpoint, as content |
//! | `1 n` | name of the journal |
//! | `1 t level index` | tile of up to 64 hashes of complete subtrees of 64^level leaves |

use std::fmt;

use crate::domain::digest::Digest;

use super::store::FORMAT_KEY;

/// First byte of every key of the journal.
pub(super) const JOURNAL: u8 = 1;

const CHECKPOINT: u8 = b'c';
const COUNTERSIGNED: u8 = b'k';
const PAGE: u8 = b'e';
const TILE: u8 = b't';

/// Key of the head.
pub(super) const HEAD_KEY: &[u8] = &[JOURNAL, b'h'];
/// Key of the journal's name.
pub(super) const NAME_KEY: &[u8] = &[JOURNAL, b'n'];
/// Under this key the countersigned checkpoint is kept as content.
pub(super) const COUNTERSIGNED_KEY: &[u8] = &[JOURNAL, COUNTERSIGNED];

/// Key of the page that begins at position `first`.
pub(super) fn page_key(first: u64) -> [u8; 10] {
    numbered(PAGE, first)
}

/// Key of the checkpoint of `size`.
pub(super) fn checkpoint_key(size: u64) -> [u8; 10] {
    numbered(CHECKPOINT, size)
}

/// Key of a tile.
pub(super) fn tile_key(level: u8, index: u64) -> [u8; 11] {
    let mut key = [JOURNAL, TILE, level, 0, 0, 0, 0, 0, 0, 0, 0];
    key[3..].copy_from_slice(&index.to_be_bytes());
    key
}

fn numbered(kind: u8, number: u64) -> [u8; 10] {
    let mut key = [JOURNAL, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    key[2..].copy_from_slice(&number.to_be_bytes());
    key
}

/// The number that a page or checkpoint key ends with.
pub(super) fn number_in(key: &[u8]) -> Option<u64> {
    let (_, number) = key.split_at_checked(2)?;
    number.try_into().ok().map(u64::from_be_bytes)
}

/// Whether the key is the store's or the journal's own.
pub(super) fn is_reserved(key: &[u8]) -> bool {
    key.first().is_none_or(|first| *first <= JOURNAL)
}

/// A record, named for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The checkpoint of this size.
    Checkpoint {
        /// Number of entries that it covers.
        size: u64,
    },
    /// The countersigned checkpoint.
    Countersigned,
    /// The record of the store's format.
    Format,
    /// Size and root of the tree.
    Head,
    /// The journal's name.
    Name,
    /// Entries from this position on.
    Page {
        /// Position of its first entry.
        first: u64,
    },
    /// A row of somebody else.
    Row {
        /// Its key.
        key: Vec<u8>,
    },
    /// Hashes of complete subtrees.
    Tile {
        /// Each hash is over 64^level leaves.
        level: u8,
        /// Which 64 of them.
        index: u64,
    },
}

impl Record {
    /// What stands under `key`.
    pub(super) fn of_key(key: &[u8]) -> Self {
        let row = || Self::Row { key: key.to_vec() };
        match key {
            FORMAT_KEY => Self::Format,
            HEAD_KEY => Self::Head,
            NAME_KEY => Self::Name,
            [JOURNAL, COUNTERSIGNED, ..] => Self::Countersigned,
            [JOURNAL, PAGE, ..] => number_in(key).map_or_else(row, |first| Self::Page { first }),
            [JOURNAL, CHECKPOINT, ..] => {
                number_in(key).map_or_else(row, |size| Self::Checkpoint { size })
            }
            [JOURNAL, TILE, level, index @ ..] => match index.try_into() {
                Ok(index) => Self::Tile { level: *level, index: u64::from_be_bytes(index) },
                Err(_) => row(),
            },
            _ => row(),
        }
    }

    /// The first position that is hurt if this record is lost; `None` if none is.
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::Checkpoint { size } => Some(size.saturating_sub(1)),
            Self::Page { first } => Some(*first),
            Self::Tile { level, index } => {
                let width = 64_u64.checked_pow(u32::from(*level) + 1);
                Some(width.map_or(u64::MAX, |width| index.saturating_mul(width)))
            }
            Self::Countersigned | Self::Format | Self::Head | Self::Name | Self::Row { .. } => None,
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint { size } => write!(f, "checkpoint of size {size}"),
            Self::Countersigned => f.write_str("countersigned checkpoint"),
            Self::Format => f.write_str("format of the store"),
            Self::Head => f.write_str("head of the journal"),
            Self::Name => f.write_str("name of the journal"),
            Self::Page { first } => write!(f, "entries from position {first}"),
            Self::Row { key } => write!(f, "row {}", hex::encode(key)),
            Self::Tile { level, index } => write!(f, "hashes of level {level}, tile {index}"),
        }
    }
}

/// Size and root of the tree, kept under [`HEAD_KEY`] and compared by every append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Digest,
}

impl Head {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        [&self.size.to_be_bytes()[..], self.root.as_bytes()].concat()
    }

    /// `None` unless `bytes` are a size and a root.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, root) = bytes.split_first_chunk()?;
        Some(Self { size: u64::from_be_bytes(*size), root: Digest::from_slice(root)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_names_its_record() {
        assert_eq!(Record::of_key(FORMAT_KEY), Record::Format);
        assert_eq!(Record::of_key(HEAD_KEY), Record::Head);
        assert_eq!(Record::of_key(NAME_KEY), Record::Name);
        assert_eq!(Record::of_key(&page_key(7)), Record::Page { first: 7 });
        assert_eq!(Record::of_key(&checkpoint_key(9)), Record::Checkpoint { size: 9 });
        assert_eq!(Record::of_key(&tile_key(2, 3)), Record::Tile { level: 2, index: 3 });
        assert_eq!(Record::of_key(&[1, b'k', 0, 0]), Record::Countersigned);
        for odd in [&[1, b'e', 0][..], &[1, b't', 0, 1], &[1, b'c'], &[1], &[], b"row"] {
            assert_eq!(Record::of_key(odd), Record::Row { key: odd.to_vec() });
        }
    }

    #[test]
    fn a_record_tells_the_first_position_that_depends_on_it() {
        assert_eq!(Record::Tile { level: 1, index: 2 }.position(), Some(2 * 64 * 64));
        assert_eq!(Record::Tile { level: 99, index: 1 }.position(), Some(u64::MAX));
        assert_eq!(Record::Checkpoint { size: 9 }.position(), Some(8));
        assert_eq!(Record::Head.position(), None);
    }

    #[test]
    fn keys_of_pages_sort_by_position() {
        assert!(page_key(255) < page_key(256));
        assert!(page_key(u64::MAX).as_slice() < HEAD_KEY);
    }

    #[test]
    fn a_head_is_forty_bytes_and_nothing_else() {
        let head = Head { size: 5, root: Digest::of(b"root") };
        let bytes = head.to_bytes();
        assert_eq!(Head::from_bytes(&bytes), Some(head));
        assert_eq!(Head::from_bytes(&bytes[..39]), None);
        assert_eq!(Head::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }
}
