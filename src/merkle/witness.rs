//! What a witness makes of a checkpoint: the rules of C2SP tlog-witness v1.0.0, `add-checkpoint`.
//!
//! Only checkpoints whose signature by the journal's key holds come here. The caller compares and
//! stores in one step, so that two offers in a race cannot roll it back, and stores durably before
//! it cosigns; it cosigns on [`Verdict::Advance`] and [`Verdict::Same`] only.

use super::checkpoint::Checkpoint;
use super::proof::verify_consistency;
use super::tree::empty_root;
use crate::domain::digest::Digest;

/// The last checkpoint of a journal that this witness has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seen {
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Digest,
}

/// What becomes of an offered checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It extends what was seen: store it, then cosign.
    Advance,
    /// It is what was seen, size and root: cosign again or send what is stored.
    Same,
    /// The offer does not start from what was seen (or is older): try again from `known`.
    Stale {
        /// Size of the last checkpoint seen; 0 if none was.
        known: u64,
    },
    /// The size that was seen, with another root: the journal has two histories. Both checkpoints
    /// are signed and together prove it, so keep both.
    Conflict,
    /// The proof does not hold. It proves nothing against the journal, since anyone can spoil a
    /// proof: refuse, and ask for another.
    BadProof,
}

/// Judges an offer: `offered` (its signature verified), with a proof from `old_size`.
///
/// In this order:
/// 1. an empty tree with a root of its own is [`Verdict::BadProof`];
/// 2. the size that was seen: [`Verdict::Same`] or, with another root, [`Verdict::Conflict`];
///    neither the old size nor the proof matters, as nothing is left to prove;
/// 3. a smaller size, or a proof from another size than was seen: [`Verdict::Stale`];
/// 4. nothing seen yet: any tree is taken, but only with an empty proof;
/// 5. else the proof decides between [`Verdict::Advance`] and [`Verdict::BadProof`].
///
/// A conflict is thus found at equal sizes only, where the two signatures are the whole evidence.
/// A journal with a second history of another size stays refused, for its growth has no proof.
pub fn judge(
    seen: Option<&Seen>,
    offered: &Checkpoint,
    old_size: u64,
    proof: &[Digest],
) -> Verdict {
    if offered.size == 0 && offered.root != empty_root() {
        return Verdict::BadProof;
    }
    if let Some(seen) = seen
        && seen.size == offered.size
    {
        return if seen.root == offered.root { Verdict::Same } else { Verdict::Conflict };
    }
    let known = seen.map_or(0, |seen| seen.size);
    if offered.size < known || old_size != known {
        return Verdict::Stale { known };
    }
    let holds = match seen {
        Some(seen) if seen.size > 0 => {
            verify_consistency(seen.size, offered.size, proof, &seen.root, &offered.root).is_ok()
        }
        Some(_) | None => proof.is_empty(),
    };
    if holds { Verdict::Advance } else { Verdict::BadProof }
}

#[cfg(test)]
mod tests {
    use super::super::proof::prove_consistency;
    use super::super::tree::root_of;
    use super::super::tree::tests::{Grown, leaf};
    use super::*;

    fn at(tree: &Grown, size: u64) -> Checkpoint {
        let root = root_of(tree, size).unwrap();
        Checkpoint { origin: "ita.coast-guard/journal/1".to_owned(), size, root }
    }

    fn seen(tree: &Grown, size: u64) -> Seen {
        Seen { size, root: root_of(tree, size).unwrap() }
    }

    /// A tree that is like the first up to `common` leaves.
    fn fork(common: u64, size: u64) -> Grown {
        let mut tree = Grown::of(common);
        for index in common..size {
            tree.push(leaf(1000 + index));
        }
        tree
    }

    #[test]
    fn growth_with_its_proof_is_taken() {
        let tree = Grown::of(20);
        for old in 0..20 {
            for new in old + 1..=20 {
                let proof = prove_consistency(&tree, old, new).unwrap();
                let verdict = judge(Some(&seen(&tree, old)), &at(&tree, new), old, &proof);
                assert_eq!(verdict, Verdict::Advance, "{old} to {new}");
            }
        }
    }

    #[test]
    fn the_first_checkpoint_is_taken_as_it_is() {
        let tree = Grown::of(5);
        assert_eq!(judge(None, &at(&tree, 5), 0, &[]), Verdict::Advance);
        assert_eq!(judge(None, &at(&tree, 0), 0, &[]), Verdict::Advance);
        assert_eq!(judge(None, &at(&tree, 5), 0, &[leaf(0)]), Verdict::BadProof);
        assert_eq!(judge(None, &at(&tree, 5), 3, &[]), Verdict::Stale { known: 0 });
        let false_empty = Checkpoint { size: 0, ..at(&tree, 5) };
        assert_eq!(judge(None, &false_empty, 0, &[]), Verdict::BadProof);
    }

    #[test]
    fn what_was_seen_is_taken_again_whatever_comes_with_it() {
        let tree = Grown::of(5);
        for (old, proof) in [(0, vec![]), (5, vec![]), (9, vec![leaf(0)])] {
            let verdict = judge(Some(&seen(&tree, 5)), &at(&tree, 5), old, &proof);
            assert_eq!(verdict, Verdict::Same);
        }
    }

    #[test]
    fn two_histories_of_one_size_are_a_conflict() {
        let (tree, other) = (Grown::of(9), fork(4, 9));
        for size in 5..=9 {
            let verdict = judge(Some(&seen(&tree, size)), &at(&other, size), size, &[]);
            assert_eq!(verdict, Verdict::Conflict);
        }
        let verdict = judge(Some(&seen(&tree, 4)), &at(&other, 4), 4, &[]);
        assert_eq!(verdict, Verdict::Same);
    }

    #[test]
    fn a_fork_cannot_prove_its_growth() {
        let (tree, other) = (Grown::of(9), fork(4, 9));
        for old in 5..9 {
            let proof = prove_consistency(&other, old, 9).unwrap();
            let verdict = judge(Some(&seen(&tree, old)), &at(&other, 9), old, &proof);
            assert_eq!(verdict, Verdict::BadProof, "from {old}");
        }
    }

    #[test]
    fn offers_from_elsewhere_or_from_the_past_are_stale() {
        let tree = Grown::of(9);
        let proof = prove_consistency(&tree, 3, 9).unwrap();
        let known = seen(&tree, 6);
        let stale = Verdict::Stale { known: 6 };
        assert_eq!(judge(Some(&known), &at(&tree, 9), 3, &proof), stale);
        assert_eq!(judge(Some(&known), &at(&tree, 9), 0, &[]), stale);
        assert_eq!(judge(Some(&known), &at(&tree, 5), 5, &[]), stale);
        assert_eq!(judge(Some(&known), &at(&tree, 5), 6, &[]), stale);
        assert_eq!(judge(Some(&known), &at(&tree, 0), 0, &[]), stale);
    }

    #[test]
    fn a_spoilt_proof_is_no_conflict() {
        let tree = Grown::of(9);
        let good = prove_consistency(&tree, 6, 9).unwrap();
        let known = seen(&tree, 6);
        for at_hash in 0..good.len() {
            let mut spoilt = good.clone();
            spoilt[at_hash] = leaf(99);
            assert_eq!(judge(Some(&known), &at(&tree, 9), 6, &spoilt), Verdict::BadProof);
        }
        assert_eq!(judge(Some(&known), &at(&tree, 9), 6, &[]), Verdict::BadProof);
    }
}
