//! What both parts say together, whatever moves between them and wherever a move ends.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::entropy::{self, SeededEntropy};
use crate::journal::format::{number_of, record_of};
use crate::journal::kept::Kept;
use crate::journal::store::{AFTER_LAST_KEY, FORMAT_KEY};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

const MEMORY: Memory = Memory { cache_bytes: 1 << 20, recent_rows: 1 };

fn open(folder: &Path) -> DiskStore {
    DiskStore::open_still(folder, MEMORY, &Arc::default()).unwrap()
}

fn one(key: &[u8], value: Option<&[u8]>) -> Batch {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(key, value),
        None => batch.delete(key),
    }
    batch
}

fn put(store: &DiskStore, key: &[u8], value: &[u8]) {
    store.commit(one(key, Some(value))).unwrap();
}

fn all(store: &DiskStore) -> Model {
    store.range(&[1], AFTER_LAST_KEY, usize::MAX).unwrap().into_iter().collect()
}

#[expect(clippy::disallowed_methods, reason = "a test's files need not survive it")]
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Rows of the store's first part, what is gone included.
fn recent(store: &DiskStore) -> Vec<(Vec<u8>, Kept)> {
    store.parts.recent.kept_range((&[1], AFTER_LAST_KEY), usize::MAX, false).unwrap()
}

/// A copy of the folder as a process that is struck down now would leave it.
fn struck_down(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

fn key(number: u32) -> Vec<u8> {
    [&[7][..], &number.to_be_bytes()].concat()
}

/// A store with rows `0..count`, and the same.
fn filled(folder: &Path, count: u32) -> (DiskStore, Model) {
    let store = open(folder);
    let mut model = Model::new();
    let mut batch = Batch::new();
    for number in 0..count {
        let value = number.to_be_bytes().repeat(5);
        batch.put(key(number), value.clone());
        model.insert(key(number), value);
    }
    store.commit(batch).unwrap();
    (store, model)
}

#[test]
fn whatever_settles_when_the_store_says_the_same() {
    for seed in 0..6 {
        let chance = SeededEntropy::new(seed);
        let below = |most: u8| entropy::bytes::<1>(&chance)[0] % most;
        let folder = tempfile::tempdir().unwrap();
        let (mut store, mut model) = (open(folder.path()), Model::new());
        for step in 0..400_u32 {
            let mut batch = Batch::new();
            for _ in 0..=below(6) {
                let key = [below(3) + 1, below(60)];
                match below(3) {
                    0 => {
                        batch.delete(key);
                        model.remove(&key[..]);
                    }
                    _ => {
                        let value = [&step.to_be_bytes()[..], &key].concat();
                        batch.put(key, value.clone());
                        model.insert(key.to_vec(), value);
                    }
                }
            }
            match below(2) {
                0 => store.commit(batch).unwrap(),
                _ => store.apply(batch).unwrap(),
            }
            match below(40) {
                0 => store.settle().unwrap(),
                1 => {
                    store.commit(Batch::new()).unwrap();
                    drop(store);
                    store = open(folder.path());
                }
                _ => {}
            }
            let probe = [below(3) + 1, below(60)];
            assert_eq!(store.get(&probe).unwrap(), model.get(&probe[..]).cloned(), "seed {seed}");
            let (from, to) = ([below(3) + 1, below(60)], [below(4) + 1, below(60)]);
            let limit = usize::from(below(30));
            let inside = model.iter().filter(|(key, _)| ***key >= from[..] && ***key < to[..]);
            let mut inside: Vec<_> = inside.map(|(k, v)| (k.clone(), v.clone())).collect();
            let found = store.range(&from, &to, limit).unwrap();
            assert_eq!(found, inside[..limit.min(inside.len())], "seed {seed}, step {step}");
            inside.reverse();
            let found = store.range_back(&from, &to, limit).unwrap();
            assert_eq!(found, inside[..limit.min(inside.len())], "seed {seed}, step {step}");
        }
        assert_eq!(all(&store), model, "seed {seed}");
        store.settle().unwrap();
        assert_eq!((recent(&store).len(), all(&store)), (0, model), "seed {seed}");
    }
}

#[test]
fn a_move_may_end_at_any_point_and_nothing_is_lost_or_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut model) = filled(folder.path(), 600);
    let mut seen = 0;
    let mut look = |model: &Model| {
        let copy = struck_down(folder.path());
        let left = open(copy.path());
        assert_eq!(all(&left), *model, "point {seen}");
        // What is in both parts is deleted from both, and what comes after a crash stays.
        let first = model.keys().next().unwrap().clone();
        left.commit(one(&first, None)).unwrap();
        put(&left, b"\x09later", b"row");
        left.settle().unwrap();
        drop(left);
        let mut wanted = model.clone();
        wanted.remove(&first);
        wanted.insert(b"\x09later".to_vec(), b"row".to_vec());
        assert_eq!(all(&open(copy.path())), wanted, "point {seen}");
        seen += 1;
    };
    for round in 0..3_u32 {
        let parts = &store.parts;
        let rows = parts.rows_from(settler::FIRST_KEY).unwrap();
        assert!(!rows.is_empty());
        let number = parts.begin().unwrap();
        look(&model);
        let file = parts.file().unwrap();
        look(&model);
        file.take(number, &rows).unwrap();
        look(&model);
        parts.finish(number).unwrap();
        look(&model);
        for step in rows.chunks(100) {
            parts.remove(step).unwrap();
            parts.recent.commit(&Batch::new()).unwrap();
            look(&model);
        }
        assert_eq!(recent(&store).len(), 0);
        for number in 0..40 {
            let key = key(number * 3 + round);
            store.commit(one(&key, None)).unwrap();
            model.remove(&key);
        }
        put(&store, &key(1000 + round), b"new");
        model.insert(key(1000 + round), b"new".to_vec());
        assert!(recent(&store).iter().any(|(_, kept)| *kept == Kept::Gone));
    }
    assert_eq!(all(&store), model);
    assert_eq!(seen, 20);
}

