//! The hashes of the tree in tiles: up to 64 hashes in one value, one tile for six levels.
//!
//! A tile of level L holds hashes of complete subtrees of 64^L leaves; what lies between two such
//! levels is hashed again when it is asked for (63 hashes at most). A tile that is not full is
//! written again, longer, by the next append: about 1 KB for a single entry, nothing to speak of
//! for a batch. What a tile once held it always holds, so readers need no lock.

use crate::domain::digest::Digest;
use crate::merkle::tree::{Frontier, node_hash};

use super::records::{Record, tile_key};
use super::store::{Batch, Store};
use super::{Fault, JournalError};

/// Hashes in a full tile, 2^6; positions in keys are counted with it.
const TILE_HASHES: usize = 64;
/// Levels of the tree that lie between two levels of tiles.
const TILE_LEVELS: u8 = 6;
const HASH_BYTES: usize = 32;

/// Some hashes of one tile, from its first on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) level: u8,
    pub(super) index: u64,
    pub(super) hashes: Vec<Digest>,
}

impl Tile {
    pub(super) fn record(&self) -> Record {
        Record::Tile { level: self.level, index: self.index }
    }

    pub(super) fn put_into(&self, batch: &mut Batch) {
        let bytes: Vec<u8> =
            self.hashes.iter().flat_map(|hash| hash.as_bytes().iter().copied()).collect();
        batch.put(tile_key(self.level, self.index), bytes);
    }
}

/// The tiles at the growing end of the tree: one for each level, none of them full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    levels: Vec<Growing>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Growing {
    index: u64,
    hashes: Vec<Digest>,
    is_changed: bool,
}

impl Edge {
    /// The edge of a tree of `size` leaves, out of its tiles.
    pub(super) fn load(store: &impl Store, size: u64) -> Result<Self, JournalError> {
        let mut levels = Vec::new();
        let mut hashes = size;
        while hashes > 0 {
            let (index, rest) = (hashes / 64, hashes % 64);
            let level = u8::try_from(levels.len()).unwrap_or(u8::MAX);
            let known = usize::try_from(rest).unwrap_or(TILE_HASHES);
            let hashes_there =
                if known == 0 { Vec::new() } else { load(store, level, index, known)? };
            levels.push(Growing { index, hashes: hashes_there, is_changed: false });
            hashes = index;
        }
        Ok(Self { levels })
    }

    /// Adds a leaf; gives the tiles that it fills, the lowest first.
    pub(super) fn push(&mut self, leaf: Digest) -> Vec<Tile> {
        let mut filled = Vec::new();
        let mut hash = leaf;
        for level in 0..=u8::MAX {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Growing::default());
            }
            let growing = &mut self.levels[usize::from(level)];
            growing.hashes.push(hash);
            growing.is_changed = true;
            if growing.hashes.len() < TILE_HASHES {
                break;
            }
            let hashes = std::mem::take(&mut growing.hashes);
            hash = fold(&hashes);
            filled.push(Tile { level, index: growing.index, hashes });
            growing.index += 1;
            growing.is_changed = false;
        }
        filled
    }

    /// The tree that ends at this edge.
    pub(super) fn frontier(&self) -> Frontier {
        let mut peaks = Vec::new();
        let mut size = 0;
        for growing in self.levels.iter().rev() {
            let mut rest = growing.hashes.as_slice();
            for width in (0..TILE_LEVELS).rev().map(|it| 1 << it) {
                if rest.len() & width != 0 {
                    let (complete, after) = rest.split_at(width);
                    peaks.push(fold(complete));
                    rest = after;
                }
            }
        }
        for (growing, level) in self.levels.iter().zip(0_u32..) {
            let hashes = u64::try_from(growing.hashes.len()).unwrap_or_default();
            size += hashes << (u32::from(TILE_LEVELS) * level);
        }
        Frontier::from_parts(size, peaks).expect("there is one peak for each one bit of the size")
    }

    /// The tiles that were begun or got longer since the edge was loaded and are not full.
    pub(super) fn changed(&self) -> Vec<Tile> {
        self.tiles().filter(|(growing, _)| growing.is_changed).map(|(_, tile)| tile).collect()
    }

    /// All tiles that are not full.
    pub(super) fn partial(&self) -> Vec<Tile> {
        self.tiles().map(|(_, tile)| tile).collect()
    }

    fn tiles(&self) -> impl Iterator<Item = (&Growing, Tile)> {
        self.levels.iter().zip(0..).filter(|(growing, _)| !growing.hashes.is_empty()).map(
            |(growing, level)| {
                let hashes = growing.hashes.clone();
                (growing, Tile { level, index: growing.index, hashes })
            },
        )
    }
}

/// Hash of the complete subtree of 2^`level` leaves that starts at `index << level`, which the
/// caller knows to be complete.
pub(super) fn complete(store: &impl Store, level: u8, index: u64) -> Result<Digest, JournalError> {
    let place = Place::of(level, index);
    let tile = load(store, place.level, place.index, place.start + place.width)?;
    place.fold(&tile).ok_or_else(|| place.missing())
}

