//! Order, sameness, proofs, compare-and-append.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::domain::ids::JournalName;
use crate::entropy::{self, SeededEntropy};
use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint};
use crate::merkle::cosignature::{cosign_mldsa44, with_lines};
use crate::merkle::proof::{
    prove_consistency, prove_inclusion, verify_consistency, verify_inclusion,
};
use crate::merkle::signature::MlDsa44Signer;
use crate::merkle::tree::leaf_hash;
use crate::redact::Secret;

use super::super::store::{Batch, StoreError};
use super::super::{
    Append, AppendError, Depth, Journal, JournalError, JournalHashes, StoreJournal,
};
use super::{Backend, all, append, entries, entry, grow, journal, key, name, prepared, receipt};

pub(super) fn entries_come_back_in_order_from_any_position<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    assert_eq!((journal.next(), journal.read(0, 9).unwrap()), (0, vec![]));
    assert_eq!(journal.latest_checkpoint().unwrap(), None);
    grow(&journal, 300);
    assert_eq!(all(&journal), entries(0, 300));
    for from in [0, 1, 5, 63, 64, 65, 298, 299] {
        assert_eq!(journal.read(from, 1).unwrap(), entries(from, from + 1), "from {from}");
        assert_eq!(journal.read(from, 2000).unwrap(), entries(from, 300), "from {from}");
    }
    assert_eq!(journal.read(300, 5).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(journal.read(u64::MAX, 5).unwrap(), Vec::<Vec<u8>>::new());
    assert_eq!(journal.read(7, 0).unwrap(), Vec::<Vec<u8>>::new());
}

pub(super) fn everything_survives_reopening_and_receipts_are_the_same_bytes<B: Backend>() {
    let backend = B::new();
    let before = {
        let journal = journal(&backend);
        grow(&journal, 300);
        let receipts: Vec<_> = (0..300).map(|it| receipt(&journal, it).to_bytes()).collect();
        (receipts, journal.frontier().unwrap(), journal.latest_checkpoint().unwrap())
    };
    let journal = journal(&backend);
    assert_eq!(journal.next(), 300);
    assert_eq!(all(&journal), entries(0, 300));
    let receipts: Vec<_> = (0..300).map(|it| receipt(&journal, it).to_bytes()).collect();
    assert_eq!(
        (receipts, journal.frontier().unwrap(), journal.latest_checkpoint().unwrap()),
        before
    );
    for index in 0..300 {
        let proof = receipt(&journal, index);
        proof.verify(&entry(index), "ita.coast-guard/journal/1", &key().public()).unwrap();
    }
    grow(&journal, 320);
    let checked = journal.check(Depth::Full).unwrap();
    assert_eq!((checked.entries, checked.rows), (320, 0));
}

pub(super) fn proofs_verify_for_any_index_and_size<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    grow(&journal, 1000);
    let chance = SeededEntropy::new(3);
    let hashes = JournalHashes::over(&journal);
    let below = |bound: u64| u64::from_be_bytes(entropy::bytes(&chance)) % bound;
    let root = |size| crate::merkle::tree::root_of(&hashes, size).unwrap();
    for _ in 0..150 {
        let size = 1 + below(1000);
        let (index, old) = (below(size), below(size + 1));
        let proof = prove_inclusion(&hashes, index, size).unwrap();
        verify_inclusion(&leaf_hash(&entry(index)), index, size, &proof, &root(size)).unwrap();
        let proof = prove_consistency(&hashes, old, size).unwrap();
        verify_consistency(old, size, &proof, &root(old), &root(size)).unwrap();
    }
    for (level, index) in [(0, 1000), (3, 125), (9, 1), (10, 0), (63, 0), (64, 0), (0, u64::MAX)] {
        let error = journal.complete(level, index).unwrap_err();
        assert!(matches!(error, JournalError::Absent { .. }), "{level}/{index}: {error}");
    }
}

pub(super) fn a_stale_writer_is_refused_and_told_where_to_go_on<B: Backend>() {
    let backend = B::new();
    let store = Arc::new(backend.open().unwrap());
    let first = StoreJournal::open(store.clone(), name()).unwrap();
    let second = StoreJournal::open(store, name()).unwrap();
    let late = prepared(&second, entries(0, 2));
    append(&first, entries(0, 5)).unwrap();
    assert_eq!(second.next(), 0);
    let refused = second.append(0, late).unwrap_err();
    assert!(matches!(refused, AppendError::Moved { next: 5 }), "{refused}");
    assert!(!refused.is_fatal());
    assert_eq!(second.next(), 5);
    assert_eq!(all(&second), entries(0, 5));
    append(&second, entries(5, 9)).unwrap();
    let ahead = prepared(&second, entries(9, 10));
    assert!(matches!(second.append(10, ahead), Err(AppendError::Moved { next: 9 })));
    assert_eq!(second.check(Depth::Full).unwrap().entries, 9);
}

