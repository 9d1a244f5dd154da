//! Power cuts and failing disks, on the disk that can have them at will.

use std::collections::BTreeSet;

use crate::entropy::{self, SeededEntropy};
use crate::journal::memory::{CommitFault, MemoryDisk};
use crate::journal::store::{Batch, MemoryStore, Store, StoreError};
use crate::journal::{AppendError, Depth, Fault, Journal, JournalError, Record};

use super::super::records::{HEAD_KEY, NAME_KEY, checkpoint_key, page_key, tile_key};
use super::{Backend, InMemory, all, append, entries, grow, journal, prepared, put};

fn row(value: u8) -> Batch {
    let mut batch = Batch::new();
    batch.put(*b"row", [value]);
    batch
}

#[test]
fn a_crash_drops_only_what_was_not_durable_and_the_latest_first() {
    for keep in 0..=4 {
        let disk = MemoryDisk::new();
        let store = MemoryStore::open(&disk).unwrap();
        store.apply(row(1)).unwrap();
        store.commit(row(2)).unwrap();
        assert_eq!(disk.unsynced(), 0);
        for value in 3..6 {
            let mut batch = row(value);
            batch.put([b'x', value], *b"with it");
            store.apply(batch).unwrap();
        }
        assert_eq!(disk.crash(keep), 3 - keep.min(3));
        assert!(matches!(store.get(b"row"), Err(StoreError::Failed { .. })));
        let store = MemoryStore::open(&disk).unwrap();
        let last = 2 + u8::try_from(keep.min(3)).unwrap();
        assert_eq!(store.get(b"row").unwrap(), Some(vec![last]));
        for value in 3..6 {
            let wanted = (value <= last).then(|| b"with it".to_vec());
            assert_eq!(store.get(&[b'x', value]).unwrap(), wanted, "keep {keep}");
        }
    }
}

#[test]
fn one_seed_gives_one_history_and_seeds_reach_every_outcome() {
    let run = |seed| {
        let disk = MemoryDisk::new();
        let store = MemoryStore::open(&disk).unwrap();
        (0..4).for_each(|value| store.apply(row(value)).unwrap());
        disk.crash_by(&SeededEntropy::new(seed));
        MemoryStore::open(&disk).unwrap().get(b"row").unwrap()
    };
    let outcomes: BTreeSet<_> = (0..60).map(run).collect();
    assert_eq!(outcomes.len(), 5);
    assert!((0..60).all(|seed| run(seed) == run(seed)));
}

#[test]
fn after_a_failed_commit_the_journal_is_closed_and_the_outcome_is_whole() {
    let cases = [
        (CommitFault::BeforeWritten, 0, 3),
        (CommitFault::BeforeWritten, 9, 3),
        (CommitFault::BeforeDurable, 0, 3),
        (CommitFault::BeforeDurable, 9, 5),
        (CommitFault::AfterDurable, 0, 5),
        (CommitFault::AfterDurable, 9, 5),
    ];
    for (fault, keep, wanted) in cases {
        let backend = InMemory::new();
        let failing = journal(&backend);
        append(&failing, entries(0, 3)).unwrap();
        let mut batch = prepared(&failing, entries(3, 5));
        batch.rows.put(*b"row", *b"5");
        backend.0.fail_commit(1, fault);
        let failed = failing.append(3, batch.clone()).unwrap_err();
        assert!(failed.is_fatal(), "{failed}");
        assert_eq!(failing.next(), 3, "what is not known to be durable is not shown");
        let again = failing.append(3, batch).unwrap_err();
        assert!(matches!(
            again,
            AppendError::Failed(JournalError::Store(StoreError::Failed { .. }))
        ));
        let read = failing.read(0, 1).unwrap_err();
        assert!(matches!(read, JournalError::Store(StoreError::Failed { .. })), "{read}");
        backend.0.crash(keep);
        drop(failing);
        let journal = journal(&backend);
        assert_eq!(journal.next(), wanted, "{fault:?}, keep {keep}");
        assert_eq!(all(&journal), entries(0, wanted));
        let row = journal.store().get(b"row").unwrap();
        assert_eq!(row.is_some(), wanted == 5);
        journal.check(Depth::Full).unwrap();
    }
}