/// Where the hash of a complete subtree lies: in which tile, and over which of its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) level: u8,
    pub(super) index: u64,
    start: usize,
    width: usize,
}

impl Place {
    /// Of the subtree of 2^`level` leaves that starts at `index << level`, which must be complete.
    pub(super) fn of(level: u8, index: u64) -> Self {
        let within = level % TILE_LEVELS;
        let first = index << within;
        let start = usize::try_from(first % 64).unwrap_or(TILE_HASHES);
        Self { level: level / TILE_LEVELS, index: first / 64, start, width: 1 << within }
    }

    /// The hash, out of the first hashes of the tile; `None` if these are too few.
    pub(super) fn fold(self, tile: &[Digest]) -> Option<Digest> {
        tile.get(self.start..self.start + self.width).map(fold)
    }

    /// That the tile is shorter than it must be.
    pub(super) fn missing(self) -> JournalError {
        let record = Record::Tile { level: self.level, index: self.index };
        JournalError::Damaged { record, fault: Fault::Missing }
    }
}

/// How many hashes of a tile a tree of `size` leaves has.
pub(super) fn durable_in(size: u64, level: u8, index: u64) -> usize {
    let complete = size.checked_shr(u32::from(level) * u32::from(TILE_LEVELS)).unwrap_or(0);
    let before = index.saturating_mul(64);
    usize::try_from(complete.saturating_sub(before)).map_or(TILE_HASHES, |it| it.min(TILE_HASHES))
}

/// The first `known` hashes of a tile; it may hold more, if an append is under way.
pub(super) fn load(
    store: &impl Store,
    level: u8,
    index: u64,
    known: usize,
) -> Result<Vec<Digest>, JournalError> {
    let damaged = |fault| JournalError::Damaged { record: Record::Tile { level, index }, fault };
    let bytes = store.get(&tile_key(level, index))?.ok_or_else(|| damaged(Fault::Missing))?;
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() > TILE_HASHES {
        return Err(damaged(Fault::Malformed));
    }
    let wanted = hashes.get(..known).ok_or_else(|| damaged(Fault::Missing))?;
    Ok(wanted.iter().map(|hash| Digest::from_bytes(*hash)).collect())
}

/// The root of a complete subtree over its 1, 2, 4, … or 64 hashes.
fn fold(hashes: &[Digest]) -> Digest {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied().unwrap_or_else(crate::merkle::tree::empty_root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::MemoryStore;
    use crate::merkle::tree::leaf_hash;

    fn leaf(position: u64) -> Digest {
        leaf_hash(&position.to_be_bytes())
    }

    /// Grows to `size` in steps of `step`, loading the edge anew for each.
    fn grown(size: u64, step: u64) -> MemoryStore {
        let store = MemoryStore::new();
        let mut at = 0;
        while at < size {
            let mut edge = Edge::load(&store, at).unwrap();
            let mut batch = Batch::new();
            for position in at..(at + step).min(size) {
                edge.push(leaf(position)).iter().for_each(|tile| tile.put_into(&mut batch));
            }
            edge.changed().iter().for_each(|tile| tile.put_into(&mut batch));
            store.commit(batch).unwrap();
            at = (at + step).min(size);
        }
        store
    }

    #[test]
    fn the_tree_out_of_tiles_is_the_tree_out_of_leaves() {
        for (size, step) in [(1, 1), (63, 1), (64, 1), (65, 2), (130, 7), (4097, 100), (4200, 64)] {
            let store = grown(size, step);
            let mut wanted = Frontier::new();
            (0..size).for_each(|position| wanted.push(leaf(position)));
            assert_eq!(Edge::load(&store, size).unwrap().frontier(), wanted, "size {size}");
        }
    }

    #[test]
    fn tiles_do_not_depend_on_how_leaves_were_batched() {
        let (left, right) = (grown(4200, 1), grown(4200, 999));
        let all =
            |store: &MemoryStore| store.range(b"", crate::journal::store::AFTER_LAST_KEY, 9999);
        assert_eq!(all(&left).unwrap(), all(&right).unwrap());
    }

    #[test]
    fn a_tile_that_is_short_or_ragged_is_named() {
        let store = grown(70, 70);
        let mut batch = Batch::new();
        batch.put(tile_key(0, 1), vec![0; 5 * 32]);
        store.commit(batch).unwrap();
        let error = Edge::load(&store, 70).unwrap_err();
        assert_eq!(error.to_string(), "hashes of level 0, tile 1: it is missing");
        let mut batch = Batch::new();
        batch.put(tile_key(0, 1), vec![0; 6 * 32 + 1]);
        store.commit(batch).unwrap();
        let error = Edge::load(&store, 70).unwrap_err();
        assert_eq!(error.to_string(), "hashes of level 0, tile 1: it is malformed");
    }
}
