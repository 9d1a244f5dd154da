//! What was altered, removed or added behind the journal's back is named.

use crate::merkle::checkpoint::{Checkpoint, SignedCheckpoint, sign_checkpoint};
use crate::merkle::tree::leaf_hash;

use super::super::records::{HEAD_KEY, checkpoint_key, page_key, tile_key};
use super::super::store::{Batch, Store};
use super::super::{Depth, Fault, Journal, JournalError, Record, StoreJournal};
use super::{Backend, grow, journal, key, name, put};

fn number_in(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[2..].try_into().unwrap())
}

/// The page that holds the entry at `position`: where it begins, and its bytes.
fn page_at(store: &impl Store, position: u64) -> (u64, Vec<u8>) {
    let (key, bytes) =
        store.range_back(&page_key(0), &page_key(position + 1), 1).unwrap().remove(0);
    (number_in(&key), bytes)
}

fn damage<T>(outcome: Result<T, JournalError>) -> (Record, Fault) {
    match outcome {
        Err(JournalError::Damaged { record, fault }) => (record, fault),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("nothing found"),
    }
}

/// Alters one stored value of each kind, checksum made good again, and sees it named.
pub(super) fn a_changed_value_of_each_kind_is_named<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    grow(&journal, 500);
    let store = journal.store();
    let (first, _) = page_at(store, 250);
    let covering = journal.checkpoint_covering(100).unwrap().unwrap();
    let size = SignedCheckpoint::parse(&covering).unwrap().checkpoint.size;
    let tile = |level, index| Record::Tile { level, index };
    let cases = [
        (
            page_key(first).to_vec(),
            2,
            (Record::Page { first }, Fault::EntryDiffers { position: first }),
        ),
        (page_key(first).to_vec(), 0, (Record::Page { first }, Fault::Malformed)),
        (tile_key(0, 2).to_vec(), 32 * 5, (tile(0, 2), Fault::HashDiffers { position: 133 })),
        (tile_key(1, 0).to_vec(), 32 * 3, (tile(1, 0), Fault::HashDiffers { position: 192 })),
        (checkpoint_key(size).to_vec(), 12, (Record::Checkpoint { size }, Fault::Malformed)),
        (HEAD_KEY.to_vec(), 20, (Record::Head, Fault::RootDiffers { size: 500 })),
    ];
    for (key, at, wanted) in cases {
        let good = store.get(&key).unwrap().unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1;
        put(store, &key, &bad);
        assert_eq!(damage(journal.check(Depth::Full)), wanted);
        put(store, &key, &good);
    }
    // A checkpoint that is well formed, and signed, and not of these entries.
    let good = store.get(&checkpoint_key(size)).unwrap().unwrap();
    let other = Checkpoint { origin: name().to_string(), size, root: leaf_hash(b"other") };
    put(store, &checkpoint_key(size), &[&good[..8], &sign_checkpoint(&other, &key())].concat());
    let wanted = (Record::Checkpoint { size }, Fault::RootDiffers { size });
    assert_eq!(damage(journal.check(Depth::Full)), wanted);
    put(store, &checkpoint_key(size), &good);
    assert_eq!(journal.check(Depth::Full).unwrap().entries, 500);
}

pub(super) fn a_changed_tail_is_named_when_the_journal_is_opened<B: Backend>() {
    let backend = B::new();
    let opened = journal(&backend);
    grow(&opened, 500);
    let store = opened.store();
    let (first, mut bytes) = page_at(store, 499);
    *bytes.last_mut().unwrap() ^= 1;
    put(store, &page_key(first), &bytes);
    drop(opened);
    let refused = StoreJournal::open(backend.open().unwrap(), name());
    let wanted = (Record::Page { first }, Fault::EntryDiffers { position: 499 });
    assert_eq!(damage(refused), wanted);
}

pub(super) fn a_record_that_is_gone_or_out_of_place_is_named<B: Backend>() {
    let backend = B::new();
    let journal = journal(&backend);
    grow(&journal, 500);
    let store = journal.store();
    let pages = store.range(&page_key(0), &page_key(500), 999).unwrap();
    let middle = number_in(&pages[pages.len() / 2].0);
    let checkpoints = store.range(&checkpoint_key(0), &checkpoint_key(501), 999).unwrap();
    let size = number_in(&checkpoints[4].0);
    let cases = [
        (page_key(middle).to_vec(), Record::Page { first: middle }),
        (tile_key(0, 3).to_vec(), Record::Tile { level: 0, index: 3 }),
        (checkpoint_key(size).to_vec(), Record::Checkpoint { size }),
        (HEAD_KEY.to_vec(), Record::Head),
    ];
    for (key, wanted) in cases {
        let good = store.get(&key).unwrap().unwrap();
        let mut batch = Batch::new();
        batch.delete(key.clone());
        store.commit(batch).unwrap();
        match journal.check(Depth::Full) {
            Err(JournalError::Damaged { record, fault: Fault::Missing }) => {
                assert_eq!(record, wanted);
            }
            other => panic!("{wanted}: {other:?}"),
        }
        put(store, &key, &good);
    }
    let gone = checkpoints[4].0.clone();
    let mut batch = Batch::new();
    batch.delete(gone.clone());
    store.commit(batch).unwrap();
    let error = journal.checkpoint_covering(size - 1).unwrap_err();
    assert_eq!(error.to_string(), format!("checkpoint of size {size}: it is missing"));
    put(store, &gone, &checkpoints[4].1);

    put(store, &page_key(500), &[0, 1, 7]);
    let error = journal.check(Depth::Tail).unwrap_err();
    assert_eq!(error.to_string(), "entries from position 500: it has no place in this journal");
}
