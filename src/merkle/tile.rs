//! C2SP tlog-tiles: the tree and its entries as static files, so that an auditor needs no service.
//!
//! A tile holds the hashes of up to 256 neighbouring subtrees of one height; level L those of
//! 256^L leaves. A bundle holds the entries under one tile of level 0. What is not full has its
//! width in its name, so nothing that was once published under a name ever changes.

use std::fmt;

use super::tree::Hashes;
use crate::domain::digest::Digest;
use crate::domain::limits::ENTRY_BYTES_MAX;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree that lie between two levels of tiles: 2^8 is [`TILE_WIDTH`].
pub const TILE_LEVELS: u8 = 8;
/// Levels of tiles that a tree of [`TREE_SIZE_MAX`](super::tree::TREE_SIZE_MAX) leaves can have.
const LEVELS: u8 = 8;
/// Bytes of a hash in a tile.
pub const TILE_HASH_BYTES: usize = 32;
/// Largest tile, in bytes.
pub const TILE_BYTES_MAX: usize = 256 * TILE_HASH_BYTES;
/// Largest bundle of entries of this house, in bytes; the format itself allows 65,535 an entry.
pub const BUNDLE_BYTES_MAX: usize = 256 * (LENGTH_BYTES + ENTRY_BYTES_MAX);

/// Bytes in front of each entry of a bundle.
const LENGTH_BYTES: usize = 2;

/// Why bytes are not the tile or bundle that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile is not as many hashes as its name says.
    #[error("the tile has {found} bytes, not those of {width} hashes")]
    TileSize {
        /// Hashes that there should be.
        width: u64,
        /// Bytes that there are.
        found: usize,
    },
    /// A bundle ends within an entry, or holds one that is empty or too long.
    #[error("entry {at} of the bundle is malformed")]
    Entry {
        /// Which one, from 0.
        at: u64,
    },
    /// A bundle holds more or fewer entries than its name says.
    #[error("the bundle has {found} entries, not {width}")]
    Entries {
        /// Entries that there should be.
        width: u64,
        /// Entries that there are, as far as they were counted.
        found: u64,
    },
}

/// One tile, or with it the bundle of its entries: where it stands and how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// Its hashes are of subtrees of 256^level leaves.
    pub level: u8,
    /// Which one of its level, from 0.
    pub index: u64,
    /// Hashes in it: 1 to 256.
    pub width: u64,
}

impl Tile {
    /// The tile of `level` at `index` in a tree of `size` leaves; `None` if it would be empty.
    pub fn within(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = hashes_at(level, size);
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = hashes.checked_sub(before)?.min(TILE_WIDTH);
        (width > 0).then_some(Self { level, index, width })
    }

