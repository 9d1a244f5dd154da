//! The part of the store that is written first: what it refuses, and what it leaves behind.

use super::*;

const CACHE_BYTES: u64 = 1 << 20;

fn open_in(folder: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(folder, CACHE_BYTES, &Arc::default(), |number| number == 2)
}

fn one(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[test]
fn a_failed_sync_closes_the_store_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open_in(folder.path()).unwrap();
    store.commit(&one(b"k", b"1")).unwrap();
    // /dev/null cannot be synced (EINVAL): the same path as a disk that reports an error.
    store.file = File::open("/dev/null").unwrap();
    let refused = store.commit(&one(b"k", b"2")).unwrap_err();
    assert!(matches!(refused, StoreError::Io { doing: "sync its file", .. }), "{refused}");
    assert!(matches!(store.get(b"k"), Err(StoreError::Failed { .. })));
    assert!(matches!(store.kept_range((b"", b"z"), 1, false), Err(StoreError::Failed { .. })));
    assert!(matches!(store.remove_unchanged(&[]), Err(StoreError::Failed { .. })));
    assert!(matches!(store.commit(&Batch::new()), Err(StoreError::Failed { .. })));
    drop(store);
    let store = open_in(folder.path()).unwrap();
    assert!(store.is_suspect());
    // Failed but written: the caller was told that it must not conclude either way.
    assert_eq!(store.get(b"k").unwrap(), Some(b"2".to_vec()));
}

#[test]
fn a_store_is_suspect_after_a_failed_sync_until_somebody_has_checked_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = || open_in(folder.path()).unwrap();
    let ending = || Mark::open(&folder.path().join("mark")).unwrap().unwrap().ending().unwrap();
    let store = open();
    assert!(!store.is_suspect());
    assert_eq!(ending(), Ending::Open);
    drop(store);
    assert_eq!(ending(), Ending::Closed);
    let mut store = open();
    store.file = File::open("/dev/null").unwrap();
    store.commit(&one(b"k", b"1")).unwrap_err();
    drop(store);
    for _ in 0..2 {
        assert_eq!(ending(), Ending::Failed);
        assert!(open().is_suspect());
    }
    open().trust().unwrap();
    assert_eq!(ending(), Ending::Closed);
    assert!(!open().is_suspect());
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_in(folder.path()).unwrap();
    assert!(matches!(open_in(folder.path()), Err(StoreError::InUse)));
    drop(first);
    open_in(folder.path()).unwrap();
}

#[test]
fn a_folder_of_another_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path()).unwrap();
    store.commit(&one(FORMAT_KEY, b"rogatory store 3")).unwrap();
    drop(store);
    let refused = open_in(folder.path()).unwrap_err();
    assert!(
        matches!(&refused, StoreError::Format { found: Some(found) } if found == b"rogatory store 3")
    );

    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path()).unwrap();
    store.commit(&one(b"k", b"v")).unwrap();
    let mut batch = Batch::new();
    batch.delete(FORMAT_KEY);
    store.commit(&batch).unwrap();
    drop(store);
    let refused = open_in(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Format { found: None }));
}

#[test]
fn a_store_that_ends_before_its_mark_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path()).unwrap();
    store.commit(&one(b"k", b"1")).unwrap();
    store.commit(&one(b"k", b"2")).unwrap();
    store.mark.set(4).unwrap();
    drop(store);
    let lost = |acknowledged, found| match open_in(folder.path()) {
        Err(StoreError::Lost { at: _, acknowledged: left, found: right }) => {
            assert_eq!((left, right), (acknowledged, found));
        }
        other => panic!("{other:?}"),
    };
    lost(Some(4), Some(3));
    std::fs::remove_file(folder.path().join("db")).unwrap();
    lost(Some(4), None);

    let folder = tempfile::tempdir().unwrap();
    drop(open_in(folder.path()).unwrap());
    std::fs::remove_file(folder.path().join("mark")).unwrap();
    let refused = open_in(folder.path()).unwrap_err();
    let lost = StoreError::Lost { at: None, acknowledged: None, found: None };
    assert_eq!(refused.to_string(), lost.to_string());
}

#[test]
fn a_mark_that_is_behind_is_no_reason_to_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path()).unwrap();
    (0..5).for_each(|value| store.commit(&one(b"k", &[value])).unwrap());
    store.mark.set(2).unwrap();
    store.mark.set(3).unwrap();
    drop(store);
    let store = open_in(folder.path()).unwrap();
    assert_eq!(store.get(b"k").unwrap(), Some(vec![4]));
}

#[test]
fn unfinished_snapshots_are_removed_before_opening_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    drop(open_in(folder.path()).unwrap());
    let left_over = folder.path().join("snap.0000000000000400.generating");
    File::create(&left_over).unwrap();
    let other = folder.path().join("notes.generating");
    File::create(&other).unwrap();
    drop(open_in(folder.path()).unwrap());
    assert!(!left_over.exists());
    assert!(other.exists());
}