#[test]
fn what_is_written_while_rows_are_on_their_way_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut model) = filled(folder.path(), 8);
    for round in 0..3_u8 {
        let read = || {
            let rows = store.parts.rows_from(settler::FIRST_KEY).unwrap();
            store.commit(one(&key(0), None)).unwrap();
            put(&store, &key(1), &[round]);
            store.commit(one(&key(2), None)).unwrap();
            put(&store, &key(2), &[round, 2]);
            // The same value again, after a deletion.
            let same = store.get(&key(3)).unwrap().unwrap();
            store.commit(one(&key(3), None)).unwrap();
            put(&store, &key(3), &same);
            store.commit(one(&key(100), None)).unwrap();
            put(&store, &key(50), &[round]);
            Ok(rows)
        };
        store.parts.settle(read).unwrap();
        model.remove(&key(0));
        model.insert(key(1), vec![round]);
        model.insert(key(2), vec![round, 2]);
        model.insert(key(50), vec![round]);
        assert_eq!(all(&store), model, "round {round}");
        put(&store, &key(0), b"again");
        assert_eq!(store.get(&key(0)).unwrap().unwrap(), b"again");
    }
    model.insert(key(0), b"again".to_vec());
    store.settle().unwrap();
    assert_eq!((all(&store), recent(&store).len()), (model.clone(), 0));
    drop(store);
    assert_eq!(all(&open(folder.path())), model);
}

#[test]
fn many_that_are_gone_at_the_head_of_a_range_settle_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut model) = filled(folder.path(), 2000);
    store.settle().unwrap();
    let mut batch = Batch::new();
    for number in 0..1500 {
        batch.delete(key(number));
        model.remove(&key(number));
    }
    assert!(store.parts.write(&batch, true).unwrap(), "so many are due");
    assert_eq!(recent(&store).len(), 1500);
    let head = store.range(&[1], AFTER_LAST_KEY, 1).unwrap();
    assert_eq!(head[0].0, key(1500));
    let last = store.range_back(&[1], &key(1501), 1).unwrap();
    assert_eq!(last, head);
    store.parts.settle_gone().unwrap();
    assert_eq!((recent(&store).len(), store.parts.hold().unwrap().gone.len()), (0, 0));
    assert_eq!(all(&store), model);
    assert!(!store.parts.file().unwrap().has(&key(0)).unwrap());
}

#[test]
fn a_batch_expects_what_settled_and_its_limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (store, model) = filled(folder.path(), 3);
    store.settle().unwrap();
    let mut batch = one(&key(0), None);
    batch.expect(key(1), Some(b"another".to_vec()));
    assert!(matches!(store.commit(batch), Err(StoreError::Unexpected { key: it }) if it == key(1)));
    let mut batch = Batch::new();
    (0..=2048_u32).for_each(|number| batch.delete(key(number)));
    assert!(matches!(store.commit(batch), Err(StoreError::TooLarge { .. })));
    assert_eq!((all(&store), recent(&store).len()), (model.clone(), 0));
    let mut batch = one(&key(0), None);
    batch.expect(key(1), model.get(&key(1)).cloned());
    store.commit(batch).unwrap();
    assert_eq!(store.get(&key(0)).unwrap(), None);
}

