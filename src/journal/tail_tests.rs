//! The end of a log: what is read there is what the engine finds, and what is refused stays as it is.

use std::collections::BTreeMap;
use std::fs;

use super::super::store::{Batch, DiskStore, Store as _, VALUE_BYTES_MAX};
use super::*;
use crate::entropy::{self, Entropy as _, SeededEntropy};

const CACHE_BYTES: u64 = 1 << 20;

/// A store with so many commits, each of so many values by chance; it is not closed.
fn grown(folder: &Path, commits: u64, values: u64) -> DiskStore {
    let chance = SeededEntropy::new(commits);
    let store = DiskStore::open(folder, CACHE_BYTES).unwrap();
    for _ in 0..commits {
        let mut batch = Batch::new();
        for _ in 0..values {
            let key = u64::from_be_bytes(entropy::bytes(&chance)) % 4096;
            let mut value = vec![0; (key as usize * 7) % VALUE_BYTES_MAX];
            chance.fill(&mut value);
            batch.put([&b"k"[..], &key.to_be_bytes()].concat(), value);
        }
        store.commit(batch).unwrap();
    }
    store
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|it| it.file_type().unwrap().is_file());
    files
        .map(|it| (it.file_name().to_string_lossy().into_owned(), fs::read(it.path()).unwrap()))
        .collect()
}

fn put(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let mut file = File::create(folder.join(name)).unwrap();
        io::Write::write_all(&mut file, bytes).unwrap();
    }
}

fn end_of(folder: &Path) -> End {
    let file = File::open(folder.join("db")).unwrap();
    let snapshot = snapshot(folder).unwrap().unwrap();
    Log::of(&file, snapshot).unwrap().unwrap().end().unwrap()
}

/// What the engine finds in a copy: the number of the last commit, if it opens.
fn found_by_the_engine(files: &BTreeMap<String, Vec<u8>>) -> Option<u64> {
    let copy = tempfile::tempdir().unwrap();
    put(copy.path(), files);
    let opened = DiskStore::open_remains(copy.path(), CACHE_BYTES);
    opened.ok().and_then(|(_, commits)| commits.found)
}

#[test]
fn the_last_commit_is_found_where_the_engine_finds_it() {
    // The last of these writes several parts.
    for (commits, values) in [(0, 0), (1, 1), (9, 3), (10, 3), (11, 3), (200, 5), (12, 900)] {
        let folder = tempfile::tempdir().unwrap();
        let store = grown(folder.path(), commits, values);
        // Its format is a commit too. Thereafter it lies there as after a kill, and as closed.
        let crashed = files(folder.path());
        assert_eq!(end_of(folder.path()).commit, Some(commits + 1), "{commits} x {values}");
        drop(store);
        for opened in 0..3 {
            let end = end_of(folder.path());
            assert_eq!(
                end.commit,
                Some(commits + 1),
                "{commits} x {values}, opened {opened} times"
            );
            drop(DiskStore::open(folder.path(), CACHE_BYTES).unwrap());
        }
        assert_eq!(found_by_the_engine(&crashed), Some(commits + 1));
    }
}

#[test]
fn what_is_refused_the_engine_would_have_lost_and_what_is_not_refused_it_finds() {
    let folder = tempfile::tempdir().unwrap();
    let store = grown(folder.path(), 60, 4);
    // What is lost of this was not acknowledged.
    for number in 0..40 {
        let mut batch = Batch::new();
        batch.put([b'k', number], [number; 40]);
        store.apply(batch).unwrap();
    }
    drop(store);
    let whole = files(folder.path());
    let length = whole["db"].iter().rposition(|it| *it != 0).unwrap() as u64;
    let chance = SeededEntropy::new(7);
    let (mut refused, mut opened) = (0, 0);
    for round in 0..80 {
        let folder = tempfile::tempdir().unwrap();
        let mut harmed = whole.clone();
        let bytes = harmed.get_mut("db").unwrap();
        // Near the end, then anywhere, then in the head of the part.
        let range = [2_000, length, HEAD_BYTES as u64][round % 3].min(length);
        let from = if round % 3 == 0 { length - range } else { 0 };
        let at = from + u64::from_be_bytes(entropy::bytes(&chance)) % range;
        bytes[at as usize] ^= 1 << (round % 8);
        put(folder.path(), &harmed);
        let by_the_engine = found_by_the_engine(&harmed);
        match check(folder.path(), Some(61)) {
            Err(StoreError::Lost { at: Some(place), acknowledged: Some(61), found }) => {
                assert!(place <= at, "byte {at}, and {place} is named");
                assert_eq!(by_the_engine.unwrap_or(0), found.unwrap_or(0), "byte {at}");
                assert!(found < Some(61), "byte {at}");
                refused += 1;
            }
            Ok(()) => {
                assert_eq!(by_the_engine, Some(61), "byte {at}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
        assert_eq!(files(folder.path()), harmed, "byte {at}");
        let begun = DiskStore::open(folder.path(), CACHE_BYTES);
        match begun {
            Ok(_) => opened += 1,
            Err(StoreError::Lost { at: Some(_), .. }) => {
                let mut left = files(folder.path());
                left.remove("lock");
                harmed.remove("lock");
                assert_eq!(left, harmed, "byte {at}");
            }
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
    assert!(refused > 40 && opened > 4, "{refused} refused, {opened} opened");
}

#[test]
fn a_log_that_ends_before_its_snapshot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(grown(folder.path(), 20, 4));
    drop(DiskStore::open(folder.path(), CACHE_BYTES).unwrap());
    let end = end_of(folder.path());
    assert!(check(folder.path(), Some(1)).is_ok());
    let mut harmed = files(folder.path());
    harmed.get_mut("db").unwrap()[HEAD_BYTES + 1] ^= 1;
    put(folder.path(), &harmed);
    let refused = check(folder.path(), Some(0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the log of the store is damaged at byte 20 of its file db: it ends at commit None, but Some(0) \
         was acknowledged"
    );
    assert!(end.reached > end_of(folder.path()).reached);
}

#[test]
fn what_holds_no_log_is_left_to_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    assert!(check(folder.path(), Some(3)).is_ok());
    File::create(folder.path().join("snap.0000000000000010")).unwrap();
    File::create(folder.path().join("db")).unwrap();
    assert!(check(folder.path(), Some(3)).is_ok());
    fs::remove_file(folder.path().join("snap.0000000000000010")).unwrap();
    let refused = check(folder.path(), Some(3)).unwrap_err();
    assert!(matches!(refused, StoreError::Lost { at: Some(0), found: None, .. }));
    assert!(check(folder.path(), Some(0)).is_ok());
}

#[test]
fn numbers_are_read_as_the_engine_writes_them() {
    let read = |bytes: &[u8]| {
        let mut cursor = bytes;
        varint(&mut cursor).map(|number| (number, cursor.len()))
    };
    assert_eq!(read(&[240, 9]), Some((240, 1)));
    assert_eq!(read(&[241, 0]), Some((240, 0)));
    assert_eq!(read(&[248, 255]), Some((2287, 0)));
    assert_eq!(read(&[249, 0, 0]), Some((2288, 0)));
    assert_eq!(read(&[250, 1, 2, 3, 4]), Some((0x03_0201, 1)));
    assert_eq!(read(&[255, 1, 0, 0, 0, 0, 0, 0, 1]), Some((0x0100_0000_0000_0001, 0)));
    for short in [&[][..], &[241], &[249, 1], &[250, 1, 2], &[255, 1, 2, 3, 4, 5, 6, 7]] {
        assert_eq!(read(short), None);
    }
}