#[test]
fn what_a_stopped_process_had_written_is_durable_before_it_is_shown() {
    let backend = InMemory::new();
    let failing = journal(&backend);
    backend.0.fail_commit(1, CommitFault::BeforeDurable);
    append(&failing, entries(0, 2)).unwrap_err();
    drop(failing);
    assert_eq!(backend.0.unsynced(), 1);
    assert_eq!(journal(&backend).next(), 2);
    assert_eq!(backend.0.crash(0), 0);
    assert_eq!(journal(&backend).next(), 2);
}

#[test]
fn a_full_disk_closes_the_store_and_costs_nothing_that_was_acknowledged() {
    let backend = InMemory::new();
    let full = journal(&backend);
    grow(&full, 100);
    backend.0.set_bytes_max(Some(backend.0.bytes() + 100));
    let failed = append(&full, entries(100, 120)).unwrap_err();
    assert!(failed.is_fatal(), "{failed}");
    backend.0.crash(0);
    backend.0.set_bytes_max(None);
    let journal = journal(&backend);
    assert_eq!(all(&journal), entries(0, 100));
    grow(&journal, 130);
    assert_eq!(journal.check(Depth::Full).unwrap().entries, 130);
}

#[test]
fn acknowledged_entries_survive_any_number_of_crashes() {
    for seed in 0..20 {
        let chance = SeededEntropy::new(seed);
        let backend = InMemory::new();
        let mut acknowledged = 0;
        for _ in 0..12 {
            let journal = journal(&backend);
            let found = journal.next();
            assert!(found >= acknowledged, "seed {seed}: {found} of {acknowledged}");
            assert_eq!(all(&journal), entries(0, found), "seed {seed}");
            journal.check(Depth::Full).unwrap();
            let [commits, kind, rows] = entropy::bytes::<3>(&chance);
            let faults =
                [CommitFault::BeforeWritten, CommitFault::BeforeDurable, CommitFault::AfterDurable];
            backend.0.fail_commit(1 + u64::from(commits % 9), faults[usize::from(kind % 3)]);
            acknowledged = found;
            loop {
                let next = journal.next();
                journal.store().apply(row(rows)).unwrap();
                if append(&journal, entries(next, next + 1 + u64::from(rows % 40))).is_err() {
                    break;
                }
                acknowledged = journal.next();
            }
            backend.0.crash_by(&chance);
        }
        assert!(acknowledged > 0);
    }
}

#[test]
fn a_flipped_bit_of_each_kind_of_record_is_named_where_it_is_read() {
    let backend = InMemory::new();
    let journal = journal(&backend);
    grow(&journal, 200);
    put(journal.store(), b"row", b"value");
    let cases = [
        (page_key(0).to_vec(), Record::Page { first: 0 }),
        (tile_key(0, 1).to_vec(), Record::Tile { level: 0, index: 1 }),
        (checkpoint_key(1).to_vec(), Record::Checkpoint { size: 1 }),
        (HEAD_KEY.to_vec(), Record::Head),
        (b"row".to_vec(), Record::Row { key: b"row".to_vec() }),
    ];
    for (key, wanted) in cases {
        for bit in [0, 31, 32, 39] {
            assert!(backend.0.flip_bit(&key, bit));
            match journal.check(Depth::Full) {
                Err(JournalError::Damaged { record, fault: Fault::Checksum }) => {
                    assert_eq!(record, wanted);
                }
                other => panic!("{wanted}, bit {bit}: {other:?}"),
            }
            assert!(backend.0.flip_bit(&key, bit));
        }
    }
    journal.check(Depth::Full).unwrap();
    assert!(backend.0.flip_bit(&page_key(0), 100));
    assert_eq!(
        journal.read(0, 1).unwrap_err().to_string(),
        "entries from position 0: its checksum does not hold"
    );
    assert!(backend.0.flip_bit(&page_key(0), 100));
    assert!(backend.0.flip_bit(NAME_KEY, 1));
    drop(journal);
    let refused = super::StoreJournal::open(backend.open().unwrap(), super::name()).unwrap_err();
    assert_eq!(refused.to_string(), "name of the journal: its checksum does not hold");
}
