//! Inclusion and consistency: proofs of RFC 6962 sections 2.1.1 and 2.1.2, made from the hashes of
//! complete subtrees and verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say.

use super::tree::{Hashes, node_hash, range_hash};
use crate::domain::digest::Digest;

/// Most hashes in a proof: C2SP tlog-witness, add-checkpoint.
pub const PROOF_HASHES_MAX: usize = 63;

/// Why a proof was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// The leaf is not in a tree of that size.
    #[error("leaf {index} is not in a tree of {size}")]
    BeyondTree {
        /// Index of the leaf, from 0.
        index: u64,
        /// Number of leaves.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("a tree of {old} did not come before one of {new}")]
    Shrinking {
        /// Leaves of the tree said to be older.
        old: u64,
        /// Leaves of the tree said to be newer.
        new: u64,
    },
    /// A hash of the tree could not be had.
    #[error("a hash of the tree could not be had")]
    Hashes(#[source] E),
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("the leaf is beyond the tree")]
    BeyondTree,
    /// The old tree is larger than the new one.
    #[error("the tree shrank")]
    Shrinking,
    /// The old tree is empty: any tree follows from it, so there is nothing to prove.
    #[error("the old tree is empty")]
    EmptyOld,
    /// Hashes are missing, or there are more than the sizes allow.
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    /// The proof leads to another root than the old tree's.
    #[error("the proof leads to another old root")]
    OldRoot,
    /// The proof leads to another root than the tree's.
    #[error("the proof leads to another root")]
    Root,
}