#[test]
fn settled_rows_that_are_gone_or_older_or_of_another_store_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    let (store, model) = filled(folder.path(), 20);
    store.settle().unwrap();
    drop(store);
    let of_move_1 = fs::read(&path).unwrap();
    let store = open(folder.path());
    put(&store, &key(5), b"new");
    store.settle().unwrap();
    drop(store);
    let of_move_2 = fs::read(&path).unwrap();

    let refused = |bytes: Option<&[u8]>| {
        match bytes {
            Some(bytes) => write(&path, bytes),
            None => fs::remove_file(&path).unwrap(),
        }
        let opened = DiskStore::open(folder.path(), 1 << 20);
        let Err(StoreError::Settled { named, found }) = opened else { panic!("{opened:?}") };
        (named, found)
    };
    assert_eq!(refused(None), (2, None));
    assert_eq!(refused(Some(&of_move_1)), (2, Some(1)));
    let other = tempfile::tempdir().unwrap();
    let (another, _) = filled(other.path(), 1);
    for _ in 0..4 {
        another.settle().unwrap();
        put(&another, &key(1), b"row");
    }
    drop(another);
    let newer = fs::read(other.path().join(FILE_NAME)).unwrap();
    assert_eq!(refused(Some(&newer)), (2, Some(4)));
    write(&path, b"no file of settled rows");
    assert!(matches!(DiskStore::open(folder.path(), 1 << 20), Err(StoreError::Engine { .. })));
    write(&path, &of_move_2);
    let mut wanted = model;
    wanted.insert(key(5), b"new".to_vec());
    assert_eq!(all(&open(folder.path())), wanted);
    let said = StoreError::Settled { named: 2, found: Some(1) }.to_string();
    assert!(said.contains("they have 1 moves, the store names 2"), "{said}");

    // A store in which no move was ever begun has no such file of its own.
    let fresh = tempfile::tempdir().unwrap();
    drop(filled(fresh.path(), 1));
    write(&fresh.path().join(FILE_NAME), &of_move_2);
    let refused = DiskStore::open(fresh.path(), 1 << 20).unwrap_err();
    assert!(matches!(refused, StoreError::Settled { named: 0, found: Some(2) }), "{refused}");
}

#[test]
fn what_is_left_of_a_file_that_was_never_finished_is_swept_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, model) = filled(folder.path(), 5);
    assert_eq!(store.parts.begin().unwrap(), 1);
    drop(store);
    let path = folder.path().join(FILE_NAME);
    write(&path, b"half a file");
    let store = open(folder.path());
    assert!(!path.exists());
    assert_eq!(all(&store), model);
    store.settle().unwrap();
    assert_eq!(all(&store), model);
}

#[test]
fn a_settled_row_that_was_changed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(folder.path(), 20);
    put(&store, &key(30), b"some value that can be found");
    store.settle().unwrap();
    drop(store);
    let path = folder.path().join(FILE_NAME);
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(10).position(|it| it == b"some value").unwrap();
    bytes[place] ^= 1;
    write(&path, &bytes);
    let store = open(folder.path());
    let named = |error| matches!(error, StoreError::Damaged { key: it } if it == key(30));
    assert!(named(store.get(&key(30)).unwrap_err()));
    assert!(named(store.range(&[1], AFTER_LAST_KEY, 100).unwrap_err()));
    assert_eq!(store.range(&[1], AFTER_LAST_KEY, 20).unwrap().len(), 20);
    assert!(store.get(&key(3)).unwrap().is_some());
}

#[test]
fn rows_settle_once_there_are_more_than_may_be_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory { cache_bytes: 1 << 20, recent_rows: 1000 };
    let store = DiskStore::open_watched(folder.path(), memory, &Arc::default()).unwrap();
    let mut model = Model::new();
    let mut fill = |from: u32, to: u32| {
        for number in from..to {
            model.insert(key(number), b"row".to_vec());
            store.apply(one(&key(number), Some(b"row"))).unwrap();
        }
        store.commit(Batch::new()).unwrap();
        model.clone()
    };
    fill(0, 900);
    store.settler.as_ref().unwrap().call();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert!(!folder.path().join(FILE_NAME).exists());
    let format = || number_of(&store.get(FORMAT_KEY).unwrap().unwrap());
    assert_eq!(format(), Some(FORMAT_NUMBER));
    let model = fill(900, 3000);
    for _ in 0..1000 {
        if recent(&store).len() <= 1000 {
            break;
        }
        assert_eq!(all(&store).len(), 3000, "in the midst of a move");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(recent(&store).len() <= 1000);
    assert_eq!(format(), Some(SETTLED_FORMAT_NUMBER));
    assert_eq!(all(&store), model);
    drop(store);
    let store = open(folder.path());
    assert_eq!(all(&store), model);
}

