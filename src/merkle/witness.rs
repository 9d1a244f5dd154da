//! What a witness makes of a checkpoint: the rules of C2SP tlog-witness v1.0.0, `add-checkpoint`.
//!
//! Only checkpoints whose signature by the journal's key holds come here. The caller compares and
//! stores in one step, so that two offers in a race cannot roll it back, and stores durably before
//! it cosigns; it cosigns on [`Verdict::Advance`] and [`Verdict::Same`] only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::Checkpoint;
use super::proof::{contradicts, verify_consistency};
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
    /// The proof leads to the offered root, and at the size that was seen to another root: the journal
    /// has two histories. Both checkpoints are signed, and with the proof they show it: keep all three.
    Contradiction,
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
/// 5. else the proof decides between [`Verdict::Advance`], [`Verdict::Contradiction`] and
///    [`Verdict::BadProof`].
///
/// Two histories are thus found only by what shows them to anybody: two signatures at equal sizes, or
/// with them a proof that leads from one to what the other is not. A second history that shows neither
/// stays refused, for its growth has no proof.
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
    let Some(seen) = seen.filter(|it| it.size > 0) else {
        return if proof.is_empty() { Verdict::Advance } else { Verdict::BadProof };
    };
    let (sizes, roots) = ((seen.size, offered.size), (&seen.root, &offered.root));
    if verify_consistency(sizes.0, sizes.1, proof, roots.0, roots.1).is_ok() {
        Verdict::Advance
    } else if contradicts(sizes.0, sizes.1, proof, roots.0, roots.1) {
        Verdict::Contradiction
    } else {
        Verdict::BadProof
    }
}

/// A checkpoint with the proof that was offered for it, as C2SP tlog-witness v1.0.0 writes the body of
/// `add-checkpoint`: the old size, the proof, an empty line, the note.
pub fn offer_text(old_size: u64, proof: &[Digest], note: &[u8]) -> Vec<u8> {
    let mut text = format!("old {old_size}\n");
    for hash in proof {
        text += &STANDARD.encode(hash.as_bytes());
        text.push('\n');
    }
    text.push('\n');
    let mut text = text.into_bytes();
    text.extend_from_slice(note);
    text
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
    fn a_fork_that_proves_the_growth_of_its_own_tree_convicts_itself() {
        let (tree, other) = (Grown::of(9), fork(4, 9));
        for old in 5..8 {
            let proof = prove_consistency(&other, old, 9).unwrap();
            let verdict = judge(Some(&seen(&tree, old)), &at(&other, 9), old, &proof);
            assert_eq!(verdict, Verdict::Contradiction, "from {old}");
        }
    }

    #[test]
    fn a_fork_that_shows_nothing_against_itself_is_refused_and_not_convicted() {
        let (tree, other) = (Grown::of(9), fork(4, 9));
        // The proof from a power of two takes the old root from its verifier.
        let proof = prove_consistency(&other, 8, 9).unwrap();
        let verdict = judge(Some(&seen(&tree, 8)), &at(&other, 9), 8, &proof);
        assert_eq!(verdict, Verdict::BadProof);
        for old in 5..9 {
            let of_the_first = prove_consistency(&tree, old, 9).unwrap();
            let verdict = judge(Some(&seen(&tree, old)), &at(&other, 9), old, &of_the_first);
            assert_eq!(verdict, Verdict::BadProof, "from {old}");
        }
    }

    #[test]
    fn no_honest_journal_is_convicted_by_any_proof_of_its_own_hashes() {
        let tree = Grown::of(20);
        let hashes: Vec<_> = (0..20).map(leaf).collect();
        for old in 1..20 {
            let good = prove_consistency(&tree, old, 20).unwrap();
            for place in 0..good.len() {
                for hash in good.iter().chain(&hashes) {
                    let mut proof = good.clone();
                    proof[place] = *hash;
                    let verdict = judge(Some(&seen(&tree, old)), &at(&tree, 20), old, &proof);
                    assert_ne!(verdict, Verdict::Contradiction, "from {old}");
                }
            }
        }
    }

    #[test]
    fn an_offer_is_written_as_witnesses_read_it() {
        let text = offer_text(7, &[leaf(0), leaf(1)], b"note\n");
        let lines: Vec<_> = std::str::from_utf8(&text).unwrap().lines().collect();
        assert_eq!(lines[0], "old 7");
        assert_eq!(STANDARD.decode(lines[1]).unwrap(), leaf(0).as_bytes());
        assert_eq!(STANDARD.decode(lines[2]).unwrap(), leaf(1).as_bytes());
        assert_eq!(lines[3..], ["", "note"]);
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