    /// Every tile of a tree of `size` leaves that one of `before` leaves lacks, or has less of: the
    /// lowest level first.
    pub fn new_since(before: u64, size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..LEVELS).take_while(move |level| hashes_at(*level, size) > 0);
        levels.flat_map(move |level| {
            let (known, hashes) = (hashes_at(level, before), hashes_at(level, size));
            let indices = known / TILE_WIDTH..hashes.div_ceil(TILE_WIDTH);
            let changed = if known < hashes { indices } else { 0..0 };
            changed.filter_map(move |index| Self::within(level, index, size))
        })
    }

    /// Whether there is nothing to add to it.
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile when it is full.
    pub const fn full(&self) -> Self {
        Self { level: self.level, index: self.index, width: TILE_WIDTH }
    }

    /// Where its hashes lie below the prefix: `tile/<L>/<N>[.p/<W>]`.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, self.place())
    }

    /// Where the entries under it lie, for a tile of level 0: `tile/entries/<N>[.p/<W>]`.
    pub fn entries_path(&self) -> String {
        format!("tile/entries/{}", self.place())
    }

    fn place(&self) -> String {
        let index = Place(self.index);
        if self.is_full() { index.to_string() } else { format!("{index}.p/{}", self.width) }
    }

    /// Its bytes: one hash after the other.
    ///
    /// # Errors
    /// When a hash cannot be had.
    pub fn write<H: Hashes>(&self, hashes: &H) -> Result<Vec<u8>, H::Error> {
        let mut bytes = Vec::new();
        let level = self.level.saturating_mul(TILE_LEVELS);
        let first = self.index.saturating_mul(TILE_WIDTH);
        for index in first..first.saturating_add(self.width) {
            bytes.extend_from_slice(hashes.complete(level, index)?.as_bytes());
        }
        Ok(bytes)
    }

    /// Its hashes out of its bytes.
    ///
    /// # Errors
    /// [`TileError::TileSize`].
    pub fn read(&self, bytes: &[u8]) -> Result<Vec<Digest>, TileError> {
        let (hashes, rest) = bytes.as_chunks::<TILE_HASH_BYTES>();
        if !rest.is_empty() || u64::try_from(hashes.len()) != Ok(self.width) {
            return Err(TileError::TileSize { width: self.width, found: bytes.len() });
        }
        Ok(hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
    }

    /// Position of the first entry under it, for a tile of level 0.
    pub const fn first_entry(&self) -> u64 {
        self.index.saturating_mul(TILE_WIDTH)
    }

    /// The entries under it out of the bytes of their bundle, for a tile of level 0.
    ///
    /// # Errors
    /// [`TileError::Entry`], [`TileError::Entries`].
    pub fn read_entries<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileError> {
        let mut entries = Vec::new();
        let (mut rest, mut at) = (bytes, 0);
        while !rest.is_empty() {
            if at == self.width {
                return Err(TileError::Entries { width: self.width, found: at + 1 });
            }
            let (entry, after) = rest
                .split_first_chunk::<LENGTH_BYTES>()
                .and_then(|(length, after)| {
                    after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
                })
                .filter(|(entry, _)| (1..=ENTRY_BYTES_MAX).contains(&entry.len()))
                .ok_or(TileError::Entry { at })?;
            entries.push(entry);
            (rest, at) = (after, at + 1);
        }
        if at == self.width {
            Ok(entries)
        } else {
            Err(TileError::Entries { width: self.width, found: at })
        }
    }
}

/// The bytes of a bundle: each entry after its length (two bytes, big-endian). An entry within
/// [`ENTRY_BYTES_MAX`] always fits.
pub fn write_entries<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    bytes
}

/// Complete subtrees of 256^level leaves in a tree of `size`.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_LEVELS)).unwrap_or(0)
}