#[test]
fn what_was_put_counts_across_stops_and_is_not_counted_again_at_each_start() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory { cache_bytes: 1 << 20, recent_rows: 1000 };
    let path = folder.path().join(FILE_NAME);
    for start in 0..40_u32 {
        let store = DiskStore::open_watched(folder.path(), memory, &Arc::default()).unwrap();
        let put = store.parts.hold().unwrap().put;
        assert!(start == 0 || put <= 1000 + 40, "start {start}: {put}");
        for number in 0..40 {
            store.apply(one(&key(start * 40 + number), Some(b"row"))).unwrap();
        }
        for _ in 0..500 {
            if store.parts.hold().unwrap().put <= 1000 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        drop(store);
        assert!(start >= 1000 / 40 || !path.exists(), "start {start}");
    }
    assert!(path.exists());
    let store = open(folder.path());
    assert!(recent(&store).len() <= 2 * 1000 + 40);
    assert_eq!(all(&store).len(), 1600);
}

#[test]
fn whoever_writes_waits_while_rows_come_faster_than_they_are_moved() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory { cache_bytes: 1 << 20, recent_rows: 1000 };
    let store = DiskStore::open_watched(folder.path(), memory, &Arc::default()).unwrap();
    std::thread::scope(|scope| {
        let held = store.parts.settling.lock().unwrap();
        let writes =
            || (0..8_000).for_each(|row| store.apply(one(&key(row), Some(b"row"))).unwrap());
        let writing = scope.spawn(writes);
        std::thread::sleep(std::time::Duration::from_secs(2));
        // What was there at a count, and what may come before rows leave again.
        let count = recent(&store).len();
        assert!(!writing.is_finished() && count <= 1000 + 2 * 1000, "{count}");
        drop(held);
    });
    assert_eq!(all(&store).len(), 8_000);
}

#[test]
fn what_can_not_be_settled_closes_the_store_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, model) = filled(folder.path(), 5);
    // Where the file should be made there is a folder.
    fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
    let refused = store.settle().unwrap_err();
    assert!(matches!(refused, StoreError::Io { .. }), "{refused}");
    assert!(matches!(store.get(&key(0)), Err(StoreError::Failed { .. })));
    assert!(matches!(store.commit(Batch::new()), Err(StoreError::Failed { .. })));
    drop(store);
    fs::remove_dir(folder.path().join(FILE_NAME)).unwrap();
    let store = open(folder.path());
    assert!(store.is_suspect());
    assert_eq!(all(&store), model);
    store.settle().unwrap();
    drop(store);
    // Every page of the settled rows is held against its checksum now.
    let store = open(folder.path());
    assert!(store.is_suspect());
    assert_eq!(all(&store), model);
}

#[test]
fn remains_are_read_from_both_parts_and_without_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut model) = filled(folder.path(), 5);
    store.settle().unwrap();
    put(&store, &key(9), b"recent");
    model.insert(key(9), b"recent".to_vec());
    drop(store);
    let left = |harm: &dyn Fn(&Path)| {
        let copy = struck_down(folder.path());
        harm(&copy.path().join(FILE_NAME));
        let (store, _) = DiskStore::open_remains(copy.path(), 1 << 20).unwrap();
        all(&store)
    };
    assert_eq!(left(&|_| {}), model);
    model.retain(|it, _| *it == key(9));
    assert_eq!(left(&|path| fs::remove_file(path).unwrap()), model);
    assert_eq!(left(&|path| write(path, &[7; 9000])), model);
}

#[test]
fn a_damaged_row_stays_where_it_is_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (store, model) = filled(folder.path(), 400);
    store.parts.recent.harm(&key(300));
    let named = |error| matches!(error, StoreError::Damaged { key: it } if it == key(300));
    assert!(named(store.settle().unwrap_err()));
    let settler = Settler::start(&store.parts).unwrap();
    settler.call();
    drop(settler);
    assert!(named(store.get(&key(300)).unwrap_err()));
    assert_eq!(store.get(&key(7)).unwrap(), model.get(&key(7)).cloned());
    put(&store, &key(300), b"whole again");
    store.settle().unwrap();
    assert_eq!((recent(&store).len(), all(&store).len()), (0, 400));
}

#[test]
fn a_record_of_moves_that_is_none_is_damage() {
    let moves = Moves { done: 3, begun: 4 };
    assert_eq!(Moves::from_bytes(&moves.to_bytes()), Some(moves));
    for odd in [&[][..], &[0; 15], &[0; 17]] {
        assert_eq!(Moves::from_bytes(odd), None);
    }
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = filled(folder.path(), 1);
    put(&store, MOVES_KEY, b"odd");
    put(&store, FORMAT_KEY, &record_of(SETTLED_FORMAT_NUMBER));
    drop(store);
    let refused = DiskStore::open(folder.path(), 1 << 20).unwrap_err();
    assert!(matches!(&refused, StoreError::Damaged { key } if key == MOVES_KEY), "{refused}");
}