/// The hashes that prove leaf `index` in the tree of the first `size` leaves, the leaf's sibling
/// first.
///
/// # Errors
/// When the leaf is beyond the tree or a hash cannot be had.
pub fn prove_inclusion<H: Hashes>(
    hashes: &H,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, ProveError<H::Error>> {
    if index >= size {
        return Err(ProveError::BeyondTree { index, size });
    }
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    while let Some(half) = left_width(to - from) {
        let middle = from + half;
        let sibling = if index < middle { (middle, to) } else { (from, middle) };
        (from, to) = if index < middle { (from, middle) } else { (middle, to) };
        proof.push(range_hash(hashes, sibling.0, sibling.1).map_err(ProveError::Hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The hashes that prove that the tree of the first `new` leaves extends that of the first `old`.
/// Empty when the sizes are equal, and when `old` is 0, as tlog-witness wants it.
///
/// # Errors
/// When `old` is larger than `new` or a hash cannot be had.
pub fn prove_consistency<H: Hashes>(
    hashes: &H,
    old: u64,
    new: u64,
) -> Result<Vec<Digest>, ProveError<H::Error>> {
    if old > new {
        return Err(ProveError::Shrinking { old, new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut from, mut to) = (0, new);
    let mut proof = Vec::new();
    while old < to
        && let Some(half) = left_width(to - from)
    {
        let middle = from + half;
        let sibling = if old <= middle { (middle, to) } else { (from, middle) };
        (from, to) = if old <= middle { (from, middle) } else { (middle, to) };
        proof.push(range_hash(hashes, sibling.0, sibling.1).map_err(ProveError::Hashes)?);
    }
    if from > 0 {
        // The old tree is no left subtree of the new one, so the verifier lacks its last part.
        proof.push(range_hash(hashes, from, to).map_err(ProveError::Hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two below `width`: how many leaves stand left. `None` for a leaf.
fn left_width(width: u64) -> Option<u64> {
    let below = width.checked_sub(1)?;
    Some(1_u64 << below.checked_ilog2()?)
}

/// Checks that `leaf` is number `index` (from 0) of the `size` leaves under `root`.
///
/// # Errors
/// Names the first thing that does not hold.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::BeyondTree);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if is_right(node) || node == last {
            hash = node_hash(sibling, &hash);
            (node, last) = up_to_right(node, last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the tree of `new` leaves under `new_root` extends that of `old` under `old_root`.
///
/// An old tree of 0 leaves is refused, as RFC 9162 defines no proof from it: every tree extends
/// the empty one, and who accepts that (a witness at first sight) says so itself.
///
/// # Errors
/// Names the first thing that does not hold.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: &Digest,
    new_root: &Digest,
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrinking);
    }
    if old == 0 {
        return Err(ProofError::EmptyOld);
    }
    if old == new {
        return match (proof, old_root == new_root) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofError::Root),
            ([_, ..], _) => Err(ProofError::WrongLength),
        };
    }
    let (old_led, new_led) = led_to(old, new, proof, old_root)?;
    if old_led != *old_root {
        return Err(ProofError::OldRoot);
    }
    if new_led == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether the proof shows by itself that a tree of `new` leaves under `new_root` has another root at its
/// first `old` leaves than `old_root`: it leads to the one and, from the same hashes, not to the other. So
/// whoever signed both roots signed two histories, and anybody can reckon that again.
///
/// Never where `old` is a power of two: such a proof takes the old root from its verifier (RFC 9162,
/// section 2.1.4.2), so what fails may be the proof as well.
pub fn contradicts(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: &Digest,
    new_root: &Digest,
) -> bool {
    if old == 0 || old >= new {
        return false;
    }
    matches!(led_to(old, new, proof, old_root), Ok((old_led, new_led))
        if new_led == *new_root && old_led != *old_root)
}

/// The roots of `old` and of `new` leaves that a proof leads to; `old` is at least 1 and less than `new`.
fn led_to(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: &Digest,
) -> Result<(Digest, Digest), ProofError> {
    let (mut node, mut last) = (old - 1, new - 1);
    while is_right(node) {
        (node, last) = (node >> 1, last >> 1);
    }
    let (start, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::WrongLength)?
    };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::WrongLength);
        }
        if is_right(node) || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            (node, last) = up_to_right(node, last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::WrongLength);
    }
    Ok((old_hash, new_hash))
}

/// Whether the node is the right child of its parent.
fn is_right(node: u64) -> bool {
    node & 1 == 1
}

/// Climbs until the node is a right child (or the root): at the tree's ragged edge a node without
/// a sibling is its own parent.
fn up_to_right(mut node: u64, mut last: u64) -> (u64, u64) {
    while !is_right(node) && node != 0 {
        (node, last) = (node >> 1, last >> 1);
    }
    (node, last)
}

#[cfg(test)]
mod tests {
    use super::super::tree::root_of;
    use super::super::tree::tests::{Grown, leaf};
    use super::*;

    const LEAVES: u64 = 200;

    /// A tree of any size whose subtrees all have the same hash.
    struct Same;

    impl Hashes for Same {
        type Error = ();

        fn complete(&self, _: u8, _: u64) -> Result<Digest, ()> {
            Ok(leaf(0))
        }
    }

    #[test]
    fn every_inclusion_proof_of_every_small_tree_holds() {
        let tree = Grown::of(LEAVES);
        for size in 1..=LEAVES {
            let root = root_of(&tree, size).unwrap();
            for index in 0..size {
                let proof = prove_inclusion(&tree, index, size).unwrap();
                assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root), Ok(()));
            }
        }
    }

    #[test]
    fn every_consistency_proof_of_every_small_tree_holds() {
        let tree = Grown::of(LEAVES);
        let roots: Vec<Digest> = (0..=LEAVES).map(|size| root_of(&tree, size).unwrap()).collect();
        for (new, new_root) in (0..).zip(&roots) {
            for (old, old_root) in (0..=new).zip(&roots) {
                let proof = prove_consistency(&tree, old, new).unwrap();
                let wanted = if old == 0 { Err(ProofError::EmptyOld) } else { Ok(()) };
                assert_eq!(verify_consistency(old, new, &proof, old_root, new_root), wanted);
            }
        }
    }

    #[test]
    fn an_inclusion_proof_holds_for_its_own_claim_only() {
        let tree = Grown::of(33);
        for size in 1..=33 {
            let root = root_of(&tree, size).unwrap();
            for index in 0..size {
                let proof = prove_inclusion(&tree, index, size).unwrap();
                for other in (0..size).filter(|other| *other != index) {
                    verify_inclusion(&leaf(index), other, size, &proof, &root).unwrap_err();
                    assert_eq!(
                        verify_inclusion(&leaf(other), index, size, &proof, &root),
                        Err(ProofError::Root)
                    );
                }
                let longer = [proof.as_slice(), &[leaf(99)]].concat();
                assert_eq!(
                    verify_inclusion(&leaf(index), index, size, &longer, &root),
                    Err(ProofError::WrongLength)
                );
                if let Some((_, shorter)) = proof.split_last() {
                    assert_eq!(
                        verify_inclusion(&leaf(index), index, size, shorter, &root),
                        Err(ProofError::WrongLength)
                    );
                }
            }
        }
    }

    #[test]
    fn a_consistency_proof_with_a_changed_hash_or_root_does_not_hold() {
        let tree = Grown::of(33);
        for new in 2..=33 {
            let new_root = root_of(&tree, new).unwrap();
            for old in 1..new {
                let old_root = root_of(&tree, old).unwrap();
                let proof = prove_consistency(&tree, old, new).unwrap();
                let check =
                    |proof: &[Digest]| verify_consistency(old, new, proof, &old_root, &new_root);
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at] = leaf(99);
                    check(&changed).unwrap_err();
                }
                let longer = [proof.as_slice(), &[leaf(99)]].concat();
                assert_eq!(check(&longer), Err(ProofError::WrongLength));
                assert_eq!(
                    verify_consistency(old, new, &proof, &old_root, &leaf(99)),
                    Err(ProofError::Root)
                );
                // A complete old tree is where the proof starts, so the new root goes wrong too.
                let wanted =
                    if old.is_power_of_two() { ProofError::Root } else { ProofError::OldRoot };
                assert_eq!(verify_consistency(old, new, &proof, &leaf(99), &new_root), Err(wanted));
            }
        }
    }

    #[test]
    fn claims_that_no_tree_can_meet_are_refused() {
        let (tree, any) = (Grown::of(4), leaf(0));
        assert_eq!(prove_inclusion(&tree, 4, 4), Err(ProveError::BeyondTree { index: 4, size: 4 }));
        assert_eq!(prove_consistency(&tree, 5, 4), Err(ProveError::Shrinking { old: 5, new: 4 }));
        assert_eq!(prove_inclusion(&tree, 0, 5), Err(ProveError::Hashes((0, 4))));
        assert_eq!(verify_inclusion(&any, 4, 4, &[], &any), Err(ProofError::BeyondTree));
        assert_eq!(verify_inclusion(&any, 0, 0, &[], &any), Err(ProofError::BeyondTree));
        assert_eq!(verify_consistency(5, 4, &[], &any, &any), Err(ProofError::Shrinking));
        assert_eq!(verify_consistency(3, 4, &[], &any, &any), Err(ProofError::WrongLength));
        assert_eq!(verify_consistency(4, 4, &[any], &any, &any), Err(ProofError::WrongLength));
        assert_eq!(verify_consistency(4, 4, &[], &any, &leaf(1)), Err(ProofError::Root));
    }

    #[test]
    fn sizes_at_the_end_of_the_range_do_not_overflow() {
        let any = leaf(0);
        let long = vec![any; 200];
        for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 62) + 1] {
            for index in [0, 1, size / 2, size - 1] {
                verify_inclusion(&any, index, size, &long, &any).unwrap_err();
                verify_consistency(index.max(1), size, &long, &any, &any).unwrap_err();
            }
            assert!(prove_inclusion(&Same, size - 1, size).unwrap().len() <= 64);
            assert!(prove_consistency(&Same, size - 1, size).unwrap().len() <= 65);
        }
    }

    #[test]
    fn proofs_of_the_largest_tree_fit_into_the_lines_of_a_witness() {
        let size = super::super::tree::TREE_SIZE_MAX;
        for old in [1, 2, size / 2 + 1, size - 1, size / 3] {
            assert!(prove_consistency(&Same, old, size).unwrap().len() <= PROOF_HASHES_MAX);
            assert!(prove_inclusion(&Same, old, size).unwrap().len() <= PROOF_HASHES_MAX);
        }
        assert_eq!(prove_consistency(&Same, size - 1, size).unwrap().len(), PROOF_HASHES_MAX);
    }
}