/// An index as the path elements of tlog-tiles: 1234067 is `x001/x234/067`.
struct Place(u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut above = Vec::new();
        let mut rest = self.0 / 1000;
        while rest > 0 {
            above.push(rest % 1000);
            rest /= 1000;
        }
        above.iter().rev().try_for_each(|part| write!(f, "x{part:03}/"))?;
        write!(f, "{:03}", self.0 % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{SeededEntropy, bytes};
    use crate::merkle::tree::tests::{Grown, leaf};
    use crate::merkle::tree::{Frontier, leaf_hash, node_hash};

    fn tile(level: u8, index: u64, width: u64) -> Tile {
        Tile { level, index, width }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(tile(0, 1_234_067, 256).path(), "tile/0/x001/x234/067");
        assert_eq!(tile(3, 0, 256).path(), "tile/3/000");
        assert_eq!(tile(0, 999, 1).path(), "tile/0/999.p/1");
        assert_eq!(tile(1, 1000, 255).path(), "tile/1/x001/000.p/255");
        assert_eq!(tile(0, 273, 112).entries_path(), "tile/entries/273.p/112");
    }

    #[test]
    fn a_tree_of_seventy_thousand_has_the_tiles_of_the_specification() {
        let all: Vec<Tile> = Tile::new_since(0, 70_000).collect();
        let at = |level| all.iter().filter(move |it| it.level == level);
        assert_eq!(at(0).filter(|it| it.is_full()).count(), 273);
        assert_eq!(at(0).next_back(), Some(&tile(0, 273, 112)));
        assert_eq!(at(1).collect::<Vec<_>>(), [&tile(1, 0, 256), &tile(1, 1, 17)]);
        assert_eq!(at(2).collect::<Vec<_>>(), [&tile(2, 0, 1)]);
        assert_eq!(at(3).count(), 0);
        let small: Vec<Tile> = Tile::new_since(0, 256).collect();
        assert_eq!(small, [tile(0, 0, 256), tile(1, 0, 1)]);
        assert_eq!(Tile::new_since(0, 0).count(), 0);
    }

    #[test]
    fn growth_names_what_is_new_and_nothing_else() {
        let new = |before, size| Tile::new_since(before, size).collect::<Vec<_>>();
        assert_eq!(new(5, 5), []);
        assert_eq!(new(5, 9), [tile(0, 0, 9)]);
        assert_eq!(new(250, 260), [tile(0, 0, 256), tile(0, 1, 4), tile(1, 0, 1)]);
        assert_eq!(new(256, 257), [tile(0, 1, 1)]);
        for (before, size) in [(0, 1), (77, 300), (65_535, 65_537), (1, 70_000)] {
            let all = new(0, size);
            let old = new(0, before);
            let changed: Vec<Tile> = all.into_iter().filter(|it| !old.contains(it)).collect();
            assert_eq!(new(before, size), changed, "{before} to {size}");
        }
    }

    #[test]
    fn tiles_hold_the_hashes_of_the_tree_and_lead_to_its_root() {
        let tree = Grown::of(66_000);
        let lower = tile(0, 1, 256);
        let hashes = lower.read(&lower.write(&tree).unwrap()).unwrap();
        assert_eq!(hashes.first(), Some(&leaf(256)));
        let mut root = Frontier::new();
        hashes.iter().for_each(|hash| root.push(*hash));
        let upper = tile(1, 0, 256);
        let above = upper.read(&upper.write(&tree).unwrap()).unwrap();
        assert_eq!(above.get(1), Some(&root.root()));
        let top = tile(2, 0, 1);
        let top = top.read(&top.write(&tree).unwrap()).unwrap();
        let mut row = above;
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        assert_eq!(top, row);
    }

    #[test]
    fn a_tile_of_another_length_is_refused() {
        let wanted = tile(0, 0, 3);
        for found in [0, 95, 97, 128] {
            let refused = Err(TileError::TileSize { width: 3, found });
            assert_eq!(wanted.read(&vec![0; found]), refused);
        }
        assert_eq!(wanted.read(&[0; 96]).map(|it| it.len()), Ok(3));
    }

    #[test]
    fn bundles_come_back_and_no_cut_one_is_read_as_another() {
        let entries: [&[u8]; 3] = [b"a", &[7; ENTRY_BYTES_MAX], b"third"];
        let bundle = write_entries(entries);
        let wanted = tile(0, 4, 3);
        assert_eq!(wanted.read_entries(&bundle).unwrap(), entries);
        for length in 0..bundle.len() {
            assert!(wanted.read_entries(&bundle[..length]).is_err(), "{length}");
        }
        let more = Err(TileError::Entries { width: 2, found: 3 });
        assert_eq!(tile(0, 4, 2).read_entries(&bundle), more);
        let fewer = Err(TileError::Entries { width: 4, found: 3 });
        assert_eq!(tile(0, 4, 4).read_entries(&bundle), fewer);
        let odd = |bytes: &[u8]| tile(0, 0, 1).read_entries(bytes).map(drop);
        assert_eq!(odd(&[0, 0]), Err(TileError::Entry { at: 0 }));
        assert_eq!(odd(&[0]), Err(TileError::Entry { at: 0 }));
        let long = write_entries([&[1; ENTRY_BYTES_MAX + 1][..]]);
        assert_eq!(odd(&long), Err(TileError::Entry { at: 0 }));
    }

    #[test]
    fn random_bundles_never_panic_and_what_is_read_is_written_back() {
        let chance = SeededEntropy::new(11);
        for _ in 0..2_000 {
            let mut bundle = bytes::<24>(&chance);
            bundle[0] = 0;
            bundle[1] %= 24;
            let width = u64::from(bundle[23] % 4 + 1);
            if let Ok(entries) = tile(0, 0, width).read_entries(&bundle) {
                assert_eq!(write_entries(entries.iter().copied()), bundle);
                assert!(entries.iter().all(|it| leaf_hash(it) != leaf_hash(b"")));
            }
        }
    }
}