pub(super) fn two_writers_in_a_race_never_append_at_one_position<B: Backend>() {
    const EACH: u8 = 60;
    let backend = B::new();
    let store = Arc::new(backend.open().unwrap());
    let journals = [0, 1].map(|_| StoreJournal::open(store.clone(), name()).unwrap());
    std::thread::scope(|scope| {
        for (writer, journal) in (0_u8..).zip(&journals) {
            scope.spawn(move || (0..EACH).for_each(|number| insist(journal, &[writer, number])));
        }
    });
    drop(journals);
    let journal = StoreJournal::open(store, name()).unwrap();
    let found = all(&journal);
    assert_eq!(found.len(), 2 * usize::from(EACH));
    for writer in [0, 1] {
        let own = found.iter().filter(|entry| entry[0] == writer).map(|entry| entry[1]);
        assert!(own.eq(0..EACH), "each once, in order");
    }
    let checked = journal.check(Depth::Full).unwrap();
    assert_eq!(checked.checkpoints, 2 * u64::from(EACH));
}

fn insist(journal: &dyn Journal, entry: &[u8]) {
    while let Err(refused) = try_append(journal, vec![entry.to_vec()]) {
        assert!(!refused.is_fatal(), "{refused:?}");
    }
}

/// As `append`, where the journal may grow between looking and appending.
fn try_append(journal: &dyn Journal, entries: Vec<Vec<u8>>) -> Result<(), AppendError> {
    let mut frontier = journal.frontier().unwrap();
    let expected = frontier.size();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    let origin = journal.name().to_string();
    let (size, root) = (frontier.size(), frontier.root());
    let checkpoint = sign_checkpoint(&Checkpoint { origin, size, root }, &key());
    journal.append(expected, Append { entries, checkpoint, rows: Batch::new() })
}

pub(super) fn the_later_countersigned_checkpoint_stays<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    append(&journal, entries(0, 3)).unwrap();
    let early = journal.latest_checkpoint().unwrap().unwrap();
    append(&journal, entries(3, 5)).unwrap();
    let late = journal.latest_checkpoint().unwrap().unwrap();
    let signer = MlDsa44Signer::from_seed(&Secret::new([8; 32]));
    let countersigned = |bytes: &[u8]| {
        let checkpoint = SignedCheckpoint::parse(bytes).unwrap().checkpoint;
        let at = Timestamp::from_millis(1_768_099_620_000);
        let line = cosign_mldsa44(&checkpoint, &checkpoint.origin, &signer, at);
        with_lines(bytes, &[line]).unwrap()
    };
    assert_eq!(journal.countersigned().unwrap(), None);
    journal.put_countersigned(3, &countersigned(&early)).unwrap();
    let kept = countersigned(&late);
    journal.put_countersigned(5, &kept).unwrap();
    assert_eq!(journal.countersigned().unwrap(), Some(kept.clone()));
    let outdated = journal.put_countersigned(3, &countersigned(&early)).unwrap_err();
    assert!(matches!(outdated, JournalError::Outdated { latest: 5 }), "{outdated}");
    for (size, bytes) in [(4, &kept), (3, &kept), (6, &kept), (5, &b"no note".to_vec())] {
        let unknown = journal.put_countersigned(size, bytes).unwrap_err();
        assert!(matches!(unknown, JournalError::UnknownCheckpoint { size: it } if it == size));
    }
    // What a receipt was given with stays as it was first signed.
    assert_eq!(journal.checkpoint_covering(4).unwrap(), Some(late));
    assert_eq!(journal.check(Depth::Full).unwrap().checkpoints, 2);
    drop(journal);
    let journal = super::journal(&backend);
    assert_eq!(journal.countersigned().unwrap(), Some(kept));
}

pub(super) fn a_store_has_one_opening_and_one_journal<B: Backend>() {
    let backend = B::new();
    let first = journal(&backend);
    assert!(matches!(backend.open(), Err(StoreError::InUse)));
    drop(first);
    let other = JournalName::new("ita.coast-guard".parse().unwrap(), 2);
    let refused = StoreJournal::open(backend.open().unwrap(), other).unwrap_err();
    assert_eq!(refused.to_string(), "the store holds the journal ita.coast-guard/journal/1");
}
