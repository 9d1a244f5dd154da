//! The Merkle tree of RFC 6962 section 2.1 over SHA-256, and the compact range that grows it.

use crate::domain::digest::Digest;

/// Largest tree, in leaves: up to here every consistency proof fits into the 63 lines that C2SP
/// tlog-witness allows.
pub const TREE_SIZE_MAX: u64 = 1 << 62;

/// Levels that the index of a leaf can have bits for.
const LEVELS: u8 = 64;

const LEAF_PREFIX: [u8; 1] = [0];
const NODE_PREFIX: [u8; 1] = [1];

/// The hash of a leaf: SHA-256(0x00 ‖ entry).
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&LEAF_PREFIX, entry])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&NODE_PREFIX, left.as_bytes(), right.as_bytes()])
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// What must be known of a tree to grow it: its size and the hashes of the complete subtrees that
/// it is made of, largest first. There are as many as the size has one bits.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "FrontierParts", into = "FrontierParts")]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The tree of `size` leaves whose complete subtrees, largest first, hash to `peaks`. `None`
    /// if their number does not fit the size, or the size is over [`TREE_SIZE_MAX`].
    pub fn from_parts(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        let fits = usize::try_from(size.count_ones()) == Ok(peaks.len());
        (fits && size <= TREE_SIZE_MAX).then_some(Self { size, peaks })
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// The root of the tree as it stands.
    pub fn root(&self) -> Digest {
        bag(self.peaks.iter().copied())
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        self.push_with(leaf, |_, _, _| {});
    }

    /// Adds a leaf and names each subtree that it completes, the leaf itself first: level, index
    /// (the subtree starts at leaf `index << level`) and hash. These are what [`Hashes`] gives
    /// back later.
    pub fn push_with(&mut self, leaf: Digest, mut completed: impl FnMut(u8, u64, Digest)) {
        let (mut level, mut index, mut hash) = (0, self.size, leaf);
        completed(level, index, hash);
        while index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            index >>= 1;
            level += 1;
            completed(level, index, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

/// How a frontier is stored; reading it back checks what [`Frontier::from_parts`] checks.
#[derive(serde::Serialize, serde::Deserialize)]
struct FrontierParts {
    size: u64,
    peaks: Vec<Digest>,
}

impl TryFrom<FrontierParts> for Frontier {
    type Error = &'static str;

    fn try_from(parts: FrontierParts) -> Result<Self, Self::Error> {
        Self::from_parts(parts.size, parts.peaks).ok_or("the peaks do not fit the size")
    }
}

impl From<Frontier> for FrontierParts {
    fn from(frontier: Frontier) -> Self {
        Self { size: frontier.size, peaks: frontier.peaks }
    }
}

/// Where the hashes of complete subtrees are kept.
pub trait Hashes {
    /// Why a hash could not be had.
    type Error;

    /// The hash of the complete subtree of 2^`level` leaves that starts at leaf
    /// `index << level`.
    ///
    /// # Errors
    /// When the subtree is not complete yet, or its hash cannot be read.
    fn complete(&self, level: u8, index: u64) -> Result<Digest, Self::Error>;
}

/// The root of the first `size` leaves.
///
/// # Errors
/// When a hash that is needed cannot be had.
pub fn root_of<H: Hashes>(hashes: &H, size: u64) -> Result<Digest, H::Error> {
    range_hash(hashes, 0, size)
}

/// The hash of the leaves `from..to`. `from` must be a multiple of the smallest power of two that
/// is at least `to - from`, as it is for every node of a tree.
pub(super) fn range_hash<H: Hashes>(hashes: &H, from: u64, to: u64) -> Result<Digest, H::Error> {
    let size = to.saturating_sub(from);
    let mut at = from;
    let mut parts = Vec::new();
    for level in (0..LEVELS).rev() {
        let width = 1_u64 << level;
        if size & width != 0 {
            parts.push(hashes.complete(level, at >> level)?);
            at += width;
        }
    }
    Ok(bag(parts.into_iter()))
}

/// Joins the hashes of complete subtrees, largest first, to the hash of all.
fn bag(peaks: impl DoubleEndedIterator<Item = Digest>) -> Digest {
    peaks.rev().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A tree with all its hashes at hand.
    #[derive(Default)]
    pub(in crate::merkle) struct Grown {
        hashes: BTreeMap<(u8, u64), Digest>,
        pub(in crate::merkle) frontier: Frontier,
    }

    impl Grown {
        /// A tree of `size` leaves, each the hash of its index.
        pub(in crate::merkle) fn of(size: u64) -> Self {
            let mut tree = Self::default();
            for index in 0..size {
                tree.push(leaf(index));
            }
            tree
        }

        pub(in crate::merkle) fn push(&mut self, leaf: Digest) {
            let hashes = &mut self.hashes;
            self.frontier.push_with(leaf, |level, index, hash| {
                assert_eq!(hashes.insert((level, index), hash), None, "{level}/{index} twice");
            });
        }
    }

    impl Hashes for Grown {
        type Error = (u8, u64);

        fn complete(&self, level: u8, index: u64) -> Result<Digest, (u8, u64)> {
            self.hashes.get(&(level, index)).copied().ok_or((level, index))
        }
    }

    pub(in crate::merkle) fn leaf(index: u64) -> Digest {
        leaf_hash(&index.to_be_bytes())
    }

    /// RFC 6962 section 2.1, word for word.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node_hash(&naive(left), &naive(right))
            }
        }
    }

    #[test]
    fn frontier_hashes_and_naive_recursion_agree_on_every_root() {
        let leaves: Vec<Digest> = (0..300).map(leaf).collect();
        let whole = Grown::of(300);
        let mut frontier = Frontier::new();
        for (size, next) in (0..).zip(&leaves) {
            let count = usize::try_from(size).unwrap();
            assert_eq!(frontier.size(), size);
            assert_eq!(frontier.root(), naive(&leaves[..count]), "size {size}");
            assert_eq!(root_of(&whole, size), Ok(frontier.root()), "size {size}");
            frontier.push(*next);
        }
        assert_eq!(frontier, whole.frontier);
    }

    #[test]
    fn the_empty_root_and_the_first_leaf_are_those_of_the_rfc() {
        assert_eq!(
            Frontier::new().root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            leaf_hash(b"").to_string(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn a_frontier_resumes_from_its_parts() {
        for size in 0..70 {
            let tree = Grown::of(size).frontier;
            let mut resumed = Frontier::from_parts(tree.size(), tree.peaks().to_vec()).unwrap();
            assert_eq!(resumed, tree);
            resumed.push(leaf(size));
            assert_eq!(resumed, Grown::of(size + 1).frontier);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_no_frontier() {
        let peak = leaf(0);
        assert_eq!(Frontier::from_parts(0, vec![peak]), None);
        assert_eq!(Frontier::from_parts(3, vec![peak]), None);
        assert_eq!(Frontier::from_parts(4, vec![peak, peak]), None);
        assert!(Frontier::from_parts(TREE_SIZE_MAX, vec![peak]).is_some());
        assert_eq!(Frontier::from_parts(TREE_SIZE_MAX + 1, vec![peak, peak]), None);
    }

    #[test]
    fn a_stored_frontier_is_checked_when_it_is_read() {
        let tree = Grown::of(11).frontier;
        let stored = postcard::to_stdvec(&tree).unwrap();
        assert_eq!(postcard::from_bytes::<Frontier>(&stored), Ok(tree));
        let forged = postcard::to_stdvec(&(3_u64, vec![leaf(0)])).unwrap();
        assert!(postcard::from_bytes::<Frontier>(&forged).is_err());
    }

    #[test]
    fn a_missing_hash_is_named() {
        assert_eq!(root_of(&Grown::of(5), 6), Err((1, 2)));
    }
}
