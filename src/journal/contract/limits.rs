//! What is refused, at the very edge; and that a refusal changes nothing.

use crate::domain::limits::ENTRY_BYTES_MAX;
use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint};
use crate::merkle::tree::leaf_hash;

use super::super::records::HEAD_KEY;
use super::super::store::{
    AFTER_LAST_KEY, BATCH_BYTES_MAX, BATCH_VALUES_MAX, Batch, KEY_BYTES_MAX, Records, Store,
    StoreError, VALUE_BYTES_MAX,
};
use super::super::{Append, AppendError, Checked, Depth, ENTRIES_PER_APPEND_MAX, Journal};
use super::{Backend, append, entries, journal, key, name, prepared, put, signed};

pub(super) fn limits_hold_at_below_and_above<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    append(&journal, vec![vec![1], vec![2; ENTRY_BYTES_MAX]]).unwrap();
    for bytes in [0, ENTRY_BYTES_MAX + 1] {
        let refused = append(&journal, vec![vec![1], vec![3; bytes]]).unwrap_err();
        assert!(
            matches!(refused, AppendError::EntrySize { index: 1, bytes: found } if found == bytes)
        );
    }
    for count in [0, ENTRIES_PER_APPEND_MAX + 1] {
        let refused = append(&journal, vec![vec![1]; count]).unwrap_err();
        assert!(matches!(refused, AppendError::EntryCount { count: found } if found == count));
    }
    append(&journal, vec![vec![1]; ENTRIES_PER_APPEND_MAX]).unwrap();
    let mut batch = prepared(&journal, vec![vec![1]]);
    batch.rows.put(*b"row", vec![0; VALUE_BYTES_MAX + 1]);
    let refused = journal.append(journal.next(), batch).unwrap_err();
    assert!(matches!(refused, AppendError::Refused(StoreError::TooLarge { .. })));
    assert_eq!(journal.next(), 2 + ENTRIES_PER_APPEND_MAX as u64);

    let store = journal.store();
    put(store, &[9; KEY_BYTES_MAX], &[1; VALUE_BYTES_MAX]);
    assert_eq!(store.get(&[9; KEY_BYTES_MAX]).unwrap(), Some(vec![1; VALUE_BYTES_MAX]));
    let too_large = |batch: Batch| match store.commit(batch) {
        Err(StoreError::TooLarge { what, size, max }) => (what, size, max),
        other => panic!("{other:?}"),
    };
    let mut batch = Batch::new();
    batch.put([9; KEY_BYTES_MAX + 1], *b"");
    assert_eq!(too_large(batch), ("bytes in a key", 65, 64));
    let numbered = |count: usize, value: usize| {
        let mut batch = Batch::new();
        for number in 0..count {
            batch.put([&[b'n'; 15][..], &number.to_be_bytes()].concat(), vec![5; value]);
        }
        batch
    };
    store.commit(numbered(BATCH_VALUES_MAX, 1)).unwrap();
    assert_eq!(too_large(numbered(BATCH_VALUES_MAX + 1, 1)), ("values in a batch", 2049, 2048));
    let most = BATCH_BYTES_MAX / BATCH_VALUES_MAX - 23;
    store.commit(numbered(BATCH_VALUES_MAX, most)).unwrap();
    let over = too_large(numbered(BATCH_VALUES_MAX, most + 1));
    assert_eq!((over.0, over.2), ("bytes in a batch", BATCH_BYTES_MAX));
}

pub(super) fn a_checkpoint_that_is_not_of_this_batch_is_refused<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    append(&journal, entries(0, 4)).unwrap();
    let right = Checkpoint {
        origin: name().to_string(),
        ..SignedCheckpoint::parse(&signed(&journal, &entries(4, 6))).unwrap().checkpoint
    };
    let other = |change: fn(&mut Checkpoint)| {
        let mut checkpoint = right.clone();
        change(&mut checkpoint);
        sign_checkpoint(&checkpoint, &key())
    };
    let cases = [
        (b"no note".to_vec(), "it is malformed"),
        (other(|it| it.origin = "ita.coast-guard/journal/2".into()), "it is of another journal"),
        (other(|it| it.size = 5), "its size is another"),
        (other(|it| it.root = leaf_hash(b"")), "its root is another"),
    ];
    for (checkpoint, wanted) in cases {
        let batch = Append { entries: entries(4, 6), checkpoint, rows: Batch::new() };
        match journal.append(4, batch) {
            Err(AppendError::Checkpoint { why }) => assert_eq!(why, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    }
    assert_eq!(journal.next(), 4);
}

pub(super) fn ranges_go_by_key_in_both_directions<B: Backend>() {
    let backend = B::new();
    let store = backend.open().unwrap();
    let mut batch = Batch::new();
    (0..10_u8).for_each(|it| batch.put([b'r', it], [it]));
    store.apply(batch).unwrap();
    let keys = |found: Records| found.iter().map(|it| it.1[0]).collect::<Vec<_>>();
    let (from, to) = (&[b'r', 2][..], &[b'r', 6][..]);
    assert_eq!(keys(store.range(from, to, 9).unwrap()), [2, 3, 4, 5]);
    assert_eq!(keys(store.range(from, to, 2).unwrap()), [2, 3]);
    assert_eq!(keys(store.range_back(from, to, 3).unwrap()), [5, 4, 3]);
    assert_eq!(store.range(to, from, 9).unwrap(), []);
    assert_eq!(store.range_back(from, from, 9).unwrap(), []);
    assert_eq!(store.range(from, to, 0).unwrap(), []);
    assert_eq!(store.range(b"r", AFTER_LAST_KEY, 99).unwrap().len(), 10);
    let mut batch = Batch::new();
    batch.expect([b'r', 3], Some(vec![4]));
    batch.delete([b'r', 4]);
    let refused = store.apply(batch).unwrap_err();
    assert!(matches!(&refused, StoreError::Unexpected { key } if *key == [b'r', 3]));
    let mut batch = Batch::new();
    batch.expect([b'r', 3], Some(vec![3]));
    batch.expect(*b"nothing", None);
    batch.delete([b'r', 4]);
    store.apply(batch).unwrap();
    assert_eq!(store.get(&[b'r', 4]).unwrap(), None);
}

pub(super) fn one_append_is_whole_and_brings_its_rows<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    put(journal.store(), b"count", b"0");
    let mut batch = prepared(&journal, entries(0, 3));
    batch.rows.put(*b"count", *b"3");
    batch.rows.expect(*b"count", Some(b"0".to_vec()));
    journal.append(0, batch).unwrap();
    assert_eq!(journal.store().get(b"count").unwrap(), Some(b"3".to_vec()));

    let mut batch = prepared(&journal, entries(3, 4));
    batch.rows.put(*b"count", *b"4");
    batch.rows.expect(*b"count", Some(b"0".to_vec()));
    let refused = journal.append(3, batch).unwrap_err();
    assert!(matches!(refused, AppendError::Refused(StoreError::Unexpected { .. })));
    assert_eq!(journal.store().get(b"count").unwrap(), Some(b"3".to_vec()));
    assert_eq!(journal.next(), 3);
    for reserved in [&[][..], &[0], &[1, b'h'], HEAD_KEY] {
        let mut batch = prepared(&journal, entries(3, 4));
        batch.rows.delete(reserved);
        assert!(matches!(journal.append(3, batch), Err(AppendError::ReservedKey)));
    }
    assert_eq!(
        journal.check(Depth::Full).unwrap(),
        Checked { entries: 3, checkpoints: 1, rows: 1 }
    );
}
